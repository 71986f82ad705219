"""What a query costs is told from the mapping alone, before anything is read, however it is written."""

from __future__ import annotations

import pytest
from hostile_desk import price
from hypothesis import given
from hypothesis import strategies as st

from graph_crm.api import pricing
from graph_crm.api.schema import platform_schema
from graph_crm.graph.compiler.cost import is_indexed

PAGE = 20
"""Rows of a page when none are asked for."""


def test_pages_multiply():
    few = price("{ parties(first: 10) { nodes { agreements(first: 5) { nodes { id } } } } }")
    wider = price("{ parties(first: 20) { nodes { agreements(first: 5) { nodes { id } } } } }")
    deeper = price("{ parties(first: 10) { nodes { agreements(first: 10) { nodes { id } } } } }")
    assert 1.8 < wider / few < 2.1
    assert 1.5 < deeper / few < 2.1
    assert few > 10 * 5


@given(first=st.integers(1, 99), second=st.integers(1, 99))
def test_a_larger_page_never_costs_less(first: int, second: int):
    query = "query($a: Int, $b: Int) { parties(first: $a) { nodes { agreements(first: $b) { nodes { id } } } } }"
    cost = price(query, {"a": first, "b": second})
    assert cost >= first * second
    assert price(query, {"a": first + 1, "b": second}) > cost
    assert price(query, {"a": first, "b": second + 1}) > cost


WAYS = {
    "in the document": "{ parties(first: 50) { nodes { id agreements(first: 40) { nodes { id } } } } }",
    "by a fragment": """{ ...A } fragment A on Query { parties(first: 50) { ...B } }
        fragment B on PartyConnection { nodes { ...C } } fragment C on Party { id ...D }
        fragment D on Party { agreements(first: 40) { nodes { id } } }""",
    "by inline fragments": """{ ... { parties(first: 50) { ... on PartyConnection { nodes {
        ... on Party { id agreements(first: 40) { nodes { id } } } } } } } }""",
    "in two halves": """{ parties(first: 50) { nodes { id } } parties(first: 50) { nodes {
        agreements(first: 40) { nodes { id } } } } }""",
    "twice": """{ parties(first: 50) { nodes { id id agreements(first: 40) { nodes { id } }
        agreements(first: 40) { nodes { id id } } } } }""",
    "in one type of an interface": """{ parties(first: 50) { nodes { id
        ... on Organization { agreements(first: 40) { nodes { id } } } } } }""",
    "by an alias": "{ x: parties(first: 50) { y: nodes { z: id a: agreements(first: 40) { n: nodes { i: id } } } } }",
    "read backwards": "{ parties(last: 50) { nodes { id agreements(last: 40) { nodes { id } } } } }",
    "included": """query($yes: Boolean = true) { parties(first: 50) @include(if: $yes) { nodes { id
        agreements(first: 40) @skip(if: false) { nodes { id } } } } }""",
    "by a default": """query($a: Int = 50, $b: Int = 40) { parties(first: $a) { nodes { id
        agreements(first: $b) { nodes { id } } } } }""",
}


@pytest.mark.parametrize("way", WAYS)
def test_no_way_of_writing_it_makes_it_cheaper(way: str):
    assert price(WAYS[way]) == pytest.approx(price(WAYS["in the document"]))


def test_edges_are_rows_as_nodes_are():
    nodes = price("{ parties(first: 50) { nodes { agreements(first: 40) { nodes { id } } } } }")
    edges = price("{ parties(first: 50) { edges { node { agreements(first: 40) { edges { node { id } } } } } } }")
    cursors = price("{ parties(first: 50) { edges { cursor } } }")
    assert edges == pytest.approx(nodes)
    assert cursors > 50


def test_a_page_without_a_size_is_the_default_page():
    unsaid = price("{ parties { nodes { agreements { nodes { id } } } } }")
    said = price(f"{{ parties(first: {PAGE}) {{ nodes {{ agreements(first: {PAGE}) {{ nodes {{ id }} }} }} }} }}")
    by_null = price(
        "query($n: Int) { parties(first: $n) { nodes { agreements(first: $n) { nodes { id } } } } }", {"n": None}
    )
    assert unsaid == said == by_null


def test_what_is_left_out_costs_nothing():
    with_it = "query($yes: Boolean!) { parties { nodes { id agreements @include(if: $yes) { nodes { id } } } } }"
    assert price(with_it, {"yes": False}) == price("{ parties { nodes { id } } }")
    assert price(with_it, {"yes": True}) > 10 * price(with_it, {"yes": False})


def test_aliases_multiply():
    one = price("{ parties(first: 10) { nodes { agreements { nodes { id } } } } }")
    aliases = " ".join(f"a{n}: agreements {{ nodes {{ id }} }}" for n in range(10))
    assert price(f"{{ parties(first: 10) {{ nodes {{ {aliases} }} }} }}") > 9 * (one - 20)
    roots = " ".join(f"a{n}: parties(first: 10) {{ nodes {{ agreements {{ nodes {{ id }} }} }} }}" for n in range(10))
    assert price(f"{{ {roots} }}") == pytest.approx(10 * one)


@pytest.mark.parametrize(
    ("plain", "dearer"),
    [
        ("{ parties { nodes { id } } }", "{ parties { nodes { id } totalCount } }"),
        ("{ parties { nodes { id } } }", '{ parties(where: {city: {eq: "x"}}) { nodes { id } } }'),
        (
            '{ parties(where: {city: {eq: "x"}}) { nodes { id } } }',
            '{ parties(where: {displayName: {contains: "x"}}) { nodes { id } } }',
        ),
        (
            '{ parties(where: {city: {eq: "x"}}) { nodes { id } } }',
            "{ parties(where: {agreements: {some: {status: {eq: ACTIVE}}}}) { nodes { id } } }",
        ),
        (
            "{ parties(where: {agreements: {some: {}}}) { nodes { id } } }",
            "{ parties(where: {relationships: {some: {agreements: {some: {}}}}}) { nodes { id } } }",
        ),
        (
            "{ parties(where: {agreements: {some: {}}}) { nodes { id } } }",
            "{ parties(where: {or: [{agreements: {some: {}}}, {agreements: {none: {}}}]}) { nodes { id } } }",
        ),
        (
            "{ parties(orderBy: DISPLAY_NAME_ASC) { nodes { id } } }",
            "{ parties(orderBy: CITY_ASC) { nodes { id } } }",
        ),
        ("{ parties { nodes { id } } }", '{ searchParties(query: "x") { nodes { id } } }'),
        (
            "{ parties { nodes { requests { totalCount } } } }",
            "{ employees { nodes { requests { totalCount } } } }",  # an employee has many more
        ),
        (
            "{ parties { nodes { agreements(first: 1) { nodes { id } } } } }",
            "{ parties { nodes { events(first: 1) { nodes { id } } } } }",
        ),
        ("{ limitOverrides { nodes { id } } }", "{ limitOverrides { nodes { decisionCount } } }"),
        ('{ parties(where: {id: {in: ["a"]}}) { nodes { id } } }',
         '{ parties(where: {id: {in: ["a", "b", "c"]}}) { nodes { id } } }'),
    ],
)  # fmt: skip
def test_what_is_dearer_in_the_database_costs_more(plain: str, dearer: str):
    assert price(dearer) > price(plain)


def test_a_filter_costs_the_same_written_or_sent():
    written = price('{ parties(where: {agreements: {some: {id: {in: ["a", "b"]}}}}) { nodes { id } } }')
    query = "query($w: PartyFilter) { parties(where: $w) { nodes { id } } }"
    assert price(query, {"w": {"agreements": {"some": {"id": {"in": ["a", "b"]}}}}}) == written
    parts = "query($w: [HoldingAgreementFilter!]) { parties(where: {agreements: {some: {and: $w}}}) { nodes { id } } }"
    assert price(parts, {"w": [{"id": {"in": ["a", "b"]}}]}) == written


def test_a_batch_costs_by_its_items():
    query = "mutation($e: [EventRowInput!]!) { recordEvents(events: $e) { __typename } }"
    one = {"type": "atm_balance_check", "partyId": "p1"}
    assert price(query, {"e": [one] * 100}) == pytest.approx(
        price(query, {"e": [one]}) + 99 * pricing.ITEM, rel=0.01
    )  # fmt: skip


def test_what_a_service_answers_with_is_counted_too():
    few = price("{ myRequests(first: 1) { number } }")
    many = price("{ myRequests(first: 100) { number } }")
    nested = price("{ myRequests(first: 100) { number party { agreements { nodes { id } } } } }")
    assert few < many < nested
    assert nested > 100 * PAGE


def test_the_schema_s_own_description_has_a_price():
    once = "{ __schema { types { name fields { name args { name } } } } }"
    types = " ".join(f"t{n}: types {{ name fields {{ name args {{ name }} }} }}" for n in range(10))
    assert price(f"{{ __schema {{ {types} }} }}") > 8 * price(once)


def test_fragments_within_fragments_are_told_at_once():
    """Eight to the power of eleven places in a thousand characters: the number is known without visiting them."""
    spread = " ".join(f"a{n}: relationships(first: 100) {{ nodes {{ ...F%d }} }}" for n in range(8))
    parts = " ".join(f"fragment F{n} on Party {{ {spread.replace('%d', str(n + 1))} }}" for n in range(10))
    assert price(f"{{ parties {{ nodes {{ ...F0 }} }} }} {parts} fragment F10 on Party {{ id }}") == 1e15


def test_indexes_are_those_of_the_migrations():
    assert is_indexed("Party", "displayName")
    assert is_indexed("Party", "id")
    assert not is_indexed("Party", "city")


def test_weights_of_services_name_root_fields():
    schema = platform_schema().core
    known = {*schema.query_type.fields, *schema.mutation_type.fields}  # type: ignore[union-attr]  # both are there
    assert set(pricing.SERVICES) <= known
