"""What is heard of late is placed where it happened: rules know it, and none acts as if it had just happened."""

from __future__ import annotations

import datetime as dt
import json
from types import SimpleNamespace

import pytest

from graph_crm.contacts.policy import ContactPolicy
from graph_crm.decisions.bank import Terms
from graph_crm.decisions.service import JUST_NOW, DecisionService
from graph_crm.events.service import LATE, EventService, RecordEvent
from graph_crm.graph.database import Database
from graph_crm.rules import Proposal, Rule, days, did, hookimpl, is_person
from graph_crm.rules.loader import Found
from graph_crm.rules.manager import RuleBook

NOW = dt.datetime.now(dt.UTC).replace(microsecond=0)


@hookimpl
def rules() -> list[Rule]:
    """One waits for a login, the other knows of earlier ones."""
    at_login = {"title": "x", "on_event": "login", "channels": ["ONLINE"]}
    opinion = is_person() & did("opinion", within=days(7))
    return [
        Rule(id="at_login", when=is_person(), offer="SAVINGS_ACCOUNT", reasons="You are here.", **at_login),
        Rule(id="after_opinion", when=opinion, offer="CREDIT_CARD", reasons="You told us.", **at_login),
    ]


@hookimpl
def propose(snapshots: object) -> list[Proposal]:
    """Asked at every event."""
    asked.append(True)
    return []


asked: list[bool] = []


@pytest.fixture
async def bank(empty_database: Database) -> Database:
    asked.clear()
    await empty_database.execute(
        "CREATE (:Product {code: 'SAVINGS_ACCOUNT', familyCode: 'SAVINGS', active: true}), "
        "(:Product {code: 'CREDIT_CARD', familyCode: 'CARD', active: true}), "
        "(:Party:Person {id: 'p1', status: 'ACTIVE', birthDate: date('1980-05-17'), country: 'CZ'})"
    )
    return empty_database


async def decided(bank: Database, *events: str) -> list[str]:
    """The keys of the decisions that were made when these events had their turn."""
    book = RuleBook([Found("late", "a test", SimpleNamespace(rules=rules, propose=propose))])
    assert book.problems == []
    service = DecisionService(bank, book, Terms(ContactPolicy.load(), exploration=0.0), clock=lambda: NOW)
    for event in events:
        entry = SimpleNamespace(payload={"eventId": event})
        await bank.write(lambda tx, one=entry: service.decide_for_event(tx, one))  # type: ignore[misc]
    return [row["key"] for row in await bank.read("MATCH (d:Decision) RETURN d.key AS key")]


async def record(bank: Database, kind: str, key: str, age: dt.timedelta) -> None:
    await EventService(bank).record(RecordEvent(type=kind, party_id="p1", id=key, at=NOW - age))


def test_late_begins_where_rules_end_to_speak_of_just_now():
    assert JUST_NOW.before(NOW) == NOW - LATE


async def test_nobody_is_asked_about_what_happened_days_ago(bank: Database):
    await record(bank, "login", "old", dt.timedelta(days=3))
    assert await decided(bank, "old") == []
    assert asked == []


async def test_what_happened_today_is_decided_although_it_was_heard_of_hours_later(bank: Database):
    await record(bank, "login", "today", dt.timedelta(hours=23))
    assert await decided(bank, "today") == ["event:today"]
    assert asked == [True]


async def test_a_late_event_is_known_to_rules_at_its_own_time(bank: Database):
    await record(bank, "opinion", "old", dt.timedelta(days=3))
    await record(bank, "login", "new", dt.timedelta(minutes=1))
    await decided(bank, "old", "new")
    (row,) = await bank.read("MATCH (d:Decision) RETURN d.trace AS trace")
    said = {one["rule"]: one["gates"][0]["verdict"] for one in json.loads(row["trace"])}
    assert said == {"at_login": "PASS", "after_opinion": "PASS"}


async def test_of_several_events_of_a_lot_the_late_ones_decide_nothing(bank: Database):
    await record(bank, "login", "old", dt.timedelta(days=2))
    await record(bank, "login", "new", dt.timedelta(minutes=1))
    book = RuleBook([Found("late", "a test", SimpleNamespace(rules=rules))])
    service = DecisionService(bank, book, Terms(ContactPolicy.load(), exploration=0.0), clock=lambda: NOW)
    entries = [SimpleNamespace(payload={"eventId": key}) for key in ("old", "new")]
    await bank.write(lambda tx: service.decide_for_events(tx, entries))
    rows = await bank.read("MATCH (d:Decision) RETURN d.key AS key")
    assert [row["key"] for row in rows] == ["event:new"]
