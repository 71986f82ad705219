"""Contact limits: sliding windows over contacts and reservations, against a program that tries every possibility."""

from __future__ import annotations

import datetime as dt
import itertools
import sys
import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from graph_crm.contacts.approach import Override
from graph_crm.contacts.limits import limits
from graph_crm.rules.limits import ContactLimit
from graph_crm.rules.snapshot import PointFact, Snapshot, Touch

sys.path.insert(0, str(Path(__file__).parent))

from policy_customers import MOBILE, NOW, OFFICE, SHIPPED, ago, call, customer, days, limited, touch

TICK = dt.timedelta(milliseconds=1)
HOUR = dt.timedelta(hours=1)
ONE_CALL = ContactLimit(name="one_call", count=1, days=45, channels=("PHONE",))


def asked(policy, *touches: Touch, **approach: object):
    return limits(customer(touches=touches), call(**approach), policy)


# Plain cases, one sentence each


def test_a_contact_exactly_as_many_days_later_is_allowed_and_a_millisecond_earlier_is_not():
    policy = limited(ONE_CALL)
    assert asked(policy, touch(ago(45))).allowed
    found = asked(policy, touch(ago(45) + TICK))
    assert not found.allowed
    assert found.earliest == NOW + TICK
    assert not asked(policy, touch(NOW)).allowed


def test_a_refusal_says_which_limit_how_much_is_used_when_there_is_room_and_by_what():
    found = asked(SHIPPED, touch(ago(10), id="t-1"))
    assert (found.code, found.gate) == ("CONTACT_LIMIT", "contact_limits")
    assert found.numbers.items() >= {"limit": "promotional_call", "used": 1, "count": 1, "days": 45}.items()
    assert found.evidence == ("t-1",)
    assert found.earliest == ago(10) + days(45)
    assert found.reason == "the limit promotional_call has no room: 1 of 1 within 45 days"


def test_a_yes_says_how_far_each_limit_is_used():
    found = asked(SHIPPED, touch(ago(10), channel="SMS", id="t-1"))
    assert found.allowed
    used = {one["limit"]: one["used"] for one in found.numbers["limits"]}
    assert used == {"promotional_call": 0, "call_attempts": 0, "promotional_contacts": 1}
    assert found.evidence == ("t-1",)


def test_a_window_slides_four_contacts_may_not_be_five_in_any_thirty_days():
    held = [touch(ago(day), channel="EMAIL") for day in (29, 20, 10, 1)]
    found = asked(SHIPPED, *held, channel="EMAIL")
    assert not found.allowed
    assert found.earliest == ago(29) + days(30)
    assert asked(SHIPPED, *held, channel="EMAIL", at=NOW + days(1)).allowed


def test_a_reservation_counts_at_every_instant_at_which_it_may_become_a_contact():
    policy = limited(ContactLimit(name="one", count=1, days=10))
    held = touch(ago(11), ago(9), reserved=True)
    found = asked(policy, held)
    assert not found.allowed
    assert found.earliest == ago(9) + days(10)
    # So does the approach itself: it may be made as late as its end.
    later = touch(NOW + days(12), id="later", reserved=True)
    assert asked(policy, later, until=NOW + days(2)).allowed
    assert not asked(policy, later, until=NOW + days(2) + TICK).allowed


def test_a_contact_that_is_held_for_the_future_counts_as_well():
    policy = limited(ONE_CALL)
    assert not asked(policy, touch(NOW + days(20))).allowed
    assert asked(policy, touch(NOW + days(45))).allowed


def test_between_two_held_contacts_there_must_be_room_on_both_sides():
    policy = limited(ContactLimit(name="one", count=1, days=10))
    found = asked(policy, touch(ago(5)), touch(NOW + days(14)))
    assert found.earliest == NOW + days(24), "the gap of 19 days has no place for one that keeps 10 from both"
    assert asked(policy, touch(ago(5)), touch(NOW + days(15))).earliest == NOW + days(5)


def test_fractional_days():
    policy = limited(ContactLimit(name="half_day", count=1, days=0.5))
    assert asked(policy, touch(NOW - 12 * HOUR)).allowed
    assert asked(policy, touch(NOW - 11 * HOUR)).earliest == NOW + HOUR
    assert ContactLimit(name="seven_hours", count=1, days=7 / 24).window == 7 * HOUR


@pytest.mark.parametrize(
    ("facts", "counted"),
    [
        ({}, True),
        ({"channel": "SMS"}, False),
        ({"direction": "INBOUND"}, False),
        ({"action_class": "TRANSACTIONAL"}, False),
        ({"action_class": "MANDATORY"}, False),
        ({"outcome": "NO_ANSWER"}, False),
        ({"outcome": "REJECTED"}, True),
        ({"own": False, "household": True}, False),
        # What is not known about a contact is no excuse.
        ({"channel": None}, True),
        ({"direction": None}, True),
        ({"action_class": None}, True),
        ({"purpose": None}, True),
        ({"outcome": None}, True),
    ],
)
def test_what_a_limit_of_promotional_calls_counts(facts: dict[str, object], *, counted: bool):
    assert asked(limited(ONE_CALL), touch(ago(1), **facts)).allowed is not counted


def test_a_call_that_nobody_answered_is_no_contact_but_an_attempt():
    tries = [touch(ago(day), outcome="NO_ANSWER") for day in (1, 2, 3)]
    found = asked(SHIPPED, *tries)
    assert found.numbers["limit"] == "call_attempts"
    assert found.earliest == ago(3) + days(14)
    assert asked(SHIPPED, *tries[1:]).allowed


@pytest.mark.parametrize("channel", ["SMS", "EMAIL", "LETTER", None])
def test_a_message_that_nobody_answered_is_a_contact(channel: str | None):
    limit = ContactLimit(name="contacts", count=1, days=30)
    assert asked(limited(limit), touch(ago(1), channel="PHONE", outcome="NO_ANSWER")).allowed
    assert not asked(limited(limit), touch(ago(1), channel=channel, outcome="NO_ANSWER")).allowed


def test_later_counts_until_the_day_that_the_customer_named():
    policy = limited(ONE_CALL)
    said = touch(ago(5), outcome="LATER", call_back_at=NOW + days(3))
    assert asked(policy, said).earliest == NOW + days(3)
    assert asked(policy, said, at=NOW + days(3)).allowed
    assert not asked(policy, touch(ago(5), outcome="LATER"), at=NOW + days(3)).allowed
    # The day frees that one contact only.
    assert asked(policy, said, touch(ago(1))).earliest == ago(1) + days(45)


@pytest.mark.parametrize(
    ("purposes", "classes", "direction", "facts", "counted"),
    [
        (("MARKETING",), ("PROMOTIONAL",), "OUTBOUND", {"purpose": "SURVEY"}, False),
        (("MARKETING", "SURVEY"), ("PROMOTIONAL",), "OUTBOUND", {"purpose": "SURVEY"}, True),
        (("MARKETING",), ("PROMOTIONAL",), "OUTBOUND", {"purpose": "OFFER"}, True),
        ((), ("PROMOTIONAL", "TRANSACTIONAL"), "OUTBOUND", {"action_class": "TRANSACTIONAL"}, True),
        ((), (), "OUTBOUND", {"action_class": "MANDATORY"}, True),
        ((), ("PROMOTIONAL",), None, {"direction": "INBOUND"}, True),
    ],
)
def test_a_limit_may_count_other_purposes_classes_and_directions(
    purposes: tuple[str, ...],
    classes: tuple[str, ...],
    direction: str | None,
    facts: dict[str, object],
    *,
    counted: bool,
):
    limit = ContactLimit(name="one", count=1, days=7, purposes=purposes, classes=classes, direction=direction)
    assert asked(limited(limit), touch(ago(1), **facts)).allowed is not counted


def test_scopes_protect_the_customer_the_household_or_the_contact_point():
    hers = touch(ago(1))
    husband = touch(ago(1), own=False, household=True, points=())
    flatmate = touch(ago(1), own=False, points=(MOBILE,))
    stranger = touch(ago(1), own=False, points=(OFFICE,))
    for scope, counted in (
        ("customer", [hers]),
        ("household", [hers, husband]),
        ("contact_point", [hers, flatmate]),
    ):
        policy = limited(ContactLimit(name="one", count=1, days=7, scope=scope))
        for one in (hers, husband, flatmate, stranger):
            assert asked(policy, one).allowed is (one not in counted), (scope, one)


def test_without_a_point_the_contacts_of_every_point_that_may_be_used_count():
    policy = limited(ContactLimit(name="one", count=1, days=7, scope="contact_point"))
    at_office = touch(ago(1), own=False, points=(OFFICE,))
    anna = customer(touches=(at_office,), points=(PointFact(MOBILE, "PHONE"), PointFact(OFFICE, "PHONE")))
    assert limits(anna, call(), policy).allowed
    assert not limits(anna, call(point=None), policy).allowed


@pytest.mark.parametrize(
    "kind", [{"action_class": "TRANSACTIONAL"}, {"action_class": "MANDATORY"}, {"direction": "INBOUND"}]
)
def test_only_promotion_that_the_bank_begins_is_limited(kind: dict[str, str]):
    found = asked(SHIPPED, touch(ago(1)), **kind)
    assert (found.allowed, found.code) == (True, "LIMITS_SKIPPED")


def test_of_several_limits_the_one_that_makes_wait_longest_is_told_and_the_instant_fits_all():
    policy = limited(
        ContactLimit(name="short", count=1, days=5),
        ContactLimit(name="long", count=2, days=30),
    )
    found = asked(policy, touch(ago(2)), touch(ago(10)), touch(NOW + days(23)))
    assert found.numbers["limit"] == "long"
    assert found.earliest is not None
    assert asked(policy, touch(ago(2)), touch(ago(10)), touch(NOW + days(23)), at=found.earliest).allowed


# Overrides


def override(number: float, **facts: object) -> Override:
    usual = {"id": "o-1", "limit": "one_call", "segment": None, "since": ago(1), "until": NOW + days(30)}
    return Override(**{**usual, "days": number, **facts})  # type: ignore[arg-type]


def under(*overrides: Override, touches: tuple[Touch, ...] = (touch(ago(10)),), **approach: object):
    return limits(customer(touches=touches), call(**approach), limited(ONE_CALL), overrides)


def test_an_override_shortens_the_window_and_is_named_when_it_made_the_difference():
    found = under(override(7))
    assert (found.allowed, found.overrides) == (True, ("o-1",))
    assert found.numbers["limits"] == [{"limit": "one_call", "used": 0, "count": 1, "days": 7, "usual_days": 45}]
    assert under(override(7), touches=()).overrides == ()


def test_a_refusal_names_the_override_that_brings_its_instant_nearer():
    found = under(override(20))
    assert (found.allowed, found.overrides) == (False, ("o-1",))
    assert found.earliest == ago(10) + days(20)


@pytest.mark.parametrize(
    "without_effect",
    [
        {"number": 60},
        {"number": 45},
        {"number": 0},
        {"number": -3},
        {"number": 7, "limit": "another"},
        {"number": 7, "segment": "PRIVATE"},
        {"number": 7, "until": NOW},
        {"number": 7, "since": NOW + days(50)},
    ],
)
def test_an_override_never_lengthens_and_binds_its_limit_segment_and_time_only(without_effect: dict[str, object]):
    found = under(override(**without_effect))  # type: ignore[arg-type]
    assert (found.allowed, found.overrides, found.earliest) == (False, (), ago(10) + days(45))


def test_an_override_holds_from_its_first_instant_to_before_its_last():
    assert under(override(7, since=NOW)).allowed
    assert under(override(7, until=NOW + TICK)).allowed
    assert under(override(7, segment="RETAIL")).allowed
    # A slot that may be used after the override has ended has no part in it.
    assert not under(override(7, until=NOW + HOUR), until=NOW + HOUR).allowed
    assert under(override(7, until=NOW + HOUR + TICK), until=NOW + HOUR).allowed


def test_an_override_of_tomorrow_makes_room_tomorrow():
    found = under(override(7, since=NOW + days(1)))
    assert (found.earliest, found.overrides) == (NOW + days(1), ("o-1",))


def test_room_that_comes_just_when_the_override_ends_comes_too_late():
    ends_too_soon = override(11, until=NOW + days(1))
    assert under(ends_too_soon).earliest == ago(10) + days(45)
    assert under(override(11, until=NOW + days(1) + TICK)).earliest == NOW + days(1)


def test_of_several_overrides_the_shortest_window_is_named():
    assert under(override(7), override(3, id="o-2"), override(9, id="o-3")).overrides == ("o-2",)


# Every possibility


def hours(number: int) -> dt.datetime:
    return NOW + number * HOUR


def stays(*, most: int, longest: int) -> st.SearchStrategy[list[tuple[int, int]]]:
    """Beginnings and lengths in hours."""
    return st.lists(st.tuples(st.integers(-20, 20), st.integers(0, longest)), max_size=most)


def breached(intervals: list[tuple[int, int]], count: int, width: int) -> bool:
    """Whether some choice of instants puts the last interval's contact among more than ``count`` closer than ``width``.

    Whole hours are enough: all ends are whole hours.
    """
    for chosen in itertools.product(*(range(begin, end + 1) for begin, end in intervals)):
        *others, own = chosen
        for start in range(own - width + 1, own + 1):
            if 1 + sum(start <= one < start + width for one in others) > count:
                return True
    return False


@settings(max_examples=300, deadline=None)
@given(stays(most=5, longest=3), st.integers(0, 3), st.integers(1, 4), st.integers(1, 30))
def test_a_yes_means_that_no_choice_of_instants_breaks_the_limit_and_a_no_that_one_does(
    others: list[tuple[int, int]], length: int, count: int, width: int
):
    policy = limited(ContactLimit(name="any", count=count, days=width / 24))
    touches = [touch(hours(at), hours(at + long), id=f"t{number}") for number, (at, long) in enumerate(others)]
    found = asked(policy, *touches, until=hours(length))
    intervals = [*((at, at + long) for at, long in others), (0, length)]
    assert found.allowed is not breached(intervals, count, width)


@settings(max_examples=300, deadline=None)
@given(
    stays(most=8, longest=6),
    st.integers(0, 4),
    st.lists(st.tuples(st.integers(1, 3), st.integers(1, 30)), min_size=1, max_size=3),
    st.lists(st.integers(-20, 40), max_size=3),
    st.lists(st.tuples(st.integers(-10, 30), st.integers(1, 20), st.integers(1, 30)), max_size=2),
)
def test_the_earliest_instant_has_room_and_none_before_it_has(
    others: list[tuple[int, int]],
    length: int,
    kinds: list[tuple[int, int]],
    call_backs: list[int],
    shortened: list[tuple[int, int, int]],
):
    policy = limited(
        *(
            ContactLimit(name=f"limit_{number}", count=count, days=width / 24)
            for number, (count, width) in enumerate(kinds)
        )
    )
    anna = customer(
        touches=tuple(
            touch(
                hours(at),
                hours(at + long),
                id=f"t{number}",
                outcome="LATER" if number < len(call_backs) else None,
                call_back_at=hours(call_backs[number]) if number < len(call_backs) else None,
            )
            for number, (at, long) in enumerate(others)
        )
    )
    overrides = [
        Override(f"o{number}", "limit_0", None, width / 24, hours(since), hours(since + lasts))
        for number, (since, lasts, width) in enumerate(shortened)
    ]
    approach = call(until=hours(length))
    found = limits(anna, approach, policy, overrides)
    first = NOW if found.allowed else found.earliest
    assert first is not None
    assert limits(anna, approach.moved(first), policy, overrides).allowed
    at = NOW
    while at < first:
        for instant in (at, first - TICK):
            assert not limits(anna, approach.moved(instant), policy, overrides).allowed
        at += HOUR


def test_a_customer_with_thousands_of_contacts_is_judged_at_once():
    many: Snapshot = customer(touches=tuple(touch(ago(day / 100), id=f"t{day}") for day in range(5_000)))
    started = time.process_time()
    assert not limits(many, call(), SHIPPED).allowed
    assert time.process_time() - started < 1


def test_a_call_that_the_customer_asked_for_is_still_one_more_try():
    """Nobody is called again and again by writing down that the customer wants to be called in a minute."""
    said = [touch(ago(day), outcome="LATER", call_back_at=ago(day) + TICK) for day in (1, 2, 3)]
    found = asked(SHIPPED, *said)
    assert (found.allowed, found.numbers["limit"]) == (False, "call_attempts")
    assert asked(SHIPPED, *said[1:]).allowed


@pytest.mark.parametrize("scope", ["household", "contact_point"])
def test_who_asked_to_be_called_again_frees_no_call_to_anybody_else(scope: str):
    limit = ContactLimit(name="together", count=1, days=7, scope=scope, channels=("PHONE",))
    said = {"outcome": "LATER", "call_back_at": NOW, "household": True, "points": (MOBILE,)}
    assert asked(limited(limit), touch(ago(1), own=True, **said)).allowed
    assert not asked(limited(limit), touch(ago(1), own=False, **said)).allowed
