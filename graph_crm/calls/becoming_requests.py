"""Calls that become service requests: with a number, an owner and a due date, like every other one."""

from __future__ import annotations

from collections.abc import Callable

from graph_crm.calls import incoming_cypher as cypher
from graph_crm.calls.incoming import CallRequest, OpenRequest, TellCaller
from graph_crm.contacts.kinds import Channel
from graph_crm.errors import InvalidInput
from graph_crm.graph.database import Database
from graph_crm.parties.contact_points import phone
from graph_crm.requests.commands import NewRequest
from graph_crm.requests.service import RequestService

SWITCHBOARD = "switchboard"
"""Who opens a request for a call."""


def service_desk(desk: Callable[[], RequestService]) -> OpenRequest:
    """Opens the requests of calls at the service desk, which is asked for when it is needed; for one call once."""

    async def open_request(call: CallRequest) -> str:
        contact = _contact(call)
        text = call.text if contact or not call.number else f"{call.text}\nThe number as it was shown: {call.number}"
        request = NewRequest(
            text=text,
            channel=Channel.PHONE,
            party_id=call.party_id,
            contact=contact,
            source=SWITCHBOARD,
            call_id=call.call_id,
        )
        opened = await desk().open(request, key=f"call:{call.call_id}", by=SWITCHBOARD)
        return opened.number

    return open_request


def caller_of(database: Database, desk: Callable[[], RequestService]) -> TellCaller:
    """Notes in a request who called, where the switchboard told the number only after it was opened."""

    async def tell_caller(number: str, call: CallRequest) -> None:
        known = f"The switchboard told later: the call came from {call.number}."
        await desk().note(number, known, by=SWITCHBOARD, key=f"caller:{call.call_id}")
        found = {"request": number, "party": call.party_id, "contact": _contact(call)}
        await database.write(lambda tx: tx.run(cypher.CALLER_OF, found), idempotent=True)

    return tell_caller


def _contact(call: CallRequest) -> str | None:
    """The caller's number where somebody can be called on it; a switchboard may tell anything."""
    if call.number is None:
        return None
    try:
        return phone(call.number, None).value
    except InvalidInput:
        return None
