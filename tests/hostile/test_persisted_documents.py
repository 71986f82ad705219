"""Persisted documents: asked for by the hash of their text, built from a folder, and nothing else where it is said."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from graphql import parse, print_ast
from hostile_desk import AGENT, ANALYST, CUSTOMER, Desk
from typer.testing import CliRunner

from graph_crm.api.building import DocumentsRefused, build, manifest
from graph_crm.api.edge.bodies import request_of
from graph_crm.api.persisted import Persisted, digest, read_manifests
from graph_crm.api.schema import platform_schema
from graph_crm.cli import app
from graph_crm.errors import ConfigurationError, CrmError, InvalidInput
from graph_crm.resources import folder
from graph_crm.security.roles import Caller, Role

TEXT = "query Kept { __typename }"
HASH = digest(TEXT)
ANSWER = {"data": {"__typename": "Query"}}
EXAMPLES = folder("schema").parent / "docs" / "examples" / "documents"


def desk(*only: str) -> Desk:
    return Desk(persisted=Persisted({HASH: TEXT}, only))


@pytest.mark.parametrize("identifier", [HASH, HASH.upper(), f"sha256:{HASH}"])
async def test_a_document_is_asked_for_by_its_hash(identifier: str):
    assert await desk().ask("", identifier=identifier) == ANSWER


async def test_with_its_text_it_is_checked_and_needs_not_be_known():
    assert await desk().ask(TEXT, identifier=HASH) == ANSWER
    other = "{ t: __typename }"
    assert (await desk().ask(other, identifier=digest(other)))["data"] == {"t": "Query"}
    assert (await desk().refused(other, identifier=HASH))["extensions"]["code"] == "BAD_USER_INPUT"


async def test_an_unknown_hash_is_answered_as_clients_expect():
    error = await desk().refused("", identifier="0" * 64)
    assert error["message"] == "PersistedQueryNotFound"
    assert error["extensions"]["code"] == "PERSISTED_QUERY_NOT_FOUND"
    # Nothing is kept because somebody sent it: only what the bank built is persisted.
    other = "{ t: __typename }"
    asked = desk()
    await asked.ask(other, identifier=digest(other))
    assert (await asked.refused("", identifier=digest(other)))["extensions"]["code"] == "PERSISTED_QUERY_NOT_FOUND"


@pytest.mark.parametrize("identifier", ["", "x", HASH[:-1], HASH + "0", "../" + HASH, "sha1:" + HASH])
async def test_what_is_no_hash_is_refused(identifier: str):
    assert (await desk().refused("", identifier=identifier))["extensions"]["code"] == "BAD_USER_INPUT"


async def test_where_nothing_else_is_taken_the_text_of_a_known_one_is_as_good():
    for asked in ({"query": "", "identifier": HASH}, {"query": TEXT, "identifier": HASH}, {"query": TEXT}):
        assert await desk("customer").ask(asked["query"], CUSTOMER, identifier=asked.get("identifier")) == ANSWER


@pytest.mark.parametrize(
    "text", ["{ __typename }", TEXT + " ", " " + TEXT, TEXT + "\n#", "{ __schema { types { name } } }"]
)
async def test_where_nothing_else_is_taken_any_other_text_is_refused(text: str):
    for identifier in (None, digest(text)):
        error = await desk("customer").refused(text, CUSTOMER, identifier=identifier)
        assert error["extensions"]["code"] == "PERSISTED_QUERY_REQUIRED"
    assert (await desk("customer").refused("", CUSTOMER, identifier="0" * 64))["extensions"]["code"] == (
        "PERSISTED_QUERY_REQUIRED"
    )


async def test_it_is_said_by_role_or_for_everybody():
    assert await desk("customer").ask("{ __typename }", AGENT) == ANSWER
    for role in Role:
        error = await desk("everybody").refused("{ __typename }", Caller("x", role, "p1"))
        assert error["extensions"]["code"] == "PERSISTED_QUERY_REQUIRED"


async def test_pages_of_the_platform_ask_what_they_have_to():
    assert await desk("everybody").ask("{ __typename }", internal=True) == ANSWER


async def test_a_persisted_document_is_bounded_like_any_other():
    dear = (
        "{ parties(first: 100) { nodes { " + "relationships(first: 100) { nodes { " * 3 + "id" + " } }" * 3 + " } } }"
    )
    asked = Desk(persisted=Persisted({digest(dear): dear}, ["everybody"]))
    assert (await asked.refused("", identifier=digest(dear)))["extensions"]["code"] == "QUERY_TOO_EXPENSIVE"


@pytest.mark.parametrize(
    "body",
    [
        {"extensions": {"persistedQuery": {"version": 1, "sha256Hash": HASH}}},
        {"documentId": f"sha256:{HASH}"},
        {"id": HASH},
        {"query": None, "id": HASH, "variables": None},
        {"query": "", "id": HASH},
    ],
)
async def test_requests_name_them_as_clients_do(body: dict[str, Any]):
    asked = request_of(json.dumps(body).encode(), ANALYST)
    assert await desk().executor.execute(asked) == ANSWER


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"query": ""},
        {"id": 5},
        {"documentId": [HASH]},
        {"extensions": {"persistedQuery": HASH}},
        {"extensions": {"persistedQuery": {"version": 2, "sha256Hash": HASH}}},
        {"extensions": {"persistedQuery": {"version": 1}}},
        {"extensions": {"persistedQuery": {"version": 1, "sha256Hash": 5}}},
        {"query": 5, "id": HASH},
        [{"query": TEXT}, {"query": TEXT}],
        [],
    ],
)
def test_requests_that_name_nothing_are_refused(body: Any):
    with pytest.raises(InvalidInput):
        request_of(json.dumps(body).encode(), ANALYST)


def test_a_setting_that_would_shut_everybody_out_by_mistake_is_refused():
    with pytest.raises(ConfigurationError, match="no persisted documents"):
        Persisted({}, ["customer"])
    with pytest.raises(ConfigurationError, match="nobody"):
        Persisted({HASH: TEXT}, ["nobody"])


# Building


def test_the_manifest_of_the_examples_is_what_their_files_make():
    assert (EXAMPLES / "manifest.json").read_bytes() == manifest(build(platform_schema(), EXAMPLES))


def test_fragments_may_stand_in_other_files_and_only_those_that_are_needed_travel(tmp_path: Path):
    (tmp_path / "a.graphql").write_text("query A($id: ID!) { party(id: $id) { ...One } } query B { __typename }")
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "f.gql").write_text(
        "fragment One on Party { id ...Two } fragment Two on Party { city } fragment Three on Party { id }"
    )
    built = build(platform_schema(), tmp_path)
    assert [each.name for each in built] == ["A", "B"]
    assert "Two" in built[0].text
    assert "Three" not in built[0].text
    assert print_ast(parse(built[0].text)) == built[0].text, "a client that prints its document gets the same hash"


def test_the_manifest_is_read_back_and_answers(tmp_path: Path):
    file = tmp_path / "m.json"
    built = build(platform_schema(), EXAMPLES)
    file.write_bytes(manifest(built))
    assert read_manifests(file) == read_manifests(tmp_path) == {each.identifier: each.text for each in built}
    plain = tmp_path / "plain.json"
    plain.write_text(json.dumps({each.identifier: each.text for each in built}))
    assert read_manifests(plain) == read_manifests(file)


@pytest.mark.parametrize(
    "content",
    ["", "[]", "5", "{", '{"a": "b"}', json.dumps({HASH: "another text"}), json.dumps({HASH: 5}),
     '{"format": "apollo-persisted-query-manifest", "version": 1, "operations": [5]}'],
)  # fmt: skip
def test_a_manifest_that_is_none_is_refused_at_the_start(tmp_path: Path, content: str):
    (tmp_path / "m.json").write_text(content)
    with pytest.raises(ConfigurationError):
        read_manifests(tmp_path / "m.json")
    with pytest.raises(ConfigurationError):
        read_manifests(tmp_path / "nothing.json")


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("{ __typename }", "no name"),
        ("query A { nothing }", "Cannot query field 'nothing'"),
        ("query A { __typename", "Syntax Error"),
        ("query A { __typename } query A { __typename }", "stands in"),
        ("query A { ...Missing }", "Missing"),
        ("query A { ...F } fragment F on Query { ...F }", "F"),
        ("type A { a: Int }", "neither an operation"),
        ("", "Syntax Error"),
    ],
)
def test_everything_that_is_wrong_is_told_and_nothing_is_built(tmp_path: Path, text: str, told: str):
    (tmp_path / "a.graphql").write_text(text)
    (tmp_path / "b.graphql").write_text("query Fine { alsoNothing }")
    with pytest.raises(DocumentsRefused) as refused:
        build(platform_schema(), tmp_path)
    assert told in refused.value.message
    assert "alsoNothing" in refused.value.message


def test_page_sizes_that_come_with_the_call_count_as_the_largest(tmp_path: Path):
    file = tmp_path / "a.graphql"
    file.write_text(
        "query A($n: Int, $yes: Boolean = false, $no: Boolean!) { parties(first: $n) { nodes {"
        " agreements(first: $n) @skip(if: $no) @include(if: $yes) { nodes { id } } } } }"
    )
    (built,) = build(platform_schema(), file)
    assert built.cost > 100 * 100


# The command


def run(*arguments: str) -> tuple[int, str]:
    try:
        result = CliRunner().invoke(app, ["documents", *arguments], catch_exceptions=False)
    except CrmError as error:
        return 1, f"{error.code}: {error.message}"
    return result.exit_code, result.output


def test_the_command_builds_checks_and_tells_the_cost(tmp_path: Path):
    for file in EXAMPLES.glob("*.graphql"):
        (tmp_path / file.name).write_text(file.read_text("utf-8"), "utf-8")
    assert run("build", str(tmp_path), "--check")[0] == 1
    assert run("build", str(tmp_path), "--role", "agent", "--role", "customer")[0] == 0
    assert run("build", str(tmp_path), "--check")[0] == 0
    code, told = run("cost", str(EXAMPLES), "--role", "agent", "--json")
    assert code == 0
    assert {each["name"]: each["limit"] for each in json.loads(told)} == {"Customer": 20_000, "Customers": 20_000}
    (tmp_path / "b.graphql").write_text(
        "query Dear($n: Int) { parties(first: $n) { nodes { agreements(first: $n) { nodes { id } } } } }"
    )
    assert run("cost", str(tmp_path), "--role", "customer")[0] == 1
    code, told = run("build", str(tmp_path), "--role", "customer")
    assert code == 1
    assert "Dear" in told
    assert "Dear" not in (tmp_path / "manifest.json").read_text("utf-8")


def test_a_query_without_a_name_has_a_cost_under_the_name_of_its_file_and_is_no_document(tmp_path: Path):
    page = (folder("schema").parent / "docs" / "limits.md").read_text("utf-8")
    (query,) = re.findall(r"```graphql\n(.*?)```", page, re.DOTALL)
    (tmp_path / "customers.graphql").write_text(query)
    done = CliRunner().invoke(
        app, ["documents", "cost", str(tmp_path / "customers.graphql"), "--role", "agent", "--json"]
    )
    assert json.loads(done.stdout) == [{"name": "customers.graphql", "cost": 97, "limit": 20_000}]
    assert "(the one above: 97)" in page
    with pytest.raises(DocumentsRefused, match="an operation has no name: query NAME"):
        build(platform_schema(), tmp_path)
