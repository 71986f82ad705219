"""The audit as it is met from outside: over HTTP, and by the command."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from small_audit import KEY, Ledger
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route
from typer.testing import CliRunner

from graph_crm import bootstrap
from graph_crm.api.app import create_app
from graph_crm.api.visits import Visits
from graph_crm.audit import acting, reading
from graph_crm.audit.entries import Hidden, records_of
from graph_crm.audit.keys import AuditKeyMissing, Keyring, keyring
from graph_crm.audit.kinds import AuditKind
from graph_crm.audit.reading import AuditFull, Readings
from graph_crm.audit.service import Audit
from graph_crm.audit.wiring import keys_of
from graph_crm.cli import app
from graph_crm.cli.console import operator, print_table
from graph_crm.errors import ConfigurationError, DatabaseUnavailable
from graph_crm.graph.database import Database
from graph_crm.rules.manager import RuleBook
from graph_crm.security.roles import Role
from graph_crm.security.tokens import Verifier, issue
from graph_crm.settings import Settings

pytestmark = pytest.mark.lts
SECRET = "a-secret-of-more-than-thirty-two-characters"
TOKEN = issue(SECRET, Role.AUDITOR, subject="olga")


@pytest.fixture
async def client(empty_database: Database, tmp_path: Path) -> AsyncIterator[httpx.AsyncClient]:
    """A server over the empty database, whose audit is attached."""
    settings = Settings(data_dir=tmp_path, neo4j_uri=None, jwt_secret=SECRET)
    platform = bootstrap.wired(settings, empty_database, Verifier(SECRET), RuleBook.load([], installed=False))
    transport = httpx.ASGITransport(create_app(platform), client=("192.0.2.9", 1))
    async with httpx.AsyncClient(transport=transport, base_url="http://bank", headers={"user-agent": "Desk/1"}) as made:
        yield made
    await platform.service(Audit).close()
    empty_database.journal = None


async def records(database: Database) -> list[Any]:
    audit = database.journal
    assert isinstance(audit, Audit)
    await audit.readings.drain()
    return await Ledger(database, audit).records()


async def test_the_first_use_of_a_token_its_refusals_and_reasons_are_written_down(
    client: httpx.AsyncClient, empty_database: Database
) -> None:
    asked = {"query": "query Look { parties { nodes { id } } }"}
    bearer = {"authorization": f"Bearer {TOKEN}"}
    for _ in range(2):
        assert (await client.post("/graphql", json=asked, headers={**bearer, "x-reason": "check:7"})).status_code == 200
    assert (await client.post("/graphql", json=asked, headers={"authorization": "Bearer nonsense"})).status_code == 401
    told = [(one.kind, one.who, one.why, one.address, one.agent) for one in await records(empty_database)]
    assert told == [
        (AuditKind.LOGIN, "olga", "check:7", "192.0.2.9", "Desk/1"),
        (AuditKind.READ, "olga", "check:7", "192.0.2.9", "Desk/1"),
        (AuditKind.READ, "olga", "check:7", "192.0.2.9", "Desk/1"),
        (AuditKind.DENIAL, "nobody", None, "192.0.2.9", "Desk/1"),
    ]
    assert TOKEN not in str(told)


async def test_a_reason_that_is_a_text_is_refused(client: httpx.AsyncClient, empty_database: Database) -> None:
    headers = {"authorization": f"Bearer {TOKEN}", "x-reason": "asked by Anna Nowak"}
    answer = await client.post("/graphql", json={"query": "{ __typename }"}, headers=headers)
    assert answer.json()["errors"][0]["extensions"]["code"] == "BAD_USER_INPUT"
    assert await records(empty_database) == []


async def test_documents_that_are_not_given_out_are_written_down(
    client: httpx.AsyncClient, empty_database: Database
) -> None:
    assert (await client.get("/attachments/attachment-1")).status_code == 401
    (one,) = await records(empty_database)
    assert (one.kind, one.what, one.who) == (AuditKind.DENIAL, "UNAUTHENTICATED GET /attachments/:", "nobody")


async def test_pages_and_forms_run_for_whom_their_link_names_and_are_written_down(ledger: Ledger) -> None:
    async def show(_request: Request) -> Response:
        acting.known("employee-7", "employee link")
        acting.about("party-1")
        return PlainTextResponse("Anna Nowak")

    async def answer(_request: Request) -> Response:
        acting.known("employee-7", "employee link")
        await ledger.database.write(lambda tx: tx.run("CREATE (:Probe {name: 'answer'})"))
        return PlainTextResponse("sent")

    page = "/desk/requests/{number}"
    site = Starlette(
        routes=[Route(page, show, methods=["GET"]), Route(page, answer, methods=["POST"])],
        middleware=[Middleware(Visits, audit=ledger.audit)],
    )
    transport = httpx.ASGITransport(site, client=("192.0.2.9", 1))
    async with httpx.AsyncClient(
        transport=transport, base_url="http://bank", headers={"user-agent": "Web/1"}
    ) as visitor:
        await visitor.get("/desk/requests/SR-7?k=secret-key")
        await visitor.post("/desk/requests/SR-7?k=secret-key")
    await ledger.audit.readings.drain()
    told = sorted((one.kind, one.what, one.who, one.ids, one.address) for one in await ledger.records())
    assert told == [
        (AuditKind.READ, "GET /desk/requests/:", "employee-7", ("SR-7", "party-1"), "192.0.2.9"),
        (AuditKind.WRITE, "POST /desk/requests/:", "employee-7", (), "192.0.2.9"),
    ]
    assert "secret-key" not in str(told)


async def test_a_form_that_went_wrong_shows_its_page_again_and_that_is_a_look(ledger: Ledger) -> None:
    async def answer(request: Request) -> Response:
        if "k" in request.query_params:
            acting.known("employee-7", "employee link")
            acting.about("party-1")
        return PlainTextResponse("Anna Nowak wrote", status_code=400)

    site = Starlette(
        routes=[Route("/desk/requests/{number}", answer, methods=["POST"])],
        middleware=[Middleware(Visits, audit=ledger.audit)],
    )
    transport = httpx.ASGITransport(site, client=("192.0.2.9, <b>me</b>", 1))
    async with httpx.AsyncClient(transport=transport, base_url="http://bank") as visitor:
        await visitor.post("/desk/requests/SR-7?k=secret-key")
        await visitor.post("/desk/requests/SR-7")
    await ledger.audit.readings.drain()
    told = [(one.kind, one.what, one.who, one.ids, one.address) for one in await ledger.records()]
    shown = (AuditKind.READ, "POST /desk/requests/:", "employee-7", ("SR-7", "party-1"), "192.0.2.9 bme/b")
    assert told == [shown]


def test_a_bank_with_an_identity_provider_starts_with_a_key_of_its_own_only(tmp_path: Path) -> None:
    def made(key: str | None, *, provider: bool) -> Keyring:
        return keyring(key, [], provider=provider, jwt_secret=SECRET, demo_secret=None, data_dir=tmp_path)

    with pytest.raises(AuditKeyMissing):
        made(None, provider=True)
    assert made(KEY, provider=True).current.secret == KEY.encode()
    derived = made(None, provider=False).current
    assert SECRET.encode() not in derived.secret
    assert made(KEY, provider=False).find(derived.id) is not None, "what the demo wrote can still be checked"
    assert made(KEY, provider=True).find(derived.id) is None


def test_without_any_secret_the_first_user_makes_a_key_that_the_others_find(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path, neo4j_uri=None)
    first = keys_of(settings).current
    assert keys_of(settings).current.id == first.id
    assert (tmp_path / "audit-key").stat().st_mode & 0o077 == 0


@pytest.fixture
def command(neo4j_address: tuple[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Runs `graph-crm audit ...` against the database of the tests."""
    uri, password = neo4j_address
    for name, value in {
        "NEO4J_URI": uri, "NEO4J_PASSWORD": password, "GRAPH_CRM_AUDIT_KEY": KEY, "GRAPH_CRM_DATA_DIR": str(tmp_path),
    }.items():  # fmt: skip
        monkeypatch.setenv(name, value)
    return lambda *words: CliRunner().invoke(app, [*words])


@pytest.fixture
async def written(empty_database: Database, keys: Keyring) -> Database:
    """Three changes, by a process that has ended since."""
    audit = Audit(empty_database, lambda: keys)
    audit.attach()
    await Ledger(empty_database, audit).fill(3)
    empty_database.journal = None
    return empty_database


@pytest.fixture
async def tampered(written: Database) -> Database:
    await written.execute("MATCH (e:AuditEntry {seq: 2}) SET e.body = replace(e.body, 'anna', 'hans')")
    return written


@pytest.mark.usefixtures("written")
def test_the_command_checks_shows_exports_and_anchors_and_leaves_its_own_trace(command: Any, tmp_path: Path) -> None:
    whole = command("audit", "verify")
    assert (whole.exit_code, "Whole" in whole.output) == (0, True), whole.output
    assert "Anchor 1 is written" in command("audit", "anchor").output
    shown = json.loads(command("audit", "show", "--party", "party-1", "--json").output)
    assert [(one["what"], one["who"], one["ids"]) for one in shown] == [("createPerson", "anna", ["party-1"])]
    traces = json.loads(command("audit", "show", "--kind", "READ", "--kind", "AUDIT", "--json").output)
    assert {one["what"] for one in traces} == {"audit verify", "audit anchor", "audit show"}
    assert all(one["who"].startswith("cli:") for one in traces)
    file = tmp_path / "all.jsonl"
    assert command("audit", "export", str(file)).exit_code == 0
    lines = [json.loads(line) for line in file.read_text().splitlines()]
    assert {"shard", "seq", "previous", "hash", "key", "body"} == set(lines[0])
    assert len(lines) >= 7
    assert command("audit", "verify").exit_code == 0


@pytest.mark.usefixtures("tampered")
def test_the_command_ends_with_1_and_names_the_entry_that_was_altered(command: Any) -> None:
    found = command("audit", "verify")
    assert found.exit_code == 1
    assert "ALTERED: chain 0, entry 2" in found.output


@pytest.mark.usefixtures("written")
def test_anchors_that_the_settings_name_and_that_are_not_there_are_a_finding(
    command: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert command("audit", "verify").exit_code == 0
    monkeypatch.setenv("GRAPH_CRM_AUDIT_ANCHORS", str(tmp_path / "elsewhere" / "anchors.jsonl"))
    found = command("audit", "verify")
    assert found.exit_code == 1
    assert "ANCHOR: anchors: there is no file" in found.output


def test_a_folder_without_a_database_gets_none_by_being_asked_for_its_audit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("NEO4J_URI", raising=False)
    monkeypatch.setenv("GRAPH_CRM_DATA_DIR", str(tmp_path / "wrong"))
    for words in (["verify"], ["show"], ["export", str(tmp_path / "all.jsonl")], ["anchor"]):
        asked = CliRunner().invoke(app, ["audit", *words])
        assert isinstance(asked.exception, ConfigurationError), asked.output
        assert "There is no database" in str(asked.exception)
    assert not (tmp_path / "wrong" / "engine").exists()


@pytest.mark.usefixtures("written")
def test_no_variable_says_who_runs_a_command(command: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("LOGNAME", "USER", "LNAME", "USERNAME"):
        monkeypatch.setenv(name, "somebody-else")
    command("audit", "verify")
    (one,) = json.loads(command("audit", "show", "--kind", "AUDIT", "--json").output)
    assert one["who"] == operator()
    assert "somebody-else" not in one["who"]


@pytest.mark.usefixtures("written")
def test_a_command_shows_nothing_that_it_could_not_write_down(command: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    async def refused(self: Database, *_: object, **__: object) -> None:
        raise DatabaseUnavailable("The disk is full")

    monkeypatch.setattr(Readings, "_flush", refused)
    monkeypatch.setattr(reading, "CLOSING_SECONDS", 0.05)
    asked = command("audit", "show", "--party", "party-1")
    assert isinstance(asked.exception, AuditFull)
    assert "createPerson" not in asked.output


def test_a_table_shows_names_as_they_are_and_no_name_commands_the_terminal(
    capsys: pytest.CaptureFixture[str],
) -> None:
    print_table(["who"], [["[/b] Anna [link=x]"], ["\x1b[2Jgone"]])
    shown = capsys.readouterr().out
    assert "[/b] Anna [link=x]" in shown
    assert "\x1b" not in shown


LISTED = """
CREATE (:MailReceived {id: '<1@post.example>', state: 'SET_ASIDE', reason: 'WHOSE', sender: 'a@post.example',
  at: datetime.realtime()})
WITH 1 AS done UNWIND ['party-8', 'party-9'] AS id
CREATE (p:Party:Person {id: id, displayName: 'Anna Nowak', nameKey: 'anna nowak', givenName: 'Anna',
  birthDate: date('1980-01-01'), version: 1})
CREATE (p)-[:ASKED]->(:ServiceRequest {id: id, number: 'SR-' + id, status: 'NEW', openedAt: datetime.realtime()})
"""


@pytest.mark.parametrize(
    ("words", "shown"),
    [
        (["parties", "duplicates"], {"party-8", "party-9"}),
        (["requests", "list"], {"SR-party-8", "SR-party-9"}),
        (["mailbox", "set-aside"], {Hidden(KEY.encode()).hash("<1@post.example>")}),
    ],
    ids=lambda one: one[-1] if isinstance(one, list) else "",
)
async def test_commands_that_list_people_say_whom(
    empty_database: Database, command: Any, words: list[str], shown: set[str]
) -> None:
    await empty_database.execute(LISTED)
    listed = await asyncio.to_thread(command, *words)
    assert listed.exit_code == 0, listed.output
    assert ("1 pair\n" in listed.output) is (words[0] == "parties")
    rows = await empty_database.read("MATCH (e:AuditEntry) RETURN e.body AS body")
    (one,) = [one for row in rows for one in records_of(json.loads(row["body"]))]
    assert (one.kind, one.what, set(one.ids)) == (AuditKind.READ, " ".join(words), shown)
