"""Quiet hours, weekdays and public holidays by the customer's clock, on every day that clocks are changed, too."""

from __future__ import annotations

import datetime as dt
import sys
import time
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import holidays
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from graph_crm.contacts.approach import Approach, Finding
from graph_crm.contacts.calendar import contact_times, open_until, public_holidays, time_zones
from graph_crm.contacts.policy import WEEKDAYS, ContactPolicy
from graph_crm.rules.limits import ContactLimit
from graph_crm.rules.snapshot import PartyFacts

sys.path.insert(0, str(Path(__file__).parent))

from policy_customers import SHIPPED, call, customer, limited

PRAGUE = "Europe/Prague"
MINUTE = dt.timedelta(minutes=1)
ANY = ContactLimit(name="any", count=1000, days=1)


def local(text: str, zone: str = PRAGUE, *, fold: int = 0) -> dt.datetime:
    """The instant at which the clock of ``zone`` shows ``text``; ``fold`` 1: for the second time."""
    return dt.datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone), fold=fold).astimezone(dt.UTC)


def at(moment: dt.datetime, policy: ContactPolicy = SHIPPED, channel: str = "PHONE", **party: Any) -> Finding:
    anna = customer(party={"time_zone": PRAGUE, **party})
    return contact_times(anna, call(channel, at=moment), policy)


def hours(*entries: dict[str, Any]) -> ContactPolicy:
    return limited(ANY, times=[{"channels": ("PHONE", "SMS"), **one} for one in entries])


@pytest.mark.parametrize(
    ("clock", "code", "first"),
    [
        ("2026-11-24 08:59:59", "QUIET_HOURS", "2026-11-24 09:00"),
        ("2026-11-24 09:00", "CONTACT_TIME", None),
        ("2026-11-24 19:59:59", "CONTACT_TIME", None),
        ("2026-11-24 20:00", "QUIET_HOURS", "2026-11-25 09:00"),
        ("2026-11-28 20:00", "QUIET_HOURS", "2026-11-30 09:00"),  # Saturday night, then Sunday
        ("2026-11-29 12:00", "CLOSED_DAY", "2026-11-30 09:00"),  # a Sunday
        ("2026-11-17 12:00", "PUBLIC_HOLIDAY", "2026-11-18 09:00"),  # a Tuesday
        ("2026-12-23 21:00", "QUIET_HOURS", "2026-12-28 09:00"),  # then three holidays and a Sunday
        ("2026-12-31 20:30", "QUIET_HOURS", "2027-01-02 09:00"),  # then the new year
    ],
)
def test_the_shipped_hours_are_nine_to_eight_but_not_on_sundays_and_holidays(clock: str, code: str, first: str | None):
    found = at(local(clock))
    assert (found.code, found.allowed) == (code, code == "CONTACT_TIME")
    assert found.earliest == (local(first) if first else None)


def test_the_reason_says_what_the_clock_shows_and_which_holiday_it_is():
    assert (
        at(local("2026-11-24 07:05")).reason
        == "it is 07:05 on 2026-11-24 in Europe/Prague: outside the hours for PHONE"
    )
    found = at(local("2026-12-25 12:00"))
    assert found.reason.startswith("it is 12:00 on 2026-12-25 in Europe/Prague, a public holiday: Christmas Day")
    assert found.numbers == {"clock": "2026-12-25 12:00", "zone": PRAGUE, "zones": 1}


def test_it_is_the_customers_clock_and_not_the_banks():
    noon = local("2026-11-24 12:00")
    assert at(noon).allowed
    tokyo = at(noon, time_zone="Asia/Tokyo", country="JP")
    assert tokyo.code == "QUIET_HOURS"
    assert tokyo.earliest == local("2026-11-25 09:00", "Asia/Tokyo")


def test_channels_that_the_policy_does_not_name_may_be_used_at_any_time():
    night = local("2026-11-24 03:00")
    assert at(night, channel="EMAIL").code == "ANY_TIME"
    assert not at(night, channel="SMS").allowed


@pytest.mark.parametrize("kind", [{"action_class": "MANDATORY"}, {"direction": "INBOUND"}])
def test_quiet_hours_bind_neither_what_the_law_demands_nor_a_customer_who_comes(kind: dict[str, str]):
    night = call(at=local("2026-11-24 03:00"), **kind)
    assert contact_times(customer(), night, SHIPPED).allowed
    own_business = call(at=local("2026-11-24 03:00"), action_class="TRANSACTIONAL")
    assert not contact_times(customer(), own_business, SHIPPED).allowed


# Where the customer lives


def test_the_country_tells_the_zone_when_the_customer_has_none_stated():
    assert time_zones(PartyFacts("a", country="CZ")) == (PRAGUE,)
    assert time_zones(PartyFacts("a", country="CZ", time_zone="Asia/Tokyo")) == ("Asia/Tokyo",)
    assert len(time_zones(PartyFacts("a", country="US"))) > 10


@pytest.mark.parametrize(
    "party",
    [
        {"country": None},
        {"country": "XX"},
        {"country": "CZ", "time_zone": "Europe/Atlantis"},
        {"country": "CZ", "time_zone": ""},
        {"country": "CZ", "time_zone": "Europe"},
        {"country": "CZ", "time_zone": "../etc/passwd"},
    ],
)
def test_a_customer_whose_time_zone_is_not_known_is_called_at_no_time(party: dict[str, Any]):
    found = at(local("2026-11-24 12:00"), **{"time_zone": None, **party})
    assert (found.allowed, found.code, found.earliest) == (False, "TIME_ZONE_UNKNOWN", None)


def test_in_a_country_with_several_zones_it_must_be_time_in_all_of_them():
    policy = hours({"from": "09:00", "until": "20:00", "public_holidays": True})
    # New York is five hours ahead of Honolulu in winter: 14:00 there is 09:00 here.
    day = "2026-11-24"
    for clock, allowed in (("13:59", False), ("14:00", True), ("19:59", True), ("20:00", False)):
        assert at(local(f"{day} {clock}", "America/New_York"), policy, time_zone=None, country="US").allowed is allowed
    found = at(local(f"{day} 20:00", "America/New_York"), policy, time_zone=None, country="US")
    assert found.earliest == local("2026-11-25 14:00", "America/New_York")


def test_where_no_hour_is_right_in_all_zones_none_is_foreseeable():
    policy = hours({"from": "09:00", "until": "10:00", "public_holidays": True})
    found = at(local("2026-11-24 12:00"), policy, time_zone=None, country="US")
    assert (found.allowed, found.earliest) == (False, None)


# Public holidays


def test_unknown_holidays_forbid_where_the_policy_leaves_them_out():
    noon = local("2026-11-24 12:00")
    for country in (None, "XX", "czech", "utils"):
        found = at(noon, country=country)
        assert (found.code, found.earliest) == ("HOLIDAYS_UNKNOWN", None)
        assert at(noon, hours({"from": "09:00", "until": "20:00", "public_holidays": True}), country=country).allowed
    assert public_holidays("CZ", None, 2999) is None


def test_a_holiday_of_the_customers_region_counts_where_the_region_is_known():
    epiphany = local("2027-01-06 12:00", "Europe/Berlin")
    berlin = {"time_zone": "Europe/Berlin", "country": "DE"}
    assert at(epiphany, **berlin).allowed
    assert at(epiphany, region="BY", **berlin).code == "PUBLIC_HOLIDAY"
    assert at(epiphany, region="Bayern", **berlin).code == "PUBLIC_HOLIDAY"
    assert at(epiphany, region="Somewhere", **berlin).allowed


def test_hours_for_some_days_add_up():
    policy = hours(
        {"from": "09:00", "until": "20:00", "weekdays": ("MON", "TUE", "WED", "THU", "FRI")},
        {"from": "10:00", "until": "12:00", "weekdays": ("SAT",), "public_holidays": True},
    )
    assert not at(local("2026-11-28 09:30"), policy).allowed
    assert at(local("2026-11-28 10:00"), policy).allowed
    assert at(local("2026-12-26 10:00"), policy).allowed, "a Saturday and a holiday"
    assert at(local("2026-11-28 12:00"), policy).earliest == local("2026-11-30 09:00")


# Nights


def test_hours_over_midnight_belong_to_the_day_on_which_they_begin():
    policy = hours({"from": "20:00", "until": "02:00", "weekdays": ("FRI",)})
    for clock, allowed in (
        ("2026-11-27 19:59", False),
        ("2026-11-27 20:00", True),
        ("2026-11-28 01:59", True),
        ("2026-11-28 02:00", False),
        ("2026-11-28 20:00", False),
        ("2026-11-27 01:00", False),
    ):
        assert at(local(clock), policy).allowed is allowed, clock


def test_a_night_ends_where_a_holiday_begins_and_none_begins_on_one():
    policy = hours({"from": "20:00", "until": "02:00"})
    assert at(local("2026-11-16 23:59"), policy).allowed
    assert at(local("2026-11-17 00:00"), policy).code == "PUBLIC_HOLIDAY"
    assert not at(local("2026-11-17 23:00"), policy).allowed
    assert not at(local("2026-11-18 01:00"), policy).allowed, "it would have begun on the holiday"


def test_the_whole_day():
    policy = hours({"from": "00:00", "until": "24:00"})
    assert at(local("2026-11-24 00:00"), policy).allowed
    assert at(local("2026-11-17 23:59"), policy).earliest == local("2026-11-18 00:00")


# Days on which clocks are changed: 28 March 2027 from 02:00 to 03:00, 25 October 2026 from 03:00 to 02:00


def test_in_spring_an_hour_that_does_not_exist_is_left_out():
    policy = hours({"from": "02:30", "until": "04:00", "public_holidays": True})
    before = local("2027-03-28 01:59")
    assert not at(before, policy).allowed
    assert at(before, policy).earliest == local("2027-03-28 03:00") == before + MINUTE
    ends = hours({"from": "01:00", "until": "02:30", "public_holidays": True})
    assert at(before, ends).allowed
    assert not at(before + MINUTE, ends).allowed, "it is three o'clock now"


def test_in_autumn_an_hour_that_comes_twice_is_judged_twice():
    policy = hours({"from": "02:00", "until": "02:30", "public_holidays": True})
    first, second = local("2026-10-25 02:15"), local("2026-10-25 02:15", fold=1)
    assert second - first == dt.timedelta(hours=1)
    assert at(first, policy).allowed
    assert at(second, policy).allowed
    between = at(local("2026-10-25 02:45"), policy)
    assert (between.allowed, between.earliest) == (False, local("2026-10-25 02:00", fold=1))


def test_nine_in_the_morning_is_nine_by_the_clock_on_both_sides_of_a_change():
    for eve, morning in (("2026-10-23 20:00", "2026-10-24 09:00"), ("2026-10-24 20:00", "2026-10-26 09:00")):
        assert at(local(eve)).earliest == local(morning)
    assert at(local("2027-03-27 21:00")).earliest == local("2027-03-30 09:00"), "Easter Monday lies between"


@pytest.mark.parametrize(
    ("zone", "country", "begin"),
    [
        (PRAGUE, "CZ", "2027-03-27 00:00"),
        (PRAGUE, "CZ", "2026-10-24 00:00"),
        ("America/St_Johns", "CA", "2026-10-31 00:00"),
        ("Australia/Lord_Howe", "AU", "2026-10-03 00:00"),  # by half an hour
        ("Africa/Casablanca", "MA", "2027-02-06 00:00"),
        ("Pacific/Apia", "WS", "2026-11-24 00:00"),
        ("Asia/Kathmandu", "NP", "2026-11-24 00:00"),
    ],
)
@settings(max_examples=12, deadline=None)
@given(
    entries=st.lists(
        st.tuples(
            st.integers(0, 95),
            st.integers(0, 95),
            st.sets(st.sampled_from(WEEKDAYS), min_size=1),
            st.booleans(),
        ),
        min_size=1,
        max_size=2,
    )
)
def test_every_quarter_of_an_hour_of_three_days_is_what_the_clock_on_the_wall_says(
    zone: str, country: str, begin: str, entries: list[tuple[int, int, set[str], bool]]
):
    written = [
        {
            "from": f"{opens // 4:02}:{opens % 4 * 15:02}",
            "until": f"{closes // 4:02}:{closes % 4 * 15:02}" if closes != opens else "24:00",
            "weekdays": tuple(on),
            "public_holidays": also,
        }
        for opens, closes, on, also in entries
    ]
    policy = hours(*written)
    free = holidays.country_holidays(country, years=(2026, 2027))
    allowed_at = []
    moment = local(begin, zone)
    for _ in range(3 * 96):
        wall = moment.astimezone(ZoneInfo(zone)).replace(tzinfo=None)
        expected = any(_shows(wall, one, free) for one in written)
        found = at(moment, policy, time_zone=zone, country=country)
        assert found.allowed is expected, (wall, written)
        allowed_at.append((moment, expected, found.earliest))
        moment += 15 * MINUTE
    # What is told as the next time is the first one that was found allowed.
    upcoming: dt.datetime | None = None
    for moment, allowed, earliest in reversed(allowed_at):
        if allowed:
            upcoming = moment
        elif upcoming is not None:
            assert earliest == upcoming


def _shows(wall: dt.datetime, entry: dict[str, Any], free: holidays.HolidayBase) -> bool:
    """Whether a clock shows a time of the entry: begun today, or yesterday and not over."""
    opens = dt.time.fromisoformat(entry["from"])
    until = entry["until"]
    closes = dt.time.max if until == "24:00" else dt.time.fromisoformat(until)
    if not entry["public_holidays"] and wall.date() in free:
        return False

    def begins(day: dt.date) -> bool:
        return WEEKDAYS[day.weekday()] in entry["weekdays"] and (entry["public_holidays"] or day not in free)

    today, yesterday = wall.date(), wall.date() - dt.timedelta(days=1)
    if closes > opens:
        return begins(today) and opens <= wall.time() < closes
    return (begins(today) and wall.time() >= opens) or (begins(yesterday) and wall.time() < closes)


# How long it stays open


def test_open_until_tells_when_the_hours_end():
    anna = customer(party={"time_zone": PRAGUE})

    def until(clock: str, policy: ContactPolicy = SHIPPED, **approach: Any) -> dt.datetime | None:
        return open_until(anna, call(at=local(clock), **approach), policy)

    assert until("2026-11-24 12:00") == local("2026-11-24 20:00")
    assert until("2026-11-24 21:00") == local("2026-11-24 21:00"), "not open at all"
    assert until("2026-11-24 12:00", channel="EMAIL") is None
    round_the_clock = hours({"from": "00:00", "until": "24:00"})
    assert until("2026-11-18 12:00", round_the_clock) == local("2026-12-24 00:00"), "over weeks and midnights"


def test_judging_costs_little():
    anna = customer(party={"time_zone": None, "country": "US"})
    approaches = [
        Approach("PHONE", at=local("2026-11-24 12:00") + hour * dt.timedelta(hours=1)) for hour in range(24 * 60)
    ]
    started = time.process_time()
    for one in approaches:
        contact_times(anna, one, SHIPPED)
    assert time.process_time() - started < 3
