"""Work that must not be lost: entries written with the fact, leased by workers, completed with the effect.

Delivery is at least once, the effect exactly once: `Outbox.complete` runs in the transaction of the effect and fails
where the lease went to another worker. One partition (one customer) is worked on by one worker at a time, in the order
in which its entries were put. All clocks are the database's. `graph_crm.graph.leases` tells how entries are chosen.
"""

from __future__ import annotations

import datetime as dt
import random
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

import orjson

from graph_crm.errors import InvalidInput
from graph_crm.graph import leases
from graph_crm.graph.database import Database, Transaction

State: TypeAlias = Literal["PENDING", "LEASED", "DONE", "FAILED"]

_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
_TICK = dt.timedelta(milliseconds=1)
LONGEST_ERROR = 2_000
"""So much of an error is kept with its entry, in characters."""

# What is put for later takes its place in the order of its partition at that time: until then it holds up nothing.
# Entries put together are a microsecond apart, so that they keep their order.
PUT = """
WITH datetime.realtime() AS now
UNWIND range(0, size($rows) - 1) AS place
WITH $rows[place] AS row, now + duration({microseconds: place}) AS now
WITH row, CASE WHEN row[4] > now.epochMillis THEN datetime({epochMillis: row[4]}) ELSE now END AS at
MERGE (e:OutboxEntry {id: row[0]})
ON CREATE SET e.topic = row[1], e.partitionKey = row[2], e.payload = row[3], e.state = 'PENDING',
              e.attempts = 0, e.at = at, e.availableAt = at
"""

# Who stood behind it in its partition is looked at anew.
CANCEL = """
MATCH (e:OutboxEntry {id: $key})
SET e.lock = 0
WITH e, datetime.realtime() AS now WHERE e.state = 'PENDING'
WITH e, e.partitionKey AS key, now
DELETE e
WITH key, now
CALL (key, now) {
  MATCH (f:OutboxEntry)
  WHERE f.partitionKey = key AND f.state = 'PENDING' AND f.at <= now AND f.id <> $key
  WITH f ORDER BY f.partitionKey, f.state, f.at LIMIT 1
  WITH f WHERE f.behind
  SET f.availableAt = now, f.behind = null
  RETURN count(f) AS woken
}
RETURN $key AS id
"""

# Every change of a held entry locks it first and looks then whether it is still held under this very lease.
_HELD = """
UNWIND $held AS h
MATCH (e:OutboxEntry {id: h.id})
SET e.lock = 0
WITH e, h WHERE e.state = 'LEASED' AND e.leasedBy = h.worker AND e.lease = h.lease
"""

COMPLETE = (
    _HELD
    + """
SET e.state = 'DONE', e.availableAt = datetime.realtime(), e.error = null
RETURN collect(e.id) AS ids
"""
)

# That a stray was begun is written before: should the worker die of it, the entry is known by that.
BEGIN = (
    _HELD
    + """
SET e.attempts = h.attempts, e.alone = h.alone + 1
RETURN collect(e.id) AS ids
"""
)

RENEW = (
    _HELD
    + """
SET e.availableAt = datetime.realtime() + duration({milliseconds: $milliseconds})
RETURN collect(e.id) AS ids
"""
)

FAIL = (
    _HELD
    + """
WITH e, h, datetime.realtime() AS now
SET e.state = CASE WHEN h.attempts >= $maxAttempts THEN 'FAILED' ELSE 'PENDING' END, e.attempts = h.attempts,
    e.availableAt = now + duration({milliseconds: CASE WHEN h.attempts >= $maxAttempts THEN 0 ELSE $milliseconds END}),
    e.error = $error, e.firstFailedAt = coalesce(e.firstFailedAt, now), e.failedAt = now,
    e.leasedBy = null, e.alone = null
RETURN e.state AS state
"""
)

RELEASE = (
    _HELD
    + """
SET e.state = 'PENDING', e.attempts = h.attempts - 1, e.availableAt = datetime.realtime(), e.leasedBy = null,
    e.alone = CASE WHEN h.alone > 0 THEN h.alone END
"""
)

COUNTS = """
UNWIND ['PENDING', 'LEASED', 'DONE', 'FAILED'] AS state
RETURN state, COUNT { MATCH (e:OutboxEntry) WHERE e.state = state AND e.at IS NOT NULL } AS count
"""

# What was put with a later time is not late before that time. One that counts a long backlog need not count it whole.
BACKLOG = """
WITH datetime.realtime() AS now
UNWIND ['PENDING', 'LEASED', 'FAILED'] AS state
CALL (state, now) {
  MATCH (e:OutboxEntry) WHERE e.state = state AND e.at <= now
  WITH e LIMIT $most
  RETURN count(e) AS entries
}
CALL (state, now) {
  MATCH (e:OutboxEntry) WHERE e.state = state AND e.at <= now
  WITH e ORDER BY e.state, e.at LIMIT 1
  RETURN min(e.at) AS oldest
}
CALL (state, now) {
  MATCH (e:OutboxEntry) WHERE e.state = state AND e.at > now
  WITH e LIMIT $most
  RETURN count(e) AS later
}
RETURN state, entries, later, (now.epochMillis - oldest.epochMillis) / 1000.0 AS oldest
"""

PRUNE = """
WITH datetime.realtime() - duration({days: $days}) AS until
MATCH (e:OutboxEntry) WHERE e.state = 'DONE' AND e.at < until AND e.availableAt < until
WITH e LIMIT 5000
DELETE e
RETURN count(*) AS deleted
"""


class LeaseLost(Exception):
    """Entries are no longer this worker's: the lease ran out, or they were completed before. Roll back."""

    def __init__(self, ids: Iterable[str]) -> None:
        self.ids = frozenset(ids)
        """Those that were lost; the others of the same call are still held."""
        super().__init__(", ".join(sorted(self.ids)))


@dataclass(frozen=True, slots=True)
class OutboxEntry:
    """One leased piece of work."""

    id: str
    topic: str
    partition_key: str
    payload: Mapping[str, Any]
    attempts: int
    """Attempts so far, this one included."""
    worker: str
    lease: int = 1
    """Grows with every lease and tells this one from every other."""
    stray: bool = False
    """Its lease ran out once, so its worker may have died of it: begin it alone, with `Outbox.begin`."""
    alone: int = 0
    """How many workers were lost that had begun it alone."""


@dataclass(frozen=True, slots=True)
class Backlog:
    """How much work is in a state, and how long the oldest of it has been due, in seconds (0: there is none)."""

    state: str
    entries: int
    """Due now; a very long backlog is counted up to the bound that was asked for."""
    later: int
    """Put for a time that is still to come."""
    oldest: float


@dataclass(frozen=True, slots=True)
class NewEntry:
    """An entry to put; see `put` for its fields."""

    topic: str
    partition_key: str
    payload: Mapping[str, Any]
    key: str
    not_before: dt.datetime | None = None


async def put(
    tx: Transaction,
    topic: str,
    partition_key: str,
    payload: Mapping[str, Any],
    key: str,
    *,
    not_before: dt.datetime | None = None,
) -> None:
    """Add an entry in the transaction of the fact; a second one with the same ``key`` is the same entry.

    ``partition_key`` is what one worker handles at a time and in order: the party's id. ``not_before``: when the work
    is due, now when not given; so an entry is also a timer, which `cancel` takes back by its key.
    """
    await put_many(tx, [NewEntry(topic, partition_key, payload, key, not_before)])


async def put_many(tx: Transaction, entries: Sequence[NewEntry]) -> None:
    """Add many entries in one statement; those of one partition are worked off in this order."""
    rows = [
        [one.key, one.topic, one.partition_key, orjson.dumps(one.payload).decode(), _milliseconds(one.not_before)]
        for one in entries
    ]
    if rows:
        await tx.run(PUT, {"rows": rows})


async def cancel(tx: Transaction, key: str) -> bool:
    """Take back an entry that nobody has begun; whether there was one."""
    return bool(await tx.run(CANCEL, {"key": key}))


class Outbox:
    """Leases and acknowledges entries.

    An entry whose handler fails comes back after a pause that doubles from ``first_backoff`` to ``last_backoff``
    seconds, each shortened by chance to no less than half, so that what failed together does not come back together.
    After ``max_attempts`` it is FAILED and waits for `retry`. So is one that was handled all alone when its worker was
    lost, ``max_alone`` times: it kills workers.
    """

    def __init__(
        self,
        database: Database,
        *,
        max_attempts: int = 8,
        max_alone: int = 3,
        first_backoff: float = 0.5,
        last_backoff: float = 300.0,
    ) -> None:
        self._database = database
        self.max_attempts = max_attempts
        self.max_alone = max_alone
        self.first_backoff = first_backoff
        self.last_backoff = last_backoff

    async def due(self, topics: Collection[str], finished: Collection[str] = ()) -> leases.Due:
        """What a lease may find, false when nothing: one small read, no lock. ``finished``: as in `lease`."""
        asked = {"topics": sorted(topics), "finished": sorted(finished)}
        (row,) = await self._database.read(leases.DUE, asked)
        return leases.Due(frozenset(row["topics"]), row["strays"], frozenset(row["finished"]))

    async def lease(
        self,
        n: int,
        worker: str,
        seconds: float,
        topics: Collection[str],
        *,
        wanted: Mapping[str, int] | None = None,
        finished: Collection[str] = (),
        strays: int | None = None,
    ) -> list[OutboxEntry]:
        """Up to ``n`` entries of each topic for ``worker``, for ``seconds``: lines of partitions nobody works on.

        While entries of a partition are leased no others of it are. Entries of one partition come in their order and
        are to be handled so. ``topics``: all that the worker handles; ``wanted`` says for which of them how many, when
        it is not ``n`` for each. ``finished``: partitions of which the worker has ended what it held: their next
        entries stood behind it and are looked at first. ``strays``: at most so many entries whose lease ran out.
        """
        room = dict.fromkeys(topics, n) if wanted is None else dict(wanted)
        asked = leases.Asked(
            worker=worker,
            seconds=seconds,
            topics=frozenset(topics),
            room=room,
            finished=frozenset(finished),
            strays=n if strays is None else strays,
            max_alone=self.max_alone,
        )
        # Repeating after a lost answer leaves the first lot leased until it runs out: late, never lost or doubled.
        taken = await self._database.write(lambda tx: leases.take(tx, asked), idempotent=True)
        return [_entry(one, worker) for one in taken]

    async def complete(self, tx: Transaction, *entries: OutboxEntry) -> None:
        """Mark entries done in the transaction of their effects.

        Raises: LeaseLost where entries are no longer this worker's.
        """
        if not entries:
            return
        (row,) = await tx.run(COMPLETE, {"held": _held(entries)})
        if lost := {one.id for one in entries} - set(row["ids"]):
            raise LeaseLost(lost)

    async def begin(self, entry: OutboxEntry) -> None:
        """Write down that a stray is begun, alone, in a transaction of its own.

        Raises: LeaseLost.
        """
        (row,) = await self._database.write(lambda tx: tx.run(BEGIN, {"held": _held([entry])}), idempotent=True)
        if not row["ids"]:
            raise LeaseLost([entry.id])

    async def renew(self, entries: Sequence[OutboxEntry], seconds: float) -> frozenset[str]:
        """Prolong leases by ``seconds`` from now; the ids of those that are still held."""
        asked = {"held": _held(entries), "milliseconds": round(seconds * 1000)}
        (row,) = await self._database.write(lambda tx: tx.run(RENEW, asked), idempotent=True)
        return frozenset(row["ids"])

    async def fail(self, entry: OutboxEntry, error: str) -> State | None:
        """Give the entry back after a failure; its new state, None where the lease was lost."""
        asked = {
            "held": _held([entry]),
            "maxAttempts": self.max_attempts,
            "milliseconds": round(self.pause(entry.attempts) * 1000),
            "error": error[:LONGEST_ERROR],
        }
        rows = await self._database.write(lambda tx: tx.run(FAIL, asked), idempotent=True)
        return rows[0]["state"] if rows else None

    def pause(self, attempts: int) -> float:
        """Seconds until the next attempt, by chance between half of the pause and the whole."""
        whole = min(self.first_backoff * 2.0 ** min(attempts - 1, 60), self.last_backoff)
        return whole * (0.5 + random.random() / 2)  # noqa: S311 - jitter, not a secret

    async def release(self, entries: Sequence[OutboxEntry]) -> None:
        """Give back entries that were not handled, at once and without counting an attempt."""
        if entries:
            held = _held(entries)
            await self._database.write(lambda tx: tx.run(RELEASE, {"held": held}), idempotent=True)

    async def wake(self, partitions: Collection[str]) -> None:
        """Have the next entries of partitions found that this worker has ended with and will not go on with."""
        if partitions:
            keys = sorted(partitions)
            await self._database.write(lambda tx: tx.run(leases.WAKE, {"keys": keys}), idempotent=True)

    async def counts(self) -> dict[State, int]:
        """How many entries are in each state, from the index."""
        return {row["state"]: row["count"] for row in await self._database.read(COUNTS)}

    async def backlog(self, *, most: int = 1_000_000, timeout: float | None = None) -> list[Backlog]:
        """What waits, is worked on and has failed; ``most`` bounds what is counted of each."""
        rows = await self._database.read(BACKLOG, {"most": most}, timeout=timeout)
        return [Backlog(row["state"], row["entries"], row["later"], max(0.0, row["oldest"] or 0.0)) for row in rows]

    async def prune(self, days: int) -> int:
        """Delete entries done more than ``days`` days ago; how many went."""
        deleted = 0
        while batch := (await self._database.write(lambda tx: tx.run(PRUNE, {"days": days})))[0]["deleted"]:
            deleted += batch
        return deleted


def _milliseconds(at: dt.datetime | None) -> int | None:
    """Since 1970, rounded up: what the driver would encode as a temporal value takes long. Without a zone: refused."""
    if at is None:
        return None
    if at.tzinfo is None:
        raise InvalidInput("A point in time needs a time zone", hint="For example 2026-01-31T12:00:00Z")
    return -((_EPOCH - at) // _TICK)


def _held(entries: Iterable[OutboxEntry]) -> list[dict[str, Any]]:
    """As the statements want them: in the order of the ids, in which everybody locks them."""
    return [
        {"id": one.id, "worker": one.worker, "lease": one.lease, "attempts": one.attempts, "alone": one.alone}
        for one in sorted(entries, key=lambda one: one.id)
    ]


def _entry(one: leases.Leased, worker: str) -> OutboxEntry:
    return OutboxEntry(
        id=one.id,
        topic=one.topic,
        partition_key=one.partition,
        payload=orjson.loads(one.payload),
        attempts=one.attempts,
        worker=worker,
        lease=one.lease,
        stray=one.stray,
        alone=one.alone,
    )
