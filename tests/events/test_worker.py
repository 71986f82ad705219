"""The worker: every entry is handled with its effect exactly once, whoever dies in between."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from graph_crm.events.worker import Worker
from graph_crm.graph.database import Database, Transaction
from graph_crm.graph.outbox import Outbox, OutboxEntry, put

pytestmark = pytest.mark.lts

EFFECT = "CREATE (:Effect {key: $key, by: $by})"


async def fill(database: Database, keys: list[str]) -> None:
    async def work(tx: Transaction) -> None:
        for key in keys:
            await put(tx, "made", key.partition("-")[0], {"key": key}, key)

    await database.write(work)


async def effect(tx: Transaction, entry: OutboxEntry) -> None:
    await tx.run(EFFECT, {"key": entry.id, "by": entry.worker})


async def effects(database: Database) -> list[str]:
    return [row["key"] for row in await database.read("MATCH (e:Effect) RETURN e.key AS key ORDER BY key")]


async def until(true: Callable[[], bool], seconds: float = 20.0) -> None:
    async with asyncio.timeout(seconds):
        while not true():  # noqa: ASYNC110 - the worker tells nobody
            await asyncio.sleep(0.02)


async def stopped(worker: Worker, running: asyncio.Task[None]) -> None:
    worker.stop()
    async with asyncio.timeout(10):
        await running


async def test_several_workers_handle_everything_once(empty_database: Database):
    keys = [f"{i % 7}-{i:03d}" for i in range(60)]
    await fill(empty_database, keys)
    workers = [Worker(empty_database, {"made": effect}, concurrency=3) for _ in range(3)]
    tasks = [asyncio.create_task(worker.run()) for worker in workers]
    await until(lambda: sum(worker.counts.done for worker in workers) == len(keys))
    for worker, task in zip(workers, tasks, strict=True):
        await stopped(worker, task)
    assert await effects(empty_database) == sorted(keys)
    assert (await Outbox(empty_database).counts())["DONE"] == len(keys)


async def test_an_idle_worker_takes_up_new_work_soon(empty_database: Database):
    worker = Worker(empty_database, {"made": effect})
    running = asyncio.create_task(worker.run())
    await asyncio.sleep(0.6)
    started = time.monotonic()
    await fill(empty_database, ["a-1"])
    await until(lambda: worker.counts.done == 1)
    assert time.monotonic() - started < 1.0
    await stopped(worker, running)


async def test_a_handler_that_fails_leaves_no_effect_and_is_asked_again(empty_database: Database):
    calls = 0

    async def shaky(tx: Transaction, entry: OutboxEntry) -> None:
        nonlocal calls
        calls += 1
        await effect(tx, entry)
        if calls < 3:
            raise RuntimeError("not today")

    await fill(empty_database, ["a-1"])
    outbox = Outbox(empty_database, first_backoff=0.01, last_backoff=0.02)
    worker = Worker(empty_database, {"made": shaky}, outbox=outbox)
    running = asyncio.create_task(worker.run())
    await until(lambda: worker.counts.done == 1)
    await stopped(worker, running)
    assert (calls, worker.counts.failed) == (3, 2)
    assert await effects(empty_database) == ["a-1"]


async def test_a_handler_that_never_succeeds_does_not_hold_up_other_customers(empty_database: Database):
    async def broken(tx: Transaction, entry: OutboxEntry) -> None:
        if entry.partition_key == "a":
            raise RuntimeError("never")
        await effect(tx, entry)

    await fill(empty_database, ["a-1", "b-1", "c-1"])
    outbox = Outbox(empty_database, max_attempts=2, first_backoff=0.01)
    worker = Worker(empty_database, {"made": broken}, outbox=outbox)
    running = asyncio.create_task(worker.run())
    await until(lambda: worker.counts.done == 2 and worker.counts.failed == 2)
    await stopped(worker, running)
    assert (await outbox.counts())["FAILED"] == 1
    error = await empty_database.read("MATCH (e:OutboxEntry {id: 'a-1'}) RETURN e.error AS error")
    assert error[0]["error"] == "RuntimeError: never"


@pytest.mark.parametrize("lots", [True, False])
async def test_what_a_handler_waits_for_may_be_cancelled_without_ending_the_worker(
    empty_database: Database, *, lots: bool
):
    async def impatient(tx: Transaction, entry: OutboxEntry) -> None:
        await effect(tx, entry)
        if entry.partition_key == "a":
            inner = asyncio.create_task(asyncio.sleep(60))
            inner.cancel()
            await inner

    async def each(tx: Transaction, entries: Sequence[OutboxEntry]) -> None:
        for entry in entries:
            await impatient(tx, entry)

    await fill(empty_database, ["a-1", "b-1", "c-1"])
    outbox = Outbox(empty_database, max_attempts=1)
    given = {"handlers": {}, "batches": {"made": each}} if lots else {"handlers": {"made": impatient}}
    worker = Worker(empty_database, outbox=outbox, **given)  # type: ignore[arg-type]  # one or the other
    assert await worker.drain() == 2
    assert (worker.counts.failed, await effects(empty_database)) == (1, ["b-1", "c-1"])
    error = await empty_database.read("MATCH (e:OutboxEntry {id: 'a-1'}) RETURN e.error AS error")
    assert error[0]["error"].startswith("CancelledError")


async def test_stop_finishes_what_is_begun_and_gives_the_rest_back(empty_database: Database):
    begun, go_on = asyncio.Event(), asyncio.Event()

    async def slow(tx: Transaction, entry: OutboxEntry) -> None:
        begun.set()
        await go_on.wait()
        await effect(tx, entry)

    await fill(empty_database, ["a-1", "b-1", "c-1"])
    worker = Worker(empty_database, {"made": slow}, concurrency=1)
    running = asyncio.create_task(worker.run())
    await begun.wait()
    worker.stop()
    go_on.set()
    await running
    assert len(await effects(empty_database)) == 1
    assert await Outbox(empty_database).counts() == {"PENDING": 2, "LEASED": 0, "DONE": 1, "FAILED": 0}


async def test_a_slow_worker_whose_lease_ran_out_has_no_effect(empty_database: Database):
    await fill(empty_database, ["a-1"])
    slow = Worker(empty_database, {"made": effect}, lease=0.05)
    entries = await slow.outbox.lease(1, slow.name, 0.05, ["made"])
    await asyncio.sleep(0.1)
    assert await Worker(empty_database, {"made": effect}).drain() == 1
    await slow._one_by_one(entries)
    assert (slow.counts.done, slow.counts.lost) == (0, 1)
    assert await effects(empty_database) == ["a-1"]


PROGRAM = """
import asyncio, sys
from graph_crm.events.worker import Worker
from graph_crm.graph.database import Database

async def effect(tx, entry):
    await tx.run("CREATE (:Effect {key: $key, by: $by})", {"key": entry.id, "by": entry.worker})
    print(entry.id, flush=True)

async def main():
    database = await Database.connect(sys.argv[1], "neo4j", sys.argv[2])
    await Worker(database, {"made": effect}, concurrency=4, lease=1.0, name=sys.argv[3]).run()

asyncio.run(main())
"""


async def test_workers_killed_in_the_middle_lose_and_double_nothing(
    empty_database: Database, neo4j_address: tuple[str, str]
):
    keys = [f"{i % 40}-{i:04d}" for i in range(240)]
    await fill(empty_database, keys)

    def start(name: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-c", textwrap.dedent(PROGRAM), *neo4j_address, name],
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
        )

    for place in range(3):
        victim = start(f"victim-{place}")
        assert victim.stdout is not None
        for _ in range(20):
            await asyncio.to_thread(victim.stdout.readline)
        victim.send_signal(signal.SIGKILL)
        await asyncio.to_thread(victim.wait)
        victim.stdout.close()
    survivors = [Worker(empty_database, {"made": effect}, lease=5.0) for _ in range(2)]
    tasks = [asyncio.create_task(worker.run()) for worker in survivors]
    async with asyncio.timeout(60):
        while (await Outbox(empty_database).counts())["DONE"] < len(keys):  # noqa: ASYNC110 - the graph tells nobody
            await asyncio.sleep(0.1)
    for worker, task in zip(survivors, tasks, strict=True):
        await stopped(worker, task)
    assert await effects(empty_database) == sorted(keys)


async def test_a_cancelled_worker_leaves_whole_effects_only(empty_database: Database):
    await fill(empty_database, [f"{i}-1" for i in range(30)])
    worker = Worker(empty_database, {"made": effect}, lease=0.2)
    running = asyncio.create_task(worker.run())
    await until(lambda: worker.counts.done > 3)
    running.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await running
    await asyncio.sleep(0.3)
    await Worker(empty_database, {"made": effect}).drain()
    assert await effects(empty_database) == sorted(f"{i}-1" for i in range(30))
