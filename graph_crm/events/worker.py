"""The loop that works off the outbox: lease, handle, complete, all over again until it is told to stop.

A handler runs inside the write transaction that also marks its entry done, so its effect is there exactly once,
however often the entry is delivered. A handler must therefore do nothing outside that transaction. What speaks to the
outside world (a mail server, a gateway) is an outside handler: it runs with no transaction open, at least once, and
returns what is written in the transaction that marks the entry done.
"""

from __future__ import annotations

import asyncio
import logging
import os
import socket
import uuid
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import TypeAlias

from graph_crm.errors import CrmError, DatabaseBusy, DatabaseUnavailable
from graph_crm.graph.database import Database, Transaction
from graph_crm.graph.outbox import LeaseLost, Outbox, OutboxEntry

Handler: TypeAlias = Callable[[Transaction, OutboxEntry], Awaitable[None]]
Effect: TypeAlias = Callable[[Transaction], Awaitable[None]]
Outside: TypeAlias = Callable[[OutboxEntry], Awaitable[Effect | None]]

FIRST_IDLE_SECONDS = 0.05
LAST_IDLE_SECONDS = 0.2
OUTAGE_SECONDS = 1.0

_logger = logging.getLogger(__name__)


@dataclass
class WorkerCounts:
    """What a worker did since it began; every number only grows."""

    done: int = 0
    """Entries whose effect and completion were committed."""
    failed: int = 0
    """Attempts in which a handler raised; the entry comes back later, or is FAILED after the last attempt."""
    lost: int = 0
    """Entries that another worker had by then: nothing was done twice."""


class Worker:
    """Handles outbox entries, ``concurrency`` at a time, at most one of a partition.

    ``lease`` is for how many seconds an entry is kept from other workers; it must be longer than a handler takes.
    """

    def __init__(
        self,
        database: Database,
        handlers: Mapping[str, Handler],
        *,
        outside: Mapping[str, Outside] | None = None,
        concurrency: int = 4,
        lease: float = 60.0,
        name: str | None = None,
        outbox: Outbox | None = None,
    ) -> None:
        self.name = name or f"{socket.gethostname()}:{os.getpid()}:{uuid.uuid4().hex[:8]}"
        self.outbox = outbox or Outbox(database)
        self.counts = WorkerCounts()
        self._database = database
        self._handlers = dict(handlers)
        self._outside = dict(outside or {})
        self._topics = self._handlers.keys() | self._outside.keys()
        self._concurrency = concurrency
        self._lease = lease
        self._stopping = asyncio.Event()

    def stop(self) -> None:
        """Ask the loop to end: nothing new is leased, what is being handled is finished."""
        self._stopping.set()

    async def run(self) -> None:
        """Work until `stop`. Cancelling is safe too: leases run out, and unfinished transactions are rolled back."""
        waiting: list[OutboxEntry] = []
        running: set[asyncio.Task[None]] = set()
        idle = FIRST_IDLE_SECONDS
        _logger.info("worker %s handles %s", self.name, ", ".join(sorted(self._topics)))
        try:
            while not self._stopping.is_set():
                if not waiting:
                    waiting = await self._lease_more(patient=not running)
                while waiting and len(running) < self._concurrency:
                    running.add(asyncio.create_task(self._handle(waiting.pop(0))))
                if running:
                    idle = FIRST_IDLE_SECONDS
                    # With a free slot and nothing waiting, look for more soon, although something still runs.
                    _, running = await asyncio.wait(
                        running,
                        return_when=asyncio.FIRST_COMPLETED,
                        timeout=FIRST_IDLE_SECONDS if len(running) < self._concurrency else None,
                    )
                else:
                    await self._rest(idle)
                    idle = min(idle * 2, LAST_IDLE_SECONDS)
            if running:
                await asyncio.wait(running)
        finally:
            for task in running:
                task.cancel()
            await asyncio.gather(*running, return_exceptions=True)
            with suppress(CrmError):  # what can't be given back now comes back when its lease runs out
                await self.outbox.release(waiting)

    async def drain(self) -> int:
        """Handle what is due now and return how many entries were completed; for commands and tests."""
        before = self.counts.done
        while entries := await self.outbox.lease(self._concurrency, self.name, self._lease, self._topics):
            await asyncio.gather(*map(self._handle, entries))
        return self.counts.done - before

    async def _rest(self, seconds: float) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._stopping.wait()

    async def _lease_more(self, *, patient: bool) -> list[OutboxEntry]:
        """The next lot; an outage of the database is waited out."""
        try:
            if not await self.outbox.due(self._topics):
                return []
            return await self.outbox.lease(self._concurrency * 2, self.name, self._lease, self._topics)
        except CrmError as error:
            _logger.warning("worker %s can't lease: %s", self.name, error.message)
            if patient:
                await self._rest(OUTAGE_SECONDS)
            return []

    async def _handle(self, entry: OutboxEntry) -> None:
        try:
            effect = await self._effect(entry)

            async def work(tx: Transaction) -> None:
                await self.outbox.complete(tx, entry)
                if effect is not None:
                    await effect(tx)

            # Idempotent: a second run of a committed work finds the entry done and raises LeaseLost.
            await self._database.write(work, idempotent=True)
            self.counts.done += 1
        except LeaseLost:
            self.counts.lost += 1
        except (DatabaseUnavailable, DatabaseBusy) as error:
            _logger.warning("entry %s is given back: %s", entry.id, error.message)
            with suppress(CrmError):  # otherwise its lease runs out
                await self.outbox.release([entry])
        except Exception as error:
            self.counts.failed += 1
            _logger.warning("entry %s failed at attempt %d", entry.id, entry.attempts, exc_info=error)
            with suppress(CrmError):  # otherwise its lease runs out, which counts as a failure as well
                await self.outbox.fail(entry, f"{type(error).__name__}: {error}")

    async def _effect(self, entry: OutboxEntry) -> Effect | None:
        outside = self._outside.get(entry.topic)
        if outside is not None:
            return await outside(entry)
        handler = self._handlers[entry.topic]
        return lambda tx: handler(tx, entry)
