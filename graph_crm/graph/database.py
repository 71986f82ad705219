"""One wrapper around the official async driver, for the embedded Neo4j and for yours."""

from __future__ import annotations

import asyncio
import contextvars
import random
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Self, TypeAlias, TypeVar, cast

import neo4j
from neo4j import READ_ACCESS, WRITE_ACCESS, AsyncGraphDatabase, AsyncManagedTransaction, Query, Record
from neo4j.exceptions import DriverError, Neo4jError

from graph_crm.errors import DatabaseTimeout, DatabaseUnavailable

Row: TypeAlias = Record
T = TypeVar("T")

FIRST_RETRY_SECONDS = 0.005
LAST_RETRY_SECONDS = 0.25


@dataclass
class StatementCount:
    """Statements sent in a block of code (`Database.counting`): how many, which, and how long they took in seconds."""

    statements: list[str] = field(default_factory=list)
    seconds: float = 0.0

    def __len__(self) -> int:
        return len(self.statements)


_counter: contextvars.ContextVar[StatementCount | None] = contextvars.ContextVar("statement_count", default=None)


class Transaction:
    """A running write transaction: `run` sends a statement and returns its rows."""

    def __init__(self, transaction: AsyncManagedTransaction, database: Database) -> None:
        self._transaction = transaction
        self._database = database

    async def run(self, statement: str, parameters: Mapping[str, Any] | None = None) -> list[Row]:
        """Send one statement in this transaction and return all its rows."""
        started = time.perf_counter()
        try:
            result = await self._transaction.run(statement, dict(parameters or {}))
            return [record async for record in result]
        finally:
            self._database.count(statement, time.perf_counter() - started)


class Database:
    """Reads, writes and retries; knows nothing of what is stored."""

    def __init__(self, driver: neo4j.AsyncDriver, *, name: str = "neo4j", timeout: float = 15.0) -> None:
        self._driver = driver
        self.name = name
        self.timeout = timeout
        self.statements = 0
        self.seconds = 0.0
        self.retries = 0

    @classmethod
    async def connect(
        cls, uri: str, user: str, password: str, *, name: str = "neo4j", timeout: float = 15.0, patience: float = 30.0
    ) -> Self:
        """Open a pool and wait up to ``patience`` seconds for the database to answer."""
        driver = AsyncGraphDatabase.driver(
            uri, auth=(user, password), max_connection_pool_size=64, connection_acquisition_timeout=timeout
        )
        deadline = time.monotonic() + patience
        while True:
            try:
                await driver.verify_connectivity()
                break
            except (DriverError, Neo4jError) as error:
                if time.monotonic() > deadline:
                    await driver.close()
                    raise DatabaseUnavailable(f"Neo4j does not answer: {error}") from error
                await asyncio.sleep(0.25)
        return cls(driver, name=name, timeout=timeout)

    async def close(self) -> None:
        """Close the pool."""
        await self._driver.close()

    def count(self, statement: str, seconds: float) -> None:
        """Add one statement to the totals and to the running `counting` block."""
        self.statements += 1
        self.seconds += seconds
        counter = _counter.get()
        if counter is not None:
            counter.statements.append(statement)
            counter.seconds += seconds

    @contextmanager
    def counting(self) -> Iterator[StatementCount]:
        """Count the statements sent inside the block, by this task and those it starts."""
        counter = StatementCount()
        token = _counter.set(counter)
        try:
            yield counter
        finally:
            _counter.reset(token)

    async def read(
        self, statement: str, parameters: Mapping[str, Any] | None = None, *, timeout: float | None = None
    ) -> list[Row]:
        """Run one reading statement in auto-commit (no BEGIN and COMMIT round trips) and return its rows."""
        return await self._auto_commit(statement, parameters, timeout, READ_ACCESS)

    async def execute(
        self, statement: str, parameters: Mapping[str, Any] | None = None, *, timeout: float | None = None
    ) -> list[Row]:
        """Run one writing statement in auto-commit: DDL, ``CALL {} IN TRANSACTIONS``. It is not retried."""
        return await self._auto_commit(statement, parameters, timeout, WRITE_ACCESS)

    async def _auto_commit(
        self, statement: str, parameters: Mapping[str, Any] | None, timeout: float | None, access: str
    ) -> list[Row]:
        limit = timeout or self.timeout
        query = Query(statement, timeout=limit)
        deadline = time.monotonic() + limit
        pause = FIRST_RETRY_SECONDS
        while True:
            started = time.perf_counter()
            try:
                async with self._driver.session(database=self.name, default_access_mode=access) as session:
                    result = await session.run(query, dict(parameters) if parameters else None)
                    return [record async for record in result]
            except (DriverError, Neo4jError) as error:
                if access != READ_ACCESS or not error.is_retryable() or time.monotonic() + pause > deadline:
                    raise
                self.retries += 1
            finally:
                self.count(statement, time.perf_counter() - started)
            await asyncio.sleep(pause * (0.5 + random.random()))  # noqa: S311 - jitter, not a secret
            pause = min(pause * 2, LAST_RETRY_SECONDS)

    async def write(self, work: Callable[[Transaction], Awaitable[T]], *, timeout: float | None = None) -> T:
        """Run ``work`` in one write transaction, again when Neo4j asks for it, at most ``timeout`` seconds in all.

        ``work`` may run several times: it must not have effects outside the transaction.
        """
        limit = timeout or self.timeout
        deadline = time.monotonic() + limit
        pause = FIRST_RETRY_SECONDS
        while True:
            try:
                async with self._driver.session(database=self.name, default_access_mode=WRITE_ACCESS) as session:
                    async with await session.begin_transaction(timeout=limit) as transaction:
                        answer = await work(Transaction(cast(AsyncManagedTransaction, transaction), self))
                        await transaction.commit()
                        return answer
            except (DriverError, Neo4jError) as error:
                if not error.is_retryable():
                    raise
                if time.monotonic() + pause > deadline:
                    raise DatabaseTimeout(f"The write was given up after {limit} s: {error}") from error
                self.retries += 1
            await asyncio.sleep(pause * (0.5 + random.random()))  # noqa: S311 - jitter, not a secret
            pause = min(pause * 2, LAST_RETRY_SECONDS)
