"""The report: the numbers of the API in tables and charts, on one page that asks no network."""

from __future__ import annotations

import datetime as dt
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest
from typer.testing import CliRunner
from written_log import request, store

from graph_crm.api.execution import Executor, Request
from graph_crm.api.schema import platform_schema
from graph_crm.cli import app
from graph_crm.errors import InvalidInput
from graph_crm.graph.database import Database
from graph_crm.importing.catalogue import ensure_products
from graph_crm.importing.demo_desk import seed_demo_desk
from graph_crm.requests.analytics.report import Report, make_report, plainly
from graph_crm.requests.analytics.service import RequestAnalytics
from graph_crm.security.roles import Caller, Role

LAST = dt.date(2026, 11, 20)
FIRST = LAST - dt.timedelta(days=90)
HOSTILE = "<script>alert('$x^2$')</script> & _co"


@pytest.fixture(scope="module")
async def desk(database: Database) -> Database:
    """A demo desk, and a customer with a name that no page must believe."""
    await database.execute(
        "MATCH (n) WHERE NOT n:Migration AND NOT n:Lock CALL (n) { DETACH DELETE n } IN TRANSACTIONS OF 5000 ROWS"
    )
    await database.execute(
        "UNWIND range(1, 30) AS n CREATE (p:Party:Person {id: 'demo:person:' + toString(n), country: 'CZ',"
        " displayName: 'Customer ' + toString(n), language: CASE n % 2 WHEN 0 THEN 'pl' ELSE 'en' END,"
        " birthDate: date('1980-01-01')})"
        " CREATE (p)-[:HOLDS]->(:Agreement {id: 'a' + toString(n), productCode: 'CURRENT_ACCOUNT'})"
    )
    await ensure_products(database)
    await seed_demo_desk(database, customers=300, seed=2, as_of=LAST)
    await database.execute("CREATE (:Party:Person {id: 'mallory', displayName: $name})", {"name": HOSTILE})
    await store(
        database, [request(f"m{n}", ("OPENED", "2026-11-16 09:00"), partyId="mallory", text=HOSTILE) for n in range(9)]
    )
    return database


@pytest.fixture(scope="module")
async def report(desk: Database) -> Report:
    return await make_report(RequestAnalytics(desk), FIRST, LAST, at=dt.datetime(2026, 11, 20, 17, tzinfo=dt.UTC))


class Page(HTMLParser):
    """The tables of a page by their section, and every address that it names."""

    def __init__(self) -> None:
        super().__init__()
        self.tables: dict[str, list[list[str]]] = {}
        self.addresses: list[str] = []
        self.scripts = 0
        self._section = ""
        self._cell: list[str] | None = None

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        self.scripts += tag == "script"
        self.addresses += [value or "" for name, value in attrs if name in ("src", "href", "xlink:href", "action")]
        if tag == "section":
            self._section = given["id"] or ""
            self.tables[self._section] = []
        elif tag == "tr":
            self.tables[self._section].append([])
        elif tag in ("td", "th"):
            self._cell = []

    def handle_endtag(self, tag: str) -> None:
        if tag in ("td", "th") and self._cell is not None:
            self.tables[self._section][-1].append("".join(self._cell))
            self._cell = None

    def handle_data(self, data: str) -> None:
        if self._cell is not None:
            self._cell.append(data)


@pytest.fixture(scope="module")
def page(report: Report) -> Page:
    found = Page()
    found.feed(report.html())
    return found


async def asked(desk: Database, query: str) -> Any:
    given = {"from": FIRST.isoformat(), "to": LAST.isoformat()}
    answer = await Executor(platform_schema(), desk).execute(Request(query, Caller("x", Role.ANALYST), given))
    assert "errors" not in answer, answer
    (value,) = answer["data"].values()
    return value


async def test_the_page_has_the_numbers_of_the_api(desk: Database, page: Page) -> None:
    by_category = await asked(
        desk,
        "query ($from: Date!, $to: Date!) { requestAnalytics(from: $from, to: $to, groupBy: [CATEGORY]) { groups {"
        " keys { name } sums { requests complaints open breached reopened firstContactShare"
        " resolution { count mean p50 p90 p95 longest } } } } }",
    )
    expected = []
    for one in by_category["groups"]:
        sums = one["sums"]
        share = sums["firstContactShare"]
        numbers = [str(sums[name]) for name in ("requests", "complaints", "open", "breached", "reopened")]
        expected.append([one["keys"][0]["name"], *numbers, "" if share is None else f"{share:.1%}"])
    assert page.tables["categories"][1:] == expected
    times = {row[0]: row[1:] for row in page.tables["resolution-times"][1:]}
    for one in by_category["groups"]:
        resolution = one["sums"]["resolution"]
        if resolution["count"]:
            told = [float(value.replace(",", "")) for value in times[one["keys"][0]["name"]]]
            wanted = [resolution[name] / 60 for name in ("mean", "p50", "p90", "p95", "longest")]
            assert told == pytest.approx([resolution["count"], *wanted], abs=0.006)
    backlog = await asked(
        desk,
        "query ($from: Date!, $to: Date!) { requestBacklog(from: $from, to: $to) { day opened reopened closed open } }",
    )
    assert page.tables["backlog"][1:] == [[str(value) for value in one.values()] for one in backlog]
    questions = await asked(
        desk,
        "query ($from: Date!, $to: Date!) { mostAskedQuestions(from: $from, to: $to)"
        " { name requests phrases { text } } }",
    )
    told = [row[:2] for row in page.tables["questions"][1:]]
    assert told == [[one["name"], str(one["requests"])] for one in questions]
    assert questions[0]["phrases"][0]["text"] in page.tables["questions"][1][3]


def test_every_chart_has_its_numbers_in_a_table(report: Report) -> None:
    drawn = [one for one in report.sections if one.chart]
    assert len(drawn) >= 12
    for one in drawn:
        assert one.rows, one.name
        ET.fromstring(one.chart)  # noqa: S314 - our own drawing: it is well-formed by itself


def test_the_page_asks_no_network_and_runs_nothing(report: Report, page: Page) -> None:
    html = report.html()
    assert page.scripts == 0
    assert all(address.startswith(("#", "data:")) for address in page.addresses)
    names = {"http://www.w3.org/2000/svg", "http://www.w3.org/1999/xlink", "http://www.w3.org/1999/xhtml"}
    assert set(re.findall(r"https?://[^\"' <>)]+", html)) <= names
    assert "default-src 'none'" in html


def test_what_people_wrote_is_shown_as_it_is(report: Report, page: Page) -> None:
    assert HOSTILE in [row[0] for row in page.tables["customers"]]
    assert "<script>" not in report.html()


async def test_a_period_without_requests_is_a_page_all_the_same(desk: Database) -> None:
    empty = await make_report(RequestAnalytics(desk), dt.date(2001, 1, 1), dt.date(2001, 1, 2))
    assert "Nothing in this period." in empty.html()
    assert plainly(empty)["sections"]["categories"] == []
    with pytest.raises(InvalidInput):
        await make_report(RequestAnalytics(desk), LAST, FIRST)


@pytest.mark.usefixtures("desk")
def test_the_command_writes_the_page_and_refuses_before_it_works(
    neo4j_address: tuple[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NEO4J_URI", neo4j_address[0])
    monkeypatch.setenv("NEO4J_PASSWORD", neo4j_address[1])
    monkeypatch.setenv("GRAPH_CRM_DATA_DIR", str(tmp_path / "data"))
    run = CliRunner()
    file = tmp_path / "report.html"
    period = ["--from", FIRST.isoformat(), "--to", LAST.isoformat()]
    done = run.invoke(app, ["requests", "report", *period, "--html", str(file), "--kind", "COMPLAINT"])
    assert done.exit_code == 0, done.output
    assert "Only: kind COMPLAINT." in file.read_text("utf-8")
    refused = run.invoke(app, ["requests", "report", *period, "--html", str(tmp_path / "no" / "report.html")])
    assert isinstance(refused.exception, InvalidInput)
    listed = run.invoke(app, ["requests", "list", "--status", "closed", "--most", "3", "--json"])
    assert listed.exit_code == 0, listed.output
    number = re.search(r'"number": "(R-[0-9A-Z-]+)"', listed.output)
    assert number is not None
    shown = run.invoke(app, ["requests", "show", number[1].lower(), "--json"])
    assert '"kind": "CLOSED"' in shown.output
    nobody = run.invoke(app, ["requests", "show", "R-0000-0000"])
    assert nobody.exit_code != 0
    loaded = run.invoke(app, ["requests", "articles"])
    assert "0 new, 0 changed" in loaded.output
