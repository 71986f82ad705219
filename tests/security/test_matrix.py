"""The matrix is complete: every field has a class, every type its customers, every argument a judgement."""

from __future__ import annotations

import re
from typing import Any

import pytest
from graphql import GraphQLInputObjectType, GraphQLInterfaceType, GraphQLObjectType, get_named_type

from graph_crm.api.schema import MappedSchema, platform_schema
from graph_crm.errors import ConfigurationError
from graph_crm.security.matrix import FILE, Cell, matrix, read
from graph_crm.security.roles import Role

SCHEMA: MappedSchema = platform_schema()
TEXT = FILE.read_text("utf-8")
SHAPES = {"Mutation", "Subscription", "PageInfo"}
"""Changes and subscriptions are judged by their permission (tests/api/test_permissions.py); a page is no data."""
WRITTEN = {"productCode", "familyCode", "registrationNumber", "fromCode", "toCode", "code", "idempotencyKey"}


def fields() -> set[tuple[str, str]]:
    """Every field of every object type, with those of relationships at the relationship."""
    found = set()
    for name, kind in SCHEMA.core.type_map.items():
        if name.startswith("__") or name in SHAPES or name.endswith(("Connection", "Edge")):
            continue
        if isinstance(kind, GraphQLObjectType | GraphQLInterfaceType):
            asked = SCHEMA.registry.roots if name == "Query" else kind.fields
            found |= {(name, field) for field in asked}
    return found | {(edge.name, field) for edge in SCHEMA.registry.edges.values() for field in edge.fields}


def test_every_field_has_a_class() -> None:
    assert not sorted(each for each in fields() if matrix().class_of(*each) is None)


def test_the_file_names_no_field_that_is_not_there() -> None:
    named = {(kind, field) for kind, classes in matrix().classes.items() for field in classes}
    assert not sorted(named - fields())


def test_a_field_without_a_class_is_seen_by_nobody() -> None:
    assert {matrix().cell(role, "Person", "shoeSize") for role in Role} == {Cell.HIDE}
    assert {matrix().cell(role, "NoType", "id") for role in Role} == {Cell.HIDE}


def test_every_type_says_to_whom_it_belongs() -> None:
    types = {name for name in SCHEMA.registry.nodes if name not in {"Party", "Person", "Organization"}}
    assert types == set(matrix().belongs)
    for ways in matrix().belongs.values():
        for way in ways:
            assert way.target in SCHEMA.registry.nodes


def arguments() -> set[str]:
    """Every argument of what resolvers answer that looks as if it named a record."""
    found: set[str] = set()

    def walk(kind: Any, path: str) -> None:
        named = get_named_type(kind)
        last = path.rpartition(".")[2]
        if isinstance(named, GraphQLInputObjectType):
            for name, field in named.fields.items():
                walk(field.type, f"{path}.{name}")
        elif last not in WRITTEN and (
            named.name == "ID" or re.search(r"(?i)(partyId|number|pointKey|[a-z]Id)s?$", last)
        ):
            found.add(path)

    for root in (SCHEMA.core.query_type, SCHEMA.core.mutation_type, SCHEMA.core.subscription_type):
        assert root is not None
        for name, field in root.fields.items():
            if not (root is SCHEMA.core.query_type and name in SCHEMA.registry.roots):
                for key, argument in field.args.items():
                    walk(argument.type, f"{name}.{key}")
    return found


def test_every_argument_that_names_a_record_is_judged() -> None:
    known = set(matrix().arguments) | matrix().unchecked
    assert not sorted(arguments() - known)
    outside = {each for each in matrix().arguments if each.startswith("GET /")}  # files, which are no GraphQL
    assert not sorted(set(matrix().arguments) - outside - arguments())
    assert not matrix().unchecked & set(matrix().arguments)
    assert matrix().opening <= set(matrix().arguments)
    assert set(matrix().free) <= set(matrix().arguments)


def test_what_is_required_of_a_customer_can_be_answered_about_everybody() -> None:
    """A field that may not be null is seen of a customer who is only recognised, or stands for nothing."""
    party = SCHEMA.registry.nodes["Party"]
    for kind in party.concrete:
        for spec in kind.fields.values():
            if not getattr(spec, "nullable", True):
                found = matrix().class_of(kind.name, spec.name)
                assert found in matrix().recognised, f"{kind.name}.{spec.name}"


def test_only_texts_are_masked() -> None:
    masked = {name for name, row in matrix().cells.items() if Cell.MASK in row.values()}
    kinds = set()
    for type_name, classes in matrix().classes.items():
        mapping = SCHEMA.registry.nodes.get(type_name)
        for field, found in classes.items():
            if mapping is not None and found in masked:
                kinds.add(getattr(mapping.scalar(field).type, "__name__", str(mapping.scalar(field).type)))
    assert kinds <= {"str", "ID", "list", "list[str]"}, kinds


@pytest.mark.parametrize(
    ("found", "put", "reason"),
    [
        ("see       see    see      see       see     see      see      see      see", "see see", "2 cells"),
        ('customer = "own"', 'customer = "everybody"', "everybody"),
        ('agent = "cases"', "", "each role"),
        ('"customer", "agent"', '"agent"', "each role once"),
        ('Agreement = ["<HOLDS Party"]', 'Agreement = ["HOLDS Party"]', "no way"),
        ('score"]', 'score", "score"]', None),
        ("[fields.Search]\nrecognition", "[fields.Search]\nrumours", "rumours is no class"),
        ('identity = ["birthDate", "sex"]', 'identity = ["birthDate", "sex", "givenName"]', "two classes"),
        ('catalogue = "Products', 'nothing = "Products', "different classes"),
        ("roles = [", "roles = ", "wrong"),
    ],
)
def test_a_wrong_file_is_refused_when_the_platform_starts(found: str, put: str, reason: str | None) -> None:
    assert found in TEXT
    changed = TEXT.replace(found, put, 1)
    if reason is None:
        read(changed)
        return
    with pytest.raises(ConfigurationError, match=re.escape(reason)):
        read(changed)
