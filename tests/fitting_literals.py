"""The shortest GraphQL that fits: literals for arguments of any type of the schema."""

from __future__ import annotations

from typing import Any

from graphql import (
    GraphQLEnumType,
    GraphQLInputObjectType,
    GraphQLList,
    GraphQLNonNull,
    is_required_input_field,
)

WORDS = {"DateTime": '"2026-11-23T10:00:00Z"', "Date": '"2026-11-23"', "Decimal": '"1"', "Int": "1", "Float": "1.5"}


def literal(kind: Any, text: str = '"x"') -> str:
    """A value that fits the type; ``text`` where any text does."""
    if isinstance(kind, GraphQLNonNull):
        return literal(kind.of_type, text)
    if isinstance(kind, GraphQLList):
        return f"[{literal(kind.of_type, text)}]"
    if isinstance(kind, GraphQLEnumType):
        return str(next(iter(kind.values)))
    if isinstance(kind, GraphQLInputObjectType):
        needed = {name: field.type for name, field in kind.fields.items() if is_required_input_field(field)}
        return f"{{{', '.join(f'{name}: {literal(type_, text)}' for name, type_ in needed.items())}}}"
    return WORDS.get(str(kind), text)
