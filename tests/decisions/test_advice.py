"""Advice for the customer who is here: the best actions now, ranked, with reasons; and the same as a preview."""

from __future__ import annotations

import asyncio
import datetime as dt
from typing import Any

import pytest

from graph_crm.api.execution import Executor, Request
from graph_crm.api.schema import platform_schema
from graph_crm.contacts import ledger
from graph_crm.contacts.desk import ContactDesk
from graph_crm.contacts.policy import ContactPolicy
from graph_crm.decisions import service as decisions_service
from graph_crm.decisions.bank import Terms
from graph_crm.decisions.gates import ControlGroup
from graph_crm.decisions.reconsidering import Reconsideration
from graph_crm.decisions.service import DecisionService, Wish
from graph_crm.errors import DatabaseBusy, InvalidInput, NotFound
from graph_crm.graph.database import Database
from graph_crm.resources import folder
from graph_crm.rules.manager import RuleBook
from graph_crm.security.roles import Caller, Role

pytestmark = pytest.mark.lts

NOON = dt.datetime(2026, 6, 3, 10, 0, tzinfo=dt.UTC)

BANK = """
CREATE (:Product {code: 'CREDIT_CARD', name: 'Credit card', familyCode: 'CARD', active: true, value: 6000}),
  (:Product {code: 'SMALL_LOAN', name: 'Small loan', familyCode: 'LOAN', active: true, value: 9000})
CREATE (p:Party:Person {id: 'anna', displayName: 'Anna', status: 'ACTIVE', version: 1, birthDate: date('1980-05-17'),
  country: 'CZ', timeZone: 'Europe/Prague'})
CREATE (p)-[:REACHABLE_AT {since: date('2020-01-01')}]->(:ContactPoint {kind: 'PHONE', id: 'PHONE:1',
  valueKey: 'PHONE:1', value: '1', blocked: false})
CREATE (p)-[:GAVE]->(:Consent {id: 'consent', partyId: 'anna', purpose: 'MARKETING', status: 'GRANTED',
  at: datetime('2026-01-01T00:00:00Z'), recordedAt: datetime('2026-01-01T00:00:00Z')})
CREATE (p)-[:HOLDS {role: 'OWNER', since: date('2020-01-01')}]->(:Agreement {id: 'account', status: 'ACTIVE',
  productCode: 'CURRENT_ACCOUNT', familyCode: 'CURRENT_ACCOUNT'})
CREATE (p)-[:HOLDS {role: 'OWNER', since: date('2026-01-01')}]->(:Agreement {id: 'loan', status: 'ACTIVE',
  productCode: 'CASH_LOAN', familyCode: 'LOAN', maturesOn: date('2028-01-01')})
CREATE (p)-[:DID]->(:Event {id: 'look', type: 'atm_balance_check', at: datetime('2026-06-03T07:00:00Z')})
"""

COMPLAINS = """
MATCH (p:Party) CREATE (p)-[:DID]->(:Event {id: 'angry', type: 'complaint', at: datetime('2026-06-01T00:00:00Z')})
"""
REFUSED_BOTH = """
UNWIND ['CREDIT_CARD', 'SMALL_LOAN'] AS code
CREATE (:Response {id: code, partyId: 'anna', productCode: code, familyCode: code, outcome: 'REJECTED',
  at: datetime('2026-05-20T00:00:00Z'), recordedAt: datetime('2026-05-20T00:00:00Z')})
"""


@pytest.fixture
async def bank(empty_database: Database) -> Database:
    await empty_database.execute(BANK)
    return empty_database


def book() -> RuleBook:
    return RuleBook.load([folder("plugins")], installed=False)


def service(database: Database, *, now: dt.datetime = NOON, **terms: Any) -> DecisionService:
    agreed = Terms(ContactPolicy.load(), **{"exploration": 0.0, **terms})
    return DecisionService(database, book(), agreed, clock=lambda: now)


async def offers(database: Database, decision: str) -> list[tuple[str, str, str | None]]:
    rows = await database.read(
        "MATCH (:Decision {id: $id})-[r:PROPOSED]->(o:Offer) "
        "RETURN o.productCode AS product, o.status AS status, o.channel AS channel ORDER BY r.rank",
        {"id": decision},
    )
    return [(row["product"], row["status"], row["channel"]) for row in rows]


async def test_the_screen_gets_the_best_offers_of_all_rules_and_of_what_just_happened(bank: Database) -> None:
    decision = await service(bank).advise(Wish("anna", "ATM"))
    assert await offers(bank, decision) == [
        ("SMALL_LOAN", "PROPOSED", "ATM"),
        ("CREDIT_CARD", "PROPOSED", "ATM"),
    ]
    (row,) = await bank.read("MATCH (d:Decision)-[:CAUSED_BY]->(e:Event) RETURN d.mode AS mode, e.id AS event")
    assert (row["mode"], row["event"]) == ("INBOUND", "look")


async def test_a_machine_whose_clock_is_behind_sees_what_was_just_withdrawn(
    bank: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    behind = dt.datetime.now(dt.UTC) - dt.timedelta(minutes=10)
    monkeypatch.setattr(decisions_service, "utc_now", lambda: behind)
    decisions = DecisionService(bank, book(), Terms(ContactPolicy.load(), exploration=0.0))
    assert await offers(bank, await decisions.advise(Wish("anna", "ATM")))
    await bank.execute(
        "MATCH (p:Party {id: 'anna'}) CREATE (p)-[:GAVE]->(:Consent {id: 'no', partyId: p.id, purpose: 'MARKETING', "
        "status: 'WITHDRAWN', at: datetime.realtime(), recordedAt: datetime.realtime()})"
    )
    assert not await offers(bank, await decisions.advise(Wish("anna", "ATM")))


async def test_an_event_of_the_day_before_yesterday_no_longer_speaks(bank: Database) -> None:
    decision = await service(bank, now=NOON + dt.timedelta(days=2)).advise(Wish("anna", "ATM"))
    assert [product for product, _, _ in await offers(bank, decision)] == ["CREDIT_CARD"]


async def test_advice_uses_up_no_contact_limit_and_is_not_bound_by_any(bank: Database) -> None:
    await bank.execute(
        "MATCH (p:Party) CREATE (p)-[:HAD]->(:Interaction {id: 'called', channel: 'PHONE', direction: 'OUTBOUND', "
        "actionClass: 'PROMOTIONAL', at: datetime('2026-06-02T10:00:00Z')})"
    )
    decision = await service(bank).advise(Wish("anna", "PHONE"))
    assert len(await offers(bank, decision)) == 2
    (row,) = await bank.read("RETURN COUNT { (:Reservation) } AS held")
    assert row["held"] == 0


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ("MATCH (c:Consent) SET c.status = 'WITHDRAWN'", "CONSENT"),
        ("MATCH (p:Party) SET p.vulnerable = true", "VULNERABLE"),
        (COMPLAINS, "COMPLAINT"),
        (REFUSED_BOTH, "REFUS"),
    ],
)
async def test_consent_suitability_and_refusals_bind_advice_too(bank: Database, change: str, code: str) -> None:
    await bank.execute(change)
    decisions = service(bank)
    assert await offers(bank, await decisions.advise(Wish("anna", "BRANCH"))) == []
    outcome = await decisions.preview(Wish("anna", "BRANCH"))
    proposed = [one for one in outcome.considered if one.gates[0].passed]
    assert proposed
    assert all(code in one.last.reason_code for one in proposed), [one.last.reason_code for one in proposed]


async def test_the_control_group_gets_no_advice_and_the_decision_says_so(bank: Database) -> None:
    decision = await service(bank, control=ControlGroup(share=1.0)).advise(Wish("anna", "ATM"))
    assert await offers(bank, decision) == []
    (row,) = await bank.read("MATCH (d:Decision) RETURN d.control AS control")
    assert row["control"] is True


async def test_a_preview_writes_nothing(bank: Database) -> None:
    outcome = await service(bank).preview(Wish("anna"))
    assert [(one.product, one.status) for one in outcome.offers] == [
        ("SMALL_LOAN", "RESERVED"),
        ("CREDIT_CARD", "PROPOSED"),
    ]
    (row,) = await bank.read("RETURN COUNT { (:Decision) } + COUNT { (:Offer) } + COUNT { (:Reservation) } AS written")
    assert row["written"] == 0


async def test_at_night_a_call_is_previewed_for_the_next_morning(bank: Database) -> None:
    night = dt.datetime(2026, 6, 3, 21, 0, tzinfo=dt.UTC)
    best = (await service(bank, now=night).preview(Wish("anna"))).offers[0]
    assert best.status == "RESERVED"
    assert best.way is not None
    assert best.way.at == dt.datetime(2026, 6, 4, 7, 0, tzinfo=dt.UTC)


@pytest.mark.parametrize(
    ("wish", "error"),
    [
        (Wish("nobody", "ATM"), NotFound),
        (Wish("anna"), InvalidInput),
        (Wish("anna", "PIGEON"), InvalidInput),
        (Wish("anna", "ATM", limit=0), InvalidInput),
        (Wish("anna", "ATM", {"a": "x" * 5_000}), InvalidInput),
    ],
)
async def test_a_wrong_question_is_told_and_leaves_nothing(bank: Database, wish: Wish, error: type) -> None:
    with pytest.raises(error):
        await service(bank).advise(wish)
    (row,) = await bank.read("RETURN COUNT { (:Decision) } AS decisions")
    assert row["decisions"] == 0


async def test_what_changes_while_it_is_thought_over_is_seen(bank: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    """Consent is withdrawn between reading the customer and storing the advice: the advice is thought over anew."""
    decisions = service(bank)
    thought = decisions._thought
    rounds = 0

    async def interrupted(wish: Wish, key: str) -> Any:
        nonlocal rounds
        found = await thought(wish, key)
        rounds += 1
        if rounds == 1:

            async def withdraw(tx: Any) -> None:
                await ledger.lock(tx, ["party:anna"])
                await tx.run("MATCH (c:Consent) SET c.status = 'WITHDRAWN'")

            await bank.write(withdraw)
        return found

    monkeypatch.setattr(decisions, "_thought", interrupted)
    assert await offers(bank, await decisions.advise(Wish("anna", "ATM"))) == []
    assert rounds == 2


async def test_advice_gives_up_when_the_customer_changes_again_and_again(
    bank: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    decisions = service(bank)
    thought = decisions._thought

    async def interrupted(wish: Wish, key: str) -> Any:
        found = await thought(wish, key)
        await bank.write(lambda tx: ledger.lock(tx, ["party:anna"]))
        return found

    monkeypatch.setattr(decisions, "_thought", interrupted)
    monkeypatch.setattr(decisions_service, "ATTEMPTS", 2)
    with pytest.raises(DatabaseBusy):
        await decisions.advise(Wish("anna", "ATM"))


async def test_advice_costs_two_statements(bank: Database) -> None:
    decisions = service(bank)
    await decisions.advise(Wish("anna", "ATM"))
    with bank.counting() as sent:
        await decisions.advise(Wish("anna", "ATM"))
    assert len(sent) == 2


async def test_warming_up_leaves_nothing_behind(bank: Database) -> None:
    before = await bank.read("MATCH (n) RETURN count(n) AS nodes")
    await service(bank).warm_up()
    assert await bank.read("MATCH (n) RETURN count(n) AS nodes") == before


async def test_many_customers_are_advised_at_once(bank: Database) -> None:
    decisions = service(bank)
    answers = await asyncio.gather(*(decisions.advise(Wish("anna", "ATM")) for _ in range(16)))
    assert len(set(answers)) == 16


DECIDE = """
mutation ($input: DecideInput!) { decide(input: $input) {
  outcome mode channel context products policyVersion party { id } causedBy { id }
  offers { nodes { productCode status channel rank script factors product { name }
    reasons inPolish: reasons(language: "pl-PL") inGerman: reasons(language: "de") } }
  trace(language: "pl") { candidate { rule title } rank gates { name verdict reasonCode sentence } ways { channel } }
} }
"""
PREVIEW = """
{ preview(partyId: "anna", channel: ATM, language: "pl") {
  offers { rank productCode status channel priority reasons factors }
  trace { candidate { rule productCode } gates { name verdict sentence earliest } ways { channel allowed } }
} }
"""


async def asked(database: Database, query: str, role: Role = Role.SERVICE, **variables: Any) -> dict[str, Any]:
    decisions = service(database)
    executor = Executor(platform_schema(), database, lambda kind: decisions if kind is DecisionService else None)
    return await executor.execute(Request(query, Caller("desk-1", role), variables))


async def test_decide_answers_with_the_decision_in_the_selection_of_the_front_end(bank: Database) -> None:
    answer = await asked(bank, DECIDE, input={"partyId": "anna", "channel": "ATM", "context": {"screen": 7}})
    assert "errors" not in answer, answer
    found = answer["data"]["decide"]
    assert found["offers"]["nodes"][0]["productCode"] == "SMALL_LOAN"
    assert found["offers"]["nodes"][0]["reasons"][0].startswith("You checked your balance")
    assert found["offers"]["nodes"][0]["inPolish"][0].startswith("Sprawdzono saldo")
    assert found["offers"]["nodes"][0]["inGerman"] == found["offers"]["nodes"][0]["reasons"]  # nobody wrote it
    assert found["context"] == {"screen": 7}
    assert found["causedBy"] == {"id": "look"}
    assert "CREDIT_CARD" in found["products"]
    ranked = next(one for one in found["trace"] if one["candidate"]["rule"] == "atm_balance_loan")
    assert [gate["verdict"] for gate in ranked["gates"]] == ["PASS"] * len(ranked["gates"])
    assert all(gate["sentence"] for gate in ranked["gates"])


async def test_a_preview_shows_the_same_without_a_decision(bank: Database) -> None:
    answer = await asked(bank, PREVIEW)
    assert "errors" not in answer, answer
    found = answer["data"]["preview"]
    assert [one["productCode"] for one in found["offers"]] == ["SMALL_LOAN", "CREDIT_CARD"]
    assert found["trace"][0]["ways"][0]["channel"] == "ATM"
    assert found["offers"][0]["reasons"][0].startswith("Sprawdzono saldo")


async def test_who_may_not_decide_is_told_before_anything_is_done(bank: Database) -> None:
    answer = await asked(bank, DECIDE, Role.ANALYST, input={"partyId": "anna", "channel": "ATM"})
    assert answer["errors"][0]["extensions"]["code"] == "FORBIDDEN"
    (row,) = await bank.read("RETURN COUNT { (:Decision) } AS decisions")
    assert row["decisions"] == 0


class Entry:
    """An entry of the outbox."""

    def __init__(self, **payload: str) -> None:
        self.payload = payload


async def waiting(bank: Database) -> str:
    """The id of an offer that waits because the customer was called a month and a half less a week ago."""
    await bank.execute(
        "MATCH (p:Party) CREATE (p)-[:HAD]->(:Interaction {id: 'called', channel: 'PHONE', direction: 'OUTBOUND', "
        "actionClass: 'PROMOTIONAL', at: datetime('2026-04-26T10:00:00Z')})"
    )
    await bank.write(lambda tx: service(bank).decide_for_event(tx, Entry(eventId="look")))
    rows = await bank.read("MATCH (o:Offer {status: 'WAITING'}) RETURN o.id AS id, toString(o.notBefore) AS at")
    assert [row["at"] for row in rows] == ["2026-06-10T10:00:00Z"]
    return str(rows[0]["id"])


async def reconsidered(bank: Database, offer: str, now: dt.datetime) -> tuple[str, str | None, int]:
    again = Reconsideration(bank, book(), Terms(ContactPolicy.load(), exploration=0.0), clock=lambda: now)
    await bank.write(lambda tx: again.reconsider(tx, Entry(offerId=offer)))
    (row,) = await bank.read(
        "MATCH (o:Offer {id: $id}) RETURN o.status AS status, o.statusReason AS reason, "
        "COUNT { (:Reservation {state: 'HELD'}) } AS held",
        {"id": offer},
    )
    return row["status"], row["reason"], row["held"]


async def test_an_offer_that_waited_is_reserved_when_its_time_has_come(bank: Database) -> None:
    offer = await waiting(bank)
    later = dt.datetime(2026, 6, 10, 10, 0, tzinfo=dt.UTC)
    assert await reconsidered(bank, offer, later) == ("RESERVED", "SLOT_HELD", 1)
    assert (await reconsidered(bank, offer, later))[2] == 1  # delivered twice, reserved once


async def test_it_waits_on_when_the_customer_was_called_again(bank: Database) -> None:
    offer = await waiting(bank)
    await bank.execute("MATCH (i:Interaction {id: 'called'}) SET i.at = datetime('2026-05-05T10:00:00Z')")
    status, _, held = await reconsidered(bank, offer, dt.datetime(2026, 6, 10, 10, 0, tzinfo=dt.UTC))
    assert (status, held) == ("WAITING", 0)


async def test_it_is_cancelled_when_its_rule_no_longer_holds(bank: Database) -> None:
    offer = await waiting(bank)
    await bank.execute(
        "MATCH (p:Party) CREATE (p)-[:HOLDS {role: 'OWNER', since: date('2026-06-05')}]->(:Agreement {id: 'new', "
        "status: 'ACTIVE', productCode: 'SMALL_LOAN', familyCode: 'LOAN'})"
    )
    status, _, held = await reconsidered(bank, offer, dt.datetime(2026, 6, 10, 10, 0, tzinfo=dt.UTC))
    assert (status, held) == ("CANCELLED", 0)


async def test_it_expires_when_its_time_is_over(bank: Database) -> None:
    offer = await waiting(bank)
    assert (await reconsidered(bank, offer, dt.datetime(2026, 8, 1, tzinfo=dt.UTC)))[0] == "EXPIRED"


async def test_a_call_that_nobody_answered_is_tried_again_after_its_rest(bank: Database) -> None:
    await bank.write(lambda tx: service(bank).decide_for_event(tx, Entry(eventId="look")))
    (row,) = await bank.read("MATCH (r:Reservation)-[:FOR_OFFER]->(o) RETURN r.id AS slot, o.id AS offer")
    await ContactDesk(bank, clock=lambda: NOON).confirm(row["slot"], outcome="NO_ANSWER")
    status, reason, _ = await reconsidered(bank, row["offer"], NOON)
    assert (status, reason) == ("WAITING", "NO_ANSWER")
    (waits,) = await bank.read("MATCH (o:Offer {id: $id}) RETURN toString(o.notBefore) AS at", {"id": row["offer"]})
    assert waits["at"].startswith("2026-06-05")


async def test_an_answer_to_an_offer_is_not_smuggled_into_the_confirmation_of_its_contact(bank: Database) -> None:
    await bank.write(lambda tx: service(bank).decide_for_event(tx, Entry(eventId="look")))
    (row,) = await bank.read("MATCH (r:Reservation) RETURN r.id AS slot")
    with pytest.raises(InvalidInput) as refused:
        await ContactDesk(bank, clock=lambda: NOON).confirm(row["slot"], outcome="ACCEPTED")
    assert "recordResponse" in (refused.value.hint or "")
    (row,) = await bank.read("RETURN COUNT { (:Interaction) } AS contacts")
    assert row["contacts"] == 0
