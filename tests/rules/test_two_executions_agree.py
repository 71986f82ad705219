"""A condition is judged on a snapshot and searched for as Cypher: both must find the same customers, always."""

from __future__ import annotations

import functools
import operator
import sys
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, reject, settings
from hypothesis import strategies as st

from graph_crm import snapshots
from graph_crm.graph.database import Database
from graph_crm.rules.conditions import Condition, Needs, age_between, holds, in_default, related_to, scan
from graph_crm.rules.periods import Period
from graph_crm.rules.snapshot import Snapshot, end_of

sys.path.insert(0, str(Path(__file__).parent))

from worlds import ATOMS, DAYS, PRODUCTS, conditions, periods, world, write

pytestmark = pytest.mark.long

CUSTOMERS = 60
MANY_CUSTOMERS = 250


@settings(max_examples=6, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    seed=st.integers(0, 2**32),
    asked=st.lists(conditions, min_size=6, max_size=6),
    days=st.lists(st.sampled_from(DAYS), min_size=3, max_size=3, unique=True),
)
async def test_a_snapshot_and_the_search_agree_on_every_customer(database: Database, seed, asked, days):
    await write(database, world(seed, CUSTOMERS))
    for day in days:
        customers = await everybody(database, CUSTOMERS, asked, day)
        for condition in asked:
            await agree(database, condition, customers, day)


async def test_every_kind_of_condition_agrees_on_every_awkward_day(database: Database):
    await write(database, world(7, MANY_CUSTOMERS))
    for day in DAYS:
        customers = await everybody(database, MANY_CUSTOMERS, ATOMS, day)
        for condition in ATOMS:
            await agree(database, condition, customers, day)


async def test_each_condition_is_a_yes_for_some_and_a_no_for_others(database: Database):
    """Else the comparison above would say nothing."""
    await write(database, world(7, MANY_CUSTOMERS))
    customers = [one for day in DAYS for one in await everybody(database, MANY_CUSTOMERS, ATOMS, day)]
    for condition in ATOMS:
        verdicts = [condition.check(one) for one in customers]
        answers = {one.truth for one in verdicts}
        for passed in (True, False):
            given = {name for one in verdicts if one.truth is passed for name in one.numbers}
            assert given <= condition.numbers(passed=passed), str(condition)
        wanted = {True, False} - {"everyone()": {False}, "nobody()": {True}}.get(str(condition), set())
        assert answers - {None} == wanted, str(condition)
        assert (None in answers) == condition.nullable, str(condition)


async def test_a_deeply_nested_condition_is_planned_in_time(database: Database):
    """The planner turns OR of ANDs inside out: six pairs of four were 4096 clauses, and a minute of planning."""
    unsure = [holds(code, status="ACTIVE") for code in PRODUCTS][:4]
    nested = functools.reduce(
        operator.or_,
        [functools.reduce(operator.and_, [age_between(number, 90), *unsure[1:]]) & ~unsure[0] for number in range(6)],
    )
    condition = ~nested & related_to("PARENT_OF", ~nested) & in_default()
    await write(database, world(7, CUSTOMERS))
    day = DAYS[-1]
    await agree(database, condition, await everybody(database, CUSTOMERS, [condition], day), day)


async def everybody(database: Database, number: int, asked: list[Condition], day) -> list[Snapshot]:
    needs = Needs()
    for condition in asked:
        needs = needs | condition.needs()
    ids = [f"p{one:03}" for one in range(number)]
    customers = await snapshots.load(database.read, ids, now=end_of(day), needs=needs)
    assert len(customers) == number
    return customers


async def agree(database: Database, condition: Condition, customers: list[Snapshot], day) -> None:
    judged = [one.id for one in customers if condition.check(one).passed]
    refused = [one.id for one in customers if (~condition).check(one).passed]
    assert await searched(database, condition, day, anchored=True) == judged, (str(condition), day)
    if scan(condition, day) != scan(condition, day, anchored=False):
        assert await searched(database, condition, day, anchored=False) == judged, (str(condition), day)
    assert await searched(database, ~condition, day, anchored=False) == refused, (f"~{condition}", day)


async def searched(database: Database, condition: Condition, day, *, anchored: bool) -> list[str]:
    fragment = scan(condition, day, anchored=anchored)
    return [row["id"] for row in await database.read(fragment.text, fragment.parameters)]


@settings(max_examples=1000)
@given(
    period=periods | st.builds(Period, months=st.integers(0, 40), days=st.integers(0, 400)),
    start=st.dates(),
    day=st.dates(),
)
def test_the_latest_start_of_a_period_is_exact_at_month_ends(period, start, day):
    try:
        reached = period.after(start) <= day
    except (OverflowError, ValueError):
        reject()  # beyond the last year that dates know
    assert reached == (start <= period.latest_start(day))
