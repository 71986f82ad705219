"""Business hours against a count of every minute, by the clock on the wall."""

from __future__ import annotations

import datetime as dt
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from graph_crm.requests.desk import Desk
from graph_crm.requests.hours import BusinessCalendar, round_the_clock

MINUTE = dt.timedelta(minutes=1)
ZONES = ("Europe/Warsaw", "Europe/London", "America/New_York", "Asia/Kolkata", "Pacific/Auckland", "UTC")


def spans() -> st.SearchStrategy[list[tuple[int, int]]]:
    """Hours of a day from 04:00 on: clocks are changed in the night, and what a wall says then is not one time."""
    cuts = st.lists(st.integers(4 * 60, 24 * 60), min_size=2, max_size=6, unique=True).map(sorted)
    return cuts.map(lambda each: [(each[place], each[place + 1]) for place in range(0, len(each) - 1, 2)])


@st.composite
def calendars(draw: st.DrawFn) -> BusinessCalendar:
    days = draw(st.dictionaries(st.integers(0, 6), spans(), min_size=1))
    free = draw(st.sets(st.dates(dt.date(2026, 1, 1), dt.date(2027, 12, 31)), max_size=30))
    return BusinessCalendar(draw(st.sampled_from(ZONES)), days, free.__contains__)


FIRST = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
instants = st.integers(0, 690 * 24 * 60).map(lambda minutes: FIRST + minutes * MINUTE)


def counted(calendar: BusinessCalendar, begin: dt.datetime, minutes: int) -> int:
    """How many of the minutes from ``begin`` are working minutes, one by one, as a wall clock shows them."""
    zone, total = ZoneInfo(calendar.zone), 0
    for place in range(minutes):
        there = (begin + place * MINUTE).astimezone(zone)
        now = there.hour * 60 + there.minute
        hours = calendar._hours.get(there.weekday(), ())
        total += any(start <= now < end for start, end in hours) and not calendar._holidays(there.date())
    return total


@settings(max_examples=60, deadline=None)
@given(calendars(), instants, st.integers(0, 4 * 24 * 60))
def test_business_time_is_what_a_count_of_every_minute_gives(
    calendar: BusinessCalendar, begin: dt.datetime, minutes: int
) -> None:
    assert calendar.between(begin, begin + minutes * MINUTE) == counted(calendar, begin, minutes) * MINUTE


@settings(max_examples=100, deadline=None)
@given(calendars(), instants, st.integers(1, 3000))
def test_a_due_time_is_the_first_instant_at_which_the_span_is_over(
    calendar: BusinessCalendar, begin: dt.datetime, minutes: int
) -> None:
    due = calendar.after(begin, minutes * MINUTE)
    assert calendar.between(begin, due) == minutes * MINUTE
    assert calendar.between(begin, due - MINUTE) < minutes * MINUTE


@settings(max_examples=100, deadline=None)
@given(calendars(), st.lists(instants, min_size=3, max_size=3))
def test_business_time_adds_up(calendar: BusinessCalendar, cuts: list[dt.datetime]) -> None:
    one, two, three = sorted(cuts)
    assert calendar.between(one, two) + calendar.between(two, three) == calendar.between(one, three)


def test_holidays_and_weekends_of_the_country_do_not_count() -> None:
    # Wednesday 17:00 in Warsaw; then Christmas Eve to Sunday nobody works in Poland.
    begin = dt.datetime(2026, 12, 23, 16, 0, tzinfo=dt.UTC)
    assert Desk.load().calendar("PL").after(begin, dt.timedelta(hours=2)) == dt.datetime(2026, 12, 28, 8, tzinfo=dt.UTC)
    assert Desk.load().calendar("GB").after(begin, dt.timedelta(hours=3)) == dt.datetime(2026, 12, 24, 9, tzinfo=dt.UTC)


def test_a_country_without_a_calendar_has_the_banks_own() -> None:
    desk = Desk.load()
    assert desk.calendar("BR") is desk.calendar(None) is desk.calendar("PL")


def test_a_day_on_which_clocks_are_changed_is_as_long_as_it_is() -> None:
    always = round_the_clock("Europe/Warsaw")
    sunday = dt.datetime(2026, 10, 24, 22, tzinfo=dt.UTC)
    assert always.between(sunday, sunday + dt.timedelta(hours=25)) == dt.timedelta(hours=25)


def test_hours_that_make_no_sense_are_refused() -> None:
    with pytest.raises(ValueError, match="never works"):
        BusinessCalendar("UTC", {})
    with pytest.raises(ValueError, match="inside one day"):
        BusinessCalendar("UTC", {0: [(600, 600)]})
    with pytest.raises(ValueError, match="overlap"):
        BusinessCalendar("UTC", {0: [(0, 600), (599, 700)]})
