"""Calls that become service requests: with a number, an owner and a due date, like every other one."""

from __future__ import annotations

from collections.abc import Callable

from graph_crm.calls.incoming import CallRequest, OpenRequest
from graph_crm.contacts.kinds import Channel
from graph_crm.requests.commands import NewRequest
from graph_crm.requests.service import RequestService

SWITCHBOARD = "switchboard"
"""Who opens a request for a call."""


def service_desk(desk: Callable[[], RequestService]) -> OpenRequest:
    """Opens the requests of calls at the service desk, which is asked for when it is needed; for one call once."""

    async def open_request(call: CallRequest) -> str:
        request = NewRequest(
            text=call.text,
            channel=Channel.PHONE,
            party_id=call.party_id,
            contact=call.number,
            source=SWITCHBOARD,
            call_id=call.call_id,
        )
        opened = await desk().open(request, key=f"call:{call.call_id}", by=SWITCHBOARD)
        return opened.number

    return open_request
