"""The pages on requests in numbers, complaints and the knowledge base say what is so."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from graph_crm.api.execution import Executor, Request
from graph_crm.api.schema import platform_schema
from graph_crm.graph.database import Database
from graph_crm.requests.analytics.kinds import Dimension
from graph_crm.requests.analytics.service import MOST_GROUPS, MOST_REQUESTS, PAGE
from graph_crm.requests.complaints.kinds import RootCause
from graph_crm.security.roles import Caller, Role

DOCS = Path(__file__).parents[3] / "docs"
NUMBERS = (DOCS / "request-analytics.md").read_text("utf-8")
QUERIES = re.findall(r"^```gql\n(.*?)^```", NUMBERS, flags=re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize("query", QUERIES)
async def test_a_query_of_the_page_runs_for_an_analyst(empty_database: Database, query: str) -> None:
    executor = Executor(platform_schema(), empty_database)
    answer = await executor.execute(Request(query, Caller("x", Role.ANALYST), {}))
    assert "errors" not in answer, answer


def test_the_page_names_every_grouping_and_the_bounds_that_are_in_force() -> None:
    assert all(f"`{one}`" in NUMBERS for one in Dimension)
    assert {f"{bound:,}" for bound in (PAGE, MOST_REQUESTS, MOST_GROUPS)} <= set(re.findall(r"\d+,\d+", NUMBERS))


def test_the_page_of_complaints_names_every_cause() -> None:
    page = (DOCS / "complaints.md").read_text("utf-8")
    causes = page.partition("| cause | meaning |")[2].partition("\n\n")[0]
    assert set(re.findall(r"`([A-Z_]+)`", causes)) == set(RootCause)
