"""When a server counts as away: only when it answers nothing at all. Long work on a busy server is not cut."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from graph_crm.graph import outage as module
from graph_crm.graph.outage import Outage

PATIENCE = 0.2


@pytest.fixture(autouse=True)
def _hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "SUSPICIOUS_SECONDS", 0.01)
    monkeypatch.setattr(module, "BETWEEN_SECONDS", 0.01)
    monkeypatch.setattr(module, "ANSWER_SECONDS", 0.1)


async def work(outage: Outage, seconds: float) -> bool:
    """Whether a call that takes so long ends by itself."""
    try:
        async with asyncio.timeout(60) as bound:
            with outage.watched(bound, PATIENCE):
                await asyncio.sleep(seconds)
    except TimeoutError:
        return False
    return True


def server(answers: Callable[[int], float | None]) -> Outage:
    """A server that answers question n after so many seconds; None: never."""
    asked = 0

    async def ask() -> bool:
        nonlocal asked
        asked += 1
        after = answers(asked)
        await asyncio.sleep(60 if after is None else after)
        return True

    return Outage(ask)


async def test_work_of_many_times_the_patience_ends_by_itself_on_a_server_that_answers_slowly():
    outage = server(lambda _: 0.05)
    assert await asyncio.gather(*(work(outage, PATIENCE * 3) for _ in range(20))) == [True] * 20
    assert not outage.count
    await outage.close()


async def test_a_pause_in_which_two_questions_stay_unanswered_cuts_nothing():
    outage = server(lambda asked: None if asked <= 2 else 0.0)
    assert await work(outage, PATIENCE * 3)
    assert not outage.away
    await outage.close()


async def test_work_is_cut_once_nothing_was_answered_for_as_long_as_is_waited():
    outage = server(lambda asked: None if asked <= 5 else 0.0)
    assert not await work(outage, 30)
    assert outage.count == 1
    async with asyncio.timeout(10):
        while outage.away:  # noqa: ASYNC110 - what is looked at is a plain attribute
            await asyncio.sleep(0.01)
    await outage.close()
