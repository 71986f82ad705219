"""Rules judged on snapshots, against the same rules as a decision table of zen-engine, in one process and one run.

Twenty rules of two to five parts over customers with agreements, events and contacts. Both sides get what they need
ready made, outside the clock: our rules the snapshots, zen-engine the same facts as plain values with ages and days
already counted (our side compares dates). Both say which of the rules each customer passes; the answers are compared
before the clock starts. Seconds of the processor, each way in turn, the best of several rounds. An evaluation is one
rule over one customer.

Ours: `Together`, all rules at once, answers alone, as zen-engine gives them; and `check`, one rule at a time, with the
reasons and the evidence of every answer, as a decision's trace keeps them.
zen-engine, the table compiled once, by each way that its Python package has: `create_decision(...).evaluate(context)`,
as its page on PyPI shows; a static loader and `evaluate(key, context)`, the fastest; `evaluate_batch` on that; and the
fastest with its trace, which is what compares with `check`.

Asked are `RATIO` times the evaluations of the way on its page; the ratio to the fastest way is printed beside it.

    python bench/rules_against_zen.py [--customers 2000] [--rounds 7]

Needs zen-engine (`pip install -e '.[bench]'`).
"""

from __future__ import annotations

import argparse
import datetime as dt
import json
import random
import sys
import time
from collections.abc import Callable, Sequence
from importlib import import_module
from importlib.util import find_spec
from typing import Any

from graph_crm.rules import (
    Condition,
    Contact,
    EventFact,
    Holding,
    PartyFacts,
    Snapshot,
    age_between,
    contacted,
    days,
    did,
    holds,
    in_default,
    in_segment,
    is_organization,
    is_person,
    lives_in,
)
from graph_crm.rules.conditions.base import AllOf, AnyOf, Not
from graph_crm.rules.conditions.history import Contacted, Did
from graph_crm.rules.conditions.holdings import Holds, InDefault
from graph_crm.rules.conditions.parties import Age, IsKind, OneOf
from graph_crm.rules.conditions.together import Together

NOW = dt.datetime(2026, 11, 23, 12, tzinfo=dt.UTC)
PRODUCTS = {
    "CASH_LOAN": "LOAN",
    "SMALL_LOAN": "LOAN",
    "CURRENT_ACCOUNT": "CURRENT_ACCOUNT",
    "BUSINESS_ACCOUNT": "CURRENT_ACCOUNT",
    "CREDIT_CARD": "CARD",
    "CARD_CLASSIC": "CARD",
    "TERM_DEPOSIT": "DEPOSIT",
    "SMS_INFO": "SERVICE",
}
EVENTS = ("atm_balance_check", "card_payment", "salary_received")
RATIO = 10.0
FIRMS, ARREARS = 0.1, 0.05
"""Share of the customers that are firms, and of the agreements in arrears."""
SCALARS = (IsKind, Age, OneOf)


def rules() -> list[Condition]:
    """Twenty rules in the manner of the shipped ones."""
    person, firm, sound = is_person(), is_organization(), ~in_default()
    loan = holds(family="LOAN", role="OWNER", for_at_least=days(90))
    account, card = holds(family="CURRENT_ACCOUNT", role="OWNER"), holds(family="CARD")
    return [
        person & loan & ~account & sound,
        person & loan & account & ~card & sound,
        person & holds(family="DEPOSIT", role="OWNER", for_at_least=days(90)) & ~card & sound,
        person & card & ~holds("SMS_INFO") & sound,
        person & account & ~holds("SMALL_LOAN") & sound & did("atm_balance_check", within=days(7)),
        firm & holds("BUSINESS_ACCOUNT", for_at_least=days(180)) & ~holds(family="LOAN") & sound,
        firm & ~holds("BUSINESS_ACCOUNT") & ~contacted(within=days(45)),
        person & age_between(18, 26) & account & ~holds("CARD_CLASSIC"),
        person & age_between(60) & ~holds("TERM_DEPOSIT") & holds(family="CURRENT_ACCOUNT", for_at_least=days(365)),
        in_segment("PRIVATE") & ~holds("CREDIT_CARD") & sound,
        in_segment("RETAIL", "MASS") & holds("CREDIT_CARD") & did("card_payment", within=days(30), times=2),
        lives_in(country="CZ") & account & ~contacted(within=days(30), channel="PHONE"),
        person & did("salary_received", within=days(35)) & ~holds(family="DEPOSIT") & ~contacted(within=days(14)),
        person & age_between(25, 55) & in_segment("RETAIL") & ~loan & account & sound,
        (holds("CASH_LOAN", for_at_least=days(365)) | holds("SMALL_LOAN", for_at_least=days(365))) & sound,
        person & holds("CREDIT_CARD", amount_at_least=1000) & ~did("atm_balance_check", within=days(30)),
        ~holds() & person & age_between(18, 70),
        holds(status=("IN_ARREARS", "DEFAULTED")) & ~contacted(within=days(7)),
        person & lives_in(country="PL") & (card | holds("SMS_INFO")) & ~contacted(outcome="REJECTED"),
        account & card & loan & ~holds(family="DEPOSIT") & sound & ~contacted(within=days(90), outcome="REJECTED"),
    ]


def customers(number: int) -> list[Snapshot]:
    """Customers with none to five agreements, none to six events and none to four contacts; every fact is known."""
    pick = random.Random(4)
    day = NOW.date()
    found = []
    for at in range(number):
        firm = pick.random() < FIRMS
        party = PartyFacts(
            id=f"party:{at}",
            kind="ORGANIZATION" if firm else "PERSON",
            born=day - dt.timedelta(days=pick.randrange(16 * 365, 85 * 365)),
            segment=pick.choice(["RETAIL", "RETAIL", "MASS", "PRIVATE"]),
            country=pick.choice(["CZ", "CZ", "PL"]),
        )
        codes = [pick.choice(list(PRODUCTS)) for _ in range(pick.randrange(6))]
        holdings = [
            Holding(
                agreement_id=f"agreement:{at}:{place}",
                product=code,
                family=PRODUCTS[code],
                role=pick.choice(["OWNER", "OWNER", "OWNER", "AUTHORISED"]),
                since=day - dt.timedelta(days=pick.randrange(2000)),
                status="IN_ARREARS" if pick.random() < ARREARS else "ACTIVE",
                amount=pick.randrange(1_000_000),
                currency="CZK",
            )
            for place, code in enumerate(codes)
        ]
        ages = sorted((pick.randrange(1, 120) for _ in range(pick.randrange(7))), reverse=True)
        events = [
            EventFact(f"event:{at}:{place}", pick.choice(EVENTS), NOW - dt.timedelta(days=ago, hours=1))
            for place, ago in enumerate(ages)
        ]
        ages = sorted((pick.randrange(1, 120) for _ in range(pick.randrange(5))), reverse=True)
        contacts = [
            Contact(
                f"contact:{at}:{place}",
                NOW - dt.timedelta(days=ago, hours=1),
                channel=pick.choice(["PHONE", "PHONE", "SMS", "EMAIL"]),
                direction=pick.choice(["OUTBOUND", "OUTBOUND", "INBOUND"]),
                outcome=pick.choice(["REJECTED", "NO_ANSWER", "LATER"]),
            )
            for place, ago in enumerate(ages)
        ]
        holdings.sort(key=lambda one: (one.since, one.agreement_id))
        found.append(Snapshot(party, NOW, tuple(holdings), tuple(events), tuple(contacts)))
    return found


def context(one: Snapshot) -> dict[str, Any]:
    """The same facts as zen-engine takes them, every age and every number of days counted for it."""
    day, born = one.as_of, one.party.born or NOW.date()
    return {
        "kind": one.party.kind,
        "age": day.year - born.year - ((day.month, day.day) < (born.month, born.day)),
        "segment": one.party.segment,
        "country": one.party.country,
        "holdings": [
            {
                "product": held.product,
                "family": held.family,
                "role": held.role,
                "days": (day - held.since).days,
                "status": held.status,
                "amount": held.amount,
            }
            for held in one.holdings
        ],
        "events": [{"type": done.type, "hours": (NOW - done.at).total_seconds() / 3600} for done in one.events],
        "contacts": [
            {
                "channel": met.channel,
                "direction": met.direction,
                "outcome": met.outcome,
                "hours": (NOW - met.at).total_seconds() / 3600,
            }
            for met in one.contacts
        ],
    }


def expression(condition: Condition) -> str:
    """A condition in the language of zen-engine."""
    if isinstance(condition, AllOf | AnyOf):
        word = " and " if isinstance(condition, AllOf) else " or "
        return "(" + word.join(map(expression, condition.parts)) + ")"
    if isinstance(condition, Not):
        return f"not {expression(condition.part)}"
    if isinstance(condition, InDefault):
        return "some(holdings, #.status in ['IN_ARREARS', 'DEFAULTED'])"
    if isinstance(condition, Holds):
        wanted = [f"#.{name} == '{getattr(condition, name)}'" for name in ("product", "family", "role")]
        wanted = [text for text in wanted if "'None'" not in text]
        wanted += [f"#.days >= {condition.for_at_least.days}"] if condition.for_at_least else []
        wanted += [f"#.status in {list(condition.status)}"] if condition.status else []
        wanted += [f"#.amount >= {condition.least_amount}"] if condition.least_amount is not None else []
        return f"some(holdings, {' and '.join(wanted)})" if wanted else "(len(holdings) > 0)"
    if isinstance(condition, Did):
        return _happened("events", [f"#.type == '{condition.event}'"], condition)
    if isinstance(condition, Contacted):
        wanted = [f"#.{name} == '{getattr(condition, name)}'" for name in ("channel", "direction", "outcome")]
        return _happened("contacts", [text for text in wanted if "'None'" not in text], condition)
    raise TypeError(condition)


def _happened(name: str, wanted: list[str], condition: Did | Contacted) -> str:
    wanted = wanted + ([f"#.hours <= {condition.within.days * 24}"] if condition.within else [])
    if condition.times == 1:
        return f"some({name}, {' and '.join(wanted)})"
    return f"count({name}, {' and '.join(wanted)}) >= {condition.times}"


def table(asked: Sequence[Condition]) -> dict[str, Any]:
    """The rules as the rows of one decision table: plain facts in columns of their own, the lists in one more."""
    columns = ("kind", "age", "segment", "country")
    rows = []
    for place, condition in enumerate(asked):
        parts = condition.parts if isinstance(condition, AllOf) else (condition,)
        row = {"_id": str(place), "rule": str(place), **dict.fromkeys(columns, "")}
        for part in parts:
            if isinstance(part, IsKind):
                row["kind"] = f"'{part.kind}'"
            elif isinstance(part, Age):
                row["age"] = f"[{part.low}..{part.high}]"
            elif isinstance(part, OneOf):
                row[part.fact] = ", ".join(f"'{value}'" for value in part.values)
        row["lists"] = " and ".join(expression(part) for part in parts if not isinstance(part, SCALARS))
        rows.append(row)
    inputs = [{"id": name, "name": name, "field": name} for name in columns] + [{"id": "lists", "name": "lists"}]
    spot = {"x": 0, "y": 0}
    return {
        "nodes": [
            {"id": "in", "type": "inputNode", "name": "in", "position": spot},
            {
                "id": "table",
                "type": "decisionTableNode",
                "name": "table",
                "position": spot,
                "content": {
                    "hitPolicy": "collect",
                    "inputs": inputs,
                    "outputs": [{"id": "rule", "name": "rule", "field": "rule"}],
                    "rules": rows,
                },
            },
            {"id": "out", "type": "outputNode", "name": "out", "position": spot},
        ],
        "edges": [
            {"id": "1", "sourceId": "in", "targetId": "table", "type": "edge"},
            {"id": "2", "sourceId": "table", "targetId": "out", "type": "edge"},
        ],
    }


def seconds(work: Callable[[], object]) -> float:
    # Of the processor, not of the clock: a busy machine interrupts a long round more often than a short one.
    started = time.process_time()
    work()
    return time.process_time() - started


def main() -> int:
    """Compare the answers, then the speeds; 1 when the asked ratio is missed, 2 when the answers differ."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--customers", type=int, default=2000)
    parser.add_argument("--rounds", type=int, default=7)
    options = parser.parse_args()
    if find_spec("zen") is None:
        print("Skipped: zen-engine is not installed (pip install -e '.[bench]').")
        return 0
    zen = import_module("zen")
    asked, people = rules(), customers(options.customers)
    contexts, content = [context(one) for one in people], table(asked)
    together = Together(asked)
    decision = zen.ZenEngine().create_decision(zen.ZenDecisionContent(json.dumps(content)))
    engine = zen.ZenEngine({"loader": {"type": "static", "content": {"rules": content}}})
    batch = [{"key": "rules", "context": one} for one in contexts]
    trace = {"trace": True}

    ours = [[place for place, rule in enumerate(asked) if rule.check(one).passed] for one in people]
    theirs = {
        "together": [[place for place, one in enumerate(row) if one] for row in together.truths(people)],
        "decision": [_passed(decision.evaluate(one)) for one in contexts],
        "engine": [_passed(engine.evaluate("rules", one)) for one in contexts],
        "batch": [_passed(one["data"]) for one in engine.evaluate_batch(batch)],
    }
    for name, answers in theirs.items():
        if answers != ours:
            wrong = next(at for at in range(len(ours)) if answers[at] != ours[at])
            print(f"The answers differ ({name}): {ours[wrong]} and {answers[wrong]} for {contexts[wrong]}")
            return 2
    evaluations = len(asked) * len(people)
    print(f"{len(asked)} rules, {len(people)} customers, {sum(map(len, ours))} of {evaluations} answers are yes, equal")

    ways: dict[str, Callable[[], object]] = {
        "ours: Together, all rules at once": lambda: together.truths(people),
        "zen: create_decision().evaluate, as its page shows": lambda: [decision.evaluate(one) for one in contexts],
        "zen: static loader, evaluate": lambda: [engine.evaluate("rules", one) for one in contexts],
        "zen: static loader, evaluate_batch": lambda: engine.evaluate_batch(batch),
        "ours: check, with reasons and evidence": lambda: [[rule.check(one) for rule in asked] for one in people],
        "zen: static loader, evaluate with trace": lambda: [engine.evaluate("rules", one, trace) for one in contexts],
    }
    best = dict.fromkeys(ways, float("inf"))
    for _ in range(options.rounds):
        for name, work in ways.items():
            best[name] = min(best[name], seconds(work))
    for name, took in best.items():
        print(f"{name:<52} {evaluations / took:>12,.0f} evaluations/s {took / len(people) * 1e6:>8.1f} us a customer")
    mine, page, fastest, batched, reasons, traced = best.values()
    print(
        f"Together to the way on its page: {page / mine:.1f} times (asked: {RATIO:.0f}); to its fastest way: ", end=""
    )
    print(f"{min(fastest, batched) / mine:.1f} times; check with reasons to its trace: {traced / reasons:.2f} times")
    return int(page / mine < RATIO)


def _passed(answer: Any) -> list[int]:
    return [row["rule"] for row in answer["result"]]


if __name__ == "__main__":
    sys.exit(main())
