"""Fixtures for every test: one Neo4j a run, an empty graph where a test asks for it."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from graph_crm.graph.database import Database


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real and standard data beside the checkout; skips where it is absent."""
    folder = Path(__file__).parents[1].parent / "shared" / "data"
    if not folder.is_dir():
        pytest.skip(f"no real data: {folder} is absent")
    return folder


@pytest.fixture(scope="session")
async def database() -> AsyncIterator[Database]:
    """The Neo4j of this run, migrated; content is whatever the tests before left (see `empty_database`)."""
    uri = os.environ["GRAPH_CRM_TEST_NEO4J_URI"]
    password = os.environ.get("GRAPH_CRM_TEST_NEO4J_PASSWORD", "devpassword")
    db = await Database.connect(uri, "neo4j", password)
    yield db
    await db.close()


@pytest.fixture
async def empty_database(database: Database) -> Database:
    """The same database without any data (constraints and indexes stay)."""
    await database.execute(
        "MATCH (n) WHERE NOT n:Migration AND NOT n:Lock CALL (n) { DETACH DELETE n } IN TRANSACTIONS OF 5000 ROWS"
    )
    return database
