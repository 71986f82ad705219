"""The decorator of mutations, typed: strawberry's own loses the type of what it decorates."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar, cast

import strawberry

F = TypeVar("F", bound=Callable[..., Any])


def mutation(description: str) -> Callable[[F], F]:
    """Make a method a mutation field with this description in the schema."""
    return cast(Callable[[F], F], strawberry.mutation(description=description))
