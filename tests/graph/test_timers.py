"""Timers: of several processes one does the work, as often as it should be done, whoever dies in between."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator

import pytest

from graph_crm.graph.database import Database
from graph_crm.graph.timers import CLAIM, Timers, Work

pytestmark = pytest.mark.lts


class Counted:
    """A work that counts its runs and may take its time or fail."""

    def __init__(self, seconds: float = 0.0, *, failing: int = 0) -> None:
        self.begun = 0
        self.ended = 0
        self._seconds = seconds
        self._failing = failing

    async def __call__(self) -> None:
        self.begun += 1
        await asyncio.sleep(self._seconds)
        if self.begun <= self._failing:
            raise RuntimeError("not today")
        self.ended += 1


def timers(database: Database, work: Work, *, every: float = 3600.0, lease: float = 30.0) -> Timers:
    return Timers(database, {"tidy": (every, work)}, lease=lease, look=0.05)


@contextlib.asynccontextmanager
async def kept(*processes: Timers) -> AsyncIterator[None]:
    stopping = asyncio.Event()
    tasks = [asyncio.create_task(one.keep(stopping)) for one in processes]
    try:
        yield
    finally:
        stopping.set()
        async with asyncio.timeout(10):
            await asyncio.gather(*tasks)


async def until(count: int, work: Counted) -> None:
    async with asyncio.timeout(20):
        while work.ended < count:  # noqa: ASYNC110 - the work tells nobody
            await asyncio.sleep(0.02)


async def made_due(database: Database) -> None:
    await database.execute("MATCH (t:Timer {name: 'tidy'}) SET t.dueAt = datetime.realtime()")


async def test_a_new_timer_is_due_at_once_and_then_only_after_its_period(empty_database: Database):
    work = Counted()
    tidy = timers(empty_database, work)
    assert await tidy.run_due() == ["tidy"]
    assert await tidy.run_due() == []
    assert work.ended == 1
    await made_due(empty_database)
    assert await tidy.run_due() == ["tidy"]
    assert work.ended == 2


async def test_of_many_processes_one_does_what_is_due(empty_database: Database):
    work = Counted(0.1)
    processes = [timers(empty_database, work) for _ in range(8)]
    done = await asyncio.gather(*(one.run_due() for one in processes))
    assert sorted(len(names) for names in done) == [0] * 7 + [1]
    assert (work.begun, work.ended) == (1, 1)


async def test_a_kept_timer_comes_back_again_and_again(empty_database: Database):
    work = Counted()
    async with kept(*(timers(empty_database, work, every=0.05) for _ in range(3))):
        await until(4, work)
    ended = work.ended
    await asyncio.sleep(0.2)
    assert work.ended == ended


async def test_the_lease_of_a_process_that_died_runs_out(empty_database: Database):
    await empty_database.write(lambda tx: tx.run(CLAIM, {"name": "tidy", "by": "dead", "milliseconds": 300}))
    work = Counted()
    survivor = timers(empty_database, work)
    assert await survivor.run_due() == []
    async with kept(survivor):
        await until(1, work)


async def test_work_that_takes_longer_than_its_lease_keeps_it(empty_database: Database):
    work = Counted(4.0)
    async with kept(*(timers(empty_database, work, lease=1.5) for _ in range(3))):
        await until(1, work)
    assert work.begun == 1


async def test_work_whose_lease_was_lost_is_cut(empty_database: Database):
    work = Counted(30.0)
    slow = timers(empty_database, work, lease=0.3)
    running = asyncio.create_task(slow.run_due())
    while not work.begun:  # noqa: ASYNC110 - the work tells nobody
        await asyncio.sleep(0.02)
    await empty_database.execute("MATCH (t:Timer {name: 'tidy'}) SET t.leasedBy = 'another'")
    async with asyncio.timeout(5):
        assert await running == []
    assert work.ended == 0
    (row,) = await empty_database.read("MATCH (t:Timer) RETURN t.leasedBy AS holder")
    assert row["holder"] == "another"  # what the other holds is not touched


async def test_a_long_work_does_not_hold_up_the_others(empty_database: Database):
    short, long = Counted(), Counted(30.0)
    await Timers(empty_database, {"short": (0.3, short)}).run_due()
    both = Timers(empty_database, {"long": (3600.0, long), "short": (0.3, short)}, look=0.05)
    async with kept(both):  # the long one is due alone
        await until(3, short)
    assert (long.begun, long.ended) == (1, 0)


async def test_work_that_fails_is_reported_and_comes_back(empty_database: Database):
    work = Counted(failing=1)
    tidy = timers(empty_database, work)
    assert await tidy.run_due() == []
    assert tidy.failed == {"tidy": 1}
    (row,) = await empty_database.read(
        "MATCH (t:Timer) RETURN t.error AS error, t.dueAt > datetime.realtime() AS later"
    )
    assert (row["error"], row["later"]) == ("RuntimeError: not today", True)
    await made_due(empty_database)
    assert await tidy.run_due() == ["tidy"]
    (row,) = await empty_database.read("MATCH (t:Timer) RETURN t.error AS error")
    assert row["error"] is None


async def test_stopping_cuts_the_work_and_leaves_it_to_another_at_once(empty_database: Database):
    work = Counted(30.0)
    async with kept(timers(empty_database, work)):
        while not work.begun:  # noqa: ASYNC110 - the work tells nobody
            await asyncio.sleep(0.02)
    quick = Counted()
    assert await timers(empty_database, quick).run_due() == ["tidy"]
    assert (work.ended, quick.ended) == (0, 1)


async def test_a_shorter_period_holds_from_the_start_on(empty_database: Database):
    work = Counted()
    await timers(empty_database, work, every=3600.0).run_due()
    async with kept(timers(empty_database, work, every=0.1)):
        await until(2, work)
