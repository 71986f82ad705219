"""What the learner makes of counted answers: rates, multipliers, and where it falls back."""

from __future__ import annotations

import math
import random
import statistics

import pytest
from hypothesis import given
from hypothesis import strategies as st

from graph_crm.decisions.learning.bayes import FIRST_RATE, STRENGTH, Explained, Learner, Model, Tally


def tally(*answers: tuple[dict, bool], times: int = 1) -> Tally:
    found = Tally()
    for features, accepted in answers * times:
        found.add(features, accepted=accepted)
    return found


def test_a_model_without_answers_believes_the_first_rate_of_everybody():
    found = Learner().predict("CREDIT_CARD", "PHONE", {"segment": "RETAIL"})
    assert found.probability == pytest.approx(FIRST_RATE)
    assert [one.multiplier for one in found.factors] == [1.0]
    assert (found.yes, found.no, found.model) == (0, 0, "CREDIT_CARD|PHONE")


def test_many_answers_outweigh_the_first_rate():
    learner = Learner({("CREDIT_CARD", "PHONE"): Tally(yes=3000, no=7000)})
    assert learner.predict("CREDIT_CARD", "PHONE", {}).probability == pytest.approx(0.3, abs=0.001)


def test_the_formula_of_a_multiplier_by_hand():
    """100 answers, 10 yes; of 40 who rent 8 said yes."""
    counts = Tally(yes=10, no=90, cells={("home", "RENT"): (8, 32)})
    found = Model("M", (counts,)).predict({"home": "RENT"})
    rate = (10 + STRENGTH * FIRST_RATE) / (100 + STRENGTH)
    inside = (8 + STRENGTH * rate) / (40 + STRENGTH)
    multiplier = inside / (1 - inside) / (rate / (1 - rate))
    odds = rate / (1 - rate) * multiplier
    assert found.prior == pytest.approx(rate)
    assert found.factors[0].multiplier == pytest.approx(multiplier)
    assert (found.factors[0].yes, found.factors[0].no) == (8, 32)
    assert found.probability == pytest.approx(odds / (1 + odds))


def test_a_new_channel_falls_back_on_what_the_products_other_channels_learned():
    seen = tally(({"age": 70}, True), ({"age": 25}, False), times=300)
    learner = Learner({("TERM_DEPOSIT", "PHONE"): seen})
    new = learner.predict("TERM_DEPOSIT", "SMS", {"age": 70})
    assert new.probability > 0.9
    assert (new.yes, new.no) == (0, 0)
    assert new.factors[0].yes == 300
    other_product = learner.predict("CREDIT_CARD", "SMS", {"age": 70})
    assert other_product.probability == pytest.approx(FIRST_RATE)


def test_a_channels_own_answers_win_over_those_of_the_others():
    phone = tally(({}, True), times=500)
    sms = tally(({}, False), times=500)
    learner = Learner({("X", "PHONE"): phone, ("X", "SMS"): sms})
    assert learner.predict("X", "PHONE", {}).probability > 0.9
    assert learner.predict("X", "SMS", {}).probability < 0.1


def test_no_answer_is_counted_twice_on_the_way_down():
    """The only channel of a product is not also its own fallback: that would make its prior half as strong."""
    learner = Learner({("X", "PHONE"): Tally(yes=20, no=0)})
    own = (20 + STRENGTH * FIRST_RATE) / (20 + STRENGTH)
    assert learner.predict("X", "PHONE", {}).prior == pytest.approx(own)


def test_the_model_of_all_channels_counts_every_channel_once():
    learner = Learner({("X", "PHONE"): Tally(3, 4), ("X", "SMS"): Tally(1, 2), ("Y", "SMS"): Tally(9, 9)})
    found = learner.predict("X", None, {})
    assert (found.yes, found.no, found.model) == (4, 6, "X")
    assert learner.version == 28


def test_what_is_not_known_and_what_was_never_seen_change_nothing():
    learner = Learner({("X", "PHONE"): tally(({"age": 70}, True), ({"age": 25}, False), times=50)})
    base = learner.predict("X", "PHONE", {}).probability
    assert learner.predict("X", "PHONE", {"age": 3, "hobby": "chess"}).probability == pytest.approx(base)


answers = st.lists(
    st.tuples(
        st.fixed_dictionaries({}, optional={"age": st.integers(18, 90), "segment": st.sampled_from("ABC")}),
        st.booleans(),
    ),
    max_size=40,
)


@given(answers, st.fixed_dictionaries({"age": st.integers(18, 90), "segment": st.sampled_from("ABCD")}))
def test_the_explanation_is_the_whole_calculation(seen, asked):
    found = Model("M", (tally(*seen),)).predict(asked)
    logit = math.log(found.prior / (1 - found.prior)) + sum(math.log(one.multiplier) for one in found.factors)
    assert found.probability == pytest.approx(1 / (1 + math.exp(-logit)), abs=1e-6)
    assert {one.feature for one in found.factors} == set(asked)
    assert 0 < found.probability < 1


@given(answers, answers)
def test_the_order_of_the_answers_does_not_matter_and_tallies_add_up(first, second):
    together, merged = tally(*second, *first), tally(*first)
    merged.merge(tally(*second))
    assert together == merged


@given(answers)
def test_one_more_yes_never_makes_a_yes_less_likely(seen):
    counts = tally(*seen)
    asked = {"age": 40, "segment": "A"}
    before = Model("M", (counts,)).predict(asked).probability
    counts.add(asked, accepted=True)
    assert Model("M", (counts,)).predict(asked).probability >= before - 1e-9


def test_a_draw_is_the_same_for_the_same_seed_and_another_for_another():
    belief = Explained(0.2, 0.2, strength=30)
    assert belief.draw("decision:1") == belief.draw("decision:1")
    assert belief.draw("decision:1") != belief.draw("decision:2")


def test_draws_lie_around_the_probability_and_closer_the_more_answers_there_are():
    few = [Explained(0.2, 0.2, strength=20).draw(f"d{number}") for number in range(3000)]
    many = [Explained(0.2, 0.2, strength=2000).draw(f"d{number}") for number in range(3000)]
    assert statistics.mean(few) == pytest.approx(0.2, abs=0.01)
    assert statistics.mean(many) == pytest.approx(0.2, abs=0.01)
    assert statistics.stdev(few) == pytest.approx(math.sqrt(0.2 * 0.8 / 21), rel=0.1)
    assert statistics.stdev(many) < statistics.stdev(few) / 5


def test_a_draw_stays_a_probability_at_the_edges():
    for probability in (0.0, 1e-9, 1.0 - 1e-9, 1.0):
        assert 0 <= Explained(probability, 0.5).draw("d") <= 1


def test_it_finds_what_matters_in_made_up_answers():
    """Savers over 60 say yes to three of ten, others to one of twenty."""
    chance = random.Random(4)  # noqa: S311 - made-up customers, not a secret
    counts = Tally()
    for _ in range(4000):
        age = chance.randrange(18, 90)
        counts.add(
            {"age": age, "shoe": chance.randrange(36, 47)}, accepted=chance.random() < (0.3 if age > 60 else 0.05)
        )
    model = Model("M", (counts,))
    old, young = model.predict({"age": 70, "shoe": 40}), model.predict({"age": 30, "shoe": 40})
    assert old.probability == pytest.approx(0.3, abs=0.08)
    assert young.probability == pytest.approx(0.05, abs=0.03)
    assert old.factors[0].feature == "age"
