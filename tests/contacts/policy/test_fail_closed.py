"""What is not known forbids: taking facts away never makes a promotional contact more allowed.

Facts that speak against a contact are left out of this on purpose: without the complaint there is no complaint. What
is taken away here is what the platform needs to see that a contact is right, and the details of what speaks against.
"""

from __future__ import annotations

import datetime as dt
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from graph_crm.contacts.judging import judge
from graph_crm.rules.limits import ContactLimit
from graph_crm.rules.snapshot import ConsentFact, Holding, PointFact, Snapshot

sys.path.insert(0, str(Path(__file__).parent))

from policy_customers import MOBILE, NOW, SHIPPED, ago, answer, call, consent, customer, days, event, touch

LIMITS = SHIPPED.with_limits(
    [
        ContactLimit(name="at_home", count=1, days=7, scope="household", purposes=("MARKETING",)),
        ContactLimit(name="at_point", count=2, days=7, scope="contact_point"),
    ]
)


def allowed(snapshot: Snapshot, **approach: object) -> bool:
    return all(one.allowed for one in judge(snapshot, call(**approach), LIMITS))


def party(**facts: object) -> Callable[[Snapshot], Snapshot]:
    return lambda one: replace(one, party=replace(one.party, **facts))  # type: ignore[arg-type]


NEEDED: dict[str, Callable[[Snapshot], Snapshot]] = {
    "the consents": lambda one: replace(one, consents=()),
    "the contact points": lambda one: replace(one, points=()),
    "the country": party(country=None),
    "a country that exists": party(country="XX"),
    "a time zone that exists": party(time_zone="Nowhere/Land"),
    "the status of an agreement": lambda one: replace(
        one, holdings=tuple(replace(held, status=None) for held in one.holdings)
    ),
}


def usual() -> Snapshot:
    """A customer who may be called."""
    return customer(holdings=(Holding("a-1", "CASH_LOAN", "LOAN", "OWNER", dt.date(2025, 1, 1), status="ACTIVE"),))


@pytest.mark.parametrize("fact", NEEDED)
def test_without_a_fact_that_is_needed_nobody_is_called(fact: str):
    assert allowed(usual())
    assert not allowed(NEEDED[fact](usual()))


def test_an_empty_snapshot_allows_no_promotion_by_any_channel():
    nobody = Snapshot(customer().party, NOW)
    for channel in ("PHONE", "SMS", "EMAIL", "ATM", "ONLINE", "BRANCH", "LETTER", "PUSH"):
        for direction in ("OUTBOUND", "INBOUND"):
            assert not allowed(nobody, channel=channel, direction=direction, point=None)


answers = st.builds(
    answer,
    st.sampled_from(["REJECTED", "LATER", "NO_ANSWER", "IGNORED"]),
    st.integers(0, 200).map(ago),
    st.sampled_from(["CASH_LOAN", "CAR_LOAN", "CREDIT_CARD"]),
    channel=st.sampled_from(["PHONE", "EMAIL"]),
)
touches = st.builds(
    touch,
    st.integers(0, 60).map(ago),
    channel=st.sampled_from(["PHONE", "EMAIL"]),
    direction=st.sampled_from(["OUTBOUND", "INBOUND"]),
    action_class=st.sampled_from(["PROMOTIONAL", "TRANSACTIONAL"]),
    purpose=st.sampled_from(["MARKETING", "SERVICE"]),
    outcome=st.sampled_from(["PRESENTED", "NO_ANSWER"]),
    own=st.booleans(),
    household=st.booleans(),
    points=st.sampled_from([(), (MOBILE,)]),
)
consents = st.builds(
    consent,
    st.just("MARKETING"),
    st.sampled_from(["GRANTED", "DENIED", "WITHDRAWN"]),
    at=st.integers(0, 50).map(ago),
    channel=st.sampled_from([None, "PHONE", "EMAIL"]),
    point=st.sampled_from([None, MOBILE]),
)
events = st.builds(
    event,
    st.sampled_from(["complaint", "collections_contact", "complaint_closed"]),
    st.integers(0, 400).map(ago),
    hardship=st.booleans(),
)


@settings(max_examples=200, deadline=None)
@given(st.lists(answers, max_size=3), st.lists(touches, max_size=3), st.data())
def test_a_detail_that_is_lost_never_makes_a_contact_allowed(
    said: list[object], made: list[object], data: st.DataObject
):
    anna = customer(answers=tuple(said), touches=tuple(made))
    lost = replace(
        anna,
        answers=tuple(
            replace(one, **dict.fromkeys(data.draw(st.sets(st.sampled_from(["product", "family", "channel"])))))
            if one.outcome != "LATER"
            else one
            for one in anna.answers
        ),
        touches=tuple(
            replace(
                one,
                **dict.fromkeys(
                    data.draw(st.sets(st.sampled_from(["channel", "direction", "action_class", "purpose", "outcome"])))
                ),
            )
            for one in anna.touches
        ),
    )
    if not allowed(anna):
        assert not allowed(lost)


@settings(max_examples=200, deadline=None)
@given(st.lists(consents, max_size=4), st.lists(events, max_size=3), st.data())
def test_a_grant_or_a_closing_that_is_lost_never_makes_a_contact_allowed(
    told: list[ConsentFact], done: list[object], data: st.DataObject
):
    anna = customer(consents=tuple(told), events=tuple(done))
    lost = replace(
        anna,
        consents=tuple(one for one in anna.consents if one.status != "GRANTED" or data.draw(st.booleans())),
        events=tuple(one for one in anna.events if one.type != "complaint_closed" or data.draw(st.booleans())),
    )
    if not allowed(anna):
        assert not allowed(lost)


@settings(max_examples=100, deadline=None)
@given(st.lists(touches, max_size=6), touches)
def test_one_more_contact_never_makes_room(made: list[object], more: object):
    anna = customer(touches=tuple(made))
    if not allowed(anna):
        assert not allowed(replace(anna, touches=(*anna.touches, more)))  # type: ignore[arg-type]


def test_a_household_that_is_not_known_is_at_least_the_customer():
    anna = customer(touches=(touch(ago(1), channel="EMAIL", household=False),))
    assert not allowed(anna)


def test_points_that_may_have_been_used_count_all():
    either = touch(ago(1), own=False, points=(MOBILE, "PHONE:+420700000000"))
    other = touch(ago(2), own=False, points=(MOBILE,))
    anna = customer(touches=(either, other), points=(PointFact(MOBILE, "PHONE"),))
    assert not allowed(anna)
    assert allowed(anna, at=NOW + days(6))
