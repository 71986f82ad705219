"""The documentation does what it says: queries and code run; commands, settings and links that it names exist."""

from __future__ import annotations

import datetime as dt
import json
import os
import re
import shlex
import subprocess
import sys
import tomllib
from collections.abc import AsyncIterator
from dataclasses import dataclass
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import httpx
import pytest
from graphql import OperationDefinitionNode, OperationType, get_named_type, parse, print_schema, validate
from typer.main import get_command

from graph_crm import bootstrap, cli
from graph_crm.api.app import LARGEST_BODY, create_app
from graph_crm.api.documents import MOST_TOKENS
from graph_crm.api.platform import Platform
from graph_crm.api.schema import platform_schema
from graph_crm.cli.stories import find_heroes
from graph_crm.cli.welcome import Example, find_example, queries
from graph_crm.graph.database import Database
from graph_crm.importing.demo_bank import seed_demo_bank
from graph_crm.requests.mailbox.wiring import IntakeParts
from graph_crm.rules.manager import RuleBook
from graph_crm.security.roles import Role
from graph_crm.security.tokens import Verifier, issue
from graph_crm.settings import Settings

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
TESTED_ELSEWHERE = {"docs/writing-a-rule.md", "docs/hooks.md"}  # tests/rules runs their examples with what they need
SECRET = "a-secret-of-more-than-thirty-two-characters"
TODAY = dt.date(2026, 11, 20)


@dataclass(frozen=True)
class Block:
    """A fenced block of a page."""

    page: str
    line: int
    language: str
    text: str

    def __str__(self) -> str:
        return f"{self.page}:{self.line}"


def blocks(language: str) -> list[Block]:
    found = []
    for page in PAGES:
        text = page.read_text("utf-8")
        for match in re.finditer(r"^```([^\n]*)\n(.*?)^```", text, flags=re.MULTILINE | re.DOTALL):
            if match.group(1).split()[:1] == [language]:
                line = text.count("\n", 0, match.start()) + 1
                found.append(Block(page.relative_to(ROOT).as_posix(), line, language, match.group(2)))
    return found


@pytest.fixture(scope="module")
async def bank(database: Database) -> Database:
    """A small demo bank, and nothing else."""
    await database.execute(
        "MATCH (n) WHERE NOT n:Migration AND NOT n:Lock CALL (n) { DETACH DELETE n } IN TRANSACTIONS OF 5000 ROWS"
    )
    await seed_demo_bank(database, customers=60, seed=1, as_of=TODAY)
    return database


@pytest.fixture(scope="module")
async def example(bank: Database) -> Example:
    return await find_example(bank)


@pytest.fixture(scope="module")
def platform(bank: Database, tmp_path_factory: pytest.TempPathFactory) -> Platform:
    any_hour = ROOT / "seed" / "demo_contact_policy.toml"  # the README's call is made whenever the tests run
    settings = Settings(data_dir=tmp_path_factory.mktemp("docs"), neo4j_uri=None, contact_policy=any_hour)
    return bootstrap.wired(settings, bank, Verifier(SECRET), RuleBook.load([ROOT / "plugins"], installed=False))


@pytest.fixture(scope="module")
async def client(platform: Platform) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(transport=httpx.ASGITransport(create_app(platform)), base_url="http://demo") as client:
        yield client


async def ask(client: httpx.AsyncClient, query: str, role: Role = Role.SERVICE, **variables: Any) -> Any:
    headers = {"Authorization": f"Bearer {issue(SECRET, role)}"}
    answer = (await client.post("/graphql", json={"query": query, "variables": variables}, headers=headers)).json()
    assert "errors" not in answer, answer["errors"]
    return answer["data"]


@pytest.mark.parametrize("block", blocks("graphql"), ids=str)
async def test_a_graphql_block_runs_on_the_demo_bank(client: httpx.AsyncClient, example: Example, block: Block) -> None:
    document = parse(block.text)
    assert validate(platform_schema().core, document) == []
    for operation in (node for node in document.definitions if isinstance(node, OperationDefinitionNode)):
        if operation.operation is not OperationType.QUERY:
            continue  # what changes something is run below, in the order of its page
        wanted = {variable.variable.name.value for variable in operation.variable_definitions or ()}
        role = Role.ADMINISTRATOR if block.page == "docs/workers.md" else Role.SERVICE  # who may see failed work
        data = await ask(client, block.text, role, **dict.fromkeys(wanted & {"id", "partyId"}, example.party_id))
        assert any(value for value in data.values()), "the block shows nothing on the demo bank"


@dataclass(frozen=True)
class Change:
    """A mutation of a page with its variables: the JSON block that follows it, where there is one."""

    text: str
    variables: dict[str, Any] | None


def changes(page: str) -> list[Change]:
    text = (ROOT / page).read_text("utf-8")
    pattern = r"^```graphql\n(mutation.*?)^```\n(?:\n```json\n(.*?)^```)?"
    return [
        Change(match[1], json.loads(match[2]) if match[2] else None)
        for match in re.finditer(pattern, text, flags=re.MULTILINE | re.DOTALL)
    ]


async def test_the_advice_on_the_page_of_decisions_is_given(client: httpx.AsyncClient, example: Example) -> None:
    (advice,) = changes("docs/decisions.md")
    text = json.dumps(advice.variables).replace("PARTY", example.party_id)
    data = await ask(client, advice.text, **json.loads(text))
    assert data["decide"]["offers"]["nodes"]


def named(page: str, operation: str) -> str:
    (found,) = [
        one.text for one in blocks("graphql") if one.page == page and one.text.startswith(f"query {operation}(")
    ]
    return found


async def all_work_is_done(platform: Platform, event: str) -> None:
    """Let a worker do what is due: the event is decided about, and nothing of what there is to do failed."""
    worker = bootstrap.worker(platform)
    await worker.drain()
    of_event = "MATCH (e:OutboxEntry {id: $id}) RETURN e.state AS state"
    assert await platform.database.read(of_event, {"id": f"event.recorded:{event}"}) == [{"state": "DONE"}]
    assert worker.counts.failed == 0


async def test_the_changes_of_the_guide_lead_from_new_customers_to_an_offer_with_its_reason(
    client: httpx.AsyncClient, platform: Platform
) -> None:
    story = changes("docs/graphql.md")
    assert len(story) == 5
    for _ in range(2):  # everything in it may be sent twice
        answers = [await ask(client, one.text, **(one.variables or {})) for one in story]
    new, tie, opened, agreed, event = answers
    assert agreed["recordConsent"]["consents"]["nodes"] == [{"purpose": "MARKETING", "status": "GRANTED"}]
    assert [edge["node"] for edge in new["anna"]["contactPoints"]["edges"]] == [
        {"kind": "EMAIL", "value": "anna.novotna@example.com"},
        {"kind": "PHONE", "value": "+420602123456"},
    ]
    assert [edge["role"] for edge in tie["relateParties"]["relationships"]["edges"]] == ["guarantor"]
    assert opened["openAgreement"]["status"] == "ACTIVE"
    await all_work_is_done(platform, event["recordEvent"]["id"])
    read = await ask(client, named("docs/graphql.md", "Why"), id="branch-7:anna")
    (decision,) = read["party"]["decisions"]["nodes"]
    assert decision["causedBy"]["type"] == event["recordEvent"]["type"] == "atm_balance_check"
    (offer,) = decision["offers"]["edges"]
    assert offer["node"]["product"]["name"] == "Small loan"
    assert offer["node"]["reasons"]


async def test_the_balance_check_of_the_readme_leads_to_a_decision(
    client: httpx.AsyncClient, platform: Platform, example: Example
) -> None:
    change, advice, *_ = changes("README.md")
    assert (await ask(client, advice.text, id=example.party_id))["decide"]
    event = await ask(client, change.text, id=example.party_id)
    await all_work_is_done(platform, event["recordEvent"]["id"])
    read = await ask(client, named("README.md", "Customer"), id=example.party_id)
    assert 'trigger: "event:atm_balance_check"' in (ROOT / "README.md").read_text("utf-8")
    assert read["party"]["decisions"]["nodes"][0]["trigger"] == "event:atm_balance_check"


async def test_the_loan_of_the_readme_is_refused_and_not_offered_again(
    client: httpx.AsyncClient, platform: Platform, bank: Database
) -> None:
    check, _, whom, said_no, _ = (one.text for one in changes("README.md"))
    hero = next(one for one in await find_heroes(bank) if one.party_id.startswith("demo:"))  # the guide's has her offer
    await bank.execute("MATCH (d:CallEntry {state: 'QUEUED'}) SET d.state = 'CANCELLED'")  # of other pages
    await ask(client, check.replace("000814", "000815"), id=hero.party_id)
    await bootstrap.worker(platform).drain()
    call = (await ask(client, whom))["nextCall"]
    assert call["party"] == {"displayName": hero.name}
    assert (await ask(client, said_no, entry=call["id"]))["recordCall"] == {"outcome": "REJECTED"}
    await ask(client, check.replace("000814", "000816"), id=hero.party_id)
    await bootstrap.worker(platform).drain()
    assert (await ask(client, whom))["nextCall"] is None
    (why,) = re.findall(r"`(whyNot\(.*?\))`", (ROOT / "README.md").read_text("utf-8"))
    told = await ask(client, f"query($id: ID!) {{ party(id: $id) {{ {why} {{ text earliest }} }} }}", id=hero.party_id)
    assert "refused" in told["party"]["whyNot"]["text"]
    assert told["party"]["whyNot"]["earliest"]


async def test_the_complaint_of_the_readme_is_answered_and_marketing_is_silent_meanwhile(
    client: httpx.AsyncClient, platform: Platform, bank: Database
) -> None:
    hero = (await find_heroes(bank))[1]
    (block,) = (one for one in blocks("sh") if one.page == "README.md" and "mailbox write" in one.text)
    words = shlex.split(block.text.replace("\\\n", " ").splitlines()[0])
    given = {words[place]: words[place + 1] for place in range(3, len(words) - 1, 2)}
    mail = EmailMessage()
    mail["From"], mail["To"], mail["Subject"] = hero.email, given["--to"], given["--subject"]
    mail["Message-ID"] = "<complaint@mail.example>"
    mail.set_content(words[-1])
    receipt = await platform.service(IntakeParts).intake.take(mail.as_bytes(), null_sender=False)
    assert receipt.number is not None
    silent = (await ask(client, named("README.md", "MayWeCall"), id=hero.party_id))["earliestContactAt"]
    assert (silent["allowedNow"], silent["code"]) == (False, "COMPLAINT_OPEN")
    answered = await ask(client, changes("README.md")[-1].text, number=receipt.number)
    assert answered["answerRequest"] == {"status": "ANSWERED"}


def test_the_guide_names_the_limits_that_are_in_force() -> None:
    page = (ROOT / "docs" / "graphql.md").read_text("utf-8").partition("## Limits")[2].partition("\n## ")[0]
    documented = [int(number.replace(",", "")) for number in re.findall(r"^\| .* \| ([0-9,]+) \|$", page, re.MULTILINE)]
    limits = platform_schema().limits
    assert documented == [
        limits.largest_page,
        limits.default_page,
        limits.most_roots,
        limits.deepest,
        limits.most_fields,
        limits.most_relations,
        limits.most_conditions,
        MOST_TOKENS,
        LARGEST_BODY,
        Settings.model_fields["request_timeout"].default,
    ]


def test_the_guide_names_the_fields_that_can_be_searched_in_and_the_changes_without_a_key() -> None:
    searched, without_key = set(), set()
    for name, kind in platform_schema().core.type_map.items():
        if name.endswith("Filter"):
            searched |= {field for field, it in getattr(kind, "fields", {}).items() if str(it.type) == "TextFilter"}
    mutation = platform_schema().core.mutation_type
    assert mutation is not None
    for name, field in mutation.fields.items():
        taken = set(field.args)
        for argument in field.args.values():
            taken |= set(getattr(get_named_type(argument.type), "fields", ()))
        if "idempotencyKey" not in taken:
            without_key.add(name)
    assert searched == {"displayName", "name"}
    page = (ROOT / "docs" / "graphql.md").read_text("utf-8")
    assert all(f"`{name}`" in page for name in searched | without_key)


async def test_the_queries_that_the_demo_prints_run_on_it(client: httpx.AsyncClient, example: Example) -> None:
    for _, query in queries(example):
        assert any((await ask(client, query)).values())


async def test_the_curl_command_of_the_readme_runs(client: httpx.AsyncClient) -> None:
    body = re.search(r"-d '(\{.*?\})'$", (ROOT / "README.md").read_text("utf-8"), flags=re.MULTILINE)
    assert body is not None
    data = await ask(client, json.loads(body.group(1))["query"])
    assert len(data["parties"]["nodes"]) == 3


def test_the_committed_schema_is_the_one_that_is_served() -> None:
    committed = (ROOT / "schema" / "schema.graphql").read_text("utf-8")
    assert committed.rstrip() == print_schema(platform_schema().core).rstrip()


def test_every_type_field_and_argument_is_described() -> None:
    missing = []
    for name, kind in platform_schema().core.type_map.items():
        if name.startswith("__") or name in {"ID", "Int", "Float", "String", "Boolean"}:
            continue
        if not kind.description:
            missing.append(name)
        for field_name, field in getattr(kind, "fields", {}).items():
            if not field.description:
                missing.append(f"{name}.{field_name}")
            missing += [
                f"{name}.{field_name}({one})" for one, it in getattr(field, "args", {}).items() if not it.description
            ]
    assert missing == []


@pytest.mark.usefixtures("bank")
def test_the_rule_of_the_readme_finds_customers(neo4j_address: tuple[str, str], tmp_path: Path) -> None:
    (block,) = [one for one in blocks("python") if one.page == "README.md"]
    (tmp_path / "account_to_savings.py").write_text(block.text, "utf-8")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("GRAPH_CRM_", "NEO4J_"))}
    environment = {
        **kept,
        "GRAPH_CRM_PLUGINS_DIR": str(tmp_path),
        "GRAPH_CRM_DATA_DIR": str(tmp_path / "data"),
        "NEO4J_URI": neo4j_address[0],
        "NEO4J_PASSWORD": neo4j_address[1],
    }
    shown = next(one for one in blocks("sh") if "rules candidates" in one.text)
    for line in shown.text.splitlines():
        arguments = line.split("#")[0].split()[1:]
        done = subprocess.run(
            [sys.executable, "-m", "graph_crm", *arguments, *(["--json"] if "candidates" in arguments else [])],
            env=environment, capture_output=True, text=True, timeout=120, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stdout + done.stderr
    found = json.loads(done.stdout)
    assert found
    assert {one["rule"] for one in found} == {"account_to_savings"}
    assert all(one["reasons"] for one in found)


@pytest.mark.parametrize("block", [one for one in blocks("python") if one.page not in TESTED_ELSEWHERE], ids=str)
def test_a_python_block_is_python_that_runs(block: Block) -> None:
    exec(compile(block.text, str(block), "exec"), {"__name__": "documentation"})  # noqa: S102 - our own pages


@pytest.mark.parametrize("block", [*blocks("toml"), *blocks("json")], ids=str)
def test_a_toml_or_json_block_can_be_read(block: Block) -> None:
    if block.language == "toml":
        tomllib.loads(block.text)
        return
    for document in [block.text] if block.text.startswith(("{\n", "[")) else block.text.splitlines():
        json.loads(document)  # one object, or JSON lines


def test_the_settings_of_the_example_file_exist() -> None:
    (block,) = [one for one in blocks("toml") if one.page == "docs/settings.md"]
    assert set(tomllib.loads(block.text)) <= set(Settings.model_fields)


def command_names(group: Any, prefix: tuple[str, ...] = ()) -> set[tuple[str, ...]]:
    found = {prefix} if prefix else set()
    for name, one in getattr(group, "commands", {}).items():
        found |= command_names(one, (*prefix, name))
    return found


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_command_that_a_page_names_exists(page: Path) -> None:
    known = command_names(get_command(cli.app))
    groups = {name[0] for name in known if len(name) == 2}
    named = re.findall(r"\bgraph-crm(?: --[a-z]+(?: [A-Z]+)?)? ([a-z][a-z-]*)(?: ([a-z][a-z-]+))?", _code(page))
    for first, second in named:
        assert (first,) in known, f"{page.name}: graph-crm {first}"
        if first in groups and second:
            assert (first, second) in known, f"{page.name}: graph-crm {first} {second}"


def _code(page: Path) -> str:
    """Blocks and code words of a page: prose may say `graph-crm` without meaning a command."""
    text = page.read_text("utf-8")
    fenced = re.findall(r"^```(?:sh|bash|console|powershell)\n(.*?)^```", text, flags=re.MULTILINE | re.DOTALL)
    return "\n".join([*fenced, *re.findall(r"`([^`\n]+)`", text)])


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_make_target_that_a_page_names_exists(page: Path) -> None:
    targets = set(re.findall(r"^([a-z][a-z-]*):", (ROOT / "Makefile").read_text("utf-8"), flags=re.MULTILINE))
    assert set(re.findall(r"\bmake ([a-z][a-z-]+)", _code(page))) <= targets


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_setting_that_a_page_names_exists(page: Path) -> None:
    known = {f"GRAPH_CRM_{name.upper()}" for name in Settings.model_fields} | {"GRAPH_CRM_CONFIG"}
    named = set(re.findall(r"\bGRAPH_CRM_[A-Z0-9_]+\b", page.read_text("utf-8")))
    assert {name for name in named if not name.startswith("GRAPH_CRM_TEST_")} <= known


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_link_leads_somewhere(page: Path) -> None:
    text = re.sub(r"^```.*?^```", "", page.read_text("utf-8"), flags=re.MULTILINE | re.DOTALL)
    for target in re.findall(r"\]\(([^)]+)\)", text):
        if target.startswith(("http://", "https://")):
            continue
        path, _, anchor = target.partition("#")
        file = (page.parent / path).resolve() if path else page
        assert file.exists(), f"{page.name}: {target}"
        if anchor:
            titles = re.findall(r"^#+ (.+)$", file.read_text("utf-8"), flags=re.MULTILINE)
            anchors = {re.sub(r"[^a-z0-9 -]", "", title.lower()).replace(" ", "-") for title in titles}
            assert anchor in anchors, f"{page.name}: {target}"
