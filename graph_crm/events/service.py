"""What can be done with events: record them, so that nothing that came in is lost and nothing is there twice."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import orjson

from graph_crm.clock import utc_now
from graph_crm.errors import CrmError, IdempotencyKeyReused, InvalidInput, NotFound
from graph_crm.events import cypher, rows
from graph_crm.events.catalogue import EventCatalogue, standard_catalogue
from graph_crm.events.checking import FUTURE, Prepared, RecordEvent, prepared
from graph_crm.events.keeping import RetentionPolicy
from graph_crm.events.removed import Ask, without_removed
from graph_crm.graph import outbox
from graph_crm.graph.database import Database, Row, Transaction
from graph_crm.parties.merged import led

__all__ = [
    "FUTURE",
    "LATE",
    "MOST_EVENTS",
    "RECORDED",
    "Effect",
    "EventService",
    "RecordEvent",
    "Recorded",
    "RecordedEvent",
    "RefusedEvent",
]

RECORDED = "event.recorded"
"""The outbox topic of a new event; its payload is ``{eventId, type, partyId, at}``, its partition the party."""

MOST_EVENTS = 1_000
"""Events of one batch."""

LATE = dt.timedelta(days=1)
"""An event that is recorded so long after it happened is late: it has not just happened."""

_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)


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
    session_id: str | None = None
    agreement_id: str | None = None
    late: bool = False
    """Whether it was recorded more than a day after it happened."""


Effect: TypeAlias = Callable[[Transaction, Sequence[RecordedEvent]], Awaitable[None]]
"""What else an event changes: called in the transaction that records events, with those that are new in it, in the
order in which they happened."""


@dataclass(frozen=True, slots=True)
class RefusedEvent:
    """An event of a batch that was not recorded: its place in the batch (from 0), its id where it has one, and why."""

    index: int
    id: str | None
    error: CrmError

    @property
    def code(self) -> str:
        """The stable code of the reason."""
        return self.error.code

    @property
    def field(self) -> str | None:
        """The field that is to blame, where it is one."""
        found = self.error.details.get("field")
        return None if found is None else str(found)

    @property
    def reason(self) -> str:
        """What is wrong, in a sentence."""
        return self.error.message


@dataclass(frozen=True, slots=True)
class Recorded:
    """What became of a batch; every event of it is in exactly one of the three."""

    recorded: tuple[str, ...]
    """Ids of the events that are new, in the order of the batch."""
    duplicates: tuple[str, ...]
    """Ids of those that were recorded before, or came earlier in the same batch: nothing was changed."""
    refused: tuple[RefusedEvent, ...]
    ids: tuple[str | None, ...]
    """For each event of the batch its id; None where it was refused."""


class EventService:
    """Records events. Rules are asked later, by the worker, from the outbox entries.

    ``effects`` are run in the transaction that records: what they write is there exactly when the events are.
    ``keeping``: what is older than the bank keeps such events is refused, for its like was counted and removed.
    """

    def __init__(
        self,
        database: Database,
        catalogue: EventCatalogue | None = None,
        *,
        effects: Sequence[Effect] = (),
        keeping: RetentionPolicy | None = None,
    ) -> None:
        self._database = database
        self._effects = tuple(effects)
        self.keeping = keeping
        self.catalogue = catalogue or standard_catalogue()
        self.counts: Counter[str] = Counter()
        """What this process recorded: ``recorded``, ``duplicates`` and ``refused`` events; each only grows."""

    async def record(self, event: RecordEvent) -> str:
        """Store an event, its ties and its outbox entry in one transaction; returns the event's id.

        The same event sent again (same id, same content) changes nothing and returns the same id.

        Raises: InvalidInput for an unknown type, a payload that does not fit, a time without a zone or in the future;
        NotFound for an unknown party or agreement; IdempotencyKeyReused where the id stands for another event.
        """
        return _only(await self.record_many([event]))

    async def record_many(self, events: Sequence[RecordEvent]) -> Recorded:
        """Store up to `MOST_EVENTS` events in one transaction; a bad one is refused alone, the others are stored.

        Raises: InvalidInput for a batch that is too long; errors of the database, with which nothing was stored.
        """
        return await self._record_all([one.id for one in events], events)

    async def record_rows(self, told: Sequence[object]) -> Recorded:
        """`record_many` of events as mappings with the names of `graph_crm.events.rows.FIELDS`.

        In the place of a row that could not be read at all may stand the error that says why.
        """
        ids = [row.get("id") if isinstance(row, Mapping) else None for row in told]
        names = [one if isinstance(one, str) else None for one in ids]
        return await self._record_all(names, [_read(row) for row in told])

    async def _record_all(self, ids: Sequence[str | None], events: Sequence[RecordEvent | CrmError]) -> Recorded:
        if len(events) > MOST_EVENTS:
            raise InvalidInput(
                f"events: has {len(events)} entries",
                hint=f"Send at most {MOST_EVENTS} a call.",
                field="events",
                limit=MOST_EVENTS,
            )
        batch = _Batch(ids, await self._accepted(events, self._database.read))

        async def work(tx: Transaction) -> Recorded:
            return await self._record(tx, batch)

        done = await self._database.write(work, idempotent=True) if batch.chosen else batch.result({}, frozenset())
        self.counts.update(recorded=len(done.recorded), duplicates=len(done.duplicates), refused=len(done.refused))
        return done

    async def record_in(self, tx: Transaction, event: RecordEvent) -> str:
        """`record` in the caller's transaction: the event is there exactly when the rest of it is.

        Raises what `record` raises; the caller's transaction must then be given up.
        """
        batch = _Batch([event.id], await self._accepted([event], tx.run))
        return _only(await self._record(tx, batch) if batch.chosen else batch.result({}, frozenset()))

    async def _led(self, tx: Transaction, told: Sequence[Mapping[str, Any]], late: int) -> dict[str, Row]:
        """What is told of parties that were merged into others is theirs: nothing that comes in is lost."""
        kept = await led(tx.run, [one["partyId"] for one in told])
        again = [{**one, "partyId": kept[one["partyId"]]} for one in told if one["partyId"] in kept]
        if not again:
            return {}
        rows = await tx.run(cypher.RECORD, {"events": again, "lateMilliseconds": late})
        return {row["id"]: row for row in rows}

    async def _accepted(self, events: Sequence[RecordEvent | CrmError], ask: Ask) -> list[Prepared | CrmError]:
        """The events in a form that can be stored; an error in the place of one that can't, or whose like is gone."""
        found = self._prepared(events)
        return found if self.keeping is None else await without_removed(found, ask, utc_now() - LATE)

    def _prepared(self, events: Sequence[RecordEvent | CrmError]) -> list[Prepared | CrmError]:
        now = utc_now()
        found: list[Prepared | CrmError] = []
        for event in events:
            if isinstance(event, CrmError):
                found.append(event)
                continue
            try:
                one = prepared(event, self.catalogue, now)
                if self.keeping is not None:
                    self.keeping.check(event.type, one.at, now)
                found.append(one)
            except CrmError as error:
                found.append(error)
        return found

    async def _record(self, tx: Transaction, batch: _Batch) -> Recorded:
        late = LATE // dt.timedelta(milliseconds=1)
        stored: dict[str, Row] = {}
        for candidates in batch.rounds():
            asked = [one for one in candidates if one.id not in stored]
            if asked:
                told = [one.parameters for one in sorted(asked, key=lambda one: one.id)]
                rows = await tx.run(cypher.RECORD, {"events": told, "lateMilliseconds": late})
                stored |= {row["id"]: row for row in rows}
                if len(rows) < len(told):
                    stored |= await self._led(tx, [one for one in told if one["id"] not in stored], late)
        new = sorted((_recorded(*one) for one in batch.new(stored)), key=lambda one: (one.at, one.id))
        if new:
            await outbox.put_many(tx, [_entry(one) for one in new])
            for effect in self._effects:
                await effect(tx, new)
        missing = batch.parties_of_missing(stored)
        known = await tx.run(cypher.PARTIES_KNOWN, {"parties": missing}) if missing else []
        return batch.result(stored, frozenset(row["id"] for row in known if row["known"]))


class _Batch:
    """A batch with what is sent of it: of each id what came first, and where that can't be stored what came next."""

    def __init__(self, ids: Sequence[str | None], prepared: Sequence[Prepared | CrmError]) -> None:
        self._ids = ids
        self._prepared = prepared
        self.chosen: dict[str, dict[str, Prepared]] = {}
        """By id the different events that came under it, in their order, by their digest."""
        for one in prepared:
            if isinstance(one, Prepared):
                self.chosen.setdefault(one.id, {}).setdefault(one.digest, one)

    def rounds(self) -> Iterator[list[Prepared]]:
        """What is sent: no id twice in a round. Nearly always there is one."""
        different = [list(events.values()) for events in self.chosen.values()]
        for number in range(max(map(len, different), default=0)):
            yield [events[number] for events in different if len(events) > number]

    def new(self, stored: Mapping[str, Row]) -> Iterator[tuple[Prepared, Row]]:
        """The events that were not known before; ``stored``: by id what the database says."""
        return ((self.chosen[key][row["digest"]], row) for key, row in stored.items() if row["isNew"])

    def parties_of_missing(self, stored: Mapping[str, Row]) -> list[str]:
        """Whose events the database did not take."""
        missing = (events for key, events in self.chosen.items() if key not in stored)
        return sorted({one.event.party_id for events in missing for one in events.values()})

    def result(self, stored: Mapping[str, Row], parties: frozenset[str]) -> Recorded:
        """What became of each; ``parties``: which of the `parties_of_missing` are known."""
        recorded: list[str] = []
        duplicates: list[str] = []
        refused: list[RefusedEvent] = []
        ids: list[str | None] = []
        for index, one in enumerate(self._prepared):
            wrong = one if isinstance(one, CrmError) else _wrong(one, stored.get(one.id), parties)
            if isinstance(one, Prepared) and wrong is None:
                ids.append(one.id)
                first = self.chosen[one.id][one.digest] is one
                (recorded if first and stored[one.id]["isNew"] else duplicates).append(one.id)
            elif wrong is not None:
                ids.append(None)
                refused.append(RefusedEvent(index, self._ids[index], wrong))
        return Recorded(tuple(recorded), tuple(duplicates), tuple(refused), tuple(ids))


def _wrong(one: Prepared, row: Row | None, parties: frozenset[str]) -> CrmError | None:
    """Why an event was not recorded; ``row``: what stands under its id."""
    if row is not None:
        if row["digest"] == one.digest:
            return None
        return IdempotencyKeyReused(
            "Another event came under this id before", hint="Use a new id for a new event", field="id"
        )
    if one.event.party_id in parties:
        return NotFound("There is no agreement with this id", field="agreementId")
    return NotFound("There is no party with this id", field="partyId")


def _read(row: object) -> RecordEvent | CrmError:
    if isinstance(row, CrmError):
        return row
    try:
        return rows.command(row)
    except CrmError as error:
        return error


def _recorded(one: Prepared, row: Row) -> RecordedEvent:
    return RecordedEvent(
        id=one.id,
        type=one.event.type,
        party_id=row["partyId"],
        at=_EPOCH + dt.timedelta(milliseconds=row["at"]),
        channel=one.parameters["channel"],
        payload=orjson.loads(one.payload) if one.payload else {},
        session_id=one.event.session_id,
        agreement_id=one.event.agreement_id,
        late=row["late"],
    )


def _entry(event: RecordedEvent) -> outbox.NewEntry:
    told = {"eventId": event.id, "type": event.type, "partyId": event.party_id, "at": event.at.isoformat()}
    return outbox.NewEntry(RECORDED, event.party_id, told, f"{RECORDED}:{event.id}")


def _only(done: Recorded) -> str:
    """The id of the only event of a batch. Raises why it was refused."""
    if done.refused:
        raise done.refused[0].error
    return (done.recorded or done.duplicates)[0]
