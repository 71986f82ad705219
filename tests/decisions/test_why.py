"""Why: a contact and a product that was not offered are explained from what was stored, in words and in structure."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from why_bank import NOW, Bank, bank_with, card

from graph_crm.graph.database import Database
from graph_crm.rules import nobody
from graph_crm.security.roles import Role

pytestmark = pytest.mark.lts

WHY_CONTACTED = """
query ($party: ID!, $contact: ID!, $language: String) {
  party(id: $party) {
    whyContacted(interactionId: $contact, language: $language) {
      interactionId at channel direction productCode productName decided decisionId decidedAt
      cause { trigger eventId eventType at }
      candidate { rule title version plugin mode productCode }
      reasons
      gates { name verdict passed reasonCode sentence }
      consents { id purpose channel status since source textVersion }
      overrides { id limit days askedBy approvedBy reason }
      policyVersion text
    }
  }
}
"""
WHY_NOT = """
query ($party: ID!, $product: ID!, $language: String) {
  party(id: $party) {
    whyNot(productCode: $product, language: $language) {
      productCode productName considered proposed decisionId decidedAt trigger
      candidate { rule title }
      gate { name verdict reasonCode sentence numbers evidence earliest }
      offer { status notBefore }
      earliest
      trace { candidate { rule } }
      text
    }
  }
}
"""


@pytest.fixture
async def bank(empty_database: Database) -> Bank:
    return await bank_with(empty_database)


async def why_contacted(bank: Bank, contact: str, *, party: str = "anna", language: str | None = None) -> Any:
    answer = await bank.asked(WHY_CONTACTED, party=party, contact=contact, language=language)
    assert "errors" not in answer, answer
    return answer["data"]["party"]["whyContacted"]


async def why_not(bank: Bank, product: str = "CREDIT_CARD", *, language: str | None = None) -> Any:
    answer = await bank.asked(WHY_NOT, party="anna", product=product, language=language)
    assert "errors" not in answer, answer
    return answer["data"]["party"]["whyNot"]


async def test_a_call_is_explained_from_its_event_to_its_consent(bank: Bank) -> None:
    decision = await bank.decide()
    told = await why_contacted(bank, await bank.call())
    assert (told["decided"], told["decisionId"], told["decidedAt"]) == (True, decision, "2026-11-23T12:00:00.000Z")
    assert told["cause"] == {
        "trigger": "event:card_lost", "eventId": "e1", "eventType": "card_lost", "at": "2026-11-23T11:59:00.000Z",
    }  # fmt: skip
    assert told["candidate"] == {
        "rule": "card_after_loss", "title": "A card for who lost one", "version": card().version, "plugin": "cards",
        "mode": "on", "productCode": "CREDIT_CARD",
    }  # fmt: skip
    assert told["reasons"] == ["You lost your card: we have a better one."]
    assert {gate["verdict"] for gate in told["gates"]} == {"PASS"}
    assert told["gates"][0]["sentence"].startswith("The customer has CURRENT_ACCOUNT since 1 January 2020 (")
    assert told["consents"] == [
        {
            "id": "consent:1", "purpose": "MARKETING", "channel": None, "status": "GRANTED",
            "since": "2026-01-01T00:00:00.000Z", "source": "branch", "textVersion": "3",
        }
    ]  # fmt: skip
    assert (told["overrides"], told["policyVersion"]) == ([], bank.terms.policy.version)


async def test_a_call_is_explained_in_a_few_english_sentences(bank: Bank) -> None:
    await bank.decide()
    text = (await why_contacted(bank, await bank.call()))["text"]
    assert text.startswith("Anna Nowak was contacted by phone on 23 November 2026, 14:00 about Credit card. It was")
    assert "because of the event card_lost of 23 November 2026, 12:59." in text
    assert "The rule “A card for who lost one” proposed it (card_after_loss, version" in text
    assert "What was to be said: You lost your card: we have a better one." in text
    assert "The customer agreed to marketing by any channel on 1 January 2026, 01:00 (record consent:1)." in text
    assert "Every contact limit has room." in text
    assert text.endswith(f"The contact policy in force was version {bank.terms.policy.version}.")


async def test_the_same_in_polish(bank: Bank) -> None:
    await bank.decide()
    text = (await why_contacted(bank, await bank.call(), language="pl"))["text"]
    assert text.startswith(
        "Klient: Anna Nowak. Bank skontaktował się telefonicznie dnia 23 listopada 2026, 14:00 w spr"
    )
    assert "Klient zgodził się na marketing dowolnym kanałem dnia 1 stycznia 2026, 01:00 (zapis consent:1)." in text
    assert "sprawdze" in text


async def test_a_contact_that_somebody_recorded_without_a_decision_says_so(bank: Bank) -> None:
    await bank.change(
        "MATCH (p:Party {id: 'anna'}) CREATE (p)-[:HAD]->(:Interaction {id: 'i1', channel: 'PHONE', "
        "direction: 'OUTBOUND', at: datetime('2026-11-20T10:00:00Z'), source: 'call-centre'})"
    )
    told = await why_contacted(bank, "i1")
    assert (told["decided"], told["decisionId"], told["cause"], told["gates"]) == (False, None, None, [])
    assert told["text"] == (
        "Anna Nowak was contacted by phone on 20 November 2026, 11:00. No decision of the platform led to this "
        "contact: somebody recorded it without one. It was recorded by call-centre."
    )


@pytest.mark.parametrize(("party", "contact"), [("jan", "i1"), ("anna", "nothing")])
async def test_a_contact_with_somebody_else_is_not_explained(bank: Bank, party: str, contact: str) -> None:
    await bank.change(
        "MATCH (p:Party {id: 'anna'}) CREATE (p)-[:HAD]->(:Interaction {id: 'i1', channel: 'PHONE', "
        "direction: 'OUTBOUND', at: datetime('2026-11-20T10:00:00Z')})"
    )
    assert await why_contacted(bank, contact, party=party) is None


async def test_an_override_that_made_room_is_named_with_who_asked_and_who_approved(bank: Bank) -> None:
    await bank.change(
        """
        MATCH (p:Party {id: 'anna'})
        CREATE (p)-[:HAD]->(:Interaction {id: 'i1', channel: 'PHONE', direction: 'OUTBOUND', actionClass: 'PROMOTIONAL',
          purpose: 'MARKETING', at: datetime('2026-11-01T10:00:00Z')})
        CREATE (:LimitOverride {id: 'v1', limit: 'promotional_call', days: 10.0, status: 'APPROVED',
          reason: 'autumn sale', from: datetime('2026-11-10T00:00:00Z'), until: datetime('2026-12-31T00:00:00Z'),
          askedBy: 'eva', decidedBy: 'karl', decidedAt: datetime('2026-11-09T08:00:00Z')})
        """
    )
    await bank.decide()
    told = await why_contacted(bank, await bank.call())
    assert told["overrides"] == [
        {
            "id": "v1", "limit": "promotional_call", "days": 10.0, "askedBy": "eva", "approvedBy": "karl",
            "reason": "autumn sale",
        }
    ]  # fmt: skip
    assert "was shortened to 10 days for it: eva asked for this, karl approved it. Autumn sale." in told["text"]


async def test_an_offer_that_waited_is_explained_by_what_judged_it_again(bank: Bank) -> None:
    await bank.decide()
    contact = await bank.call()
    await bank.change(
        """
        MATCH (d:Decision)-[:PROPOSED]->(o:Offer)
        CREATE (again:Decision {id: 'again', at: d.at + duration('PT30M'), trace: d.trace, policyVersion: 'newer'})
        CREATE (again)-[:RECONSIDERED]->(o)
        """
    )
    query = '{ party(id: "anna") { whyContacted(interactionId: "%s") { judgedAgainId policyVersion text } } }'
    told = (await bank.asked(query % contact))["data"]["party"]["whyContacted"]
    assert (told["judgedAgainId"], told["policyVersion"]) == ("again", "newer")
    assert "The offer waited, and was judged again on 23 November 2026, 13:30." in told["text"]


async def test_a_product_that_nobody_considered_says_so(bank: Bank) -> None:
    told = await why_not(bank, "SAVINGS")
    assert (told["considered"], told["proposed"], told["gate"], told["trace"]) == (False, False, None, [])
    assert told["text"].startswith("Savings account was never considered for Anna Nowak:")


async def test_a_product_that_is_not_in_the_catalogue_says_so(bank: Bank) -> None:
    told = await why_not(bank, "MOON_LOAN")
    assert told["productName"] is None
    assert told["text"].startswith("The catalogue has no product MOON_LOAN.")
    assert (told["gate"]["reasonCode"], told["gate"]["verdict"]) == ("PRODUCT_UNKNOWN", "DROP"), "told by a code, too"


async def test_the_gate_that_stopped_a_product_is_named_with_its_numbers(bank: Bank) -> None:
    await bank.change(
        "MATCH (p:Party {id: 'anna'}) CREATE (p)-[:HOLDS {role: 'OWNER', since: date('2025-02-01')}]->(:Agreement "
        "{id: 'card', productCode: 'CREDIT_CARD', familyCode: 'CARD', status: 'ACTIVE', openedOn: date('2025-02-01')})"
    )
    decision = await bank.decide()
    told = await why_not(bank)
    assert (told["considered"], told["proposed"], told["decisionId"]) == (True, False, decision)
    assert told["gate"]["name"] == "applicability"
    assert told["gate"]["verdict"] == "DROP"
    assert told["gate"]["sentence"] == "The customer has CREDIT_CARD since 1 February 2025."
    assert told["gate"]["numbers"] == {"product": "CREDIT_CARD", "since": "2025-02-01"}
    assert told["gate"]["evidence"] == ["card"]
    polish = (await why_not(bank, language="pl"))["text"]
    assert "zatrzymało go sprawdzenie „czy to ma sens”. Klient ma CREDIT_CARD od 1 lutego 2025." in polish


async def test_without_consent_the_customer_hears_that_unknown_is_no(bank: Bank) -> None:
    await bank.change("MATCH (c:Consent) DETACH DELETE c")
    await bank.decide()
    told = await why_not(bank)
    assert (told["gate"]["name"], told["gate"]["reasonCode"]) == ("consent", "CONSENT_UNKNOWN")
    assert "The customer has not agreed to be contacted by phone: unknown is no." in told["text"]


async def test_an_offer_that_waits_says_until_when(bank: Bank) -> None:
    await bank.change(
        "MATCH (p:Party {id: 'anna'}) CREATE (p)-[:HAD]->(:Interaction {id: 'i1', channel: 'PHONE', "
        "direction: 'OUTBOUND', actionClass: 'PROMOTIONAL', at: datetime('2026-10-20T10:00:00Z')})"
    )
    await bank.decide()
    told = await why_not(bank)
    assert (told["proposed"], told["offer"]["status"]) == (True, "WAITING")
    assert (told["gate"]["name"], told["gate"]["verdict"]) == ("contact_limits", "HOLD")
    assert told["earliest"] == told["gate"]["earliest"] == "2026-12-04T10:00:00.000Z"
    assert "The contact limit promotional_call is full: 1 of 1 contact within 45 days." in told["text"]
    assert told["text"].endswith("As far as was known then, it is possible from 4 December 2026, 11:00 on.")


async def test_the_newest_decision_answers_by_the_candidate_that_came_furthest(empty_database: Database) -> None:
    bank = await bank_with(empty_database, card(), card(id="card_for_nobody", when=nobody()))
    await bank.decide()
    told = await why_not(bank)
    assert (told["proposed"], told["candidate"]["rule"], told["gate"]) == (True, "card_after_loss", None)
    assert {one["candidate"]["rule"] for one in told["trace"]} == {"card_after_loss", "card_for_nobody"}


async def test_the_trace_of_a_decision_is_told_in_the_language_that_is_asked_for(bank: Bank) -> None:
    decision = await bank.decide()
    query = """
    query ($id: ID!, $language: String) { decision(id: $id) {
        trace(language: $language) {
          candidate { rule productCode mode version plugin } rank status factors
          ways { channel point at allowed findings { name verdict sentence } }
          gates { name verdict passed reasonCode reason sentence numbers evidence earliest }
        }
        polish: trace(language: "pl") { gates { sentence } }
    } }
    """
    answer = (await bank.asked(query, id=decision))["data"]["decision"]
    (entry,) = answer["trace"]
    assert (entry["rank"], entry["status"], entry["candidate"]["plugin"]) == (1, "RESERVED", "cards")
    assert entry["factors"]["propensity"]["number"] > 0
    assert entry["ways"][0]["channel"] == "PHONE"
    assert entry["ways"][0]["findings"][0]["name"] == "consent"
    english = {gate["name"]: gate["sentence"] for gate in entry["gates"]}
    assert english["consent"] == "The customer has agreed to be contacted by phone."
    assert english["control_group"] == "The customer is not in the control group."
    assert "Klient zgodził się, by bank kontaktował się z nim telefonicznie." in {
        gate["sentence"] for gate in answer["polish"][0]["gates"]
    }


async def test_every_sentence_of_a_decision_is_there_in_polish(bank: Bank) -> None:
    decision = await bank.decide()
    query = 'query ($id: ID!) { decision(id: $id) { trace(language: "pl") { gates { reasonCode reason sentence } } } }'
    (entry,) = (await bank.asked(query, id=decision))["data"]["decision"]["trace"]
    assert [gate["reasonCode"] for gate in entry["gates"] if gate["sentence"].lower().startswith(gate["reason"])] == []


async def test_a_language_without_texts_is_refused_and_the_others_are_named(bank: Bank) -> None:
    answer = await bank.asked(WHY_NOT, party="anna", product="SAVINGS", language="tlh")
    (error,) = answer["errors"]
    assert error["extensions"]["code"] == "BAD_USER_INPUT"
    assert "en, pl" in error["extensions"]["hint"]


@pytest.mark.parametrize("field", ['whyNot(productCode: "SAVINGS")', 'whyContacted(interactionId: "i1")'])
async def test_a_customer_may_not_look_behind_the_decisions(bank: Bank, field: str) -> None:
    answer = await bank.asked(f'{{ party(id: "anna") {{ {field} {{ text }} }} }}', role=Role.CUSTOMER)
    assert answer["errors"][0]["extensions"]["code"] == "FORBIDDEN"


async def test_why_is_one_statement_whatever_is_asked_of_it(bank: Bank) -> None:
    await bank.decide()
    contact = await bank.call()
    with bank.database.counting() as sent:
        await why_contacted(bank, contact)
        await why_not(bank)
    assert len(sent) == 2


async def test_several_customers_are_explained_in_one_statement_each_with_its_own_answer(bank: Bank) -> None:
    await bank.decide()
    query = """{ parties(orderBy: DISPLAY_NAME_ASC) { totalCount nodes { id
        card: whyNot(productCode: "CREDIT_CARD") { considered }
        savings: whyNot(productCode: "SAVINGS") { considered }
    } } }"""
    with bank.database.counting() as sent:
        found = (await bank.asked(query))["data"]["parties"]
    assert len(sent) == 1
    assert found == {
        "totalCount": 2,
        "nodes": [
            {"id": "anna", "card": {"considered": True}, "savings": {"considered": False}},
            {"id": "jan", "card": {"considered": False}, "savings": {"considered": False}},
        ],
    }


def test_the_day_of_these_tests_is_a_working_day() -> None:
    assert NOW.weekday() < 5
    assert NOW.tzinfo is dt.UTC
