"""Whether Neo4j answers at all: while it does not, every call is refused at once instead of waiting for its own limit.

A call that has waited for `SUSPICIOUS_SECONDS`, or that found nobody, has the server asked whether it is there, on a
connection of its own. Where nothing came back for `patience` seconds the server counts as away: calls under way are
ended, new ones fail at once, and the question is repeated until it is answered. Nobody has to be started again.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import Final

from graph_crm.errors import DatabaseUnavailable

SUSPICIOUS_SECONDS: Final = 1.5
"""So long a call runs before the server is asked whether it is there."""
ANSWER_SECONDS: Final = 2.0
"""So long one question may take."""
QUESTIONS: Final = 3
"""It takes so many without an answer: one may be due to an event loop that stood still."""
BETWEEN_SECONDS: Final = 0.25
"""Pause between two questions."""

_logger = logging.getLogger(__name__)


class Outage:
    """Knows whether the server is away. ``ask`` returns whether it answered. Belongs to one event loop."""

    def __init__(self, ask: Callable[[], Awaitable[bool]]) -> None:
        self._ask = ask
        self._asking: asyncio.Task[None] | None = None
        self._calls: set[asyncio.Timeout] = set()
        self.away = False
        """True from when the server was given up until it answers again."""
        self.count = 0
        """How often it was given up."""

    def refuse(self) -> None:
        """Raise DatabaseUnavailable while the server is away."""
        if self.away:
            raise self.told()

    @staticmethod
    def told() -> DatabaseUnavailable:
        """What a call is told that was not sent."""
        return DatabaseUnavailable(
            "Neo4j does not answer: the request was not sent",
            hint="Repeat it in a while; `graph-crm doctor` says what is wrong",
        )

    @contextmanager
    def watched(self, bound: asyncio.Timeout, patience: float) -> Iterator[None]:
        """A call that ``bound`` limits: while it waits the server is asked, and it ends when the server is given up."""
        self._calls.add(bound)
        doubt = asyncio.get_running_loop().call_later(SUSPICIOUS_SECONDS, self.suspect, patience)
        try:
            yield
        finally:
            doubt.cancel()
            self._calls.discard(bound)

    def suspect(self, patience: float) -> None:
        """Ask whether the server is there, until it answers; it is away once ``patience`` seconds brought nothing."""
        if self._asking is None:
            self._asking = asyncio.create_task(self._until_it_answers(patience), name="is Neo4j there")

    async def close(self) -> None:
        """Ask no more."""
        if self._asking is not None:
            self._asking.cancel()
            await asyncio.gather(self._asking, return_exceptions=True)

    async def _until_it_answers(self, patience: float) -> None:
        given_up_at = time.monotonic() + patience
        asked = 0
        try:
            while not await self._answers():
                asked += 1
                if not self.away and asked >= QUESTIONS and time.monotonic() >= given_up_at:
                    self._give_up(patience)
                await asyncio.sleep(BETWEEN_SECONDS)
        finally:
            self._asking = None
        if self.away:
            self.away = False
            _logger.warning("Neo4j answers again")

    async def _answers(self) -> bool:
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                return await self._ask()
        except TimeoutError:
            return False

    def _give_up(self, patience: float) -> None:
        self.away = True
        self.count += 1
        now = asyncio.get_running_loop().time()
        for bound in self._calls:
            if not bound.expired():
                bound.reschedule(now)
        _logger.error("Neo4j gave no answer for %g s: requests are refused until it does", patience)
