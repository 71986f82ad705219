"""How every use case writes: once by its idempotency key, and only on the version that the caller has seen."""

from __future__ import annotations

import hashlib
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import asdict, dataclass, is_dataclass
from typing import Any

import strawberry

from graph_crm.audit.acting import about
from graph_crm.errors import VersionConflict
from graph_crm.graph import outbox
from graph_crm.graph.database import Database, Transaction
from graph_crm.graph.idempotency import claim, remember
from graph_crm.parties import checks

BATCH_LIMIT = 1000
"""Rows of one batch upsert."""


CLOSED = "party.closed"
"""Topic of the outbox: a party, or a contact point of it, may not be reached any more; what waits for it has to go."""


@dataclass(frozen=True)
class Written:
    """What a use case wrote: the id to read it by, and its version where it has one."""

    id: str
    version: int = 1
    related: tuple[str, ...] = ()
    """The ids of the records that it hangs on: the two parties of a tie."""


@dataclass(frozen=True)
class RefusedRow:
    """A row of a batch that was not written: its place in the batch (from 0), the field and the reason."""

    index: int
    field: str | None
    reason: str
    hint: str | None = None


@dataclass(frozen=True)
class BatchResult:
    """What became of a batch. ``created + updated + unchanged + len(refused)`` is the number of rows sent."""

    created: int
    updated: int
    unchanged: int
    refused: tuple[RefusedRow, ...]
    ids: tuple[str, ...]
    """The ids of the rows that stand in the graph now, in the order of the batch."""


def _plain(value: Any) -> Any:
    if value is strawberry.UNSET:
        return {"unset": True}
    if is_dataclass(value) and not isinstance(value, type):
        return {key: _plain(each) for key, each in vars(value).items()}
    if isinstance(value, Mapping):
        return {str(key): _plain(each) for key, each in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_plain(each) for each in value]
    if value is None or isinstance(value, bool | int | float):
        return value
    return str(value)


def digest(command: Any) -> str:
    """A fingerprint of a command: the same for the same input, another for any other."""
    text = repr(_plain(command)).encode("utf-8", "surrogatepass")
    return hashlib.sha256(text).hexdigest()


def own_key(subject: str, key: str | None) -> str | None:
    """An idempotency key as it is kept for this caller: the same as nobody else's, and as none of the platform's own.

    Those are readable (``call:...``, ``mail:...``, ``unsubscribe:...``). Raises InvalidInput for a key that is none.
    """
    if key is None:
        return None
    return f"own:{digest([subject, checks.text('idempotencyKey', key, checks.ID_LIMIT)])}"


async def write_once(
    database: Database,
    scope: str,
    key: str | None,
    command: Any,
    work: Callable[[Transaction], Awaitable[Written]],
) -> Written:
    """Run ``work`` in one transaction; with ``key`` only once, later calls get the first answer.

    Raises `IdempotencyKeyReused` when the key came before with another command.
    """
    if key is None:
        return await database.write(lambda tx: _noted(work(tx)))
    checks.text("idempotencyKey", key, checks.ID_LIMIT)
    fingerprint = digest(command)

    async def once(tx: Transaction) -> Written:
        before = await claim(tx, scope, key, fingerprint)
        if before is not None:
            return Written(before["id"], before["version"], tuple(before["related"]))
        written = await _noted(work(tx))
        await remember(tx, scope, key, asdict(written))
        return written

    return await database.write(once)


async def _noted(work: Awaitable[Written]) -> Written:
    """What was written, named to the audit, which stands in the same transaction."""
    written = await work
    about(written.id, *written.related)
    return written


def expect_version(found: int, expected: int | None, what: str) -> None:
    """Refuse a change of a record that has moved on; to be called under the lock of the record."""
    if expected is not None and found != expected:
        raise VersionConflict(
            f"The {what} was changed in the meantime: its version is {found}, not {expected}.",
            hint="Read it again and repeat the change with the new version.",
            currentVersion=found,
            expectedVersion=expected,
        )


async def tell_closed(tx: Transaction, party_id: str, version: int) -> None:
    """Leave the work that follows when a party, or one of its contact points, may not be reached any more."""
    await outbox.put(tx, CLOSED, party_id, {"partyId": party_id}, f"{CLOSED}:{party_id}:{version}")
