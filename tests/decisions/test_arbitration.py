"""Priority = propensity x context x value x lever: what moves it, what it says, and who is ranked."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from graph_crm.decisions.arbitration import Candidate, Policy, arbitrate, explores, typical_value, weigh
from graph_crm.decisions.learning.bayes import Explained, Learner, Tally

PLAIN = Policy(exploration=0.0)
CARD = Candidate("card", "CREDIT_CARD", Explained(0.1, 0.1), family="CARD", value=240_000, channels=("PHONE", "ATM"))
LOAN = Candidate("loan", "CASH_LOAN", Explained(0.02, 0.02), family="LOAN", value=600_000, channels=("ATM",))


def ranked(candidates, policy=PLAIN, *, key="decision:1", limit=3, inbound=None):
    found = arbitrate(candidates, policy, key=key, limit=limit, inbound=inbound)
    return [one.candidate.rule for one in sorted((one for one in found if one.rank), key=lambda one: one.rank)]


def test_the_priority_is_the_product_of_its_factors_in_currency_units():
    candidate = replace(CARD, priority=150, fresh_hours=0, scores={"seasonal": 0.5})
    found = weigh(candidate, Policy(levers={"CREDIT_CARD": 2.0, "family:CARD": 1.5}), inbound="PHONE")
    assert found.propensity.number == 0.1
    assert found.context.number == pytest.approx(1.5 * 1.2 * 0.5)
    assert found.value.number == 2400
    assert found.lever.number == pytest.approx(1.5 * 2.0 * 1.5)
    assert found.number == pytest.approx(0.1 * 0.9 * 2400 * 4.5)


def test_every_factor_is_kept_with_its_numbers_and_words():
    learner = Learner({("CREDIT_CARD", "PHONE"): Tally(9, 91, {("segment", "PRIVATE"): (8, 12)})})
    candidate = replace(CARD, propensity=learner.predict("CREDIT_CARD", "PHONE", {"segment": "PRIVATE"}))
    kept = weigh(candidate, PLAIN).as_json()
    assert set(kept) == {"priority", "drawn", "propensity", "context", "value", "lever"}
    assert "learned from 100 answers" in kept["propensity"]["reason"]
    assert kept["propensity"]["numbers"]["factors"][0]["feature"] == "segment"
    assert kept["propensity"]["numbers"]["factors"][0]["yes"] == 8
    assert kept["context"]["reason"] == "nothing special about the moment"
    assert kept["lever"]["reason"] == "the bank pulls no lever"


def test_a_likely_small_gain_comes_before_an_unlikely_large_one():
    assert ranked([LOAN, CARD]) == ["card", "loan"]
    assert ranked([replace(LOAN, propensity=Explained(0.05, 0.05)), CARD]) == ["loan", "card"]


def test_what_just_happened_comes_first_and_fades_by_the_day():
    fresh = [weigh(replace(CARD, fresh_hours=hours), PLAIN).context.number for hours in (0, 24, 48, 24 * 30)]
    assert fresh == [pytest.approx(1.5), pytest.approx(1.25), pytest.approx(1.125), pytest.approx(1.0, abs=1e-6)]
    assert weigh(replace(CARD, fresh_hours=-1), PLAIN).context.number == pytest.approx(1.5)


def test_the_channel_that_the_customer_is_using_counts_only_where_it_comes_first():
    assert weigh(CARD, PLAIN, inbound="PHONE").context.number == pytest.approx(1.2)
    assert weigh(CARD, PLAIN, inbound="ATM").context.number == 1


def test_a_product_without_a_value_is_worth_the_median_of_the_others():
    assert typical_value([None, 10_000, 30_000, 90_000]) == 300
    assert typical_value([None]) == 1.0
    found = weigh(replace(CARD, value=None), Policy(typical_value=300))
    assert found.value.number == 300
    assert "median" in found.value.reason
    assert weigh(replace(CARD, value=0), PLAIN).number == 0


def test_a_family_and_a_product_of_the_same_code_have_levers_of_their_own():
    account = replace(CARD, product="CURRENT_ACCOUNT", family="CURRENT_ACCOUNT")
    assert weigh(account, Policy(levers={"family:CURRENT_ACCOUNT": 3})).lever.number == 3
    assert weigh(account, Policy(levers={"CURRENT_ACCOUNT": 2, "family:CURRENT_ACCOUNT": 3})).lever.number == 6


def test_a_plugin_replaces_the_learner_and_is_not_explored_around():
    told = replace(CARD, propensity=Explained(0.9, 0.9), propensity_from="bank_scores")
    found = weigh(told, PLAIN, exploring=True, key="d")
    assert found.drawn is None
    assert found.propensity.reason == "plugin bank_scores says so"


def test_each_product_is_offered_once_and_no_more_than_the_limit():
    second = replace(CARD, rule="card_again", priority=50)
    found = {one.candidate.rule: one for one in arbitrate([second, LOAN, CARD], PLAIN, key="d", limit=1)}
    assert (found["card"].rank, found["card"].code) == (1, "RANKED")
    assert (found["card_again"].rank, found["card_again"].code) == (None, "SAME_PRODUCT")
    assert (found["loan"].rank, found["loan"].code) == (None, "TOO_MANY")


def test_a_rule_in_shadow_is_weighed_but_takes_no_place():
    watching = replace(CARD, rule="watching", mode="shadow", priority=1000)
    found = arbitrate([watching, CARD], PLAIN, key="d", limit=1)
    assert (found[0].rank, found[0].code) == (None, "SHADOW")
    assert found[0].priority.number > found[1].priority.number
    assert found[1].rank == 1


def test_equals_are_ranked_by_the_rules_id():
    assert ranked([replace(CARD, rule="b", product="B"), replace(CARD, rule="a", product="A")]) == ["a", "b"]


def test_nothing_explores_where_the_share_is_nothing_and_everything_where_it_is_all():
    keys = [f"decision:{number}" for number in range(2000)]
    assert not any(explores(key, 0.0) for key in keys)
    assert all(explores(key, 1.0) for key in keys)
    assert 60 < sum(explores(key, 0.05) for key in keys) < 145


def test_exploring_tries_what_is_hardly_known_and_says_so():
    """A new product of an equal mean is tried about as often; one known to be worse hardly ever, as counts grow."""
    policy = Policy(exploration=1.0)
    known = replace(CARD, rule="known", product="KNOWN", propensity=Explained(0.10, 0.10, strength=5000))
    unsure = replace(CARD, rule="unsure", product="UNSURE", propensity=Explained(0.05, 0.05, strength=20))
    surely_worse = replace(unsure, rule="worse", product="WORSE", propensity=Explained(0.05, 0.05, strength=5000))
    first = [ranked([known, unsure, surely_worse], policy, key=f"decision:{number}")[0] for number in range(1000)]
    assert 50 < first.count("unsure") < 300
    assert first.count("worse") == 0
    (standing,) = arbitrate([unsure], policy, key="decision:1", limit=1)
    assert standing.priority.drawn is not None
    assert "to explore" in standing.reason
    assert standing.priority.as_json()["drawn"] == standing.priority.drawn


def test_without_exploring_the_trace_has_no_draw():
    (standing,) = arbitrate([CARD], PLAIN, key="decision:1", limit=1)
    assert standing.priority.drawn is None
    assert "explore" not in standing.reason


candidates = st.lists(
    st.builds(
        Candidate,
        rule=st.sampled_from(["a", "b", "c", "d"]),
        product=st.sampled_from(["A", "B", "C"]),
        propensity=st.builds(Explained, st.floats(0.001, 0.9), st.just(0.1)),
        mode=st.sampled_from(["on", "on", "shadow"]),
        priority=st.integers(0, 1000),
        value=st.none() | st.integers(0, 1_000_000),
        fresh_hours=st.none() | st.floats(0, 1000),
    ),
    max_size=8,
)


@given(candidates, st.integers(1, 4), st.floats(0, 1), st.text(max_size=8))
def test_the_ranking_keeps_its_promises_whatever_is_weighed(asked, limit, share, key):
    policy = Policy(exploration=share)
    found = arbitrate(asked, policy, key=key, limit=limit)
    assert [one.candidate for one in found] == asked
    assert found == arbitrate(asked, policy, key=key, limit=limit)
    chosen = sorted((one for one in found if one.rank), key=lambda one: one.rank)
    assert [one.rank for one in chosen] == list(range(1, len(chosen) + 1))
    assert len(chosen) <= limit
    assert len({one.candidate.product for one in chosen}) == len(chosen)
    assert all(one.candidate.mode == "on" for one in chosen)
    numbers = [one.priority.number for one in chosen]
    assert numbers == sorted(numbers, reverse=True)
    available = {one.product for one in asked if one.mode == "on"}
    assert len(chosen) == min(limit, len(available))
