"""All gates together: their order, and the first instant at which all of them allow."""

from __future__ import annotations

import datetime as dt
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from graph_crm.contacts.approach import Approach
from graph_crm.contacts.judging import Judge, earliest, judge
from graph_crm.errors import RuleError
from graph_crm.rules.limits import ContactLimit

sys.path.insert(0, str(Path(__file__).parent))

from policy_customers import NOW, SHIPPED, ago, answer, call, consent, customer, days, event, limited, touch

MINUTE = dt.timedelta(minutes=1)
QUARTER = 15 * MINUTE


def test_every_gate_speaks_in_order():
    found = judge(customer(), call(), SHIPPED)
    assert [one.gate for one in found] == ["consent", "suppression", "cool_off", "contact_limits", "contact_times"]
    assert all(one.allowed for one in found)
    assert all(one.code and one.reason for one in found)


def test_gates_do_not_hide_each_other():
    anna = customer(consents=(), touches=(touch(ago(1)),), answers=(answer("REJECTED", ago(2)),))
    codes = [one.code for one in judge(anna, call(), SHIPPED) if not one.allowed]
    assert codes == ["CONSENT_UNKNOWN", "PRODUCT_REFUSED", "CONTACT_LIMIT"]


def test_whoever_may_be_called_now_may_be_called_now():
    found = earliest(customer(), call(), SHIPPED)
    assert (found.at, found.because.allowed, found.pushed) == (NOW, True, ())


def test_a_judge_who_is_asked_about_many_products_says_what_one_asked_about_each_says():
    anna = customer(
        touches=(touch(ago(10)),), answers=(answer("REJECTED", ago(20)), answer("IGNORED", ago(1), "MORTGAGE"))
    )
    by = Judge(anna, SHIPPED)
    for product, family in (("CASH_LOAN", "LOAN"), ("CAR_LOAN", "LOAN"), ("MORTGAGE", "MORTGAGE"), (None, None)):
        for channel in ("PHONE", "EMAIL", "LETTER"):
            for at in (NOW, NOW + days(40)):
                approach = call(channel, at=at, product=product, family=family)
                assert by.judge(approach) == judge(anna, approach, SHIPPED)
                assert by.earliest(approach) == earliest(anna, approach, SHIPPED)


def test_the_limit_binds_and_says_so():
    found = earliest(customer(touches=(touch(ago(10)),)), call(), SHIPPED)
    assert found.at == ago(10) + days(45)
    assert (found.because.code, found.because.numbers["limit"]) == ("CONTACT_LIMIT", "promotional_call")


def test_the_rule_that_pushed_last_binds():
    # Free by the limit on a Sunday night, so that the hours push on to Monday morning.
    sunday = dt.datetime(2026, 11, 29, 22, tzinfo=dt.UTC)
    found = earliest(customer(touches=(touch(sunday - days(45)),)), call(), SHIPPED)
    assert found.at == dt.datetime(2026, 11, 30, 8, tzinfo=dt.UTC)
    assert found.because.gate == "contact_times"
    assert found.pushed == ("contact_limits", "contact_times")


def test_a_rest_that_is_longer_than_the_limit_binds():
    anna = customer(touches=(touch(ago(1), outcome="REJECTED"),), answers=(answer("REJECTED", ago(1)),))
    found = earliest(anna, call(), SHIPPED)
    assert found.because.code == "PRODUCT_REFUSED"
    assert found.at == ago(1) + days(180)
    assert earliest(anna, call(product="CREDIT_CARD", family="CARD"), SHIPPED).because.code == "CONTACT_LIMIT"


@pytest.mark.parametrize(
    ("facts", "code"),
    [
        ({"consents": (consent("MARKETING", "WITHDRAWN"),)}, "CONSENT_WITHDRAWN"),
        ({"party": {"vulnerable": True}}, "VULNERABLE"),
        ({"events": (event("complaint", ago(3)),)}, "COMPLAINT_OPEN"),
        ({"party": {"country": None}}, "TIME_ZONE_UNKNOWN"),
    ],
)
def test_what_nobody_can_foresee_has_no_instant(facts: dict[str, object], code: str):
    found = earliest(customer(touches=(touch(ago(1)),), **facts), call(), SHIPPED)
    assert (found.at, found.because.code) == (None, code)


def test_a_class_word_channel_or_instant_that_is_not_known_is_refused_at_once():
    for wrong in ({"channel": "FAX"}, {"action_class": "SPAM"}, {"direction": "SIDEWAYS"}, {"purpose": "OFFER"}):
        with pytest.raises(RuleError):
            Approach(**{"channel": "PHONE", "at": NOW, **wrong})  # type: ignore[arg-type]
    with pytest.raises(RuleError, match="until is before at"):
        Approach("PHONE", at=NOW, until=ago(1))
    with pytest.raises(ValueError, match="time zone"):
        Approach("PHONE", at=NOW.replace(tzinfo=None))


@settings(max_examples=25, deadline=None)
@given(
    st.lists(st.tuples(st.integers(-300, 300), st.integers(0, 40), st.booleans()), max_size=5),
    st.lists(
        st.tuples(st.sampled_from(["REJECTED", "LATER", "NO_ANSWER", "IGNORED"]), st.integers(-900, 0)), max_size=3
    ),
    st.integers(0, 30),
    st.integers(-400, 0),
)
def test_the_earliest_instant_is_allowed_and_no_quarter_of_an_hour_before_it_is(
    contacts: list[tuple[int, int, bool]], said: list[tuple[str, int]], length: int, collections: int
):
    policy = limited(
        ContactLimit(name="calls", count=1, days=1.5),
        ContactLimit(name="attempts", count=2, days=2, counts="attempts"),
        times=[{"channels": ("PHONE", "SMS"), "from": "09:00", "until": "20:00"}],
        cool_off={"product_days": 4, "family_days": 2, "rest_days": 5, "later_days": 1, "ignored_days": 0.5},
        suppression={"collections_days": 3, "collections_serious_days": 3},
    )
    anna = customer(
        touches=tuple(
            touch(
                NOW + at * QUARTER,
                NOW + (at + lasts) * QUARTER,
                id=f"t{number}",
                outcome="NO_ANSWER" if unheard else None,
            )
            for number, (at, lasts, unheard) in enumerate(contacts)
        ),
        answers=tuple(
            answer(outcome, NOW + at * QUARTER, id=f"a{number}", channel="PHONE")
            for number, (outcome, at) in enumerate(said)
        ),
        events=(event("collections_contact", NOW + collections * QUARTER),),
    )
    approach = call(until=NOW + length * QUARTER)
    found = earliest(anna, approach, policy)
    assert found.at is not None
    assert all(one.allowed for one in judge(anna, approach.moved(found.at), policy))
    before = [NOW + number * QUARTER for number in range(int((found.at - NOW) / QUARTER))]
    if found.at > NOW:
        before += [found.at - MINUTE, found.at - dt.timedelta(milliseconds=1)]
        assert not found.because.allowed
    for at in before:
        if at >= NOW:
            assert not all(one.allowed for one in judge(anna, approach.moved(at), policy)), at
