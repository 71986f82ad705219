"""What became of an offer: the contact, the agreement, the learner, in one transaction."""

from __future__ import annotations

import asyncio
from decimal import Decimal
from typing import Any

import pytest
from offered import DAY, HOUR, MINUTE, NOON, Bank

from graph_crm import snapshots
from graph_crm.contacts.desk import memory_of
from graph_crm.contacts.policy import ContactPolicy
from graph_crm.decisions.offers.responses import Acceptance
from graph_crm.errors import IdempotencyKeyReused, InvalidInput, NotFound, OfferAnswered, OfferEnded
from graph_crm.graph.database import Database
from graph_crm.products.agreements import AgreementService
from graph_crm.products.commands import AgreementDetails, NewAgreement, NewHolder
from graph_crm.rules.conditions import Needs

pytestmark = pytest.mark.lts


@pytest.fixture
async def bank(empty_database: Database) -> Bank:
    return await Bank(empty_database).open()


# Yes


async def test_a_yes_opens_the_agreement_of_that_day_for_the_customer(bank: Bank) -> None:
    await bank.offer()
    details = AgreementDetails(number="17/3", amount=Decimal("50000.00"), currency="CZK")
    await bank.say("ACCEPTED", at=NOON - MINUTE, acceptance=Acceptance(details=details))
    row = await bank.one(
        "MATCH (:Offer {id: 'o1', status: 'ACCEPTED'})-[:CONVERTED_TO]->(a:Agreement)<-[h:HOLDS]-(p:Party)"
        " RETURN a {.number, .amount, .productCode, .status, on: toString(a.openedOn)} AS a, h.role AS role, p.id AS id"
    )
    assert (row["id"], row["role"]) == ("anna", "OWNER")
    assert row["a"] == {
        "number": "17/3",
        "amount": 5_000_000,
        "productCode": "SMALL_LOAN",
        "status": "ACTIVE",
        "on": "2026-11-23",
    }


async def test_two_clients_that_report_the_same_yes_open_one_agreement(bank: Bank) -> None:
    await bank.offer()
    written = await asyncio.gather(*(bank.say("ACCEPTED", key=f"client-{i}") for i in range(12)))
    assert len({one.id for one in written}) == 1
    assert await bank.count("(:Agreement)") == 1
    assert await bank.count("(:Response)") == 1
    assert await bank.count("(:Interaction)") == 1
    assert len(await bank.told()) == 1


async def test_a_yes_that_can_not_open_the_agreement_leaves_nothing_behind(bank: Bank) -> None:
    await bank.offer()
    await bank.database.execute("MATCH (x:Product {code: 'SMALL_LOAN'}) SET x.active = false")
    with pytest.raises(InvalidInput, match="not sold now"):
        await bank.say("ACCEPTED")
    assert await bank.status() == "PROPOSED"
    assert await bank.count("(:Response)") == 0
    assert await bank.count("(:Interaction)") == 0
    assert await bank.told() == []


HELD = """
MATCH (p:Party {id: $party})
CREATE (p)-[:HOLDS {id: 'h-' + $id, role: 'OWNER', since: date('2026-11-23')}]->(:Agreement {id: $id, status: 'ACTIVE',
  productCode: $product, familyCode: 'LOAN', openedOn: date('2026-11-23'), version: 1})
"""


async def test_a_yes_can_name_the_agreement_that_another_system_opened(bank: Bank) -> None:
    await bank.offer()
    await bank.database.execute(HELD, {"party": "anna", "id": "core:1", "product": "SMALL_LOAN"})
    await bank.say("ACCEPTED", acceptance=Acceptance(agreement_id="core:1"))
    assert await bank.count("(:Offer {id: 'o1'})-[:CONVERTED_TO]->(:Agreement {id: 'core:1'})") == 1
    assert await bank.count("(:Agreement)") == 1
    await bank.offer("o2", decision="d2")
    with pytest.raises(OfferAnswered, match="another offer"):
        await bank.say("ACCEPTED", "o2", acceptance=Acceptance(agreement_id="core:1"))


@pytest.mark.parametrize(("party", "product"), [("ben", "SMALL_LOAN"), ("anna", "CASH_LOAN")])
async def test_an_agreement_of_somebody_else_or_on_another_product_is_refused(
    bank: Bank, party: str, product: str
) -> None:
    await bank.offer()
    await bank.database.execute(HELD, {"party": party, "id": "core:1", "product": product})
    with pytest.raises(InvalidInput):
        await bank.say("ACCEPTED", acceptance=Acceptance(agreement_id="core:1"))
    with pytest.raises(NotFound):
        await bank.say("ACCEPTED", acceptance=Acceptance(agreement_id="core:2"))
    assert await bank.status() == "PROPOSED"


async def test_a_second_yes_with_another_agreement_is_refused(bank: Bank) -> None:
    await bank.offer()
    await bank.say("ACCEPTED")
    with pytest.raises(OfferAnswered, match="another agreement") as refused:
        await bank.say("ACCEPTED", acceptance=Acceptance(agreement_id="core:9"))
    assert refused.value.hint is not None


# What contradicts


async def test_the_opposite_answer_is_refused_and_says_what_to_do(bank: Bank) -> None:
    await bank.offer()
    await bank.say("ACCEPTED")
    with pytest.raises(OfferAnswered) as refused:
        await bank.say("REJECTED")
    assert refused.value.code == "OFFER_ANSWERED"
    assert "closeAgreement" in str(refused.value.hint)
    await bank.offer("o2", decision="d2")
    await bank.say("REJECTED", "o2")
    with pytest.raises(OfferAnswered, match="REJECTED: ACCEPTED") as refused:
        await bank.say("ACCEPTED", "o2")
    assert "decide" in str(refused.value.hint)


async def test_a_contact_about_an_offer_that_had_ended_is_refused(bank: Bank) -> None:
    await bank.offer(status="CANCELLED", statusAt=NOON - MINUTE)
    with pytest.raises(OfferEnded, match="CANCELLED"):
        await bank.say("PRESENTED")
    assert await bank.count("(:Interaction)") == 0


async def test_what_happened_before_the_end_is_recorded_in_its_place(bank: Bank) -> None:
    await bank.offer(createdAt=NOON - DAY)
    await bank.say("REJECTED", at=NOON)
    await bank.say("NO_ANSWER", at=NOON - HOUR)
    assert await bank.status() == "REJECTED"
    assert await bank.count("(:Offer {id: 'o1'})-[:ANSWERED_BY]->(:Response)") == 2
    assert [one["outcome"] for one in await bank.contacts()] == ["NO_ANSWER", "REJECTED"]


async def test_a_refusal_counts_even_when_the_offer_had_expired(bank: Bank) -> None:
    await bank.offer(status="EXPIRED", statusAt=NOON - MINUTE)
    await bank.say("REJECTED")
    row = await bank.one("MATCH (o:Offer)-[:ANSWERED_BY]->(r) RETURN o.status AS status, r.late AS late")
    assert (row["status"], row["late"]) == ("REJECTED", True)


async def test_a_late_yes_counts_when_the_bank_had_asked(bank: Bank) -> None:
    await bank.offer(valid=-MINUTE, createdAt=NOON - DAY, statusAt=NOON - DAY)
    await bank.say("PRESENTED", at=NOON - HOUR)
    await bank.database.execute("MATCH (o:Offer) SET o.status = 'EXPIRED', o.statusAt = o.validUntil")
    await bank.say("ACCEPTED")
    assert await bank.status() == "ACCEPTED"
    assert await bank.count("(:Agreement)") == 1
    await bank.offer("o2", decision="d2", status="EXPIRED")
    with pytest.raises(OfferEnded):
        await bank.say("ACCEPTED", "o2")


async def test_the_same_answer_with_the_same_key_is_one_response_and_with_another_input_refused(bank: Bank) -> None:
    await bank.offer()
    first = await bank.say("PRESENTED", key="k1")
    bank.clock.now += MINUTE
    assert await bank.say("PRESENTED", key="k1") == first
    with pytest.raises(IdempotencyKeyReused):
        await bank.say("CLICKED", key="k1")
    assert await bank.count("(:Response)") == 1


async def test_the_same_outcome_of_the_same_instant_is_one_response(bank: Bank) -> None:
    await bank.offer()
    first = await bank.say("PRESENTED", at=NOON)
    bank.clock.now += MINUTE
    assert (await bank.say("PRESENTED", at=NOON)).id == first.id
    await bank.say("PRESENTED")
    assert await bank.count("(:Response)") == 2


# The contact


async def test_an_outcome_confirms_the_slot_that_is_held(bank: Bank) -> None:
    await bank.offer()
    slot = await bank.slot()
    assert await bank.status() == "RESERVED"
    bank.clock.now += 5 * MINUTE
    await bank.say("PRESENTED")
    assert await bank.contacts() == [
        {
            "channel": "PHONE",
            "direction": "OUTBOUND",
            "outcome": "PRESENTED",
            "actionClass": "PROMOTIONAL",
            "purpose": "MARKETING",
            "pointKey": "PHONE:+420602123456",
            "productCode": "SMALL_LOAN",
            "offerId": "o1",
            "at": int((NOON + 5 * MINUTE).timestamp() * 1000),
        }
    ]
    row = await bank.one("MATCH (v:Reservation {id: $id}) RETURN v.state AS state", id=slot)
    assert row["state"] == "CONFIRMED"
    assert await bank.count("(:Offer {id: 'o1'})-[:DELIVERED_AS]->(:Interaction)<-[:BECAME]-(:Reservation)") == 1


async def test_the_contact_carries_the_outcome_of_the_latest_answer(bank: Bank) -> None:
    await bank.offer()
    await bank.slot()
    await bank.say("PRESENTED")
    bank.clock.now += 3 * MINUTE
    await bank.say("LATER", call_back_at=NOON + 2 * DAY)
    (contact,) = await bank.contacts()
    assert contact["outcome"] == "LATER"
    bank.clock.now += 2 * MINUTE
    await bank.say("REJECTED")
    (contact,) = await bank.contacts()
    assert contact["outcome"] == "REJECTED"
    assert await bank.count("(:Interaction)-[:LED_TO]->(:Response)") == 3


async def test_a_talk_never_becomes_a_call_that_nobody_answered(bank: Bank) -> None:
    """Such a call uses no limit: written down afterwards it would free the next one."""
    await bank.offer()
    talk = await bank.desk.confirm(await bank.slot(), outcome="PRESENTED")
    bank.clock.now += 3 * MINUTE
    await bank.say("NO_ANSWER", interaction_id=talk)
    assert [one["outcome"] for one in await bank.contacts()] == ["PRESENTED"]
    bank.clock.now += 3 * MINUTE
    await bank.say("CLICKED", interaction_id=talk)
    bank.clock.now += 3 * MINUTE
    await bank.say("NO_ANSWER", interaction_id=talk)
    assert [one["outcome"] for one in await bank.contacts()] == ["CLICKED"]


async def test_a_refusal_that_was_recorded_with_the_contact_stays_one(bank: Bank) -> None:
    await bank.offer()
    talk = await bank.desk.confirm(await bank.slot())
    await bank.database.execute("MATCH (i:Interaction) SET i.outcome = 'REJECTED'")  # by another system
    bank.clock.now += 3 * MINUTE
    await bank.say("LATER", interaction_id=talk)
    assert [one["outcome"] for one in await bank.contacts()] == ["REJECTED"]
    (anna,) = await snapshots.load(
        bank.database.read, ["anna"], now=bank.clock.now, needs=Needs(), memory=memory_of(ContactPolicy.load())
    )
    assert {(one.outcome, one.product) for one in anna.answers} == {("REJECTED", "SMALL_LOAN"), ("LATER", "SMALL_LOAN")}


async def test_nobody_answered_is_a_contact_too_and_the_offer_comes_again(bank: Bank) -> None:
    await bank.offer()
    await bank.slot()
    await bank.say("NO_ANSWER")
    bank.clock.now += HOUR
    await bank.say("NO_ANSWER")
    assert [one["outcome"] for one in await bank.contacts()] == ["NO_ANSWER", "NO_ANSWER"]
    row = await bank.one("MATCH (o:Offer) RETURN o.status AS status, o.notBefore.epochMillis AS at")
    assert (row["status"], row["at"]) == ("NO_ANSWER", int(bank.clock.now.timestamp() * 1000))


async def test_a_contact_after_the_slot_ran_out_is_a_contact_all_the_same(bank: Bank) -> None:
    await bank.offer()
    await bank.slot(lasts=MINUTE)
    bank.clock.now += HOUR
    await bank.say("REJECTED")
    (contact,) = await bank.contacts()
    assert (contact["direction"], contact["outcome"]) == ("OUTBOUND", "REJECTED")
    assert contact["pointKey"] == "PHONE:+420602123456"
    assert await bank.count("(:Reservation)-[:BECAME]->()") == 0


@pytest.mark.parametrize("channel", ["ATM", "ONLINE", "BRANCH"])
async def test_what_is_shown_where_the_customer_came_is_inbound(bank: Bank, channel: str) -> None:
    await bank.offer(channel=channel, pointKey=None)
    await bank.say("PRESENTED")
    (contact,) = await bank.contacts()
    assert (contact["channel"], contact["direction"]) == (channel, "INBOUND")


async def test_advice_to_a_customer_who_called_is_inbound(bank: Bank) -> None:
    await bank.offer(mode="INBOUND")
    await bank.say("PRESENTED")
    (contact,) = await bank.contacts()
    assert (contact["channel"], contact["direction"], contact["pointKey"]) == ("PHONE", "INBOUND", None)


async def test_who_was_written_to_and_calls_comes_to_the_bank(bank: Bank) -> None:
    await bank.offer(channel="SMS")
    await bank.say("PRESENTED")
    bank.clock.now += HOUR
    await bank.say("ACCEPTED", channel="PHONE")
    sent, called = await bank.contacts()
    assert (sent["channel"], sent["direction"], sent["outcome"]) == ("SMS", "OUTBOUND", "PRESENTED")
    assert (called["channel"], called["direction"], called["outcome"]) == ("PHONE", "INBOUND", "ACCEPTED")


async def test_one_look_at_a_screen_is_one_contact_whatever_is_on_it(bank: Bank) -> None:
    await bank.offer(channel="ATM")
    await bank.offer("o2", product="CREDIT_CARD", channel="ATM", rank=2)
    await bank.say("PRESENTED")
    await bank.say("PRESENTED", "o2")
    bank.clock.now += MINUTE
    await bank.say("CLICKED")
    assert await bank.count("(:Interaction)") == 1
    assert await bank.count("(:Interaction)<-[:DELIVERED_AS]-(:Offer)") == 2
    bank.clock.now += DAY
    await bank.say("PRESENTED")
    assert await bank.count("(:Interaction)") == 2


async def test_the_contact_can_be_named(bank: Bank) -> None:
    await bank.offer()
    slot = await bank.slot()
    await bank.database.execute(
        "MATCH (p:Party {id: 'anna'}) CREATE (p)-[:HAD]->(:Interaction {id: 'call', channel: 'PHONE', at: $at,"
        " direction: 'INBOUND'})",
        {"at": NOON},
    )
    await bank.say("REJECTED", interaction_id="call")
    assert await bank.count("(:Offer)-[:DELIVERED_AS]->(:Interaction {id: 'call', outcome: 'REJECTED'})") == 1
    assert await bank.count("(:Interaction)") == 1
    row = await bank.one("MATCH (v:Reservation {id: $id}) RETURN v.state AS state", id=slot)
    assert row["state"] == "CANCELLED"  # the call for it is not needed any more


async def test_a_contact_of_somebody_else_can_not_be_named(bank: Bank) -> None:
    await bank.offer()
    await bank.database.execute(
        "MATCH (p:Party {id: 'ben'}) CREATE (p)-[:HAD]->(:Interaction {id: 'call', channel: 'PHONE', at: $at})",
        {"at": NOON},
    )
    with pytest.raises(NotFound, match="interactionId"):
        await bank.say("REJECTED", interaction_id="call")


async def test_a_yes_on_the_screen_gives_the_slot_of_the_call_back(bank: Bank) -> None:
    await bank.offer()
    slot = await bank.slot()
    await bank.say("ACCEPTED", channel="ONLINE")
    row = await bank.one("MATCH (v:Reservation {id: $id}) RETURN v.state AS state, v.reason AS reason", id=slot)
    assert (row["state"], row["reason"]) == ("CANCELLED", "ANSWERED_ACCEPTED")
    assert await bank.status() == "ACCEPTED"
    (contact,) = await bank.contacts()
    assert (contact["channel"], contact["direction"]) == ("ONLINE", "INBOUND")


# Later


async def test_a_call_back_is_kept_with_the_offer_which_stays_valid_for_it(bank: Bank) -> None:
    await bank.offer(valid=DAY)
    await bank.say("LATER", call_back_at=NOON + 3 * DAY)
    row = await bank.one(
        "MATCH (o:Offer)-[:DELIVERED_AS]->(i:Interaction) RETURN o.status AS status,"
        " o.notBefore.epochMillis AS due, o.validUntil.epochMillis AS valid, i.callBackAt.epochMillis AS call"
    )
    asked = int((NOON + 3 * DAY).timestamp() * 1000)
    assert (row["status"], row["due"], row["call"]) == ("LATER", asked, asked)
    assert row["valid"] == int((NOON + 4 * DAY).timestamp() * 1000)


# What is refused as it is


@pytest.mark.parametrize(
    ("outcome", "more", "field"),
    [
        ("REJECTED", {"call_back_at": NOON + DAY}, "callBackAt"),
        ("LATER", {"call_back_at": NOON - HOUR}, "callBackAt"),
        ("REJECTED", {"acceptance": Acceptance()}, "acceptance"),
        ("ACCEPTED", {"acceptance": Acceptance(agreement_id="a", details=AgreementDetails(number="1"))}, "acceptance"),
        ("PRESENTED", {"at": NOON + HOUR}, "at"),
        ("PRESENTED", {"at": NOON - DAY}, "at"),
        ("PRESENTED", {"at": NOON.replace(tzinfo=None)}, "at"),
        ("BOUGHT", {}, "outcome"),
    ],
)
async def test_what_can_not_be_is_refused_with_the_field(
    bank: Bank, outcome: str, more: dict[str, Any], field: str
) -> None:
    await bank.offer()
    with pytest.raises(InvalidInput) as refused:
        await bank.say(outcome, **more)
    assert refused.value.details["field"] == field
    assert await bank.count("(:Response)") == 0


async def test_an_unknown_offer_is_not_found(bank: Bank) -> None:
    with pytest.raises(NotFound, match="offerId"):
        await bank.say("PRESENTED", "o9")


async def test_a_clock_that_is_ahead_does_not_hide_a_contact_from_the_limits(bank: Bank) -> None:
    await bank.offer()
    await bank.say("PRESENTED", at=NOON + 3 * MINUTE)
    (contact,) = await bank.contacts()
    assert contact["at"] == int(NOON.timestamp() * 1000)


# The learner, and the ledger


async def test_every_response_is_told_to_the_learner_with_what_was_known_then(bank: Bank) -> None:
    await bank.offer()
    written = await bank.say("REJECTED", channel="BRANCH", note="Has one elsewhere.")
    (told,) = await bank.told()
    assert told == {
        "responseId": written.id,
        "offerId": "o1",
        "partyId": "anna",
        "productCode": "SMALL_LOAN",
        "familyCode": "LOAN",
        "channel": "PHONE",  # for which the propensity was computed
        "outcome": "REJECTED",
        "at": "2026-11-23T11:00:00.000+00:00",
        "features": {"age": 41, "segment": "MASS"},
        "partition": "model:SMALL_LOAN|PHONE",
    }


async def test_a_response_counts_the_ledgers_of_the_customer_up(bank: Bank) -> None:
    await bank.offer()
    await bank.say("REJECTED")
    rows = await bank.database.read("MATCH (l:ContactLedger) RETURN l.key AS key, l.version AS version ORDER BY key")
    assert [(row["key"], row["version"]) for row in rows] == [
        ("household:home", 1),
        ("party:anna", 1),
        ("point:PHONE:+420602123456", 1),
    ]


async def test_an_answer_costs_few_statements(bank: Bank) -> None:
    await bank.offer()
    with bank.database.counting() as counter:
        await bank.say("REJECTED", key="k")
    # The key, whose offer, the locks, the standing, the answer, what it settles, the outbox, the key's result.
    assert len(counter) == 8


@pytest.mark.parametrize("outcome", ["PRESENTED", "NO_ANSWER"])
async def test_a_contact_that_the_desk_has_confirmed_is_not_made_again(bank: Bank, outcome: str) -> None:
    await bank.offer()
    contact = await bank.desk.confirm(await bank.slot(), outcome=outcome)
    bank.clock.now += MINUTE
    await bank.say(outcome, at=NOON - MINUTE)  # by a clock that is behind
    assert await bank.count("(:Interaction)") == 1
    assert await bank.count(f"(:Interaction {{id: '{contact}'}})-[:LED_TO]->(:Response)") == 1
    bank.clock.now += 3 * HOUR
    await bank.say(outcome)
    assert await bank.count("(:Interaction)") == 2


async def test_a_call_that_the_desk_says_nobody_answered_lets_the_offer_come_back(bank: Bank) -> None:
    await bank.offer()
    await bank.desk.confirm(await bank.slot(), outcome="NO_ANSWER")
    row = await bank.one("MATCH (o:Offer) RETURN o.status AS status, o.notBefore = $at AS due", at=NOON)
    assert (row["status"], row["due"]) == ("NO_ANSWER", True)


async def test_answers_to_many_offers_of_one_customer_at_once_lose_nothing(bank: Bank) -> None:
    for number in range(18):
        await bank.offer(f"o{number}", decision=f"d{number}")
    outcomes = ["ACCEPTED", "REJECTED", "LATER"]
    opened = NewAgreement(product_code="SMALL_LOAN", holders=[NewHolder(party_id="anna")])
    agreements = AgreementService(bank.database, now=bank.clock)
    said = [bank.say(outcomes[number % 3], f"o{number % 18}", at=NOON) for number in range(36)]
    answers = await asyncio.gather(*said, *(agreements.open(opened) for _ in range(6)), return_exceptions=True)
    refused = [one for one in answers if isinstance(one, BaseException)]
    assert all(isinstance(one, OfferAnswered) for one in refused)
    rows = await bank.database.read("MATCH (o:Offer) RETURN o.status AS status, count(o) AS n")
    # A yes or a no settles the product: nobody calls later about what was to wait, and two yeses are one wish.
    assert {row["status"]: row["n"] for row in rows} == {"ACCEPTED": 1, "REJECTED": 6, "CANCELLED": 11}
    assert await bank.count("(:Response)") == len(await bank.told()) == 1 + 6 + 6
    assert await bank.count("(:Agreement)") == 1 + 6
    assert await bank.count("(:Offer)-[:CONVERTED_TO]->(:Agreement)") == 1


@pytest.mark.parametrize("answer", ["ACCEPTED", "REJECTED"])
async def test_whoever_has_said_yes_or_no_to_a_product_is_not_called_about_another_offer_of_it(
    bank: Bank, answer: str
) -> None:
    await bank.offer("on the screen", mode="INBOUND", decision="d2")
    await bank.offer("by phone")
    await bank.slot("by phone")
    await bank.offer("something else", product="CREDIT_CARD", decision="d3")
    await bank.say(answer, offer="on the screen")
    rows = await bank.database.read(
        "MATCH (o:Offer) OPTIONAL MATCH (r:Reservation)-[:FOR_OFFER]->(o) "
        "RETURN o.id AS id, o.status AS status, o.statusReason AS reason, r.state AS slot"
    )
    found = {row["id"]: (row["status"], row["slot"]) for row in rows}
    assert found == {
        "on the screen": (answer, None),
        "by phone": ("CANCELLED", "CANCELLED"),
        "something else": ("PROPOSED", None),
    }


async def test_a_customer_who_asks_for_later_may_still_be_called_about_it(bank: Bank) -> None:
    await bank.offer("on the screen", mode="INBOUND", decision="d2")
    await bank.offer("by phone")
    await bank.say("LATER", offer="on the screen")
    assert (await bank.one("MATCH (o:Offer {id: 'by phone'}) RETURN o.status AS status"))["status"] == "PROPOSED"


async def test_two_offers_of_one_product_that_are_both_accepted_do_not_open_two_agreements(bank: Bank) -> None:
    await bank.offer("morning", mode="INBOUND", decision="d2")
    await bank.offer("noon", mode="INBOUND", decision="d3")
    await bank.say("PRESENTED", offer="morning", at=NOON - MINUTE)
    await bank.say("PRESENTED", offer="noon", at=NOON - MINUTE)
    await bank.say("ACCEPTED", offer="morning")
    with pytest.raises(OfferAnswered) as refused:
        await bank.say("ACCEPTED", offer="noon")
    assert "openAgreement" in (refused.value.hint or "")
    assert await bank.count("(:Agreement)") == 1
