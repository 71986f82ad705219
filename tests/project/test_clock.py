"""By which clock a process goes: its own, while it agrees with the database's."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from graph_crm.clock import TOLERATED_SECONDS, Clock
from graph_crm.errors import Unauthenticated
from graph_crm.security.signed_keys import SignedKeys

TRUE = 1_800_000_000.0


class Computer:
    """A clock that can be moved, and ticks that only go on."""

    def __init__(self, ticks: float = 5.0) -> None:
        self.off = 0.0
        self.ticks = ticks
        self.begun = ticks
        self.clock = Clock(wall=self.wall, ticks=lambda: self.ticks)

    @property
    def true(self) -> float:
        return TRUE + self.ticks - self.begun

    def wall(self) -> float:
        return self.true + self.off

    def compare(self, took: float = 0.0) -> None:
        asked = self.ticks
        self.ticks += took
        self.clock.compare(self.true - took / 2, asked=asked, answered=self.ticks)


seconds = st.floats(-1e8, 1e8)


@given(before=seconds, jumps=st.lists(st.tuples(seconds, st.floats(0, 1e5)), max_size=5))
def test_however_the_clock_jumps_the_time_is_the_databases_or_within_what_is_tolerated(
    before: float, jumps: list[tuple[float, float]]
):
    computer = Computer()
    computer.off = before
    computer.compare()
    for off, later in jumps:
        computer.off = off
        computer.ticks += later
        clock = computer.clock
        assert abs(clock.seconds() - computer.true) <= TOLERATED_SECONDS + 0.01
        assert clock.wrong == (abs(clock.ahead or 0) > TOLERATED_SECONDS)
        assert clock.earliest() <= clock.seconds() <= clock.latest()
        assert clock.latest() >= computer.true - TOLERATED_SECONDS - 0.01


def test_a_clock_that_was_never_compared_is_believed():
    computer = Computer()
    computer.off = 86_400
    assert computer.clock.ahead is None
    assert not computer.clock.wrong
    assert computer.clock.seconds() == computer.clock.latest() == computer.clock.earliest() == computer.wall()


def test_a_clock_that_was_moved_is_to_be_compared_again_and_is_believed_once_it_agrees():
    computer = Computer()
    computer.compare()
    assert not computer.clock.jumped
    computer.off = 3_600
    assert computer.clock.jumped
    assert computer.clock.wrong
    computer.compare()
    assert not computer.clock.jumped
    assert computer.clock.wrong, "it is still off"
    computer.off = 0.0
    assert computer.clock.jumped
    assert not computer.clock.wrong


def test_an_answer_that_took_long_says_nothing_once_there_was_a_better_one():
    computer = Computer()
    computer.compare(took=60.0)
    assert computer.clock.ahead == pytest.approx(0)
    computer.clock.compare(TRUE - 1_000, asked=computer.ticks, answered=computer.ticks + 10)
    assert computer.clock.ahead == pytest.approx(0)


def test_a_link_is_over_once_one_of_both_clocks_says_so(monkeypatch: pytest.MonkeyPatch):
    computer = Computer()
    computer.compare()
    monkeypatch.setattr("graph_crm.security.signed_keys.CLOCK", computer.clock)
    keys = SignedKeys(
        "s" * 40, b"a use", unusable=lambda: Unauthenticated("No key."), expired_hint="Ask again.", longest=1_000
    )
    computer.off = -3_600
    key = keys.sign({"for": "me"}, timedelta(minutes=10))
    assert keys.read(key)["for"] == "me"
    computer.ticks += 601
    with pytest.raises(Unauthenticated, match="expired"):
        keys.read(key)
    computer.off = 0.0
    fresh = keys.sign({"for": "me"}, timedelta(minutes=10))
    computer.off = 86_400
    with pytest.raises(Unauthenticated, match="expired"):
        keys.read(fresh)
