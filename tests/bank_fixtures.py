"""Fixtures over the small bank: it alone in Neo4j, the executor over it, and the oracle beside it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest
from reference import Reference
from small_bank import Bank, small_bank, store

from graph_crm.api.execution import Executor, Request
from graph_crm.api.schema import MappedSchema, platform_schema
from graph_crm.graph.database import Database
from graph_crm.security.roles import Caller, Role

Ask = Callable[..., Awaitable[dict[str, Any]]]


@pytest.fixture(scope="session")
def schema() -> MappedSchema:
    """The platform's schema."""
    return platform_schema()


@pytest.fixture(scope="module")
async def bank(database: Database) -> AsyncIterator[Bank]:
    """The small bank, alone in the database."""
    empty = "MATCH (n) WHERE NOT n:Migration AND NOT n:Lock DETACH DELETE n"
    await database.execute(empty)
    made = small_bank()
    await store(database, made)
    yield made
    await database.execute(empty)


@pytest.fixture(scope="module")
def reference(bank: Bank, schema: MappedSchema) -> Reference:
    """What the answers must be."""
    return Reference(schema.registry, schema.sdl(), bank)


@pytest.fixture(scope="module")
def executor(database: Database, schema: MappedSchema) -> Executor:
    """What answers."""
    return Executor(schema, database)


@pytest.fixture(scope="module")
def ask(executor: Executor) -> Ask:
    """Ask as an administrator, who sees everything, for a whole response."""

    async def ask(query: str, /, *, explain: bool = False, **variables: Any) -> dict[str, Any]:
        return await executor.execute(Request(query, Caller("test", Role.ADMINISTRATOR), variables, explain=explain))

    return ask


async def emptied(database: Database) -> Database:
    """``database`` without any data."""
    await database.execute(
        "MATCH (n) WHERE NOT n:Migration AND NOT n:Lock CALL (n) { DETACH DELETE n } IN TRANSACTIONS OF 5000 ROWS",
        timeout=180.0,  # a whole bank may be in the way
    )
    return database
