"""The decorators of mutations and of queries with a resolver, typed: strawberry's own lose the type."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar, cast

import strawberry

F = TypeVar("F", bound=Callable[..., Any])


def mutation(description: str) -> Callable[[F], F]:
    """Make a method a mutation field with this description in the schema."""
    return cast(Callable[[F], F], strawberry.mutation(description=description))


def query(description: str) -> Callable[[F], F]:
    """Make a method a query field with a resolver of its own and this description in the schema."""
    return cast(Callable[[F], F], strawberry.field(description=description))
