"""Consent: purpose by channel by contact point; the newest record that fits decides, and unknown is no."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from graph_crm.contacts.permission import objection_to_profiling, permission
from graph_crm.rules.snapshot import ConsentFact, PointFact

sys.path.insert(0, str(Path(__file__).parent))

from policy_customers import MAIL, MOBILE, OFFICE, SHIPPED, ago, call, consent, customer

GRANT = consent("MARKETING", at=ago(50))


def asked(*records: ConsentFact, **approach: object):
    return permission(customer(consents=records), call(**approach), SHIPPED)


@pytest.mark.parametrize(
    ("records", "code"),
    [
        ([], "CONSENT_UNKNOWN"),
        ([GRANT], "CONSENT_GRANTED"),
        ([consent("SERVICE")], "CONSENT_UNKNOWN"),
        ([consent("MARKETING", "DENIED")], "CONSENT_DENIED"),
        ([consent("MARKETING", "WITHDRAWN")], "CONSENT_WITHDRAWN"),
        # The newest decides, in both directions.
        ([GRANT, consent("MARKETING", "WITHDRAWN", at=ago(10))], "CONSENT_WITHDRAWN"),
        ([consent("MARKETING", "WITHDRAWN", at=ago(60)), GRANT], "CONSENT_GRANTED"),
        # Equal instants: the refusal beats the grant, whichever was written first.
        ([GRANT, consent("MARKETING", "DENIED", at=ago(50))], "CONSENT_DENIED"),
        ([consent("MARKETING", "DENIED", at=ago(50)), GRANT], "CONSENT_DENIED"),
        # A record for another channel or point says nothing here.
        ([consent("MARKETING", channel="EMAIL")], "CONSENT_UNKNOWN"),
        ([consent("MARKETING", point=OFFICE)], "CONSENT_UNKNOWN"),
        ([GRANT, consent("MARKETING", "WITHDRAWN", at=ago(10), channel="EMAIL")], "CONSENT_GRANTED"),
        ([GRANT, consent("MARKETING", "WITHDRAWN", at=ago(10), point=OFFICE)], "CONSENT_GRANTED"),
        # A record for this channel or point decides like a general one: only its age matters.
        ([consent("MARKETING", channel="PHONE")], "CONSENT_GRANTED"),
        ([consent("MARKETING", point=MOBILE)], "CONSENT_GRANTED"),
        ([GRANT, consent("MARKETING", "WITHDRAWN", at=ago(10), channel="PHONE")], "CONSENT_WITHDRAWN"),
        ([GRANT, consent("MARKETING", "WITHDRAWN", at=ago(10), point=MOBILE)], "CONSENT_WITHDRAWN"),
        ([consent("MARKETING", channel="PHONE"), consent("MARKETING", "DENIED", at=ago(1))], "CONSENT_DENIED"),
    ],
)
def test_the_newest_record_for_purpose_channel_and_point_decides(records: list[ConsentFact], code: str):
    found = asked(*records)
    assert found.code == code
    assert found.allowed == (code == "CONSENT_GRANTED")
    assert found.earliest is None


def test_the_record_that_decided_is_the_evidence():
    withdrawn = consent("MARKETING", "WITHDRAWN", at=ago(10), id="c-7")
    assert asked(GRANT, withdrawn).evidence == ("c-7",)
    assert asked(GRANT).evidence == (GRANT.id,)


@pytest.mark.parametrize(
    ("action_class", "status", "allowed"),
    [
        *[("TRANSACTIONAL", None, True), ("TRANSACTIONAL", "GRANTED", True), ("TRANSACTIONAL", "DENIED", False)],
        *[("TRANSACTIONAL", "WITHDRAWN", False), ("MANDATORY", None, True), ("MANDATORY", "WITHDRAWN", True)],
    ],
)
def test_the_customers_own_business_needs_no_consent_but_must_not_be_refused(
    action_class: str, status: str | None, *, allowed: bool
):
    records = [consent("SERVICE", status)] if status else []
    assert asked(*records, action_class=action_class).allowed is allowed


def test_a_word_does_not_turn_promotion_into_service():
    assert asked(consent("SERVICE"), purpose="SERVICE").code == "CONSENT_UNKNOWN"
    assert not asked(purpose="SURVEY", action_class="TRANSACTIONAL").allowed
    assert asked(consent("SURVEY"), purpose="SURVEY", action_class="TRANSACTIONAL").allowed
    assert not asked(GRANT, purpose="PARTNERS").allowed


def test_an_objection_to_profiling_stops_promotion_on_every_channel_and_nothing_else():
    objection = consent("PROFILING", "DENIED", channel="EMAIL")
    assert asked(GRANT, objection).code == "PROFILING_OBJECTED"
    assert asked(GRANT, objection).evidence == (objection.id,)
    assert asked(GRANT, objection, direction="INBOUND").code == "PROFILING_OBJECTED"
    assert asked(GRANT, objection, action_class="TRANSACTIONAL").allowed


def test_a_newer_grant_lifts_an_objection_that_it_covers():
    objection = consent("PROFILING", "WITHDRAWN", at=ago(50), channel="EMAIL")
    for records, stands in (
        ([objection, consent("PROFILING", at=ago(10))], False),
        ([objection, consent("PROFILING", at=ago(10), channel="EMAIL")], False),
        ([objection, consent("PROFILING", at=ago(10), channel="PHONE")], True),
        ([consent("PROFILING", at=ago(60)), objection], True),
        ([objection, consent("PROFILING", at=ago(50))], True),
        ([], False),
    ):
        found = objection_to_profiling(customer(consents=tuple(records)))
        assert (found is not None) is stands, records


@pytest.mark.parametrize(
    ("stopped", "allowed"),
    [
        (("MARKETING", None, "c-9"), False),
        (("MARKETING", "PHONE", "c-9"), False),
        (("MARKETING", "SMS", "c-9"), True),
        (("SERVICE", None, "c-9"), True),
    ],
)
def test_what_somebody_stopped_at_a_shared_point_is_stopped_there_for_everybody(
    stopped: tuple[str, str | None, str], *, allowed: bool
):
    points = (PointFact(MOBILE, "PHONE", stopped=(stopped,)), PointFact(OFFICE, "PHONE"), PointFact(MAIL, "EMAIL"))
    anna = customer(points=points)
    found = permission(anna, call(), SHIPPED)
    assert found.allowed is allowed
    if not allowed:
        assert (found.code, found.evidence) == ("POINT_STOPPED", ("c-9",))
    # Her own consent is not silenced: her other points go on.
    assert permission(anna, call(point=OFFICE), SHIPPED).allowed
    assert permission(anna, call("EMAIL"), SHIPPED).allowed


def test_without_a_point_every_point_that_may_be_used_must_be_allowed():
    withdrawn = consent("MARKETING", "WITHDRAWN", at=ago(10), point=OFFICE)
    anna = customer(
        points=(PointFact(MOBILE, "PHONE"), PointFact(OFFICE, "PHONE"), PointFact(MAIL, "EMAIL")),
        consents=(GRANT, withdrawn),
    )
    assert permission(anna, call(), SHIPPED).allowed
    assert permission(anna, call(point=None), SHIPPED).code == "CONSENT_WITHDRAWN"
    assert permission(anna, call("EMAIL", point=None), SHIPPED).allowed
    # A customer who calls chose the phone.
    assert permission(anna, call(point=None, direction="INBOUND"), SHIPPED).allowed


def test_a_channel_without_points_is_not_touched_by_records_about_points():
    found = permission(
        customer(consents=(GRANT, consent("MARKETING", "WITHDRAWN", at=ago(1), point=MOBILE))),
        call("LETTER"),
        SHIPPED,
    )
    assert found.allowed
