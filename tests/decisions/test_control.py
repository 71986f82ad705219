"""The control group: its share is met, it never changes by itself, and no household is split."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from graph_crm.decisions.control import draw, membership, unit_to_keep, units_of
from graph_crm.rules.snapshot import PartyFacts

names = st.text(min_size=1, max_size=20)
shares = st.floats(0, 1)


@given(salt=names, share=st.sampled_from([0.01, 0.1, 0.5]))
def test_the_share_is_met(salt, share):
    number = 4000
    inside = sum(membership(PartyFacts(f"party:{one}"), share=share, salt=salt).inside for one in range(number))
    # Five standard deviations of the binomial distribution.
    assert abs(inside - number * share) <= 5 * math.sqrt(number * share * (1 - share))


def test_a_share_of_nothing_keeps_nobody_and_a_share_of_all_keeps_everybody():
    people = [PartyFacts(f"party:{one}") for one in range(500)]
    assert not any(membership(one, share=0.0, salt="s").inside for one in people)
    assert all(membership(one, share=1.0, salt="s").inside for one in people)


@given(names, names, shares, shares)
def test_it_is_stable_and_a_larger_share_keeps_everybody_who_was_in(party, salt, one, other):
    small, large = sorted((one, other))
    facts = PartyFacts(party)
    assert membership(facts, share=small, salt=salt) == membership(facts, share=small, salt=salt)
    assert membership(facts, share=small, salt=salt).inside <= membership(facts, share=large, salt=salt).inside


def test_another_salt_draws_another_group():
    people = [PartyFacts(f"party:{one}") for one in range(400)]
    first = {one.id for one in people if membership(one, share=0.5, salt="2026").inside}
    second = {one.id for one in people if membership(one, share=0.5, salt="2027").inside}
    assert 0.3 < len(first & second) / len(first) < 0.7


@given(
    kept=st.lists(st.none() | st.sampled_from(["party:a", "party:b", "household:old", "household:h"]), min_size=1),
    share=shares,
)
def test_no_household_is_split_whatever_its_members_were_drawn_as_before(kept, share):
    """Members who were decided about before have units of their own; others have none yet."""
    known = tuple(unit for unit in kept if unit is not None)
    members = [
        PartyFacts(f"party:{place}", household="household:h", control_units=known if unit is None else (unit, *known))
        for place, unit in enumerate(kept)
    ]
    assert len({membership(one, share=share, salt="s").inside for one in members}) == 1


@given(st.none() | st.just("household:h"), shares)
def test_the_first_decision_and_every_later_one_agree(household, share):
    before = PartyFacts("party:a", household=household)
    after = PartyFacts("party:a", household=household, control_units=(unit_to_keep(before),))
    assert membership(before, share=share, salt="s") == membership(after, share=share, salt="s")


@given(shares)
def test_who_moves_out_stays_where_they_were(share):
    at_home = PartyFacts("party:a", household="household:h")
    moved_out = PartyFacts("party:a", control_units=(unit_to_keep(at_home),))
    assert membership(at_home, share=share, salt="s").inside == membership(moved_out, share=share, salt="s").inside


def test_it_says_what_it_was_drawn_from():
    facts = PartyFacts("party:a", household="household:h", control_units=("party:a", "party:b"))
    assert units_of(facts) == ("household:h", "party:a", "party:b")
    found = membership(facts, share=0.5, salt="s")
    assert found.draw == min(draw(unit, "s") for unit in found.units)
    assert found.as_json() == {"unit": found.unit, "draw": pytest.approx(found.draw, abs=1e-6), "share": 0.5}
