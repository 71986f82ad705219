"""Pages read one after the other are the list: every row once, in order, whatever the ordering and the page's size."""

from __future__ import annotations

import base64
from collections import Counter
from typing import Any

import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from reference import Reference
from small_bank import Bank

from graph_crm.api.schema import MappedSchema
from graph_crm.graph.compiler.pages import orderings
from graph_crm.graph.database import Database
from graph_crm.graph.mapping import Relation

pytestmark = pytest.mark.lts

NESTED = [
    ("p1", "agreements"),  # one of them by two holdings
    ("p1", "relationships"),
    ("o1", "relationships"),
    ("a1", "dependsOn"),  # two links to the same agreement, told apart by nothing but their kind
    ("a1", "transfersOut"),
    ("a1", "movements"),
    ("d1", "offers"),
    ("p1", "interactions"),
]
ROOTS = {"p": "party", "o": "party", "a": "agreement", "d": "decision"}


def cases(schema: MappedSchema) -> list[tuple[str, str, list[str]]]:
    """(node or nothing, page, its orderings) for every kind of page."""
    found = [
        ("", root.name, sorted(orderings(schema.registry.of(root.node), None)))
        for root in schema.registry.roots.values()
        if root.page and not root.start
    ]
    for key, name in NESTED:
        spec = relation(schema, key, name)
        edge = schema.registry.edges[spec.edge] if spec.edge else None
        found.append((key, name, sorted(orderings(schema.registry.of(spec.target), edge))))
    return found


def relation(schema: MappedSchema, key: str, name: str) -> Relation:
    spec = schema.registry.of(schema.registry.roots[ROOTS[key[0]]].node).fields[name]
    assert isinstance(spec, Relation)
    return spec


def expected(reference: Reference, schema: MappedSchema, key: str, name: str, order: list[str]) -> list[Any]:
    """The keys of all rows, in order."""
    arguments = {"orderBy": order}
    if not key:
        rows = reference.rows(schema.registry.roots[name], arguments)
    else:
        node = next(node for node in reference.bank.nodes if node.props.get("id") == key)
        root = schema.registry.roots[ROOTS[key[0]]]
        seen = reference.seen(root, node)
        rows = reference.related(seen, relation(schema, key, name), arguments)
    return [row.node.props[row.mapping.key] for row in rows]


def document(schema: MappedSchema, key: str, name: str, order: list[str]) -> str:
    root = schema.registry.roots.get(name)
    target = schema.registry.of(root.node if root and not key else relation(schema, key, name).target)
    page = (
        f"page: {name}(first: $first, after: $after, last: $last, before: $before, orderBy: [{', '.join(order)}])"
        f" {{ edges {{ cursor node {{ key: {target.key} }} }} totalCount"
        f" pageInfo {{ hasNextPage hasPreviousPage startCursor endCursor }} }}"
    )
    body = f'{ROOTS[key[0]]}(id: "{key}") {{ {page} }}' if key else page
    return f"query($first: Int, $after: String, $last: Int, $before: String) {{ {body} }}"


async def walk(ask, query: str, size: int, *, backwards: bool) -> list[str]:
    """All rows, page by page; checks what each page says about itself."""
    rows: list[str] = []
    cursor = None
    while True:
        sent = {"last": size, "before": cursor} if backwards else {"first": size, "after": cursor}
        response = await ask(query, **{name: value for name, value in sent.items() if value is not None})
        assert "errors" not in response, response
        (found,) = response["data"].values()
        page = found.get("page", found)
        keys = [edge["node"]["key"] for edge in page["edges"]]
        rows = keys + rows if backwards else rows + keys
        info = page["pageInfo"]
        more, other = ("hasPreviousPage", "hasNextPage") if backwards else ("hasNextPage", "hasPreviousPage")
        assert info[other] is (cursor is not None)
        assert info[more] is (len(rows) < page["totalCount"])
        assert len(keys) <= size
        if page["edges"]:
            assert info["startCursor"] == page["edges"][0]["cursor"]
            assert info["endCursor"] == page["edges"][-1]["cursor"]
        if not info[more]:
            return rows
        assert len(keys) == size
        cursor = info["startCursor" if backwards else "endCursor"]


@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
async def test_walking_the_pages_gives_every_row_once_and_in_order(
    bank: Bank, reference: Reference, schema: MappedSchema, ask, data: st.DataObject
):
    key, name, names = data.draw(st.sampled_from(cases(schema)))
    order = data.draw(st.lists(st.sampled_from(names), max_size=3, unique=True))
    query = document(schema, key, name, order)
    rows = expected(reference, schema, key, name, order)
    for backwards in (False, True):
        size = data.draw(st.integers(1, 4))
        assert await walk(ask, query, size, backwards=backwards) == rows, (order, size, backwards)


@pytest.mark.parametrize("order", ["CITY_ASC", "CITY_DESC", "CREATED_AT_ASC", "CREATED_AT_DESC", "ENDED_ON_DESC"])
async def test_nobody_knows_the_value_comes_last_ascending_and_first_descending(
    bank: Bank, reference: Reference, schema: MappedSchema, ask, order: str
):
    query = document(schema, "", "parties", [order])
    rows = expected(reference, schema, "", "parties", [order])
    field = {"CITY": "city", "CREATED": "createdAt", "ENDED": "endedOn"}[order.split("_", maxsplit=1)[0]]
    unknown = {node.props["id"] for node in bank.labelled("Party") if field not in node.props}
    at = slice(0, len(unknown)) if order.endswith("DESC") else slice(-len(unknown), None)
    assert set(rows[at]) == unknown
    for size in (1, 3):
        for backwards in (False, True):
            assert await walk(ask, query, size, backwards=backwards) == rows


async def test_parallel_relationships_are_rows_of_their_own(bank: Bank, ask):
    query = (
        'query($after: String) { agreement(id: "a1") { dependsOn(first: 1, after: $after) {'
        " edges { kind node { id } } pageInfo { endCursor hasNextPage } } } }"
    )
    kinds: Counter[str] = Counter()
    cursor = None
    for _ in range(2):
        page = (await ask(query, **({"after": cursor} if cursor else {})))["data"]["agreement"]["dependsOn"]
        kinds[page["edges"][0]["kind"]] += 1
        cursor = page["pageInfo"]["endCursor"]
    assert kinds == {"PAID_FROM": 1, "ISSUED_ON": 1}
    assert not page["pageInfo"]["hasNextPage"]


@settings(max_examples=6, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    order=st.sampled_from([["CITY_ASC"], ["CITY_DESC", "DISPLAY_NAME_ASC"], ["CREATED_AT_DESC"], []]),
    cities=st.lists(st.sampled_from([None, "Aa", "Praha", "Zz"]), min_size=3, max_size=6),
    size=st.integers(1, 3),
)
async def test_rows_that_come_meanwhile_push_no_other_out_and_none_twice(
    bank: Bank, reference: Reference, schema: MappedSchema, database: Database, ask, order, cities, size
):
    before = expected(reference, schema, "", "parties", order)
    query = document(schema, "", "parties", order)
    waiting = list(cities)
    rows: list[str] = []
    cursor = None
    try:
        while True:
            page = (await ask(query, first=size, **({"after": cursor} if cursor else {})))["data"]["page"]
            rows += [edge["node"]["key"] for edge in page["edges"]]
            if not page["pageInfo"]["hasNextPage"]:
                break
            cursor = page["pageInfo"]["endCursor"]
            if waiting:
                await database.execute(
                    "CREATE (:Party:Person {id: $id, displayName: 'Jan Novák', city: $city, status: 'ACTIVE',"
                    " version: 1})",
                    {"id": f"new{len(waiting)}", "city": waiting.pop()},
                )
    finally:
        await database.execute("MATCH (p:Party) WHERE p.id STARTS WITH 'new' DETACH DELETE p")
    assert [row for row in rows if not row.startswith("new")] == before
    assert len(set(rows)) == len(rows)


async def test_first_0_is_an_empty_page_that_knows_whether_there_is_more(bank: Bank, ask):
    page = (await ask("{ parties(first: 0) { nodes { id } pageInfo { hasNextPage endCursor } totalCount } }"))["data"]
    assert page["parties"] == {
        "nodes": [],
        "pageInfo": {"hasNextPage": True, "endCursor": None},
        "totalCount": len(bank.labelled("Party")),
    }


def cursor_of(*parts: Any) -> str:
    return base64.urlsafe_b64encode(orjson.dumps(parts)).rstrip(b"=").decode()


async def test_a_cursor_that_is_not_of_this_page_is_refused(bank: Bank, ask):
    """Whatever is sent, the answer is one clear error; the value is never compared as something else."""
    query = "query($c: String, $o: [PartyOrderBy!]) { parties(after: $c, orderBy: $o) { nodes { id } } }"
    good = await ask("{ parties(first: 1, orderBy: CREATED_AT_ASC) { pageInfo { endCursor } } }")
    cursor = good["data"]["parties"]["pageInfo"]["endCursor"]
    mark, at, key = orjson.loads(base64.urlsafe_b64decode(cursor + "=="))
    of_agreements = (await ask("{ agreements(first: 1) { pageInfo { endCursor } } }"))["data"]["agreements"]
    accepted = await ask(query, c=cursor, o=["CREATED_AT_ASC"])
    assert "errors" not in accepted
    for order, hostile in [
        (["CREATED_AT_DESC"], cursor),
        (["CREATED_AT_ASC", "CITY_ASC"], cursor),
        ([], cursor),
        ([], of_agreements["pageInfo"]["endCursor"]),
        (["CREATED_AT_ASC"], cursor[:-3]),
        (["CREATED_AT_ASC"], "x" * 200_000),
        (["CREATED_AT_ASC"], ""),
        (["CREATED_AT_ASC"], "ěšč"),
        (["CREATED_AT_ASC"], "'; MATCH (n) DETACH DELETE n //"),
        (["CREATED_AT_ASC"], cursor_of(mark)),
        (["CREATED_AT_ASC"], cursor_of(mark, at, key, key)),
        (["CREATED_AT_ASC"], cursor_of(mark, at, None)),
        (["CREATED_AT_ASC"], cursor_of(mark, at, 5)),
        (["CREATED_AT_ASC"], cursor_of(mark, at, ["p1"])),
        (["CREATED_AT_ASC"], cursor_of(mark, 5, key)),
        (["CREATED_AT_ASC"], cursor_of(mark, True, key)),
        (["CREATED_AT_ASC"], cursor_of(mark, "yesterday", key)),
        (["CREATED_AT_ASC"], cursor_of(mark, "2020-01-01", key)),
        (["CREATED_AT_ASC"], cursor_of(mark, "2020-01-01 00:00:00Z", key)),
        (["CREATED_AT_ASC"], cursor_of(mark, "2020-01-01T00:00:00.x+date()Z", key)),
        (["CREATED_AT_ASC"], cursor_of(mark, "2020-13-01T00:00:00Z", key)),
        (["CREATED_AT_ASC"], cursor_of({"a": 1})),
        (["CREATED_AT_ASC"], base64.b64encode(b"5").decode()),
        (["CREATED_AT_ASC"], base64.b64encode(b'"text"').decode()),
        (["CREATED_AT_ASC"], base64.b64encode(b"[" * 3000).decode()),
    ]:
        response = await ask(query, c=hostile, o=order)
        (error,) = response["errors"]
        assert error["extensions"]["code"] == "BAD_USER_INPUT", (order, hostile[:60], error)
        assert "cursor" in error["message"]
        assert error["path"] == ["parties"]


@pytest.mark.parametrize("sent", [2**63, 2**64 - 1, -(2**63) - 1, 1.5, True, "5"])
async def test_a_number_in_a_cursor_must_fit(bank: Bank, ask, sent):
    good = await ask("{ agreements(first: 1, orderBy: AMOUNT_ASC) { pageInfo { endCursor } } }")
    mark, _, key = orjson.loads(base64.urlsafe_b64decode(good["data"]["agreements"]["pageInfo"]["endCursor"] + "=="))
    hostile = base64.urlsafe_b64encode(f'["{mark}", {sent!r}, "{key}"]'.replace("True", "true").encode()).decode()
    response = await ask(f'{{ agreements(orderBy: AMOUNT_ASC, after: "{hostile.rstrip("=")}") {{ nodes {{ id }} }} }}')
    assert response["errors"][0]["extensions"]["code"] == "BAD_USER_INPUT"


@pytest.mark.parametrize(
    "arguments",
    [
        "first: -1",
        "last: -1",
        "first: 101",
        "first: 2147483647",
        "first: 1, last: 1",
        'last: 1, after: "x"',
        'first: 1, before: "x"',
        'after: "x", before: "x"',
    ],
)
async def test_a_page_that_can_not_be_is_refused(bank: Bank, ask, arguments: str):
    for query, path in [
        (f"{{ parties({arguments}) {{ nodes {{ id }} }} }}", ["parties"]),
        (f'{{ party(id: "p1") {{ agreements({arguments}) {{ nodes {{ id }} }} }} }}', ["party"]),
    ]:
        response = await ask(query)
        (error,) = response["errors"]
        assert error["extensions"]["code"] == "BAD_USER_INPUT"
        assert error["path"] == path


async def test_at_most_three_orderings(bank: Bank, ask):
    response = await ask("{ parties(orderBy: [CITY_ASC, ID_ASC, CITY_DESC, ID_DESC]) { nodes { id } } }")
    assert response["errors"][0]["extensions"] == {
        "code": "BAD_USER_INPUT",
        "limit": 3,
        "hint": "Name fewer.",
    }
