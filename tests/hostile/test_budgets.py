"""What one caller has running at once is bounded, so that nobody takes all turns at the database."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack

import pytest
from hostile_desk import ANALYST, CUSTOMER, Desk
from hypothesis import given
from hypothesis import strategies as st

from graph_crm.errors import ConfigurationError
from graph_crm.security.budgets import BUDGETS, MOST_WAITING, Budgets, QueryTooExpensive, TooMuchAtOnce
from graph_crm.security.roles import Caller, Role

OTHER = Caller("another analyst", Role.ANALYST)


def small(at_once: float = 10, *, longest_wait: float = 5.0) -> Budgets:
    return Budgets({"analyst": 8}, {"analyst": at_once}, longest_wait=longest_wait)


def test_every_role_has_a_budget_and_may_run_what_it_may_ask():
    assert set(BUDGETS) == set(Role)
    for budget in BUDGETS.values():
        assert 0 < budget.request <= budget.at_once


def test_customers_have_the_smallest_budget_and_settings_change_it():
    assert min(BUDGETS.values(), key=lambda each: each.request) is BUDGETS[Role.CUSTOMER]
    assert Budgets({"customer": 7}).of(Role.CUSTOMER).request == 7
    assert Budgets({"customer": 7}).of(Role.AGENT) == BUDGETS[Role.AGENT]
    with pytest.raises(ConfigurationError, match="nobody"):
        Budgets({"nobody": 7})


def test_what_is_above_the_budget_is_refused_with_both_numbers():
    with pytest.raises(QueryTooExpensive) as refused:
        small().check(ANALYST, 8.4)
    assert refused.value.extensions() | {"hint": ""} == {
        "code": "QUERY_TOO_EXPENSIVE",
        "cost": 8,
        "limit": 8,
        "hint": "",
    }
    small().check(ANALYST, 8)
    Budgets({"analyst": 0}).check(ANALYST, 1e12)


async def test_what_does_not_fit_waits_until_it_does():
    budgets, order = small(), list[str]()

    async def ask(name: str, cost: float) -> None:
        async with budgets.running(ANALYST, cost):
            order.append(name)
            await asyncio.sleep(0.01)

    await asyncio.gather(ask("first", 6), ask("second", 6), ask("third", 1), ask("fourth", 10))
    assert order == ["first", "second", "third", "fourth"], "who came first is served first"
    assert not budgets._running


async def test_others_do_not_wait_for_a_greedy_caller():
    budgets = small()
    async with budgets.running(ANALYST, 10), asyncio.timeout(0.1), budgets.running(OTHER, 10):
        pass


async def test_what_waits_too_long_is_refused_and_takes_nothing():
    budgets = small(longest_wait=0.01)
    async with budgets.running(ANALYST, 10):
        with pytest.raises(TooMuchAtOnce):
            async with budgets.running(ANALYST, 5):
                pass
    async with asyncio.timeout(0.1), budgets.running(ANALYST, 10):
        pass


async def test_who_goes_away_while_waiting_takes_nothing():
    budgets = small()
    async with budgets.running(ANALYST, 10):
        waiting = [asyncio.create_task(held(budgets, 5)) for _ in range(3)]
        await asyncio.sleep(0)
        for each in waiting:
            each.cancel()
        await asyncio.gather(*waiting, return_exceptions=True)
    async with asyncio.timeout(0.1), budgets.running(ANALYST, 10):
        pass


async def held(budgets: Budgets, cost: float) -> None:
    async with budgets.running(ANALYST, cost):
        await asyncio.sleep(0)


async def test_not_everybody_may_wait():
    budgets = small()
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(budgets.running(ANALYST, 10))
        waiting = [asyncio.create_task(held(budgets, 10)) for _ in range(MOST_WAITING)]
        await asyncio.sleep(0)
        with pytest.raises(TooMuchAtOnce):
            await held(budgets, 10)
    await asyncio.gather(*waiting)


@given(costs=st.lists(st.floats(0, 30), max_size=30), gone=st.sets(st.integers(0, 29)))
async def test_what_runs_never_costs_more_than_allowed(costs: list[float], gone: set[int]):
    budgets, now, most = small(20), list[float](), [0.0]

    async def ask(cost: float) -> None:
        async with budgets.running(ANALYST, cost):
            now.append(min(cost, 20))
            most.append(sum(now))
            try:
                await asyncio.sleep(0)
            finally:
                now.remove(min(cost, 20))

    tasks = [asyncio.create_task(ask(cost)) for cost in costs]
    await asyncio.sleep(0)
    for index in gone & set(range(len(tasks))):
        tasks[index].cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    assert max(most) <= 20
    assert not now
    assert not budgets._running


async def test_the_cost_is_told_to_those_who_may_see_how_queries_run():
    response = await Desk().ask("{ __typename }", cost=True)
    assert response["extensions"]["cost"] == {"cost": 0.02, "limit": 50_000, "fields": {"__typename": 0.02}}
    refused = await Desk().refused("{ __typename }", CUSTOMER, cost=True)
    assert refused["extensions"]["code"] == "FORBIDDEN"
    assert "extensions" not in await Desk().ask("{ __typename }")
