"""A refusal is in force in the transaction that records it: what is pending and forbidden by it is cancelled there."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from shared_phone import ANNAS, MAIL, SHARED

from graph_crm.consent.kinds import ConsentStatus, Purpose
from graph_crm.consent.service import ConsentService, Statement
from graph_crm.contacts.kinds import Channel
from graph_crm.errors import NotFound
from graph_crm.graph.database import Database

GRANTED, DENIED, WITHDRAWN = ConsentStatus.GRANTED, ConsentStatus.DENIED, ConsentStatus.WITHDRAWN


def said(status: ConsentStatus = GRANTED, purpose: Purpose = Purpose.MARKETING, **more: Any) -> Statement:
    return Statement(purpose=purpose, status=status, **more)


@pytest.fixture(autouse=True)
async def agreed(consents: ConsentService) -> None:
    """Everybody agreed to everything once."""
    for party in ("anna", "jan", "eva"):
        await consents.record(party, [said(purpose=one, id=f"{party}:{one.value}") for one in Purpose])


async def slots(database: Database) -> dict[str, str]:
    rows = await database.read("MATCH (v:Reservation) RETURN v.id AS id, v.state AS state ORDER BY id")
    return {row["id"]: row["state"] for row in rows}


async def offers(database: Database) -> dict[str, tuple[str, str | None]]:
    rows = await database.read("MATCH (o:Offer) RETURN o.id AS id, o.status AS status, o.statusReason AS reason")
    return {row["id"]: (row["status"], row["reason"]) for row in rows}


async def test_a_withdrawal_cancels_what_is_held_with_the_reason(
    consents: ConsentService, bank: Database, reserve: Any, propose: Any
) -> None:
    await propose("anna", "card", channels=["PHONE"])
    await reserve("anna", "call", offer="card", pointKey=SHARED)
    await consents.withdraw("anna", Purpose.MARKETING)
    (row,) = await bank.read(
        "MATCH (v:Reservation)-[:FOR_OFFER]->(o) RETURN v.state, v.reason, v.endedAt = o.statusAt,"
        " o.status, o.statusReason"
    )
    reason = f"the customer withdrew the consent to MARKETING by PHONE on {dt.datetime.now(dt.UTC).date()}"
    assert row.values() == ["CANCELLED", reason, True, "CANCELLED", "CONSENT_WITHDRAWN"]


async def test_a_withdrawal_for_messages_leaves_a_call_alone(
    consents: ConsentService, bank: Database, reserve: Any, propose: Any
) -> None:
    for channel in ("PHONE", "SMS", "EMAIL"):
        await propose("anna", channel, channel=channel, status="WAITING")
        await reserve("anna", f"{channel} slot", channel=channel, pointKey=MAIL if channel == "EMAIL" else SHARED)
    await consents.record("anna", [said(WITHDRAWN, channel=Channel.SMS)])
    assert await slots(bank) == {"EMAIL slot": "HELD", "PHONE slot": "HELD", "SMS slot": "CANCELLED"}
    assert await offers(bank) == {
        "EMAIL": ("WAITING", None),
        "PHONE": ("WAITING", None),
        "SMS": ("CANCELLED", "CONSENT_WITHDRAWN"),
    }


async def test_an_offer_without_a_chosen_channel_lives_as_long_as_one_of_its_channels_is_open(
    consents: ConsentService, bank: Database, propose: Any
) -> None:
    await propose("anna", "both", channels=["SMS", "EMAIL"])
    await propose("anna", "any")
    await consents.record("anna", [said(WITHDRAWN, channel=Channel.SMS)])
    assert await offers(bank) == {"both": ("PROPOSED", None), "any": ("PROPOSED", None)}
    await consents.record("anna", [said(DENIED, channel=Channel.EMAIL)])
    assert await offers(bank) == {"both": ("CANCELLED", "CONSENT_WITHDRAWN"), "any": ("PROPOSED", None)}
    await consents.withdraw("anna", Purpose.MARKETING)
    assert (await offers(bank))["any"] == ("CANCELLED", "CONSENT_WITHDRAWN")


async def test_an_offer_whose_phone_is_refused_waits_for_the_other_phone(
    consents: ConsentService, bank: Database, reserve: Any, propose: Any
) -> None:
    await propose("anna", "card", channels=["PHONE"])
    await reserve("anna", "call", offer="card", pointKey=ANNAS)
    await consents.record("anna", [said(WITHDRAWN, point_key=ANNAS)])
    assert await slots(bank) == {"call": "CANCELLED"}
    (row,) = await bank.read("MATCH (o:Offer) RETURN o.status, o.statusReason, o.pointKey, o.notBefore IS NOT NULL")
    assert row.values() == ["WAITING", "SLOT_CANCELLED", None, True]


async def test_what_the_contract_or_the_law_demands_is_not_cancelled_by_a_withdrawal_of_marketing(
    consents: ConsentService, bank: Database, reserve: Any
) -> None:
    await reserve("anna", "statement", actionClass="TRANSACTIONAL", purpose="SERVICE", channel="EMAIL", pointKey=MAIL)
    await reserve("anna", "law", actionClass="MANDATORY", purpose="SERVICE", channel="LETTER")
    await reserve("anna", "survey", actionClass="TRANSACTIONAL", purpose="SURVEY", channel="EMAIL", pointKey=MAIL)
    await reserve("anna", "unknown", actionClass=None, purpose=None, channel="EMAIL", pointKey=MAIL)
    await consents.withdraw("anna", Purpose.MARKETING)
    assert await slots(bank) == {"law": "HELD", "statement": "HELD", "survey": "HELD", "unknown": "CANCELLED"}
    await consents.withdraw("anna", Purpose.SURVEY)
    assert await slots(bank) == {"law": "HELD", "statement": "HELD", "survey": "CANCELLED", "unknown": "CANCELLED"}
    await consents.withdraw("anna")
    assert (await slots(bank))["statement"] == "CANCELLED"
    assert (await slots(bank))["law"] == "HELD"


async def test_an_objection_to_profiling_cancels_promotion_only(
    consents: ConsentService, bank: Database, reserve: Any, propose: Any
) -> None:
    await propose("anna", "card")
    await propose("anna", "notice", actionClass="TRANSACTIONAL")
    await reserve("anna", "call", pointKey=SHARED)
    await reserve("anna", "statement", actionClass="TRANSACTIONAL", purpose="SERVICE", pointKey=SHARED)
    await consents.object_to_profiling("anna")
    assert await slots(bank) == {"call": "CANCELLED", "statement": "HELD"}
    assert await offers(bank) == {"card": ("CANCELLED", "PROFILING_OBJECTED"), "notice": ("PROPOSED", None)}


@pytest.mark.parametrize("status", ["PRESENTED", "CLICKED", "ACCEPTED", "REJECTED", "LATER", "EXPIRED"])
async def test_what_the_customer_has_seen_is_not_taken_back(
    consents: ConsentService, bank: Database, propose: Any, status: str
) -> None:
    await propose("anna", "card", status=status, channel="PHONE")
    await consents.withdraw("anna")
    assert await offers(bank) == {"card": (status, None)}


async def test_slots_that_ended_or_ran_out_stay_what_they_are(
    consents: ConsentService, bank: Database, reserve: Any
) -> None:
    past = dt.datetime.now(dt.UTC) - dt.timedelta(hours=1)
    await reserve("anna", "made", state="CONFIRMED", pointKey=SHARED)
    await reserve("anna", "ran out", until=past, pointKey=SHARED)
    await consents.withdraw("anna")
    assert await slots(bank) == {"made": "CONFIRMED", "ran out": "HELD"}


async def test_a_late_withdrawal_that_a_later_consent_outdates_cancels_nothing(
    consents: ConsentService, bank: Database, reserve: Any
) -> None:
    await reserve("anna", "call", pointKey=SHARED)
    await consents.record("anna", [said(WITHDRAWN, at=dt.datetime.now(dt.UTC) - dt.timedelta(days=9))])
    assert await slots(bank) == {"call": "HELD"}


async def test_a_refused_withdrawal_cancels_nothing(consents: ConsentService, bank: Database, reserve: Any) -> None:
    await reserve("anna", "call", pointKey=SHARED)
    with pytest.raises(NotFound):
        await consents.record("anna", [said(WITHDRAWN), said(WITHDRAWN, point_key="PHONE:+420602999999")])
    assert await slots(bank) == {"call": "HELD"}


async def test_a_shared_phone_is_stopped_for_everybody_and_nobody_elses_consent_is_touched(
    consents: ConsentService, bank: Database, reserve: Any, propose: Any
) -> None:
    await propose("jan", "jans card", channels=["PHONE"])
    await propose("jan", "jans loan", channels=["EMAIL"])
    await reserve("jan", "jans call", offer="jans card", pointKey=SHARED)
    await reserve("jan", "jans mail", offer="jans loan", channel="EMAIL", pointKey="EMAIL:jan@example.com")
    await reserve("jan", "jans statement", actionClass="TRANSACTIONAL", purpose="SERVICE", pointKey=SHARED)
    await reserve("anna", "annas other phone", pointKey=ANNAS)
    await consents.record("anna", [said(WITHDRAWN, point_key=SHARED)])
    assert await slots(bank) == {
        "annas other phone": "HELD",
        "jans call": "CANCELLED",
        "jans mail": "HELD",
        "jans statement": "HELD",
    }
    assert await offers(bank) == {
        "jans card": ("CANCELLED", "POINT_STOPPED"),  # it was for the phone, and he has no other
        "jans loan": ("RESERVED", None),
    }
    assert not (await consents.standing("jan", Purpose.MARKETING, Channel.PHONE)).allowed
    by_mail = await consents.standing("jan", Purpose.MARKETING, Channel.EMAIL)
    assert (by_mail.allowed, by_mail.decided_by) == (True, "jan:MARKETING")
    (row,) = await bank.read("MATCH (:Party {id: 'jan'})-[:GAVE]->(c) WHERE c.status <> 'GRANTED' RETURN count(c) AS n")
    assert row["n"] == 0


async def test_a_withdrawal_that_names_no_phone_does_not_stop_the_shared_one(
    consents: ConsentService, bank: Database, reserve: Any
) -> None:
    await reserve("jan", "jans call", pointKey=SHARED)
    await consents.withdraw("anna")
    assert await slots(bank) == {"jans call": "HELD"}
    assert (await consents.standing("jan", Purpose.MARKETING, Channel.PHONE)).allowed


async def test_a_stop_of_messages_to_a_shared_phone_leaves_calls_there_alone(
    consents: ConsentService, bank: Database, reserve: Any
) -> None:
    await reserve("jan", "jans call", pointKey=SHARED)
    await reserve("jan", "jans message", channel="SMS", pointKey=SHARED)
    await consents.record("anna", [said(WITHDRAWN, channel=Channel.SMS, point_key=SHARED)])
    assert await slots(bank) == {"jans call": "HELD", "jans message": "CANCELLED"}


async def test_the_stop_of_a_shared_phone_ends_when_who_stopped_it_agrees_or_no_longer_uses_it(
    consents: ConsentService, bank: Database
) -> None:
    await consents.record("anna", [said(WITHDRAWN, point_key=SHARED)])
    assert not (await consents.standing("jan", Purpose.MARKETING, Channel.PHONE)).allowed
    await consents.record("anna", [said(point_key=SHARED)])
    assert (await consents.standing("jan", Purpose.MARKETING, Channel.PHONE)).allowed
    await consents.record("anna", [said(WITHDRAWN, point_key=SHARED)])
    await bank.execute("MATCH (:Party {id: 'anna'})-[r:REACHABLE_AT {id: 'r1'}]->() SET r.until = date('2021-01-01')")
    assert (await consents.standing("jan", Purpose.MARKETING, Channel.PHONE)).allowed
