"""An event becomes at most one decision, with its offers, its cause and its whole trace."""

from __future__ import annotations

import asyncio
import datetime as dt
import json
from dataclasses import dataclass
from typing import Any

import pytest

from graph_crm.contacts import ledger
from graph_crm.contacts.policy import ContactPolicy
from graph_crm.decisions.bank import Terms
from graph_crm.decisions.service import DecisionService
from graph_crm.errors import DatabaseBusy, InvalidInput
from graph_crm.graph.database import Database
from graph_crm.resources import folder
from graph_crm.rules import Proposal, Rule, Veto, holds, hookimpl
from graph_crm.rules.loader import Found
from graph_crm.rules.manager import RuleBook

NOW = dt.datetime(2026, 11, 23, 12, 0, tzinfo=dt.UTC)


@dataclass
class Entry:
    payload: dict[str, Any]


@pytest.fixture
async def bank(empty_database: Database) -> Database:
    await empty_database.execute(
        """
        CREATE (:Product {code: 'SMALL_LOAN', name: 'Small loan', familyCode: 'LOAN', active: true})
        CREATE (:Product {code: 'CREDIT_CARD', name: 'Credit card', familyCode: 'CARD', active: true})
        CREATE (p:Party:Person {id: 'anna', displayName: 'Anna', status: 'ACTIVE', birthDate: date('1980-05-17'),
          country: 'CZ', timeZone: 'Europe/Prague'})
        CREATE (p)-[:REACHABLE_AT {since: date('2020-01-01'), preferred: true}]->(:ContactPoint {kind: 'PHONE',
          id: 'PHONE:+420602123456', valueKey: 'PHONE:+420602123456', value: '+420602123456', blocked: false})
        CREATE (p)-[:GAVE]->(:Consent {id: 'consent:1', partyId: 'anna', purpose: 'MARKETING', status: 'GRANTED',
          at: datetime('2026-01-01T00:00:00Z'), recordedAt: datetime('2026-01-01T00:00:00Z')})
        CREATE (p)-[:HOLDS {role: 'OWNER', since: date('2020-01-01')}]->(:Agreement {id: 'acc', status: 'ACTIVE',
          productCode: 'CURRENT_ACCOUNT', familyCode: 'CURRENT_ACCOUNT', openedOn: date('2020-01-01'),
          statusDates: [date('2020-01-01')], statusValues: ['ACTIVE']})
        CREATE (p)-[:DID]->(:Event {id: 'e1', type: 'atm_balance_check', at: datetime('2026-11-23T11:59:00Z'),
          channel: 'ATM', payload: '{"balance": 12000}'})
        CREATE (p)-[:DID]->(:Event {id: 'e2', type: 'login', at: datetime('2026-11-23T11:59:00Z')})
        """
    )
    return empty_database


def service(database: Database, *plugins: type) -> DecisionService:
    if plugins:
        book = RuleBook([Found(f"plugin{number}", "a test", one()) for number, one in enumerate(plugins)])
    else:
        book = RuleBook.load([folder("plugins")], installed=False)
    return DecisionService(database, book, Terms(ContactPolicy.load(), exploration=0.0), clock=lambda: NOW)


async def decide(decisions: DecisionService, database: Database, event: str) -> str | None:
    return await database.write(lambda tx: decisions.decide_for_event(tx, Entry({"eventId": event})))


async def stored(database: Database) -> list[dict[str, Any]]:
    rows = await database.read(
        """
        MATCH (d:Decision)-[:FOR]->(p:Party)
        RETURN d {.key, .trigger, .outcome, .trace, .ruleVersions, .partyId, asOf: toString(d.asOf), party: p.id,
          cause: head([(d)-[:CAUSED_BY]->(e:Event) | e.id]),
          offers: COLLECT { MATCH (d)-[r:PROPOSED]->(o:Offer)-[:ABOUT]->(x:Product)
            RETURN o {.ruleId, .productCode, .familyCode, .channels, .status, .reasons, .reasonCodes, rank: r.rank,
              about: x.code} ORDER BY r.rank}} AS decision
        """
    )
    return [row["decision"] for row in rows]


async def test_a_balance_check_leads_to_the_offer_of_a_small_loan(bank: Database):
    await decide(service(bank), bank, "e1")
    (decision,) = await stored(bank)
    assert decision["key"] == "event:e1"
    assert decision["trigger"] == "event:atm_balance_check"
    assert decision["cause"] == "e1"
    assert (decision["party"], decision["partyId"], decision["asOf"]) == ("anna", "anna", "2026-11-23")
    assert decision["outcome"] == "PROPOSED"
    (offer,) = decision["offers"]
    assert offer["ruleId"] == "atm_balance_loan"
    assert (offer["productCode"], offer["about"], offer["familyCode"]) == ("SMALL_LOAN", "SMALL_LOAN", "LOAN")
    assert offer["channels"] == ["ATM", "PHONE"]
    assert (offer["status"], offer["rank"]) == ("RESERVED", 1)
    assert "ATM" in offer["reasons"][0]
    assert offer["reasonCodes"] == ["IS_PERSON", "HOLDS", "HOLDS_NOT", "NOT_IN_DEFAULT"]


async def test_the_trace_shows_every_gate(bank: Database):
    await decide(service(bank), bank, "e1")
    (considered,) = json.loads((await stored(bank))[0]["trace"])
    gates = {gate["name"]: gate for gate in considered["gates"]}
    assert list(gates) == [
        "rule",
        "eligibility",
        "applicability",
        "suitability",
        "control_group",
        "consent",
        "suppression",
        "cool_off",
        "contact_limits",
        "contact_times",
        "arbitration",
        "treatment",
        "reservation",
    ]
    assert all(gate["verdict"] == "PASS" for gate in gates.values())
    assert gates["rule"]["evidence"] == ["acc"]
    assert gates["consent"]["evidence"] == ["consent:1"]
    assert considered["rule"] == "atm_balance_loan"
    assert considered["productCode"] == "SMALL_LOAN"


async def test_one_event_is_decided_once_however_often_it_is_delivered(bank: Database):
    decisions = service(bank)
    answers = await asyncio.gather(*(decide(decisions, bank, "e1") for _ in range(8)))
    assert len([one for one in answers if one]) == 1
    assert len(await stored(bank)) == 1
    assert len((await stored(bank))[0]["offers"]) == 1


async def test_an_event_that_no_rule_waits_for_leaves_nothing(bank: Database):
    assert await decide(service(bank), bank, "e2") is None
    assert await stored(bank) == []


async def test_a_rule_that_cared_but_did_not_fit_leaves_a_trace_without_offers(bank: Database):
    await bank.execute("MATCH (a:Agreement {id: 'acc'}) SET a.statusValues = ['IN_ARREARS']")
    await decide(service(bank), bank, "e1")
    (decision,) = await stored(bank)
    assert decision["outcome"] == "NOTHING"
    assert decision["offers"] == []
    (considered,) = json.loads(decision["trace"])
    assert considered["gates"][0]["reasonCode"] == "IN_DEFAULT"


async def test_an_event_is_decided_with_the_knowledge_of_now_not_of_then(bank: Database):
    """The event is old when the worker comes to it; the loan that was taken since speaks against the offer."""
    await bank.execute(
        """
        MATCH (p:Party {id: 'anna'}) MATCH (e:Event {id: 'e1'}) SET e.at = datetime('2026-11-22T14:00:00Z')
        CREATE (p)-[:HOLDS {role: 'OWNER', since: date('2026-11-23')}]->(:Agreement {id: 'loan', status: 'ACTIVE',
          productCode: 'SMALL_LOAN', familyCode: 'LOAN', openedOn: date('2026-11-23')})
        """
    )
    await decide(service(bank), bank, "e1")
    assert (await stored(bank))[0]["outcome"] == "NOTHING"


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ("SET p.deceasedOn = date('2026-01-01')", "DECEASED"),
        ("SET p.status = 'ENDED', p.endedOn = date('2026-01-01')", "PARTY_ENDED"),
        ("SET p.blocked = true", "PARTY_BLOCKED"),
        ("SET p.birthDate = date('2010-01-01')", "MINOR"),
    ],
)
async def test_the_platform_stops_what_no_rule_may_offer(bank: Database, change: str, code: str):
    await bank.execute(f"MATCH (p:Party {{id: 'anna'}}) {change}")
    await decide(service(bank), bank, "e1")
    (decision,) = await stored(bank)
    assert decision["outcome"] == "NOTHING"
    last = json.loads(decision["trace"])[0]["gates"][-1]
    assert (last["name"], last["reasonCode"]) == ("eligibility", code)


async def test_a_product_that_is_no_longer_sold_is_not_offered(bank: Database):
    await bank.execute("MATCH (x:Product {code: 'SMALL_LOAN'}) SET x.active = false")
    await decide(service(bank), bank, "e1")
    (decision,) = await stored(bank)
    assert json.loads(decision["trace"])[0]["gates"][-1]["reasonCode"] == "PRODUCT_NOT_SOLD"


class Balances:
    """Imperative: reads the event's own details, which no condition can."""

    @hookimpl
    def propose(self, snapshots):
        return [
            Proposal(
                party=one.id, rule="low_balance", offer="CREDIT_CARD", channels=["ATM"], reasons="Your balance is low."
            )
            for one in snapshots
            if one.trigger and one.trigger.payload.get("balance", 10**9) < 50_000
        ]


class NoCards:
    @hookimpl
    def veto(self, snapshots):
        return [Veto(party=one.id, code="NO_CARDS", reason="asked us not to", offer="CREDIT_CARD") for one in snapshots]


class Broken:
    @hookimpl
    def propose(self, snapshots):
        raise ZeroDivisionError("a bad day")


async def test_an_imperative_plugin_proposes_from_the_payload_of_the_event(bank: Database):
    await decide(service(bank, Balances), bank, "e1")
    (decision,) = await stored(bank)
    assert [offer["ruleId"] for offer in decision["offers"]] == ["low_balance"]


async def test_a_veto_of_another_plugin_stops_it_and_is_named(bank: Database):
    await decide(service(bank, Balances, NoCards), bank, "e1")
    (decision,) = await stored(bank)
    assert decision["outcome"] == "NOTHING"
    last = json.loads(decision["trace"])[0]["gates"][-1]
    assert (last["name"], last["reasonCode"], last["reason"]) == ("suitability", "NO_CARDS", "plugin1: asked us not to")


async def test_a_plugin_that_raises_does_not_stop_the_others(bank: Database):
    decisions = service(bank, Broken, Balances)
    await decide(decisions, bank, "e1")
    assert [offer["ruleId"] for offer in (await stored(bank))[0]["offers"]] == ["low_balance"]
    assert decisions.book.plugins[0].failures == 1


def rule(rule_id: str, offer: str, priority: int, mode: str = "on") -> Rule:
    return Rule(
        id=rule_id,
        title="a test",
        when=holds("CURRENT_ACCOUNT"),
        offer=offer,
        channels=["ATM"],
        reasons="because",
        on_event="atm_balance_check",
        priority=priority,
        mode=mode,
    )


class Several:
    @hookimpl
    def rules(self):
        return [
            rule("second", "SMALL_LOAN", 10),
            rule("first", "CREDIT_CARD", 90),
            rule("same_product", "CREDIT_CARD", 80),
            rule("watching", "SMALL_LOAN", 100, mode="shadow"),
            rule("asleep", "SMALL_LOAN", 100, mode="off"),
        ]


class Doubled:
    @hookimpl
    def score(self, proposals):
        return [20.0 if one.rule == "second" else 1.0 for one in proposals]


async def test_offers_are_ranked_by_priority_each_product_once_shadow_rules_only_traced(bank: Database):
    await decide(service(bank, Several), bank, "e1")
    (decision,) = await stored(bank)
    assert [offer["ruleId"] for offer in decision["offers"]] == ["first", "second"]
    found = {
        one["rule"]: next(gate["reasonCode"] for gate in one["gates"] if gate["name"] == "arbitration")
        for one in json.loads(decision["trace"])
    }
    assert found == {"first": "RANKED", "second": "RANKED", "same_product": "SAME_PRODUCT", "watching": "SHADOW"}


async def test_a_plugin_may_weigh_the_proposals(bank: Database):
    await decide(service(bank, Several, Doubled), bank, "e1")
    (decision,) = await stored(bank)
    assert [offer["ruleId"] for offer in decision["offers"]] == ["second", "first"]
    weighed = next(one for one in json.loads(decision["trace"]) if one["rule"] == "second")
    assert "plugin plugin1 says x20" in weighed["factors"]["context"]["reason"]


async def test_a_batch_of_customers_is_read_in_one_statement(bank: Database):
    decisions = service(bank)
    await decisions.bank.lately(NOW)  # what the learner has learned is read every few seconds, not each time
    with bank.counting() as sent:
        await decide(decisions, bank, "e1")
    # The event, the ledgers, the bank, the customer, the decision, the reserved contact, and who is told of it.
    assert len(sent) == 7


async def test_an_entry_that_names_no_event_is_refused(bank: Database):
    with pytest.raises(InvalidInput):
        await bank.write(lambda tx: service(bank).decide_for_event(tx, Entry({})))


async def test_an_event_that_is_gone_is_no_error(bank: Database):
    assert await decide(service(bank), bank, "never was") is None


async def test_a_household_that_comes_in_after_the_locks_gives_the_event_back(
    bank: Database, monkeypatch: pytest.MonkeyPatch
):
    lock = ledger.lock_parties

    async def and_then_she_marries(tx: Any, parties: Any) -> Any:
        locked = await lock(tx, parties)
        await tx.run(
            "MATCH (p:Party {id: 'anna'}) CREATE (p)-[:MEMBER_OF {since: date('2020-01-01')}]->(:Household {id: 'new'})"
        )
        return locked

    monkeypatch.setattr(ledger, "lock_parties", and_then_she_marries)
    with pytest.raises(DatabaseBusy):
        await decide(service(bank), bank, "e1")
    assert await stored(bank) == []
