"""What was told of a call leads to one end, whatever the order, the delays and the repeats."""

from __future__ import annotations

import datetime as dt
from functools import reduce
from types import MappingProxyType

import pytest
from hypothesis import given
from hypothesis import strategies as st

from graph_crm.calls.facts import CallFacts, Said
from graph_crm.calls.kinds import CallEnd, CallState

NOON = dt.datetime(2026, 11, 23, 11, 0, tzinfo=dt.UTC)


def at(second: int) -> dt.datetime:
    return NOON + dt.timedelta(seconds=second)


def arrived(second: int, number: str | None = "+420601000001", queue: str | None = "service") -> CallFacts:
    return CallFacts(arrival=Said(at(second), number, queue))


def answered(second: int, agent: str = "agent-1") -> CallFacts:
    return CallFacts(answer=Said(at(second), agent))


def abandoned(second: int) -> CallFacts:
    return CallFacts(abandoned=Said(at(second)))


def ended(second: int, end: CallEnd = CallEnd.SERVED, note: str | None = None) -> CallFacts:
    return CallFacts(ends=MappingProxyType({end: Said(at(second), note)}))


def together(*signals: CallFacts) -> CallFacts:
    return reduce(CallFacts.told, signals, CallFacts())


seconds = st.integers(0, 6)
signals = st.one_of(
    st.builds(arrived, seconds, st.sampled_from([None, "+420601000001", "+420601000002"]), st.sampled_from(["a", "b"])),
    st.builds(answered, seconds, st.sampled_from(["agent-1", "agent-2"])),
    st.builds(abandoned, seconds),
    st.builds(ended, seconds, st.sampled_from(CallEnd), st.sampled_from([None, "one", "two"])),
)


@given(told=st.lists(signals, max_size=7), data=st.data())
def test_the_order_and_the_repeats_of_signals_make_no_difference(told: list[CallFacts], data: st.DataObject):
    shuffled = data.draw(
        st.permutations([*told, *data.draw(st.lists(st.sampled_from(told), max_size=3) if told else st.just([]))])
    )
    one, other = together(*told), together(*shuffled)
    assert one == other
    assert (one.state, one.wait, one.ended_at, one.note) == (other.state, other.wait, other.ended_at, other.note)


@given(told=st.lists(signals, min_size=1, max_size=7))
def test_a_call_that_is_over_ended_answered_as_a_call_back_or_as_a_request(told: list[CallFacts]):
    facts = together(*told)
    silent = CallFacts(
        **{name: getattr(facts, name) for name in ("arrival", "answer", "abandoned", "ends")}, silent=at(99)
    )
    assert silent.over
    assert silent.state in (CallState.ENDED, CallState.CALLBACK, CallState.REQUEST)


@pytest.mark.parametrize(
    ("told", "state", "wait"),
    [
        ([arrived(0)], CallState.WAITING, None),
        ([arrived(0), answered(5)], CallState.ANSWERED, 5),
        ([answered(5)], CallState.ANSWERED, None),
        ([arrived(0), answered(5), ended(60)], CallState.ENDED, 5),
        ([arrived(0), abandoned(30)], CallState.CALLBACK, 30),
        ([arrived(0, None), abandoned(30)], CallState.REQUEST, 30),
        ([arrived(0), abandoned(30), answered(29)], CallState.ANSWERED, 29),
        ([arrived(0), answered(5), ended(60, CallEnd.CALLBACK)], CallState.CALLBACK, 5),
        ([arrived(0, None), answered(5), ended(60, CallEnd.CALLBACK)], CallState.REQUEST, 5),
        ([arrived(0), answered(5), ended(60, CallEnd.REQUEST)], CallState.REQUEST, 5),
        ([arrived(0), answered(5), ended(60), ended(65, CallEnd.CALLBACK)], CallState.CALLBACK, 5),
    ],
)
def test_where_a_call_stands(told: list[CallFacts], state: CallState, wait: float | None):
    facts = together(*told)
    assert (facts.state, facts.wait) == (state, wait)


def test_what_is_told_after_silence_takes_it_back():
    silent = CallFacts(arrival=Said(at(0), "+420601000001"), silent=at(1800))
    assert silent.state is CallState.CALLBACK
    assert silent.told(arrived(0, queue=None)).silent == at(1800)
    assert silent.told(answered(1790)).state is CallState.ANSWERED
