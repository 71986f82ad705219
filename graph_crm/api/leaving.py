"""Callers who leave: what nobody waits for any more is ended, in the database too."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, Final, TypeVar

from prometheus_client import Counter
from starlette.types import Receive

from graph_crm.errors import CrmError

T = TypeVar("T")
LOOK_AFTER: Final = 0.05
"""Seconds: what is answered sooner is not worth looking whether the caller is there still."""
LEFT: Final = Counter("graph_crm_callers_left_total", "Queries that were ended because the caller had left")
Gone = Callable[[], Awaitable[None]]
"""Returns when the caller has left."""


class CallerLeft(CrmError):
    """The caller closed the connection while the query ran; it was ended."""

    code = "CALLER_LEFT"
    http_status = 499


def leaving(receive: Receive) -> Gone:
    """Tells of an HTTP request whose body was read when its caller has left."""

    async def gone() -> None:
        while (await receive())["type"] != "http.disconnect":
            pass

    return gone


async def while_there(gone: Gone | None, work: Coroutine[Any, Any, T]) -> T:
    """What ``work`` answers. Cancels it, and raises CallerLeft, when the caller leaves before.

    A cancelled statement takes its connection with it, and Neo4j ends a transaction whose connection is gone.
    """
    if gone is None:
        return await work
    task = asyncio.current_task()
    watch = _Watch(task, gone) if task else None
    try:
        return await work
    except asyncio.CancelledError:
        if watch is None or task is None or not watch.left or task.uncancel():
            raise  # somebody else wants it to end
        LEFT.inc()
        raise CallerLeft("The caller has left.") from None
    finally:
        if watch:
            await watch.end()


class _Watch:
    """Looks whether the caller is there, once the work takes longer than a moment."""

    def __init__(self, task: asyncio.Task[Any], gone: Gone) -> None:
        self._worker = task
        self._gone = gone
        self._looking: asyncio.Task[None] | None = None
        self._later = asyncio.get_running_loop().call_later(LOOK_AFTER, self._begin)
        self.left = False

    def _begin(self) -> None:
        self._looking = asyncio.create_task(self._look())

    async def _look(self) -> None:
        await self._gone()
        self.left = True
        self._worker.cancel()

    async def end(self) -> None:
        """Look no longer."""
        self._later.cancel()
        if self._looking is not None and not self._looking.done():
            self._looking.cancel()
            await asyncio.wait([self._looking])
