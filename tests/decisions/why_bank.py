"""A small bank for the tests of why: Anna, who may be called, and what is needed to decide about her."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from graph_crm.api.execution import Executor, Request
from graph_crm.api.schema import platform_schema
from graph_crm.contacts.desk import ContactDesk
from graph_crm.contacts.policy import ContactPolicy
from graph_crm.decisions.bank import Terms
from graph_crm.decisions.reasons.replay import Replay, Replaying
from graph_crm.decisions.service import DecisionService
from graph_crm.graph.database import Database
from graph_crm.rules import Rule, days, did, holds, hookimpl
from graph_crm.rules.loader import Found
from graph_crm.rules.manager import RuleBook
from graph_crm.security.roles import Caller, Role

NOW = dt.datetime(2026, 11, 23, 12, 0, tzinfo=dt.UTC)
CUSTOMERS = """
CREATE (:Product {code: 'CREDIT_CARD', name: 'Credit card', familyCode: 'CARD', active: true})
CREATE (:Product {code: 'SAVINGS', name: 'Savings account', familyCode: 'SAVINGS', active: true})
CREATE (p:Party:Person {id: 'anna', displayName: 'Anna Nowak', status: 'ACTIVE', birthDate: date('1980-05-17'),
  country: 'PL', timeZone: 'Europe/Warsaw', version: 1})
CREATE (:Party:Person {id: 'jan', displayName: 'Jan Nowak', status: 'ACTIVE', country: 'PL', version: 1})
CREATE (p)-[:REACHABLE_AT {since: date('2020-01-01'), preferred: true}]->(:ContactPoint {kind: 'PHONE',
  id: 'PHONE:+48602123456', valueKey: 'PHONE:+48602123456', value: '+48602123456', blocked: false})
CREATE (p)-[:GAVE]->(:Consent {id: 'consent:1', partyId: 'anna', purpose: 'MARKETING', status: 'GRANTED',
  at: datetime('2026-01-01T00:00:00Z'), recordedAt: datetime('2026-01-01T00:00:00Z'), source: 'branch',
  textVersion: '3'})
CREATE (p)-[:HOLDS {role: 'OWNER', since: date('2020-01-01')}]->(:Agreement {id: 'acc', status: 'ACTIVE',
  productCode: 'CURRENT_ACCOUNT', familyCode: 'CURRENT_ACCOUNT', openedOn: date('2020-01-01'),
  statusDates: [date('2020-01-01')], statusValues: ['ACTIVE']})
CREATE (p)-[:DID]->(:Event {id: 'e1', type: 'card_lost', at: datetime('2026-11-23T11:59:00Z'), channel: 'BRANCH'})
"""


@dataclass
class Entry:
    payload: dict[str, Any]


def plugin(*rules: Rule) -> object:
    """A plugin with these rules."""

    class Plugin:
        @hookimpl
        def rules(self) -> list[Rule]:
            return list(rules)

    return Plugin()


def card(**changed: Any) -> Rule:
    """The rule of these tests: a credit card by phone for who lost a card."""
    told: dict[str, Any] = {
        "id": "card_after_loss",
        "title": "A card for who lost one",
        "when": holds("CURRENT_ACCOUNT", for_at_least=days(90)) & did("card_lost", within=days(7)),
        "on_event": "card_lost",
        "offer": "CREDIT_CARD",
        "channels": ["PHONE"],
        "reasons": "You lost your card: we have a better one.",
    }
    return Rule(**{**told, **changed})


@dataclass
class Bank:
    """The bank, decided with these rules at `NOW`."""

    database: Database
    rules: tuple[Rule, ...]

    @property
    def book(self) -> RuleBook:
        return RuleBook([Found("cards", "a test", plugin(*self.rules))])

    @property
    def terms(self) -> Terms:
        return Terms(ContactPolicy.load(), exploration=0.0)

    async def decide(self, event: str = "e1") -> str:
        """The decision about an event."""
        service = DecisionService(self.database, self.book, self.terms, clock=lambda: NOW)
        found = await self.database.write(lambda tx: service.decide_for_event(tx, Entry({"eventId": event})))
        assert found
        return found

    async def call(self, *, at: dt.datetime = NOW + dt.timedelta(hours=1)) -> str:
        """Make the contact that is reserved; its id."""
        (row,) = await self.database.read("MATCH (r:Reservation {state: 'HELD'}) RETURN r.id AS id")
        return await ContactDesk(self.database, clock=lambda: at).confirm(row["id"])

    async def replay(self, decision: str) -> Replay:
        return await Replaying(self.database, self.book, self.terms).replay(decision)

    async def change(self, statement: str, **parameters: Any) -> None:
        await self.database.execute(statement, parameters)

    async def asked(self, query: str, role: Role = Role.SERVICE, **variables: Any) -> Mapping[str, Any]:
        """The whole response."""
        executor = Executor(platform_schema(), self.database)
        return await executor.execute(Request(query, Caller("desk-1", role, party_id="anna"), variables))


async def bank_with(database: Database, *rules: Rule) -> Bank:
    """The bank in an empty database."""
    await database.execute(CUSTOMERS)
    return Bank(database, rules or (card(),))
