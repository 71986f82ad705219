"""Gathering: nobody waits for company, who comes meanwhile is served together, and a bad one suffers alone."""

from __future__ import annotations

import asyncio
import contextvars
from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from graph_crm.graph.gathering import Gathering


class Work:
    """Answers each number with its double, refuses some, and remembers what came together."""

    def __init__(self, *, bad: Sequence[int] = (), seconds: float = 0.0) -> None:
        self.calls: list[list[int]] = []
        self.running = 0
        self.most_running = 0
        self._bad = frozenset(bad)
        self._seconds = seconds

    async def __call__(self, items: Sequence[int]) -> Sequence[int | Exception]:
        self.calls.append(list(items))
        self.running += 1
        self.most_running = max(self.most_running, self.running)
        await asyncio.sleep(self._seconds)
        self.running -= 1
        if self._bad & set(items):
            raise ValueError(f"{min(self._bad & set(items))} is bad")
        return [LookupError(str(item)) if item < 0 else 2 * item for item in items]


async def test_who_comes_alone_is_served_at_once_and_who_comes_together_is_served_together() -> None:
    work = Work()
    gathering = Gathering(work, gap=60.0)
    assert await asyncio.wait_for(gathering.ask(1), 1) == 2
    assert await asyncio.wait_for(gathering.ask(1), 1) == 2
    assert work.calls == [[1], [1]]
    together = Gathering(work)
    assert await asyncio.gather(*[together.ask(n) for n in (1, 2, 3)]) == [2, 4, 6]
    assert work.calls == [[1], [1], [1, 2, 3]]


async def test_after_a_call_for_many_the_next_one_waits_for_more() -> None:
    work = Work()
    gathering = Gathering(work, gap=0.05)
    await asyncio.gather(gathering.ask(1), gathering.ask(2))
    began = asyncio.get_running_loop().time()
    third = asyncio.create_task(gathering.ask(3))
    await asyncio.sleep(0.01)
    await asyncio.gather(third, gathering.ask(4))
    assert work.calls == [[1, 2], [3, 4]]
    assert asyncio.get_running_loop().time() - began >= 0.04


async def test_one_that_takes_long_holds_up_the_others_for_the_gap_only() -> None:
    go_on = asyncio.Event()

    async def slow(items: Sequence[int]) -> Sequence[int]:
        if 1 in items:
            await go_on.wait()
        return items

    gathering = Gathering(slow, at_once=2, gap=0.01)
    first = asyncio.create_task(gathering.ask(1))
    await asyncio.sleep(0)
    assert await asyncio.wait_for(gathering.ask(2), 2) == 2
    go_on.set()
    assert await first == 1


async def test_who_comes_while_something_runs_waits_for_it_with_all_the_others() -> None:
    work = Work(seconds=0.02)
    gathering = Gathering(work, most=3)
    first = asyncio.create_task(gathering.ask(0))
    await asyncio.sleep(0.005)
    await asyncio.gather(first, *[gathering.ask(n) for n in range(1, 6)])
    assert work.calls == [[0], [1, 2, 3], [4, 5]]
    assert work.most_running == 1


async def test_an_answer_that_is_an_error_is_raised_to_its_own_asker_alone() -> None:
    answers = await asyncio.gather(*[Gathering(Work()).ask(n) for n in (1,)], return_exceptions=True)
    assert answers == [2]
    gathering = Gathering(Work())
    one, two = await asyncio.gather(gathering.ask(-1), gathering.ask(2), return_exceptions=True)
    assert isinstance(one, LookupError)
    assert two == 4


async def test_where_it_may_be_about_one_of_them_each_is_tried_alone() -> None:
    work = Work(bad=[2])
    gathering = Gathering(work, apart=lambda _error: True)
    one, two, three = await asyncio.gather(*[gathering.ask(n) for n in (1, 2, 3)], return_exceptions=True)
    assert (one, three) == (2, 6)
    assert isinstance(two, ValueError)
    assert work.calls == [[1, 2, 3], [1], [2], [3]]
    everybody = Gathering(Work(bad=[2]))
    answers = await asyncio.gather(*[everybody.ask(n) for n in (1, 2, 3)], return_exceptions=True)
    assert all(isinstance(answer, ValueError) for answer in answers)


async def test_who_goes_away_before_it_begins_is_left_out_and_holds_up_nobody() -> None:
    work = Work(seconds=0.01)
    gathering = Gathering(work)
    first = asyncio.create_task(gathering.ask(1))
    await asyncio.sleep(0)
    gone, stays = asyncio.create_task(gathering.ask(2)), asyncio.create_task(gathering.ask(3))
    await asyncio.sleep(0)
    gone.cancel()
    assert await first == 2
    assert await stays == 6
    assert work.calls == [[1], [3]]
    with pytest.raises(asyncio.CancelledError):
        await gone


async def test_too_few_answers_are_a_fault_that_everybody_hears_of() -> None:
    async def none(_items: Sequence[int]) -> Sequence[int]:
        return []

    gathering = Gathering(none)
    answers = await asyncio.gather(gathering.ask(1), gathering.ask(2), return_exceptions=True)
    assert all(isinstance(answer, RuntimeError) for answer in answers)


async def test_a_call_for_one_runs_in_the_context_of_its_asker_and_one_for_many_in_nobodys() -> None:
    who: contextvars.ContextVar[str] = contextvars.ContextVar("who", default="nobody")
    seen: list[str] = []

    async def look(items: Sequence[str]) -> Sequence[None]:
        seen.append(who.get())
        return [None] * len(items)

    gathering = Gathering(look)

    async def ask(name: str) -> None:
        who.set(name)
        await gathering.ask(name)

    await asyncio.gather(ask("anna"))
    await asyncio.gather(ask("anna"), ask("ben"))
    assert seen == ["anna", "nobody"]


@given(
    items=st.lists(st.integers(-20, 20), max_size=30),
    bad=st.sets(st.integers(-20, 20), max_size=5),
    most=st.integers(1, 7),
    at_once=st.integers(1, 3),
)
@settings(max_examples=60, deadline=None)
def test_everybody_gets_the_answer_for_the_own_item_whoever_came_along(
    items: list[int], bad: set[int], most: int, at_once: int
) -> None:
    async def run() -> None:
        work = Work(bad=sorted(bad))
        gathering = Gathering(work, most=most, at_once=at_once, apart=lambda _error: True)
        answers = await asyncio.gather(*[gathering.ask(n) for n in items], return_exceptions=True)
        for item, answer in zip(items, answers, strict=True):
            if item in bad:
                assert isinstance(answer, ValueError)
            elif item < 0:
                assert isinstance(answer, LookupError)
            else:
                assert answer == 2 * item
        assert all(len(call) <= most for call in work.calls)
        assert work.most_running <= at_once

    asyncio.run(run())
