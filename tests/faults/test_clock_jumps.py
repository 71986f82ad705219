"""The wall clock of real servers and workers jumps by days and hours while they run; nothing that counts goes by it."""

from __future__ import annotations

import asyncio
import datetime as dt
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from faulty_bank import PATIENCE, FaultyBank, free_port, until

from graph_crm.graph.outbox import Outbox
from graph_crm.products.catalogue import load_catalogue

pytestmark = pytest.mark.lts

READ = "{ parties(first: 1) { nodes { id } } }"
CREATE = """mutation M($name: String!, $points: [ContactPointInput!]!) {
  createPerson(input: {displayName: $name, country: "CZ", contactPoints: $points}) { id } }"""
EVENT = """mutation M($party: ID!, $type: String!, $at: DateTime) {
  recordEvent(input: {partyId: $party, type: $type, at: $at}) { id at } }"""
CONSENT = """mutation M($party: ID!, $status: ConsentStatus!, $at: DateTime) {
  recordConsent(input: {partyId: $party, statements: [{purpose: MARKETING, status: $status, at: $at}]}) { id } }"""
CALLED = """mutation M($party: ID!) {
  recordInteraction(input: {partyId: $party, channel: PHONE, direction: OUTBOUND, purpose: "OFFER"}) { id } }"""
RESERVE = """mutation M($party: ID!) {
  reserveContact(input: {partyId: $party, channel: PHONE}) { reserved findings { code } earliest { at limit } } }"""
OPEN = """mutation M($party: ID!) {
  openAgreement(input: {productCode: "CURRENT_ACCOUNT", holders: [{partyId: $party, role: OWNER}]}) { openedOn } }"""
LONG = dt.timedelta(days=100)
"""A token that is valid whatever the clock of the server says."""


def now() -> dt.datetime:
    """The true time, which is the database's too."""
    return dt.datetime.now(dt.UTC)


def instant(told: str) -> dt.datetime:
    return dt.datetime.fromisoformat(told)


@pytest.fixture(scope="module")
async def customer(bank: FaultyBank) -> str:
    """Somebody who may be called, and was called just now."""
    await load_catalogue(bank.database)
    party = str((await told(bank, CREATE, name="Jump", points=[{"kind": "PHONE", "value": "+420602123456"}]))["id"])
    await told(bank, CONSENT, party=party, status="GRANTED")
    await told(bank, CALLED, party=party)
    return party


@pytest.fixture(autouse=True)
async def _true_time_afterwards(bank: FaultyBank) -> AsyncIterator[None]:
    yield
    bank.jump("first")


async def told(bank: FaultyBank, query: str, **variables: Any) -> Any:
    """What the server whose clock jumps answers to the only field of a query."""
    answer = await bank.ask(bank.first, query, lasts=LONG, **variables)
    assert "errors" not in answer, answer
    (value,) = answer["data"].values()
    return value


async def clock(bank: FaultyBank) -> float | None:
    """How far the server says that its clock is ahead; None: it agrees with the database's. It is ready either way."""
    answer = await bank.http.get(f"{bank.first}/readyz")
    assert answer.status_code == 200
    said = answer.json().get("clock")
    if said is None:
        return None
    assert "time server" in said["advice"]
    return float(said["aheadSeconds"])


async def test_a_token_is_taken_only_while_both_clocks_say_that_it_is_valid(bank: FaultyBank):
    assert (await bank.code(bank.first, READ))[0] is None
    bank.jump("first", days=1)
    assert (await clock(bank)) == pytest.approx(86_400, abs=1)
    assert (await bank.code(bank.first, READ))[0] == "UNAUTHENTICATED"
    assert (await bank.ask(bank.first, READ, lasts=dt.timedelta(hours=30)))["data"]
    bank.jump("first", hours=-1)
    assert (await clock(bank)) == pytest.approx(-3_600, abs=1)
    ended = await bank.ask(bank.first, READ, lasts=dt.timedelta(minutes=-30))
    assert ended["errors"][0]["extensions"]["code"] == "UNAUTHENTICATED", "by a clock that is behind it is still valid"
    assert (await bank.code(bank.first, READ))[0] is None
    bank.jump("first")
    assert await clock(bank) is None
    assert (await bank.code(bank.first, READ))[0] is None


@pytest.mark.parametrize("off", [dt.timedelta(days=46), dt.timedelta(hours=-1)], ids=["ahead", "behind"])
async def test_what_is_recorded_gets_the_true_time_and_no_limit_is_broken(
    bank: FaultyBank, customer: str, off: dt.timedelta
):
    bank.jump("first", seconds=off.total_seconds())
    before = now() - dt.timedelta(seconds=1)
    event = await told(bank, EVENT, party=customer, type="atm_balance_check")
    assert before <= instant(event["at"]) <= now()
    said = now()
    assert instant((await told(bank, EVENT, party=customer, type="login", at=said.isoformat()))["at"]) <= now()
    tomorrow = (now() + dt.timedelta(days=1)).isoformat()
    refused = await bank.ask(bank.first, EVENT, lasts=LONG, party=customer, type="login", at=tomorrow)
    assert refused["errors"][0]["extensions"]["code"] == "BAD_USER_INPUT", "it is in the future for everybody"
    slot = await told(bank, RESERVE, party=customer)
    assert not slot["reserved"]
    assert "CONTACT_LIMIT" in {one["code"] for one in slot["findings"]}
    assert instant(slot["earliest"]["at"]) > now() + dt.timedelta(days=44)
    assert (await told(bank, OPEN, party=customer))["openedOn"] == str(now().date())


async def test_a_withdrawal_at_a_server_whose_clock_is_behind_is_later_than_the_consent_before_it(
    bank: FaultyBank, customer: str
):
    bank.jump("first", hours=-1)
    await told(bank, CONSENT, party=customer, status="GRANTED", at=now().isoformat())
    await told(bank, CONSENT, party=customer, status="WITHDRAWN")
    slot = await told(bank, RESERVE, party=customer)
    assert "CONSENT_WITHDRAWN" in {one["code"] for one in slot["findings"]}


async def worked(port: int) -> dict[str, float]:
    """The counts of a worker by its metrics: done, failed, lost, strays."""
    async with httpx.AsyncClient() as http:
        text = (await http.get(f"http://127.0.0.1:{port}/metrics")).text
    lines = [line for line in text.splitlines() if line.startswith("graph_crm_worker_entries_total{")]
    return {line.split('"')[1]: float(line.rpartition(" ")[2]) for line in lines}


async def test_workers_lose_and_double_nothing_and_timers_come_when_they_are_due(bank: FaultyBank, customer: str):
    ports = {name: free_port() for name in ("jumping", "steady")}
    workers = [bank.run(name, "worker", GRAPH_CRM_WORKER_METRICS_PORT=str(port)) for name, port in ports.items()]
    timers = "MATCH (t:Timer) RETURN count(t) AS timers, count(t.endedAt) AS ended, sum(t.turn) AS turns"

    async def begun() -> bool:
        row = (await bank.database.read(timers))[0]
        return bool(row["timers"]) and row["timers"] == row["ended"]

    await until(begun, "each timer was done once")
    turns = (await bank.database.read(timers))[0]["turns"]
    people = [str((await told(bank, CREATE, name=f"Worked {n}", points=[]))["id"]) for n in range(10)]
    for off in (dt.timedelta(days=1), dt.timedelta(hours=-1), dt.timedelta()):
        bank.jump("jumping", seconds=off.total_seconds())
        for one in people:
            await told(bank, EVENT, party=one, type="atm_balance_check")

    async def done() -> bool:
        counts = await Outbox(bank.database).counts()
        return counts["PENDING"] + counts["LEASED"] == 0

    await until(done, "every event is decided")
    counts = [await worked(port) for port in ports.values()]
    assert sum(one["done"] for one in counts) >= 30
    assert [(one["failed"], one["lost"], one["strays"]) for one in counts] == [(0, 0, 0)] * 2
    (row,) = await bank.database.read(
        "MATCH (d:Decision)-[:CAUSED_BY]->(e:Event)<-[:DID]-(p:Party) WHERE p.displayName STARTS WITH 'Worked' "
        "RETURN count(DISTINCT e) AS events, count(d) AS decisions"
    )
    assert (row["events"], row["decisions"]) == (30, 30)
    (row,) = await bank.database.read(
        "MATCH (t:Timer) RETURN sum(t.turn) AS turns, "
        "count(CASE WHEN t.dueAt > datetime.realtime() + duration('P2D') THEN 1 END) AS late"
    )
    assert row["late"] == 0
    assert row["turns"] - turns < 30, "timers run wild"
    for worker in workers:
        assert worker.poll() is None
        worker.terminate()
    assert [await asyncio.to_thread(one.wait, PATIENCE) for one in workers] == [0, 0]
