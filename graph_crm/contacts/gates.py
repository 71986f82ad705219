"""Turns within one process: who wants the same ledgers waits here, in order, and not as a crowd in the database.

It is courtesy, not safety: other processes know nothing of it, and the locks that count are Neo4j's.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable
from contextlib import AsyncExitStack, asynccontextmanager
from weakref import WeakValueDictionary


class Gates:
    """A gate for each ledger, there only while somebody waits at it. Belongs to one event loop."""

    def __init__(self) -> None:
        self._gates: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    @asynccontextmanager
    async def passed(self, keys: Iterable[str]) -> AsyncIterator[None]:
        """Pass the gates of ``keys``, in sorted order, one at a time."""
        gates = []
        for key in sorted(set(keys)):
            gate = self._gates.get(key)
            if gate is None:
                gate = self._gates[key] = asyncio.Lock()
            gates.append(gate)
        async with AsyncExitStack() as stack:
            for gate in gates:
                await stack.enter_async_context(gate)
            yield
