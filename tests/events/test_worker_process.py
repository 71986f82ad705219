"""Real worker processes: one that its work kills, one that is told to stop."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from graph_crm.graph.database import Database
from graph_crm.graph.failed_work import FailedWork
from graph_crm.graph.outbox import NewEntry, Outbox, put_many

pytestmark = pytest.mark.lts

PROGRAM = """
import asyncio, os, signal, sys
from graph_crm.events.worker import Worker
from graph_crm.graph.database import Database

async def effect(tx, entries):
    if any(entry.payload.get("kills") for entry in entries):
        os.kill(os.getpid(), signal.SIGKILL)  # what the system does to who takes too much memory
    for entry in entries:
        await tx.run("CREATE (:Effect {key: $key})", {"key": entry.id})
        if entry.payload.get("slow"):
            print("slow", flush=True)
            await asyncio.sleep(0.5)

async def main():
    database = await Database.connect(sys.argv[1], "neo4j", sys.argv[2])
    worker = Worker(database, {}, batches={"made": effect}, lease=1.0, lot=int(sys.argv[3]), concurrency=1)
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, worker.stop)
    print("up", flush=True)
    await worker.run()
    await database.close()

asyncio.run(main())
"""


def start(address: tuple[str, str], lot: int) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(PROGRAM), *address, str(lot)],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
    )


async def line(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return (await asyncio.to_thread(process.stdout.readline)).strip()


async def test_an_entry_that_kills_its_worker_is_set_aside_and_takes_nobody_with_it(
    empty_database: Database, neo4j_address: tuple[str, str]
):
    entries = [NewEntry("made", f"c{n}", {"kills": n == 7}, f"e{n:02d}") for n in range(20)]
    await empty_database.write(lambda tx: put_many(tx, entries))
    deaths = 0
    worker = start(neo4j_address, 20)
    async with asyncio.timeout(60):
        while (await Outbox(empty_database).counts())["DONE"] < 19 or not await FailedWork(empty_database).failed():
            if worker.poll() is not None:
                deaths += 1
                assert worker.stdout is not None
                worker.stdout.close()
                worker = start(neo4j_address, 20)
            await asyncio.sleep(0.05)
    worker.terminate()
    assert await asyncio.to_thread(worker.wait) == 0
    assert worker.stdout is not None
    worker.stdout.close()
    (failed,) = await FailedWork(empty_database).failed()
    assert failed.id == "e07"
    assert "worker was lost 3 times" in (failed.error or "")
    assert deaths == 4  # once in company, three times alone
    rows = await empty_database.read("MATCH (e:Effect) RETURN e.key AS key ORDER BY key")
    assert [row["key"] for row in rows] == [one.key for one in entries if one.key != "e07"]


async def test_told_to_stop_a_worker_finishes_what_it_began_and_gives_the_rest_back(
    empty_database: Database, neo4j_address: tuple[str, str]
):
    entries = [NewEntry("made", f"c{n}", {"slow": True}, f"e{n}") for n in range(6)]
    await empty_database.write(lambda tx: put_many(tx, entries))
    worker = start(neo4j_address, 2)
    assert [await line(worker), await line(worker)] == ["up", "slow"]
    worker.send_signal(signal.SIGTERM)
    async with asyncio.timeout(20):
        assert await asyncio.to_thread(worker.wait) == 0
    assert worker.stdout is not None
    worker.stdout.close()
    assert await Outbox(empty_database).counts() == {"PENDING": 4, "LEASED": 0, "DONE": 2, "FAILED": 0}
