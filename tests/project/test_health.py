"""What an operator's machines see: alive, ready, measured."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from graph_crm.api import health
from graph_crm.api.metrics import PlatformCollector, text
from graph_crm.api.platform import Platform
from graph_crm.errors import DatabaseUnavailable
from graph_crm.events.worker import Worker
from graph_crm.graph.database import Database
from graph_crm.graph.outbox import put
from graph_crm.rules.booked import Plugin
from graph_crm.rules.manager import RuleBook
from graph_crm.security.tokens import Verifier
from graph_crm.settings import Settings


@pytest.fixture
def platform(database: Database, tmp_path: Path) -> Platform:
    settings = Settings(data_dir=tmp_path, neo4j_uri=None)
    return Platform(settings, database, Verifier("x" * 40), RuleBook.load([], installed=False))


@pytest.fixture
async def client(platform: Platform) -> AsyncIterator[httpx.AsyncClient]:
    async def broken(_request: object) -> PlainTextResponse:
        raise RuntimeError("broken")

    app = Starlette(
        routes=[*health.routes(platform), Route("/broken", broken)], middleware=[Middleware(health.Observed)]
    )
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
        yield client


async def measured(client: httpx.AsyncClient) -> dict[tuple[str, ...], float]:
    answer = await client.get("/metrics")
    assert answer.headers["content-type"].startswith("text/plain")
    return {
        (sample.name, *sample.labels.values()): sample.value
        for family in text_string_to_metric_families(answer.text)
        for sample in family.samples
    }


async def test_a_running_process_is_alive(client: httpx.AsyncClient) -> None:
    answer = await client.get("/healthz")
    assert (answer.status_code, answer.json()["status"]) == (200, "ok")


async def test_a_migrated_database_is_ready(client: httpx.AsyncClient) -> None:
    answer = await client.get("/readyz")
    assert (answer.status_code, answer.json()["status"]) == (200, "ready")


async def test_a_ready_process_names_its_plugins_that_are_out_of_force(
    client: httpx.AsyncClient, platform: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "plugins" not in (await client.get("/readyz")).json()
    failing = Plugin("mine", "mine.py", ("propose",), problem="keeps failing", suspended=True)
    monkeypatch.setattr(platform.rules, "plugins", [failing])
    answer = await client.get("/readyz")
    assert (answer.status_code, answer.json()["plugins"]) == (200, {"mine": "suspended"})


async def test_a_database_that_is_not_migrated_is_not_ready(client: httpx.AsyncClient, database: Database) -> None:
    await database.execute("MATCH (m:Migration {number: 1}) SET m.number = -1")
    try:
        answer = await client.get("/readyz")
    finally:
        await database.execute("MATCH (m:Migration {number: -1}) SET m.number = 1")
    assert answer.status_code == 503
    assert "graph-crm migrate" in answer.json()["reason"]


async def test_a_database_that_is_away_makes_the_server_not_ready_but_alive_and_measured(
    platform: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def unavailable(*_: object, **__: object) -> None:
        raise DatabaseUnavailable("Neo4j does not answer.")

    monkeypatch.setattr(platform.database, "read", unavailable)
    app = Starlette(routes=health.routes(platform))
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://test") as client:
        assert (await client.get("/healthz")).status_code == 200
        ready = await client.get("/readyz")
        assert ready.status_code == 503
        assert ready.json()["reason"].startswith("DATABASE_UNAVAILABLE")
        assert ("graph_crm_info", "0.1.0") in await measured(client)


async def test_requests_are_counted_by_path_and_status_and_unknown_paths_share_one_name(
    client: httpx.AsyncClient,
) -> None:
    before = await measured(client)
    await client.get("/nowhere/at/all")
    await client.get("/another?x=1")
    await client.get("/broken")
    after = await measured(client)
    missing, failed = (("graph_crm_requests_total", "other", status) for status in ("404", "500"))
    assert after[missing] - before.get(missing, 0) == 2
    assert after[failed] - before.get(failed, 0) == 1
    assert not any("/nowhere" in name for name in after)


async def test_statements_are_counted(client: httpx.AsyncClient, database: Database) -> None:
    before = await measured(client)
    await database.read("RETURN 1")
    after = await measured(client)
    name = ("graph_crm_statement_seconds_count", "read")
    assert after[name] - before[name] >= 1
    assert after["graph_crm_statement_seconds_bucket", "read", "+Inf"] == after[name]


async def test_work_that_waits_is_seen_with_its_age(client: httpx.AsyncClient, empty_database: Database) -> None:
    assert (await measured(client))["graph_crm_outbox_entries", "pending"] == 0
    await empty_database.write(lambda tx: put(tx, "event.recorded", "p1", {"eventId": "e1"}, "e1"))
    await empty_database.execute("MATCH (e:OutboxEntry) SET e.at = e.at - duration({minutes: 5})")
    after = await measured(client)
    assert after["graph_crm_outbox_entries", "pending"] == 1
    assert 300 <= after["graph_crm_outbox_lag_seconds", "pending"] < 400


async def test_rules_and_worker_are_counted(database: Database) -> None:
    root = Path(__file__).parents[2]
    book = RuleBook.load([root / "plugins"], installed=False)
    book.rule("atm_balance_loan").counters.evaluated = 3
    book.rule("atm_balance_loan").counters.passed = 1
    in_shadow = book.switched({"atm_balance_loan": "shadow"}).rule("atm_balance_loan").counters
    in_shadow.evaluated, in_shadow.passed = 1, 1
    worker = Worker(database, {})
    worker.counts.done = 7
    shown = text(PlatformCollector(database, book, worker=worker)).decode()
    assert 'graph_crm_rule_results_total{result="yes",rule="atm_balance_loan"} 2.0' in shown
    assert 'graph_crm_rule_results_total{result="no",rule="atm_balance_loan"} 2.0' in shown
    assert 'graph_crm_worker_entries_total{result="done"} 7.0' in shown
