"""An event as a sender tells it, and what is checked of it before the database is asked."""

from __future__ import annotations

import datetime as dt
import unicodedata
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from graph_crm.contacts.kinds import Channel
from graph_crm.errors import InvalidInput
from graph_crm.events.catalogue import EventCatalogue
from graph_crm.graph.idempotency import digest_of
from graph_crm.parties.checks import EARLIEST, in_utc
from graph_crm.rules.snapshot import epoch_milliseconds

FUTURE = dt.timedelta(minutes=5)
"""How far the clock of a sender may be ahead of ours."""

MAX_ID_LENGTH = 200
MAX_SOURCE_LENGTH = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordEvent:
    """An event to record. ``at`` is when it happened, now when it is left out.

    ``id`` is the sender's own: with it the same event may be sent again without harm. It also is the idempotency key.
    ``session_id``: the session in which it happened.
    """

    type: str
    party_id: str
    at: dt.datetime | None = None
    id: str | None = None
    channel: Channel | None = None
    source: str | None = None
    payload: Mapping[str, Any] | None = None
    agreement_id: str | None = None
    session_id: str | None = None


@dataclass(frozen=True, slots=True)
class Prepared:
    """An event that passed the checks which need no look into the graph."""

    event: RecordEvent
    id: str
    at: dt.datetime
    payload: str | None
    digest: str

    @property
    def parameters(self) -> dict[str, Any]:
        """The row of the statement; instants in epoch milliseconds, which the driver packs fast."""
        event = self.event
        return {
            "id": self.id,
            "partyId": event.party_id,
            "agreementId": event.agreement_id,
            "type": event.type,
            "at": epoch_milliseconds(self.at),
            "channel": None if event.channel is None else event.channel.value,
            "source": event.source,
            "payload": self.payload,
            "sessionId": event.session_id,
            "digest": self.digest,
        }


def prepared(event: RecordEvent, catalogue: EventCatalogue, now: dt.datetime) -> Prepared:
    """The event, checked. Raises InvalidInput that names the field."""
    payload = catalogue.payload_text(event.type, event.payload)
    at = now if event.at is None else _instant(event.at, now)
    key = _identity("id", event.id) if event.id is not None else f"event:{uuid.uuid4().hex}"
    for field, reference in (
        ("partyId", event.party_id),
        ("agreementId", event.agreement_id),
        ("sessionId", event.session_id),
    ):
        if reference is not None:
            _identity(field, reference)
    if event.source is not None:
        if not 0 < len(event.source) <= MAX_SOURCE_LENGTH:
            raise InvalidInput(f"A source has 1 to {MAX_SOURCE_LENGTH} characters", field="source")
        _check_characters("source", event.source)
    channel = None if event.channel is None else event.channel.value
    said_at = None if event.at is None else at.isoformat()
    said = [event.type, event.party_id, said_at, channel, event.source, payload, event.agreement_id]
    if event.session_id is not None:  # events of before there were sessions keep their digest
        said.append(event.session_id)
    return Prepared(event, key, at, payload, digest_of(said))


def _instant(at: dt.datetime, now: dt.datetime) -> dt.datetime:
    if at.tzinfo is None:
        raise InvalidInput(
            "The time of an event needs a time zone", hint="For example 2026-01-31T12:00:00Z", field="at"
        )
    if at.date() < EARLIEST:
        raise InvalidInput(f"The time of an event lies before {EARLIEST}", hint="Check the sender's date", field="at")
    at = in_utc(at)
    if at > now + FUTURE:
        raise InvalidInput("The time of an event lies in the future", hint="Check the sender's clock", field="at")
    return at


def _identity(field: str, given: str) -> str:
    if not given.strip() or len(given) > MAX_ID_LENGTH:
        raise InvalidInput(f"{field}: has 1 to {MAX_ID_LENGTH} characters", field=field)
    _check_characters(field, given)
    return given


def _check_characters(field: str, given: str) -> None:
    """Refuse what can't be stored (halves of surrogate pairs) and what spoils logs and lists (control characters)."""
    if given.isprintable():  # the usual case, at once
        return
    if any(unicodedata.category(character) in {"Cc", "Cs"} for character in given):
        raise InvalidInput(
            f"{field}: holds a character that can't be stored",
            hint="Remove control characters and halves of surrogate pairs",
            field=field,
        )
