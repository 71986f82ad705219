"""Fixtures for every test: one Neo4j a run, an empty graph where a test asks for it."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from graph_crm.graph.database import Database
from graph_crm.graph.migrations import Migrator
from graph_crm.resources import folder


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real and standard data beside the checkout; skips where it is absent."""
    data = Path(__file__).parents[1].parent / "shared" / "data"
    if not data.is_dir():
        pytest.skip(f"no real data: {data} is absent")
    return data


@pytest.fixture(scope="session")
def neo4j_address() -> tuple[str, str]:
    """Address and password of this run's Neo4j; the user is neo4j."""
    return os.environ["GRAPH_CRM_TEST_NEO4J_URI"], os.environ.get("GRAPH_CRM_TEST_NEO4J_PASSWORD", "devpassword")


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
    await database.execute(
        "MATCH (n) WHERE NOT n:Migration AND NOT n:Lock CALL (n) { DETACH DELETE n } IN TRANSACTIONS OF 5000 ROWS"
    )
    return database
