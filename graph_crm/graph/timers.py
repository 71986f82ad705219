"""Work that comes back by the clock: of all processes that keep a timer, one does its work when it is due.

A timer is claimed like an outbox entry: in one statement that locks it first, by the clock of the database. Who works
holds a lease and prolongs it; a process that dies leaves a lease that runs out, and another one does the work. The work
may therefore be cut anywhere and begun again, and must be safe for that.
"""

from __future__ import annotations

import asyncio
import logging
import os
import socket
import uuid
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from typing import Any, TypeAlias

from graph_crm.errors import CrmError
from graph_crm.graph.database import Database

Work: TypeAlias = Callable[[], Awaitable[Any]]

LEASE_SECONDS = 60.0
"""So long a timer stays with a process that tells nothing more."""
LOOK_SECONDS = 5.0
"""So often at least a process looks for what is due: others may have died."""
SECOND_ATTEMPT_SECONDS = 60.0
"""Work that failed is tried again after its own period, at the latest after so many seconds."""

WAITING = """
UNWIND $timers AS timer
OPTIONAL MATCH (t:Timer {name: timer.name})
WITH timer, t, datetime.realtime().epochMillis AS now
WITH timer, now, coalesce(t.dueAt.epochMillis, now) AS due, coalesce(t.leasedUntil.epochMillis, now) AS free
RETURN timer.name AS name, (CASE WHEN due > free THEN due ELSE free END - now) / 1000.0 AS seconds
"""

# A period that was made shorter holds from now on, and not from the next run on.
CLAIM = """
MERGE (t:Timer {name: $name})
ON CREATE SET t.dueAt = datetime.realtime()
SET t.turn = coalesce(t.turn, 0) + 1
WITH t, datetime.realtime() AS now
WHERE t.dueAt <= now AND (t.leasedUntil IS NULL OR t.leasedUntil <= now)
SET t.leasedBy = $by, t.leasedUntil = now + duration({milliseconds: $milliseconds})
RETURN t.turn AS turn
"""

SHORTEN = """
UNWIND $timers AS timer
MATCH (t:Timer {name: timer.name})
WHERE t.dueAt > datetime.realtime() + duration({milliseconds: timer.milliseconds})
SET t.dueAt = datetime.realtime() + duration({milliseconds: timer.milliseconds})
"""

PROLONG = """
MATCH (t:Timer {name: $name})
SET t.turn = t.turn + 1
WITH t WHERE t.leasedBy = $by
SET t.leasedUntil = datetime.realtime() + duration({milliseconds: $milliseconds})
RETURN t.name AS name
"""

FINISH = """
MATCH (t:Timer {name: $name})
SET t.turn = t.turn + 1
WITH t WHERE t.leasedBy = $by
SET t.dueAt = datetime.realtime() + duration({milliseconds: $milliseconds}), t.error = $error,
    t.endedAt = datetime.realtime(), t.leasedBy = null, t.leasedUntil = null
RETURN t.name AS name
"""

_logger = logging.getLogger(__name__)


class Timers:
    """Does each named work every so many seconds, counted from the end of the last run; the first time at once.

    Any number of processes may keep the same timers. A work that raises is reported and comes back; it never ends the
    loop. ``lease``: seconds after which the work of a process that died is taken over.
    """

    def __init__(
        self,
        database: Database,
        timers: Mapping[str, tuple[float, Work]],
        *,
        name: str | None = None,
        lease: float = LEASE_SECONDS,
        look: float = LOOK_SECONDS,
    ) -> None:
        self.name = name or f"{socket.gethostname()}:{os.getpid()}:{uuid.uuid4().hex[:8]}"
        self.failed: dict[str, int] = {}
        """How often each work raised in this process."""
        self._database = database
        self._timers = dict(timers)
        self._lease = lease
        self._look = look

    async def keep(self, stopping: asyncio.Event) -> None:
        """Do what is due until ``stopping`` is set; what runs then is cut and left to be done at once by another."""
        running: dict[str, asyncio.Task[bool]] = {}
        stop = asyncio.create_task(stopping.wait())
        shortened = False
        try:
            while not stopping.is_set():
                pause = self._look
                try:
                    shortened = shortened or await self._shorten()
                    for name, seconds in (await self._waiting()).items():
                        if name in running:
                            continue
                        if seconds <= 0:
                            running[name] = asyncio.create_task(self._claimed(name))
                        else:
                            pause = min(pause, seconds)
                except CrmError as error:
                    _logger.warning("timers can't be read now: %s", error.message)
                await asyncio.wait({stop, *running.values()}, timeout=pause, return_when="FIRST_COMPLETED")
                running = {name: task for name, task in running.items() if not task.done()}
        finally:
            stop.cancel()
            for task in running.values():
                task.cancel()
            await asyncio.gather(*running.values(), return_exceptions=True)

    async def run_due(self) -> list[str]:
        """Do what is due now, once, one after the other, and name it; for commands and tests."""
        due = [name for name, seconds in (await self._waiting()).items() if seconds <= 0]
        return [name for name in due if await self._claimed(name)]

    async def _waiting(self) -> dict[str, float]:
        """Seconds until each timer can be claimed, by the database's clock."""
        rows = await self._database.read(WAITING, {"timers": [{"name": name} for name in self._timers]})
        return {row["name"]: row["seconds"] for row in rows}

    async def _shorten(self) -> bool:
        timers = [{"name": name, "milliseconds": round(every * 1000)} for name, (every, _) in self._timers.items()]
        await self._database.write(lambda tx: tx.run(SHORTEN, {"timers": timers}), idempotent=True)
        return True

    async def _claimed(self, name: str) -> bool:
        """Do the work where this process gets it; whether it did, to the end."""
        every, work = self._timers[name]
        # Each lease has a name of its own: one that was lost is not taken for a later one of the same process.
        by = f"{self.name}:{uuid.uuid4().hex[:8]}"
        claim = {"name": name, "by": by, "milliseconds": round(self._lease * 1000)}
        try:
            if not await self._database.write(lambda tx: tx.run(CLAIM, claim)):
                return False
        except CrmError as error:
            _logger.warning("timer %s can't be claimed now: %s", name, error.message)
            await asyncio.sleep(1)  # not as fast as the processor allows, while the database is away
            return False
        told: str | None = None
        pause = every
        done = False
        try:
            done = await self._watched(name, by, work)
        except asyncio.CancelledError:
            pause = 0.0
            raise
        except Exception as error:  # a timer that ended with its work would be silent for ever
            self.failed[name] = self.failed.get(name, 0) + 1
            told = f"{type(error).__name__}: {error}"[:500]
            pause = min(every, SECOND_ATTEMPT_SECONDS)
            _logger.warning("timer %s failed", name, exc_info=error)
        finally:
            finish = {"name": name, "by": by, "milliseconds": round(pause * 1000), "error": told}
            with suppress(CrmError):  # otherwise the lease runs out
                await asyncio.shield(self._database.write(lambda tx: tx.run(FINISH, finish), idempotent=True))
        return done

    async def _watched(self, name: str, by: str, work: Work) -> bool:
        """Run ``work`` and prolong its lease; where the lease went to another process the work is cut."""
        task = asyncio.ensure_future(work())
        renewal = {"name": name, "by": by, "milliseconds": round(self._lease * 1000)}
        try:
            while True:
                await asyncio.wait({task}, timeout=self._lease / 3)
                if task.done():
                    await task  # raises what the work raised
                    return True
                try:
                    held = await self._database.write(lambda tx: tx.run(PROLONG, renewal), idempotent=True)
                except CrmError as error:
                    _logger.warning("the lease of timer %s can't be prolonged now: %s", name, error.message)
                    continue
                if not held:
                    _logger.warning("timer %s went to another process: its work is cut here", name)
                    return False
        finally:
            if not task.done():
                task.cancel()
                await asyncio.gather(task, return_exceptions=True)
