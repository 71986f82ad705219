"""The decorators of mutations, subscriptions and queries with a resolver, typed: strawberry's own lose the type."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar, cast

import strawberry

F = TypeVar("F", bound=Callable[..., Any])


PERMISSION = "permission"
"""Where a field keeps the permission that a caller needs for it (a value of `graph_crm.security.roles.Permission`)."""


def mutation(description: str, *, permission: str = "mutate") -> Callable[[F], F]:
    """Make a method a mutation field with this description in the schema, for callers with ``permission``."""
    return cast(Callable[[F], F], strawberry.mutation(description=description, metadata={PERMISSION: permission}))


def query(description: str, *, permission: str = "read_parties") -> Callable[[F], F]:
    """Make a method a query field with a resolver of its own, for callers with ``permission``."""
    return cast(Callable[[F], F], strawberry.field(description=description, metadata={PERMISSION: permission}))


def subscription(description: str, *, permission: str = "read_parties") -> Callable[[F], F]:
    """Make a method a subscription field with this description in the schema, for callers with ``permission``."""
    return cast(Callable[[F], F], strawberry.subscription(description=description, metadata={PERMISSION: permission}))
