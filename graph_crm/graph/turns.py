"""Turns at the connections: who came first is served first.

The driver's pool wakes everybody who waits when a connection comes back, and whoever is quickest takes it: under load
a caller can be overtaken for minutes. Here callers queue before they reach the pool, so that it always has one free.
"""

from __future__ import annotations

import asyncio
from types import TracebackType

from graph_crm.errors import DatabaseBusy

ALL_BUSY = "All connections to Neo4j are in use"
SEND_LESS = "Send less at once, or raise the pool size"


class Turns:
    """As many turns at a time as there are ``connections``, in the order in which they were asked for."""

    def __init__(self, connections: int) -> None:
        self._free = asyncio.Semaphore(connections)

    def within(self, seconds: float) -> _Turn:
        """A turn, as a block; raises DatabaseBusy where none is free within ``seconds``."""
        return _Turn(self._free, seconds)


class _Turn:
    """Written as a class: a generator would cost every statement more than the turn itself."""

    __slots__ = ("_free", "_seconds")

    def __init__(self, free: asyncio.Semaphore, seconds: float) -> None:
        self._free = free
        self._seconds = seconds

    async def __aenter__(self) -> None:
        if not self._free.locked():
            await self._free.acquire()
            return
        try:
            async with asyncio.timeout(self._seconds):
                await self._free.acquire()
        except TimeoutError:
            raise DatabaseBusy(ALL_BUSY, hint=SEND_LESS) from None

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._free.release()
