"""A decision made again gives the same answer, or says what changed and which check goes by it."""

from __future__ import annotations

import datetime as dt
import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from why_bank import NOW, Bank, Entry, bank_with, card

from graph_crm.contacts.policy import ContactPolicy
from graph_crm.decisions.bank import Terms
from graph_crm.decisions.reasons.digest import FORMAT, changed, digest, digests
from graph_crm.decisions.reasons.replay import Change, Replaying, stored_decision
from graph_crm.decisions.reasons.telling import decided, teller
from graph_crm.decisions.reconsidering import Reconsideration
from graph_crm.decisions.scanning import RuleScan
from graph_crm.decisions.service import DecisionService, Wish
from graph_crm.errors import NotFound
from graph_crm.graph.database import Database
from graph_crm.rules import ContactLimit, Proposal, holds, hookimpl, months
from graph_crm.rules.loader import Found
from graph_crm.rules.manager import RuleBook
from graph_crm.rules.snapshot import EventFact, Holding, PartyFacts, Snapshot

lts = pytest.mark.lts


@pytest.fixture
async def bank(empty_database: Database) -> Bank:
    return await bank_with(empty_database)


def kinds(changes: tuple[Change, ...]) -> set[tuple[str, str]]:
    return {(one.kind, one.name) for one in changes}


# The same answer


@lts
async def test_a_decision_at_an_event_gives_the_same_answer(bank: Bank) -> None:
    found = await bank.replay(await bank.decide())
    assert (found.same, found.effects, found.causes) == (True, (), ())


@lts
async def test_what_happened_since_changes_nothing(bank: Bank) -> None:
    decision = await bank.decide()
    await bank.call()
    await bank.change(
        """
        MATCH (p:Party {id: 'anna'}), (o:Offer), (i:Interaction)
        CREATE (p)-[:GAVE]->(:Consent {id: 'consent:2', partyId: 'anna', purpose: 'MARKETING', status: 'WITHDRAWN',
          at: datetime('2026-11-24T08:00:00Z'), recordedAt: datetime('2026-11-24T08:00:00Z')})
        CREATE (p)-[:HOLDS {role: 'OWNER', since: date('2026-11-25')}]->(:Agreement {id: 'card', status: 'ACTIVE',
          productCode: 'CREDIT_CARD', familyCode: 'CARD', openedOn: date('2026-11-25')})
        CREATE (o)-[:ANSWERED_BY]->(r:Response {id: 'r1', partyId: 'anna', offerId: o.id, outcome: 'REJECTED',
          productCode: 'CREDIT_CARD', at: datetime('2026-11-23T13:00:00Z'),
          recordedAt: datetime('2026-11-23T13:01:00Z')})
        CREATE (i)-[:LED_TO]->(r)
        CREATE (p)-[:DID]->(:Event {id: 'e2', type: 'card_lost', at: datetime('2026-11-24T11:00:00Z')})
        SET o.status = 'REJECTED', o.statusAt = datetime('2026-11-23T13:00:00Z')
        """
    )
    found = await bank.replay(decision)
    assert (found.same, found.causes) == (True, ())


@lts
async def test_advice_for_a_customer_who_is_here_gives_the_same_answer(bank: Bank) -> None:
    service = DecisionService(bank.database, bank.book, bank.terms, clock=lambda: NOW)
    decision = await service.advise(Wish("anna", "BRANCH", {"screen": "teller"}, 2))
    found = await bank.replay(decision)
    assert (found.same, found.causes) == (True, ())


@lts
async def test_a_scan_that_explored_gives_the_same_answer(empty_database: Database) -> None:
    rules = (
        card(id="card_scan", when=holds("CURRENT_ACCOUNT"), on_event=None),
        card(id="savings_scan", when=holds("CURRENT_ACCOUNT"), on_event=None, offer="SAVINGS"),
    )
    bank = await bank_with(empty_database, *rules)
    exploring = replace(bank.terms, exploration=1.0)
    scan = RuleScan(bank.database, bank.book, exploring, clock=lambda: NOW)
    await scan.run()
    (row,) = await bank.database.read("MATCH (d:Decision) RETURN d.id AS id, d.trace AS trace")
    assert json.loads(row["trace"])[0]["factors"]["drawn"] is not None
    found = await Replaying(bank.database, bank.book, exploring).replay(row["id"])
    assert (found.same, found.effects) == (True, ())


@lts
async def test_an_override_that_was_revoked_later_still_made_room_then(bank: Bank) -> None:
    await bank.change(
        """
        MATCH (p:Party {id: 'anna'})
        CREATE (p)-[:HAD]->(:Interaction {id: 'i1', channel: 'PHONE', direction: 'OUTBOUND', purpose: 'MARKETING',
          actionClass: 'PROMOTIONAL', at: datetime('2026-11-01T10:00:00Z')})
        CREATE (:LimitOverride {id: 'v1', limit: 'promotional_call', days: 10.0, status: 'APPROVED', reason: 'sale',
          from: datetime('2026-11-10T00:00:00Z'), until: datetime('2026-12-31T00:00:00Z'), askedBy: 'eva',
          decidedBy: 'karl', decidedAt: datetime('2026-11-09T08:00:00Z')})
        """
    )
    decision = await bank.decide()
    await bank.change(
        "MATCH (v:LimitOverride) SET v.status = 'REVOKED', v.revokedAt = datetime('2026-11-24T00:00:00Z')"
    )
    assert (await bank.replay(decision)).same


@lts
async def test_an_offer_that_was_judged_again_gives_the_same_answer(bank: Bank) -> None:
    await bank.change(
        "MATCH (p:Party {id: 'anna'}) CREATE (p)-[:HAD]->(:Interaction {id: 'i1', channel: 'PHONE', "
        "direction: 'OUTBOUND', actionClass: 'PROMOTIONAL', at: datetime('2026-10-10T10:00:00Z')})"
    )
    await bank.decide()
    (offer,) = await bank.database.read("MATCH (o:Offer {status: 'WAITING'}) RETURN o.id AS id")
    due = Reconsideration(bank.database, bank.book, bank.terms, clock=lambda: NOW + dt.timedelta(days=3))
    again = await bank.database.write(lambda tx: due.reconsider(tx, Entry({"offerId": offer["id"]})))
    assert again
    found = await bank.replay(again)
    assert (found.same, found.effects) == (True, ())
    stricter = ContactPolicy.load().with_limits([ContactLimit(name="one_a_year", count=1, days=365)])
    found = await Replaying(bank.database, bank.book, Terms(stricter, exploration=0.0)).replay(again)
    assert found.effects[0].now == "contact_limits DROP CONTACT_LIMIT"


@lts
async def test_a_rule_that_was_switched_off_since_is_asked_as_it_was_then(bank: Bank) -> None:
    decision = await bank.decide()
    await bank.change(
        "CREATE (:RuleSwitch {id: 's1', rule: 'card_after_loss', mode: 'OFF', by: 'eva', reason: 'too many calls', "
        "at: datetime('2026-11-24T08:00:00Z')})"
    )
    assert (await bank.replay(decision)).same


class Imperative:
    """A plugin that proposes by itself."""

    @hookimpl
    def propose(self, snapshots: list[Snapshot]) -> list[Proposal]:
        return [
            Proposal(party=one.id, rule="by_hand", offer="SAVINGS", channels=["PHONE"], reasons="Save a little.")
            for one in snapshots
            if len(one.held()) == 1
        ]


@lts
async def test_what_a_plugin_proposed_by_itself_is_proposed_again_as_long_as_it_is_there(bank: Bank) -> None:
    book = RuleBook([Found("hands", "a test", Imperative())])
    service = DecisionService(bank.database, book, bank.terms, clock=lambda: NOW)
    decision = await service.advise(Wish("anna", "BRANCH"))
    found = await Replaying(bank.database, book, bank.terms).replay(decision)
    assert (found.same, found.causes) == (True, ())
    without = await Replaying(bank.database, bank.book, bank.terms).replay(decision)
    assert Change("plugin", "hands", "loaded", "gone") in without.causes
    assert without.effects == (Change("candidate", "by_hand SAVINGS", "considered", None),)


# Another answer, and why


@lts
async def test_a_changed_rule_is_named_with_both_versions_and_the_gate_that_differs(bank: Bank) -> None:
    decision = await bank.decide()
    before, now = card(), card(when=holds("CURRENT_ACCOUNT", for_at_least=months(120)))
    found = await Bank(bank.database, (now,)).replay(decision)
    assert not found.same
    assert Change("rule", "card_after_loss", before.version, now.version) in found.causes
    assert str(found.effects[0]) == "gate card_after_loss CREDIT_CARD: rule PASS HOLDS -> rule DROP HOLDS_NOT"
    assert Change("rank", "card_after_loss CREDIT_CARD", "1", None) in found.effects


@lts
async def test_a_rule_and_a_plugin_that_are_gone_are_named(bank: Bank) -> None:
    decision = await bank.decide()
    found = await Replaying(bank.database, RuleBook([]), bank.terms).replay(decision)
    assert kinds(found.causes) >= {("plugin", "cards"), ("rule", "card_after_loss")}
    assert found.effects == (Change("candidate", "card_after_loss CREDIT_CARD", "considered", None),)


@lts
async def test_another_contact_policy_is_named_with_the_gate_that_it_changes(bank: Bank) -> None:
    await bank.change(
        "MATCH (p:Party {id: 'anna'}) CREATE (p)-[:HAD]->(:Interaction {id: 'i1', channel: 'LETTER', "
        "direction: 'OUTBOUND', actionClass: 'PROMOTIONAL', at: datetime('2026-11-20T10:00:00Z')})"
    )
    decision = await bank.decide()
    stricter = ContactPolicy.load().with_limits([ContactLimit(name="one_a_year", count=1, days=365)])
    found = await Replaying(bank.database, bank.book, Terms(stricter, exploration=0.0)).replay(decision)
    assert Change("policy", "version", ContactPolicy.load().version, stricter.version) in found.causes
    assert [one.kind for one in found.effects] == ["gate", "rank"]
    assert found.effects[0].now == "contact_limits DROP CONTACT_LIMIT"


@lts
async def test_a_fact_that_was_written_over_is_found_by_its_part(bank: Bank) -> None:
    decision = await bank.decide()
    await bank.change("MATCH (h:Agreement {id: 'acc'}) SET h.statusValues = ['DEFAULTED'], h.status = 'DEFAULTED'")
    found = await bank.replay(decision)
    assert ("snapshot", "holdings") in kinds(found.causes)
    assert found.effects[0].now == "suitability DROP IN_DEFAULT"


@lts
async def test_what_looks_different_but_changes_nothing_is_told_beside_the_same_answer(bank: Bank) -> None:
    decision = await bank.decide()
    await bank.change("MATCH (p:Party {id: 'anna'}) SET p.segment = 'AFFLUENT'")
    found = await bank.replay(decision)
    assert (found.same, kinds(found.causes)) == (True, {("snapshot", "party")})


@lts
async def test_a_value_of_the_catalogue_that_turns_the_ranking_is_named(empty_database: Database) -> None:
    bank = await bank_with(empty_database, card(), card(id="savings_after_loss", offer="SAVINGS", priority=90))
    decision = await bank.decide()
    await bank.change("MATCH (x:Product {code: 'SAVINGS'}) SET x.value = 900000 WITH 1 AS one "
                      "MATCH (x:Product {code: 'CREDIT_CARD'}) SET x.value = 100")  # fmt: skip
    found = await bank.replay(decision)
    assert ("factor", "savings_after_loss SAVINGS value") in kinds(found.causes)
    assert Change("rank", "savings_after_loss SAVINGS", "2", "1") in found.effects


@lts
async def test_a_learner_that_learned_on_is_named_and_its_estimates_are_those_of_then(bank: Bank) -> None:
    decision = await bank.decide()
    await bank.change("CREATE (:LearnedCount {key: 'CREDIT_CARD|PHONE||', model: 'CREDIT_CARD|PHONE', yes: 9, no: 1})")
    found = await bank.replay(decision)
    assert found.same


@lts
@pytest.mark.parametrize(
    ("change", "now"),
    [
        ("MATCH (x:Product {code: 'CREDIT_CARD'}) DETACH DELETE x", "gone"),
        ("MATCH (x:Product {code: 'CREDIT_CARD'}) SET x.active = false", "no longer sold"),
    ],
)
async def test_a_product_that_is_no_longer_sold_is_named(bank: Bank, change: str, now: str) -> None:
    decision = await bank.decide()
    await bank.change(change)
    found = await bank.replay(decision)
    assert not found.same
    assert Change("product", "CREDIT_CARD", "sold", now) in found.causes


@lts
async def test_a_customer_who_is_gone_is_told_and_the_decision_can_still_be_read(bank: Bank) -> None:
    decision = await bank.decide()
    await bank.change("MATCH (p:Party {id: 'anna'}) DETACH DELETE p")
    with pytest.raises(NotFound, match="customer 'anna' of the decision is no longer there"):
        await bank.replay(decision)
    told = decided(await stored_decision(bank.database, decision), teller("en"))
    assert told["party"] == "anna"
    assert told["trace"]


@lts
async def test_a_decision_that_is_not_there_is_told(bank: Bank) -> None:
    with pytest.raises(NotFound):
        await bank.replay("decision:nothing")


# The command


def command(neo4j_address: tuple[str, str], folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("GRAPH_CRM_", "NEO4J_"))}
    settings = {
        "NEO4J_URI": neo4j_address[0], "NEO4J_PASSWORD": neo4j_address[1],
        "GRAPH_CRM_DATA_DIR": str(folder / "data"), "GRAPH_CRM_EXPLORATION": "0",
    }  # fmt: skip
    return subprocess.run(
        [sys.executable, "-m", "graph_crm", "decisions", *arguments],
        env={**kept, **settings}, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip


@lts
async def test_the_command_says_the_same_answer_or_leaves_with_1_and_says_what_changed(
    bank: Bank, neo4j_address: tuple[str, str], tmp_path: Path
) -> None:
    decision = await bank.decide()
    gone = command(neo4j_address, tmp_path, "replay", decision)  # the shipped plugins only: the rule is not among them
    assert gone.returncode == 1
    assert gone.stdout.startswith("Another answer:\n  candidate card_after_loss CREDIT_CARD: considered -> none\n")
    assert "  rule card_after_loss: " in gone.stdout

    shipped = DecisionService(
        bank.database, RuleBook.load([Path("plugins")], installed=False), bank.terms, clock=lambda: NOW
    )
    own = await shipped.advise(Wish("anna", "BRANCH"))
    same = command(neo4j_address, tmp_path, "replay", own, "--json")
    assert same.returncode == 0, same.stdout + same.stderr
    assert json.loads(same.stdout)["same"] is True


@lts
async def test_the_command_tells_a_decision_in_words(
    bank: Bank, neo4j_address: tuple[str, str], tmp_path: Path
) -> None:
    decision = await bank.decide()
    told = command(neo4j_address, tmp_path, "show", decision, "--language", "pl").stdout.splitlines()
    assert told[0] == (
        "Zdecydowano (klient: anna) dnia 23 listopada 2026, 12:00 UTC, powód: event:card_lost. Jest oferta."
    )
    assert told[1] == "Reguła card_after_loss, produkt CREDIT_CARD: w ofercie, miejsce 1."
    assert "  zgoda: tak. Klient zgodził się, by bank kontaktował się z nim telefonicznie." in told
    shown = json.loads(command(neo4j_address, tmp_path, "show", decision, "--json").stdout)
    (entry,) = shown["trace"]
    assert all(one["sentence"] for one in [*entry["gates"], *entry["ways"][0]["findings"]])
    assert command(neo4j_address, tmp_path, "show", "decision:nothing").returncode == 1


# Digests


def snapshot(**changed: object) -> Snapshot:
    facts = {
        "holdings": (
            Holding("a1", "LOAN", "LOAN", "OWNER", NOW.date()), Holding("a2", "CARD", "CARD", "OWNER", NOW.date()),
        ),
        "events": (EventFact("e1", "login", NOW, payload={"b": 1, "a": {"y": [1.5], "x": None}}),),
    }  # fmt: skip
    return Snapshot(PartyFacts("anna"), NOW, **{**facts, **changed})  # type: ignore[arg-type]


def test_a_digest_does_not_depend_on_the_order_of_what_was_read() -> None:
    mine = snapshot()
    turned = snapshot(
        holdings=mine.holdings[::-1],
        events=(replace(mine.events[0], payload={"a": {"x": None, "y": [1.5]}, "b": 1}),),
    )
    assert digests(turned) == digests(mine)
    assert digest(digests(turned)) == digest(digests(mine))


@given(st.dates(), st.sampled_from(["LOAN", "CARD"]), st.booleans())
def test_another_fact_changes_the_digest_of_its_part_only(since: dt.date, product: str, blocked: bool) -> None:  # noqa: FBT001 - given by hypothesis
    mine, other = snapshot(), snapshot(holdings=(Holding("a1", product, "LOAN", "OWNER", since),))
    assert changed(digests(mine), digests(other)) == ["holdings"]
    moved = replace(mine, party=replace(mine.party, blocked=blocked))
    assert changed(digests(mine), digests(moved)) == (["party"] if blocked else [])


def test_a_digest_is_the_same_in_every_process() -> None:
    program = (
        "import datetime as dt; from graph_crm.decisions.reasons.digest import *;"
        "from graph_crm.rules.snapshot import *;"
        "s = Snapshot(PartyFacts('anna'), dt.datetime(2026, 11, 23, tzinfo=dt.UTC)); print(digest(digests(s)))"
    )
    said = {
        subprocess.run(
            [sys.executable, "-c", program], env={**os.environ, "PYTHONHASHSEED": seed}, capture_output=True, check=True
        ).stdout
        for seed in ("1", "2")
    }
    assert len(said) == 1


def test_digests_of_another_format_are_not_compared_part_by_part() -> None:
    mine = digests(snapshot())
    assert changed({**mine, FORMAT: "older", "party": "x"}, mine) == [FORMAT]
