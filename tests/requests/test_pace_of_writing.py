"""How often a customer writes to one request, and when its owner hears of it."""

from __future__ import annotations

import datetime as dt

import pytest

from graph_crm.requests.clocks import LogEntry
from graph_crm.requests.flooding import MOST_AN_HOUR, TooOften, check_pace, news_to_owner
from graph_crm.requests.kinds import EntryKind

NOW = dt.datetime(2026, 11, 23, 12, tzinfo=dt.UTC)
WROTE = EntryKind.CUSTOMER_WROTE


def log(*entries: tuple[EntryKind, int]) -> list[LogEntry]:
    """A log of kinds and how many minutes ago they were."""
    opened = LogEntry(kind=EntryKind.OPENED, at=NOW - dt.timedelta(days=3), data={})
    return [opened, *(LogEntry(kind=kind, at=NOW - dt.timedelta(minutes=ago), data={}) for kind, ago in entries)]


def test_so_many_an_hour_and_not_one_more() -> None:
    check_pace(log(*[(WROTE, 1)] * (MOST_AN_HOUR - 1)), NOW)
    check_pace(log(*[(WROTE, 60)] * 500, *[(EntryKind.NOTE, 1)] * 500), NOW)
    with pytest.raises(TooOften):
        check_pace(log(*[(WROTE, 59)] * MOST_AN_HOUR), NOW)


@pytest.mark.parametrize(
    ("entries", "told"),
    [
        ([], True),
        ([(WROTE, 5)], False),
        ([(WROTE, 5), (EntryKind.RESUMED, 5)], False),
        ([(WROTE, 5), (EntryKind.REOPENED, 5), (EntryKind.WARNED, 1)], False),
        ([(WROTE, 60)], True),
        ([(WROTE, 5), (EntryKind.NOTE, 4)], True),
        ([(WROTE, 5), (EntryKind.ANSWERED, 4)], True),
        ([(WROTE, 5), (EntryKind.ASSIGNED, 4)], True),
        ([(EntryKind.ANSWERED, 6), (WROTE, 5)], False),
    ],
)
def test_the_owner_hears_of_it_again_when_something_was_done_or_after_an_hour(
    entries: list[tuple[EntryKind, int]], *, told: bool
) -> None:
    assert news_to_owner(log(*entries), NOW) is told
