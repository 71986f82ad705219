"""What the checks really say can be said in every language: their numbers are the ones that the sentences need."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from dataclasses import replace
from types import MappingProxyType
from typing import Any

import orjson
import pytest

from graph_crm.contacts.approach import Approach, Finding
from graph_crm.contacts.judging import judge
from graph_crm.contacts.policy import ContactPolicy
from graph_crm.decisions.gates import BankState, ControlGroup, GateVerdict, Question, Sold, of_finding, passed_through
from graph_crm.decisions.reasons import telling as why
from graph_crm.rules import Proposal
from graph_crm.rules.snapshot import (
    Answer,
    ConsentFact,
    EventFact,
    Holding,
    OpenOffer,
    PartyFacts,
    PointFact,
    Snapshot,
    Touch,
)

NOW = dt.datetime(2026, 11, 23, 12, 0, tzinfo=dt.UTC)
POLICY = ContactPolicy.load()
PHONE = "PHONE:+48602123456"
ANNA = Snapshot(
    PartyFacts("anna", born=dt.date(1980, 5, 17), country="PL", time_zone="Europe/Warsaw"),
    NOW,
    points=(PointFact(PHONE, "PHONE"),),
    consents=(ConsentFact("c1", "MARKETING", "GRANTED", NOW - dt.timedelta(days=100)),),
)
CALL = Approach("PHONE", at=NOW, product="CARD", family="CARDS")


def days_ago(days: float) -> dt.datetime:
    return NOW - dt.timedelta(days=days)


def party(**changed: Any) -> Snapshot:
    return replace(ANNA, party=replace(ANNA.party, **changed))


def consent(status: str, *, purpose: str = "MARKETING") -> Snapshot:
    return replace(ANNA, consents=(*ANNA.consents, ConsentFact("c2", purpose, status, days_ago(1))))


def answered(outcome: str, *, times: int = 1, product: str = "CARD", back: dt.datetime | None = None) -> Snapshot:
    said = tuple(
        Answer(
            f"a{one}", outcome, days_ago(one + 1), product=product, family="CARDS", channel="PHONE", call_back_at=back
        )
        for one in range(times)
    )
    return replace(ANNA, answers=said)


def event(kind: str, **payload: Any) -> Snapshot:
    return replace(ANNA, events=(EventFact("e1", kind, days_ago(2), payload=MappingProxyType(payload)),))


SITUATIONS: dict[str, tuple[Snapshot, Approach]] = {
    "nothing": (ANNA, CALL),
    "no consent": (replace(ANNA, consents=()), CALL),
    "denied": (consent("DENIED"), CALL),
    "withdrawn": (consent("WITHDRAWN"), CALL),
    "objection to profiling": (consent("DENIED", purpose="PROFILING"), CALL),
    "own business": (ANNA, replace(CALL, action_class="TRANSACTIONAL", purpose="SERVICE")),
    "demanded by law": (ANNA, replace(CALL, action_class="MANDATORY", purpose="SERVICE")),
    "came to the bank": (ANNA, replace(CALL, channel="BRANCH", direction="INBOUND")),
    "stopped point": (
        replace(ANNA, points=(PointFact(PHONE, "PHONE", stopped=(("MARKETING", None, "c9"),)),)),
        CALL,
    ),
    "no point": (replace(ANNA, points=()), CALL),
    "blocked point": (replace(ANNA, points=(PointFact(PHONE, "PHONE", blocked=True),)), CALL),
    "somebody else's point": (ANNA, replace(CALL, point="PHONE:+48600000000")),
    "dead": (party(died=dt.date(2026, 1, 1)), CALL),
    "ended": (party(status="ENDED"), CALL),
    "blocked": (party(blocked=True), CALL),
    "special care": (party(vulnerable=True), CALL),
    "arrears": (
        replace(ANNA, holdings=(Holding("h1", "LOAN", "LOAN", "OWNER", dt.date(2020, 1, 1), status="IN_ARREARS"),)),
        CALL,
    ),
    "complaint": (event("complaint"), CALL),
    "collections": (event("collections_contact", hardship=True), CALL),
    "refused": (answered("REJECTED"), CALL),
    "refused of the family": (answered("REJECTED", product="GOLD_CARD"), CALL),
    "refused thrice": (answered("REJECTED", times=3, product="LOAN"), replace(CALL, product="FUND", family="FUNDS")),
    "later": (answered("LATER"), CALL),
    "call me then": (answered("LATER", back=NOW + dt.timedelta(days=9)), CALL),
    "ignored": (answered("IGNORED"), CALL),
    "not answered": (answered("NO_ANSWER"), CALL),
    "called lately": (
        replace(
            ANNA, touches=(Touch("t1", days_ago(3), days_ago(3), "PHONE", "OUTBOUND", "PROMOTIONAL", "MARKETING"),)
        ),
        CALL,
    ),
    "night": (ANNA, CALL.moved(NOW + dt.timedelta(hours=11))),
    "sunday": (ANNA, CALL.moved(NOW + dt.timedelta(days=6))),
    "holiday": (ANNA, CALL.moved(dt.datetime(2026, 12, 25, 12, tzinfo=dt.UTC))),
    "time zone unknown": (party(country=None, time_zone=None), CALL),
    "holidays unknown": (party(country="XX"), CALL),
}


def told(verdict: GateVerdict, language: str) -> dict[str, Any]:
    """A verdict as it is stored and told."""
    entry = {"rule": "r", "productCode": "CARD", "gates": [verdict.as_json()]}
    stored = orjson.loads(orjson.dumps([entry]))
    (made,) = why.trace(stored, {"language": language}) or ()
    gate: dict[str, Any] = made["gates"][0]
    return gate


def stored_words(reason: str) -> str:
    """How a reason without a text is told."""
    return (reason[:1].upper() + reason[1:]).rstrip(".") + "."


def findings(name: str) -> list[Finding]:
    snapshot, approach = SITUATIONS[name]
    return judge(snapshot, approach, POLICY)


@pytest.mark.parametrize("name", SITUATIONS)
def test_what_contact_policy_says_is_said_in_polish(name: str) -> None:
    for finding in findings(name):
        verdict = of_finding(finding, latest=NOW + dt.timedelta(days=30), channel="PHONE")
        assert told(verdict, "pl")["sentence"] != stored_words(finding.reason), finding.code


def test_the_situations_of_these_tests_lead_to_every_refusal_of_contact_policy() -> None:
    said = {finding.code for name in SITUATIONS for finding in findings(name) if not finding.allowed}
    assert said == {
        "CONSENT_UNKNOWN", "CONSENT_DENIED", "CONSENT_WITHDRAWN", "PROFILING_OBJECTED", "POINT_STOPPED",
        "NO_CONTACT_POINT", "POINT_BLOCKED", "POINT_UNKNOWN", "DECEASED", "PARTY_ENDED", "PARTY_BLOCKED", "VULNERABLE",
        "ARREARS", "COMPLAINT_OPEN", "COLLECTIONS", "PRODUCT_REFUSED", "FAMILY_REFUSED", "REFUSED_REPEATEDLY",
        "ASKED_LATER", "IGNORED", "NO_ANSWER", "CONTACT_LIMIT", "QUIET_HOURS", "CLOSED_DAY", "PUBLIC_HOLIDAY",
        "TIME_ZONE_UNKNOWN", "HOLIDAYS_UNKNOWN",
    }  # fmt: skip


def through_gates() -> Iterator[GateVerdict]:
    """The verdicts of the bank's own gates in every situation that they tell apart."""
    card = Sold("CARD", "CARDS", "Card", active=True)
    catalogue = {
        "CARD": card,
        "LOAN": Sold("LOAN", "LOAN", "Loan", active=True),
        "OLD": replace(card, code="OLD", active=False),
    }
    bank = BankState(catalogue, POLICY)
    owned = replace(ANNA, holdings=(Holding("h1", "CARD", "CARDS", "OWNER", dt.date(2020, 1, 1), status="ACTIVE"),))
    waiting = replace(ANNA, open_offers=(OpenOffer("o1", "CARD", "WAITING", "PHONE", days_ago(2)),))
    cases: list[tuple[Snapshot, str, BankState]] = [
        (ANNA, "CARD", bank),
        (party(died=dt.date(2026, 1, 1)), "CARD", bank),
        (party(status="ENDED"), "CARD", bank),
        (party(blocked=True), "CARD", bank),
        (party(born=dt.date(2015, 1, 1)), "LOAN", bank),
        (ANNA, "GONE", bank),
        (ANNA, "OLD", bank),
        (owned, "CARD", bank),
        (waiting, "CARD", bank),
        (SITUATIONS["arrears"][0], "CARD", bank),
        (ANNA, "CARD", replace(bank, control=ControlGroup(1.0))),
    ]
    for snapshot, offer, state in cases:
        proposal = Proposal(party="anna", rule="r", offer=offer, channels=["PHONE"], reasons="Because.")
        yield from passed_through(Question(snapshot, proposal, state))


def test_what_the_banks_own_gates_say_is_said_in_polish() -> None:
    said = {}
    for verdict in through_gates():
        said[verdict.reason_code] = told(verdict, "pl")["sentence"]
        assert said[verdict.reason_code] != stored_words(verdict.reason), verdict.reason_code
    assert set(said) >= {
        "MINOR",
        "OWNED_ALREADY",
        "OFFERED_ALREADY",
        "PRODUCT_UNKNOWN",
        "IN_CONTROL_GROUP",
        "IN_DEFAULT",
    }


def test_an_objection_of_a_plugin_is_told_as_the_plugin_said_it() -> None:
    verdict = GateVerdict("suitability", why.DROP, "TOO_MANY_LOANS", "risk: pays three loans already")  # type: ignore[arg-type]
    stored = {**verdict_json(verdict), "verdict": "DROP"}
    (made,) = why.trace([{"rule": "r", "productCode": "CARD", "gates": [stored]}], {"language": "pl"}) or ()
    assert made["gates"][0]["sentence"] == "Risk: pays three loans already."


def verdict_json(verdict: GateVerdict) -> dict[str, Any]:
    return {
        "name": verdict.name,
        "passed": False,
        "reasonCode": verdict.reason_code,
        "reason": verdict.reason,
    }


def test_a_trace_of_an_earlier_version_is_told_with_what_it_has() -> None:
    stored = [
        {
            "rule": "r", "plugin": "p", "productCode": "CARD", "mode": "on",
            "gates": [{"name": "consent", "passed": False, "reasonCode": "CONSENT_NOT_ASKED", "reason": "not asked"}],
        }
    ]  # fmt: skip
    (entry,) = why.trace(stored, {}) or ()
    assert (entry["rank"], entry["ways"], entry["candidate"]["version"]) == (None, [], None)
    assert entry["gates"][0]["verdict"] == "DROP"
    assert entry["gates"][0]["sentence"] == "Not asked."


def test_no_trace_is_no_trace() -> None:
    assert why.trace(None, {"language": "pl"}) is None
