"""POST /graphql: what is not a proper request gets one clear error with a stable code, never a stack trace."""

from __future__ import annotations

import asyncio
import base64
import dataclasses
import gc
import json
import re
import time
import weakref
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from small_bank import Bank

from graph_crm.api.app import LARGEST_BODY, create_app
from graph_crm.api.documents import PLANS_KEPT, Documents
from graph_crm.api.platform import Platform
from graph_crm.api.pricing import Pricing
from graph_crm.api.schema import MappedSchema
from graph_crm.graph.database import Database
from graph_crm.resources import folder
from graph_crm.rules.manager import RuleBook
from graph_crm.security.roles import Permission, Role, permissions
from graph_crm.security.tokens import Verifier, issue
from graph_crm.settings import Settings

SECRET = "a secret of forty characters for the tests"
KNOWN_CODES = set(re.findall(r"`([A-Z_]{3,})`", (folder("schema").parent / "docs" / "errors.md").read_text("utf-8")))


@pytest.fixture
def platform(database: Database, tmp_path: Path) -> Platform:
    return Platform(
        Settings(data_dir=tmp_path, neo4j_uri=None), database, Verifier(SECRET), RuleBook.load([], installed=False)
    )


@pytest.fixture
async def client(platform: Platform) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(create_app(platform)), base_url="http://test", timeout=60
    ) as made:
        yield made


def bearer(role: Role = Role.ANALYST, party: str | None = None) -> dict[str, str]:
    return {
        "authorization": f"Bearer {issue(SECRET, role, party_id=party)}",
        "content-type": "application/json",
    }


async def post(client: httpx.AsyncClient, query: str, *, role: Role = Role.ANALYST, **more: Any) -> dict[str, Any]:
    answer = await client.post("/graphql", json={"query": query, **more}, headers=bearer(role))
    assert answer.status_code == 200, answer.text
    made: dict[str, Any] = answer.json()
    return made


def refused(answer: httpx.Response | dict[str, Any], code: str) -> dict[str, Any]:
    """The one error of an answer, with the code; checks that it says nothing of the inside."""
    made: dict[str, Any] = answer if isinstance(answer, dict) else answer.json()
    assert not any((made.get("data") or {}).values()), made
    (error,) = made["errors"]
    assert error["extensions"]["code"] == code
    assert code in KNOWN_CODES, f"docs/errors.md does not describe {code}"
    assert "Traceback" not in json.dumps(made)
    assert ".py" not in json.dumps(made)
    return dict(error)


async def test_a_query_is_answered(client: httpx.AsyncClient, bank: Bank):
    answer = await client.post("/graphql", json={"query": '{ party(id: "p1") { id } }'}, headers=bearer())
    assert answer.json() == {"data": {"party": {"id": "p1"}}}
    assert answer.headers["content-type"] == "application/json; charset=utf-8"
    assert answer.headers["cache-control"] == "no-store"


def _token(**claims: Any) -> str:
    header, body, signature = issue(SECRET, Role.ANALYST).split(".")
    payload = json.loads(base64.urlsafe_b64decode(body + "=="))
    made = base64.urlsafe_b64encode(json.dumps({**payload, **claims}).encode()).rstrip(b"=").decode()
    return f"{header}.{made}.{signature}"


def _part(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


@pytest.mark.parametrize(
    "authorization",
    [
        None,
        "",
        "Bearer",
        "Bearer ",
        "Basic dXNlcjpwYXNz",
        "Bearer x",
        "Bearer a.b.c",
        "Bearer ěšč".encode(),
        "Bearer " + "x" * 100_000,
        f"Bearer {issue('another secret of forty characters here', Role.ADMINISTRATOR)}",
        f"Bearer {issue(SECRET, Role.ANALYST, lifetime=timedelta(seconds=-1))}",
        f"Bearer {issue(SECRET, Role.ANALYST, audience='elsewhere')}",
        f"Bearer {issue(SECRET, Role.ANALYST, issuer='elsewhere')}",
        f"Bearer {_token(role='administrator')}",
        f"Bearer {_part(json.dumps({'alg': 'none'}).encode())}.{issue(SECRET, Role.ANALYST).split('.')[1]}.",
        f"Bearer {_part(b'[' * 2500)}.e30.x",
        f"Bearer {_part(b'{' * 2500)}.e30.x",
        f"Bearer {_part(b'5')}.e30.x",
        f"Bearer {_part(b'null')}.{_part(b'null')}.x",
    ],
)
async def test_who_asks_must_be_known(client: httpx.AsyncClient, authorization: str | bytes | None):
    headers = {"authorization": authorization} if authorization is not None else {}
    answer = await client.post("/graphql", json={"query": "{ __typename }"}, headers=headers)  # type: ignore[arg-type]
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"] == "Bearer"
    refused(answer, "UNAUTHENTICATED")


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "HEAD", "OPTIONS", "PATCH"])
async def test_graphql_is_posted(client: httpx.AsyncClient, method: str):
    answer = await client.request(method, "/graphql?query={__typename}", headers=bearer())
    assert answer.status_code == 405
    if method != "HEAD":
        refused(answer, "METHOD_NOT_ALLOWED")


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"query=%7B__typename%7D",
        b'\xff\xfe{"query": "{ __typename }"}',
        b'{"query": "\xed\xa0\x80"}',
        b'{"query": "\\ud800"}',
        b"null",
        b"5",
        b'"{ __typename }"',
        b"{}",
        b'{"query": null}',
        b'{"query": 5}',
        b'{"query": ""}',
        b'{"query": ["{ __typename }"]}',
        b'{"query": "{ __typename }", "variables": [1]}',
        b'{"query": "{ __typename }", "variables": "x"}',
        b'{"query": "{ __typename }", "operationName": 5}',
        b'{"query": "{ __typename }", "extensions": "x"}',
        b"[]",
        b'[{"query": "{ __typename }"}, {"query": "{ __typename }"}]',
        b"[" * 100_000,
        b'{"a":' * 50_000,
    ],
)
async def test_the_body_is_one_request_in_json(client: httpx.AsyncClient, body: bytes):
    answer = await client.post("/graphql", content=body, headers=bearer())
    assert answer.status_code == 400
    refused(answer, "BAD_USER_INPUT")


async def test_a_body_that_is_too_large_is_not_read_to_the_end(client: httpx.AsyncClient):
    sent = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal sent
        while sent < 50:
            sent += 1
            yield b" " * 100_000

    for content in (b'{"query": "' + b" " * LARGEST_BODY + b'"}', endless()):
        answer = await client.post("/graphql", content=content, headers=bearer())
        assert answer.status_code == 413
        refused(answer, "BODY_TOO_LARGE")
    assert sent < 15


async def ask_in_parts(platform: Platform, messages: list[dict[str, Any]]) -> tuple[int, dict[bytes, bytes], Any]:
    """Status, headers and body of a POST whose body arrives as these ASGI messages; then nothing more comes."""
    waiting, sent = list(messages), []

    async def receive() -> dict[str, Any]:
        return waiting.pop(0) if waiting else await asyncio.get_running_loop().create_future()

    async def send(message: Any) -> None:
        sent.append(message)

    headers = [(name.encode(), value.encode()) for name, value in bearer(Role.SERVICE).items()]
    scope = {"type": "http", "method": "POST", "path": "/graphql", "headers": headers}
    await create_app(platform)(scope, receive, send)
    return sent[0]["status"], dict(sent[0]["headers"]), json.loads(sent[1]["body"])


CREATE_ANNA = json.dumps({"query": 'mutation { createPerson(input: {displayName: "Cut Off Anna"}) { id } }'}).encode()


async def test_a_request_that_is_cut_off_changes_nothing_even_if_what_came_is_complete_json(
    platform: Platform, bank: Bank, database: Database
):
    part = {"type": "http.request", "body": CREATE_ANNA, "more_body": True}
    status, _, answer = await ask_in_parts(platform, [part, {"type": "http.disconnect"}])
    assert status == 400
    refused(answer, "BAD_USER_INPUT")
    assert not await database.read("MATCH (p:Party {displayName: 'Cut Off Anna'}) RETURN p.id")


async def test_a_body_that_never_ends_is_given_up(platform: Platform, bank: Bank):
    impatient = dataclasses.replace(platform, settings=platform.settings.model_copy(update={"request_timeout": 0.2}))
    part = {"type": "http.request", "body": CREATE_ANNA, "more_body": True}
    async with asyncio.timeout(5):
        status, headers, answer = await ask_in_parts(impatient, [part])
    assert status == 408
    assert headers[b"connection"] == b"close"
    refused(answer, "REQUEST_TIMEOUT")


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ("{", "GRAPHQL_PARSE_FAILED"),
        ("{ party(id: `p1`) { id } }", "GRAPHQL_PARSE_FAILED"),
        ("\x00", "GRAPHQL_PARSE_FAILED"),
        ("{ a " * 5_000, "GRAPHQL_PARSE_FAILED"),
        ("{ __typename " + "a: __typename " * 1_400 + "}", "GRAPHQL_PARSE_FAILED"),
        ("{ nothing }", "GRAPHQL_VALIDATION_FAILED"),
        ('{ party(id: "p1") }', "GRAPHQL_VALIDATION_FAILED"),
        ("{ party { id } }", "GRAPHQL_VALIDATION_FAILED"),
        ('{ party(id: "p1", extra: 1) { id } }', "GRAPHQL_VALIDATION_FAILED"),
        ('{ parties(where: {city: {like: "x"}}) { totalCount } }', "GRAPHQL_VALIDATION_FAILED"),
        ("{ parties(orderBy: [city]) { totalCount } }", "GRAPHQL_VALIDATION_FAILED"),
        ("{ ...F } fragment F on Query { ...F }", "GRAPHQL_VALIDATION_FAILED"),
        ("{ ...F }", "GRAPHQL_VALIDATION_FAILED"),
        ("fragment F on Query { __typename }", "GRAPHQL_VALIDATION_FAILED"),
        ("type A { b: Int }", "GRAPHQL_VALIDATION_FAILED"),
        ("{ parties @defer { totalCount } }", "GRAPHQL_VALIDATION_FAILED"),
        ("subscription { parties }", "GRAPHQL_VALIDATION_FAILED"),
        ("query A { __typename } query B { __typename }", "BAD_USER_INPUT"),
    ],
)
async def test_a_document_that_can_not_be_run_says_why(client: httpx.AsyncClient, query: str, code: str):
    made = await post(client, query)
    made["errors"] = made["errors"][:1]  # validation may find more
    refused(made, code)


async def test_an_operation_is_chosen_by_its_name(client: httpx.AsyncClient, bank: Bank):
    query = 'query A { party(id: "p1") { id } } query B { party(id: "p2") { id } }'
    assert (await post(client, query, operationName="B"))["data"] == {"party": {"id": "p2"}}
    assert (await post(client, query, operationName="A"))["data"] == {"party": {"id": "p1"}}
    error = refused(await post(client, query, operationName="C"), "BAD_USER_INPUT")
    assert "'C'" in error["message"]


def nested(levels: int) -> str:
    return "{ parties { nodes " + "{ relationships { nodes " * levels + "{ id }" + " } }" * levels + " } }"


def laughs(levels: int) -> str:
    """A short document whose fragments grow without bound when they are spread."""
    spread = " ".join(f"a{n}: relationships {{ nodes {{ ...F%d }} }}" for n in range(8))
    parts = [f"fragment F{level} on Party {{ {spread.replace('%d', str(level + 1))} }}" for level in range(levels)]
    return "{ parties { nodes { ...F0 } } } " + " ".join(parts) + f" fragment F{levels} on Party {{ id }}"


def fields_only(levels: int) -> str:
    """The same without any relation: only the number of fields grows."""
    names = [f"fragment F{n} on Person {{ ...F{n + 1} ... on Party {{ ...F{n + 1} }} }}" for n in range(levels)]
    return "{ parties { nodes { ...F0 } } } " + " ".join(names) + f" fragment F{levels} on Person {{ id }}"


@pytest.mark.parametrize(
    "query",
    [
        nested(13),
        nested(30),
        laughs(3),
        laughs(9),
        "{ parties { nodes { " + " ".join(f"a{n}: agreements {{ totalCount }}" for n in range(61)) + " } } }",
        "{ parties { nodes { "
        + " ".join(f"a{n}: relationships {{ nodes {{ ...F }} }}" for n in range(5))
        + " } } }"
        + " fragment F on Person { "
        + " ".join(f"b{n}: id" for n in range(620))
        + " }",
        "{ " + " ".join(f"a{n}: parties {{ totalCount }}" for n in range(31)) + " }",
        "{ parties(where: " + "{not: " * 21 + "{}" + "}" * 21 + ") { totalCount } }",
        "{ parties(where: {or: [" + '{city: {eq: "a"}}' * 151 + "]}) { totalCount } }",
        "{ parties(where: {or: [" + "{}" * 151 + "]}) { totalCount } }",
        "{ parties(where: " + "{relationships: {some: " * 21 + "{}" + "}}" * 21 + ") { totalCount } }",
    ],
)
async def test_a_query_that_asks_for_too_much_is_refused_before_anything_is_read(
    client: httpx.AsyncClient, database: Database, query: str
):
    with database.counting() as sent:
        answer = await post(client, query)
        error = refused(answer, answer["errors"][0]["extensions"]["code"])
    assert len(sent) == 0
    assert error["extensions"]["code"] in {"BAD_USER_INPUT", "DOCUMENT_TOO_LARGE", "QUERY_TOO_EXPENSIVE"}
    assert error["extensions"]["limit"]
    assert error["extensions"]["hint"]


async def test_fragments_that_name_each_other_cost_little(client: httpx.AsyncClient, bank: Bank):
    made = await post(client, fields_only(25))
    assert made["data"]["parties"]["nodes"][3] == {"id": "p1"}


@pytest.mark.parametrize("levels", [25, 500, 20_000])
async def test_variables_that_nest_too_deeply_are_refused(client: httpx.AsyncClient, levels: int):
    body = '{"query": "query($w: PartyFilter) { parties(where: $w) { totalCount } }", "variables": {"w": '
    answer = await client.post(
        "/graphql", content=body + '{"not":' * levels + "{}" + "}" * levels + "}}", headers=bearer()
    )
    assert answer.status_code in {200, 400}
    refused(answer, "DOCUMENT_TOO_LARGE" if levels == 500 else "BAD_USER_INPUT")


async def test_the_statement_is_shown_to_those_who_may_see_it(client: httpx.AsyncClient, bank: Bank):
    query = '{ party(id: "p1") { id } }'
    for role in set(Role) - {Role.CUSTOMER}:
        made = await post(client, query, role=role, extensions={"explain": True})
        if Permission.EXPLAIN in permissions(role):
            # Who does not see every customer sees that in the statement, too.
            where = "" if role is Role.ADMINISTRATOR else " WHERE coalesce(n1.protected, false) = false"
            assert made["extensions"]["explain"] == [
                {
                    "field": "party",
                    "statement": f"MATCH (n1:Party {{id: $p0}}){where} RETURN [n1.id]",
                    "parameters": {"p0": "p1"},
                }
            ]
        else:
            refused(made, "FORBIDDEN")
    shown = {role for role in Role if Permission.EXPLAIN in permissions(role)}
    assert shown == {Role.RULE_AUTHOR, Role.ANALYST, Role.ADMINISTRATOR}
    assert "extensions" not in await post(client, query, extensions={"explain": "true"})


async def test_a_change_is_made_by_those_who_may(client: httpx.AsyncClient, bank: Bank, database: Database):
    mutation = 'mutation { recordEvent(input: {type: "atm_balance_check", partyId: "nobody"}) { id } }'
    before = await database.read("MATCH (n) RETURN count(n) AS nodes")
    for role in set(Role) - {Role.CUSTOMER}:
        made = await post(client, mutation, role=role)
        refused(made, "NOT_FOUND" if Permission.MUTATE in permissions(role) else "FORBIDDEN")
    assert (await database.read("MATCH (n) RETURN count(n) AS nodes"))[0]["nodes"] == before[0]["nodes"]


RECORD = """
mutation($n: Int, $c: String) {
  recordEvent(input: {type: "atm_balance_check", partyId: "p1", channel: ATM}) {
    id
    party { agreements(first: $n, after: $c) { nodes { id } } %s }
  }
}
"""


@pytest.mark.parametrize(
    ("more", "variables"),
    [
        ("", {"n": 1_000}),
        ("", {"c": "garbage"}),
        ("relationships(first: 1, last: 1) { totalCount }", {}),
        ("... on Person { relationships(where: {city: {eq: null}}) { totalCount } }", {}),
        (nested(13).removeprefix("{ parties").removesuffix("}").replace(" { nodes", "relationships { nodes", 1), {}),
    ],
)
async def test_a_change_whose_answer_can_not_be_read_is_not_made(
    client: httpx.AsyncClient, bank: Bank, database: Database, more: str, variables: dict[str, Any]
):
    before = (await database.read("MATCH (n) RETURN count(n) AS nodes"))[0]["nodes"]
    made = await post(client, RECORD % more, role=Role.SERVICE, variables=variables)
    refused(made, "BAD_USER_INPUT")
    assert (await database.read("MATCH (n) RETURN count(n) AS nodes"))[0]["nodes"] == before


async def test_documents_are_kept_up_to_a_bound(schema: MappedSchema):
    documents = Documents(schema, kept=200)
    first = documents.load("{ __typename }")
    assert documents.load("{ __typename }") is first
    for n in range(20):
        documents.load(f"{{ a{n}: __typename }}")
    assert documents.load("{ __typename }") is not first
    large = "{ " + " ".join(f"a{n}: __typename" for n in range(100)) + " }"
    assert "" in documents.load(large)


async def test_what_is_kept_compiled_of_small_documents_has_a_bound_too(schema: MappedSchema):
    documents = Documents(schema, kept=1_000)
    operations = []
    for n in range(PLANS_KEPT // 100):
        if len(operations) < 50:
            loaded = documents.load(f"{{ a{n}: __typename }}")
            assert isinstance(loaded, dict)
            operations.append(loaded[""])
        documents.keep(operations[n % 50], n, [])
    assert documents.plan(operations[0], 0) is None, "the first one had to leave"


async def test_a_document_that_had_to_leave_is_held_by_nothing_else(schema: MappedSchema):
    documents, pricing = Documents(schema), Pricing(schema)
    heavy = "#" + "x" * 40_000 + "\n"
    held = []
    for n in range(100):
        loaded = documents.load(f"{heavy}{{ a{n}: __typename }}")
        assert isinstance(loaded, dict)
        operation = loaded.pop("")
        documents.keep(operation, (), [])
        pricing.of(operation, {}, ())
        held.append(weakref.ref(operation))
        del operation, loaded
    gc.collect()
    assert held[0]() is None
    assert held[-1]() is not None


@pytest.mark.parametrize(
    "query",
    [
        "{ parties { nodes { " + "id " * 3_900 + "} } }",
        "{ "
        + " ".join(f'party(id: "a") {{ ...F{n} }}' for n in range(150))
        + " }"
        + " ".join(f"fragment F{n} on Party {{ id city region country }}" for n in range(150)),
    ],
)
async def test_the_largest_documents_are_checked_in_a_moment(schema: MappedSchema, query: str):
    started = time.process_time()
    Documents(schema).load(query)
    assert time.process_time() - started < 2, "everybody else waits meanwhile"
