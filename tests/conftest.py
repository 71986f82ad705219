"""Fixtures for every test: one Neo4j for each process of a run, an empty graph where a test asks for it."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from bank_fixtures import emptied
from platformdirs import user_cache_path

from graph_crm.graph.database import Database
from graph_crm.graph.engine import Engine, EngineConfig
from graph_crm.graph.engine.config import CURRENT_VERSION
from graph_crm.graph.engine.program import Program
from graph_crm.graph.migrations import Migrator
from graph_crm.resources import folder


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the files that take longest, so that no process waits for another one's at the end."""
    items.sort(key=lambda item: item.get_closest_marker("long") is None)


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real and standard data beside the checkout; skips where it is absent."""
    data = Path(__file__).parents[1].parent / "shared" / "data"
    if not data.is_dir():
        pytest.skip(f"no real data: {data} is absent")
    return data


@pytest.fixture(scope="session")
def engine_version() -> str:
    """The Neo4j that this run is about: GRAPH_CRM_TEST_NEO4J_VERSION, else the current one."""
    return os.environ.get("GRAPH_CRM_TEST_NEO4J_VERSION", CURRENT_VERSION)


@pytest.fixture(scope="session")
def engine_cache(engine_version: str) -> Path:
    """A cache that holds the Neo4j of this run: the user's, so that it is fetched once and not for every run."""
    cache = Path(os.environ.get("GRAPH_CRM_CACHE_DIR") or user_cache_path("graph-crm", appauthor=False))
    Engine(EngineConfig(data_dir=cache, cache_dir=cache, version=engine_version)).install()
    return cache


@pytest.fixture(scope="session")
def neo4j_address(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[str, str]]:
    """Address and password of this run's Neo4j; the user is neo4j.

    GRAPH_CRM_TEST_NEO4J_URI names one that runs (its password: GRAPH_CRM_TEST_NEO4J_PASSWORD, else `devpassword`),
    or several with commas between, one for each process of `-n`; otherwise each process starts an embedded one.
    """
    uris = [one for one in os.environ.get("GRAPH_CRM_TEST_NEO4J_URI", "").split(",") if one]
    if uris:
        turn = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
        if turn >= len(uris):
            pytest.exit("GRAPH_CRM_TEST_NEO4J_URI must name a Neo4j for each process of -n: tests empty theirs", 4)
        yield uris[turn], os.environ.get("GRAPH_CRM_TEST_NEO4J_PASSWORD", "devpassword")
        return
    config = EngineConfig(
        data_dir=tmp_path_factory.mktemp("neo4j"),
        cache_dir=request.getfixturevalue("engine_cache"),
        version=request.getfixturevalue("engine_version"),
        heap_mb=1024,
        pagecache_mb=256,
    )
    with Engine(config) as engine:
        with pytest.MonkeyPatch.context() as patch:
            # Tests plan many statements once each: what Java's second compiler costs does not come back in one run.
            server = Program.server
            quick = ("-XX:TieredStopAtLevel=1",)
            patch.setattr(
                Program, "server", lambda *given, flags=(), **named: server(*given, flags=(*flags, *quick), **named)
            )
            address = engine.ensure_running()
        yield address.uri, address.password


@pytest.fixture(scope="session")
async def database(neo4j_address: tuple[str, str]) -> AsyncIterator[Database]:
    """The Neo4j of this run, migrated; content is whatever the tests before left (see `empty_database`)."""
    uri, password = neo4j_address
    db = await Database.connect(uri, "neo4j", password)
    await Migrator(db, folder("schema") / "migrations").migrate()
    yield db
    await db.close()


@pytest.fixture
async def empty_database(database: Database) -> Database:
    """The same database without any data (constraints and indexes stay)."""
    return await emptied(database)
