"""What can be done with events: record one, so that nothing that came in is lost."""

from __future__ import annotations

import datetime as dt
import unicodedata
import uuid
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import orjson

from graph_crm.contacts.kinds import Channel
from graph_crm.errors import IdempotencyKeyReused, InvalidInput, NotFound
from graph_crm.events import cypher
from graph_crm.events.catalogue import EventCatalogue, standard_catalogue
from graph_crm.graph import outbox
from graph_crm.graph.database import Database, Transaction
from graph_crm.graph.idempotency import digest_of
from graph_crm.parties.checks import EARLIEST

RECORDED = "event.recorded"
"""The outbox topic of a new event; its payload is ``{eventId, type, partyId, at}``, its partition the party."""

FUTURE = dt.timedelta(minutes=5)
"""How far the clock of a sender may be ahead of ours."""

MAX_ID_LENGTH = 200
MAX_SOURCE_LENGTH = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordEvent:
    """An event to record. ``at`` is when it happened, now when it is left out.

    ``id`` is the sender's own: with it the same event may be sent again without harm. It also is the idempotency key.
    """

    type: str
    party_id: str
    at: dt.datetime | None = None
    id: str | None = None
    channel: Channel | None = None
    source: str | None = None
    payload: Mapping[str, Any] | None = None
    agreement_id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordedEvent:
    """An event that is new in the graph, as it is told to those who follow events."""

    id: str
    type: str
    party_id: str
    at: dt.datetime
    """When it happened, in UTC."""
    channel: str | None
    payload: Mapping[str, Any]
    """In the form that is stored: names in camelCase, amounts as decimal texts; empty where it tells nothing."""


Effect: TypeAlias = Callable[[Transaction, Sequence[RecordedEvent]], Awaitable[None]]
"""What else an event changes: called in the transaction that records events, with those that are new in it."""


class EventService:
    """Records events. Rules are asked later, by the worker, from the outbox entry.

    ``effects`` are run in the transaction that records: what they write is there exactly when the event is.
    """

    def __init__(
        self, database: Database, catalogue: EventCatalogue | None = None, *, effects: Sequence[Effect] = ()
    ) -> None:
        self._database = database
        self._effects = tuple(effects)
        self.catalogue = catalogue or standard_catalogue()

    async def record(self, event: RecordEvent) -> str:
        """Store an event, its ties and its outbox entry in one transaction; returns the event's id.

        The same event sent again (same id, same content) changes nothing and returns the same id.

        Raises: InvalidInput for an unknown type, a payload that does not fit, a time without a zone or in the future;
        NotFound for an unknown party or agreement; IdempotencyKeyReused where the id stands for another event.
        """
        payload = self.catalogue.payload_text(event.type, event.payload)
        now = dt.datetime.now(dt.UTC)
        at = now if event.at is None else _instant(event.at, now)
        key = _identity(event.id)
        for field, reference in (("partyId", event.party_id), ("agreementId", event.agreement_id)):
            if reference is not None:
                _check_characters(field, reference)
        if event.source is not None:
            if not 0 < len(event.source) <= MAX_SOURCE_LENGTH:
                raise InvalidInput(f"A source has 1 to {MAX_SOURCE_LENGTH} characters", field="source")
            _check_characters("source", event.source)
        channel = None if event.channel is None else event.channel.value
        said_at = None if event.at is None else at.isoformat()
        parameters = {
            "id": key,
            "partyId": event.party_id,
            "agreementId": event.agreement_id,
            "type": event.type,
            "at": at,
            "channel": channel,
            "source": event.source,
            "payload": payload,
            "digest": digest_of(
                [event.type, event.party_id, said_at, channel, event.source, payload, event.agreement_id]
            ),
        }
        told = {"eventId": key, "type": event.type, "partyId": event.party_id, "at": at.isoformat()}

        async def work(tx: Transaction) -> str:
            rows = await tx.run(cypher.RECORD, parameters)
            if not rows:
                raise await self._missing(tx, event)
            if rows[0]["isNew"]:
                await outbox.put(tx, RECORDED, event.party_id, told, f"{RECORDED}:{key}")
                recorded = RecordedEvent(
                    id=key,
                    type=event.type,
                    party_id=event.party_id,
                    at=at,
                    channel=channel,
                    payload=orjson.loads(payload) if payload else {},
                )
                for effect in self._effects:
                    await effect(tx, [recorded])
            elif not rows[0]["same"]:
                raise IdempotencyKeyReused(
                    "Another event was recorded under this id", hint="Use a new id for a new event", field="id"
                )
            return key

        return await self._database.write(work, idempotent=True)

    @staticmethod
    async def _missing(tx: Transaction, event: RecordEvent) -> NotFound:
        known = (await tx.run(cypher.PARTY_EXISTS, {"partyId": event.party_id}))[0]["known"]
        if known:
            return NotFound("There is no agreement with this id", field="agreementId")
        return NotFound("There is no party with this id", field="partyId")


def _instant(at: dt.datetime, now: dt.datetime) -> dt.datetime:
    if at.tzinfo is None:
        raise InvalidInput(
            "The time of an event needs a time zone", hint="For example 2026-01-31T12:00:00Z", field="at"
        )
    if at.date() < EARLIEST:
        raise InvalidInput(f"The time of an event lies before {EARLIEST}", hint="Check the sender's date", field="at")
    at = at.astimezone(dt.UTC)
    if at > now + FUTURE:
        raise InvalidInput("The time of an event lies in the future", hint="Check the sender's clock", field="at")
    return at


def _identity(given: str | None) -> str:
    if given is None:
        return f"event:{uuid.uuid4().hex}"
    if not given.strip() or len(given) > MAX_ID_LENGTH:
        raise InvalidInput(f"The id of an event has 1 to {MAX_ID_LENGTH} characters", field="id")
    _check_characters("id", given)
    return given


def _check_characters(field: str, given: str) -> None:
    """Refuse what can't be stored (halves of surrogate pairs) and what spoils logs and lists (control characters)."""
    if any(unicodedata.category(character) in {"Cc", "Cs"} for character in given):
        raise InvalidInput(
            f"{field}: holds a character that can't be stored",
            hint="Remove control characters and halves of surrogate pairs",
            field=field,
        )
