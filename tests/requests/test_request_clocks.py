"""The clocks of a request, from logs of any kind, against a count of every minute."""

from __future__ import annotations

import datetime as dt

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from graph_crm.requests.clocks import LogEntry, alarm_data, measure, targets_data, told_of
from graph_crm.requests.hours import BusinessCalendar
from graph_crm.requests.kinds import ClockKind, EntryKind

MINUTE = dt.timedelta(minutes=1)
HOUR = dt.timedelta(hours=1)
MONDAY = dt.datetime(2026, 11, 16, 8, 0, tzinfo=dt.UTC)
WEEK = {day: [(9 * 60, 17 * 60)] for day in range(5)}
MOVES = (
    EntryKind.WAITING,
    EntryKind.RESUMED,
    EntryKind.ANSWERED,
    EntryKind.CLOSED,
    EntryKind.REOPENED,
    EntryKind.NOTE,
    EntryKind.CUSTOMER_WROTE,
)


class Calendars:
    """One calendar for every country."""

    warn_at = 0.5

    def __init__(self) -> None:
        self.one = BusinessCalendar("UTC", WEEK, {dt.date(2026, 11, 18)}.__contains__)

    def calendar(self, country: str | None, *, always: bool = False) -> BusinessCalendar:
        return self.one


CALENDARS = Calendars()


def opened(first: float = 1, resolution: float = 4) -> LogEntry:
    data = targets_data(first * HOUR, resolution * HOUR, always=False)
    return LogEntry(kind=EntryKind.OPENED, at=MONDAY, data={"country": "PL", **data})


def entry(kind: EntryKind, minutes: int) -> LogEntry:
    return LogEntry(kind=kind, at=MONDAY + minutes * MINUTE)


def counted(log: list[LogEntry], until: dt.datetime) -> tuple[int, int]:
    """Minutes of both clocks, walked through minute by minute with the log in hand."""
    first = resolution = 0
    responded, running, closed = False, True, False
    at, rest = log[0].at, list(log)
    while at < until:
        while rest and rest[0].at <= at:
            kind = rest.pop(0).kind
            if kind in (EntryKind.WAITING, EntryKind.ANSWERED, EntryKind.CLOSED):
                running = False
                closed = kind is EntryKind.CLOSED
                responded = responded or not closed
            elif kind is EntryKind.REOPENED:
                running, resolution, closed = True, 0, False
            elif kind is EntryKind.RESUMED:
                running = True
        if CALENDARS.one.is_open(at):
            first += not responded and not closed
            resolution += running
        at += MINUTE
    return first, resolution


@st.composite
def logs(draw: st.DrawFn) -> list[LogEntry]:
    steps = draw(st.lists(st.tuples(st.sampled_from(MOVES), st.integers(1, 900)), max_size=8))
    log, at = [opened()], 0
    for kind, minutes in steps:
        at += minutes
        log.append(entry(kind, at))
    return log


@settings(max_examples=60, deadline=None)
@given(logs(), st.integers(1, 900))
def test_both_clocks_are_what_a_count_of_every_minute_gives(log: list[LogEntry], minutes: int) -> None:
    now = log[-1].at + minutes * MINUTE
    clocks = measure(log, CALENDARS, now)
    first, resolution = counted(log, now)
    assert clocks.first_response.elapsed == first * MINUTE
    assert clocks.resolution.elapsed == resolution * MINUTE


@settings(max_examples=100, deadline=None)
@given(logs(), st.integers(1, 900))
def test_a_due_time_does_not_wander_while_the_clock_runs(log: list[LogEntry], minutes: int) -> None:
    now = log[-1].at + MINUTE
    before, after = measure(log, CALENDARS, now), measure(log, CALENDARS, now + minutes * MINUTE)
    for one, other in zip(before.both, after.both, strict=True):
        assert one.running == other.running
        if one.running:
            assert (one.due, one.warn_at) == (other.due, other.warn_at)


@settings(max_examples=100, deadline=None)
@given(logs())
def test_alarms_come_once_and_in_time_whoever_looks_how_often(log: list[LogEntry]) -> None:
    """Whoever looks at each planned instant gives each clock one warning and one breach at most, each in time."""
    log, now, said = list(log), log[-1].at, []
    for _ in range(20):
        clocks = measure(log, CALENDARS, now)
        for kind, clock in clocks.alarms(now):
            assert now >= (clock.due if kind is EntryKind.BREACHED else clock.warn_at)
            said.append((kind, clock.kind, clock.round))
            log.append(LogEntry(kind=kind, at=now, data=alarm_data(clock)))
        planned = measure(log, CALENDARS, now).next_alarm()
        if planned is None:
            break
        assert planned > now, "a look that is planned for the past would come back for ever"
        now = planned
    else:
        pytest.fail("the looks never end")
    assert len(said) == len(set(said))
    for clock in measure(log, CALENDARS, now).both:
        if clock.running:
            assert (EntryKind.BREACHED, clock.kind, clock.round) in said


def test_time_in_which_the_customer_is_to_answer_does_not_count() -> None:
    log = [opened(), entry(EntryKind.WAITING, 120), entry(EntryKind.RESUMED, 3 * 24 * 60 + 120)]
    clocks = measure(log, CALENDARS, log[-1].at)
    assert clocks.resolution.elapsed == HOUR  # nine to ten on Monday
    assert clocks.resolution.due == dt.datetime(2026, 11, 19, 13, tzinfo=dt.UTC)
    assert not clocks.first_response.running
    assert clocks.first_response.ended_at == log[1].at


def test_a_request_that_is_opened_again_begins_anew() -> None:
    log = [opened(), entry(EntryKind.ANSWERED, 200), entry(EntryKind.CLOSED, 201), entry(EntryKind.REOPENED, 24 * 60)]
    clocks = measure(log, CALENDARS, log[-1].at + 2 * HOUR)
    assert (clocks.resolution.round, clocks.resolution.elapsed) == (1, HOUR)
    assert clocks.first_response.kind is ClockKind.FIRST_RESPONSE
    assert clocks.first_response.round == 0


def test_the_targets_of_the_category_it_was_sorted_into_hold_for_the_whole_clock() -> None:
    targets = targets_data(2 * HOUR, 8 * HOUR, always=False)
    log = [opened(), LogEntry(kind=EntryKind.SORTED, at=MONDAY + 2 * HOUR, data=targets)]
    clocks = measure(log, CALENDARS, MONDAY + 2 * HOUR)
    assert clocks.resolution.target == 8 * HOUR
    assert clocks.resolution.due == dt.datetime(2026, 11, 16, 17, tzinfo=dt.UTC)


def test_what_was_closed_without_a_word_and_opened_again_still_owes_the_first_response() -> None:
    """Closed as spam by mistake after half an hour of work, opened again the next day."""
    log = [opened(), entry(EntryKind.CLOSED, 90), entry(EntryKind.REOPENED, 24 * 60 + 60)]
    first = measure(log[:2], CALENDARS, log[-1].at).first_response
    assert (first.running, first.elapsed, first.ended_at) == (False, HOUR / 2, log[1].at)
    first = measure(log, CALENDARS, log[-1].at).first_response
    assert (first.running, first.elapsed, first.ended_at) == (True, HOUR / 2, None)
    assert first.due == MONDAY + 25 * HOUR + HOUR / 2
    answered = [*log, entry(EntryKind.ANSWERED, 24 * 60 + 80)]
    assert measure(answered, CALENDARS, answered[-1].at).first_response.elapsed == HOUR / 2 + 20 * MINUTE


@pytest.mark.parametrize(("hours", "again"), [(2, False), (4, False), (40, True)])
def test_a_longer_target_is_told_of_anew_and_a_shorter_one_is_not(hours: float, *, again: bool) -> None:
    """A person sorts what had missed four hours: into a category with as much or less, or with much more."""
    log = [opened(first=100)]
    (found,) = measure(log, CALENDARS, MONDAY + 6 * HOUR).alarms(MONDAY + 6 * HOUR)
    log.append(LogEntry(kind=EntryKind.BREACHED, at=MONDAY + 6 * HOUR, data=alarm_data(found[1])))
    data = targets_data(100 * HOUR, hours * HOUR, always=False)
    log.append(LogEntry(kind=EntryKind.SORTED, at=MONDAY + 7 * HOUR, data=data))
    clocks = measure(log, CALENDARS, MONDAY + 7 * HOUR)
    assert clocks.resolution.breached is not again
    assert clocks.next_alarm() == (clocks.resolution.warn_at if again else clocks.first_response.warn_at)
    assert [one.kind for one in told_of(log, ClockKind.RESOLUTION)] == ([] if again else [EntryKind.BREACHED])


def test_a_log_that_does_not_begin_with_the_opening_is_refused() -> None:
    with pytest.raises(ValueError, match="OPENED"):
        measure([entry(EntryKind.NOTE, 0)], CALENDARS, MONDAY)
