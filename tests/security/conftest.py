"""A bank of a few customers: one served now, one of a portfolio, one protected, and one whom nobody deals with."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from graph_crm.api.execution import Executor, Request
from graph_crm.api.schema import platform_schema
from graph_crm.graph.database import Database
from graph_crm.security.roles import Caller, Role
from graph_crm.security.sight import Sights

CALLERS = {
    Role.CUSTOMER: Caller("anna", Role.CUSTOMER, "anna"),
    Role.AGENT: Caller("eva", Role.AGENT),
    Role.RELATIONSHIP_MANAGER: Caller("rita", Role.RELATIONSHIP_MANAGER),
}
BANK = """
CREATE (anna:Party:Person {id: 'anna', displayName: 'Anna Nowak', nameKey: 'anna nowak', searchText: 'anna nowak',
          status: 'ACTIVE', version: 3, city: 'Brno', street: 'Long 1', birthDate: date('1980-01-01'), segment: 'GOLD',
          identifiers: ['ID-123456'], createdAt: datetime('2020-01-01T00:00:00Z')}),
  (ben:Party:Person {id: 'ben', displayName: 'Ben Kral', nameKey: 'ben kral',
          searchText: 'ben kral 420602123442 602123442',
          status: 'ACTIVE', version: 5, city: 'Praha', street: 'Short 2', birthDate: date('1990-02-02'),
          segment: 'SILVER', vulnerable: true, identifiers: ['ID-654321'],
          createdAt: datetime('2021-01-01T00:00:00Z')}),
  (rose:Party:Person {id: 'rose', displayName: 'Rose Maly', nameKey: 'rose maly', searchText: 'rose maly',
          status: 'ACTIVE', version: 1, birthDate: date('1970-03-03')}),
  (vip:Party:Person {id: 'vip', displayName: 'Vera Important', nameKey: 'vera important',
          searchText: 'vera important', status: 'ACTIVE', version: 7, city: 'Ostrava', birthDate: date('1960-06-06'),
          segment: 'PRIVATE', protected: true, alias: 'party-a1b2c3'}),
  (acme:Party:Organization {id: 'acme', displayName: 'Acme', nameKey: 'acme', searchText: 'acme', status: 'ACTIVE',
          version: 1}),
  (anna)-[:SPOUSE_OF {id: 't1', note: 'met at school'}]->(ben),
  (vip)-[:PARENT_OF {id: 'tie of vip and anna', note: 'Vera adopted her'}]->(anna),
  (vip)-[:OWNS {id: 't3', share: 0.5}]->(acme),
  (home:Household {id: 'h', name: 'Nowak', nameKey: 'nowak', version: 1}),
  (anna)-[:MEMBER_OF {id: 'm1', role: 'HEAD'}]->(home), (ben)-[:MEMBER_OF {id: 'm2', role: 'PARTNER'}]->(home),
  (mail:ContactPoint {id: 'EMAIL:anna@example.org', valueKey: 'EMAIL:anna@example.org', kind: 'EMAIL',
          value: 'anna@example.org'}),
  (phone:ContactPoint {id: 'PHONE:+420602123442', valueKey: 'PHONE:+420602123442', kind: 'PHONE',
          value: '+420602123442', blocked: true}),
  (secret:ContactPoint {id: 'PHONE:+420777000111', valueKey: 'PHONE:+420777000111', kind: 'PHONE',
          value: '+420777000111'}),
  (anna)-[:REACHABLE_AT {id: 'r1', preferred: true}]->(mail), (ben)-[:REACHABLE_AT {id: 'r2'}]->(phone),
  (vip)-[:REACHABLE_AT {id: 'r3'}]->(secret),
  (joint:Agreement {id: 'joint', productCode: 'LOAN', familyCode: 'LOAN', balance: 1000, version: 1}),
  (alone:Agreement {id: 'alone', productCode: 'CARD', familyCode: 'CARD', balance: 77, version: 1}),
  (hidden:Agreement {id: 'hidden', productCode: 'CARD', familyCode: 'CARD', balance: 99, version: 1}),
  (anna)-[:HOLDS {id: 'o1', role: 'OWNER'}]->(joint), (ben)-[:HOLDS {id: 'o2', role: 'OWNER'}]->(joint),
  (ben)-[:HOLDS {id: 'o3', role: 'OWNER'}]->(alone), (vip)-[:HOLDS {id: 'o4', role: 'OWNER'}]->(hidden),
  (vip)-[:HOLDS {id: 'o5', role: 'AUTHORISED'}]->(joint),
  (joint)-[:TRANSFERRED_TO {id: 'x1', amount: 5}]->(alone), (joint)-[:TRANSFERRED_TO {id: 'x2', amount: 6}]->(hidden),
  (:Movement {id: 'm1', direction: 'CREDIT', amount: 10})-[:ON]->(joint),
  (:Movement {id: 'm2', direction: 'CREDIT', amount: 20})-[:ON]->(alone),
  (:Movement {id: 'm3', direction: 'CREDIT', amount: 30})-[:ON]->(hidden),
  (ea:Event {id: 'ea', type: 'login', at: datetime('2022-01-01T00:00:00Z')}),
  (eb:Event {id: 'eb', type: 'login', at: datetime('2022-01-02T00:00:00Z')}),
  (ev:Event {id: 'ev', type: 'login', at: datetime('2022-01-03T00:00:00Z')}),
  (anna)-[:DID]->(ea), (ben)-[:DID]->(eb), (vip)-[:DID]->(ev),
  (eva:Employee {id: 'eva', displayName: 'Eva', capacity: 9, active: true}),
  (rita:Employee {id: 'rita', displayName: 'Rita', capacity: 9, active: true}),
  (rita)-[:LOOKS_AFTER {since: date('2020-01-01')}]->(rose),
  (ra:ServiceRequest {id: 'ra', number: 'R-0000-0A0A', kind: 'REQUEST', status: 'ASSIGNED', version: 1,
          openedAt: datetime('2022-01-01T00:00:00Z'), openOwnerId: 'eva', ownerId: 'eva'}),
  (rb:ServiceRequest {id: 'rb', number: 'R-0000-0B0B', kind: 'REQUEST', status: 'ASSIGNED', version: 1,
          openedAt: datetime('2022-01-01T00:00:00Z'), openOwnerId: 'someone', ownerId: 'someone'}),
  (anna)-[:ASKED]->(ra), (ben)-[:ASKED]->(rb), (eva)-[:OWNS_REQUEST]->(ra),
  (stranger:ServiceRequest {id: 'rs', number: 'R-0000-0C0C', kind: 'REQUEST', status: 'ASSIGNED', version: 1,
          openedAt: datetime('2022-01-01T00:00:00Z'), openOwnerId: 'eva', ownerId: 'eva'}),
  (:Product {code: 'LOAN', name: 'Loan'}), (:Product {code: 'CARD', name: 'Card'})
"""


class Bank:
    """The bank, and its API as each role asks it."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.executor = Executor(
            platform_schema(), database, sights=Sights("a secret for the tests of sight", notes=True)
        )

    async def answer(self, who: Role | Caller, query: str, **variables: Any) -> dict[str, Any]:
        """The whole answer."""
        caller = who if isinstance(who, Caller) else CALLERS.get(who, Caller(f"the {who}", who))
        return await self.executor.execute(Request(query, caller, variables))

    async def ask(self, who: Role | Caller, query: str, **variables: Any) -> Any:
        """The data; fails on errors."""
        answer = await self.answer(who, query, **variables)
        assert "errors" not in answer, answer
        return answer["data"]

    async def code(self, who: Role | Caller, query: str, **variables: Any) -> str:
        """The code of the only error."""
        answer = await self.answer(who, query, **variables)
        (error,) = answer["errors"]
        return str(error["extensions"]["code"])


@pytest.fixture(scope="module")
async def bank(database: Database) -> AsyncIterator[Bank]:
    """The bank, alone in the database; a test that changes it puts back what it changed."""
    empty = "MATCH (n) WHERE NOT n:Migration AND NOT n:Lock DETACH DELETE n"
    await database.execute(empty)
    await database.execute(BANK)
    yield Bank(database)
    await database.execute(empty)
