"""Events and sessions through GraphQL and the command, as front ends and operators use them."""

from __future__ import annotations

import asyncio
import datetime as dt
import json
import os
import re
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result
from typer.testing import CliRunner

from graph_crm import bootstrap, cli
from graph_crm.api.execution import Executor, Request
from graph_crm.api.schema import platform_schema
from graph_crm.errors import CrmError, InvalidInput
from graph_crm.events.catalogue import standard_catalogue
from graph_crm.events.counting import EventCounting
from graph_crm.events.service import EventService
from graph_crm.graph.database import Database
from graph_crm.rules.manager import RuleBook
from graph_crm.security.roles import Caller, Role
from graph_crm.sessions.service import SessionService
from graph_crm.settings import Settings

Command = Callable[..., Awaitable[Result]]
ROOT = Path(__file__).parents[2]
NOW = dt.datetime.now(dt.UTC).replace(microsecond=0)
SAFE_PLUGIN = """
from graph_crm.rules import EventType, Payload, Text, hookimpl


class SafeOpened(Payload):
    safe: Text


@hookimpl
def event_types():
    return [EventType("safe_opened", SafeOpened, "The customer opened the safe.", keep_days=10)]
"""


class Asking:
    """Asks the wired platform."""

    def __init__(self, executor: Executor) -> None:
        self._executor = executor

    async def __call__(self, query: str, role: Role = Role.ADMINISTRATOR, **variables: Any) -> dict[str, Any]:
        return await self._executor.execute(Request(query, Caller("test", role), variables))

    async def data(self, query: str, **variables: Any) -> Any:
        answer = await self(query, **variables)
        assert "errors" not in answer, answer["errors"]
        return answer["data"]


@pytest.fixture
async def ask(empty_database: Database, tmp_path: Path) -> Asking:
    await empty_database.execute("UNWIND ['p1', 'p2'] AS id CREATE (:Party:Person {id: id, displayName: id})")
    (tmp_path / "safe.py").write_text(SAFE_PLUGIN)
    settings = Settings(data_dir=tmp_path / "data", neo4j_uri=None)
    book = RuleBook.load([tmp_path], installed=False)
    assert book.problems == []
    events, sessions = bootstrap.event_services(settings, empty_database, book, bootstrap.terms(settings, book))
    provided = {
        EventService: events,
        SessionService: sessions,
        EventCounting: EventCounting(empty_database, events.keeping),
    }
    return Asking(Executor(platform_schema(), empty_database, provided.__getitem__))


RECORD = """
mutation ($events: [EventRowInput!]!) {
  recordEvents(events: $events) { recorded duplicates ids refused { index id code field reason hint } }
}
"""
COUNTS = """
query ($from: Date!, $to: Date!) {
  eventCounts(from: $from, to: $to, groupBy: [TYPE, DAY]) { events type channel day }
}
"""


async def test_a_batch_with_bad_events_tells_what_became_of_each(ask: Asking):
    events = [
        {"type": "login", "partyId": "p1", "id": "e1"},
        {"type": "safe_opened", "partyId": "p2", "id": "e2", "payload": {"safe": "7"}},
        {"type": "login", "partyId": "p1", "channel": "TELEX", "id": "e3"},
        {"type": "login", "id": "e4"},
        {"type": "login", "partyId": "p1", "id": "e1"},
    ]
    done = (await ask.data(RECORD, events=events))["recordEvents"]
    assert (done["recorded"], done["duplicates"]) == (["e1", "e2"], ["e1"])
    assert done["ids"] == ["e1", "e2", None, None, "e1"]
    assert [(one["index"], one["id"], one["code"], one["field"]) for one in done["refused"]] == [
        (2, "e3", "BAD_USER_INPUT", "channel"),
        (3, "e4", "BAD_USER_INPUT", "partyId"),
    ]


async def test_too_many_events_are_refused_together(ask: Asking):
    answer = await ask(RECORD, events=[{"type": "login", "partyId": "p1"}] * 1001)
    (error,) = answer["errors"]
    assert (error["extensions"]["code"], error["extensions"]["limit"]) == ("BAD_USER_INPUT", 1000)


async def test_the_types_are_listed_with_their_schemas(ask: Asking):
    found = await ask.data("{ eventTypes { name description payloadSchema keepDays } }")
    types = {one["name"]: one for one in found["eventTypes"]}
    assert types["safe_opened"]["keepDays"] == 10
    assert types["safe_opened"]["payloadSchema"]["required"] == ["safe"]
    assert types["complaint"]["keepDays"] > types["page_view"]["keepDays"]


async def test_counts_are_for_those_with_insight(ask: Asking):
    day = (NOW - dt.timedelta(days=3)).date()
    at = f"{day}T10:00:00Z"
    await ask.data(RECORD, events=[{"type": "login", "partyId": "p1", "at": at}] * 3)
    period = {"from": str(day), "to": str(day)}
    found = await ask.data(COUNTS, **period)
    assert found["eventCounts"] == [{"events": 3, "type": "login", "channel": None, "day": str(day)}]
    for role, allowed in ((Role.MARKETER, True), (Role.AGENT, False), (Role.CUSTOMER, False)):
        answer = await ask(COUNTS, role, **period)
        assert ("errors" not in answer) == allowed


async def test_a_session_is_read_with_its_customer_its_steps_and_its_events(ask: Asking):
    # Of the test, not of the run: a session that began long ago is over.
    start = dt.datetime.now(dt.UTC).replace(microsecond=0) - dt.timedelta(minutes=10)
    told = {"id": "s1", "partyId": "p1", "kind": "ONLINE", "startedAt": start.isoformat(), "place": "Brno"}
    mutation = "mutation ($i: StartSessionInput!) { startSession(input: $i) { id state seconds party { id } } }"
    began = (await ask.data(mutation, i=told))["startSession"]
    assert began == {"id": "s1", "state": "OPEN", "seconds": None, "party": {"id": "p1"}}
    steps = [("page_view", 2, {"page": "loans"}), ("page_view", 1, {"page": "home"}), ("login", 0, None)]
    events = [
        {"type": kind, "partyId": "p1", "sessionId": "s1", "at": (start + dt.timedelta(minutes=after)).isoformat(),
         "payload": payload, "channel": "ONLINE"}
        for kind, after, payload in steps
    ]  # fmt: skip
    await ask.data(RECORD, events=events)
    end = {"id": "s1", "endedAt": (start + dt.timedelta(minutes=5)).isoformat()}
    await ask.data("mutation ($i: EndSessionInput!) { endSession(input: $i) { state } }", i=end)
    found = await ask.data(
        """
        { party(id: "p1") { sessions { nodes {
          state seconds place eventCount tabs { at name } operations { name } events { nodes { type session { id } } }
        } } }
          sessions(where: {kind: {eq: ONLINE}}) { nodes { id } } }
        """
    )
    (session,) = found["party"]["sessions"]["nodes"]
    assert (session["state"], session["seconds"], session["place"]) == ("ENDED", 300, "Brno")
    assert [tab["name"] for tab in session["tabs"]] == ["home", "loans"]
    assert session["tabs"][0]["at"] == f"{start + dt.timedelta(minutes=1):%Y-%m-%dT%H:%M:%S}.000Z"
    assert session["operations"] == [{"name": "login"}]
    assert session["events"]["nodes"][0] == {"type": "login", "session": {"id": "s1"}}
    assert [node["type"] for node in session["events"]["nodes"]] == ["login", "page_view", "page_view"]
    assert found["sessions"]["nodes"] == [{"id": "s1"}]


async def test_a_customer_reads_no_sessions(ask: Asking):
    caller = Caller("anna", Role.CUSTOMER, party_id="p1")
    answer = await ask._executor.execute(Request('{ party(id: "p1") { sessions { nodes { id } } } }', caller, {}))
    assert answer["errors"][0]["extensions"]["code"] == "FORBIDDEN"


@pytest.fixture
def command(neo4j_address: tuple[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Command:
    """The command on the database of this run, in a thread: it has an event loop of its own."""
    for name in [name for name in os.environ if name.startswith(("GRAPH_CRM_", "NEO4J_"))]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("GRAPH_CRM_DATA_DIR", str(tmp_path))
    monkeypatch.setenv("NEO4J_URI", neo4j_address[0])
    monkeypatch.setenv("NEO4J_PASSWORD", neo4j_address[1])

    async def command(*arguments: str, given: str = "") -> Result:
        done = await asyncio.to_thread(CliRunner().invoke, cli.app, ["events", *arguments], input=given)
        assert isinstance(done.exception, SystemExit | CrmError | None), repr(done.exception)
        return done

    return command


async def test_a_file_is_recorded_and_its_bad_lines_are_listed(
    empty_database: Database, command: Command, tmp_path: Path
):
    await empty_database.execute("CREATE (:Party:Person {id: 'p1'})")
    file = tmp_path / "events.jsonl"
    lines = ['{"type": "login", "partyId": "p1", "id": "e1"}', "", "{oops", '{"type": "login", "partyId": "who"}']
    file.write_text("\n".join(lines))
    done = await command("record", str(file))
    assert done.exit_code == 1, (done.exception, done.output)
    assert done.stdout.splitlines() == [
        "line 3: BAD_USER_INPUT: The line is no JSON",
        "line 4: NOT_FOUND: There is no party with this id",
        "1 recorded, 0 known before, 2 refused.",
    ]
    again = await command("record", "-", "--json", given=lines[0])
    assert again.exit_code == 0, (again.exception, again.output)
    assert (again.exit_code, json.loads(again.stdout)) == (0, {"recorded": 0, "duplicates": 1, "refused": []})


async def test_a_file_that_is_not_there_is_an_error(command: Command, tmp_path: Path):
    done = await command("record", str(tmp_path / "none.jsonl"))
    assert isinstance(done.exception, InvalidInput)


async def test_the_command_says_what_retention_would_remove_and_removes_it(empty_database: Database, command: Command):
    await empty_database.execute(
        "CREATE (:Party:Person {id: 'p1'})-[:DID]->(:Event {id: 'e1', type: 'login', partyId: 'p1', "
        "at: datetime() - duration({days: 500})})"
    )
    expected = [{"type": "login", "days": 400, "removed": 1, "held": 0}]
    for arguments, left in ((["--dry-run"], 1), ([], 0)):
        done = await command("retention", "--json", *arguments)
        assert done.exit_code == 0, (done.exception, done.output)
        assert json.loads(done.stdout) == expected
        assert len(await empty_database.read("MATCH (e:Event) RETURN e.id")) == left


async def test_the_command_lists_the_types(command: Command):
    types = {one["name"]: one for one in json.loads((await command("types", "--json")).stdout)}
    assert types["card_payment"]["payloadSchema"]["required"] == ["amount", "currency"]
    assert "amount*, currency*" in (await command("types")).stdout


BLOCK = re.compile(r"^```(?:graphql|gql)\n(.*?)^```\n(?:\n```json\n(.*?)^```)?", re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize("page", ["events.md", "sessions.md"])
async def test_what_the_pages_show_is_answered(ask: Asking, empty_database: Database, page: str):
    await empty_database.execute("CREATE (:Party:Person {id: 'branch-7:anna', displayName: 'Anna'})")
    answers: dict[str, Any] = {}
    for document, variables in BLOCK.findall((ROOT / "docs" / page).read_text("utf-8")):
        given = json.loads(variables) if variables else {"id": "branch-7:anna"}
        answers |= await ask.data(document, **given)
    if page == "events.md":
        done = answers["recordEvents"]
        assert (done["recorded"], done["duplicates"]) == (["web:1"], ["web:1"])
        assert [(one["index"], one["field"]) for one in done["refused"]] == [(1, "type")]
    else:
        assert answers["endSession"]["state"] == "ENDED"
        assert [one["state"] for one in answers["party"]["sessions"]["nodes"]] == ["ENDED"]


def test_the_page_names_every_type_that_the_platform_ships_with():
    page = (ROOT / "docs" / "events.md").read_text("utf-8")
    assert [one.name for one in standard_catalogue() if f"`{one.name}`" not in page] == []
