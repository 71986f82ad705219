"""Root fields that services answer: each tells the audit what it shows or changes, before its resolver runs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from inspect import isawaitable
from typing import Any, Final

from graphql import GraphQLField, GraphQLSchema

from graph_crm.audit import acting
from graph_crm.audit.entries import NOTHING
from graph_crm.audit.kinds import AuditKind
from graph_crm.audit.service import Audit

_OF_NOBODY: Final = frozenset(
    {
        "contactPolicy", "eventTypes", "requestCategories", "previewTemplate", "ruleReports", "callListNumbers",
        "callQueue", "categoryProposals",
    }
)  # fmt: skip
"""Queries of services that tell nothing of any person."""


def watch(schema: GraphQLSchema, mapped: Mapping[str, Any]) -> None:
    """Have each mutation say that it runs, and each query of a service what it shows, before their resolvers run."""
    if schema.mutation_type:
        for name, field in schema.mutation_type.fields.items():
            field.resolve = _mutation(name, _resolver(field))
    if schema.query_type:
        for name, field in schema.query_type.fields.items():
            if name not in mapped and name not in _OF_NOBODY:
                field.resolve = _shows(name, _resolver(field))
    if schema.subscription_type:
        for name, field in schema.subscription_type.fields.items():
            if field.subscribe is not None:
                field.subscribe = _shows(name, field.subscribe)


def _resolver(field: GraphQLField) -> Callable[..., Any]:
    if field.resolve is None:
        raise RuntimeError("a root field has a resolver")
    return field.resolve


def _mutation(name: str, resolve: Callable[..., Any]) -> Callable[..., Any]:
    def resolver(source: Any, info: Any, **arguments: Any) -> Any:
        made = acting.current()
        if made is not None:
            made.begin(name, acting.ids_in(arguments))
        return resolve(source, info, **arguments)

    return resolver


def _shows(name: str, resolve: Callable[..., Any]) -> Callable[..., Any]:
    async def resolver(source: Any, info: Any, **arguments: Any) -> Any:
        await _shown(name, info, arguments)
        found = resolve(source, info, **arguments)
        return await found if isawaitable(found) else found

    return resolver


async def _shown(name: str, info: Any, arguments: Mapping[str, Any]) -> None:
    audit: Audit | None = info.context.audit
    made = acting.current()
    if audit is not None and made is not None:
        ids = acting.ids_in(arguments) or [one for one in (made.actor.party_id,) if one]
        kind = AuditKind.AUDIT if name == "auditEntries" else AuditKind.READ
        await audit.readings.shown(name, ids, made.shows.get(info.path.key, NOTHING), made=made, kind=kind)
