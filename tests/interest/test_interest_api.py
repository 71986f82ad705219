"""What GraphQL says of interest, and to whom; the queries of the documentation run."""

from __future__ import annotations

import datetime as dt
import re
from typing import Any

import pytest

from graph_crm.api.execution import Executor, Request
from graph_crm.api.schema import platform_schema
from graph_crm.contacts.kinds import Channel
from graph_crm.events.service import EventService, RecordEvent
from graph_crm.graph.database import Database
from graph_crm.interest.service import InterestKeeper
from graph_crm.resources import folder
from graph_crm.security.roles import Caller, Role

NOON = dt.datetime(2026, 6, 15, 12, tzinfo=dt.UTC)
PAGE = (folder("schema").parent / "docs" / "interest.md").read_text("utf-8")
QUERIES = re.findall(r"^```(?:gql|graphql)\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)


@pytest.fixture
async def executor(empty_database: Database) -> Executor:
    await empty_database.execute(
        """CREATE (:Product {code: 'TERM_DEPOSIT', familyCode: 'DEPOSIT'})
        WITH 1 AS one UNWIND range(1, 5) AS number
        CREATE (:Party:Person {id: 'p' + number, displayName: 'P' + number})"""
    )
    events = EventService(empty_database, effects=[InterestKeeper().note])
    await events.record_many(
        [
            RecordEvent(
                type="product_page_view",
                party_id=f"p{number}",
                at=NOON + dt.timedelta(hours=again),
                channel=Channel.ONLINE,
                payload={"productCode": "TERM_DEPOSIT"},
            )
            for number in range(1, 5)
            for again in range(number)
        ]
    )
    return Executor(platform_schema(), empty_database)


async def ask(executor: Executor, query: str, role: Role = Role.MARKETER, **variables: Any) -> dict[str, Any]:
    answer = await executor.execute(Request(query, Caller("test", role, "p1"), variables))
    assert "errors" not in answer, answer
    return answer["data"]


async def test_the_queries_of_the_page_answer(executor: Executor):
    totals, who, one = [await ask(executor, query, **({"id": "p4"} if "$id" in query else {})) for query in QUERIES]
    assert totals["byProduct"] == [{"key": "TERM_DEPOSIT", "views": 10, "customers": 4, "started": 0, "abandoned": 0}]
    assert totals["byDay"] == [{"key": "2026-06-15", "views": 10, "customers": 4}]
    assert who["interestedCustomers"]["totalCount"] == 4
    edges = who["interestedCustomers"]["edges"]
    assert [(edge["node"]["id"], edge["views"], edge["lastDay"]) for edge in edges] == [
        (f"p{number}", number, "2026-06-15") for number in range(1, 5)
    ]
    (interest,) = one["party"]["interests"]["nodes"]
    assert (interest["views"], interest["familyCode"]) == (4, "DEPOSIT")
    assert interest["lastAt"] == "2026-06-15T15:00:00.000Z"
    assert interest["days"]["nodes"] == [{"day": "2026-06-15", "views": 4}]
    faded = 2 ** ((NOON - dt.datetime.now(dt.UTC)) / dt.timedelta(days=30))
    assert interest["score"] == pytest.approx(4 * faded, rel=0.01)


async def test_the_customers_are_read_page_by_page(executor: Executor):
    query = """query ($after: String) {
      interestedCustomers(productCode: "TERM_DEPOSIT", from: "2026-06-01", to: "2026-06-30", first: 3, after: $after) {
        edges { node { id } } pageInfo { hasNextPage endCursor }
      }
    }"""
    found, after = [], None
    while True:
        page = (await ask(executor, query, after=after))["interestedCustomers"]
        found += [edge["node"]["id"] for edge in page["edges"]]
        if not page["pageInfo"]["hasNextPage"]:
            break
        after = page["pageInfo"]["endCursor"]
    assert found == ["p1", "p2", "p3", "p4"]


@pytest.mark.parametrize("literal", [True, False])
async def test_a_period_that_is_turned_round_is_refused_with_one_error(executor: Executor, *, literal: bool):
    """In each call: the statement of a period that was in order is used again."""

    def asked(start: str, end: str) -> tuple[str, dict[str, str]]:
        head, first, last = ("", f'"{start}"', f'"{end}"') if literal else ("($a: Date!, $b: Date!)", "$a", "$b")
        query = f"""query {head} {{
          interestedCustomers(productCode: "TERM_DEPOSIT", from: {first}, to: {last}) {{ totalCount }}
        }}"""
        return query, {} if literal else {"a": start, "b": end}

    query, variables = asked("2026-06-15", "2026-06-15")
    assert (await ask(executor, query, **variables))["interestedCustomers"]["totalCount"] == 4
    query, variables = asked("2026-06-16", "2026-06-15")
    answer = await executor.execute(Request(query, Caller("test", Role.MARKETER), variables))
    (error,) = answer["errors"]
    assert (error["message"], error["extensions"]["field"]) == ("to: lies before from", "to")


@pytest.mark.parametrize("query", QUERIES)
async def test_neither_agents_nor_customers_see_the_interest_of_many(executor: Executor, query: str):
    """A statement that was compiled for a marketer answers nobody else."""
    await ask(executor, query, id="p1")
    for role in (Role.CUSTOMER, Role.AGENT):
        answer = await executor.execute(Request(query, Caller("test", role, "p1"), {"id": "p1"}))
        if "party(id" in query and role is Role.AGENT:
            assert "errors" not in answer
        else:
            assert {error["extensions"]["code"] for error in answer["errors"]} == {"FORBIDDEN"}
