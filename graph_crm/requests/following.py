"""Following requests: whoever watches one hears within a second what became of it, whichever server changed it.

One loop of a process looks into the log of all requests, by its index, a few times a second, and only while somebody
follows. What it finds goes to the followers as the latest state: who is slow gets the sum of what happened, once, and
what waits for a follower is never more than one state a request.
"""

from __future__ import annotations

import asyncio
import datetime as dt
import time
from collections.abc import AsyncGenerator, Iterable, Sequence
from contextlib import aclosing, suppress
from dataclasses import dataclass, field
from typing import Any, Final

from graph_crm import logs
from graph_crm.errors import CrmError
from graph_crm.graph.database import Database, Row
from graph_crm.requests.kinds import EntryKind, RequestStatus

LOOK_EVERY: Final = 0.25
"""Seconds between two looks into the log."""
SHORT_LOOK: Final = 3.0
"""So many seconds of the log are looked through each time: most changes are committed at once."""
WHOLE_LOOK: Final = 20.0
"""So many seconds are looked through now and then: longer than any write may take until it is committed."""
WHOLE_EVERY: Final = 8
_OUTAGE_SECONDS: Final = 1.0
_EPOCH: Final = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
_NOTHING_SEEN: Final = -1

CHANGED: Final = """
MATCH (e:RequestEntry) WHERE e.at >= datetime.realtime() - duration({milliseconds: $milliseconds})
MATCH (r:ServiceRequest)-[:LOGGED]->(e)
WHERE r.number IN $numbers OR r.partyId IN $parties
RETURN DISTINCT r.number AS number, r.partyId AS party, r.version AS version
"""
_STATE: Final = """r.number AS number, r.partyId AS party, r.status AS status, r.version AS version,
  r.resolutionDueAt.epochMillis AS due, head([(o:Employee)-[:OWNS_REQUEST]->(r) | o.displayName]) AS owner,
  coalesce(r.seq, COUNT { (r)-[:LOGGED]->(:RequestEntry) }) AS seq"""
STATES: Final = f"""
UNWIND $rows AS row
MATCH (r:ServiceRequest {{number: row.number}})
RETURN {_STATE}, COLLECT {{
  MATCH (r)-[:LOGGED]->(e:RequestEntry) WHERE e.seq > row.after
  RETURN [e.seq, e.kind, e.at.epochMillis, e.text, e.visible] ORDER BY e.seq
}} AS entries
"""
OF_PARTY: Final = f"""
MATCH (:Party {{id: $party}})-[:ASKED]->(r:ServiceRequest)
RETURN {_STATE}, [] AS entries
"""


@dataclass(frozen=True, slots=True)
class News:
    """An entry of the log of a followed request."""

    seq: int
    kind: EntryKind
    at: dt.datetime
    text: str | None
    visible: bool
    """Whether the customer may read it."""


@dataclass(frozen=True, slots=True)
class State:
    """A followed request at an instant; ``news`` are its latest entries."""

    number: str
    party_id: str | None
    status: RequestStatus
    version: int
    due: dt.datetime | None
    owner: str | None
    seq: int
    news: tuple[News, ...]


@dataclass(frozen=True, slots=True)
class Change:
    """What a follower is told: how the request stands now, how it stood before, and what is new in its log."""

    state: State
    before: RequestStatus | None
    """None: the follower was told nothing of this request so far."""
    news: tuple[News, ...]


@dataclass(eq=False, slots=True)
class _Follower:
    """Somebody who follows one request (``number``) or all of a customer (``party_id``)."""

    number: str | None
    party_id: str | None
    customer: bool
    """Whether only what customers may read is told."""
    seen: dict[str, State] = field(default_factory=dict)
    waiting: dict[str, State] = field(default_factory=dict)
    woken: asyncio.Event = field(default_factory=asyncio.Event)

    def known(self, number: str) -> int:
        """The version that the follower has or is about to be told."""
        found = self.waiting.get(number) or self.seen.get(number)
        return found.version if found else _NOTHING_SEEN

    def after(self, number: str) -> int:
        """The last entry that was told."""
        found = self.seen.get(number)
        return found.seq if found else 0

    def offer(self, state: State) -> None:
        """Keep a state until the follower takes it; a later one replaces it and holds its entries, too."""
        if state.version > self.known(state.number):
            self.waiting[state.number] = state
            self.woken.set()

    def take(self, state: State) -> Change | None:
        """What the follower is told of a state; None where nothing of it concerns a customer."""
        before = self.seen.get(state.number)
        self.seen[state.number] = state
        after = before.seq if before else 0
        news = tuple(one for one in state.news if one.seq > after and (one.visible or not self.customer))
        same = before is not None and (before.status, before.owner, before.due) == (
            state.status,
            state.owner,
            state.due,
        )
        return None if same and not news else Change(state, before.status if before else None, news)


class RequestFeed:
    """Tells followers of requests what changes; one of a process. ``every``: seconds between two looks."""

    def __init__(self, database: Database, *, every: float = LOOK_EVERY) -> None:
        self._database = database
        self._every = every
        self._followers: set[_Follower] = set()
        self._looking: asyncio.Task[None] | None = None

    @property
    def followers(self) -> int:
        """How many follow now."""
        return len(self._followers)

    async def follow_request(
        self, number: str, *, customer: bool, after: int | None = None
    ) -> AsyncGenerator[Change, None]:
        """How the request stands now, with its entries ``after`` a place in its log, then each change.

        Where ``after`` is not given the first one tells no entries. It never ends; the caller closes it.
        """
        follower = _Follower(number, None, customer)
        async with aclosing(self._follow(follower, after)) as changes:
            async for change in changes:
                yield change

    async def follow_party(self, party_id: str, *, customer: bool) -> AsyncGenerator[Change, None]:
        """Each change of any request of a customer from now on; a new one is told with its first entries."""
        async with aclosing(self._follow(_Follower(None, party_id, customer), None)) as changes:
            async for change in changes:
                yield change

    async def _follow(self, follower: _Follower, after: int | None) -> AsyncGenerator[Change, None]:
        self._followers.add(follower)  # before the first read: what changes after it is found by the loop
        try:
            for change in await self._begin(follower, after):
                yield change
            self._look()
            while True:
                await follower.woken.wait()
                follower.woken.clear()
                while follower.waiting:
                    number = next(iter(follower.waiting))
                    told = follower.take(follower.waiting.pop(number))
                    if told is not None:
                        yield told
        finally:
            self._followers.discard(follower)
            if not self._followers and self._looking is not None:
                self._looking.cancel()
                self._looking = None

    async def _begin(self, follower: _Follower, after: int | None) -> Sequence[Change]:
        if follower.number is None:
            rows = await self._database.read(OF_PARTY, {"party": follower.party_id})
            follower.seen.update({state.number: state for state in map(_state, rows)})
            return ()
        asked = [{"number": follower.number, "after": 2**31 if after is None else after}]
        states = [_state(row) for row in await self._database.read(STATES, {"rows": asked})]
        told = []
        for state in states:
            follower.seen[state.number] = state
            news = tuple(one for one in state.news if one.visible or not follower.customer)
            told.append(Change(state, None, news))
        return told

    def _look(self) -> None:
        if self._looking is None or self._looking.done():
            self._looking = asyncio.create_task(self._keep_looking())

    async def _keep_looking(self) -> None:
        looks, last = 0, time.monotonic()
        while True:
            started = time.monotonic()
            # What happened since the last good look is looked through in any case, however long the database was away.
            back = (WHOLE_LOOK if looks % WHOLE_EVERY == 0 else SHORT_LOOK) + (started - last)
            pause = self._every
            try:
                await self._look_back(back)
            except CrmError as error:
                logs.get(__name__).warning("requests_not_followed", reason=error.message)
                pause = _OUTAGE_SECONDS
            except Exception:  # noqa: BLE001 - whatever it was: who follows must not be left without a word for good
                logs.get(__name__).exception("requests_not_followed")
                pause = _OUTAGE_SECONDS
            else:
                looks, last = looks + 1, started
            await asyncio.sleep(pause)

    async def _look_back(self, seconds: float) -> None:
        asked = {
            "milliseconds": round(seconds * 1000),
            "numbers": sorted({one.number for one in self._followers if one.number is not None}),
            "parties": sorted({one.party_id for one in self._followers if one.party_id is not None}),
        }
        rows = await self._database.read(CHANGED, asked)
        behind: dict[str, int] = {}
        for row in rows:
            after = [
                one.after(row["number"]) for one in self._concerned(row) if one.known(row["number"]) < row["version"]
            ]
            if after:
                behind[row["number"]] = min(after)
        if behind:
            wanted = [{"number": number, "after": after} for number, after in sorted(behind.items())]
            for found in await self._database.read(STATES, {"rows": wanted}):
                state = _state(found)
                for one in self._concerned(found):
                    one.offer(state)

    def _concerned(self, row: Row) -> Iterable[_Follower]:
        number, party = row["number"], row["party"]
        return [one for one in self._followers if one.number == number or (party is not None and one.party_id == party)]

    async def close(self) -> None:
        """Stop looking; followers are told nothing more."""
        if self._looking is not None:
            self._looking.cancel()
            with suppress(asyncio.CancelledError):
                await self._looking
            self._looking = None


def _state(row: Row) -> State:
    return State(
        number=row["number"],
        party_id=row["party"],
        status=RequestStatus(row["status"]),
        version=row["version"],
        due=_instant(row["due"]),
        owner=row["owner"],
        seq=row["seq"],
        news=tuple(_news(one) for one in row["entries"]),
    )


def _news(found: Sequence[Any]) -> News:
    seq, kind, at, text, visible = found
    return News(seq, EntryKind(kind), _EPOCH + dt.timedelta(milliseconds=at), text, bool(visible))


def _instant(milliseconds: int | None) -> dt.datetime | None:
    return None if milliseconds is None else _EPOCH + dt.timedelta(milliseconds=milliseconds)
