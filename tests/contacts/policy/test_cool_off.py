"""Rest after an answer: what it binds, how long, and which rest is told."""

from __future__ import annotations

import datetime as dt
import sys
from pathlib import Path

import pytest

from graph_crm.contacts.cool_off import cool_off
from graph_crm.rules.limits import ContactLimit
from graph_crm.rules.snapshot import Answer

sys.path.insert(0, str(Path(__file__).parent))

from policy_customers import NOW, SHIPPED, ago, answer, call, customer, days, limited

TICK = dt.timedelta(milliseconds=1)


def asked(*answers: Answer, **approach: object):
    return cool_off(customer(answers=answers), call(**approach), SHIPPED)


@pytest.mark.parametrize(
    ("said", "code", "rest"),
    [
        (answer("REJECTED", ago(1)), "PRODUCT_REFUSED", 180),
        (answer("REJECTED", ago(1), "CAR_LOAN"), "FAMILY_REFUSED", 90),
        (answer("LATER", ago(1)), "ASKED_LATER", 14),
        (answer("NO_ANSWER", ago(1), channel="PHONE"), "NO_ANSWER", 2),
        (answer("IGNORED", ago(1)), "IGNORED", 7),
    ],
)
def test_an_answer_asks_for_rest_that_ends_at_an_exact_instant(said: Answer, code: str, rest: int):
    found = asked(said)
    assert (found.allowed, found.code, found.evidence) == (False, code, (said.id,))
    assert found.earliest == said.at + days(rest)
    assert found.numbers["days"] == rest
    assert not asked(said, at=said.at + days(rest) - TICK).allowed
    assert asked(said, at=said.at + days(rest)).allowed


@pytest.mark.parametrize("outcome", ["PRESENTED", "CLICKED", "ACCEPTED"])
def test_a_good_answer_asks_for_none(outcome: str):
    assert asked(answer(outcome, ago(1))).allowed


def test_a_refusal_does_not_bind_other_families():
    assert asked(answer("REJECTED", ago(1), "CREDIT_CARD")).allowed
    assert asked(answer("REJECTED", ago(1), "CREDIT_CARD"), product="GOLD_CARD", family="CARD").code == "FAMILY_REFUSED"


def test_later_and_ignored_bind_the_product_only():
    for outcome in ("LATER", "IGNORED", "NO_ANSWER"):
        assert asked(answer(outcome, ago(1), "CAR_LOAN", channel="PHONE")).allowed


def test_no_answer_binds_the_channel_only_and_not_a_customer_who_comes_in():
    said = answer("NO_ANSWER", ago(1), channel="PHONE")
    assert asked(said).code == "NO_ANSWER"
    assert asked(said, channel="EMAIL").allowed
    assert asked(said, direction="INBOUND").allowed
    assert not asked(answer("NO_ANSWER", ago(1)), channel="EMAIL").allowed, "nobody knows where it was"


def test_the_day_that_the_customer_named_replaces_the_usual_rest():
    soon = answer("LATER", ago(1), call_back_at=NOW + days(2))
    assert asked(soon).earliest == NOW + days(2)
    assert asked(soon, at=NOW + days(2)).allowed
    long = answer("LATER", ago(1), call_back_at=NOW + days(60))
    assert asked(long).earliest == NOW + days(60)


def test_the_newest_later_counts():
    first = answer("LATER", ago(10), call_back_at=NOW + days(60))
    second = answer("LATER", ago(1), call_back_at=NOW + days(3))
    assert asked(first, second).earliest == NOW + days(3)
    assert asked(second, first).earliest == NOW + days(3)


def three(*when: float, products: tuple[str, ...] = ("CREDIT_CARD", "MORTGAGE", "TRAVEL_INSURANCE")) -> list[Answer]:
    return [answer("REJECTED", ago(day), one, family=one) for day, one in zip(when, products, strict=True)]


def test_three_refusals_of_anything_within_90_days_are_a_rest_from_everything():
    found = asked(*three(80, 40, 10))
    assert found.code == "REFUSED_REPEATEDLY"
    assert found.earliest == ago(10) + days(180)
    assert len(found.evidence) == 3
    assert found.numbers.items() >= {"refusals": 3, "within_days": 90, "days": 180}.items()
    assert asked(*three(80, 40, 10), at=ago(10) + days(180)).allowed
    assert not asked(*three(80, 40, 10), channel="LETTER", product=None, family=None).allowed


def test_two_refusals_or_three_over_a_longer_time_are_not():
    assert asked(*three(80, 40, 10)[1:]).allowed
    assert asked(*three(100.1, 40, 10)).allowed
    assert asked(*three(100, 40, 10)).code == "REFUSED_REPEATEDLY"


def test_the_rest_goes_on_though_the_refusals_lie_further_back_than_90_days():
    assert asked(*three(259, 200, 179)).code == "REFUSED_REPEATEDLY"
    assert asked(*three(259, 200, 180)).allowed


def test_a_refusal_that_is_written_down_twice_counts_once():
    told = [answer("REJECTED", ago(day), "CREDIT_CARD", offer_id="offer-1", id=f"r-{day}") for day in (1, 2, 3)]
    assert asked(*told, product="MORTGAGE", family="MORTGAGE").allowed


def test_of_several_rests_the_one_that_ends_last_is_told():
    found = asked(answer("LATER", ago(1), call_back_at=NOW + days(300)), answer("REJECTED", ago(1)))
    assert found.code == "ASKED_LATER"
    found = asked(answer("LATER", ago(1)), answer("REJECTED", ago(1)))
    assert found.code == "PRODUCT_REFUSED"


@pytest.mark.parametrize("action_class", ["TRANSACTIONAL", "MANDATORY"])
def test_only_promotion_is_bound(action_class: str):
    assert asked(answer("REJECTED", ago(1)), *three(80, 40, 10), action_class=action_class).allowed


def test_a_customer_who_comes_in_is_not_offered_what_was_refused():
    assert asked(answer("REJECTED", ago(1)), direction="INBOUND").code == "PRODUCT_REFUSED"
    assert asked(*three(80, 40, 10), direction="INBOUND").code == "REFUSED_REPEATEDLY"


def test_what_is_not_known_about_a_refusal_is_taken_at_its_worst():
    assert asked(answer("REJECTED", ago(1), None)).earliest == ago(1) + days(180)
    assert asked(answer("REJECTED", ago(1), "CREDIT_CARD", family=None)).earliest == ago(1) + days(90)
    assert asked(answer("REJECTED", ago(1), "CREDIT_CARD"), family=None).code == "FAMILY_REFUSED"


def test_zero_days_switch_a_rest_off():
    off = dict.fromkeys(["product_days", "family_days", "rest_days", "later_days", "no_answer_days", "ignored_days"], 0)
    policy = limited(ContactLimit(name="one", count=1, days=1), cool_off=off)
    said = [answer(one, NOW, channel="PHONE") for one in ("REJECTED", "LATER", "NO_ANSWER", "IGNORED")]
    assert cool_off(customer(answers=(*said, *three(3, 2, 1))), call(), policy).allowed
