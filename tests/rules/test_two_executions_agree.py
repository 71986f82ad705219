"""A condition is judged on a snapshot and searched for as Cypher: both must find the same customers, always."""

from __future__ import annotations

import sys
from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from graph_crm.decisions import snapshots
from graph_crm.graph.database import Database
from graph_crm.rules.conditions import Condition, Needs, scan
from graph_crm.rules.periods import Period
from graph_crm.rules.snapshot import end_of

sys.path.insert(0, str(Path(__file__).parent))

from worlds import DAYS, conditions, periods, world, write  # noqa: E402 - tests are no package

CUSTOMERS = 60


@settings(max_examples=10, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    seed=st.integers(0, 2**32),
    asked=st.lists(conditions, min_size=6, max_size=6),
    days=st.lists(st.sampled_from(DAYS), min_size=2, max_size=2, unique=True),
)
async def test_a_snapshot_and_the_search_agree_on_every_customer(database: Database, seed, asked, days):
    await write(database, world(seed, CUSTOMERS))
    everybody = [f"p{number:03}" for number in range(CUSTOMERS)]
    needs = Needs()
    for condition in asked:
        needs = needs | condition.needs()
    for day in days:
        customers = await snapshots.load(database.read, everybody, now=end_of(day), needs=needs)
        assert len(customers) == CUSTOMERS
        for condition in asked:
            judged = [one.id for one in customers if condition.check(one).passed]
            refused = [one.id for one in customers if (~condition).check(one).passed]
            assert await searched(database, condition, day, anchored=True) == judged, (str(condition), day)
            assert await searched(database, condition, day, anchored=False) == judged, (str(condition), day)
            assert await searched(database, ~condition, day, anchored=False) == refused, (f"~{condition}", day)


async def searched(database: Database, condition: Condition, day, *, anchored: bool) -> list[str]:
    fragment = scan(condition, day, anchored=anchored)
    return [row["id"] for row in await database.read(fragment.text, fragment.parameters)]


@settings(max_examples=1000)
@given(period=periods | st.builds(Period, months=st.integers(0, 40), days=st.integers(0, 400)), start=st.dates(), day=st.dates())
def test_the_latest_start_of_a_period_is_exact_at_month_ends(period, start, day):
    try:
        reached = period.after(start) <= day
    except (OverflowError, ValueError):
        return  # beyond the last year that dates know
    assert reached == (start <= period.latest_start(day))
