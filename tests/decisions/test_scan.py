"""A rule without an event finds its customers by a search, and may store what it found."""

from __future__ import annotations

import asyncio
import datetime as dt
import json

import pytest

from graph_crm.contacts.policy import ContactPolicy
from graph_crm.decisions import scanning
from graph_crm.decisions.bank import Terms
from graph_crm.decisions.scanning import RuleScan
from graph_crm.errors import RuleError
from graph_crm.graph.database import Database
from graph_crm.resources import folder
from graph_crm.rules import Veto, hookimpl
from graph_crm.rules.loader import Found, find
from graph_crm.rules.manager import RuleBook

DAY = dt.date(2026, 6, 1)
TERMS = Terms(ContactPolicy.load(), exploration=0.0)
SHIPPED = find([folder("plugins")], installed=False)


@pytest.fixture
async def bank(empty_database: Database) -> Database:
    """Twelve borrowers with an account; number 3 has a card, 4 is in arrears, 5 has died, 6 is a new borrower."""
    await empty_database.execute(
        """
        CREATE (:Product {code: 'CREDIT_CARD', name: 'Credit card', familyCode: 'CARD', active: true})
        WITH 1 AS _
        UNWIND range(0, 11) AS n
        CREATE (p:Party:Person {id: 'p' + right('0' + n, 2), status: 'ACTIVE', displayName: 'P' + n, country: 'CZ',
          timeZone: 'Europe/Prague'})
        CREATE (p)-[:REACHABLE_AT {since: date('2020-01-01')}]->(:ContactPoint {kind: 'PHONE', id: 'PHONE:' + n,
          valueKey: 'PHONE:' + n, value: toString(n), blocked: false})
        CREATE (p)-[:GAVE]->(:Consent {id: 'consent:' + n, partyId: p.id, purpose: 'MARKETING', status: 'GRANTED',
          at: datetime('2026-01-01T00:00:00Z'), recordedAt: datetime('2026-01-01T00:00:00Z')})
        CREATE (p)-[:HOLDS {role: 'OWNER', since: date('2020-01-01')}]->(:Agreement {id: 'account' + n,
          productCode: 'CURRENT_ACCOUNT', familyCode: 'CURRENT_ACCOUNT', status: 'ACTIVE'})
        CREATE (p)-[:HOLDS {role: 'OWNER', since: CASE WHEN n = 6 THEN date('2026-05-01') ELSE date('2026-01-01') END}]
          ->(:Agreement {id: 'loan' + n, productCode: 'CASH_LOAN', familyCode: 'LOAN',
            status: CASE WHEN n = 4 THEN 'IN_ARREARS' ELSE 'ACTIVE' END, maturesOn: date('2028-01-01')})
        FOREACH (_ IN CASE WHEN n = 5 THEN [1] ELSE [] END | SET p.deceasedOn = date('2026-03-01'))
        FOREACH (_ IN CASE WHEN n = 3 THEN [1] ELSE [] END |
          CREATE (p)-[:HOLDS {role: 'OWNER', since: date('2021-01-01')}]->(:Agreement {id: 'card' + n,
            productCode: 'CARD_GOLD', familyCode: 'CARD', status: 'ACTIVE'}))
        """
    )
    return empty_database


def service(database: Database, *plugins: object, **modes: str) -> RuleScan:
    mine = [Found(f"mine{number}", "a test", one) for number, one in enumerate(plugins)]
    return RuleScan(database, RuleBook([*SHIPPED, *mine], modes=modes), TERMS)


async def parties(decisions: RuleScan, rule: str = "loan_to_credit_card") -> list[str]:
    return [one.party async for one in decisions.candidates(rule, DAY)]


EXPECTED = ["p00", "p01", "p02", "p07", "p08", "p09", "p10", "p11"]


async def test_candidates_are_those_whom_rule_and_gates_let_pass_in_the_order_of_their_ids(bank: Database):
    assert await parties(service(bank)) == EXPECTED


async def test_a_candidate_comes_with_sentences_and_the_facts_they_rest_on(bank: Database):
    first = await anext(service(bank).candidates("loan_to_credit_card", DAY))
    assert first.reasons[0].startswith("You have repaid your loan well for 151 days")
    assert "holds CASH_LOAN since 2026-01-01 (151 days)" in first.reasons


@pytest.fixture
async def at_the_atm(bank: Database) -> Database:
    """Of the borrowers 0 looked at the balance on the day and before, 1 the day before, 2 on the day after."""
    await bank.execute(
        """
        CREATE (:Product {code: 'SMALL_LOAN', name: 'Small loan', familyCode: 'LOAN', active: true})
        WITH 1 AS _
        UNWIND [['p00', '2026-05-31T10:00:00Z'], ['p00', '2026-06-01T10:00:00Z'], ['p01', '2026-05-31T23:00:00Z'],
          ['p02', '2026-06-02T00:00:00Z']] AS row
        MATCH (p:Party {id: row[0]})
        CREATE (p)-[:DID]->(:Event {id: 'at ' + row[1], type: 'atm_balance_check', at: datetime(row[1])})
        """
    )
    return bank


async def test_a_rule_with_an_event_lists_only_those_who_did_it_on_that_day(at_the_atm: Database):
    decisions = service(at_the_atm)
    (found,) = [one async for one in decisions.candidates("atm_balance_loan", DAY)]
    assert found.party == "p00"
    assert found.reasons[0].startswith("You checked your balance at an ATM")
    assert await parties(service(at_the_atm), "loan_to_credit_card") == EXPECTED


async def test_without_a_day_the_last_24_hours_count(at_the_atm: Database):
    now = dt.datetime(2026, 6, 1, 9, 30, tzinfo=dt.UTC)
    decisions = RuleScan(at_the_atm, RuleBook(SHIPPED), TERMS, clock=lambda: now)
    assert [one.party async for one in decisions.candidates("atm_balance_loan")] == ["p00", "p01"]


async def test_such_a_rule_is_asked_at_the_last_event(at_the_atm: Database):
    seen = {}

    class Plugin:
        @hookimpl
        def veto(self, snapshots):
            seen.update({one.id: one.trigger.id for one in snapshots if one.trigger})
            return []

    assert await parties(service(at_the_atm, Plugin()), "atm_balance_loan") == ["p00"]
    assert seen == {"p00": "at 2026-06-01T10:00:00Z"}
    assert (await service(at_the_atm).run(["atm_balance_loan"], DAY)).offers == 1


@pytest.mark.parametrize("ago", [1, 30])
async def test_nothing_is_stored_as_of_a_day_whose_offers_would_still_be_alive(bank: Database, ago: int):
    """What the customers said since then would not be seen."""
    with pytest.raises(RuleError, match="still be alive"):
        await service(bank).run(["loan_to_credit_card"], dt.datetime.now(dt.UTC).date() - dt.timedelta(days=ago))
    assert not await bank.read("MATCH (d:Decision) RETURN d.id AS id")
    assert (await service(bank).run(["loan_to_credit_card"], dt.datetime.now(dt.UTC).date())).offers


async def test_a_veto_of_another_plugin_counts_in_a_scan(bank: Database):
    class Plugin:
        @hookimpl
        def veto(self, snapshots):
            return [Veto(party=one.id, code="NO", reason="no") for one in snapshots if one.id != "p07"]

    assert await parties(service(bank, Plugin())) == ["p07"]


async def test_a_rule_that_is_off_can_be_tried_but_not_recorded(bank: Database):
    decisions = service(bank, loan_to_credit_card="off")
    assert await parties(decisions) == EXPECTED
    with pytest.raises(RuleError, match="is off"):
        await decisions.run(["loan_to_credit_card"], DAY)


async def test_batches_do_not_change_what_is_found(bank: Database, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(scanning, "BATCH", 3)
    with bank.counting() as sent:
        assert await parties(service(bank)) == EXPECTED
    # The bank, the learner's totals, the search, and one statement for each three of the nine whom the search found.
    assert len(sent) == 3 + 3


async def test_a_scan_stores_decisions_with_offers_once_an_episode(bank: Database):
    decisions = service(bank)
    first = await decisions.run(["loan_to_credit_card"], DAY)
    assert (first.found, first.decisions, first.offers) == (9, 9, len(EXPECTED))
    again = await decisions.run(["loan_to_credit_card"], DAY)
    assert (again.found, again.decisions, again.offers) == (9, 0, 0)
    next_day = await decisions.run(["loan_to_credit_card"], DAY + dt.timedelta(days=1))
    assert (next_day.decisions, next_day.offers) == (0, 0)
    rows = await bank.read(
        """
        MATCH (d:Decision)-[:FOR]->(p:Party) OPTIONAL MATCH (d)-[:PROPOSED]->(o:Offer)-[:ABOUT]->(x:Product)
        RETURN p.id AS party, d.trigger AS trigger, toString(d.asOf) AS asOf, d.outcome AS outcome, d.trace AS trace,
          x.code AS product ORDER BY party
        """
    )
    assert [row["party"] for row in rows if row["product"] == "CREDIT_CARD"] == EXPECTED
    assert {(row["trigger"], row["asOf"]) for row in rows} == {("scan", "2026-06-01")}
    died = next(row for row in rows if row["party"] == "p05")
    assert died["outcome"] == "NOTHING"
    assert json.loads(died["trace"])[0]["gates"][-1]["reasonCode"] == "DECEASED"


async def test_another_loan_is_another_episode_once_the_first_offer_is_over(bank: Database):
    decisions = service(bank)
    await decisions.run(["loan_to_credit_card"], DAY)
    await bank.execute(
        """
        MATCH (p:Party {id: 'p01'})-[h:HOLDS]->(:Agreement {id: 'loan1'}) SET h.until = date('2026-06-05')
        CREATE (p)-[:HOLDS {role: 'OWNER', since: date('2026-02-01')}]->(:Agreement {id: 'second loan',
          productCode: 'CASH_LOAN', familyCode: 'LOAN', status: 'ACTIVE', maturesOn: date('2028-01-01')})
        """
    )
    later = DAY + dt.timedelta(days=20)
    assert (await decisions.run(["loan_to_credit_card"], later)).offers == 0  # the first one waits for its contact
    await bank.execute(
        """
        MATCH (o:Offer {partyId: 'p01'}) SET o.status = 'EXPIRED'
        WITH o MATCH (r:Reservation {partyId: 'p01'}) SET r.state = 'EXPIRED', r.endedAt = r.until
        """
    )
    assert (await decisions.run(["loan_to_credit_card"], later)).offers == 1


async def test_scans_that_run_at_the_same_time_make_one_offer_each(bank: Database):
    reports = await asyncio.gather(*(service(bank).run(["loan_to_credit_card"], DAY) for _ in range(4)))
    assert sum(report.offers for report in reports) == len(EXPECTED)
    (row,) = await bank.read("MATCH (o:Offer) RETURN count(o) AS offers, COUNT { (:Reservation) } AS held")
    assert (row["offers"], row["held"]) == (len(EXPECTED), len(EXPECTED))


async def test_without_consent_nobody_is_reserved_for_and_the_decision_says_so_once(bank: Database):
    await bank.execute("MATCH (c:Consent) DETACH DELETE c")
    decisions = service(bank)
    report = await decisions.run(["loan_to_credit_card"], DAY)
    assert (report.decisions, report.offers) == (9, 0)
    assert (await decisions.run(["loan_to_credit_card"], DAY + dt.timedelta(days=1))).decisions == 0
    await bank.execute(
        """
        MATCH (p:Party {id: 'p01'}) CREATE (p)-[:GAVE]->(:Consent {id: 'now', partyId: p.id, purpose: 'MARKETING',
          status: 'GRANTED', at: datetime('2026-06-03T00:00:00Z'), recordedAt: datetime('2026-06-03T00:00:00Z')})
        """
    )
    # The episode was not used up: consent given later leads to the offer.
    assert (await decisions.run(["loan_to_credit_card"], DAY + dt.timedelta(days=4))).offers == 1


async def test_all_rules_that_find_a_customer_are_weighed_in_one_decision(bank: Database):
    await bank.execute("CREATE (:Product {code: 'SMS_INFO', name: 'SMS', familyCode: 'SERVICE', active: true})")
    report = await service(bank).run(as_of=DAY)
    (row,) = await bank.read("MATCH (d:Decision) RETURN count(d) AS decisions, count(DISTINCT d.partyId) AS parties")
    assert row["decisions"] == row["parties"] == report.decisions


async def test_a_rule_in_shadow_leaves_traces_and_no_offers(bank: Database):
    decisions = service(bank, loan_to_credit_card="shadow")
    report = await decisions.run(["loan_to_credit_card"], DAY)
    assert (report.decisions, report.offers) == (9, 0)
    (row,) = await bank.read("MATCH (d:Decision) RETURN count(d) AS all, COUNT { (:Offer) } AS offers")
    assert (row["all"], row["offers"]) == (9, 0)
    # What it would have done takes nothing away from the day on which it is switched on.
    assert (await service(bank).run(["loan_to_credit_card"], DAY)).offers == len(EXPECTED)
