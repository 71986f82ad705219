"""Work that must not be lost: entries written with the fact, leased by workers, completed with the effect.

Delivery is at least once, the effect exactly once: `complete` runs in the transaction of the effect and fails where
the lease went to another worker. One partition (one customer) is worked on by one worker at a time, in the order in
which its entries were put. All clocks are the database's.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

import orjson

from graph_crm.graph.database import Database, Transaction

State: TypeAlias = Literal["PENDING", "LEASED", "DONE", "FAILED"]

# A LEASED entry is available again at the end of its lease, so one index answers both "what is due" and "what expired".

# What is put for later takes its place in the order of its partition at that time: until then it holds up nothing.
PUT = """
WITH datetime.realtime() AS now
WITH CASE WHEN $notBefore > now THEN $notBefore ELSE now END AS at
MERGE (e:OutboxEntry {id: $key})
ON CREATE SET e.topic = $topic, e.partitionKey = $partitionKey, e.payload = $payload, e.state = 'PENDING',
              e.attempts = 0, e.at = at, e.availableAt = at
"""

# Entries that are put together keep their order by a microsecond each.
PUT_MANY = """
WITH datetime.realtime() AS now
UNWIND $entries AS told
MERGE (e:OutboxEntry {id: told.key})
ON CREATE SET e.topic = $topic, e.partitionKey = told.partitionKey, e.payload = told.payload, e.state = 'PENDING',
              e.attempts = 0, e.at = now + duration({microseconds: told.place}), e.availableAt = now
"""

CANCEL = """
MATCH (e:OutboxEntry {id: $key})
SET e.lock = coalesce(e.lock, 0) + 1
WITH e WHERE e.state = 'PENDING'
DELETE e
RETURN $key AS id
"""

DUE = """
WITH datetime.realtime() AS now
RETURN EXISTS {
  MATCH (e:OutboxEntry) WHERE e.state = 'PENDING' AND e.availableAt <= now AND e.topic IN $topics
} OR EXISTS {
  MATCH (e:OutboxEntry) WHERE e.state = 'LEASED' AND e.availableAt <= now AND e.topic IN $topics
} AS due
"""

# Leasing is one at a time over all workers; the lock's node has no other use.
TAKE_TURN = "MERGE (l:Lock {name: 'outbox'}) SET l.turn = coalesce(l.turn, 0) + 1"

# Expired leases are locked in one statement and judged again in the next: the holder may complete in between.
LOCK_EXPIRED = """
WITH datetime.realtime() AS now
MATCH (e:OutboxEntry) WHERE e.state = 'LEASED' AND e.availableAt <= now
WITH e ORDER BY e.id LIMIT 200
SET e.lock = coalesce(e.lock, 0) + 1
RETURN collect(e.id) AS ids
"""

RECOVER = """
UNWIND $ids AS id
MATCH (e:OutboxEntry {id: id}) WHERE e.state = 'LEASED' AND e.availableAt <= datetime.realtime()
SET e.state = CASE WHEN e.attempts >= $maxAttempts THEN 'FAILED' ELSE 'PENDING' END,
    e.error = 'The lease ran out: the worker died or was too slow', e.leasedBy = null, e.leasedUntil = null
"""

# The oldest entry of each partition that nobody works on.
LEASE = """
WITH datetime.realtime() AS now
MATCH (e:OutboxEntry) WHERE e.state = 'PENDING' AND e.availableAt <= now AND e.topic IN $topics
AND NOT EXISTS {
  MATCH (b:OutboxEntry) WHERE b.partitionKey = e.partitionKey AND b.state = 'LEASED' AND b.at IS NOT NULL
}
AND NOT EXISTS {
  MATCH (b:OutboxEntry) WHERE b.partitionKey = e.partitionKey AND b.state = 'PENDING' AND b.at <= e.at
  AND (b.at < e.at OR b.id < e.id) AND b.topic IN $topics
}
WITH e, now ORDER BY e.state, e.availableAt LIMIT $n
SET e.state = 'LEASED', e.leasedBy = $worker, e.attempts = e.attempts + 1,
    e.leasedUntil = now + duration({milliseconds: $milliseconds}),
    e.availableAt = now + duration({milliseconds: $milliseconds})
RETURN e.id AS id, e.topic AS topic, e.partitionKey AS partitionKey, e.payload AS payload, e.attempts AS attempts
"""

_HELD = """
MATCH (e:OutboxEntry {id: $id})
SET e.lock = coalesce(e.lock, 0) + 1
WITH e WHERE e.state = 'LEASED' AND e.leasedBy = $worker AND e.attempts = $attempts
"""

COMPLETE = (
    _HELD
    + """
SET e.state = 'DONE', e.doneAt = datetime.realtime(), e.leasedBy = null, e.leasedUntil = null, e.error = null
RETURN e.id AS id
"""
)

FAIL = (
    _HELD
    + """
SET e.state = CASE WHEN e.attempts >= $maxAttempts THEN 'FAILED' ELSE 'PENDING' END,
    e.availableAt = datetime.realtime() + duration({milliseconds: $milliseconds}),
    e.error = $error, e.leasedBy = null, e.leasedUntil = null
RETURN e.state AS state
"""
)

RELEASE = (
    _HELD
    + """
SET e.state = 'PENDING', e.attempts = e.attempts - 1, e.availableAt = datetime.realtime(),
    e.leasedBy = null, e.leasedUntil = null
"""
)

RETRY = """
MATCH (e:OutboxEntry {id: $id}) WHERE e.state = 'FAILED'
SET e.state = 'PENDING', e.attempts = 0, e.availableAt = datetime.realtime()
RETURN e.id AS id
"""

COUNTS = """
UNWIND ['PENDING', 'LEASED', 'DONE', 'FAILED'] AS state
RETURN state, COUNT { MATCH (e:OutboxEntry) WHERE e.state = state AND e.availableAt IS NOT NULL } AS count
"""

PRUNE = """
MATCH (e:OutboxEntry) WHERE e.state = 'DONE' AND e.availableAt < datetime.realtime() - duration({days: $days})
WITH e LIMIT 5000
DELETE e
RETURN count(*) AS deleted
"""


class LeaseLost(Exception):
    """The entry is no longer this worker's: its lease ran out, or it was completed before. Roll back."""


@dataclass(frozen=True, slots=True)
class OutboxEntry:
    """One leased piece of work. ``attempts`` counts this lease too and tells it from every other lease."""

    id: str
    topic: str
    partition_key: str
    payload: Mapping[str, Any]
    attempts: int
    worker: str


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
    text = orjson.dumps(payload).decode()
    parameters = {"key": key, "topic": topic, "partitionKey": partition_key, "payload": text, "notBefore": not_before}
    await tx.run(PUT, parameters)


@dataclass(frozen=True, slots=True)
class NewEntry:
    """An entry to put: its unique key, its partition and its payload (JSON-safe)."""

    key: str
    partition_key: str
    payload: Mapping[str, Any]


async def put_many(tx: Transaction, topic: str, entries: Sequence[NewEntry]) -> None:
    """Add many entries of one topic, due now, in one statement; of one partition they are handled in this order.

    An entry whose key is there already is the same entry, as with `put`.
    """
    rows = [
        {
            "key": one.key,
            "partitionKey": one.partition_key,
            "payload": orjson.dumps(one.payload).decode(),
            "place": place,
        }
        for place, one in enumerate(entries)
    ]
    await tx.run(PUT_MANY, {"topic": topic, "entries": rows})


async def cancel(tx: Transaction, key: str) -> bool:
    """Take back an entry that nobody has begun; whether there was one."""
    return bool(await tx.run(CANCEL, {"key": key}))


class Outbox:
    """Leases and acknowledges entries.

    After ``max_attempts`` leases an entry is FAILED and waits for `retry`; until then it comes back after a pause that
    doubles from ``first_backoff`` to ``last_backoff`` seconds.
    """

    def __init__(
        self, database: Database, *, max_attempts: int = 8, first_backoff: float = 0.5, last_backoff: float = 300.0
    ) -> None:
        self._database = database
        self.max_attempts = max_attempts
        self.first_backoff = first_backoff
        self.last_backoff = last_backoff

    async def due(self, topics: Collection[str]) -> bool:
        """Whether an entry of these topics waits, or a lease has run out: one small read, no lock."""
        rows = await self._database.read(DUE, {"topics": list(topics)})
        return bool(rows[0]["due"])

    async def lease(self, n: int, worker: str, seconds: float, topics: Collection[str]) -> list[OutboxEntry]:
        """Up to ``n`` entries for ``worker``, at most one of each partition, for ``seconds``.

        While an entry is leased no other of its partition is, and leases that ran out are given back first.
        """

        async def work(tx: Transaction) -> list[OutboxEntry]:
            await tx.run(TAKE_TURN)
            expired = (await tx.run(LOCK_EXPIRED))[0]["ids"]
            if expired:
                await tx.run(RECOVER, {"ids": expired, "maxAttempts": self.max_attempts})
            rows = await tx.run(
                LEASE,
                {"n": n, "worker": worker, "milliseconds": round(seconds * 1000), "topics": list(topics)},
            )
            return [
                OutboxEntry(
                    id=row["id"],
                    topic=row["topic"],
                    partition_key=row["partitionKey"],
                    payload=orjson.loads(row["payload"]),
                    attempts=row["attempts"],
                    worker=worker,
                )
                for row in rows
            ]

        # Repeating after a lost answer leaves the first lot leased until it runs out: late, never lost or doubled.
        return await self._database.write(work, idempotent=True)

    async def complete(self, tx: Transaction, entry: OutboxEntry) -> None:
        """Mark the entry done in the transaction of its effect. Call it first: it keeps rivals out.

        Raises: LeaseLost where the entry is no longer this worker's.
        """
        if not await tx.run(COMPLETE, self._held(entry)):
            raise LeaseLost(entry.id)

    async def fail(self, entry: OutboxEntry, error: str) -> State | None:
        """Give the entry back after a failure; its new state, None where the lease was lost."""
        pause = min(self.first_backoff * 2 ** (entry.attempts - 1), self.last_backoff)
        parameters = {
            **self._held(entry),
            "maxAttempts": self.max_attempts,
            "milliseconds": round(pause * 1000),
            "error": error[:500],
        }
        rows = await self._database.write(lambda tx: tx.run(FAIL, parameters), idempotent=True)
        return rows[0]["state"] if rows else None

    async def release(self, entries: Sequence[OutboxEntry]) -> None:
        """Give back entries that were not begun, at once and without counting an attempt."""

        async def work(tx: Transaction) -> None:
            for entry in sorted(entries, key=lambda entry: entry.id):
                await tx.run(RELEASE, self._held(entry))

        if entries:
            await self._database.write(work, idempotent=True)

    async def retry(self, entry_id: str) -> bool:
        """Let a FAILED entry be worked on again, with all its attempts; False where there is none."""
        return bool(await self._database.write(lambda tx: tx.run(RETRY, {"id": entry_id}), idempotent=True))

    async def counts(self) -> dict[State, int]:
        """How many entries are in each state, from the index."""
        return {row["state"]: row["count"] for row in await self._database.read(COUNTS)}

    async def prune(self, days: int) -> int:
        """Delete entries done more than ``days`` days ago; how many went."""
        deleted = 0
        while batch := (await self._database.write(lambda tx: tx.run(PRUNE, {"days": days})))[0]["deleted"]:
            deleted += batch
        return deleted

    @staticmethod
    def _held(entry: OutboxEntry) -> dict[str, Any]:
        return {"id": entry.id, "worker": entry.worker, "attempts": entry.attempts}
