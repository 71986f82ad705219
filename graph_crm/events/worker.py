"""The loop that works off the outbox: lease, handle, complete, all over again until it is told to stop.

There are three kinds of handlers. A *handler* gets one entry and runs inside the write transaction that also marks its
entry done, so its effect is there exactly once, however often the entry is delivered; it must do nothing outside that
transaction. A *batch* handler is the same for many entries at once. What speaks to the outside world (a mail server, a
gateway) is an *outside* handler: it runs with no transaction open, at least once, and returns what is written in the
transaction that marks the entry done. What it returns as `Joint` is written together with others of its kind.

Entries of one partition are handled one after the other, in their order. When one of them fails, those after it are
given back and wait until it succeeded or was set aside.
"""

from __future__ import annotations

import asyncio
import logging
import os
import socket
import time
import uuid
from collections import Counter, deque
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import groupby
from typing import TypeAlias

from graph_crm.errors import CrmError, DatabaseUnavailable
from graph_crm.events.settling import Effect, Joint, Settling
from graph_crm.graph.database import Database, Transaction
from graph_crm.graph.outbox import LeaseLost, Outbox, OutboxEntry

Handler: TypeAlias = Callable[[Transaction, OutboxEntry], Awaitable[None]]
Batch: TypeAlias = Callable[[Transaction, Sequence[OutboxEntry]], Awaitable[None]]
Outside: TypeAlias = Callable[[OutboxEntry], Awaitable[Effect | None]]

LEASE_SECONDS = 30.0
"""So long an entry stays with a worker that tells nothing more. Longer than a write may take, its retries included."""
LOT = 200
"""At most so many entries are given to a batch handler at once."""
STRAYS = 20
"""At most so many entries are held that other workers left behind; they are handled one at a time."""
OUTSIDE_SECONDS = 300.0
"""Longer an outside handler may not take."""
STOP_SECONDS = 10.0
"""What is being handled when the worker is told to stop is given so long to end."""
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
    strays: int = 0
    """Entries taken over from a worker that was lost."""
    lots: int = 0
    """Transactions that handled more than one entry."""


@dataclass
class _Held:
    """An entry that this worker has leased."""

    entry: OutboxEntry
    until: float
    """When the lease runs out, by the monotonic clock."""
    writing: bool = False
    """Whether its transaction runs: that one is shorter than a lease, and would keep a renewal waiting."""


class Worker:
    """Handles outbox entries, at most one of a partition at a time.

    ``handlers``, ``batches`` and ``outside`` say what each topic leads to. ``concurrency``: so many transactions run at
    a time, and beside them so many outside handlers, so that a slow gateway keeps no decision waiting; of the outside
    topics of ``many`` so many as it says, apart from the others: those that gather what they do. It leases only
    what it has room for; the rest waits in the database. ``lease``: seconds for which entries are kept from other
    workers; those that wait here, or at an outside handler, are prolonged as long as this process lives.
    """

    def __init__(
        self,
        database: Database,
        handlers: Mapping[str, Handler],
        *,
        batches: Mapping[str, Batch] | None = None,
        outside: Mapping[str, Outside] | None = None,
        many: Mapping[str, int] | None = None,
        concurrency: int = 4,
        lot: int = LOT,
        lease: float = LEASE_SECONDS,
        stop_within: float = STOP_SECONDS,
        name: str | None = None,
        outbox: Outbox | None = None,
    ) -> None:
        self.name = name or f"{socket.gethostname()}:{os.getpid()}:{uuid.uuid4().hex[:8]}"
        self.outbox = outbox or Outbox(database)
        self.counts = WorkerCounts()
        self._database = database
        self._handlers = dict(handlers)
        self._batches = dict(batches or {})
        self._outside = dict(outside or {})
        self._many = dict(many or {})
        self._topics = self._handlers.keys() | self._batches.keys() | self._outside.keys()
        self._concurrency = concurrency
        self._lot = lot
        self._lease = lease
        self._stop_within = stop_within
        self._stopping = asyncio.Event()
        self._held: dict[str, _Held] = {}
        self._waiting: deque[list[OutboxEntry]] = deque()
        """Lots and lines that are leased and not begun, for a transaction each."""
        self._strays: deque[OutboxEntry] = deque()
        self._running: set[asyncio.Task[None]] = set()
        self._speaking: dict[asyncio.Task[None], str] = {}
        """What outside handlers do now, with its topic."""
        self._settling = Settling(self._commit)
        self._alone: asyncio.Task[None] | None = None
        self._finished: set[str] = set()
        """Partitions whose next entries may have been put behind what this worker held."""
        self._owed: list[OutboxEntry] = []
        """Entries that could not be given back, because the database was away."""
        self._lenient_until = 0.0
        """Until then no strays are taken: after an outage everybody first gets to prolong what he holds."""

    @property
    def holding(self) -> int:
        """How many entries this worker has leased and not yet ended with."""
        return len(self._held)

    def stop(self) -> None:
        """Ask the loop to end: nothing new is leased, what is being handled is finished."""
        self._stopping.set()

    async def run(self) -> None:
        """Work until `stop`. Cancelling is safe too: leases run out, and unfinished transactions are rolled back."""
        _logger.info("worker %s handles %s", self.name, ", ".join(sorted(self._topics)))
        renewing = asyncio.create_task(self._keep_leases())
        idle = FIRST_IDLE_SECONDS
        try:
            while not self._stopping.is_set():
                found, more = await self._take_more()
                self._begin()
                idle = FIRST_IDLE_SECONDS if found or self._tasks else min(idle * 2, LAST_IDLE_SECONDS)
                # A look costs something however little it finds: where it found all that is due, the next one waits.
                if not more or not self._room():
                    await self._rest(idle if self._room() or self._speaking else None)
        finally:
            await self._wind_up(renewing)

    async def drain(self) -> int:
        """Handle what is due now and return how many entries were completed; for commands and tests."""
        before = self.counts.done
        while True:
            wanted = dict.fromkeys(self._topics, self._concurrency) | dict.fromkeys(self._batches, self._lot)
            wanted |= self._many
            finished = self._take_finished()
            entries = await self.outbox.lease(
                self._concurrency, self.name, self._lease, self._topics, wanted=wanted, finished=finished
            )
            if not entries:
                return self.counts.done - before
            self._keep(entries)
            while self._waiting or self._strays or self._tasks:
                self._begin()
                await asyncio.wait(self._tasks, return_when=asyncio.FIRST_COMPLETED)
                self._forget_done()

    # Taking

    @property
    def _tasks(self) -> set[asyncio.Task[None]]:
        return self._running | self._speaking.keys() | ({self._alone} if self._alone else set())

    def _room(self) -> dict[str, int]:
        """By topic, how many entries this worker has room for now: none while something waits here to be begun."""
        room: dict[str, int] = {}
        free = self._concurrency - len(self._running) - len(self._waiting)
        if free > 0:
            room |= dict.fromkeys(self._batches, self._lot)
            room |= dict.fromkeys(self._handlers, 2 * free)
        speaking = Counter(self._speaking.values())
        if (free := self._concurrency - sum(n for topic, n in speaking.items() if topic not in self._many)) > 0:
            room |= dict.fromkeys(self._outside.keys() - self._many.keys(), free)
        for topic, most in self._many.items():
            if (free := most - speaking[topic]) > most // 4:
                room[topic] = free
        return room

    async def _take_more(self) -> tuple[bool, bool]:
        """Lease what there is room for; whether there was something, and whether there may be more at once.

        An outage of the database is waited out.
        """
        room = self._room()
        if not room:
            return False, False
        finished = self._take_finished()
        try:
            await self._give_back_owed()
            due = await self.outbox.due(self._topics, finished)
            busy = self._strays or self._alone or time.monotonic() < self._lenient_until
            strays = STRAYS if due.strays and not busy else 0
            # What is next in a finished line may be of a topic of which nothing else is due: all keep their room then.
            wanted = room if due.finished else {topic: n for topic, n in room.items() if topic in due.topics}
            if not strays and not wanted:
                return False, False
            entries = await self.outbox.lease(
                0, self.name, self._lease, self._topics, wanted=wanted, finished=due.finished, strays=strays
            )
        except CrmError as error:
            self._finished |= finished
            if isinstance(error, DatabaseUnavailable):
                self._lenient_until = time.monotonic() + self._lease
            _logger.warning("worker %s can't lease: %s", self.name, error.message)
            await self._rest(OUTAGE_SECONDS)
            return False, False
        self._keep(entries)
        taken = Counter(entry.topic for entry in entries)
        return bool(entries), any(taken[topic] >= most for topic, most in wanted.items())

    def _take_finished(self) -> set[str]:
        finished, self._finished = self._finished, set()
        return finished

    def _keep(self, entries: Iterable[OutboxEntry]) -> None:
        """Put leased entries where they wait for their turn: strays, lots of a topic, lines of a partition."""
        until = time.monotonic() + self._lease
        lots: dict[str, list[OutboxEntry]] = {}
        lines: dict[str, list[OutboxEntry]] = {}
        for entry in entries:
            self._held[entry.id] = _Held(entry, until)
            if entry.stray:
                self.counts.strays += 1
                self._strays.append(entry)
            elif entry.topic in self._batches:
                lots.setdefault(entry.topic, []).append(entry)
            else:
                lines.setdefault(entry.partition_key, []).append(entry)
        for lot in lots.values():
            self._waiting.append(lot)
        for line in lines.values():
            if line[0].topic in self._outside:
                self._speaking[asyncio.create_task(self._one_by_one(line))] = line[0].topic
            else:
                self._waiting.append(line)

    def _begin(self) -> None:
        self._forget_done()
        while self._waiting and len(self._running) < self._concurrency:
            entries = self._waiting.popleft()
            work = self._as_lot(entries) if entries[0].topic in self._batches else self._one_by_one(entries)
            self._running.add(asyncio.create_task(work))
        if self._strays and self._alone is None:
            self._alone = asyncio.create_task(self._take_over(self._strays.popleft()))

    def _forget_done(self) -> None:
        for task in [task for task in self._tasks if task.done()]:
            task.result()  # a handler's errors are dealt with: what comes here is a fault of the worker, and told
        self._running = {task for task in self._running if not task.done()}
        self._speaking = {task: topic for task, topic in self._speaking.items() if not task.done()}
        if self._alone is not None and self._alone.done():
            self._alone = None

    async def _rest(self, seconds: float | None) -> None:
        """Wait until something ends, the worker is told to stop, or for so many seconds.

        What ends of `many` wakes nobody: it ends often, and what comes next is looked for together.
        """
        stopping = asyncio.create_task(self._stopping.wait())
        awaited = self._tasks - {task for task, topic in self._speaking.items() if topic in self._many}
        try:
            await asyncio.wait({stopping, *awaited}, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        finally:
            stopping.cancel()
        self._begin()

    # Handling

    async def _as_lot(self, entries: list[OutboxEntry]) -> None:
        """All in one transaction; where that fails one by one, so that only the one that can't be handled fails."""
        while entries:
            try:
                await self._commit(entries, self._lot_effect(entries))
            except LeaseLost as lost:
                entries = self._without(entries, lost)
            except DatabaseUnavailable as error:
                await self._give_back(entries, error)
                return
            except (Exception, asyncio.CancelledError) as error:  # noqa: BLE001 - only its own entry may fail
                _raise_if_asked_to_end(error)
                if len(entries) > 1:
                    _logger.info("a lot of %d is handled one by one: %s", len(entries), _told(error))
                await self._each_line(entries)
                return
            else:
                return

    def _lot_effect(self, entries: Sequence[OutboxEntry]) -> Effect:
        batch = self._batches[entries[0].topic]
        return lambda tx: batch(tx, entries)

    async def _each_line(self, entries: Sequence[OutboxEntry]) -> None:
        for _, line in groupby(sorted(entries, key=_partition), key=_partition):  # sorting keeps the order of each
            await self._one_by_one(list(line))

    async def _one_by_one(self, line: Sequence[OutboxEntry]) -> None:
        """Entries of one partition, each in its own transaction; after one that failed the others are given back."""
        for place, entry in enumerate(line):
            if self._stopping.is_set() and place:
                await self._give_back(line[place:])
                return
            if not await self._handled(entry):
                await self._give_back(line[place + 1 :])
                return

    async def _take_over(self, entry: OutboxEntry) -> None:
        """Handle a stray alone. That it is begun is written first: should this process die of it, that is known."""
        try:
            await self.outbox.begin(entry)
        except LeaseLost as lost:
            self._without([entry], lost)
        except CrmError as error:
            await self._give_back([entry], error)
        else:
            await self._handled(entry)

    async def _handled(self, entry: OutboxEntry) -> bool:
        """Handle one entry; whether those after it may go on."""
        try:
            effect = await self._effect(entry)
            if isinstance(effect, Joint):
                await self._settling.settle(entry, effect)
            else:
                await self._commit([entry], effect)
        except LeaseLost as lost:
            self._without([entry], lost)
            return False
        except DatabaseUnavailable as error:
            await self._give_back([entry], error)
            return False
        except (Exception, asyncio.CancelledError) as error:  # noqa: BLE001 - it is kept with its entry
            _raise_if_asked_to_end(error)
            await self._failed(entry, error)
            return False
        return True

    async def _effect(self, entry: OutboxEntry) -> Effect | None:
        outside = self._outside.get(entry.topic)
        if outside is not None:
            async with asyncio.timeout(OUTSIDE_SECONDS):
                return await outside(entry)
        batch = self._batches.get(entry.topic)
        if batch is not None:
            return lambda tx: batch(tx, (entry,))
        handler = self._handlers[entry.topic]
        return lambda tx: handler(tx, entry)

    async def _commit(self, entries: Sequence[OutboxEntry], effect: Effect | None) -> None:
        """One transaction: the effect, and that the entries are done."""

        async def work(tx: Transaction) -> None:
            if effect is not None:
                await effect(tx)
            # Last, so that the entries are locked no longer than the commit takes.
            await self.outbox.complete(tx, *entries)

        self._mark(entries, writing=True)
        try:
            # Idempotent: a second run of a committed work finds the entries done and raises LeaseLost.
            await self._database.write(work, idempotent=True)
        finally:
            self._mark(entries, writing=False)
        self.counts.done += len(entries)
        self.counts.lots += len(entries) > 1
        self._end(entries)

    def _mark(self, entries: Iterable[OutboxEntry], *, writing: bool) -> None:
        for entry in entries:
            if entry.id in self._held:
                self._held[entry.id].writing = writing

    def _end(self, entries: Iterable[OutboxEntry]) -> None:
        for entry in entries:
            self._held.pop(entry.id, None)
            self._finished.add(entry.partition_key)

    def _without(self, entries: Sequence[OutboxEntry], lost: LeaseLost) -> list[OutboxEntry]:
        """Those that are still held."""
        gone = [one for one in entries if one.id in lost.ids]
        self.counts.lost += len(gone)
        self._end(gone)
        return [one for one in entries if one.id not in lost.ids]

    async def _failed(self, entry: OutboxEntry, error: BaseException) -> None:
        self.counts.failed += 1
        _logger.warning("entry %s failed at attempt %d", entry.id, entry.attempts, exc_info=error)
        try:
            if await self.outbox.fail(entry, _told(error)) == "FAILED":
                _logger.error("entry %s of topic %s is set aside: %s", entry.id, entry.topic, _told(error))
        except CrmError:
            self._owed.append(entry)
        self._end([entry])

    # Giving back

    async def _give_back(self, entries: Sequence[OutboxEntry], why: CrmError | None = None) -> None:
        """Give back entries that were not handled; those that can't be given back now, as soon as they can."""
        if not entries:
            return
        if why is not None:
            _logger.warning("%d entries from %s on are given back: %s", len(entries), entries[0].id, why.message)
        self._end(entries)
        try:
            await self.outbox.release(entries)
        except CrmError:
            self._owed += entries

    async def _give_back_owed(self) -> None:
        if self._owed:
            owed = self._owed.copy()
            await self.outbox.release(owed)
            del self._owed[: len(owed)]

    async def _keep_leases(self) -> None:
        """Prolong the leases of what waits here or speaks to the outside world, for as long as this process lives."""
        while True:
            await asyncio.sleep(self._lease / 6)
            now = time.monotonic()
            aging = [one for one in self._held.values() if not one.writing and one.until - now < self._lease * 2 / 3]
            if not aging:
                continue
            try:
                kept = await self.outbox.renew([one.entry for one in aging], self._lease)
            except CrmError as error:
                _logger.warning("leases can't be prolonged now: %s", error.message)
                if isinstance(error, DatabaseUnavailable):
                    self._lenient_until = time.monotonic() + self._lease
                continue
            for one in aging:
                if one.entry.id in kept:
                    one.until = now + self._lease

    async def _wind_up(self, renewing: asyncio.Task[None]) -> None:
        """End in order: finish what runs, give back what was not begun, and say what others may go on with."""
        waiting = [entry for lot in self._waiting for entry in lot] + list(self._strays)
        self._waiting.clear()
        self._strays.clear()
        with suppress(CrmError):
            await self._give_back(waiting)
        if self._tasks:
            _, late = await asyncio.wait(self._tasks, timeout=self._stop_within)
            for task in late:
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)
        renewing.cancel()
        await asyncio.gather(renewing, return_exceptions=True)
        cut = [one.entry for one in self._held.values()]  # their transactions are rolled back
        with suppress(CrmError):  # what can't be given back now comes back when its lease runs out
            await self._give_back(cut)
            await self._give_back_owed()
            await self.outbox.wake(self._finished)


def _partition(entry: OutboxEntry) -> str:
    return entry.partition_key


def _raise_if_asked_to_end(error: BaseException) -> None:
    """Let the end of the worker through; a CancelledError of something that a handler waited for is its failure."""
    task = asyncio.current_task()
    if isinstance(error, asyncio.CancelledError) and task is not None and task.cancelling():
        raise error


def _told(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}"
