"""Treatment: the first channel and contact point by which a customer may be approached."""

from __future__ import annotations

import datetime as dt
import json
import sys
from pathlib import Path

import pytest

from graph_crm.contacts.treatment import best_way
from graph_crm.rules.snapshot import PointFact

sys.path.insert(0, str(Path(__file__).parent))

from policy_customers import MAIL, MOBILE, NOW, OFFICE, SHIPPED, ago, answer, call, consent, customer, days, touch

NIGHT = dt.datetime(2026, 11, 24, 2, tzinfo=dt.UTC)
MORNING = dt.datetime(2026, 11, 24, 8, tzinfo=dt.UTC)


def test_the_first_channel_that_is_allowed_now_is_taken():
    way = best_way(customer(), ["PHONE", "EMAIL"], call(), SHIPPED)
    assert (way.allowed, way.channel, way.point, way.at) == (True, "PHONE", MOBILE, NOW)
    way = best_way(customer(touches=(touch(ago(1)),)), ["PHONE", "EMAIL"], call(), SHIPPED)
    assert (way.allowed, way.channel, way.point, way.at) == (True, "EMAIL", MAIL, NOW)
    assert [one.channel for one in way.tried] == ["PHONE", "EMAIL"]
    assert way.tried[0].because.code == "CONTACT_LIMIT"


def test_a_way_that_only_waits_for_its_hours_is_allowed():
    way = best_way(customer(), ["PHONE", "EMAIL"], call(at=NIGHT), SHIPPED)
    assert (way.allowed, way.channel, way.at) == (True, "PHONE", MORNING)
    assert [one.code for one in way.findings if not one.allowed] == ["QUIET_HOURS"]


def test_a_way_that_waits_for_its_hours_and_then_for_more_is_not():
    held = touch(NIGHT + days(1), NIGHT + days(1), channel="SMS")
    policy = SHIPPED
    later = touch(NIGHT - days(45) + days(0.5))
    way = best_way(customer(touches=(held, later)), ["PHONE"], call(at=NIGHT), policy)
    assert way.at is not None
    assert not way.allowed


def test_the_preferred_point_comes_first_and_another_helps_out():
    points = (PointFact(MOBILE, "PHONE", preferred=True), PointFact(OFFICE, "PHONE"))
    assert best_way(customer(points=points), ["PHONE"], call(), SHIPPED).point == MOBILE
    blocked = (PointFact(MOBILE, "PHONE", preferred=True, blocked=True), PointFact(OFFICE, "PHONE"))
    way = best_way(customer(points=blocked), ["PHONE"], call(), SHIPPED)
    assert (way.allowed, way.point) == (True, OFFICE)
    assert [one.point for one in way.tried] == [MOBILE, OFFICE]


def test_where_no_way_is_allowed_the_soonest_is_told_with_all_findings():
    anna = customer(
        touches=(touch(ago(10)),),
        answers=(answer("REJECTED", ago(10), "CAR_LOAN"),),
    )
    way = best_way(anna, ["PHONE", "LETTER"], call(), SHIPPED)
    assert (way.allowed, way.at) == (False, ago(10) + days(90))
    assert way.channel == "PHONE"
    assert [len(one.findings) for one in way.tried] == [5, 5]
    later = answer("LATER", ago(1), call_back_at=NOW + days(5))
    way = best_way(customer(touches=(touch(ago(10)),), answers=(later,)), ["PHONE", "EMAIL"], call(), SHIPPED)
    assert (way.allowed, way.channel, way.at) == (False, "EMAIL", NOW + days(5))


def test_where_nothing_is_foreseeable_there_is_no_instant():
    withdrawn = customer(consents=(consent("MARKETING", "WITHDRAWN"),))
    way = best_way(withdrawn, ["EMAIL", "PHONE"], call(), SHIPPED)
    assert (way.allowed, way.at, way.channel, way.because.code) == (False, None, "EMAIL", "CONSENT_WITHDRAWN")


@pytest.mark.parametrize("channel", ["PHONE", "SMS", "EMAIL", "PUSH"])
def test_a_channel_without_a_contact_point_is_no_way(channel: str):
    way = best_way(customer(points=()), [channel, "LETTER"], call(), SHIPPED)
    assert (way.allowed, way.channel, way.point) == (True, "LETTER", None)
    assert way.tried[0].because.code == "NO_CONTACT_POINT"


def test_a_customer_who_came_needs_no_contact_point():
    way = best_way(customer(points=()), ["PHONE"], call(direction="INBOUND"), SHIPPED)
    assert (way.allowed, way.point, way.at) == (True, None, NOW)


def test_a_trace_of_it_is_json():
    way = best_way(customer(touches=(touch(ago(1)),)), ["PHONE", "EMAIL"], call(at=NIGHT), SHIPPED)
    told = json.loads(json.dumps([one.as_json() for one in way.tried]))
    assert told[0]["at"].startswith("2027-01-")
    assert told[0]["findings"][3]["numbers"]["limit"] == "promotional_call"
    assert told[1]["allowed"] is True
