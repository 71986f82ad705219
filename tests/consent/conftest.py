"""A small bank for the tests of consent: Anna and Jan share a phone, and each has an e-mail address."""

from __future__ import annotations

import datetime as dt
from collections.abc import Awaitable, Callable
from typing import Any, TypeAlias

import pytest
from shared_phone import ANNAS, MAIL, SHARED

from graph_crm.consent.service import ConsentService
from graph_crm.graph.database import Database

BANK = """
CREATE (anna:Party:Person {id: 'anna', status: 'ACTIVE', version: 1, displayName: 'Anna'}),
  (jan:Party:Person {id: 'jan', status: 'ACTIVE', version: 1, displayName: 'Jan'}),
  (eva:Party:Person {id: 'eva', status: 'ACTIVE', version: 1, displayName: 'Eva'})
CREATE (shared:ContactPoint {id: $shared, valueKey: $shared, kind: 'PHONE', value: '+420602123456'}),
  (own:ContactPoint {id: $own, valueKey: $own, kind: 'PHONE', value: '+420602000001'}),
  (mail:ContactPoint {id: $mail, valueKey: $mail, kind: 'EMAIL', value: 'anna@example.com'}),
  (jans:ContactPoint {id: 'EMAIL:jan@example.com', valueKey: 'EMAIL:jan@example.com', kind: 'EMAIL',
    value: 'jan@example.com'})
CREATE (anna)-[:REACHABLE_AT {id: 'r1', since: date('2020-01-01'), preferred: true}]->(shared),
  (anna)-[:REACHABLE_AT {id: 'r2', since: date('2020-01-01')}]->(own),
  (anna)-[:REACHABLE_AT {id: 'r3', since: date('2020-01-01')}]->(mail),
  (jan)-[:REACHABLE_AT {id: 'r4', since: date('2020-01-01')}]->(shared),
  (jan)-[:REACHABLE_AT {id: 'r5', since: date('2020-01-01')}]->(jans)
"""

Reserve: TypeAlias = Callable[..., Awaitable[str]]
Propose: TypeAlias = Callable[..., Awaitable[str]]


@pytest.fixture
async def bank(empty_database: Database) -> Database:
    await empty_database.execute(BANK, {"shared": SHARED, "own": ANNAS, "mail": MAIL})
    return empty_database


@pytest.fixture
def consents(bank: Database) -> ConsentService:
    return ConsentService(bank)


@pytest.fixture
def propose(bank: Database) -> Propose:
    """Store an offer as a decision stores it; answers with its id."""

    async def store(party: str, name: str, **properties: Any) -> str:
        given = {"status": "PROPOSED", "productCode": "CREDIT_CARD", "actionClass": "PROMOTIONAL", **properties}
        await bank.execute(
            "MATCH (p:Party {id: $party}) CREATE (p)<-[:FOR]-(d:Decision {id: 'decision:' + $name})"
            " CREATE (d)-[:PROPOSED {rank: 1}]->(o:Offer {id: $name, partyId: $party}) SET o += $properties",
            {"party": party, "name": name, "properties": given},
        )
        return name

    return store


@pytest.fixture
def reserve(bank: Database) -> Reserve:
    """Hold a slot as the contact desk holds it, with its offer where one is named; answers with its id."""

    async def hold(party: str, name: str, *, offer: str | None = None, **properties: Any) -> str:
        now = dt.datetime.now(dt.UTC)
        given = {
            "key": name,
            "state": "HELD",
            "channel": "PHONE",
            "direction": "OUTBOUND",
            "actionClass": "PROMOTIONAL",
            "purpose": "MARKETING",
            "createdAt": now,
            "at": now,
            "until": now + dt.timedelta(hours=1),
            "offerId": offer,
            **properties,
        }
        await bank.execute(
            "MATCH (p:Party {id: $party}) CREATE (p)-[:RESERVED]->(v:Reservation {id: $name, partyId: $party})"
            " SET v += $properties WITH v MATCH (o:Offer {id: $offer}) CREATE (v)-[:FOR_OFFER]->(o)"
            " SET o.status = 'RESERVED', o.channel = v.channel, o.pointKey = v.pointKey",
            {"party": party, "name": name, "properties": given, "offer": offer},
        )
        return name

    return hold
