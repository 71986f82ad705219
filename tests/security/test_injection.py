"""Texts that mean something to a language on the way: in every text input of the schema they stay text."""

from __future__ import annotations

import importlib.util
import json
import logging
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from graphql import GraphQLInputObjectType, GraphQLList, GraphQLNonNull, get_named_type
from graphql import is_required_argument as required
from graphql import is_required_input_field as required_field

from graph_crm import bootstrap, logs
from graph_crm.api.app import GraphQLEndpoint
from graph_crm.api.edge.front import Edge
from graph_crm.api.execution import Request
from graph_crm.api.schema import platform_schema
from graph_crm.rules.manager import RuleBook
from graph_crm.security.roles import Caller, Role
from graph_crm.security.tokens import Verifier
from graph_crm.settings import Settings

_spec = importlib.util.spec_from_file_location("values", Path(__file__).parents[2] / "bench" / "fuzzing" / "values.py")
assert _spec
assert _spec.loader
values = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(values)

SCHEMA = platform_schema().core
ADMINISTRATOR = Caller("chief", Role.ADMINISTRATOR)
HOSTILE = [text for group in values.CORPUS.values() for text in group]
TEXTS = {"String", "ID"}
PLAIN: dict[str, Any] = {
    "Boolean": True, "DateTime": "2026-11-23T10:00:00Z", "Date": "2026-11-23", "Int": 1, "Float": 1.5,
    "Decimal": "5.00", "JSON": {}, "String": "x", "ID": "x",
}  # fmt: skip
DEEPEST = 3
Ask = Callable[..., Awaitable[dict[str, Any]]]


@pytest.fixture(scope="module")
async def ask(bank: Any, tmp_path_factory: pytest.TempPathFactory) -> Ask:
    """Ask the whole wired platform over the bank: as whom, what, with which variables."""
    secret = "a secret of forty characters for the tests"
    settings = Settings(data_dir=tmp_path_factory.mktemp("injected"), neo4j_uri=None, jwt_secret=secret)
    platform = bootstrap.wired(settings, bank.database, Verifier(secret), RuleBook.load([], installed=False))
    await bank.database.execute(
        "MATCH (e:Employee) SET e.role = 'AGENT', e.languages = ['en'], e.skills = [], e.version = 1"
    )
    executor = GraphQLEndpoint(platform, Edge(settings)).executor

    async def ask(caller: Caller, document: str, variables: dict[str, Any]) -> dict[str, Any]:
        return await executor.execute(Request(document, caller, variables))

    return ask


def least(kind: Any) -> Any:
    """The smallest value that the type takes."""
    if isinstance(kind, GraphQLNonNull):
        return least(kind.of_type)
    if isinstance(kind, GraphQLList):
        return [least(kind.of_type)]
    if isinstance(kind, GraphQLInputObjectType):
        return {name: least(each.type) for name, each in kind.fields.items() if required_field(each)}
    return next(iter(kind.values)) if hasattr(kind, "values") else PLAIN[kind.name]


def inputs(kind: Any, depth: int = 0) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Every text within a value of the type: the path to it, and what makes the value around a text there."""
    bare = kind.of_type if isinstance(kind, GraphQLNonNull) else kind
    if isinstance(bare, GraphQLList):
        for path, around in inputs(bare.of_type, depth):
            yield path, lambda text, around=around: [around(text)]
    elif isinstance(bare, GraphQLInputObjectType):
        for name, each in bare.fields.items() if depth < DEEPEST else ():
            for path, around in inputs(each.type, depth + 1):
                yield (
                    (name, *path),
                    lambda text, name=name, around=around, bare=bare: {**least(bare), name: around(text)},
                )
    elif bare.name in TEXTS:
        yield (), lambda text: text


def operations() -> Iterator[tuple[str, str, Any]]:
    """Every text input of every query and change: its name, the document, what makes the variables."""
    for operation, parent in (("query", SCHEMA.query_type), ("mutation", SCHEMA.mutation_type)):
        assert parent
        for root, field in parent.fields.items():
            leaf = get_named_type(field.type)
            below = " { __typename }" if hasattr(leaf, "fields") or hasattr(leaf, "types") else ""
            for name, argument in field.args.items():
                needed = {key: one for key, one in field.args.items() if key == name or required(one)}
                declared = ", ".join(f"${key}: {one.type}" for key, one in needed.items())
                given = ", ".join(f"{key}: ${key}" for key in needed)
                rest = {key: least(one.type) for key, one in needed.items() if key != name}
                for path, around in inputs(argument.type):
                    yield (
                        ".".join((root, name, *path)),
                        f"{operation} ({declared}) {{ {root}({given}){below} }}",
                        lambda text, rest=rest, name=name, around=around: {**rest, name: around(text)},
                    )


OPERATIONS = list(operations())


@pytest.mark.parametrize("part", range(4))
async def test_no_text_input_of_the_schema_reads_a_text_as_anything_else(bank: Any, ask: Ask, part: int) -> None:
    """Nothing breaks, nothing is gone, nobody is there who was not: each input gets texts of each kind in turn."""
    count = (
        "MATCH (n:Party|Agreement|Event) WHERE n.id IN ['ben', 'rose', 'vip', 'alone', 'ev'] RETURN count(n) AS found"
    )
    before = await bank.database.read(count)
    broken = []
    for number, (place, document, made) in enumerate(OPERATIONS):
        if number % 4 != part:
            continue
        text = HOSTILE[number * 7 % len(HOSTILE)]
        said = json.dumps(await ask(ADMINISTRATOR, document, made(text)))
        if "incident" in said or "Traceback" in said or "REQUEST_TIMEOUT" in said:
            broken.append((place, text, said[:300]))
    assert not broken
    assert await bank.database.read(count) == before


def test_there_are_inputs_to_try() -> None:
    assert len(OPERATIONS) > 300


PERSON = "mutation ($t: String!) { createPerson(input: {givenName: $t, familyName: $t}) { id givenName familyName } }"
NOTE = """mutation ($t: String!) { recordInteraction(input: {partyId: "ben", channel: PHONE, direction: INBOUND,
  purpose: "SERVICE", at: "2026-01-01T10:00:00Z", note: $t}) { note } }"""
ARTICLE = """mutation ($t: String!) {
  createArticle(input: {slug: "how-to", language: "en", title: $t, text: $t}) { title } }"""
STORED = {
    "a name": (PERSON, ("createPerson", "givenName")),
    "a note": (NOTE, ("recordInteraction", "note")),
    "an article": (ARTICLE, ("createArticle", "title")),
}


@pytest.mark.parametrize("kind", STORED)
@pytest.mark.parametrize("text", HOSTILE)
async def test_a_text_is_kept_as_it_is_or_refused(ask: Ask, kind: str, text: str) -> None:
    document, (root, field) = STORED[kind]
    answer = await ask(ADMINISTRATOR, document, {"t": text})
    if "errors" in answer:
        assert answer["errors"][0]["extensions"]["code"] in {"BAD_USER_INPUT", "ALREADY_EXISTS"}, answer
    else:
        kept = answer["data"][root][field]
        assert kept.split() == text.split()  # blanks at the ends, and line ends, are of one kind


@pytest.mark.parametrize("text", [*values.LUCENE, *values.CYPHER])
async def test_a_search_finds_nobody_by_the_language_of_the_index(bank: Any, text: str) -> None:
    found = await bank.ask(ADMINISTRATOR, "query ($t: String!) { searchParties(query: $t) { nodes { id } } }", t=text)
    assert not {each["id"] for each in found["searchParties"]["nodes"]} & {"ben", "rose", "vip"}


@pytest.mark.parametrize("form", ["console", "json"])
@pytest.mark.parametrize("text", values.LOG)
def test_a_text_in_the_log_begins_no_line_of_its_own(capsys: pytest.CaptureFixture[str], form: Any, text: str) -> None:
    logs.configure(form=form, level="info")
    log = logs.get("test")
    log.warning("something_said", said=text, nested={"deep": text})
    log.error("failed", exc_info=ValueError(text))
    logging.getLogger("library").warning("it said %s", text)
    out = capsys.readouterr()
    written = out.out + out.err
    assert "\x1b[2J" not in written
    lines = written.splitlines()
    forged = ("level=error", "2026-01-01 [error]", "b", "c", "d")
    assert not [line for line in lines if line.startswith(forged)], lines


def test_nothing_here_writes_a_table_that_a_spreadsheet_would_run() -> None:
    """There is no CSV export. Who adds one neutralises =, +, -, @, tab and return at the beginning of a cell."""
    package = Path(logs.__file__).parent
    writers = [
        path.name
        for path in package.rglob("*.py")
        if any(word in path.read_text("utf-8") for word in ("csv.writer", "DictWriter", "to_csv", "openpyxl"))
    ]
    assert not writers
