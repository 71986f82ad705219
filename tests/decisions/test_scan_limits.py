"""Scans keep the limits of households and shared phones, however many of their people one batch finds."""

from __future__ import annotations

import asyncio
import datetime as dt
import itertools

import pytest

from graph_crm.contacts.policy import ContactPolicy
from graph_crm.decisions.bank import Terms
from graph_crm.decisions.scanning import RuleScan
from graph_crm.graph.database import Database
from graph_crm.rules import ContactLimit, Rule, holds, hookimpl
from graph_crm.rules.loader import Found
from graph_crm.rules.manager import RuleBook

pytestmark = pytest.mark.lts

HOME = ContactLimit(name="household_call", count=1, days=7, scope="household", channels=("PHONE",))
NUMBER = ContactLimit(name="shared_number", count=2, days=7, scope="contact_point", channels=("PHONE",))


class Plugin:
    @staticmethod
    @hookimpl
    def rules() -> list[Rule]:
        return [
            Rule(
                id="call_borrowers",
                title="Call borrowers",
                when=holds(family="LOAN"),
                offer="CREDIT_CARD",
                channels=["PHONE"],
                reasons=["You have a loan with us."],
            )
        ]


def scan(database: Database, *limits: ContactLimit) -> RuleScan:
    always = {"channels": ["PHONE", "SMS"], "from": "00:00", "until": "24:00", "public_holidays": True}
    policy = ContactPolicy.model_validate(
        {"limits": list(limits), "times": [always], "cool_off": {}, "suppression": {}}
    )
    return RuleScan(database, RuleBook([Found("calls", "a test", Plugin)]), Terms(policy, exploration=0.0))


@pytest.fixture
async def street(empty_database: Database) -> Database:
    """Three homes of four borrowers; the first of each home share one phone, the others have their own."""
    await empty_database.execute(
        """
        CREATE (:Product {code: 'CREDIT_CARD', name: 'Credit card', familyCode: 'CARD', active: true})
        WITH 1 AS _
        UNWIND range(0, 11) AS n
        CREATE (p:Party:Person {id: 'p' + right('0' + n, 2), status: 'ACTIVE', displayName: 'P' + n, country: 'CZ',
          timeZone: 'Europe/Prague'})
        MERGE (h:Household {id: 'home' + n / 4})
        MERGE (c:ContactPoint {valueKey: CASE WHEN n % 4 = 0 THEN 'PHONE:shared' ELSE 'PHONE:' + n END})
        SET c.kind = 'PHONE', c.blocked = false
        CREATE (p)-[:MEMBER_OF {since: date('2020-01-01')}]->(h)
        CREATE (p)-[:REACHABLE_AT {since: date('2020-01-01')}]->(c)
        CREATE (p)-[:GAVE]->(:Consent {id: 'consent:' + n, partyId: p.id, purpose: 'MARKETING', status: 'GRANTED',
          at: datetime('2026-01-01T00:00:00Z'), recordedAt: datetime('2026-01-01T00:00:00Z')})
        CREATE (p)-[:HOLDS {role: 'OWNER', since: date('2026-01-01')}]->(:Agreement {id: 'loan' + n,
          productCode: 'CASH_LOAN', familyCode: 'LOAN', status: 'ACTIVE'})
        """
    )
    return empty_database


async def held(database: Database) -> dict[str, list[str]]:
    """Whom calls are reserved for, by household and by number."""
    rows = await database.read(
        "MATCH (p:Party)-[:RESERVED]->(r:Reservation {state: 'HELD'}) UNWIND [r.pointKey] + r.householdIds AS place"
        " RETURN place, collect(p.id) AS parties ORDER BY place"
    )
    return {row["place"]: row["parties"] for row in rows}


async def test_one_batch_reserves_one_call_for_a_household(street: Database):
    report = await scan(street, HOME).run()
    found = await held(street)
    assert report.decisions == 12
    assert {place: len(found[place]) for place in ("home0", "home1", "home2")} == {"home0": 1, "home1": 1, "home2": 1}


async def test_one_batch_keeps_the_limit_of_a_shared_number(street: Database):
    await scan(street, NUMBER).run()
    found = await held(street)
    assert len(found["PHONE:shared"]) == 2
    assert sum(len(parties) for place, parties in found.items() if place.startswith("PHONE:")) == 9 + 2


async def test_several_scans_at_once_keep_them_too(street: Database):
    await asyncio.gather(*(scan(street, HOME, NUMBER).run() for _ in range(3)))
    found = await held(street)
    assert {len(parties) for place, parties in found.items() if place.startswith("home")} == {1}
    assert len(found.get("PHONE:shared", [])) <= 2
    assert len(await street.read("MATCH (d:Decision) RETURN d.id AS id")) == 12


async def test_a_scan_as_of_now_is_not_taken_for_one_of_the_past_because_a_moment_passes(street: Database):
    start = dt.datetime.now(dt.UTC)
    moments = itertools.count()
    scanner = scan(street, HOME)
    scanner._clock = lambda: start + dt.timedelta(milliseconds=next(moments))
    assert (await scanner.run()).decisions == 12
