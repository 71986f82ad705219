"""What the learner sees of a customer, and what it must never see."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace

import orjson

from graph_crm.contacts.policy import ContactPolicy
from graph_crm.decisions.gates import BankState, Sold
from graph_crm.decisions.learning.features import features
from graph_crm.decisions.pipeline import Asked, decide, decide_proposals
from graph_crm.rules.manager import RuleBook
from graph_crm.rules.results import Proposal
from graph_crm.rules.snapshot import (
    Answer,
    ConsentFact,
    Contact,
    EventFact,
    Holding,
    PartyFacts,
    PointFact,
    Snapshot,
    Touch,
)

NOW = dt.datetime(2026, 11, 23, 22, 30, tzinfo=dt.UTC)
DAY = NOW.date()


def ago(days: float) -> dt.datetime:
    return NOW - dt.timedelta(days=days)


ANNA = Snapshot(
    PartyFacts(
        id="party:anna",
        born=dt.date(1986, 11, 24),
        segment="RETAIL",
        country="CZ",
        region="Praha",
        language="uk",
        vulnerable=True,
        time_zone="Europe/Prague",
        household="household:secret",
    ),
    NOW,
    holdings=(
        Holding("agreement:1", "CASH_LOAN", "LOAN", "OWNER", DAY - dt.timedelta(days=900), closed_on=DAY),
        Holding("agreement:2", "CURRENT_ACCOUNT", "CURRENT_ACCOUNT", "OWNER", DAY - dt.timedelta(days=300)),
    ),
    contacts=(
        Contact("contact:1", ago(400), "PHONE", "OUTBOUND"),
        Contact("contact:2", ago(10), "PHONE", "OUTBOUND"),
        Contact("contact:3", ago(2), "BRANCH", "INBOUND"),
    ),
    touches=(
        Touch("contact:2", ago(10), ago(10), "PHONE", "OUTBOUND"),
        Touch("contact:4", ago(5), ago(5), "SMS", "OUTBOUND"),
        Touch("contact:5", ago(3), ago(3), "SMS", "OUTBOUND", own=False, household=True),
        Touch("reservation:1", ago(1), NOW, "PHONE", "OUTBOUND", reserved=True),
    ),
    answers=(
        Answer("response:1", "REJECTED", ago(10), "CREDIT_CARD"),
        Answer("response:2", "ACCEPTED", ago(500), "CASH_LOAN"),
    ),
    points=(PointFact("PHONE:+420602123456", "PHONE"),),
    trigger=EventFact("event:1", "atm_balance_check", NOW, payload={"amount": "12.00"}),
)


def test_a_customer_in_words_and_numbers():
    assert features(ANNA, ("LOAN", "CARD", "CURRENT_ACCOUNT"), inbound="ATM") == {
        "kind": "PERSON",
        "segment": "RETAIL",
        "country": "CZ",
        "region": "Praha",
        "age": 39,
        "holdings": 1,
        "families": 1,
        "days_since_first_holding": 900,
        "days_since_last_holding": 300,
        "family.CARD": "never",
        "family.CURRENT_ACCOUNT": "HOLDS",
        "family.LOAN": "HELD",
        "contacts_in_a_year": 2,
        "days_since_contact": 5,
        "refusals_in_a_year": 1,
        "last_outcome": "REJECTED",
        "days_since_answer": 10,
        "trigger": "atm_balance_check",
        "inbound": "ATM",
        "hour": "21-24",
        "weekday": "MON",
    }


def test_nothing_in_it_names_anybody_or_tells_a_weakness():
    text = orjson.dumps(features(ANNA, ("LOAN",), inbound="ATM")).decode()
    for secret in (
        "anna",
        "agreement:",
        "contact:",
        "response:",
        "event:",
        "household",
        "602123456",
        "uk",
        "vulnerable",
    ):
        assert secret not in text


def test_what_is_not_known_is_left_out():
    found = features(Snapshot(PartyFacts("party:1"), NOW))
    assert not {"age", "segment", "country", "region", "hour", "weekday"} & set(found)
    assert found["last_outcome"] == found["days_since_contact"] == found["days_since_first_holding"] == "never"


def test_the_hour_is_the_customers_own_and_a_scan_has_none():
    tokyo = replace(ANNA, party=replace(ANNA.party, time_zone="Asia/Tokyo"))
    assert features(tokyo)["hour"] == "06-09"
    assert features(tokyo)["weekday"] == "TUE"
    nowhere = replace(ANNA, party=replace(ANNA.party, time_zone="Mars/Olympus"))
    assert "hour" not in features(nowhere)
    assert "hour" not in features(replace(ANNA, trigger=None))


def test_nothing_is_used_of_who_objects_to_profiling():
    no = ConsentFact("consent:1", "PROFILING", "WITHDRAWN", ago(5))
    yes = ConsentFact("consent:2", "PROFILING", "GRANTED", ago(1))
    marketing = ConsentFact("consent:3", "MARKETING", "DENIED", ago(1))
    assert features(replace(ANNA, consents=(no,))) == {}
    assert features(replace(ANNA, consents=(no, yes)))
    assert features(replace(ANNA, consents=(yes, replace(no, at=ago(0))))) == {}
    assert features(replace(ANNA, consents=(replace(no, at=yes.at), yes))) == {}
    assert features(replace(ANNA, consents=(marketing,)))


def test_what_comes_later_is_not_seen():
    later = Holding("agreement:3", "CREDIT_CARD", "CARD", "OWNER", DAY + dt.timedelta(days=1))
    said = Answer("response:9", "ACCEPTED", NOW + dt.timedelta(days=1))
    met = Contact("contact:9", NOW + dt.timedelta(hours=1), "PHONE", "OUTBOUND")
    added = replace(
        ANNA,
        holdings=(*ANNA.holdings, later),
        answers=(*ANNA.answers, said),
        contacts=(*ANNA.contacts, met),
    )
    assert features(added, ("CARD",)) == features(ANNA, ("CARD",))


def test_an_offer_that_is_judged_again_is_learned_from_with_the_same_features():
    bank = BankState({"GOLD": Sold("GOLD", "GOLD", "Gold", active=True)}, ContactPolicy.load(None))
    asked, book = Asked("EVENT"), RuleBook([])
    (first,) = decide(book, [], [ANNA], bank, asked=asked, keys={ANNA.id: "key"})
    proposal = Proposal(party=ANNA.id, rule="r", offer="GOLD", channels=["PHONE"], reasons="Because.")
    again = decide_proposals(book, [proposal], ANNA, bank, asked=asked, key="key")
    assert first.features == again.features
    assert any("GOLD" in name for name in again.features), "a family that is sold and not held is a feature too"
