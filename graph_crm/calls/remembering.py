"""Calls of customers as what they did: an event that rules hear of, and a session beside those of other places."""

from __future__ import annotations

import datetime as dt
from typing import Any, Final

from graph_crm import logs
from graph_crm.calls.facts import CallFacts
from graph_crm.calls.incoming import Remember
from graph_crm.contacts.kinds import Channel
from graph_crm.errors import IdempotencyKeyReused, InvalidInput, NotFound
from graph_crm.events.service import EventService, RecordEvent
from graph_crm.sessions.kinds import SessionKind
from graph_crm.sessions.service import NewSession, SessionService

SOURCE: Final = "switchboard"
LONGEST: Final = dt.timedelta(days=1)
"""A longer talk is told to be as long as this."""

log = logs.get(__name__)


def as_event(events: EventService, sessions: SessionService) -> Remember:
    """Records the event `call` (id ``call:<id of the call>``) and the CALL session of the same id, once for each call.

    What was recorded stays: a signal that comes later changes the call, and not what rules have heard.
    """

    async def remember(call_id: str, party_id: str, facts: CallFacts) -> None:
        begun, ended = facts.begun, facts.ended_at
        if begun is None or ended is None:
            return
        name = f"call:{call_id}"
        session = NewSession(
            id=name,
            party_id=party_id,
            kind=SessionKind.CALL,
            started_at=begun,
            ended_at=max(ended, begun),
            source=SOURCE,
        )
        event = RecordEvent(
            type="call",
            id=name,
            party_id=party_id,
            at=begun,
            channel=Channel.PHONE,
            source=SOURCE,
            payload=_told(facts, ended),
            session_id=name,
        )
        try:
            await sessions.start(session)
            await events.record(event)
        except IdempotencyKeyReused:
            log.debug("call_known", call=call_id)  # told before, in other words
        except (InvalidInput, NotFound) as error:  # the call itself must not wait for it: too old, a customer who went
            log.warning("call_not_an_event", call=call_id, reason=error.message)

    return remember


def _told(facts: CallFacts, ended: dt.datetime) -> dict[str, Any]:
    """The payload: what the call was for, how long they talked, who answered, as far as it is known."""
    told: dict[str, Any] = {}
    if facts.queue is not None:
        told["purpose"] = facts.queue
    if facts.answer is not None:
        talked = min(max(ended - facts.answer.at, dt.timedelta()), LONGEST)
        told |= {"seconds": talked // dt.timedelta(seconds=1), "agent": facts.answer.text}
    return told
