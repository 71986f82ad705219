"""Which entries a lease gives out: a pure choice, so that its rules hold for every line that can be thought of."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from graph_crm.graph.leases import LONGEST_RUN, Choice, Line, Waiting, choose

NOW = 1_000_000
TOPICS = ("decide", "send")


@st.composite
def lines(draw: st.DrawFn) -> list[Line]:
    found = []
    for key in draw(st.lists(st.sampled_from("abcdefgh"), unique=True, max_size=8)):
        entries = []
        for place in range(draw(st.integers(0, 6))):
            behind = draw(st.booleans())
            waits = draw(st.sampled_from([-5, 0, 700, 90_000]))
            stray = draw(st.booleans()) and place > 1
            at = NOW - 1000 + 100 * place + ord(key)
            entries.append(Waiting(f"{key}{place}", draw(st.sampled_from(TOPICS)), behind, NOW + waits, at, stray))
        busy = draw(st.sampled_from([None, None, NOW + 20_000]))
        found.append(Line(key, NOW, busy, entries))
    return found


@st.composite
def situations(draw: st.DrawFn) -> tuple[list[Line], dict[str, list[tuple[str, str]]], dict[str, int], frozenset[str]]:
    made = draw(lines())
    windows = {
        topic: [
            (one.id, line.key)
            for line in made
            for one in line.entries
            if one.topic == topic and one.available <= NOW and not one.behind
        ]
        for topic in TOPICS
    }
    room = {topic: draw(st.integers(0, 8)) for topic in TOPICS}
    finished = frozenset(line.key for line in made if draw(st.booleans()))
    return made, windows, room, finished


Situation = tuple[list[Line], dict[str, list[tuple[str, str]]], dict[str, int], frozenset[str]]


@given(situations())
def test_what_is_given_out_of_a_partition_is_the_beginning_of_its_line_and_of_one_topic(situation: Situation):
    made, windows, room, finished = situation
    taken = choose(made, windows, room, finished).take
    assert len(taken) == len(set(taken))
    for line in made:
        own = [one for one in taken if one.startswith(line.key)]
        assert own == [one.id for one in line.entries[: len(own)]]
        assert len({one.topic for one in line.entries[: len(own)]}) <= 1
        assert all(one.ready(NOW) for one in line.entries[: len(own)])
        assert not own or line.busy_until is None


@given(situations())
def test_no_topic_gets_more_than_its_room_and_none_that_could_be_served_gets_nothing(situation: Situation):
    made, windows, room, finished = situation
    taken = choose(made, windows, room, finished).take
    by_id = {one.id: one for line in made for one in line.entries}
    for topic in TOPICS:
        given_out = [one for one in taken if by_id[one].topic == topic]
        free = [line for line in made if line.free and line.entries[0].topic == topic]
        assert len(given_out) <= room[topic]
        assert len(given_out) >= min(room[topic], len(free))


@given(situations())
def test_what_is_put_behind_was_not_given_out_and_the_first_of_a_line_comes_back_with_what_is_before_it(
    situation: Situation,
):
    made, windows, room, finished = situation
    choice = choose(made, windows, room, finished, seconds=30.0)
    assert not set(choice.take) & choice.behind.keys()
    for line in made:
        first = line.first_but(set(choice.take))
        wait = choice.behind.get(first.id) if first is not None else None
        if wait is not None:
            assert wait <= max(30_000, 90_000), "the longest that something before it may take"


@given(situations())
def test_nothing_that_could_be_given_out_next_is_put_behind_for_long(situation: Situation):
    """A free line that found no room is due now, or comes back within a lease."""
    made, windows, room, finished = situation
    choice = choose(made, windows, room, finished)
    for line in made:
        if line.free and line.entries[0].id not in choice.take:
            assert choice.behind.get(line.entries[0].id, 0) == 0


def test_who_has_waited_longest_comes_first_and_a_long_line_takes_no_more_than_its_share():
    long = Line("a", NOW, None, [Waiting(f"a{n}", "decide", False, NOW, NOW - 100 + n) for n in range(51)])
    short = [
        Line(key, NOW, None, [Waiting(f"{key}0", "decide", False, NOW, NOW - 500 + place)])
        for place, key in enumerate("xyz")
    ]
    windows = {"decide": [(one.id, line.key) for line in (long, *short) for one in line.entries]}
    choice = choose([long, *short], windows, {"decide": 8})
    assert choice.take == ["x0", "y0", "z0", "a0", "a1"]
    alone = choose([long], {"decide": windows["decide"][:51]}, {"decide": 200})
    assert alone.take == [f"a{n}" for n in range(LONGEST_RUN)]
    assert choose([], {}, {"decide": 8}) == Choice()
