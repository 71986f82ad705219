"""The kit of a rule author says without a database what the platform does with one."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from dataclasses import replace

import pytest

from graph_crm.graph.database import Database
from graph_crm.resources import folder
from graph_crm.rules import ContactLimit, Needs, Proposal, Rule, RuleError, Veto, everyone, hookimpl
from graph_crm.rules.snapshot import TIES, Snapshot
from graph_crm.snapshots import Memory, load
from graph_crm.testing import Customer, LiveBank, customer, pipeline, plugin
from graph_crm.testing.writing import write

pytestmark = pytest.mark.lts

LIFECYCLE = folder("plugins") / "lifecycle_cross_sell.py"
ATM = folder("plugins") / "atm_balance_loan.py"
lifecycle, atm = plugin(LIFECYCLE), plugin(ATM)
MORNING = "2026-06-03T10:00"  # a Wednesday, noon in Prague

ANNA = (
    customer("anna")
    .holds("CASH_LOAN", since="2026-01-05", matures="2029-01-05")
    .holds("CURRENT_ACCOUNT", since="2020-01-01")
    .phone("+420602123456")
)
AGREED = ANNA.agrees("MARKETING", on="2026-01-05")


def test_a_customer_who_agreed_is_called_in_the_hours_that_are_allowed():
    offer = pipeline(lifecycle.on(MORNING), AGREED).expect("CREDIT_CARD", channel="PHONE", status="RESERVED")
    assert offer.at == dt.datetime(2026, 6, 3, 10, tzinfo=dt.UTC)
    at_night = pipeline(lifecycle.on("2026-06-03T21:00"), AGREED).expect("CREDIT_CARD", channel="PHONE")
    assert at_night.at == dt.datetime(2026, 6, 4, 7, tzinfo=dt.UTC)


@pytest.mark.parametrize(
    ("who", "gate", "code"),
    [
        (ANNA, "consent", "CONSENT_UNKNOWN"),
        (AGREED.withdraws("MARKETING", on="2026-06-01"), "consent", "CONSENT_WITHDRAWN"),
        (AGREED.refuses("PROFILING", on="2026-06-01"), "consent", "PROFILING_OBJECTED"),
        (AGREED.in_need_of_care(), "suppression", "VULNERABLE"),
        (AGREED.blocked(), "eligibility", "PARTY_BLOCKED"),
        (AGREED.complained(on="2026-06-01"), "suppression", "COMPLAINT_OPEN"),
        (AGREED.answered("REJECTED", "CREDIT_CARD", on="2026-05-01"), "cool_off", None),
        (AGREED.contacted(on="2026-05-01", outcome="REJECTED", product="CREDIT_CARD"), "cool_off", None),
        (AGREED.holds("SMALL_LOAN", since="2026-05-01", status="IN_ARREARS"), "rule", "IN_DEFAULT"),
    ],
)
def test_each_fact_about_a_customer_stops_the_offer_at_its_gate(who: Customer, gate: str, code: str | None):
    pipeline(lifecycle.on(MORNING), who).reject("CREDIT_CARD", gate=gate, code=code)


def test_a_complaint_that_is_closed_stops_nothing():
    who = AGREED.complained(on="2026-06-01", closed="2026-06-02")
    pipeline(lifecycle.on(MORNING), who).expect("CREDIT_CARD")


def test_what_comes_after_the_frozen_moment_is_not_known():
    later = AGREED.withdraws("MARKETING", on="2026-06-03T10:01")
    pipeline(lifecycle.on(MORNING), later).expect("CREDIT_CARD")
    pipeline(lifecycle.on("2026-06-03T10:02"), later).reject("CREDIT_CARD", code="CONSENT_WITHDRAWN")


def test_a_withdrawal_by_somebody_else_stops_the_shared_phone_only():
    petr = customer("petr").phone("+420602123456").withdraws("MARKETING", point="+420602123456", on="2026-06-01")
    decided = pipeline(lifecycle.on(MORNING), AGREED.shares_point_with(petr))
    decided.expect("CREDIT_CARD", channel="ONLINE", status="PROPOSED")
    assert "POINT_STOPPED" in str(decided.trace)
    two_phones = AGREED.phone("+420603000000").shares_point_with(petr)
    pipeline(lifecycle.on(MORNING), two_phones).expect("CREDIT_CARD", channel="PHONE")
    with pytest.raises(RuleError, match="no contact point in common"):
        AGREED.shares_point_with(customer("eva").phone("+420700000000"))


def test_an_event_and_advice_on_a_screen():
    anna = customer("anna").holds("CURRENT_ACCOUNT", since="2020-01-01").phone().agrees("MARKETING")
    at_the_atm = atm.on(MORNING).at("atm_balance_check", balance="120.00")
    pipeline(at_the_atm, anna).expect("SMALL_LOAN", rule="atm_balance_loan")
    here = pipeline(at_the_atm, anna, channel="ATM").expect("SMALL_LOAN", channel="ATM", status="PROPOSED")
    assert here.rank == 1
    pipeline(atm.on(MORNING), anna).reject("SMALL_LOAN")


def test_the_hooks_and_the_limits_of_a_plugin_are_asked():
    class Plugin:
        @hookimpl
        def rules(self):
            return [
                Rule(id="one", title="t", when=everyone(), offer="CREDIT_CARD", channels=["PHONE"], reasons="because")
            ]

        @hookimpl
        def suitability(self, snapshots, proposals):
            return [Veto(party=one.id, code="ON_FOOT", reason="no") for one in snapshots if one.id == "petr"]

        @hookimpl
        def contact_limits(self):
            return [ContactLimit(name="rare", count=1, days=300, channels=("PHONE",))]

    bench = plugin(Plugin())
    anna = customer("anna").phone().agrees()
    pipeline(bench.on(MORNING), anna).expect("CREDIT_CARD", status="RESERVED")
    called = anna.contacted(on="2025-12-01")
    decided = pipeline(bench.on(MORNING), called)
    decided.reject("CREDIT_CARD", gate="contact_limits")
    petr = customer("petr").phone().agrees()
    pipeline(bench.on(MORNING), petr).reject("CREDIT_CARD", gate="suitability", code="ON_FOOT")


def test_a_failed_expectation_says_what_every_gate_thought():
    with pytest.raises(AssertionError) as raised:
        pipeline(lifecycle.on(MORNING), ANNA).expect("CREDIT_CARD", channel="PHONE")
    said = str(raised.value)
    assert "CREDIT_CARD, by PHONE was expected for anna" in said
    assert "consent: DROP CONSENT_UNKNOWN" in said
    with pytest.raises(AssertionError, match="was offered to anna"):
        pipeline(lifecycle.on(MORNING), AGREED).reject("CREDIT_CARD")
    with pytest.raises(AssertionError, match="was to be stopped for anna at suitability"):
        pipeline(lifecycle.on(MORNING), ANNA).reject("CREDIT_CARD", gate="suitability")


def test_a_plugin_that_raises_fails_the_test():
    class Plugin:
        @hookimpl
        def propose(self, snapshots):
            raise ZeroDivisionError("of course")

    with pytest.raises(AssertionError, match="ZeroDivisionError"):
        pipeline(plugin(Plugin()).on(MORNING).at("login"), ANNA)


EVERYTHING = (
    AGREED.email("anna@example.com")
    .refuses("MARKETING", channel="SMS", on="2026-02-01")
    .withdraws("MARKETING", point="+420602123456", on="2026-02-02")
    .agrees("MARKETING", point="+420602123456", on="2026-02-03")
    .did("login", on="2026-05-01T08:00", device="phone")
    .complained(on="2026-03-01", closed="2026-03-05")
    .contacted(on="2026-05-02", outcome="LATER", product="CREDIT_CARD", call_back="2026-07-01T10:00")
    .contacted(on="2026-05-03", channel="EMAIL", point="anna@example.com", action_class="TRANSACTIONAL")
    .answered("REJECTED", "SMALL_LOAN", on="2026-05-04", channel="ONLINE")
    .holds("TERM_DEPOSIT", since="2024-01-01", until="2025-01-01", amount=1000)
    .tied("GUARANTEES", customer("jan").holds("CASH_LOAN", since="2025-01-01", status="DEFAULTED"), since="2025-01-01")
    .lives_with(
        customer("petr")
        .phone("+420602123456")
        .contacted(on="2026-05-05")
        .contacted(on="2026-05-06", point="+420602123456")
        .contacted(on="2026-05-07", channel="EMAIL")
    )
    .shares_point_with(
        customer("eva")
        .phone("+420602123456")
        .withdraws("MARKETING", point="+420602123456", channel="PHONE", on="2026-05-06")
        .contacted(on="2026-05-08")
        .contacted(on="2026-05-09", point="+420602123456")
        .contacted(on="2026-05-10", channel="LETTER")
    )
    .in_need_of_care()
)


def _comparable(snapshot: Snapshot) -> Snapshot:
    """Without what the graph alone knows: the ledgers' versions."""
    return replace(snapshot, versions={})


@pytest.mark.parametrize("moment", [MORNING, "2026-05-05", "2026-02-02", "2026-01-04", "2024-06-01"])
async def test_the_graph_shows_the_same_customer_as_the_kit(empty_database: Database, moment: str):
    await empty_database.execute("CREATE (:Product {code: 'CREDIT_CARD', familyCode: 'CARD'})")
    await write(empty_database, [EVERYTHING])
    made = EVERYTHING.on(moment)
    memory = Memory(touches=dt.timedelta(days=9999), answers=dt.timedelta(days=9999))
    types = ("login", "complaint", "complaint_closed")
    needs = Needs(events=dict.fromkeys(types), contacts=True, ties=frozenset(TIES))
    (found,) = await load(empty_database.read, ["anna"], now=made.now, needs=needs, memory=memory)
    assert _comparable(found) == _comparable(made)


def test_a_live_bank_decides_as_the_kit_says(live_bank: LiveBank):
    anna = customer("anna").holds("CURRENT_ACCOUNT", since="2020-01-01").phone().agrees("MARKETING")
    live_bank.rules(ATM).on(MORNING).add(anna)
    live = live_bank.event(anna, "atm_balance_check", channel="ATM", balance="120.00")
    pure = pipeline(atm.on(MORNING).at("atm_balance_check", balance="120.00"), anna)
    (offer,) = live.offers
    assert offer == pure.expect("SMALL_LOAN")
    rows = live_bank.cypher("MATCH (r:Reservation)-[:FOR_OFFER]->(o:Offer) RETURN r.channel AS by, o.status AS status")
    assert len(rows) == (offer.status == "RESERVED")
    # The contact that is held for this offer counts: the next decision knows of it.
    again = live_bank.on("2026-06-03T11:00").event(anna, "atm_balance_check", balance="120.00")
    again.reject("SMALL_LOAN", gate="applicability", code="OFFERED_ALREADY")


def test_a_live_bank_scans_once_and_advises(live_bank: LiveBank):
    petr = customer("petr").holds("CASH_LOAN", since="2026-01-05").holds("CURRENT_ACCOUNT", since="2020-01-01")
    live_bank.rules(LIFECYCLE).on(MORNING).add(AGREED, petr)
    assert live_bank.scan() == 1
    live_bank.decided(AGREED).expect("CREDIT_CARD", channel="PHONE", status="RESERVED")
    assert live_bank.scan() == 0
    live_bank.advise(AGREED, "ONLINE").expect("CREDIT_CARD", channel="ONLINE")


def test_a_live_bank_says_when_nothing_was_decided_or_a_plugin_failed(live_bank: LiveBank):
    live_bank.rules(ATM).on(MORNING).add(ANNA)
    with pytest.raises(AssertionError, match="no rule waits for it"):
        live_bank.event(ANNA, "login")
    with pytest.raises(AssertionError, match="nothing was decided about anna"):
        live_bank.decided(ANNA)

    class Failing:
        @hookimpl
        def propose(self, snapshots):
            return [Proposal(party="nobody", rule="r", offer="X", channels=["ATM"], reasons="r")]

    with pytest.raises(AssertionError, match="none of them"):
        live_bank.rules(Failing()).event(ANNA, "login")


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        (lambda: lifecycle.on("1 Jan").expect(ANNA, "CREDIT_CARD"), r"'1 Jan' is no moment: .*2024-06-03T10:00"),
        (lambda: customer().holds("CASH_LOAN", since="June"), r"'June' is no day: write it as \"2024-06-03\""),
        (lambda: customer().agrees("MARKTING"), r"purpose 'MARKTING' is not known: one of MARKETING, SERVICE"),
        (lambda: customer().holds("CURENT_ACCOUNT", since="2024-01-01"), r"Did you mean CURRENT_ACCOUNT\?"),
    ],
)
def test_a_slip_of_the_author_is_told_with_what_is_allowed(wrong: Callable[[], object], told: str):
    with pytest.raises(RuleError, match=told):
        wrong()
