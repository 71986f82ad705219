"""What rules did is counted over all workers, so that `rules list --counters` tells more than one process knows."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from graph_crm.decisions.activity import ActivityLog, RuleActivity, read_activity
from graph_crm.graph.database import Database
from graph_crm.resources import folder
from graph_crm.rules.loader import find
from graph_crm.rules.manager import RuleBook

RULE = "loan_to_credit_card"


@pytest.fixture
def new_book() -> Callable[[], RuleBook]:
    """Makes the shipped rule book anew, as each worker process does."""
    return lambda: RuleBook(find([folder("plugins")], installed=False))


def work(book: RuleBook, evaluated: int, passed: int) -> None:
    """Count as a worker does while it judges."""
    counters = book.rule(RULE).counters
    counters.evaluated += evaluated
    counters.passed += passed


async def test_the_work_of_two_workers_is_summed_and_none_is_counted_twice(
    empty_database: Database, new_book: Callable[[], RuleBook]
):
    books = [new_book(), new_book()]
    logs = [ActivityLog(empty_database, book) for book in books]
    for _ in range(5):
        for book in books:
            work(book, evaluated=10, passed=3)
        await asyncio.gather(*[log.flush() for log in logs])
    await asyncio.gather(*[log.flush() for log in logs])  # nothing has grown: nothing is added

    activity = (await read_activity(empty_database, books[0]))[RULE]

    assert (activity.evaluated, activity.passed, activity.failed) == (100, 30, 0)


async def test_a_worker_that_stops_writes_its_last_counts(empty_database: Database, new_book: Callable[[], RuleBook]):
    book = new_book()
    keeping = asyncio.create_task(ActivityLog(empty_database, book).keep())
    await asyncio.sleep(0)
    work(book, evaluated=7, passed=1)
    keeping.cancel()
    await asyncio.gather(keeping, return_exceptions=True)

    assert (await read_activity(empty_database, book))[RULE].evaluated == 7


async def test_a_rule_that_never_did_anything_has_zeros(empty_database: Database, new_book: Callable[[], RuleBook]):
    assert (await read_activity(empty_database, new_book()))[RULE] == RuleActivity()
