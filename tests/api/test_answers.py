"""Answers are what the GraphQL specification says: order, aliases, merging, fragments, nulls, variables, errors."""

from __future__ import annotations

import asyncio
import json
import re
import sys
from pathlib import Path
from typing import Any

import pytest
from graphql import parse
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from reference import Reference
from small_bank import Bank

from graph_crm.api.execution import Executor, Request
from graph_crm.graph.database import Database
from graph_crm.security.roles import Caller, Role

sys.path.insert(0, str(Path(__file__).parents[1] / "graph" / "compiler"))
from shapes import SHAPES

EVERYTHING = Caller("test", Role.ADMINISTRATOR)


async def test_both_ways_of_execution_answer_the_same(bank: Bank, ask):
    """A neighbour such as __schema makes graphql-core execute the document; nothing else may change."""
    for name, (query, variables) in SHAPES.items():
        if "cursor of" in str(variables):
            continue
        straight = await ask(query, **variables)
        through = await ask(query.replace("{", "{ zz: __schema { queryType { name } } ", 1), **variables)
        assert through["data"].pop("zz") == {"queryType": {"name": "Query"}}
        assert json.dumps(through) == json.dumps(straight), name


@pytest.mark.parametrize(
    "query",
    [
        '{ party(id: "p1") { city id __typename x: id } }',
        '{ b: party(id: "p2") { id } a: party(id: "p1") { id } __typename }',
        # The same key three times, each with a part of the selection.
        '{ p: party(id: "p1") { id } ...R } fragment R on Query { p: party(id: "p1") { city id } }',
        '{ p: party(id: "p1") { agreements(first: 1) { nodes { id } edges { role } nodes { status } } } }',
        # A field that only a later fragment asks keeps the place of its first mention.
        '{ party(id: "p1") { ...A city ...B } } fragment A on Party { id ...B } fragment B on Party { segment id }',
        # The order differs by type.
        """{ parties { nodes { ... on Person { ...A ...B } ... on Organization { ...B ...A } } } }
        fragment A on Party { city } fragment B on Party { id }""",
        "{ parties { nodes { ... on Organization { industry } id ... on Person { birthDate } } } }",
        "{ parties { nodes { ... on Person { ... on Party { ... on Organization { industry } id } } } } }",
        '{ party(id: "o3") { ... on Person { id } } }',
        '{ party(id: "nobody") { id } }',
        '{ party(id: "o3") { city agreements { nodes { id } } relationships { totalCount edges { node { id } } } } }',
        '{ event(id: "e1") { payload agreement { closedOn } } }',
        '{ decision(id: "d1") { trace { gates { evidence numbers __typename } __typename r: rule } ruleVersions } }',
        '{ agreement(id: "a6") { openedOn status amount balance interestRate product { family { name } } } }',
        "{ products { nodes { a: __typename b: __typename } edges { c: __typename d: __typename } e: __typename } }",
        '{ party(id: "p7") { segment displayName identifiers } q: party(id: "p3") { identifiers blocked } }',
        "{ parties @skip(if: true) { totalCount } }",
        '{ party(id: "p1") { id @skip(if: false) @include(if: false) city @include(if: true) @skip(if: false) } }',
        '{ a1: agreement(id: "a1", asOf: "2018-12-31") { id } a2: agreement(id: "a1", asOf: "2019-01-01") { status } }',
        '{ agreements(asOf: "2020-12-31") { totalCount nodes { id status } } }',
        '{ household(id: "h1", asOf: "2009-12-31") { members { edges { since role node { id } } } } }',
    ],
)
async def test_the_answer_is_what_the_specification_says(reference: Reference, ask, query: str):
    response = await ask(query)
    assert json.dumps(response) == json.dumps({"data": reference.answer(query)})


QUERY = """
query Any(
  $id: ID!, $city: String, $cities: [String!], $day: Date, $at: DateTime, $sum: Decimal, $status: PartyStatus
  $flag: Boolean, $first: Int, $asOf: Date, $order: [PartyOrderBy!], $where: PartyFilter = {version: {gte: 1}}
  $parts: [PartyFilter!], $share: Float, $if: Boolean = true, $text: String! = "n"
) {
  party(id: $id, asOf: $asOf) {
    displayName @include(if: $if)
    agreements(first: $first, where: {openedOn: {gte: $day}, or: [{amount: {gt: $sum}}, {amount: {isNull: $flag}}]}) {
      totalCount
      edges { role node { id status } }
    }
    relationships(where: {edge: {share: {gte: $share}}}) { edges { share node { id } } }
  }
  one: parties(first: 50, orderBy: $order, where: $where) { nodes { id } }
  two: parties(where: {or: [{city: {eq: $city}}, {city: {in: $cities}}, {status: {ne: $status}}]}) { nodes { id } }
  three: parties(where: {and: $parts, not: {createdAt: {lt: $at}}, displayName: {contains: $text}}) { nodes { id } }
}
"""
DAYS = ["2018-03-03", "2019-01-01", "2020-02-02", "2021-06-01"]
PARTS = [
    {"city": {"eq": "Praha"}},
    {"segment": {"isNull": True}},
    {"segment": {"isNull": False}},
    {"person": {"sex": {"in": "FEMALE"}}},
    {"not": {"identifiers": {"has": "X"}}},
]
VALUES: dict[str, st.SearchStrategy[Any]] = {
    "id": st.sampled_from(["p1", "p2", "o1", "nobody", 5]),
    "city": st.sampled_from(["Praha", "praha", "Brno"]),
    "cities": st.sampled_from(["Brno", [], ["Praha", "Łódź"], None]),
    "day": st.sampled_from(DAYS),
    "at": st.sampled_from(["2020-01-01T00:00:00Z", "2020-01-01T01:00:00.000001+01:00", "20210101T000000Z"]),
    "sum": st.sampled_from(["0", 0, 1234.49, "1234.50", -1]),
    "status": st.sampled_from(["ACTIVE", "ENDED"]),
    "flag": st.booleans(),
    "first": st.sampled_from([0, 1, 2, 2.0, None]),
    "asOf": st.sampled_from([*DAYS, None]),
    "order": st.sampled_from(["CITY_DESC", ["CITY_ASC"], ["CITY_ASC", "CREATED_AT_DESC"], [], None]),
    "where": st.sampled_from([*PARTS, {}, {"and": PARTS[:2]}, {"or": []}]),
    "parts": st.sampled_from([PARTS[:1], PARTS[1:3], PARTS[3], [], PARTS[2:]]),
    "share": st.sampled_from([0, 0.25, 1]),
    "if": st.booleans(),
    "text": st.sampled_from(["n", "NOVÁK", "ký", ""]),
}
REQUIRED = {"id", "flag", "share", "day", "sum", "city", "status", "at"}
"""Left out, they leave their condition out, which is tested below; null they are refused."""


def coercible(variables: dict[str, Any]) -> dict[str, Any]:
    """The same values as graphql-core's own executor takes them."""
    return {name: 2 if name == "first" and value == 2.0 else value for name, value in variables.items()}


@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(given_=st.fixed_dictionaries(VALUES), left_out=st.sets(st.sampled_from(sorted(set(VALUES) - REQUIRED))))
async def test_one_document_with_any_variables_answers_for_these_and_no_others(
    bank: Bank, reference: Reference, executor: Executor, given_, left_out
):
    """The plan is kept and used again: nothing of an earlier call may be left in it."""
    variables = {name: value for name, value in given_.items() if name not in left_out}
    if variables.get("cities", ...) is None:
        variables.pop("cities")  # null is no list to compare with: refused, see below
    response = await executor.execute(Request(QUERY, EVERYTHING, variables))
    assert "errors" not in response, (response, variables)
    assert json.dumps(response["data"]) == json.dumps(reference.answer(QUERY, coercible(variables))), variables


async def test_many_at_once_do_not_mix(bank: Bank, reference: Reference, executor: Executor):
    query = "query($id: ID!, $n: Int) { party(id: $id) { id agreements(first: $n) { nodes { id } } } }"
    asked = [{"id": node.props["id"], "n": n} for node in bank.labelled("Party") for n in range(5)] * 4
    answers = await asyncio.gather(*[executor.execute(Request(query, EVERYTHING, variables)) for variables in asked])
    for variables, answer in zip(asked, answers, strict=True):
        assert answer == {"data": reference.answer(query, variables)}


@pytest.mark.parametrize(
    ("declared", "used", "value", "expected"),
    [
        ("$v: ID!", "id: {eq: $v}", 5, []),
        ("$v: [ID!]", "id: {in: $v}", "p1", ["p1"]),
        ("$v: [ID!]", "id: {in: $v}", ["p2", "p1"], ["p1", "p2"]),
        ("$v: ID!", "id: {in: [$v]}", "p1", ["p1"]),
        ("$v: ID!", 'id: {in: [$v, "p2"]}', "p1", ["p1", "p2"]),
        ("$v: IDFilter", "id: $v", {"in": "p3"}, ["p3"]),
        ("$v: PartyFilter!", "and: [$v]", {"id": {"eq": "p1"}}, ["p1"]),
        ("$v: [PartyFilter!]", "or: $v", {"id": {"eq": "p1"}}, ["p1"]),
        ("$v: [PartyFilter!]", "or: $v", [], []),
        ("$v: PartyFilter", 'id: {eq: "p1"}, not: $v', {}, []),
        ("$v: Sex", "person: {sex: {eq: $v}}", "FEMALE", ["p1"]),
        ("$v: [Sex!] = [OTHER, FEMALE]", "person: {sex: {in: $v}}", ..., ["p1", "p5"]),
        ('$v: PartyFilter = {id: {eq: "p4"}}', "and: [$v]", ..., ["p4"]),
        ('$v: String = "Łódź"', "city: {eq: $v}", ..., ["p4"]),
        ("$v: String", 'id: {eq: "p1"}, city: {eq: $v}', ..., ["p1"]),
        ("$v: PartyFilter", 'id: {eq: "p1"}, not: $v', ..., ["p1"]),
        ("$v: String!", "segment: {eq: $v}", "\uffff", ["p7"]),
        ("$v: String!", "displayName: {contains: $v}", "😀", ["p7"]),
        ("$v: Boolean", "city: {isNull: $v}, person: {}", True, ["p3", "p6"]),
    ],
)
async def test_a_variable_is_coerced_as_the_specification_says(bank: Bank, ask, declared, used, value, expected):
    query = f"query({declared}) {{ parties(where: {{{used}}}, orderBy: ID_ASC) {{ nodes {{ id }} }} }}"
    response = await ask(query, **({} if value is ... else {"v": value}))
    assert [node["id"] for node in response["data"]["parties"]["nodes"]] == expected


@pytest.mark.parametrize(
    ("declared", "used", "value"),
    [
        ("$v: ID!", "id: {eq: $v}", ...),
        ("$v: ID!", "id: {eq: $v}", None),
        ("$v: ID", "id: {eq: $v}", None),
        ("$v: ID = null", "id: {eq: $v}", ...),
        ("$v: ID", "id: {eq: $v}", True),
        ("$v: ID", "id: {eq: $v}", {"a": 1}),
        ("$v: [ID!]", "id: {in: $v}", None),
        ("$v: [ID!]", "id: {in: $v}", [None]),
        ("$v: [ID!]", "id: {in: $v}", [["p1"]]),
        ("$v: String", "city: {eq: $v}", 5),
        ("$v: Int", "version: {eq: $v}", "5"),
        ("$v: Int", "version: {eq: $v}", 2**31),
        ("$v: Boolean", "city: {isNull: $v}", "true"),
        ("$v: Boolean", "city: {isNull: $v}", None),
        ("$v: Sex", "person: {sex: {eq: $v}}", "NONE"),
        ("$v: Sex", "person: {sex: {eq: $v}}", 1),
        ("$v: PartyFilter", "and: [$v, {}]", None),
        ("$v: PartyFilter", "not: $v", {"nothing": 1}),
        ("$v: PartyFilter", "not: $v", {"city": None}),
        ("$v: PartyFilter", "not: $v", None),
        ("$v: HoldingFilter", "agreements: {some: {edge: $v}}", None),
        ("$v: DateFilter", "agreements: {some: {edge: {since: $v}}}", None),
        (
            "$v: AgreementFilter",
            "agreements: {some: {dependsOn: {some: {product: {}}}, not: $v}}",
            {"amount": {"gt": "x"}},
        ),
        ("$v: Decimal", "agreements: {some: {amount: {gt: $v}}}", "1.005"),
        ("$v: Decimal", "agreements: {some: {amount: {gt: $v}}}", "1e999999"),
        ("$v: Decimal", "agreements: {some: {amount: {gt: $v}}}", "-1e1000000"),
        ("$v: Decimal", "agreements: {some: {amount: {gt: $v}}}", "NaN"),
        ("$v: Decimal", "agreements: {some: {amount: {gt: $v}}}", "-Infinity"),
        ("$v: Decimal", "agreements: {some: {amount: {gt: $v}}}", "1." + "0" * 40 + "1"),
        ("$v: Date", "person: {birthDate: {gt: $v}}", "2020-02-30"),
        ("$v: Date", "person: {birthDate: {gt: $v}}", "today"),
        ("$v: Date", "person: {birthDate: {gt: $v}}", 20200101),
        ("$v: DateTime", "createdAt: {gt: $v}", "2020-01-01T00:00:00"),
        ("$v: DateTime", "createdAt: {gt: $v}", "0001-01-01T00:00:00+14:00"),
        ("$v: Float", "agreements: {some: {interestRate: {gt: $v}}}", 10**30),
    ],
)
async def test_a_value_that_does_not_fit_is_refused_before_anything_is_read(
    bank: Bank, database: Database, ask, declared, used, value
):
    query = f"query({declared}) {{ parties(where: {{{used}}}) {{ nodes {{ id }} }} }}"
    with database.counting() as sent:
        response = await ask(query, **({} if value is ... else {"v": value}))
    assert len(sent) == 0
    assert not (response.get("data") or {}).get("parties")
    (error,) = response["errors"]
    assert error["extensions"]["code"] in {"BAD_USER_INPUT", "GRAPHQL_VALIDATION_FAILED"}


@pytest.mark.parametrize(
    "literal",
    ["9" * 400, "9" * 5000, "-" + "9" * 401, "1e999", "1.5e400", "99999999999999999999"],
)
async def test_a_huge_number_in_the_document_is_refused_or_compared(bank: Bank, ask, literal: str):
    response = await ask(f"{{ agreements(where: {{interestRate: {{gt: {literal}}}}}) {{ totalCount }} }}")
    if literal == "99999999999999999999":
        assert response == {"data": {"agreements": {"totalCount": 0}}}
    else:
        assert response["errors"][0]["extensions"]["code"] == "BAD_USER_INPUT"


async def test_an_error_names_its_field_and_leaves_its_neighbours_their_answers(bank: Bank, ask):
    response = await ask(
        '{ good: party(id: "p1") { id } bad: party(id: "p2") { agreements(first: 1000) { totalCount } }'
        ' also: party(id: "p3") { id } }'
    )
    assert response["data"] == {"good": {"id": "p1"}, "bad": None, "also": {"id": "p3"}}
    (error,) = response["errors"]
    assert error["path"] == ["bad"]
    assert error["extensions"] == {"code": "BAD_USER_INPUT", "limit": 100, "hint": "Read on with the cursor."}


async def test_a_page_that_fails_is_null_and_leaves_its_neighbours_their_answers(bank: Bank, ask):
    response = await ask('{ good: party(id: "p1") { id } bad: parties(first: -1) { totalCount } }')
    assert response["data"] == {"good": {"id": "p1"}, "bad": None}
    assert [error["path"] for error in response["errors"]] == [["bad"]]


async def test_a_record_that_lacks_what_it_must_have_is_told_as_such(bank: Bank, database: Database, ask):
    await database.execute("CREATE (:Party {id: 'x1', displayName: 'X'}), (:Party:Person {id: 'x2'})")
    try:
        for query in [
            '{ party(id: "x1") { id ... on Person { birthDate } } }',
            '{ party(id: "x2") { id displayName } }',
        ]:
            response = await ask(query)
            assert response["data"] == {"party": None}
            (error,) = response["errors"]
            assert (error["extensions"]["code"], error["path"]) == ("INCOMPLETE_DATA", ["party"])
    finally:
        await database.execute("MATCH (p:Party) WHERE p.id STARTS WITH 'x' DELETE p")


HOSTILE = [
    "`) DETACH DELETE n //",
    "' OR 1=1 //",
    '"',
    "$p0",
    "{n}",
    "\\u0027",
    "n1.id",
    "ěš😀",
    "\u2028",
    "}}",
    "\x00",
]


@pytest.mark.parametrize("text", HOSTILE)
async def test_free_text_never_enters_a_statement(bank: Bank, ask, text: str):
    told = json.dumps(text)
    query = (
        f"query($v: String!) {{ parties(where: {{city: {{eq: {told}}}, displayName: {{contains: $v}}, region: {{in:"
        f" [{told}, $v]}}, identifiers: {{has: {told}}}}}) {{ nodes {{ id }} }} party(id: {told}) {{ id }}"
        f" searchParties(query: {told}) {{ totalCount }} }}"
    )
    plain = await ask(query.replace(told, '"plain"'), explain=True, v="plain")
    response = await ask(query, explain=True, v=text)
    assert "errors" not in response, response
    statements = [each["statement"] for each in response["extensions"]["explain"]]
    assert sorted(re.sub(r"\$p\d+", "$", each) for each in statements) == sorted(
        re.sub(r"\$p\d+", "$", each["statement"]) for each in plain["extensions"]["explain"]
    )


async def test_names_that_the_caller_makes_up_stay_in_the_response(bank: Bank, ask):
    query = 'query Q1 { DELETE: party(id: "p1") { n1: id MATCH: city e1: displayName ...RETURN } }'
    query += " fragment RETURN on Party { WITH: id }"
    assert parse(query)
    response = await ask(query, explain=True)
    assert list(response["data"]["DELETE"]) == ["n1", "MATCH", "e1", "WITH"]
    (explained,) = response["extensions"]["explain"]
    assert explained["statement"] == "MATCH (n1:Party {id: $p0}) RETURN [n1.id, n1.city, n1.displayName]"


@pytest.mark.parametrize(
    ("query", "variables"),
    [
        ('query ($c: Channel!) { earliestContactAt(partyId: "p1", channel: $c) { at } }', {"c": "FAX"}),
        ('{ earliestContactAt(partyId: "p1", channel: FAX) { at } }', {}),
    ],
)
async def test_a_wrong_word_is_refused_with_the_right_ones(bank: Bank, ask, query: str, variables: dict[str, Any]):
    (error,) = (await ask(query, **variables))["errors"]
    assert error["extensions"]["hint"] == "Channel is one of PHONE, SMS, EMAIL, ATM, ONLINE, BRANCH, LETTER, PUSH."
