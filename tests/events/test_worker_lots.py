"""Lots: many entries in one transaction, with nothing lost of what one at a time gives; and room for each topic."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence

import pytest

from graph_crm.errors import DatabaseUnavailable
from graph_crm.events.worker import Worker
from graph_crm.graph.database import Database, Transaction
from graph_crm.graph.failed_work import FailedWork
from graph_crm.graph.outbox import NewEntry, Outbox, OutboxEntry, put_many

pytestmark = pytest.mark.lts


async def fill(database: Database, *keys: str, topic: str = "made") -> None:
    entries = [NewEntry(topic, key.partition("-")[0], {"key": key}, key) for key in keys]
    await database.write(lambda tx: put_many(tx, entries))


async def effects(database: Database) -> list[str]:
    return [row["key"] for row in await database.read("MATCH (e:Effect) RETURN e.key AS key ORDER BY e.n")]


class Lots:
    """A batch handler that leaves an effect for each entry, in order, and fails where it is told to."""

    def __init__(self, *, fails: Sequence[str] = ()) -> None:
        self.calls: list[list[str]] = []
        self.fails = set(fails)
        self.n = 0

    async def __call__(self, tx: Transaction, entries: Sequence[OutboxEntry]) -> None:
        ids = [entry.id for entry in entries]
        self.calls.append(ids)
        rows = []
        for identifier in ids:
            self.n += 1
            rows.append([identifier, self.n])
        await tx.run("UNWIND $rows AS row CREATE (:Effect {key: row[0], n: row[1]})", {"rows": rows})
        if bad := self.fails.intersection(ids):
            raise RuntimeError(f"can't handle {sorted(bad)}")


def worker(database: Database, lots: Lots, **settings: object) -> Worker:
    outbox = Outbox(database, max_attempts=2, first_backoff=0.01, last_backoff=0.02)
    return Worker(database, {}, batches={"made": lots}, outbox=outbox, **settings)  # type: ignore[arg-type]


async def test_entries_of_many_customers_are_one_transaction_and_those_of_one_customer_keep_their_order(
    empty_database: Database,
):
    await fill(empty_database, "a-3", "b-1", "a-1", "c-1", "a-2")
    lots = Lots()
    assert await worker(empty_database, lots).drain() == 5
    assert len(lots.calls) == 1
    assert [one for one in lots.calls[0] if one.startswith("a")] == ["a-3", "a-1", "a-2"]
    assert sorted(await effects(empty_database)) == ["a-1", "a-2", "a-3", "b-1", "c-1"]


async def test_no_lot_is_longer_than_it_may_be(empty_database: Database):
    await fill(empty_database, *(f"{number}-1" for number in range(25)))
    lots = Lots()
    assert await worker(empty_database, lots, lot=10).drain() == 25
    assert [len(one) for one in lots.calls] == [10, 10, 5]


async def test_of_a_lot_that_fails_only_the_entry_that_can_not_be_handled_fails_and_its_customer_goes_on(
    empty_database: Database,
):
    keys = ["a-1", "b-1", "b-2", "b-3", "c-1"]
    await fill(empty_database, *keys)
    lots = Lots(fails=["b-2"])
    one = worker(empty_database, lots)
    running = asyncio.create_task(one.run())
    async with asyncio.timeout(20):
        while one.counts.done < 4:  # noqa: ASYNC110 - the worker tells nobody
            await asyncio.sleep(0.02)
    one.stop()
    await running
    assert sorted(await effects(empty_database)) == ["a-1", "b-1", "b-3", "c-1"]
    (failed,) = await FailedWork(empty_database).failed()
    assert (failed.id, failed.attempts, failed.state) == ("b-2", 2, "FAILED")
    assert failed.error == "RuntimeError: can't handle ['b-2']"
    assert failed.first_failed_at is not None
    assert failed.failed_at is not None
    assert failed.first_failed_at < failed.failed_at


async def test_while_an_entry_waits_for_another_attempt_those_behind_it_wait_too(empty_database: Database):
    await fill(empty_database, "a-1", "a-2", "b-1")
    outbox = Outbox(empty_database, first_backoff=60.0)
    one = Worker(empty_database, {}, batches={"made": Lots(fails=["a-1"])}, outbox=outbox)
    assert await one.drain() == 1
    assert await effects(empty_database) == ["b-1"]
    assert await outbox.counts() == {"PENDING": 2, "LEASED": 0, "DONE": 1, "FAILED": 0}


async def test_a_stray_is_handled_alone_even_where_lots_are_handled_together(empty_database: Database):
    await fill(empty_database, "a-1", "b-1", "c-1")
    await Outbox(empty_database).lease(2, "dies", 30, ["made"])
    await empty_database.execute("MATCH (e:OutboxEntry {state: 'LEASED'}) SET e.availableAt = e.at")
    lots = Lots()
    one = worker(empty_database, lots)
    assert await one.drain() == 3
    assert sorted(map(len, lots.calls)) == [1, 1, 1]
    assert one.counts.strays == 2


async def test_a_worker_leases_no_more_than_it_has_room_for(empty_database: Database):
    await fill(empty_database, *(f"{number}-1" for number in range(60)))
    go_on = asyncio.Event()
    begun = 0

    async def slow(tx: Transaction, entries: Sequence[OutboxEntry]) -> None:
        nonlocal begun
        begun += 1
        await go_on.wait()

    one = Worker(empty_database, {}, batches={"made": slow}, concurrency=2, lot=10)
    running = asyncio.create_task(one.run())
    async with asyncio.timeout(20):
        while begun < 2:  # noqa: ASYNC110 - the worker tells nobody
            await asyncio.sleep(0.02)
    await asyncio.sleep(0.3)
    assert one.holding == 20
    assert (await Outbox(empty_database).counts())["PENDING"] == 40
    go_on.set()
    one.stop()
    await running


async def test_an_outside_world_that_hangs_holds_up_nothing_inside(empty_database: Database):
    await fill(empty_database, *(f"m{number}-1" for number in range(9)), topic="mail")
    await fill(empty_database, *(f"{number}-2" for number in range(9)))
    hangs = asyncio.Event()

    async def send(entry: OutboxEntry) -> Callable[[Transaction], Awaitable[None]] | None:
        await hangs.wait()
        return None

    one = Worker(empty_database, {}, batches={"made": Lots()}, outside={"mail": send}, concurrency=2, stop_within=0.2)
    running = asyncio.create_task(one.run())
    async with asyncio.timeout(20):
        while one.counts.done < 9:  # noqa: ASYNC110 - the worker tells nobody
            await asyncio.sleep(0.02)
    one.stop()
    await running
    counts = await Outbox(empty_database).counts()
    assert counts == {"PENDING": 9, "LEASED": 0, "DONE": 9, "FAILED": 0}, "what was cut off is given back"


async def test_a_lease_is_prolonged_while_the_outside_world_takes_its_time(empty_database: Database):
    await fill(empty_database, "a-1", topic="mail")
    begun, go_on = asyncio.Event(), asyncio.Event()

    async def send(entry: OutboxEntry) -> Callable[[Transaction], Awaitable[None]] | None:
        begun.set()
        await go_on.wait()
        return None

    async def until() -> int:
        (row,) = await empty_database.read("MATCH (e:OutboxEntry) RETURN e.availableAt.epochMillis AS until")
        return int(row["until"])

    one = Worker(empty_database, {}, outside={"mail": send}, lease=2.0)
    running = asyncio.create_task(one.run())
    async with asyncio.timeout(30):
        await begun.wait()
        first = await until()
        while await until() <= first:  # noqa: ASYNC110 - the graph tells nobody
            await asyncio.sleep(0.05)
        go_on.set()
        while not one.counts.done:  # noqa: ASYNC110 - the worker tells nobody
            await asyncio.sleep(0.02)
    one.stop()
    await running
    assert one.counts.lost == 0


async def test_what_could_not_be_given_back_while_the_database_was_away_is_given_back_later(
    empty_database: Database, monkeypatch: pytest.MonkeyPatch
):
    await fill(empty_database, "a-1", "b-1")
    away = True

    async def handler(tx: Transaction, entries: Sequence[OutboxEntry]) -> None:
        if away:
            raise DatabaseUnavailable("Neo4j does not answer")

    one = Worker(empty_database, {}, batches={"made": handler})
    release = one.outbox.release

    async def not_now(entries: Sequence[OutboxEntry]) -> None:
        if away:
            raise DatabaseUnavailable("Neo4j does not answer")
        await release(entries)

    monkeypatch.setattr(one.outbox, "release", not_now)
    running = asyncio.create_task(one.run())
    async with asyncio.timeout(20):
        while len(one._owed) < 2:  # noqa: ASYNC110 - the worker tells nobody
            await asyncio.sleep(0.02)
        away = False
        while one.counts.done < 2:  # noqa: ASYNC110 - the worker tells nobody
            await asyncio.sleep(0.02)
    one.stop()
    await running
    rows = await empty_database.read("MATCH (e:OutboxEntry) RETURN e.attempts AS attempts, e.state AS state")
    assert [(row["attempts"], row["state"]) for row in rows] == [(1, "DONE")] * 2, "no attempt is counted"
