"""Numbered Cypher files, applied once, in order, under one lock that the database holds.

Indexes and data can't share a transaction in Neo4j, so the lock is a node with an owner and an end that the owner
moves on while it works; when the owner dies, the lock runs out. A crash between a statement and its record leaves the
file to be applied again: every statement of a migration must be repeatable (``IF NOT EXISTS``, ``MERGE``).
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import random
import re
import socket
import time
import uuid
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Literal

from graph_crm.errors import AlreadyExists, CrmError, DatabaseBusy, DatabaseTimeout, MigrationRefused, StatementFailed
from graph_crm.graph.database import Database, Transaction

STATEMENT_SECONDS = 3600.0
"""A constraint on a large graph is checked against all of it before the statement returns."""

_FILE = re.compile(r"(?P<number>\d{4})_(?P<name>[a-z0-9_]+)\.cypher")
_TOKEN = re.compile(
    r"""//[^\n]*|/\*.*?\*/|'(?:\\.|[^'\\])*'|"(?:\\.|[^"\\])*"|`(?:``|[^`])*`|;|[^/'"`;]+|.""", re.DOTALL
)
_SCHEMA = re.compile(r"(CREATE|DROP)\s+(\w+\s+){0,2}(CONSTRAINT|INDEX)\b", re.IGNORECASE)
_LOCK = "migrations"
_OWN_CONSTRAINTS = (
    "CREATE CONSTRAINT lock_name IF NOT EXISTS FOR (n:Lock) REQUIRE n.name IS UNIQUE",
    "CREATE CONSTRAINT migration_number IF NOT EXISTS FOR (n:Migration) REQUIRE n.number IS UNIQUE",
)

TOUCH_LOCK = "MERGE (l:Lock {name: $name}) SET l.turn = coalesce(l.turn, 0) + 1"
TAKE_LOCK = """
MATCH (l:Lock {name: $name}) WHERE l.owner IS NULL OR l.owner = $owner OR l.expiresAt < datetime.realtime()
SET l.owner = $owner, l.expiresAt = datetime.realtime() + duration({milliseconds: $milliseconds})
RETURN l.owner AS owner
"""
GIVE_LOCK = "MATCH (l:Lock {name: $name}) WHERE l.owner = $owner REMOVE l.owner, l.expiresAt"
LOCK_OWNER = "MATCH (l:Lock {name: $name}) RETURN l.owner AS owner"
APPLIED = """
MATCH (m:Migration)
RETURN m.number AS number, m.name AS name, m.checksum AS checksum, toString(m.appliedAt) AS appliedAt
ORDER BY number
"""
RECORD = """
MERGE (m:Migration {number: $number})
ON CREATE SET m.name = $name, m.checksum = $checksum, m.appliedAt = datetime.realtime()
"""


def split_statements(text: str) -> list[str]:
    """The statements of a Cypher file: cut at ``;`` outside of strings, names and comments, comments left out."""
    statements, current = [], ""
    for piece in _TOKEN.findall(text.replace("\r\n", "\n")):
        if piece == ";":
            statements.append(current.strip())
            current = ""
        elif piece.startswith(("//", "/*")):
            current += " "
        else:
            current += piece
    return [statement for statement in (*statements, current.strip()) if statement]


def steps(statements: Sequence[str]) -> list[list[str]]:
    """What is done at once: indexes and constraints that stand together, and each other statement alone.

    Each transaction of the schema costs the database the same whatever stands in it, a new database has hundreds of
    them, and data may not be in it.
    """
    groups = groupby(statements, key=lambda one: _SCHEMA.match(one) is not None)
    return [step for is_schema, found in groups for step in ([list(found)] if is_schema else [[one] for one in found])]


@dataclass(frozen=True)
class Migration:
    """One file: its number, the name after it, its statements."""

    number: int
    name: str
    statements: tuple[str, ...]

    @property
    def checksum(self) -> str:
        """SHA-256 of the statements: a changed comment is no change."""
        return hashlib.sha256("\n;\n".join(self.statements).encode()).hexdigest()


@dataclass(frozen=True)
class MigrationStatus:
    """Where one migration stands. MISSING: applied, but the file is gone. CHANGED: the file is not what was applied."""

    number: int
    name: str
    state: Literal["APPLIED", "PENDING", "CHANGED", "MISSING"]
    applied_at: str | None


def read_folder(folder: Path) -> list[Migration]:
    """The migrations of a folder in order.

    Raises: MigrationRefused for a name that is no ``NNNN_name.cypher``, a number twice, a gap, or an empty file.
    """
    migrations = []
    for path in sorted(folder.glob("*.cypher")):
        found = _FILE.fullmatch(path.name)
        if found is None:
            raise MigrationRefused(f"{path.name} is no name of a migration", hint="Use NNNN_name.cypher")
        statements = split_statements(path.read_text(encoding="utf-8"))
        if not statements:
            raise MigrationRefused(f"{path.name} holds no statement")
        migrations.append(Migration(int(found["number"]), found["name"], tuple(statements)))
    numbers = [migration.number for migration in migrations]
    if numbers != list(range(1, len(numbers) + 1)):
        raise MigrationRefused(
            "Migrations are numbered 0001, 0002, ... without a gap and without a number twice", numbers=numbers
        )
    if not migrations:
        raise MigrationRefused("There is no migration in the folder")
    return migrations


class Migrator:
    """Brings a database to the state that the files of ``folder`` describe.

    ``lease`` is how long the lock outlives a holder that died, ``patience`` how long to wait for another holder, both
    in seconds.
    """

    def __init__(self, database: Database, folder: Path, *, lease: float = 15.0, patience: float = 300.0) -> None:
        self._database = database
        self._folder = folder
        self._lease = lease
        self._patience = patience
        self._owner = f"{socket.gethostname()}:{os.getpid()}:{uuid.uuid4().hex[:8]}"

    async def status(self) -> list[MigrationStatus]:
        """Every migration, of the folder and of the database, in order. Needs no lock and writes nothing."""
        files = {migration.number: migration for migration in read_folder(self._folder)}
        applied = {row["number"]: row for row in await self._database.read(APPLIED)}
        answer = []
        for number in sorted(files.keys() | applied.keys()):
            file, row = files.get(number), applied.get(number)
            if file is None:
                answer.append(MigrationStatus(number, row["name"], "MISSING", row["appliedAt"]))  # type: ignore[index]
            elif row is None:
                answer.append(MigrationStatus(number, file.name, "PENDING", None))
            else:
                state: Literal["APPLIED", "CHANGED"] = "APPLIED" if row["checksum"] == file.checksum else "CHANGED"
                answer.append(MigrationStatus(number, file.name, state, row["appliedAt"]))
        return answer

    async def migrate(self, progress: Callable[[Migration], None] | None = None) -> list[Migration]:
        """Apply what is pending, wait until every index is online, and return what was applied.

        Safe to call from several processes at once: one applies, the others wait and find nothing to do.

        Raises: MigrationRefused where a file does not fit to what was applied, where a statement fails, or where
        another process holds the lock for too long.
        """
        migrations = read_folder(self._folder)
        pending = await self._pending(migrations)
        if pending:
            await self._prepare()
            async with self._lock():
                pending = await self._pending(migrations)
                for migration in pending:
                    if progress is not None:
                        progress(migration)
                    await self._apply(migration)
        await self._database.execute("CALL db.awaitIndexes(3600)", timeout=STATEMENT_SECONDS)
        return pending

    async def _pending(self, migrations: Sequence[Migration]) -> list[Migration]:
        """What is not applied yet; what is applied must be the beginning of the files, unchanged."""
        by_number = {migration.number: migration for migration in migrations}
        applied = await self._database.read(APPLIED)
        for place, row in enumerate(applied, start=1):
            number, name = row["number"], row["name"]
            file = by_number.get(number)
            if file is None:
                raise MigrationRefused(
                    f"Migration {number:04d}_{name} was applied to this database, but its file is missing",
                    hint="This program is older than the database: use the newer one",
                )
            if file.checksum != row["checksum"] or file.name != name:
                raise MigrationRefused(
                    f"Migration {number:04d}_{name} was changed after it was applied",
                    hint="Restore the file and write the change as a new migration",
                )
            if number != place:
                raise MigrationRefused(
                    f"Migration {place:04d} is missing before {number:04d}_{name}, which was applied",
                    hint="Migrations are applied in order: give the new file the next number",
                )
        return list(migrations[len(applied) :])

    async def _apply(self, migration: Migration) -> None:
        for step in steps(migration.statements):
            await self._take()
            if not await self._together(step):
                await self._one_by_one(migration, step)
        record = {"number": migration.number, "name": migration.name, "checksum": migration.checksum}
        await self._database.write(lambda tx: tx.run(RECORD, record), idempotent=True)

    async def _together(self, schema: Sequence[str]) -> bool:
        """Whether all went through in one transaction; where not, one by one tells which one it was, and why."""
        if len(schema) == 1:
            return False

        async def work(tx: Transaction) -> None:
            for statement in schema:
                await tx.run(statement)

        try:
            await self._database.write(work, timeout=STATEMENT_SECONDS, idempotent=True)
        except CrmError:
            return False
        return True

    async def _one_by_one(self, migration: Migration, statements: Sequence[str]) -> None:
        for statement in statements:
            await self._take()
            try:
                await self._repeated(statement)
            except CrmError as error:
                raise MigrationRefused(
                    f"Migration {migration.number:04d}_{migration.name} failed: {error.message}",
                    hint=error.hint,
                    statement=" ".join(statement.split())[:300],
                ) from error

    async def _prepare(self) -> None:
        """What the lock itself stands on."""
        for statement in _OWN_CONSTRAINTS:
            await self._repeated(statement)

    async def _repeated(self, statement: str) -> None:
        """Run a repeatable statement, again where it collided with the same one of another process."""
        for attempt in range(10):
            try:
                await self._database.execute(statement, timeout=STATEMENT_SECONDS)
            except (DatabaseBusy, DatabaseTimeout):
                if attempt == 9:  # noqa: PLR2004 - the last of ten
                    raise
            except StatementFailed as error:
                if attempt == 9 or not re.search(r"Schema|Transaction", error.message):  # noqa: PLR2004
                    raise
            else:
                return
            await asyncio.sleep(0.05 * (attempt + 1) * (0.5 + random.random()))  # noqa: S311 - jitter, not a secret

    @asynccontextmanager
    async def _lock(self) -> AsyncIterator[None]:
        """Hold the lock, moving its end on in the background; waits while another process holds it."""
        deadline = time.monotonic() + self._patience
        while not await self._try_lock():
            if time.monotonic() > deadline:
                rows = await self._database.read(LOCK_OWNER, {"name": _LOCK})
                owner = rows[0]["owner"] if rows else "nobody"
                raise MigrationRefused(
                    f"Another process has been migrating this database for {self._patience:g} s: {owner}",
                    hint="Wait for it, or stop it: its lock runs out by itself",
                )
            await asyncio.sleep(0.1 + 0.1 * random.random())  # noqa: S311 - jitter, not a secret
        renewal = asyncio.create_task(self._renew())
        try:
            yield
        finally:
            renewal.cancel()
            with suppress(asyncio.CancelledError, CrmError):
                await renewal
            with suppress(CrmError):  # an unreachable database forgets the owner when the lock runs out
                await self._database.write(
                    lambda tx: tx.run(GIVE_LOCK, {"name": _LOCK, "owner": self._owner}), idempotent=True
                )

    async def _renew(self) -> None:
        while True:
            await asyncio.sleep(self._lease / 3)
            with suppress(CrmError):  # `_take` before the next statement says so when the lock is gone
                await self._try_lock()

    async def _take(self) -> None:
        if not await self._try_lock():
            raise MigrationRefused(
                "The lock ran out while a migration was applied and another process took it",
                hint="Start again: what was applied is recorded, and statements are repeatable",
            )

    async def _try_lock(self) -> bool:
        parameters = {"name": _LOCK, "owner": self._owner, "milliseconds": round(self._lease * 1000)}

        async def work(tx: Transaction) -> bool:
            await tx.run(TOUCH_LOCK, {"name": _LOCK})
            return bool(await tx.run(TAKE_LOCK, parameters))

        try:
            return await self._database.write(work, idempotent=True)
        except AlreadyExists:
            return False  # another process made the lock's node at the same moment
