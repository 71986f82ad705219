"""The whole platform from an event to what the bank learns of the answer: advice, refusal, cool-off, a call, a yes."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any

import pytest

from graph_crm import bootstrap
from graph_crm.api.execution import Executor, Request
from graph_crm.api.platform import Platform
from graph_crm.api.schema import platform_schema
from graph_crm.graph.database import Database
from graph_crm.products.catalogue import load_catalogue
from graph_crm.resources import folder
from graph_crm.rules.manager import RuleBook
from graph_crm.security.roles import Caller, Role
from graph_crm.security.tokens import Verifier
from graph_crm.settings import Settings

pytestmark = pytest.mark.lts

BANK = """
CREATE (p:Party:Person {id: 'anna', displayName: 'Anna', status: 'ACTIVE', version: 1,
  country: 'CZ', timeZone: 'Europe/Prague'})
CREATE (p)-[:GAVE]->(:Consent {id: 'consent:1', partyId: 'anna', purpose: 'MARKETING', status: 'GRANTED',
  at: datetime('2026-01-01T00:00:00Z'), recordedAt: datetime('2026-01-01T00:00:00Z')})
CREATE (p)-[:HOLDS {role: 'OWNER', since: date('2020-01-01')}]->(:Agreement {id: 'account', status: 'ACTIVE',
  productCode: 'CURRENT_ACCOUNT', familyCode: 'CURRENT_ACCOUNT', openedOn: date('2020-01-01')})
"""
EVENT = "mutation ($input: RecordEventInput!) { recordEvent(input: $input) { id } }"
SAY = "mutation ($input: RecordResponseInput!) { recordResponse(input: $input) { id offer { status } } }"
DECIDE = """mutation ($input: DecideInput!) { decide(input: $input) {
  offers { nodes { id productCode } } trace { candidate { productCode } gates { name verdict reasonCode } } } }"""
PATH = """{ party(id: "anna") { offers { nodes {
  id status decision { trigger causedBy { id } } interactions { nodes { direction outcome } }
  responses { nodes { outcome } } agreement { productCode } } } } }"""


@pytest.fixture
async def platform(empty_database: Database, tmp_path: Path) -> Platform:
    await load_catalogue(empty_database)
    await empty_database.execute(BANK)
    book = RuleBook.load([folder("plugins")], installed=False)
    settings = Settings(data_dir=tmp_path, exploration=0.0, control_share=0.0)
    return bootstrap.wired(settings, empty_database, Verifier("s" * 32), book)


async def ask(platform: Platform, query: str, **variables: Any) -> Any:
    executor = Executor(platform_schema(), platform.database, platform.service)
    answer = await executor.execute(Request(query, Caller("desk-1", Role.SERVICE), variables))
    assert "errors" not in answer, answer
    (value,) = answer["data"].values()
    return value


async def learned(platform: Platform) -> dict[str, tuple[int, int]]:
    rows = await platform.database.read(
        "MATCH (c:LearnedCount {feature: ''}) RETURN c.model AS model, c.yes AS yes, c.no AS no"
    )
    return {row["model"]: (row["yes"], row["no"]) for row in rows}


async def advised(platform: Platform) -> dict[str, str]:
    """The offers that the cash machine may show now: product and id."""
    found = await ask(platform, DECIDE, input={"partyId": "anna", "channel": "ATM"})
    return {one["productCode"]: one["id"] for one in found["offers"]["nodes"]}


async def test_a_refusal_is_learned_and_rests(platform: Platform) -> None:
    await ask(platform, EVENT, input={"id": "e1", "type": "atm_balance_check", "partyId": "anna", "channel": "ATM"})
    worker = bootstrap.worker(platform)
    await worker.drain()
    (offer,) = (await ask(platform, PATH))["offers"]["nodes"]
    assert (offer["status"], offer["decision"]["causedBy"]) == ("PROPOSED", {"id": "e1"})
    for outcome in ("PRESENTED", "REJECTED"):
        await ask(platform, SAY, input={"offerId": offer["id"], "outcome": outcome, "channel": "ATM"})
    await worker.drain()
    assert await learned(platform) == {"SMALL_LOAN|ATM": (0, 1)}

    found = await ask(platform, DECIDE, input={"partyId": "anna", "channel": "ATM"})
    assert "SMALL_LOAN" not in {one["productCode"] for one in found["offers"]["nodes"]}
    gates = [
        gate
        for one in found["trace"]
        if one["candidate"]["productCode"] == "SMALL_LOAN"
        for gate in one["gates"]
        if gate["verdict"] != "PASS"
    ]
    assert {(gate["name"], gate["reasonCode"]) for gate in gates} == {("cool_off", "PRODUCT_REFUSED")}


async def test_a_yes_is_learned_and_leads_to_the_agreement(platform: Platform) -> None:
    await ask(platform, EVENT, input={"id": "e1", "type": "atm_balance_check", "partyId": "anna", "channel": "ATM"})
    offers = await advised(platform)
    for outcome in ("PRESENTED", "CLICKED", "ACCEPTED"):
        await ask(platform, SAY, input={"offerId": offers["SMALL_LOAN"], "outcome": outcome})
    await bootstrap.worker(platform).drain()
    assert await learned(platform) == {"SMALL_LOAN|ATM": (1, 0)}
    nodes = (await ask(platform, PATH))["offers"]["nodes"]
    offer = next(one for one in nodes if one["id"] == offers["SMALL_LOAN"])
    assert offer["interactions"]["nodes"] == [{"direction": "INBOUND", "outcome": "ACCEPTED"}]
    assert [one["outcome"] for one in offer["responses"]["nodes"]] == ["ACCEPTED", "CLICKED", "PRESENTED"]
    assert offer["agreement"] == {"productCode": "SMALL_LOAN"}


async def test_the_timers_end_what_nobody_answered_and_the_learner_hears_of_it(platform: Platform) -> None:
    await ask(platform, EVENT, input={"id": "e1", "type": "atm_balance_check", "partyId": "anna", "channel": "ATM"})
    offers = await advised(platform)
    await ask(platform, SAY, input={"offerId": offers["SMALL_LOAN"], "outcome": "PRESENTED"})
    await platform.database.execute(
        "MATCH (o:Offer) SET o.validUntil = $now", {"now": dt.datetime.now(dt.UTC) - dt.timedelta(seconds=1)}
    )
    assert "offers.expire" in await bootstrap.timers(platform).run_due()
    assert {one["status"] for one in (await ask(platform, PATH))["offers"]["nodes"]} == {"EXPIRED"}
    await bootstrap.worker(platform).drain()
    assert await learned(platform) == {"SMALL_LOAN|ATM": (0, 1)}
