"""Idempotency keys belong to their callers: two who happen to send the same one know nothing of each other.

It is done in one place, before any resolver of a mutation runs, so that no use case can forget it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from graphql import GraphQLField, GraphQLInputObjectType, GraphQLSchema, get_nullable_type

from graph_crm.parties.writes import own_key

KEY: Final = "idempotencyKey"
INPUT: Final = "input"


def separate(schema: GraphQLSchema) -> None:
    """Have each mutation with a key get it as its caller's own."""
    for field in schema.mutation_type.fields.values() if schema.mutation_type else ():
        if takes_key(field) and field.resolve is not None:
            field.resolve = _with_own_key(field.resolve)


def takes_key(field: GraphQLField) -> bool:
    """Whether a call may give a key: as an argument, or in the input."""
    return KEY in field.args or KEY in _input_fields(field)


def _input_fields(field: GraphQLField) -> Mapping[str, Any]:
    kind = get_nullable_type(field.args[INPUT].type) if INPUT in field.args else None
    return kind.fields if isinstance(kind, GraphQLInputObjectType) else {}


def _with_own_key(resolve: Callable[..., Any]) -> Callable[..., Any]:
    def resolver(source: Any, info: Any, **arguments: Any) -> Any:
        subject = str(info.context.caller.subject)
        given = arguments.get(INPUT)
        if isinstance(given, Mapping):
            arguments[INPUT] = _owned(subject, given)
        return resolve(source, info, **_owned(subject, arguments))

    return resolver


def _owned(subject: str, given: Mapping[str, Any]) -> dict[str, Any]:
    key = given.get(KEY)
    return {**given, KEY: own_key(subject, key)} if isinstance(key, str) else dict(given)
