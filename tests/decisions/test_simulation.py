"""A rule is tried on the whole bank before it touches anyone: funnel, contacts, overlap and conflict - and no write."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest

from graph_crm.contacts.policy import ContactPolicy
from graph_crm.decisions.authoring.simulation import Simulation, Simulator
from graph_crm.decisions.bank import Bank, Terms
from graph_crm.errors import RuleError
from graph_crm.graph.database import Database
from graph_crm.products.catalogue import load_catalogue
from graph_crm.resources import folder
from graph_crm.rules import Rule, did, everyone, holds, hookimpl
from graph_crm.rules.loader import Found, find
from graph_crm.rules.manager import RuleBook

pytestmark = pytest.mark.lts

RULE = "loan_to_credit_card"
DAY = dt.date(2026, 6, 2)  # a Tuesday
SHIPPED = find([folder("plugins")], installed=False)

BANK = """
UNWIND range(0, 9) AS n
CREATE (p:Party:Person {id: 'p' + n, status: 'ACTIVE', displayName: 'P' + n,
  timeZone: 'Europe/Prague', country: 'CZ'})
CREATE (p)-[:HOLDS {role: 'OWNER', since: date('2020-01-01')}]->(:Agreement {id: 'account' + n,
  productCode: 'CURRENT_ACCOUNT', familyCode: 'CURRENT_ACCOUNT', status: 'ACTIVE', openedOn: date('2020-01-01')})
CREATE (p)-[:REACHABLE_AT {since: date('2020-01-01'), preferred: true}]->(:ContactPoint {id: 'c' + n, kind: 'PHONE',
  valueKey: 'PHONE:+42060000000' + n})
FOREACH (_ IN CASE WHEN n < 8 THEN [1] ELSE [] END |
  CREATE (p)-[:HOLDS {role: 'OWNER', since: date('2026-01-01')}]->(:Agreement {id: 'loan' + n, status: 'ACTIVE',
    productCode: 'CASH_LOAN', familyCode: 'LOAN', maturesOn: date('2028-01-01'), openedOn: date('2026-01-01')}))
FOREACH (_ IN CASE WHEN n < 6 THEN [1] ELSE [] END |
  CREATE (p)-[:GAVE]->(:Consent {id: 's' + n, partyId: p.id, purpose: 'MARKETING', status: 'GRANTED',
    at: datetime('2026-01-01T00:00Z'), recordedAt: datetime('2026-01-01T00:00Z')}))
FOREACH (_ IN CASE WHEN n = 0 THEN [1] ELSE [] END | SET p.deceasedOn = date('2026-03-01'))
FOREACH (_ IN CASE WHEN n = 1 THEN [1] ELSE [] END |
  CREATE (p)-[:HAD]->(:Interaction {id: 'i' + n, at: datetime('2026-05-20T10:00Z'), channel: 'PHONE',
    direction: 'OUTBOUND', actionClass: 'PROMOTIONAL', purpose: 'MARKETING', outcome: 'PRESENTED'}))
FOREACH (_ IN CASE WHEN n = 2 THEN [1] ELSE [] END |
  CREATE (:Response {id: 'r' + n, partyId: p.id, outcome: 'REJECTED', productCode: 'CREDIT_CARD', familyCode: 'CARD',
    at: datetime('2026-05-01T10:00Z'), recordedAt: datetime('2026-05-01T10:00Z')}))
"""
"""Ten account holders, eight of them with a loan. Of those 0 died, 1 was called two weeks ago, 2 refused a card, 6 and
7 never agreed to anything."""


@pytest.fixture
async def bank(empty_database: Database) -> Database:
    await load_catalogue(empty_database)
    await empty_database.execute(BANK)
    return empty_database


def simulator(database: Database, *plugins: object, **modes: Any) -> Simulator:
    mine = [Found(f"mine{number}", "a test", one) for number, one in enumerate(plugins)]
    book = RuleBook([*SHIPPED, *mine], modes=modes)
    return Simulator(database, Bank(database, book, Terms(ContactPolicy.load())), book)


async def tried(database: Database, *plugins: object, **modes: Any) -> Simulation:
    return await simulator(database, *plugins, **modes).simulate(RULE, DAY)


def with_rule(**said: Any) -> object:
    usual = {"title": "a test", "when": everyone(), "channels": ["PHONE"], "reasons": "because"}

    class Plugin:
        @hookimpl
        def rules(self):
            return [Rule(**(usual | said))]

    return Plugin()


async def everything(database: Database) -> list[Any]:
    rows = await database.read(
        "MATCH (n) OPTIONAL MATCH (n)-[r]->() WITH n, count(r) AS ties "
        "RETURN labels(n) AS labels, properties(n) AS properties, ties ORDER BY elementId(n)"
    )
    return [tuple(row) for row in rows]


async def test_the_funnel_counts_who_gets_through_each_gate_and_why_the_others_do_not(bank: Database):
    found = await tried(bank)
    assert (found.parties, found.found) == (10, 8)
    gates = {one.gate: one for one in found.funnel}
    assert (gates["rule"].asked, gates["rule"].passed) == (8, 8)
    assert gates["eligibility"].stopped == {"DECEASED": 1}
    assert (gates["consent"].asked, gates["consent"].stopped) == (7, {"CONSENT_UNKNOWN": 2})
    assert sum(gates["cool_off"].stopped.values()) == 1
    assert gates["contact_times"].passed == gates["arbitration"].asked
    for earlier, later in zip(found.funnel, found.funnel[1:], strict=False):
        assert earlier.asked == earlier.passed + sum(earlier.stopped.values())
        assert later.asked == earlier.passed


async def test_whom_it_would_contact_by_which_channel_and_when_first(bank: Database):
    found = await tried(bank)
    planned = {one.party: one for one in found.planned}
    assert {"p3", "p4", "p5"} <= set(planned)
    assert not {"p0", "p2", "p6", "p7"} & set(planned)
    # The end of the day is night: the first call is on the next morning, at nine in Prague.
    assert planned["p3"].at == dt.datetime(2026, 6, 3, 7, 0, tzinfo=dt.UTC)
    assert (planned["p3"].channel, planned["p3"].contact) == ("PHONE", True)
    calls = {(one.day, one.channel): one.contacts for one in found.volume}
    assert calls[dt.date(2026, 6, 3), "PHONE"] == 3
    assert sum(calls.values()) == found.contacts


async def test_who_was_called_lately_is_shown_the_offer_or_waits(bank: Database):
    (p1,) = [one for one in (await tried(bank)).planned if one.party == "p1"]
    later = dt.datetime(2026, 5, 20, 10, tzinfo=dt.UTC) + dt.timedelta(days=45)
    assert p1.channel == "ONLINE" or (p1.at is not None and p1.at >= later)


async def test_a_simulation_writes_nothing_and_another_one_says_the_same(bank: Database):
    before = await everything(bank)
    first, second = await tried(bank), await tried(bank)
    assert first == second
    assert await everything(bank) == before


@pytest.mark.parametrize("mode", ["off", "shadow"])
async def test_a_rule_that_is_not_on_is_tried_as_if_it_were(bank: Database, mode: str):
    tried_on, tried_otherwise = await tried(bank), await tried(bank, **{RULE: mode})
    assert tried_otherwise.mode == mode
    assert tried_otherwise.planned == tried_on.planned
    await bank.execute("CREATE (:RuleMode {rule: $rule, mode: 'OFF'})", {"rule": RULE})
    assert (await tried(bank)).planned == tried_on.planned


async def test_overlap_and_conflict_with_a_rule_for_the_same_product(bank: Database):
    rival = with_rule(id="rival", offer="CREDIT_CARD", priority=900, when=holds("CASH_LOAN"))
    found = await tried(bank, rival)
    (overlap,) = [one for one in found.overlaps if one.rule == "rival"]
    assert (overlap.same_product, overlap.customers) == (True, 8)
    (conflict,) = [one for one in found.conflicts if one.rule == "rival"]
    assert (conflict.about, conflict.lost, conflict.won) == ("SAME_PRODUCT", overlap.ranked, 0)
    # Who was called lately can't be called by the rival, but sees this rule's offer online.
    assert [one.party for one in found.planned] == ["p1"]
    weaker = with_rule(id="rival", offer="CREDIT_CARD", priority=1, when=holds("CASH_LOAN"))
    (conflict,) = [one for one in (await tried(bank, weaker)).conflicts if one.rule == "rival"]
    assert (conflict.lost, conflict.won) == (0, overlap.ranked)


@pytest.mark.parametrize(("product", "priority", "lost"), [("SMS_INFO", 1, 0), ("INVESTMENT_FUND", 1000, 3)])
async def test_who_wants_the_only_contact_for_another_product_is_a_conflict_too(
    bank: Database, product: str, priority: int, lost: int
):
    rival = with_rule(id="rival", offer=product, priority=priority, when=holds("CASH_LOAN"))
    found = await tried(bank, rival)
    (conflict,) = [one for one in found.conflicts if one.rule == "rival"]
    assert (conflict.about, conflict.lost, conflict.won) == ("CONTACT", lost, 3 - lost)
    assert found.contacts == conflict.won


async def test_a_rule_that_is_off_stands_in_nobodys_way(bank: Database):
    rival = with_rule(id="rival", offer="CREDIT_CARD", priority=900, mode="off")
    found = await tried(bank, rival)
    assert "rival" not in {one.rule for one in found.overlaps}


async def test_a_rule_with_an_event_is_tried_on_those_who_just_did_it(bank: Database):
    await bank.execute(
        "MATCH (p:Party) WHERE p.id IN ['p3', 'p8'] "
        "CREATE (p)-[:DID]->(:Event {id: 'e' + p.id, type: 'atm_balance_check', at: datetime('2026-06-02T09:00Z')})"
    )
    later = with_rule(id="later", offer="CREDIT_CARD", on_event="login", when=did("login"))
    found = await simulator(bank, later).simulate("atm_balance_loan", DAY)
    assert (found.found, found.events) == (2, ("atm_balance_check",))
    assert {one.party for one in found.planned} >= {"p3"}
    assert found.overlaps == ()


async def test_what_was_offered_for_the_same_reason_is_not_offered_again(bank: Database):
    keys = [f"{RULE}|p3|{evidence}" for evidence in ("loan3", "account3")]
    await bank.execute(
        "UNWIND $keys AS key CREATE (:Episode {key: key, rule: $rule, partyId: 'p3', mode: 'on', "
        "at: datetime('2026-05-01T00:00Z')})",
        {"keys": keys, "rule": RULE},
    )
    found = await tried(bank)
    assert {one.gate: one for one in found.funnel}["applicability"].stopped == {"OFFERED_IN_EPISODE": 1}
    earlier = await simulator(bank).simulate(RULE, dt.date(2026, 4, 30))
    assert "OFFERED_IN_EPISODE" not in {one.gate: one for one in earlier.funnel}["applicability"].stopped


async def test_an_unknown_rule_is_told(bank: Database):
    with pytest.raises(RuleError, match="There is no rule"):
        await simulator(bank).simulate("nothing")
