"""The service desk of the demo bank: the same every time, and as the platform itself would have written it."""

from __future__ import annotations

import datetime as dt
from collections import Counter

import pytest

from graph_crm.contacts.desk import ContactDesk
from graph_crm.contacts.policy import ContactPolicy
from graph_crm.graph.database import Database
from graph_crm.importing.demo_bank import seed_demo_bank
from graph_crm.importing.demo_desk import read_desk, seed_demo_desk
from graph_crm.requests.analytics.kinds import Dimension
from graph_crm.requests.analytics.service import RequestAnalytics
from graph_crm.requests.complaints.kinds import RootCause
from graph_crm.requests.desk import Desk
from graph_crm.requests.kinds import RequestOutcome, RequestStatus
from graph_crm.requests.knowledge.files import read_articles
from graph_crm.requests.numbers import parse
from graph_crm.requests.service import RequestService

TODAY = dt.date(2026, 11, 20)
CUSTOMERS = 300
GRAPH = """
MATCH (r:ServiceRequest)
RETURN r.id AS id, r.number AS number, r.category AS category, r.status AS status, r.kind AS kind,
  COLLECT { MATCH (r)-[:LOGGED]->(e) RETURN [e.seq, e.kind, e.at.epochMillis] ORDER BY e.seq } AS log,
  r.openOwnerId AS desk, r.rootCause AS cause, r.closedAt IS NOT NULL AS closed
ORDER BY id
"""


@pytest.fixture(scope="module")
async def bank(database: Database) -> Database:
    await database.execute(
        "MATCH (n) WHERE NOT n:Migration AND NOT n:Lock CALL (n) { DETACH DELETE n } IN TRANSACTIONS OF 5000 ROWS"
    )
    await seed_demo_bank(database, customers=40, seed=1, as_of=TODAY)
    assert await seed_demo_desk(database, customers=CUSTOMERS, seed=1, as_of=TODAY) == 66
    return database


async def test_twice_gives_the_same_desk(bank: Database) -> None:
    before = [dict(row) for row in await bank.read(GRAPH)]
    nodes = (await bank.read("MATCH (n) RETURN count(n) AS n"))[0]["n"]
    assert await seed_demo_desk(bank, customers=CUSTOMERS, seed=1, as_of=TODAY) == 0
    assert [dict(row) for row in await bank.read(GRAPH)] == before
    assert (await bank.read("MATCH (n) RETURN count(n) AS n"))[0]["n"] == nodes


async def test_every_request_has_a_log_that_its_status_follows_from(bank: Database) -> None:
    states = Counter()
    for row in await bank.read(GRAPH):
        kinds = [kind for _, kind, _ in row["log"]]
        times = [at for _, _, at in row["log"]]
        assert [seq for seq, _, _ in row["log"]] == list(range(1, len(kinds) + 1))
        assert times == sorted(times)
        assert max(times) <= dt.datetime(2026, 11, 20, 16, tzinfo=dt.UTC).timestamp() * 1000
        assert kinds[:4] == ["OPENED", "SORTED", "ASSIGNED", "ACKNOWLEDGED"]
        assert parse(row["number"]) == row["number"]
        assert row["closed"] == (row["status"] == "CLOSED") == (kinds[-1] == "CLOSED")
        assert (row["desk"] is None) == (row["status"] in ("CLOSED", "ANSWERED"))
        states[row["status"]] += 1
    assert states["CLOSED"] > 40
    assert len(states) >= 3


async def test_what_was_seeded_is_what_the_platform_works_with(bank: Database) -> None:
    """Analytics sum it up, an open complaint silences, and a request can be worked on."""
    first = TODAY - dt.timedelta(days=100)
    found = await RequestAnalytics(bank).analyse(first, TODAY, [Dimension.CATEGORY])
    assert found.total.requests == 66
    assert found.total.helped > 5
    assert found.total.settled > found.total.at_first_answer > 10
    assert found.total.breached > 0
    days = await RequestAnalytics(bank).backlog(first, TODAY)
    assert days[-1].open == sum(
        row["status"] != "CLOSED" for row in await bank.read("MATCH (r:ServiceRequest) RETURN r.status AS status")
    )
    (row,) = await bank.read(
        "MATCH (r:ServiceRequest {status: 'ASSIGNED', kind: 'REQUEST'}) RETURN r.number AS number ORDER BY r.id LIMIT 1"
    )
    changed = await RequestService(bank).close(row["number"], RequestOutcome.SOLVED, by="demo:agent")
    assert changed.status is RequestStatus.CLOSED


async def test_complaints_of_the_demo_silence_while_they_are_open(bank: Database) -> None:
    rows = await bank.read(
        "MATCH (p:Party)-[:ASKED]->(r:ServiceRequest {kind: 'COMPLAINT'})"
        " RETURN p.id AS party, collect(r.status) AS states ORDER BY party"
    )
    assert rows
    desk = ContactDesk(bank, ContactPolicy.load)
    for row in rows:
        _, found = await desk.earliest(row["party"], "PHONE", product_code="CREDIT_CARD")
        open_ones = [state for state in row["states"] if state != "CLOSED"]
        if open_ones:
            assert found.at is None
        else:
            assert found.because.code != "COMPLAINT_OPEN"


def test_the_settings_of_the_demo_fit_the_desk_its_teams_and_the_articles() -> None:
    settings, desk = read_desk(), Desk.load()
    teams = {one.team for one in settings.employees}
    assert {one.team for one in desk.categories} | {desk.sorting_team} <= teams
    assert {one.category for one in settings.asked} <= {one.code for one in desk.categories}
    assert {cause for one in settings.asked for cause in one.root_causes} <= set(RootCause)
    assert {one.category for one in read_articles()} <= {one.code for one in desk.categories}
