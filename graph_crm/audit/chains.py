"""The chains that entries are written into: a few of them, so that changes need not wait for one another.

Each entry's hash covers its text and the hash of the entry before it. A process remembers where it left each chain: so
an entry costs one statement, which finds out under the lock of the chain's head whether that still holds. Within the
process a chain is held from there to the end of the transaction. The head is locked after everything else that the
transaction locks, and nothing after it; so no two transactions wait for each other.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from prometheus_client import Counter

from graph_crm.audit import cypher
from graph_crm.audit.entries import body, derived
from graph_crm.audit.keys import AuditKey, Keyring
from graph_crm.errors import DatabaseBusy
from graph_crm.graph.database import Transaction

SHARDS: Final = 16
MESSAGE: Final = "{shard}|{seq}|{previous}|{body}"
WAIT_SECONDS: Final = 10.0
"""Longer a change does not wait for a chain; then it is given up and may be repeated."""

SHORTER: Final = Counter("graph_crm_audit_chains_shorter_total", "Times that a chain of the audit had become shorter")
Settle = Callable[[bool], None]
_logger = logging.getLogger(__name__)


def sealed(key: AuditKey, shard: int, seq: int, previous: str, text: str) -> str:
    """The hash of an entry at this place, after the entry with the hash ``previous``."""
    return key.mac(MESSAGE.format(shard=shard, seq=seq, previous=previous, body=text))


class Chains:
    """Adds entries to the chains of one database. Belongs to one event loop."""

    def __init__(self, keys: Callable[[], Keyring], *, shards: int = SHARDS) -> None:
        self._keys = keys
        order = list(range(shards))
        random.shuffle(order)  # processes begin with different chains, and keep to those they know
        self._free = deque(order)
        self._waiting: deque[asyncio.Future[int]] = deque()
        self._heads: dict[int, tuple[int, str]] = {}
        """Where this process left each chain: the last number and its hash."""
        self._most: dict[int, int] = {}
        """The highest number that this process has seen in each chain."""
        self.went_back = 0
        """How often a chain was shorter than this process knew it: entries were removed, or a backup was put back."""

    async def append(
        self, tx: Transaction, contexts: Sequence[Mapping[str, Any]], records: Sequence[Sequence[Any]]
    ) -> Settle:
        """Add one entry in ``tx``, as the last thing that it does.

        The function that comes back must be called with whether the transaction was committed, whatever happens.
        """
        key = self._keys().current
        shard = await self._take()
        try:
            left = await self._add(tx, key, shard, contexts, records)
        except BaseException:
            self._give_back(shard, None)
            raise

        def settle(committed: bool) -> None:  # noqa: FBT001 - one word that the call says
            self._give_back(shard, left if committed else None)

        return settle

    async def _add(
        self,
        tx: Transaction,
        key: AuditKey,
        shard: int,
        contexts: Sequence[Mapping[str, Any]],
        records: Sequence[Sequence[Any]],
    ) -> tuple[int, str]:
        known = self._heads.get(shard)
        if known is not None:
            left = await self._appended(tx, key, shard, known, contexts, records)
            if left is not None:
                return left
        (row,) = await tx.run(cypher.HEAD, {"shard": shard})
        self._watch(shard, row["seq"])
        left = await self._appended(tx, key, shard, (row["seq"], row["hash"]), contexts, records)
        if left is None:
            raise DatabaseBusy("The chain of the audit moved under its lock", hint="Repeat the request")
        return left

    async def _appended(
        self,
        tx: Transaction,
        key: AuditKey,
        shard: int,
        head: tuple[int, str],
        contexts: Sequence[Mapping[str, Any]],
        records: Sequence[Sequence[Any]],
    ) -> tuple[int, str] | None:
        seq, previous = head[0] + 1, head[1]
        text = body(shard, seq, contexts, records)
        sign = sealed(key, shard, seq, previous, text)
        entry = {
            "shard": shard,
            "seq": seq,
            "previous": previous,
            "hash": sign,
            "key": key.id,
            "body": text,
            **derived({"contexts": contexts, "records": records}),
        }
        rows = await tx.run(cypher.APPEND, {"shard": shard, "seq": head[0], "previous": previous, "entry": entry})
        return (seq, sign) if rows else None

    def _watch(self, shard: int, seq: int) -> None:
        if seq < self._most.get(shard, 0):
            self.went_back += 1
            SHORTER.inc()
            _logger.critical(
                "chain %d of the audit ends at %d and had %d entries before: run `graph-crm audit verify`",
                shard,
                seq,
                self._most[shard],
            )
            self._most[shard] = seq

    async def _take(self) -> int:
        """A chain that nobody of this process holds: the one used last, for its end is known."""
        if self._free:
            return self._free.popleft()
        waiter: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        self._waiting.append(waiter)
        try:
            async with asyncio.timeout(WAIT_SECONDS):
                return await waiter
        except BaseException as error:
            if waiter.done() and not waiter.cancelled():  # given to somebody who has just left
                self._give_back(waiter.result(), self._heads.get(waiter.result()))
            if isinstance(error, TimeoutError):
                raise DatabaseBusy("The audit's chains are all in use", hint="Repeat the request") from error
            raise

    def _give_back(self, shard: int, left: tuple[int, str] | None) -> None:
        if left is None:
            self._heads.pop(shard, None)
        else:
            self._heads[shard] = left
            self._most[shard] = max(left[0], self._most.get(shard, 0))
        while self._waiting:
            waiter = self._waiting.popleft()
            if not waiter.done():
                waiter.set_result(shard)
                return
        self._free.appendleft(shard)
