"""What many ask for at the same time is done together: one round trip, one commit, one lock for all of them.

Nobody waits for company: who comes while nothing runs is served at once. Who comes while something runs waits until it
ends, with everybody else who came meanwhile; so the more there is to do, the less each costs.
"""

from __future__ import annotations

import asyncio
import contextvars
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Generic, TypeAlias, TypeVar

T = TypeVar("T")
R = TypeVar("R")
Answers: TypeAlias = Sequence[R | Exception]
"""An answer for each item, in their order; an exception is raised to its own asker alone."""


@dataclass(slots=True, eq=False)
class _Asked(Generic[T, R]):
    item: T
    answer: asyncio.Future[R] = field(default_factory=lambda: asyncio.get_running_loop().create_future())
    context: contextvars.Context = field(default_factory=contextvars.copy_context)


class Gathering(Generic[T, R]):
    """Gathers the items of all who `ask` and has ``work`` done for many at once. Belongs to one event loop.

    At most ``most`` items go into one call of ``work``, at most ``at_once`` calls run at a time. Where many come - the
    last call was for several, or still runs - the next one begins at least ``gap`` seconds after it: a call costs
    something however few items it has. What ``work`` raises
    is raised to everybody whose item it had; where ``apart`` says so of the error, each of several items is first tried
    alone, so that only the one it is about suffers. Who stops waiting takes nothing back that has begun.
    """

    def __init__(
        self,
        work: Callable[[Sequence[T]], Awaitable[Answers[R]]],
        *,
        most: int = 50,
        at_once: int = 1,
        gap: float = 0.0,
        apart: Callable[[Exception], bool] = lambda _error: False,
    ) -> None:
        self._work = work
        self._most = most
        self._at_once = at_once
        self._gap = gap
        self._apart = apart
        self._waiting: deque[_Asked[T, R]] = deque()
        self._calls: set[asyncio.Task[None]] = set()
        self._begun = float("-inf")
        self._company = 0
        """How many the last call was for."""
        self._planned: asyncio.Handle | None = None

    async def ask(self, item: T) -> R:
        """The answer for ``item``. Raises what ``work`` answered for it, or raised."""
        asked: _Asked[T, R] = _Asked(item)
        self._waiting.append(asked)
        self._plan()
        return await asked.answer

    def _plan(self) -> None:
        """Begin a call as soon as one may begin: not in this turn of the loop, so that who comes in it comes along."""
        if self._planned is None and self._waiting and len(self._calls) < self._at_once:
            loop = asyncio.get_running_loop()
            crowded = bool(self._calls) or self._company > 1
            early = self._begun + self._gap - loop.time() if crowded else 0.0
            self._planned = loop.call_later(early, self._begin) if early > 0 else loop.call_soon(self._begin)

    def _begin(self) -> None:
        self._planned = None
        asked: list[_Asked[T, R]] = []
        while self._waiting and len(asked) < self._most:
            one = self._waiting.popleft()
            if not one.answer.done():  # who has gone away by now is left out
                asked.append(one)
        if not asked:
            return
        loop = asyncio.get_running_loop()
        self._begun, self._company = loop.time(), len(asked)
        # A call for many runs in the context of none of them.
        context = asked[0].context if len(asked) == 1 else contextvars.Context()
        call = loop.create_task(self._call(asked), context=context)
        self._calls.add(call)
        call.add_done_callback(self._ended)
        self._plan()

    def _ended(self, call: asyncio.Task[None]) -> None:
        self._calls.discard(call)
        self._plan()

    async def _call(self, asked: Sequence[_Asked[T, R]]) -> None:
        try:
            answers = await self._answers([one.item for one in asked])
        except asyncio.CancelledError:
            for one in asked:
                one.answer.cancel()
            raise
        for one, answer in zip(asked, answers, strict=True):
            if one.answer.done():
                continue
            if isinstance(answer, Exception):
                one.answer.set_exception(answer)
            else:
                one.answer.set_result(answer)

    async def _answers(self, items: Sequence[T]) -> Answers[R]:
        try:
            answers = await self._work(items)
        except Exception as error:  # noqa: BLE001 - whatever it is, those who asked have to hear of it
            if len(items) == 1 or not self._apart(error):
                return [error] * len(items)
            return [answer for item in items for answer in await self._answers([item])]
        if len(answers) != len(items):
            return [RuntimeError(f"{len(answers)} answers for {len(items)} items")] * len(items)
        return answers
