"""What the contact policy remembers of a customer: consents, contact points, contacts that count, answers."""

from __future__ import annotations

import datetime as dt

import pytest

from graph_crm.graph.database import Database
from graph_crm.rules.conditions import Needs
from graph_crm.rules.snapshot import Snapshot
from graph_crm.snapshots import Memory, load

pytestmark = pytest.mark.lts

NOW = dt.datetime(2026, 3, 1, 12, tzinfo=dt.UTC)

BANK = """
CREATE (anna:Party:Person {id: 'anna', timeZone: 'Europe/Prague', vulnerable: true}), (jan:Party:Person {id: 'jan',
  controlUnit: 'unit:jan'}), (eva:Party:Person {id: 'eva'}), (old:Party:Person {id: 'old'})
CREATE (h:Household {id: 'h'}), (phone:ContactPoint {valueKey: 'PHONE:1', kind: 'PHONE', blocked: false}),
  (mail:ContactPoint {valueKey: 'EMAIL:a', kind: 'EMAIL', blocked: true})
CREATE (anna)-[:MEMBER_OF {since: date('2020-01-01')}]->(h), (jan)-[:MEMBER_OF {since: date('2020-01-01')}]->(h),
  (old)-[:MEMBER_OF {since: date('2010-01-01'), until: date('2015-01-01')}]->(h)
CREATE (anna)-[:REACHABLE_AT {since: date('2020-01-01'), preferred: true}]->(phone),
  (eva)-[:REACHABLE_AT {since: date('2020-01-01')}]->(phone),
  (old)-[:REACHABLE_AT {since: date('2010-01-01'), until: date('2015-01-01')}]->(phone),
  (anna)-[:REACHABLE_AT {since: date('2020-01-01')}]->(mail)
CREATE (anna)-[:GAVE]->(:Consent {id: 'c1', partyId: 'anna', purpose: 'MARKETING', status: 'GRANTED',
    at: datetime('2026-01-01T00:00Z'), recordedAt: datetime('2026-01-01T00:00Z')}),
  (anna)-[:GAVE]->(:Consent {id: 'c2', partyId: 'anna', purpose: 'MARKETING', status: 'WITHDRAWN',
    at: datetime('2026-02-01T00:00Z'), recordedAt: datetime('2026-03-02T00:00Z')}),
  (eva)-[:GAVE]->(:Consent {id: 'c3', partyId: 'eva', purpose: 'MARKETING', status: 'WITHDRAWN', pointKey: 'PHONE:1',
    channel: 'PHONE', at: datetime('2026-02-01T00:00Z'), recordedAt: datetime('2026-02-01T00:00Z')}),
  (old)-[:GAVE]->(:Consent {id: 'c4', partyId: 'old', purpose: 'MARKETING', status: 'WITHDRAWN', pointKey: 'PHONE:1',
    at: datetime('2014-02-01T00:00Z'), recordedAt: datetime('2014-02-01T00:00Z')})
CREATE (anna)-[:HAD]->(:Interaction {id: 'own', channel: 'PHONE', direction: 'OUTBOUND', outcome: 'REJECTED',
    productCode: 'CARD', at: datetime('2026-02-10T00:00Z')}),
  (jan)-[:HAD]->(:Interaction {id: 'home', channel: 'SMS', at: datetime('2026-02-11T00:00Z')}),
  (eva)-[:HAD]->(:Interaction {id: 'same phone', channel: 'PHONE', pointKey: 'PHONE:1',
    at: datetime('2026-02-12T00:00Z')}),
  (eva)-[:HAD]->(:Interaction {id: 'some phone', channel: 'SMS', at: datetime('2026-02-13T00:00Z')}),
  (eva)-[:HAD]->(:Interaction {id: 'no phone', channel: 'EMAIL', at: datetime('2026-02-13T00:00Z')}),
  (anna)-[:HAD]->(:Interaction {id: 'long ago', channel: 'PHONE', at: datetime('2020-02-13T00:00Z')}),
  (anna)-[:RESERVED]->(:Reservation {id: 'held', partyId: 'anna', channel: 'PHONE', state: 'HELD', pointKey: 'PHONE:1',
    createdAt: datetime('2026-02-28T00:00Z'), at: datetime('2026-03-02T00:00Z'), until: datetime('2026-03-03T00:00Z')}),
  (anna)-[:RESERVED]->(:Reservation {id: 'let go', partyId: 'anna', channel: 'PHONE', state: 'RELEASED',
    createdAt: datetime('2026-02-28T00:00Z'), at: datetime('2026-03-02T00:00Z'), until: datetime('2026-03-03T00:00Z'),
    endedAt: datetime('2026-02-28T01:00Z')}),
  (anna)-[:RESERVED]->(:Reservation {id: 'run out', partyId: 'anna', channel: 'PHONE', state: 'HELD',
    createdAt: datetime('2026-02-01T00:00Z'), at: datetime('2026-02-01T00:00Z'), until: datetime('2026-02-02T00:00Z')})
CREATE (:Response {id: 'r1', partyId: 'anna', outcome: 'LATER', productCode: 'LOAN', familyCode: 'LOANS',
    at: datetime('2026-02-20T00:00Z'), recordedAt: datetime('2026-02-20T00:00Z'),
    callBackAt: datetime('2026-03-20T00:00Z')})
CREATE (:ContactLedger {key: 'party:anna', version: 7})
"""


async def snapshot(database: Database, party: str = "anna", now: dt.datetime = NOW) -> Snapshot:
    memory = Memory(touches=dt.timedelta(days=100), answers=dt.timedelta(days=100))
    return (await load(database.read, [party], now=now, needs=Needs(), memory=memory))[0]


@pytest.fixture
async def bank(empty_database: Database) -> Database:
    await empty_database.execute(BANK)
    return empty_database


async def test_contacts_of_the_household_and_of_a_shared_phone_count_beside_the_own(bank: Database) -> None:
    touches = {one.id: one for one in (await snapshot(bank)).touches}
    assert set(touches) == {"own", "home", "same phone", "some phone", "held"}
    assert [one.id for one in touches.values() if one.own] == ["own", "held"]
    assert {one.id for one in touches.values() if one.household} == {"own", "held", "home"}
    assert touches["own"].points == ("PHONE:1",)  # which phone is not known: any of them
    assert touches["same phone"].points == touches["some phone"].points == ("PHONE:1",)


async def test_a_reservation_is_an_interval_until_it_ends(bank: Database) -> None:
    held = next(one for one in (await snapshot(bank)).touches if one.reserved)
    assert (held.at, held.until) == (dt.datetime(2026, 3, 2, tzinfo=dt.UTC), dt.datetime(2026, 3, 3, tzinfo=dt.UTC))
    earlier = await snapshot(bank, now=dt.datetime(2026, 2, 28, 0, 30, tzinfo=dt.UTC))
    assert "let go" in {one.id for one in earlier.touches}


async def test_a_consent_is_known_only_once_it_was_recorded(bank: Database) -> None:
    assert [one.id for one in (await snapshot(bank)).consents] == ["c1"]
    later = await snapshot(bank, now=dt.datetime(2026, 3, 3, tzinfo=dt.UTC))
    assert [one.id for one in later.consents] == ["c1", "c2"]


async def test_a_phone_is_stopped_by_whoever_uses_it_now(bank: Database) -> None:
    phone, mail = (await snapshot(bank)).points
    assert phone.stopped == (("MARKETING", "PHONE", "c3"),)
    assert (phone.shared_with, phone.preferred, phone.blocked, mail.blocked) == (1, True, False, True)


async def test_answers_come_from_responses_and_from_contacts(bank: Database) -> None:
    answers = (await snapshot(bank)).answers
    assert [(one.id, one.outcome, one.product, one.family) for one in answers] == [
        ("own", "REJECTED", "CARD", None),
        ("r1", "LATER", "LOAN", "LOANS"),
    ]


async def test_who_the_customer_is_to_the_policy(bank: Database) -> None:
    found = await snapshot(bank)
    assert found.party.time_zone == "Europe/Prague"
    assert found.party.vulnerable
    assert found.party.household == "h"
    assert found.party.control_units == ("h", "unit:jan")
    assert found.versions == {"party:anna": 7, "household:h": 0, "point:PHONE:1": 0, "point:EMAIL:a": 0}


async def test_without_memory_nothing_of_it_is_read(bank: Database) -> None:
    found = (await load(bank.read, ["anna"], now=NOW, needs=Needs()))[0]
    assert not [*found.touches, *found.consents, *found.points, *found.answers, *found.versions]
