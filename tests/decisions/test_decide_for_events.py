"""Events decided in lots: the same decisions as one by one, for fewer statements, whoever a plugin fails for."""

from __future__ import annotations

import asyncio
import datetime as dt
from collections.abc import Sequence
from typing import Any

import pytest

from graph_crm.contacts import ledger
from graph_crm.contacts.policy import ContactPolicy
from graph_crm.decisions.bank import Terms
from graph_crm.decisions.service import DecisionService
from graph_crm.errors import InvalidInput
from graph_crm.graph.database import Database
from graph_crm.graph.outbox import OutboxEntry
from graph_crm.resources import folder
from graph_crm.rules import Proposal, hookimpl
from graph_crm.rules.loader import Found
from graph_crm.rules.manager import RuleBook

pytestmark = pytest.mark.lts

NOW = dt.datetime(2026, 11, 23, 12, 0, tzinfo=dt.UTC)
CUSTOMERS = 6


@pytest.fixture
async def bank(empty_database: Database) -> Database:
    """Six customers with an account; c5 is blocked. Each looked at the balance (bN) and logged in (lN); c0 twice."""
    await empty_database.execute(
        """
        CREATE (:Product {code: 'SMALL_LOAN', name: 'Small loan', familyCode: 'LOAN', active: true})
        CREATE (:Product {code: 'CREDIT_CARD', name: 'Credit card', familyCode: 'CARD', active: true})
        WITH 1 AS one UNWIND range(0, $last) AS n
        CREATE (p:Party:Person {id: 'c' + n, displayName: 'C' + n, status: 'ACTIVE', birthDate: date('1980-05-17'),
          country: 'CZ', timeZone: 'Europe/Prague', blocked: n = 5})
        CREATE (p)-[:REACHABLE_AT {since: date('2020-01-01'), preferred: true}]->(:ContactPoint {kind: 'PHONE',
          id: 'PHONE:' + n, valueKey: 'PHONE:' + n, value: '' + n, blocked: false})
        CREATE (p)-[:GAVE]->(:Consent {id: 'consent:' + n, partyId: p.id, purpose: 'MARKETING', status: 'GRANTED',
          at: datetime('2026-01-01T00:00:00Z'), recordedAt: datetime('2026-01-01T00:00:00Z')})
        CREATE (p)-[:HOLDS {role: 'OWNER', since: date('2020-01-01')}]->(:Agreement {id: 'acc' + n, status: 'ACTIVE',
          productCode: 'CURRENT_ACCOUNT', familyCode: 'CURRENT_ACCOUNT', openedOn: date('2020-01-01'),
          statusDates: [date('2020-01-01')], statusValues: ['ACTIVE']})
        CREATE (p)-[:DID]->(:Event {id: 'b' + n, type: 'atm_balance_check', at: datetime('2026-11-23T11:59:00Z')})
        CREATE (p)-[:DID]->(:Event {id: 'l' + n, type: 'login', at: datetime('2026-11-23T11:59:00Z')})
        WITH p WHERE p.id = 'c0'
        CREATE (p)-[:DID]->(:Event {id: 'again', type: 'atm_balance_check', at: datetime('2026-11-23T11:59:30Z')})
        """,
        {"last": CUSTOMERS - 1},
    )
    return empty_database


def service(database: Database, *plugins: object) -> DecisionService:
    book = (
        RuleBook([Found(f"plugin{number}", "a test", one) for number, one in enumerate(plugins)])
        if plugins
        else RuleBook.load([folder("plugins")], installed=False)
    )
    return DecisionService(database, book, Terms(ContactPolicy.load(), exploration=0.0), clock=lambda: NOW)


def entries(*events: str) -> list[OutboxEntry]:
    kinds = {"l": "login"}
    return [
        OutboxEntry(
            one, "event.recorded", "p", {"eventId": one, "type": kinds.get(one[0], "atm_balance_check")}, 1, "w"
        )
        for one in events
    ]


async def decide(decisions: DecisionService, database: Database, told: Sequence[OutboxEntry]) -> list[str]:
    return await database.write(lambda tx: decisions.decide_for_events(tx, told))


async def stored(database: Database) -> dict[str, tuple[str, tuple[str, ...]]]:
    """By event: what came of it, and the rules of the offers."""
    rows = await database.read(
        """
        MATCH (d:Decision)-[:CAUSED_BY]->(e:Event)
        RETURN e.id AS event, d.outcome AS outcome, COLLECT {
          MATCH (d)-[:PROPOSED]->(o:Offer) RETURN o.ruleId ORDER BY o.rank } AS offers
        """
    )
    return {row["event"]: (row["outcome"], tuple(row["offers"])) for row in rows}


async def test_a_lot_leads_to_the_same_decisions_as_its_events_one_by_one(bank: Database):
    events = [f"b{n}" for n in range(CUSTOMERS)]
    assert len(await decide(service(bank), bank, entries(*events))) == CUSTOMERS
    together = await stored(bank)
    await bank.execute("MATCH (n:Decision|Offer|Reservation) DETACH DELETE n")
    for event in events:
        await decide(service(bank), bank, entries(event))
    assert await stored(bank) == together
    assert together["b0"] == ("PROPOSED", ("atm_balance_loan",))
    assert together["b5"] == ("NOTHING", ())


async def test_a_lot_is_locked_and_read_at_once(bank: Database):
    decisions = service(bank)
    await decisions.bank.lately(NOW)
    with bank.counting() as one:
        await decide(decisions, bank, entries("b0"))
    with bank.counting() as three:
        await decide(decisions, bank, entries("b1", "b2", "b3"))
    # What is read and locked is one statement however many they are: what is stored for each is not.
    assert len(three) < 2 * len(one)
    for beginning in ("UNWIND $ids", "UNWIND $parties", "WITH datetime({epochMillis: $until})"):
        assert len([text for text in three.statements if text.strip().startswith(beginning)]) == 1


async def test_events_that_no_rule_cares_about_cost_no_statement(bank: Database):
    with bank.counting() as sent:
        assert await decide(service(bank), bank, entries("l0", "l1", "l2")) == []
    assert len(sent) == 0


async def test_several_events_of_one_customer_are_decided_one_after_the_other(bank: Database):
    await decide(service(bank), bank, entries("b0", "b1", "again"))
    found = await stored(bank)
    assert found["b0"][0] == found["b1"][0] == "PROPOSED"
    assert found["again"][0] == "NOTHING", "the first of them has made the offer"


async def test_an_event_twice_in_a_lot_or_in_two_lots_is_decided_once(bank: Database):
    assert len(await decide(service(bank), bank, entries("b0", "b0", "b1"))) == 2
    assert await decide(service(bank), bank, entries("b1", "b0")) == []
    assert len(await stored(bank)) == 2


async def test_an_entry_without_an_event_is_refused_and_one_whose_event_is_gone_is_no_error(bank: Database):
    bad = OutboxEntry("bad", "event.recorded", "p", {"type": "atm_balance_check"}, 1, "w")
    with pytest.raises(InvalidInput):
        await decide(service(bank), bank, [*entries("b0"), bad])
    assert await stored(bank) == {}
    assert len(await decide(service(bank), bank, entries("never was", "b0"))) == 1


class FailsFor:
    """A plugin that fails when it is asked about a customer, and proposes a card to everybody else."""

    def __init__(self, customer: str) -> None:
        self.customer = customer

    @hookimpl
    def propose(self, snapshots: Sequence[Any]) -> list[Proposal]:
        if any(one.id == self.customer for one in snapshots):
            raise RuntimeError("what is this")
        return [
            Proposal(party=one.id, rule="card", offer="CREDIT_CARD", channels=["ATM"], reasons="Take a card.")
            for one in snapshots
        ]


async def test_a_plugin_that_fails_for_one_customer_takes_nothing_from_the_others_of_the_lot(bank: Database):
    await decide(service(bank, FailsFor("c1")), bank, entries("b0", "b1", "b2"))
    found = await stored(bank)
    assert found["b0"] == found["b2"] == ("PROPOSED", ("card",))
    assert "b1" not in found


async def test_lots_that_overlap_in_any_order_wait_for_each_other_and_never_in_a_circle(bank: Database):
    async def turn(order: Sequence[str]) -> list[str]:
        return await decide(service(bank), bank, entries(*order))

    events = [f"b{n}" for n in range(CUSTOMERS)]
    before = bank.retries
    made = await asyncio.gather(*(turn(order) for order in (events, events[::-1], events[2:], events[3::-1])))
    assert sum(map(len, made)) == CUSTOMERS
    assert bank.retries == before, "no deadlock, so nothing had to be repeated"


async def test_ledgers_that_the_caller_holds_are_not_locked_again(bank: Database, monkeypatch: pytest.MonkeyPatch):
    lock = ledger.lock_parties

    async def work(tx: Any) -> list[str]:
        locked = await lock(tx, ["c0", "c1"])
        monkeypatch.setattr(ledger, "lock_parties", None)
        return await service(bank).decide_for_events(tx, entries("b0", "b1"), locked=locked)

    assert len(await bank.write(work)) == 2
