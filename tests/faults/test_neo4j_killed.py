"""Neo4j itself is killed under a running server and worker, and comes back: both go on by themselves."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from bolt_proxy import BoltProxy
from faulty_bank import PATIENCE, FaultyBank, until

from graph_crm.graph.database import Database
from graph_crm.graph.engine import Engine, EngineConfig
from graph_crm.graph.outbox import Outbox
from graph_crm.products.catalogue import load_catalogue

pytestmark = [pytest.mark.long, pytest.mark.lts]

CREATE = 'mutation M($key: String!) { createPerson(input: {displayName: "Kept", idempotencyKey: $key}) { id } }'
EVENT = """mutation M($id: ID!, $key: ID!) {
  recordEvent(input: {type: "atm_balance_check", partyId: $id, id: $key}) { id } }"""


@pytest.fixture
async def own(engine_cache: Path, engine_version: str, tmp_path: Path) -> AsyncIterator[tuple[Engine, FaultyBank]]:
    """A bank with a Neo4j of its own: one server and one worker."""
    config = EngineConfig(
        data_dir=tmp_path / "neo4j", cache_dir=engine_cache, version=engine_version, heap_mb=512, pagecache_mb=128
    )
    with Engine(config) as engine:
        address = engine.ensure_running()
        database = await Database.connect(address.uri, address.user, address.password)
        bank = FaultyBank((address.uri, address.password), BoltProxy(address.uri), database, tmp_path)
        try:
            bank.serve("server", bank.first)
            await until(lambda: bank.ready(bank.first), "the server is ready")
            bank.run("worker", "worker")
            await load_catalogue(database)
            yield engine, bank
        finally:
            await bank.stop()
            await database.close()


async def test_a_killed_neo4j_is_told_at_once_and_server_and_worker_go_on_when_it_is_back(
    own: tuple[Engine, FaultyBank],
):
    engine, bank = own
    party = (await bank.ask(bank.first, CREATE, key="before"))["data"]["createPerson"]["id"]
    assert "errors" not in await bank.ask(bank.first, EVENT, id=party, key="event:before")
    pid = engine.status().pid
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    waiting = [asyncio.create_task(bank.ask(bank.first, CREATE, key=f"meanwhile {n}")) for n in range(5)]
    await until(lambda: bank.not_ready(bank.first), "readiness goes red")
    async with asyncio.timeout(PATIENCE):
        answers = await asyncio.gather(*waiting)
    codes = {one["extensions"]["code"] for answer in answers for one in answer.get("errors", ())}
    assert codes <= {"DATABASE_UNAVAILABLE"}
    await until(lambda: bank.ready(bank.first), "readiness goes green")
    again = [await bank.ask(bank.first, CREATE, key=f"meanwhile {n}") for n in range(5)]
    assert not [answer for answer in again if "errors" in answer]
    for before, after in zip(answers, again, strict=True):
        if "errors" not in before:
            assert after["data"] == before["data"], "what was answered is stored"
    assert "errors" not in await bank.ask(bank.first, EVENT, id=party, key="event:after")

    async def decided() -> bool:
        counts = await Outbox(bank.database).counts()
        return counts["PENDING"] + counts["LEASED"] == 0

    await until(decided, "the worker goes on")
    (row,) = await bank.database.read(
        "MATCH (p:Party) OPTIONAL MATCH (p)-[:DID]->(e) RETURN count(DISTINCT p) AS parties, count(e) AS events"
    )
    assert (row["parties"], row["events"]) == (6, 2)
    assert [process.poll() for process in bank.processes.values()] == [None, None], "nobody had to be started again"
