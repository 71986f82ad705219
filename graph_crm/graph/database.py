"""One wrapper around the official async driver, for the embedded Neo4j and for yours.

A read is one statement in auto-commit: half the cost of an explicit transaction, and safe to repeat. A write is a
managed transaction, repeated while Neo4j asks for it. Sessions are kept and used again, because making one costs as
much as a small read. Every call is bounded twice: the limit is carried to the server, and a little later the client
gives up by itself, so that a server that hangs can't hang the platform.
"""

from __future__ import annotations

import asyncio
import contextvars
import logging
import random
import re
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Protocol, Self, TypeAlias, TypeVar
from urllib.parse import urlsplit

import neo4j
from neo4j import READ_ACCESS, WRITE_ACCESS, AsyncGraphDatabase, AsyncManagedTransaction, AsyncSession, Query, Record
from neo4j.exceptions import AuthError

from graph_crm.clock import CLOCK
from graph_crm.errors import (
    ConfigurationError,
    CrmError,
    DatabaseBusy,
    DatabaseRefused,
    DatabaseTimeout,
    DatabaseUnavailable,
)
from graph_crm.graph.deadlines import left
from graph_crm.graph.faults import (
    DRIVER_ERRORS,
    REPEAT_WITH_KEY,
    UNKNOWN_OUTCOME,
    UNSENDABLE,
    code_of,
    outcome_unknown,
    repeatable,
    translate,
    unreachable,
    unwritable,
)
from graph_crm.graph.metrics import DatabaseMetrics
from graph_crm.graph.outage import Outage
from graph_crm.graph.parameters import as_sent
from graph_crm.graph.turns import Turns

Row: TypeAlias = Record
Settle: TypeAlias = Callable[[bool], None]
"""Told whether the transaction was committed."""
T = TypeVar("T")

FIRST_RETRY_SECONDS = 0.005
LAST_RETRY_SECONDS = 0.25
MAX_ATTEMPTS = 60
GRACE_SECONDS = 2.0
"""How much longer than the limit the client waits: Neo4j looks at its clock only now and then."""
OLDEST_VERSION = (5, 26)

# On a node that is unique by its name, so that servers that try at once leave one.
TRIAL = "MERGE (l:Lock {name: 'can be written'}) SET l.turn = coalesce(l.turn, 0) + 1"
COMPONENTS = """
CALL dbms.components() YIELD edition
RETURN edition, datetime.realtime().epochMillis AS now LIMIT 1
"""

_SCHEMES = frozenset({"bolt", "bolt+s", "bolt+ssc", "neo4j", "neo4j+s", "neo4j+ssc"})
_logger = logging.getLogger(__name__)


@dataclass
class StatementCount:
    """Statements sent in a block of code (`Database.counting`): how many, which, and how long they took in seconds."""

    statements: list[str] = field(default_factory=list)
    seconds: float = 0.0

    def __len__(self) -> int:
        return len(self.statements)


_counter: contextvars.ContextVar[StatementCount | None] = contextvars.ContextVar("statement_count", default=None)


def _sent_again(*, repeat: bool, idempotent: bool) -> Callable[[Exception], bool]:
    """Which errors let a writing statement be sent again: never those after which it may have had its effect."""

    def again(error: Exception) -> bool:
        return repeat and repeatable(error) and (idempotent or not unreachable(error))

    return again


def _scheme_of(uri: str) -> str:
    """How to talk to the address. Raises ConfigurationError where it is none."""
    parts = urlsplit(uri)
    try:
        usable = parts.scheme in _SCHEMES and bool(parts.hostname) and parts.port != 0
    except ValueError:  # the port is no number
        usable = False
    if not usable:
        raise ConfigurationError(
            "The address of Neo4j can't be used",
            hint="Use bolt://host:7687 for one server or neo4j://host:7687 for a cluster",
        )
    return parts.scheme


class Journal(Protocol):
    """Writes down each change in its own transaction (`graph_crm.audit.journal`)."""

    def wanted(self) -> bool:
        """Whether what this context changes is to be written down."""

    async def append(self, tx: Transaction) -> Settle:
        """Write it down, as the last thing that ``tx`` does; then be told how it ended."""


class Transaction:
    """A running write transaction: `run` sends a statement and returns its rows."""

    def __init__(self, transaction: AsyncManagedTransaction, database: Database) -> None:
        self._transaction = transaction
        self._database = database
        self.notes: list[Any] = []
        """What the database's journal is to write down with this change."""

    async def run(self, statement: str, parameters: Mapping[str, Any] | None = None) -> list[Row]:
        """Send one statement in this transaction and return all its rows.

        An error ends the transaction, also when the caller catches it.

        Raises: AlreadyExists where a unique value is taken, and the other errors of the database.
        """
        started = time.perf_counter()
        try:
            text, sent = as_sent(statement, parameters)
            result = await self._transaction.run(text, sent)
            return [record async for record in result]
        except (*DRIVER_ERRORS, *UNSENDABLE) as error:
            raise translate(error) from error
        finally:
            self._database.count(statement, time.perf_counter() - started, WRITE_ACCESS)


class _Attempts:
    """How often and how long one call may be repeated, and how long to pause before the next attempt."""

    __slots__ = ("_deadline", "_made", "_patience_ends", "_pause", "limit")

    def __init__(self, limit: float, patience: float) -> None:
        now = time.monotonic()
        self.limit = limit
        self._deadline = now + limit
        self._patience_ends = now + min(patience, limit)
        self._pause = FIRST_RETRY_SECONDS
        self._made = 0

    @property
    def remaining(self) -> float:
        """Seconds that the next attempt may take; never zero, which Neo4j reads as no limit."""
        return max(self._deadline - time.monotonic(), 0.01) if self._made else self.limit

    def may_repeat(self, error: Exception) -> bool:
        """Whether one more attempt fits, after this error."""
        self._made += 1
        end = self._patience_ends if unreachable(error) else self._deadline
        return self._made < MAX_ATTEMPTS and time.monotonic() + self._pause < end

    async def pause(self) -> None:
        """Wait before the next attempt, each time about twice as long, with chance so that rivals don't meet again."""
        await asyncio.sleep(self._pause * (0.5 + random.random()))  # noqa: S311 - jitter, not a secret
        self._pause = min(self._pause * 2, LAST_RETRY_SECONDS)


class Database:
    """Reads, writes and retries; knows nothing of what is stored. Belongs to one event loop.

    ``timeout`` bounds a call in seconds where the call names no other; ``patience`` bounds how long a call waits for a
    server that can't be reached; statements slower than ``slow`` seconds are logged without their parameters.
    """

    def __init__(
        self,
        driver: neo4j.AsyncDriver,
        *,
        name: str = "neo4j",
        timeout: float = 15.0,
        patience: float = 5.0,
        slow: float = 1.0,
        bookmarks: neo4j.api.AsyncBookmarkManager | None = None,
        pool_size: int = 64,
    ) -> None:
        self._driver = driver
        self._turns = Turns(pool_size)
        self._bookmarks = bookmarks
        self._idle: dict[str, list[AsyncSession]] = {READ_ACCESS: [], WRITE_ACCESS: []}
        self._closed = False
        self.outage = Outage(self._is_there)
        self.name = name
        self.timeout = timeout
        self.patience = patience
        self.slow = slow
        self.metrics = DatabaseMetrics()
        self.writes_fail = False
        """Whether the last write was refused by a server that answers: a full disk, a store that is read-only."""
        self.journal: Journal | None = None
        """What writes changes down; None: nobody does."""
        self.version = ""
        self.edition = ""

    @classmethod
    async def connect(
        cls,
        uri: str,
        user: str,
        password: str,
        *,
        name: str = "neo4j",
        timeout: float = 15.0,
        patience: float = 30.0,
        pool_size: int = 64,
        slow: float = 1.0,
    ) -> Self:
        """Open a pool and wait up to ``patience`` seconds for the database to answer.

        Raises: ConfigurationError for an address that can't be used, DatabaseRefused for a wrong password (at once: a
        second wrong one would only feed Neo4j's rate limit), an unknown database name or a version before 5.26,
        DatabaseUnavailable when nothing answers in time.
        """
        scheme = _scheme_of(uri)
        routed = scheme.startswith("neo4j")
        try:
            driver = AsyncGraphDatabase.driver(
                uri,
                auth=(user, password),
                max_connection_pool_size=pool_size + 1,  # one to ask whether the server is there
                connection_timeout=min(timeout, 5.0),
                connection_acquisition_timeout=timeout,
                liveness_check_timeout=60.0,
                max_transaction_retry_time=-1.0,  # the loop here retries: bounded in time and count, and counted
                fetch_size=-1,
                telemetry_disabled=True,
                notifications_min_severity="OFF",
            )
        except (*DRIVER_ERRORS, *UNSENDABLE) as error:
            raise ConfigurationError(f"The address of Neo4j can't be used: {error}") from error
        # One server shows a client its own writes; only a cluster needs to be told what to wait for.
        bookmarks = AsyncGraphDatabase.bookmark_manager() if routed else None
        database = cls(driver, name=name, timeout=timeout, slow=slow, bookmarks=bookmarks, pool_size=pool_size)
        try:
            await database._wait_until_up(patience)
        except BaseException:
            await database.close()
            raise
        return database

    async def _wait_until_up(self, patience: float) -> None:
        """Ask for version and edition until Neo4j answers; a refusal is final."""
        deadline = time.monotonic() + patience
        while True:
            try:
                async with asyncio.timeout(max(deadline - time.monotonic(), 0.5)):
                    agent = (await self._driver.get_server_info()).agent
                    asked = time.monotonic()
                    rows = await self.read(COMPONENTS, timeout=5.0)
                    CLOCK.compare(rows[0]["now"] / 1000, asked=asked, answered=time.monotonic())
                break
            except DatabaseRefused:
                raise
            except (*DRIVER_ERRORS, CrmError, TimeoutError) as error:
                reason = translate(error) if isinstance(error, DRIVER_ERRORS) else error
                if isinstance(error, AuthError) or isinstance(reason, DatabaseRefused):
                    raise reason from error
                if time.monotonic() + LAST_RETRY_SECONDS > deadline:
                    raise DatabaseUnavailable(
                        f"Neo4j did not answer within {patience:g} s",
                        hint="Check NEO4J_URI and that the database runs; `graph-crm doctor` says what is wrong",
                    ) from error
            await asyncio.sleep(LAST_RETRY_SECONDS)
        self.version = agent.partition("/")[2]
        self.edition = rows[0]["edition"]
        numbers = tuple(int(part) for part in re.findall(r"\d+", self.version)[:2])
        if numbers < OLDEST_VERSION:
            raise DatabaseRefused(
                f"Neo4j {self.version} is too old", hint="The platform needs Neo4j 5.26 LTS or a later one"
            )

    async def close(self) -> None:
        """Close the pool."""
        self._closed = True
        await self.outage.close()
        for sessions in self._idle.values():
            while sessions:
                await sessions.pop().close()
        await self._driver.close()

    @property
    def statements(self) -> int:
        """Statements sent so far."""
        return self.metrics.reads.count + self.metrics.writes.count

    @property
    def seconds(self) -> float:
        """Seconds spent in statements so far."""
        return self.metrics.reads.total + self.metrics.writes.total

    @property
    def retries(self) -> int:
        """Attempts repeated so far."""
        return self.metrics.retries

    def count(self, statement: str, seconds: float, access: str) -> None:
        """Add one statement to the totals and to the running `counting` block, and log it where it was slow."""
        (self.metrics.reads if access is READ_ACCESS else self.metrics.writes).observe(seconds)
        counter = _counter.get()
        if counter is not None:
            counter.statements.append(statement)
            counter.seconds += seconds
        if seconds > self.slow:
            _logger.warning("slow statement, %.0f ms: %s", seconds * 1000, " ".join(statement.split())[:2000])

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
        """Run one reading statement in auto-commit (no BEGIN and COMMIT round trips) and return its rows.

        It is repeated after errors that pass, a lost connection among them. Each row costs about 10 microseconds and
        more on the way through the driver, so a long list travels best as one row with ``collect``.

        Raises: DatabaseTimeout, DatabaseUnavailable, DatabaseBusy, DatabaseRefused, InvalidInput, StatementFailed.
        """
        limit = left(timeout or self.timeout)
        return await self._bounded(
            self._auto_commit(statement, as_sent(statement, parameters), READ_ACCESS, limit), limit
        )

    async def execute(
        self,
        statement: str,
        parameters: Mapping[str, Any] | None = None,
        *,
        timeout: float | None = None,
        repeat: bool = False,
        idempotent: bool = False,
    ) -> list[Row]:
        """Run one writing statement in auto-commit: DDL, ``CALL {} IN TRANSACTIONS``, a change that holds locks.

        Its locks live inside Neo4j for as long as the statement runs, and wait for no answer of this process.
        It is not repeated, unless ``repeat`` says so: then while Neo4j answers that it did nothing, and with
        ``idempotent``, which says that a second commit changes nothing, after a lost connection too.

        Raises: those of `read`, and DatabaseUnavailable with ``outcome: UNKNOWN`` where the connection was lost.
        """
        if self.journal is not None and self.journal.wanted():
            # What is written down stands in the transaction of the change, and auto-commit has room for one statement.
            return await self.write(lambda tx: tx.run(statement, parameters), timeout=timeout, idempotent=idempotent)
        limit = left(timeout or self.timeout)
        again = _sent_again(repeat=repeat, idempotent=idempotent)
        try:
            return await self._bounded(
                self._auto_commit(statement, as_sent(statement, parameters), WRITE_ACCESS, limit, again), limit
            )
        except DatabaseUnavailable as error:
            raise DatabaseUnavailable(
                "The connection was lost while a statement ran: it may or may not have had its effect",
                hint=error.hint,
                outcome="UNKNOWN",
            ) from error

    async def _is_there(self) -> bool:
        """Whether the server answers now, whatever it says."""
        try:
            async with self._driver.session(database=self.name, default_access_mode=READ_ACCESS) as session:
                await (await session.run("RETURN 1")).consume()
        except DRIVER_ERRORS as error:
            return not unreachable(error)
        return True

    async def _bounded(self, call: Awaitable[T], limit: float) -> T:
        """Give up a call that the server should have ended by now."""
        try:
            async with asyncio.timeout(limit + GRACE_SECONDS) as bound:
                with self.outage.watched(bound, self.patience):
                    return await call
        except TimeoutError as error:
            if self.outage.away:
                raise self._failed(DatabaseUnavailable("Neo4j does not answer any more")) from error
            raise self._failed(DatabaseTimeout(f"Neo4j did not answer within {limit:g} s")) from error
        except CrmError as error:
            self.metrics.failed(error.code)
            raise

    def _session(self, access: str) -> AsyncSession:
        """A session that nobody uses now, a new one where there is none."""
        idle = self._idle[access]
        if idle:
            return idle.pop()
        if self._closed:
            raise DatabaseUnavailable("The connection to Neo4j was closed")
        return self._driver.session(
            database=self.name, default_access_mode=access, bookmark_manager=self._bookmarks, fetch_size=-1
        )

    async def _keep(self, session: AsyncSession, access: str) -> None:
        """Put a session back that ended its work in good order."""
        if self._closed:
            await session.close()
        else:
            self._idle[access].append(session)

    @staticmethod
    async def _drop(session: AsyncSession) -> None:
        """End a session whose state is not known; its connection goes with it, so nothing waits for the server."""
        session.cancel()
        await session.close()

    async def _auto_commit(
        self,
        statement: str,
        told: tuple[str, dict[str, Any] | None],
        access: str,
        limit: float,
        again: Callable[[Exception], bool] = repeatable,
    ) -> list[Row]:
        attempts: _Attempts | None = None
        remaining = limit
        text, sent = told
        while True:
            self.outage.refuse()
            async with self._turns.within(remaining):
                session = self._session(access)
                started = time.perf_counter()
                try:
                    result = await session.run(Query(text, timeout=remaining), sent)
                    rows = [record async for record in result]
                except BaseException as error:
                    await self._drop(session)
                    if not isinstance(error, (*DRIVER_ERRORS, *UNSENDABLE)):
                        raise
                    self._doubt(error)
                    attempts = attempts or _Attempts(limit, self.patience)
                    if not again(error) or not attempts.may_repeat(error):
                        raise translate(error) from error
                    cause: Exception = error
                else:
                    await self._keep(session, access)
                    if access is WRITE_ACCESS:
                        self.writes_fail = False
                    return rows
                finally:
                    self.count(statement, time.perf_counter() - started, access)
            self._repeat(cause)
            await attempts.pause()
            remaining = attempts.remaining

    def _repeat(self, error: Exception) -> None:
        self.metrics.retries += 1
        _logger.debug("repeated after %s", code_of(error))

    async def write(
        self,
        work: Callable[[Transaction], Awaitable[T]],
        *,
        timeout: float | None = None,
        idempotent: bool = False,
    ) -> T:
        """Run ``work`` in one write transaction, again when Neo4j asks for it, at most ``timeout`` seconds in all.

        ``work`` may run several times: it must not have effects outside the transaction. ``idempotent`` says that a
        second commit of the same work changes nothing, so that it may be repeated when the first commit's answer was
        lost.

        Raises: what ``work`` raises; AlreadyExists; DatabaseTimeout; DatabaseBusy where rivals kept it from ending in
        time; DatabaseUnavailable, with ``outcome: UNKNOWN`` where the connection was lost at the commit.
        """
        limit = left(timeout or self.timeout)
        attempts = _Attempts(limit, self.patience)
        started = time.perf_counter()
        committing = False
        settle: Settle | None = None

        async def unit(transaction: AsyncManagedTransaction) -> T:
            nonlocal committing, settle
            tx = Transaction(transaction, self)
            answer = await work(tx)
            if self.journal is not None and (tx.notes or self.journal.wanted()):
                settle = await self.journal.append(tx)
            committing = True
            return answer

        try:
            async with asyncio.timeout(limit + GRACE_SECONDS) as bound:
                with self.outage.watched(bound, self.patience):
                    while True:
                        committing = committed = False
                        try:
                            answer = await self._attempt(unit, attempts.remaining)
                            committed = True
                        except (*DRIVER_ERRORS, CrmError) as error:
                            self._or_raise(error, attempts, idempotent=idempotent)
                        else:
                            self.writes_fail = False
                            return answer
                        finally:
                            if settle is not None:
                                settle(committed)
                                settle = None
                        await attempts.pause()
        except TimeoutError as error:
            if not bound.expired():
                raise  # of the work itself
            raise self._given_up(limit, committing=committing) from error
        finally:
            self.metrics.transactions.observe(time.perf_counter() - started)

    async def _attempt(self, unit: Callable[[AsyncManagedTransaction], Awaitable[T]], remaining: float) -> T:
        self.outage.refuse()
        async with self._turns.within(remaining):
            session = self._session(WRITE_ACCESS)
            try:
                answer = await session.execute_write(neo4j.unit_of_work(timeout=remaining)(unit))
            except DRIVER_ERRORS:
                await self._drop(session)
                raise
            except Exception:
                # The work said no: the driver has rolled back, the session is as good as before.
                await self._keep(session, WRITE_ACCESS)
                raise
            except BaseException:
                await self._drop(session)
                raise
            await self._keep(session, WRITE_ACCESS)
            return answer

    def _or_raise(self, error: Exception, attempts: _Attempts, *, idempotent: bool) -> None:
        """Return where the transaction is to be repeated, otherwise raise what the caller shall see."""
        cause = error.__cause__ if isinstance(error, CrmError) else error
        if not isinstance(cause, DRIVER_ERRORS):
            raise error  # the work's own no
        self._doubt(cause)
        if (repeatable(cause) or (idempotent and outcome_unknown(cause))) and attempts.may_repeat(cause):
            self._repeat(cause)
            return
        told = error if isinstance(error, CrmError) else translate(cause)
        if isinstance(told, DatabaseBusy) and repeatable(cause):
            told = DatabaseBusy(
                f"The change collided with others for {attempts.limit:g} s and was given up: nothing was stored",
                hint="Repeat the request",
            )
        raise self._failed(told) from cause

    def _given_up(self, limit: float, *, committing: bool) -> CrmError:
        """What the caller of a change is told that did not end in its time."""
        if committing:
            return self._failed(DatabaseUnavailable(UNKNOWN_OUTCOME, hint=REPEAT_WITH_KEY, outcome="UNKNOWN"))
        if self.outage.away:
            return self._failed(DatabaseUnavailable("Neo4j does not answer any more: nothing was stored"))
        return self._failed(DatabaseTimeout(f"The change was given up after {limit:g} s"))

    def _doubt(self, error: Exception) -> None:
        """Note what the error says about the server as a whole."""
        if unreachable(error):
            self.outage.suspect(self.patience)
        elif unwritable(error):
            self.writes_fail = True

    async def can_write(self, *, timeout: float, tried: bool = False) -> bool:
        """Whether changes can be stored, as far as is known; tried after one was refused, or where ``tried`` asks."""
        if self.writes_fail or tried:
            try:
                await self.execute(TRIAL, timeout=timeout)
            except CrmError:
                return False
        return True

    def _failed(self, error: CrmError) -> CrmError:
        self.metrics.failed(error.code)
        return error
