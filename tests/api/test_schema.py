"""The schema is documented to the last value, and the committed one is the one that is served."""

from __future__ import annotations

from typing import Any

import pytest
from graphql import (
    GraphQLEnumType,
    GraphQLInputObjectType,
    GraphQLInterfaceType,
    GraphQLObjectType,
    build_schema,
    get_named_type,
    is_scalar_type,
    validate_schema,
)

from graph_crm.api.meanings import MEANINGS
from graph_crm.api.schema import platform_schema, sdl
from graph_crm.resources import folder

TYPES = {name: kind for name, kind in platform_schema().core.type_map.items() if not name.startswith("__")}


def described(kind: Any) -> list[tuple[str, str | None]]:
    """(name, description) of a type and of all that it holds."""
    found = [(kind.name, kind.description)]
    if isinstance(kind, GraphQLEnumType):
        found += [(f"{kind.name}.{name}", value.description) for name, value in kind.values.items()]
    elif isinstance(kind, GraphQLInputObjectType):
        found += [(f"{kind.name}.{name}", field.description) for name, field in kind.fields.items()]
    elif isinstance(kind, GraphQLObjectType | GraphQLInterfaceType):
        for name, field in kind.fields.items():
            found.append((f"{kind.name}.{name}", field.description))
            found += [(f"{kind.name}.{name}({each})", arg.description) for each, arg in field.args.items()]
    return found


@pytest.mark.parametrize("name", sorted(TYPES))
def test_everything_says_what_it_means(name: str):
    silent = [what for what, text in described(TYPES[name]) if not (text or "").strip()]
    assert not silent


def test_the_committed_schema_is_the_one_that_is_served():
    """Write it anew with ``graph-crm schema export`` and look at the difference."""
    committed = (folder("schema") / "schema.graphql").read_text("utf-8")
    assert committed == sdl()


def test_the_schema_is_valid_by_itself():
    built = build_schema(sdl())
    assert validate_schema(built) == []
    assert set(built.type_map) == set(platform_schema().core.type_map)


def test_an_argument_says_what_it_means_and_not_what_a_text_is() -> None:
    core = platform_schema().core
    wrong = [
        f"{name}({argument})"
        for root in (core.query_type, core.mutation_type, core.subscription_type)
        if root is not None
        for name, field in root.fields.items()
        for argument, it in field.args.items()
        if is_scalar_type(kind := get_named_type(it.type)) and it.description == kind.description
    ]
    assert wrong == []


def test_no_meaning_is_told_of_an_argument_that_is_not_there() -> None:
    core = platform_schema().core
    there = {
        named
        for root in (core.query_type, core.mutation_type, core.subscription_type)
        if root is not None
        for name, field in root.fields.items()
        for argument in field.args
        for named in (argument, f"{name}.{argument}")
    }
    assert set(MEANINGS) <= there
