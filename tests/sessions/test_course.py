"""The course of a session is the same in whatever order, and in whatever portions, its events come in."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from graph_crm.sessions.course import MOST_STEPS, Session, Step, ended, judged, with_steps
from graph_crm.sessions.kinds import SessionKind, SessionState

MINUTE = 60_000
IDLE = 15 * MINUTE
START = 1_000 * MINUTE
LONG_AFTER = START + 10_000 * MINUTE


def session(*, told: bool = True, at: int = START) -> Session:
    return Session(id="s", party_id="p", kind=SessionKind.ONLINE, started_at=at, start_told=told, last_seen_at=at)


def at(*minutes: int) -> list[Step]:
    return [Step(START + minute * MINUTE, f"page{minute}") for minute in minutes]


def seen(one: Session, *minutes: int, now: int = LONG_AFTER) -> Session:
    return with_steps(one, at(*minutes), [], idle=IDLE, now=now)


def test_a_session_is_open_until_nothing_was_heard_for_its_minutes():
    now = START + 20 * MINUTE
    assert seen(session(), 10, now=now).state is SessionState.OPEN
    over = seen(session(), 5, now=now)
    assert (over.state, over.ended_at, over.seconds) == (SessionState.TIMED_OUT, START + 5 * MINUTE, 300)


def test_a_step_after_a_longer_pause_belongs_to_the_session_and_extends_nothing():
    over = seen(session(), 5, 60)
    assert (over.ended_at, over.events, [step.name for step in over.tabs]) == (
        START + 5 * MINUTE,
        2,
        ["page5", "page60"],
    )


def test_a_late_step_that_closes_the_pause_shows_that_the_session_went_on():
    over = seen(seen(session(), 5, 30), 18)
    assert over.ended_at == START + 30 * MINUTE


def test_a_step_that_is_told_late_but_was_just_now_shows_that_the_session_is_open():
    over = seen(session(), 5, now=START + 25 * MINUTE)
    assert over.state is SessionState.TIMED_OUT
    alive = seen(over, 17, now=START + 26 * MINUTE)
    assert (alive.state, alive.ended_at, alive.seconds) == (SessionState.OPEN, None, None)


def test_what_comes_after_a_told_end_extends_nothing():
    over = ended(seen(session(), 5, now=START + 6 * MINUTE), START + 8 * MINUTE)
    late = seen(over, 7, 9)
    assert (late.state, late.ended_at, late.seconds) == (SessionState.ENDED, START + 8 * MINUTE, 480)
    assert (late.last_seen_at, late.events) == (START + 7 * MINUTE, 3)


def test_a_told_end_corrects_a_guess_and_stays():
    over = ended(seen(session(), 5), START + 12 * MINUTE)
    assert (over.state, over.seconds) == (SessionState.ENDED, 720)
    assert ended(over, START + 14 * MINUTE) == over


def test_a_told_start_stays_and_a_guessed_one_moves_to_the_first_thing_seen():
    assert seen(session(), -3).started_at == START
    assert seen(session(told=False), 0, -3).started_at == START - 3 * MINUTE


def test_a_visit_without_any_event_lasts_as_long_as_it_was_told():
    visit = ended(judged(session(), idle=IDLE, now=LONG_AFTER), START + 25 * MINUTE)
    assert (visit.state, visit.seconds, visit.tabs, visit.events) == (SessionState.ENDED, 1500, (), 0)


def test_of_a_very_long_session_the_first_steps_are_kept_and_it_goes_on():
    one = session()
    for first in range(0, MOST_STEPS + 300, 100):
        one = with_steps(one, at(*range(first, first + 100)), [], idle=IDLE, now=START + (first + 100) * MINUTE)
    assert (len(one.tabs), one.events, one.state) == (MOST_STEPS, MOST_STEPS + 300, SessionState.OPEN)
    assert one.last_seen_at == START + (MOST_STEPS + 299) * MINUTE


MINUTES = st.lists(st.integers(-20, 120), min_size=1, max_size=12)


@given(minutes=MINUTES, told=st.booleans(), data=st.data())
def test_order_and_portions_do_not_matter(minutes: list[int], *, told: bool, data: st.DataObject):
    first = START if told else START + minutes[0] * MINUTE
    together = with_steps(session(told=told, at=first), at(*minutes), [], idle=IDLE, now=LONG_AFTER)
    shuffled = data.draw(st.permutations(minutes))
    one = session(told=told, at=START if told else START + shuffled[0] * MINUTE)
    while shuffled:
        size = data.draw(st.integers(1, len(shuffled)))
        portion, shuffled = shuffled[:size], shuffled[size:]
        # In between the clock may stand anywhere: a timer that was early is put right by what comes in.
        now = LONG_AFTER if not shuffled else START + data.draw(st.integers(0, 200)) * MINUTE
        one = with_steps(one, at(*portion), [], idle=IDLE, now=now)
    assert one == together


@given(minutes=MINUTES)
def test_a_session_never_ends_before_it_starts_and_never_later_than_something_was_seen(minutes: list[int]):
    over = seen(session(told=False, at=START + minutes[0] * MINUTE), *minutes)
    assert over.started_at == START + min(minutes) * MINUTE
    assert over.ended_at is not None
    assert over.started_at <= over.ended_at <= START + max(minutes) * MINUTE
    assert over.ended_at == over.last_seen_at
