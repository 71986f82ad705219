"""An executor without a database: whatever is refused before anything is read needs none."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from graph_crm.api.documents import Documents, Operation, Problem
from graph_crm.api.execution import Executor, Request
from graph_crm.api.persisted import Persisted
from graph_crm.api.pricing import Pricing
from graph_crm.api.schema import platform_schema
from graph_crm.api.unseen import Unseen
from graph_crm.errors import DatabaseUnavailable
from graph_crm.graph.database import Database
from graph_crm.security.budgets import Budgets
from graph_crm.security.roles import Caller, Role

ANALYST = Caller("analyst", Role.ANALYST)
CUSTOMER = Caller("customer", Role.CUSTOMER, "p1")
AGENT = Caller("agent", Role.AGENT)
INTERNAL = "INTERNAL"
LET_THROUGH = DatabaseUnavailable.code
"""The code of what was asked of the database."""


class Untouched(Database):
    """A database that must not be asked."""

    def __init__(self) -> None:
        self.asked = 0

    async def read(self, *_given: Any, **_named: Any) -> Any:
        """Count the question, and give no answer."""
        self.asked += 1
        raise DatabaseUnavailable("It was let through to the database.")

    write = execute = read  # type: ignore[assignment]  # none of them may be called


class Desk:
    """Asks, and expects to be refused."""

    def __init__(
        self, *, budgets: Budgets | None = None, persisted: Persisted | None = None, unseen: Unseen | None = None
    ) -> None:
        self.database = Untouched()
        self.executor = Executor(platform_schema(), self.database, budgets=budgets, persisted=persisted, unseen=unseen)

    async def ask(self, query: str, caller: Caller = ANALYST, **named: Any) -> dict[str, Any]:
        """The whole response."""
        return await self.executor.execute(Request(query, caller, **named))

    async def refused(self, query: str, caller: Caller = ANALYST, **named: Any) -> dict[str, Any]:
        """The first error of a request that is refused without a question to the database."""
        response = await self.ask(query, caller, **named)
        assert self.database.asked == 0
        assert not any((response.get("data") or {}).values()), response
        error: dict[str, Any] = response["errors"][0]
        assert error["extensions"]["code"] != INTERNAL, response
        return error


def price(query: str, variables: Mapping[str, Any] | None = None) -> float:
    """What the one operation of a document costs."""
    schema = platform_schema()
    loaded = Documents(schema).load(query)
    assert not isinstance(loaded, Problem), loaded.errors
    (operation,) = loaded.values()
    assert isinstance(operation, Operation)
    checked = operation.variables(schema, variables or {})
    assert not isinstance(checked, Problem), checked.errors
    return Pricing(schema).of(operation, checked).total
