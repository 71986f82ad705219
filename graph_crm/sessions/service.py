"""What can be done with sessions: start and end one, let events join theirs, end those that nothing is heard of."""

from __future__ import annotations

import datetime as dt
import uuid
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from typing import Any

from graph_crm.contacts.kinds import Channel
from graph_crm.errors import IdempotencyKeyReused, NotFound
from graph_crm.events.checking import MAX_ID_LENGTH
from graph_crm.events.service import RecordedEvent
from graph_crm.graph.compiler.scalars import instant_to_show
from graph_crm.graph.database import Database, Row, Transaction
from graph_crm.graph.timers import Work
from graph_crm.parties import checks
from graph_crm.parties.writes import Written, write_once
from graph_crm.rules.snapshot import epoch_milliseconds
from graph_crm.sessions import cypher
from graph_crm.sessions.course import Session, Step, ended, judged, with_steps
from graph_crm.sessions.kinds import SessionKind, SessionState

MINUTES: Mapping[SessionKind, int] = {
    SessionKind.ONLINE: 15,
    SessionKind.ATM: 5,
    SessionKind.BRANCH: 120,
    SessionKind.CALL: 60,
}
"""After so many minutes without any sign a session of each kind is over, unless the setting says otherwise."""
TIME_OUT_EVERY = 30.0
"""Seconds between two looks for sessions that are over."""
BATCH = 500
"""So many sessions time out in one transaction."""
TABS = frozenset({"page_view", "product_page_view"})
"""Events that are an opened tab; every other one is an operation."""
_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
_MINUTE = 60_000
_INSTANTS = frozenset({"startedAt", "lastSeenAt", "endedAt"})
_STAMP = len("2026-01-31T12:00:00.000Z")
_CHANNELS = {
    SessionKind.ONLINE: Channel.ONLINE,
    SessionKind.ATM: Channel.ATM,
    SessionKind.BRANCH: Channel.BRANCH,
    SessionKind.CALL: Channel.PHONE,
}
_KINDS = {channel.value: kind for kind, channel in _CHANNELS.items()}
_KINDS_OF_TYPES = {
    "atm_balance_check": SessionKind.ATM,
    "card_withdrawal": SessionKind.ATM,
    "cash_withdrawal": SessionKind.BRANCH,
    "branch_visit": SessionKind.BRANCH,
    "call": SessionKind.CALL,
}
_PLACES = ("place", "atm", "branch")
"""Fields of payloads that say where the customer was."""


@dataclass(frozen=True, kw_only=True)
class NewSession:
    """A session that begins; with ``ended_at`` one that is over already, for example a visit to a branch."""

    party_id: str
    kind: SessionKind
    id: str | None = None
    started_at: dt.datetime | None = None
    ended_at: dt.datetime | None = None
    channel: Channel | None = None
    place: str | None = None
    device: str | None = None
    source: str | None = None


class SessionService:
    """Keeps sessions. ``minutes``: after how long without any sign one is over, by kind.

    ``clock`` replaces this machine's clock in checks, and the database's in what depends on the present instant.
    """

    def __init__(
        self,
        database: Database,
        *,
        minutes: Mapping[SessionKind, int] | None = None,
        clock: checks.Clock | None = None,
    ) -> None:
        self._database = database
        self._idle = {kind: count * _MINUTE for kind, count in {**MINUTES, **(minutes or {})}.items()}
        self._clock = clock

    def timers(self) -> Mapping[str, tuple[float, Work]]:
        """What `graph_crm.graph.timers.Timers` is to do, and how often."""
        return {"sessions.time_out": (TIME_OUT_EVERY, self.time_out)}

    async def start(self, told: NewSession, *, idempotency_key: str | None = None, by: str | None = None) -> Written:
        """Store that a session began; one that its events have opened before learns what they did not tell.

        ``by`` is the employee who serves the customer in it, and sees the customer while it lasts. The same again
        changes nothing. Raises: InvalidInput, NotFound for an unknown party, IdempotencyKeyReused where the session is
        another customer's.
        """
        now = (self._clock or checks.utc_now)()
        started_at = now if told.started_at is None else checks.instant("startedAt", told.started_at, now)
        ended_at = None if told.ended_at is None else checks.instant("endedAt", told.ended_at, now)
        if ended_at is not None and ended_at < started_at:
            raise checks.refuse("endedAt", "is before startedAt", "Send the instant at which the session ended.")
        given = None if told.id is None else checks.text("id", told.id, MAX_ID_LENGTH)
        new = Session(
            id=given or f"session:{uuid.uuid4().hex}",
            party_id=checks.text("partyId", told.party_id, MAX_ID_LENGTH),
            kind=told.kind,
            started_at=epoch_milliseconds(started_at),
            start_told=True,
            last_seen_at=epoch_milliseconds(started_at),
            channel=(told.channel or _CHANNELS[told.kind]).value,
            place=_checked("place", told.place),
            device=_checked("device", told.device),
            source=_checked("source", told.source),
        )

        async def work(tx: Transaction) -> Written:
            rows = await tx.run(cypher.OPEN, {"sessions": [{"id": new.id, "partyId": new.party_id}]})
            if not rows:
                raise NotFound("There is no party with this id", field="partyId")
            if rows[0]["partyId"] != new.party_id:
                raise IdempotencyKeyReused(
                    "Another customer's session has this id", hint="Use a new id for a new session", field="id"
                )
            before = _session(rows[0])
            made = self._met(before, new, self._now(rows[0]))
            if ended_at is not None:
                made = ended(made, epoch_milliseconds(ended_at))
            await self._store(tx, [(before, made)], {})
            if by is not None:
                await tx.run(cypher.SERVED, {"id": new.id, "by": by})
            return Written(new.id)

        return await write_once(self._database, "startSession", idempotency_key, told, work)

    async def end(
        self, session_id: str, *, ended_at: dt.datetime | None = None, idempotency_key: str | None = None
    ) -> Written:
        """Store that a session was ended; what was ended before stays as it is, what timed out gets its true end.

        Raises: InvalidInput, NotFound for a session that nobody has heard of.
        """
        now = (self._clock or checks.utc_now)()
        at = None if ended_at is None else epoch_milliseconds(checks.instant("endedAt", ended_at, now))

        async def work(tx: Transaction) -> Written:
            rows = await tx.run(cypher.LOCK, {"id": session_id})
            if not rows:
                raise NotFound("There is no session with this id", field="id")
            before = _session(rows[0])
            end = self._now(rows[0]) if at is None else at
            if before is not None and before.state is not SessionState.ENDED:
                if at is not None and at < before.started_at:
                    raise checks.refuse(
                        "endedAt", "is before the session began", "Send the instant at which the session ended."
                    )
                await self._store(tx, [(before, ended(before, end))], {})
            return Written(session_id)

        return await write_once(self._database, "endSession", idempotency_key, [session_id, at], work)

    async def join(self, tx: Transaction, events: Sequence[RecordedEvent]) -> None:
        """Let new events join the sessions that they name, in the transaction that records them.

        A session that nobody has started is opened by its first event. An event whose session is another customer's
        keeps the name of the session and joins nothing.
        """
        told: defaultdict[str, list[RecordedEvent]] = defaultdict(list)
        for event in sorted(events, key=lambda one: (one.at, one.id)):
            if event.session_id is not None:
                told[event.session_id].append(event)
        if not told:
            return
        asked = [{"id": session, "partyId": told[session][0].party_id} for session in sorted(told)]
        rows = await tx.run(cypher.OPEN, {"sessions": asked})
        changes, included = [], {}
        for row in rows:
            own = [event for event in told[row["id"]] if event.party_id == row["partyId"]]
            if own:
                before = _session(row)
                changes.append((before, self._joined(before, row, own)))
                included[row["id"]] = [event.id for event in own]
        if changes:
            await self._store(tx, changes, included)

    async def time_out(self) -> int:
        """End open sessions that nothing was heard of for their minutes, with the last thing seen; how many."""
        count = 0
        now = (await self._database.read(cypher.NOW))[0]["now"] if self._clock is None else _ms(self._clock())
        for kind, idle in self._idle.items():
            asked = {"kind": kind.value, "until": now - idle, "most": BATCH}
            while rows := await self._database.read(cypher.SILENT, asked):
                told = {**asked, "ids": sorted(row["id"] for row in rows)}
                done = await self._database.write(lambda tx, sent=told: tx.run(cypher.TIME_OUT, sent), idempotent=True)  # type: ignore[misc]  # mypy can't infer a lambda with a default
                count += done[0]["ended"]
        return count

    def _joined(self, before: Session | None, row: Row, events: Sequence[RecordedEvent]) -> Session:
        first = events[0]
        session = before or Session(
            id=row["id"],
            party_id=row["partyId"],
            kind=kind_of(first),
            started_at=_ms(first.at),
            last_seen_at=_ms(first.at),
            channel=first.channel,
        )
        tabs = [Step(_ms(one.at), _page(one)) for one in events if one.type in TABS]
        operations = [Step(_ms(one.at), one.type) for one in events if one.type not in TABS]
        made = with_steps(session, tabs, operations, idle=self._idle[session.kind], now=self._now(row))
        return replace(
            made,
            place=made.place or _told(events, _PLACES),
            device=made.device or _told(events, ("device",)),
        )

    def _met(self, before: Session | None, new: Session, now: int) -> Session:
        """What is known of a session with what its start tells; what was told first stays."""
        if before is None:
            return judged(new, idle=self._idle[new.kind], now=now)
        if before.start_told:
            return before
        made = replace(
            before,
            kind=new.kind,
            started_at=new.started_at,
            start_told=True,
            channel=new.channel,
            place=new.place or before.place,
            device=new.device or before.device,
            source=new.source,
        )
        return judged(made, idle=self._idle[new.kind], now=now)

    @staticmethod
    async def _store(
        tx: Transaction, changes: Sequence[tuple[Session | None, Session]], included: Mapping[str, Sequence[str]]
    ) -> None:
        """Write what differs from what was read, and the events that each session includes from now on."""
        rows = []
        for before, one in changes:
            known = {} if before is None else _properties(before)
            different = {name: value for name, value in _properties(one).items() if known.get(name) != value}
            for name in _INSTANTS & different.keys():
                different[name] = (
                    None if different[name] is None else _EPOCH + dt.timedelta(milliseconds=different[name])
                )
            rows.append({"id": one.id, "properties": different, "included": list(included.get(one.id, ()))})
        await tx.run(cypher.STORE, {"sessions": rows})

    def _now(self, row: Row) -> int:
        now: int = row["now"] if self._clock is None else _ms(self._clock())
        return now


def kind_of(event: RecordedEvent) -> SessionKind:
    """The kind of a session that an event opens: by its channel, else by its type, else online."""
    return _KINDS.get(event.channel or "") or _KINDS_OF_TYPES.get(event.type, SessionKind.ONLINE)


def _checked(field: str, value: str | None) -> str | None:
    return None if value is None else checks.text(field, value)


def _page(event: RecordedEvent) -> str:
    return str(event.payload.get("page") or event.payload.get("productCode") or event.type)


def _told(events: Sequence[RecordedEvent], fields: Sequence[str]) -> str | None:
    """The first that payloads say of one of these fields."""
    found = (event.payload.get(field) for event, field in chain((e, f) for e in events for f in fields))
    return next((one for one in found if isinstance(one, str)), None)


def _session(row: Row) -> Session | None:
    """A stored session; None for one that was opened in this transaction and holds nothing yet."""
    if row["kind"] is None:
        return None
    return Session(
        id=row["id"],
        party_id=row["partyId"],
        kind=SessionKind(row["kind"]),
        state=SessionState(row["state"]),
        started_at=row["startedAt"],
        start_told=row["startTold"],
        last_seen_at=row["lastSeenAt"],
        ended_at=row["endedAt"],
        channel=row["channel"],
        place=row["place"],
        device=row["device"],
        source=row["source"],
        tabs=tuple(map(_step, row["tabs"] or ())),
        operations=tuple(map(_step, row["operations"] or ())),
        events=row["events"] or 0,
    )


def _properties(one: Session) -> dict[str, Any]:
    """A session as its node holds it, instants in epoch milliseconds."""
    return {
        "kind": one.kind.value,
        "state": one.state.value,
        "startedAt": one.started_at,
        "startTold": one.start_told,
        "lastSeenAt": one.last_seen_at,
        "endedAt": one.ended_at,
        "seconds": one.seconds,
        "channel": one.channel,
        "place": one.place,
        "device": one.device,
        "source": one.source,
        "tabs": [_text(step) for step in one.tabs],
        "operations": [_text(step) for step in one.operations],
        "eventCount": one.events,
    }


def _ms(instant: dt.datetime) -> int:
    return epoch_milliseconds(instant)


def _text(step: Step) -> str:
    """A step as it is stored: texts in the order of their instants."""
    return f"{instant_to_show(step.at)} {step.name}"


def _step(text: str) -> Step:
    at = dt.datetime.fromisoformat(text[:_STAMP])
    return Step(epoch_milliseconds(at), text[_STAMP + 1 :])
