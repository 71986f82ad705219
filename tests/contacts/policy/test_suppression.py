"""What in a customer's situation forbids a contact: which class it stops, and for how long."""

from __future__ import annotations

import datetime as dt
import json
import sys
from pathlib import Path
from typing import Any

import pytest

from graph_crm.contacts.suppression import open_complaints, suppression
from graph_crm.errors import InvalidInput
from graph_crm.events.catalogue import standard_catalogue
from graph_crm.rules.snapshot import Holding, PointFact

sys.path.insert(0, str(Path(__file__).parent))

from policy_customers import MAIL, MOBILE, NOW, OFFICE, SHIPPED, ago, call, customer, days, event, limited

from graph_crm.rules.limits import ContactLimit

LIMIT = ContactLimit(name="one", count=1, days=1)


def loan(status: str | None) -> Holding:
    return Holding("agreement-3", "CASH_LOAN", "LOAN", "OWNER", dt.date(2024, 1, 1), status=status)


SITUATIONS: dict[str, dict[str, Any]] = {
    "DECEASED": {"party": {"died": dt.date(2026, 1, 5)}},
    "PARTY_ENDED": {"party": {"status": "ENDED"}},
    "PARTY_BLOCKED": {"party": {"blocked": True}},
    "PARTY_RESTRICTED": {"party": {"restricted": True}},
    "PARTY_MERGING": {"party": {"merging": True}},
    "POINT_BLOCKED": {"points": (PointFact(MOBILE, "PHONE", blocked=True),)},
    "POINT_UNKNOWN": {"points": (PointFact(OFFICE, "PHONE"),)},
    "VULNERABLE": {"party": {"vulnerable": True}},
    "ARREARS": {"holdings": (loan("IN_ARREARS"),)},
    "COMPLAINT_OPEN": {"events": (event("complaint", ago(400)),)},
    "COLLECTIONS": {"events": (event("collections_contact", ago(10)),)},
}
FOR_EVERYBODY = (
    "DECEASED", "PARTY_ENDED", "PARTY_BLOCKED", "PARTY_RESTRICTED", "PARTY_MERGING", "POINT_BLOCKED", "POINT_UNKNOWN",
)  # fmt: skip


@pytest.mark.parametrize("code", SITUATIONS)
def test_each_situation_stops_promotion(code: str):
    found = suppression(customer(**SITUATIONS[code]), call(), SHIPPED)
    assert (found.allowed, found.code) == (False, code)
    assert found.evidence


@pytest.mark.parametrize("code", SITUATIONS)
def test_only_death_the_end_and_blocks_stop_what_is_the_customers_own_business(code: str):
    found = suppression(customer(**SITUATIONS[code]), call(action_class="TRANSACTIONAL"), SHIPPED)
    assert found.allowed is (code not in FOR_EVERYBODY)


@pytest.mark.parametrize("code", SITUATIONS)
def test_nothing_stops_what_the_law_demands(code: str):
    assert suppression(customer(**SITUATIONS[code]), call(action_class="MANDATORY"), SHIPPED).allowed


@pytest.mark.parametrize("code", SITUATIONS)
def test_advice_to_a_customer_who_came_is_stopped_by_all_but_the_contact_point(code: str):
    found = suppression(customer(**SITUATIONS[code]), call(direction="INBOUND"), SHIPPED)
    assert found.allowed is code.startswith("POINT_")


def test_an_ordinary_customer_is_not_suppressed():
    found = suppression(customer(holdings=(loan("ACTIVE"),)), call(), SHIPPED)
    assert (found.allowed, found.code) == (True, "NOT_SUPPRESSED")


def test_arrears_are_those_of_the_conditions_and_an_unknown_status_is_no_clean_record():
    assert not suppression(customer(holdings=(loan("DEFAULTED"),)), call(), SHIPPED).allowed
    unknown = suppression(customer(holdings=(loan(None),)), call(), SHIPPED)
    assert (unknown.allowed, unknown.code, unknown.earliest) == (False, "ARREARS", None)


def test_a_complaint_is_open_until_it_is_closed():
    complaint, other = event("complaint", ago(20), id="c-1"), event("complaint", ago(10), id="c-2")
    for closings, still_open in (
        ([], ["c-1", "c-2"]),
        ([event("complaint_closed", ago(5), complaint="c-1")], ["c-2"]),
        ([event("complaint_closed", ago(5), complaint="c-9")], ["c-1", "c-2"]),
        ([event("complaint_closed", ago(15))], ["c-2"]),
        ([event("complaint_closed", ago(5))], []),
        ([event("complaint_closed", ago(5), "agreement-3")], ["c-1", "c-2"]),
    ):
        anna = customer(events=(complaint, other, *closings))
        assert [one.id for one in open_complaints(anna)] == still_open
        found = suppression(anna, call(), SHIPPED)
        assert found.allowed is (still_open == [])


def test_a_closing_without_a_name_closes_what_was_said_about_the_same_agreement():
    anna = customer(
        events=(
            event("complaint", ago(20), "agreement-3", id="c-1"),
            event("complaint", ago(20), id="c-2"),
            event("complaint_closed", ago(5), "agreement-3"),
        )
    )
    assert [one.id for one in open_complaints(anna)] == ["c-2"]


def test_a_policy_may_let_an_old_complaint_lapse_and_says_when():
    policy = limited(LIMIT, suppression={"complaint_days": 30})
    anna = customer(events=(event("complaint", ago(20)),))
    assert suppression(anna, call(), policy).earliest == ago(20) + days(30)
    assert suppression(anna, call(at=NOW + days(10)), policy).allowed


@pytest.mark.parametrize(
    ("learned", "rest"),
    [
        ({}, 90),
        ({"hardship": False}, 90),
        *[({"hardship": True}, 365), ({"dispute": True}, 365), ({"vulnerable": True}, 365)],
        ({"promisedOn": (NOW + days(20)).date().isoformat()}, 90),
        ({"promisedOn": "soon"}, 90),
    ],
)
def test_a_contact_of_collections_stops_promotion_for_a_time_that_depends_on_what_was_learned(
    learned: dict[str, Any], rest: int
):
    anna = customer(events=(event("collections_contact", ago(10), id="k-1", **learned),))
    found = suppression(anna, call(), SHIPPED)
    assert (found.code, found.evidence) == ("COLLECTIONS", ("k-1",))
    assert found.earliest == ago(10) + days(rest)
    assert found.numbers.items() >= {"days": rest, **learned}.items()
    assert not suppression(anna, call(at=ago(10) + days(rest) - dt.timedelta(milliseconds=1)), SHIPPED).allowed
    assert suppression(anna, call(at=ago(10) + days(rest)), SHIPPED).allowed


def test_nothing_is_sold_before_the_day_of_a_promised_payment_is_over():
    anna = customer(events=(event("collections_contact", ago(10), promisedOn="2027-03-31"),))
    assert suppression(anna, call(), SHIPPED).earliest == dt.datetime(2027, 4, 1, tzinfo=dt.UTC)
    far = customer(events=(event("collections_contact", ago(10), promisedOn="2040-03-31"),))
    assert suppression(far, call(), SHIPPED).earliest == ago(10) + days(365)


def test_what_is_recorded_is_what_is_read():
    catalogue = standard_catalogue()
    sent = {"hardship": True, "promisedOn": "2026-12-24", "promisedAmount": "1200", "currency": "CZK"}
    stored = json.loads(catalogue.payload_text("collections_contact", sent) or "")
    found = suppression(customer(events=(event("collections_contact", ago(10), **stored),)), call(), SHIPPED)
    told = {"days": 365, "hardship": True, "promisedOn": "2026-12-24", "promisedAmount": "1200.00"}
    assert found.numbers.items() >= told.items()
    closed = json.loads(catalogue.payload_text("complaint_closed", {"complaint": "c-1", "outcome": "UPHELD"}) or "")
    complaints = (event("complaint", ago(20), id="c-1"), event("complaint", ago(20), id="c-2"))
    anna = customer(events=(*complaints, event("complaint_closed", ago(5), **closed)))
    assert [one.id for one in open_complaints(anna)] == ["c-2"]


@pytest.mark.parametrize(
    ("kind", "payload"),
    [
        ("collections_contact", {"hardship": "perhaps"}),
        ("collections_contact", {"promisedOn": "soon"}),
        ("collections_contact", {"promised_on": "2026-12-24"}),
        ("complaint_closed", {"outcome": "FORGOTTEN"}),
        ("complaint_closed", {"complaint": ""}),
    ],
)
def test_a_payload_that_suppression_could_not_read_is_refused(kind: str, payload: dict[str, Any]):
    with pytest.raises(InvalidInput):
        standard_catalogue().payload_text(kind, payload)


def test_what_has_no_foreseeable_end_is_told_before_what_has_one():
    anna = customer(party={"vulnerable": True}, events=(event("collections_contact", ago(10)),))
    found = suppression(anna, call(), SHIPPED)
    assert (found.code, found.earliest) == ("VULNERABLE", None)


def test_a_policy_may_switch_off_what_it_does_not_want():
    off = limited(
        LIMIT,
        suppression={
            "complaint": False,
            "arrears": False,
            "vulnerable": False,
            "collections_days": 0,
            "collections_serious_days": 0,
        },
    )
    for code, facts in SITUATIONS.items():
        assert suppression(customer(**facts), call(), off).allowed is (code not in FOR_EVERYBODY)


def test_a_channel_that_needs_a_contact_point_needs_one_of_the_customer():
    nobody = customer(points=())
    assert suppression(nobody, call(point=None), SHIPPED).code == "NO_CONTACT_POINT"
    assert suppression(nobody, call("EMAIL", point=None), SHIPPED).code == "NO_CONTACT_POINT"
    assert suppression(nobody, call("LETTER"), SHIPPED).allowed
    assert suppression(customer(), call(point=MAIL), SHIPPED).code == "POINT_UNKNOWN"


def test_without_a_point_one_that_is_blocked_is_enough_to_stop():
    anna = customer(points=(PointFact(MOBILE, "PHONE"), PointFact(OFFICE, "PHONE", blocked=True)))
    assert suppression(anna, call(), SHIPPED).allowed
    assert suppression(anna, call(point=None), SHIPPED).code == "POINT_BLOCKED"


@pytest.mark.parametrize("code", ["POINT_BLOCKED", "POINT_UNKNOWN"])
def test_what_stops_a_contact_does_not_spell_out_the_phone(code: str):
    """Reasons are read by more people than phones are."""
    found = suppression(customer(**SITUATIONS[code]), call(), SHIPPED)
    assert found.evidence == (f"PHONE:...{MOBILE[-2:]}",)
