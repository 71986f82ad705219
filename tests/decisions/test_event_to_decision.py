"""From the mutation of a front-end to the decision that it reads: event, outbox, worker, rules, GraphQL."""

from __future__ import annotations

from typing import Any

import pytest

from graph_crm.api.execution import Executor, Request
from graph_crm.api.schema import platform_schema
from graph_crm.contacts.policy import ContactPolicy
from graph_crm.decisions.bank import Terms
from graph_crm.decisions.service import DecisionService
from graph_crm.events.service import RECORDED
from graph_crm.events.worker import Worker
from graph_crm.graph.database import Database, Transaction
from graph_crm.graph.outbox import OutboxEntry
from graph_crm.products.catalogue import load_catalogue
from graph_crm.resources import folder
from graph_crm.rules.manager import RuleBook
from graph_crm.security.roles import Caller, Role

RECORD = """
mutation ($input: RecordEventInput!) { recordEvent(input: $input) { id type } }
"""
WHY = """
{ party(id: "anna") { decisions { nodes {
    trigger outcome
    causedBy { id type }
    trace { rule productCode gates { name passed reasonCode reason numbers evidence } }
    offers { edges { rank } nodes { ruleId status channels reasons product { code name } } }
} } } }
"""


@pytest.fixture
async def bank(empty_database: Database) -> Database:
    await load_catalogue(empty_database)
    await empty_database.execute(
        """
        CREATE (p:Party:Person {id: 'anna', displayName: 'Anna', status: 'ACTIVE', version: 1,
          country: 'CZ', timeZone: 'Europe/Prague'})
        CREATE (p)-[:GAVE]->(:Consent {id: 'consent:1', partyId: 'anna', purpose: 'MARKETING', status: 'GRANTED',
          at: datetime('2026-01-01T00:00:00Z'), recordedAt: datetime('2026-01-01T00:00:00Z')})
        CREATE (p)-[:HOLDS {role: 'OWNER', since: date('2020-01-01')}]->(:Agreement {id: 'account', status: 'ACTIVE',
          productCode: 'CURRENT_ACCOUNT', familyCode: 'CURRENT_ACCOUNT', openedOn: date('2020-01-01')})
        """
    )
    return empty_database


async def asked(database: Database, query: str, **variables: Any) -> Any:
    executor = Executor(platform_schema(), database)
    answer = await executor.execute(Request(query, Caller("desk-1", Role.SERVICE), variables))
    assert "errors" not in answer, answer
    (value,) = answer["data"].values()
    return value


async def test_a_balance_check_is_answered_by_an_offer_with_its_reasons(bank: Database):
    decisions = DecisionService(bank, RuleBook.load([folder("plugins")], installed=False), Terms(ContactPolicy.load()))

    async def decide(tx: Transaction, entry: OutboxEntry) -> None:
        await decisions.decide_for_event(tx, entry)

    for _ in range(2):  # a sender that repeats itself
        await asked(bank, RECORD, input={"id": "e1", "type": "atm_balance_check", "partyId": "anna", "channel": "ATM"})
    assert await Worker(bank, {RECORDED: decide}).drain() == 1

    (decision,) = (await asked(bank, WHY))["decisions"]["nodes"]
    assert decision["trigger"] == "event:atm_balance_check"
    assert decision["outcome"] == "PROPOSED"
    assert decision["causedBy"] == {"id": "e1", "type": "atm_balance_check"}
    (offer,) = decision["offers"]["nodes"]
    assert decision["offers"]["edges"] == [{"rank": 1}]
    assert offer["product"] == {"code": "SMALL_LOAN", "name": "Small loan"}
    assert (offer["ruleId"], offer["status"], offer["channels"]) == ("atm_balance_loan", "PROPOSED", ["ATM", "PHONE"])
    (considered,) = decision["trace"]
    gates = {gate["name"]: gate for gate in considered["gates"]}
    assert gates["rule"]["passed"] is True
    assert gates["rule"]["evidence"] == ["account"]
    assert gates["consent"]["evidence"] == ["consent:1"]
    assert gates["consent"]["reasonCode"] == "CONSENT_GRANTED"
