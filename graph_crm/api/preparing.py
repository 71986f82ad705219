"""What is done with a request before it runs: its document, its variables, whether it may be asked, what it costs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from graphql import GraphQLObjectType, OperationType
from strawberry.schema.schema_converter import GraphQLCoreConverter

from graph_crm.api import auditing
from graph_crm.api.bounds import check_variables
from graph_crm.api.documents import Documents, Operation, Problem
from graph_crm.api.leaving import Gone
from graph_crm.api.persisted import Persisted
from graph_crm.api.pricing import MOST_DESCRIBED, Price, Pricing
from graph_crm.api.schema import MappedSchema
from graph_crm.api.unseen import MANY_VALUES, Unseen
from graph_crm.audit.acting import Actor
from graph_crm.errors import InvalidInput
from graph_crm.graph.compiler.selection import Fields, Selections
from graph_crm.graph.mutation import PERMISSION
from graph_crm.security.budgets import Budgets, told, too_expensive
from graph_crm.security.roles import Caller, Permission


@dataclass(frozen=True)
class Request:
    """One GraphQL request: the document and the values for it."""

    query: str
    caller: Caller
    variables: Mapping[str, Any] = field(default_factory=dict)
    operation_name: str | None = None
    explain: bool = False
    actor: Actor | None = None
    """Who asks, from where and why; None: only what the caller's token says is known."""
    cost: bool = False
    """Whether the answer shall tell what it costs."""
    identifier: str | None = None
    """The hash of a persisted document; then ``query`` may be empty."""
    gone: Gone | None = None
    """Returns when the caller has left: a query is ended then."""
    internal: bool = False
    """Whether a page of the platform itself asks, with a document of its own."""


class Preparation:
    """Makes requests ready, over one schema. What it takes is counted for the caller (`Unseen`)."""

    def __init__(
        self, schema: MappedSchema, documents: Documents, persisted: Persisted, budgets: Budgets, unseen: Unseen
    ) -> None:
        self._schema = schema
        self._documents = documents
        self._persisted = persisted
        self._budgets = budgets
        self._unseen = unseen
        self._pricing = Pricing(schema)

    def ready(self, request: Request) -> tuple[Operation, dict[str, Any], Price] | Problem:
        """What is asked for, if the caller may ask it, and what it costs. The time that takes is counted."""
        caller = request.caller
        with self._unseen.timed(caller):
            prepared = self.read(request)
            if isinstance(prepared, Problem):
                return prepared
            operation, variables = prepared
            if request.explain or request.cost:
                caller.require(Permission.EXPLAIN)
            auditing.tell_operation(self._schema.core, operation)
            if not operation.mapped:
                self.require(operation, variables, caller, self._schema.core.get_root_type(operation.kind))
            return operation, variables, self.priced(operation, variables, caller)

    def read(self, request: Request) -> tuple[Operation, dict[str, Any]] | Problem:
        """The operation that is asked for, and its variables."""
        text = request.query
        if not request.internal:
            text = self._persisted.text(text, request.identifier, request.caller.role)
        if check_variables(request.variables) > MANY_VALUES or not self._documents.knows(text):
            self._unseen.admit(request.caller)
        operations = self._documents.load(text)
        if isinstance(operations, Problem):
            return operations
        operation = _choose(operations, request.operation_name)
        variables = operation.variables(self._schema, request.variables)
        return variables if isinstance(variables, Problem) else (operation, variables)

    def priced(self, operation: Operation, variables: dict[str, Any], caller: Caller) -> Price:
        """What an operation costs. Raises QueryTooExpensive where that is more than the caller may ask for."""
        shape = operation.shape_of(variables) if operation.mapped else None
        price = self._pricing.of(operation, variables, shape)
        self._budgets.check(caller, price.total)
        if price.described > MOST_DESCRIBED:
            raise too_expensive("The description of the schema", price.described, MOST_DESCRIBED)
        return price

    def told(self, price: Price, caller: Caller) -> dict[str, Any]:
        """A price as it is told to those who may see how queries run."""
        return {
            "cost": told(price.total),
            "limit": told(self._budgets.of(caller.role).request),
            "fields": {key: told(cost) for key, cost in price.parts.items()},
        }

    def require(
        self, operation: Operation, variables: dict[str, Any], caller: Caller, root: GraphQLObjectType | None
    ) -> None:
        """Raise Forbidden for a root field that the caller's role may not use, before anything is done."""
        names = frozenset({root.name}) if root else frozenset()
        selected = Selections(operation.fragments, variables).fields([operation.node.selection_set], names)
        self.check_roots(selected)
        for nodes in selected.values():
            name = nodes[0].name.value
            if name == "__typename" and operation.kind is OperationType.QUERY:
                continue
            known = root.fields.get(name) if root else None
            if known is None:
                caller.require(Permission.INTROSPECT)  # __schema and __type
                continue
            declared = known.extensions.get(GraphQLCoreConverter.DEFINITION_BACKREF)
            needed = declared.metadata.get(PERMISSION) if declared else None
            if needed:  # a mapped field is judged by its own rules
                caller.require(Permission(needed))

    def check_roots(self, selected: Fields) -> None:
        """Refuse a request that asks for more at once than one request may."""
        most = self._schema.limits.most_roots
        if len(selected) > most:
            raise InvalidInput(
                f"The query has more than {most} root fields.", hint="Split it into several queries.", limit=most
            )


def _choose(operations: Mapping[str, Operation], name: str | None) -> Operation:
    if name:
        if name not in operations:
            raise InvalidInput(
                f"The document has no operation {name[:80]!r}.", hint=f"It has {', '.join(sorted(operations))[:200]}."
            )
        return operations[name]
    if len(operations) != 1:
        raise InvalidInput(
            f"The document has {len(operations)} operations.", hint="Send operationName to say which to run."
        )
    return next(iter(operations.values()))
