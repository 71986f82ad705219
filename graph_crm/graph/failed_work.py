"""Work that was set aside: seen with its error, and done again when somebody says so.

An entry is set aside (FAILED) after its last attempt. Its partition goes on without it: one message that nobody can
handle must not silence a customer for ever. What was done again keeps who asked for it and when.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import orjson

from graph_crm.errors import InvalidInput, NotFound
from graph_crm.graph.database import Database, Row

MOST = 1_000
"""At most so many entries are listed at once."""
BATCH = 1_000

_SHOWN = """e.id AS id, e.topic AS topic, e.partitionKey AS partitionKey, e.payload AS payload, e.state AS state,
  e.attempts AS attempts, e.error AS error, e.at.epochMillis AS at, e.availableAt.epochMillis AS availableAt,
  e.firstFailedAt.epochMillis AS firstFailedAt, e.failedAt.epochMillis AS failedAt, e.retriedBy AS retriedBy,
  e.retriedAt.epochMillis AS retriedAt, coalesce(e.retries, 0) AS retries"""

FAILED = f"""
MATCH (e:OutboxEntry) WHERE e.state = 'FAILED' AND e.at IS NOT NULL AND ($topic IS NULL OR e.topic = $topic)
WITH e ORDER BY coalesce(e.failedAt, e.availableAt) DESC, e.id LIMIT $most
RETURN {_SHOWN}
"""

ONE = f"MATCH (e:OutboxEntry {{id: $id}}) RETURN {_SHOWN}"

# Its error stays until it is done: somebody may want to know what it was done again for.
_AGAIN = """
SET e.lock = 0
WITH e, datetime.realtime() AS now WHERE e.state = 'FAILED'
SET e.state = 'PENDING', e.attempts = 0, e.alone = null, e.behind = null, e.availableAt = now, e.retriedAt = now,
    e.retriedBy = $by, e.retries = coalesce(e.retries, 0) + 1
"""

RETRY = f"MATCH (e:OutboxEntry {{id: $id}}){_AGAIN}RETURN e.id AS id"

RETRY_MANY = f"""
MATCH (e:OutboxEntry) WHERE e.state = 'FAILED' AND e.at IS NOT NULL AND ($topic IS NULL OR e.topic = $topic)
  AND (e.failedAt IS NULL OR e.failedAt <= datetime({{epochMillis: $until}}))
WITH e LIMIT $batch
WITH e ORDER BY e.id{_AGAIN}RETURN count(e) AS again
"""

CLOCK = "RETURN datetime.realtime().epochMillis AS now"

BY_TOPIC = """
MATCH (e:OutboxEntry) WHERE e.state = 'FAILED' AND e.at IS NOT NULL
RETURN e.topic AS topic, count(e) AS entries ORDER BY topic
"""


@dataclass(frozen=True, slots=True)
class Work:
    """An entry of the outbox as people see it. Instants are in UTC."""

    id: str
    topic: str
    partition: str
    payload: Mapping[str, Any]
    """What its handler is given: identifiers, as a rule."""
    state: str
    attempts: int
    error: str | None
    """What the last attempt ended with."""
    put_at: dt.datetime
    """When it was put, or the time that it was put for."""
    due_at: dt.datetime
    """When it may be tried next, or was tried last."""
    first_failed_at: dt.datetime | None
    failed_at: dt.datetime | None
    retried_by: str | None
    """Who had it done again last."""
    retried_at: dt.datetime | None
    retries: int
    """How often somebody had it done again."""


class FailedWork:
    """What was set aside, and having it done again."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def failed(self, *, topic: str | None = None, most: int = 50) -> list[Work]:
        """What is set aside, what failed last first. Raises: InvalidInput."""
        if not 1 <= most <= MOST:
            raise InvalidInput("first: is out of range", hint=f"Ask for 1 to {MOST} entries.", field="first")
        return [_work(row) for row in await self._database.read(FAILED, {"topic": topic, "most": most})]

    async def topics(self) -> dict[str, int]:
        """How much of each topic is set aside."""
        return {row["topic"]: row["entries"] for row in await self._database.read(BY_TOPIC)}

    async def find(self, entry_id: str) -> Work:
        """An entry in whatever state. Raises: NotFound."""
        rows = await self._database.read(ONE, {"id": entry_id})
        if not rows:
            raise NotFound(
                "id: there is no such work", hint="`graph-crm outbox failed` lists what was set aside.", field="id"
            )
        return _work(rows[0])

    async def retry(self, entry_id: str, *, by: str) -> Work:
        """Let an entry that was set aside be worked on again, with all its attempts; ``by`` is kept.

        One that waits, is worked on or is done already stays as it is: asked twice is the same as once.
        Raises: NotFound.
        """
        await self._database.write(lambda tx: tx.run(RETRY, {"id": entry_id, "by": by}), idempotent=True)
        return await self.find(entry_id)

    async def retry_all(self, *, by: str, topic: str | None = None) -> int:
        """Let everything be worked on again that is set aside by now; how much.

        What fails anew meanwhile stays set aside.
        """
        until = (await self._database.read(CLOCK))[0]["now"]
        asked = {"topic": topic, "by": by, "until": until, "batch": BATCH}
        again = 0
        while done := (await self._database.write(lambda tx: tx.run(RETRY_MANY, asked)))[0]["again"]:
            again += done
        return again


def _work(row: Row) -> Work:
    return Work(
        id=row["id"],
        topic=row["topic"],
        partition=row["partitionKey"],
        payload=orjson.loads(row["payload"] or "{}"),
        state=row["state"],
        attempts=row["attempts"] or 0,
        error=row["error"],
        put_at=_needed(row["at"]),
        due_at=_needed(row["availableAt"]),
        first_failed_at=_instant(row["firstFailedAt"]),
        failed_at=_instant(row["failedAt"]),
        retried_by=row["retriedBy"],
        retried_at=_instant(row["retriedAt"]),
        retries=row["retries"],
    )


_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)


def _instant(milliseconds: int | None) -> dt.datetime | None:
    return None if milliseconds is None else _needed(milliseconds)


def _needed(milliseconds: int | None) -> dt.datetime:
    return _EPOCH + dt.timedelta(milliseconds=milliseconds or 0)
