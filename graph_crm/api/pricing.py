"""What an operation would cost, before anything of it is done: the mapping's part and that of the services."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from graphql import FieldNode, GraphQLObjectType, OperationType, get_named_type, get_nullable_type, is_list_type

from graph_crm.api.documents import INTROSPECTION, PRICES_KEPT, Operation
from graph_crm.api.keeping import Kept, parts
from graph_crm.api.schema import MappedSchema
from graph_crm.graph.compiler.cost import WEIGHTS, Cost
from graph_crm.graph.compiler.selection import Selections, sub_selections

QUERY: Final = 20.0
"""A root field that a service answers, if nothing else is said here."""
MUTATION: Final = 20.0
SERVICES: Final[Mapping[str, float]] = {
    # Queries: what each looks at.
    "auditEntries": 200.0,
    "accessLog": 200.0,
    "callQueue": 200.0,
    "callListNumbers": 200.0,
    "categoryProposals": 100.0,
    "eventCounts": 1_000.0,
    "mostAskedQuestions": 2_000.0,
    "myQueue": 100.0,
    "myRequests": 50.0,
    "preview": 500.0,
    "privacyExport": 1_000.0,
    "erasureOutlook": 500.0,
    "productInterest": 1_000.0,
    "requestAnalytics": 2_000.0,
    "requestBacklog": 2_000.0,
    "ruleReports": 200.0,
    # Mutations.
    "decide": 200.0,
    "nextScreen": 200.0,
    "exportParty": 1_000.0,
    "eraseParty": 1_000.0,
    "handOverRequests": 200.0,
    "nextCall": 100.0,
}
"""Root fields whose work is larger than their answer shows."""
ITEM: Final = 5.0
"""An item of a list that a mutation stores."""
LIST: Final = 10
"""Items that a service's list has where no page size is asked for."""
PAGE_SIZE: Final = "first"
_INTROSPECTED: Final = {
    "fields": 12,
    "inputFields": 8,
    "args": 4,
    "enumValues": 8,
    "directives": 6,
    "locations": 8,
    "possibleTypes": 3,
    "interfaces": 1,
    "ofType": 0.4,
}
"""Items of the lists of the schema's own description; ``types`` has as many as the schema."""
DESCRIBED_LEAF: Final = 0.01
"""A value of the schema's own description: it is in memory."""
DESCRIBED: Final = 0.05
"""An object of the same."""
MOST_DESCRIBED: Final = 15_000.0
"""What the schema's own description may cost, whoever asks: it is made by this process and not by Neo4j."""


@dataclass(frozen=True)
class Price:
    """What an operation costs: in all, and by response key."""

    total: float
    parts: Mapping[str, float]
    described: float = 0.0
    """How much of it is the schema's own description."""


class Pricing:
    """Prices of the operations of one schema."""

    def __init__(self, schema: MappedSchema) -> None:
        self._schema = schema
        self._kept: Kept[Price] = Kept(PRICES_KEPT)

    def of(self, operation: Operation, variables: Mapping[str, Any], shape: Any = None) -> Price:
        """The price of an operation with these variables. Raises InvalidInput where it nests too deeply.

        ``shape`` is what of the variables decides the statements (`Operation.shape_of`); given, the price is kept.
        """
        if shape is None:
            return self._priced(operation, variables)
        known = (operation, shape, () if operation.texts else _sizes(variables))
        price = self._kept.get(known)
        if price is None:
            price = self._priced(operation, variables)
            self._kept.keep(known, price, operation.weight + parts(known[1:]) + len(price.parts))
        return price

    def _priced(self, operation: Operation, variables: Mapping[str, Any]) -> Price:
        root = self._schema.core.get_root_type(operation.kind)
        selections = Selections(operation.fragments, variables)
        names = frozenset({root.name}) if root else frozenset()
        asked = selections.fields([operation.node.selection_set], names)
        plain = _Plain(self._schema, selections)
        parts = {key: plain.root(operation.kind, root, nodes) for key, nodes in asked.items()}
        described = sum(parts[key] for key, nodes in asked.items() if nodes[0].name.value in INTROSPECTION)
        return Price(sum(parts.values()), parts, described)


class _Plain:
    """Costs of root fields, and of what services answer with, in one operation."""

    def __init__(self, schema: MappedSchema, selections: Selections) -> None:
        self._schema = schema
        self._selections = selections
        self._mapped = Cost(schema.registry, selections, schema.limits)
        self._known: dict[tuple[str, frozenset[int]], float] = {}

    def root(self, kind: OperationType, root: GraphQLObjectType | None, nodes: list[FieldNode]) -> float:
        """What a root field costs."""
        name = nodes[0].name.value
        mapped = self._schema.registry.roots.get(name) if kind is OperationType.QUERY else None
        if mapped is not None:
            return self._mapped.root(mapped, nodes)
        if name == "__typename":
            return WEIGHTS.leaf
        if name in INTROSPECTION:
            return WEIGHTS.statement + self._described("__Schema" if name == "__schema" else "__Type", nodes)
        field = root.fields.get(name) if root else None
        if field is None:
            return WEIGHTS.statement
        cost = SERVICES.get(name, QUERY if kind is OperationType.QUERY else MUTATION)
        arguments = self._selections.arguments(nodes[0])
        if kind is OperationType.MUTATION:
            cost += ITEM * sum(_items(value.raw) for value in arguments.values())
        size = arguments[PAGE_SIZE].raw if PAGE_SIZE in arguments else _default(field)
        return cost + self._answer(field.type, nodes, size)

    def _answer(self, kind: Any, nodes: list[FieldNode], size: Any = None) -> float:
        """What an answer costs: of one object, or of each of a list."""
        times = 1.0
        if is_list_type(get_nullable_type(kind)):
            largest = 10 * self._schema.limits.largest_page
            times = max(0, min(size, largest)) if type(size) is int else LIST
        return float(times) * self._object(get_named_type(kind), nodes)

    def _object(self, kind: Any, nodes: list[FieldNode]) -> float:
        mapping = self._schema.registry.nodes.get(kind.name)
        if mapping is not None:
            return WEIGHTS.statement + WEIGHTS.row + self._mapped.node(mapping, nodes)
        sets = _sets(nodes)
        if not isinstance(kind, GraphQLObjectType) or not sets:
            return WEIGHTS.leaf
        known = (kind.name, frozenset(map(id, sets)))
        cost = self._known.get(known)
        if cost is None:
            cost = WEIGHTS.computed
            for inner in self._selections.fields(sets, frozenset({kind.name})).values():
                field = kind.fields.get(inner[0].name.value)
                cost += self._answer(field.type, inner) if field else WEIGHTS.leaf
            self._known[known] = cost
        return cost

    def _described(self, kind: str, nodes: list[FieldNode]) -> float:
        """What the schema's own description costs."""
        sets = _sets(nodes)
        known = (kind, frozenset(map(id, sets)))
        cost = self._known.get(known)
        if cost is None:
            described = self._schema.core.get_type(kind)
            cost = DESCRIBED
            for inner in self._selections.fields(sets, frozenset({kind})).values():
                name = inner[0].name.value
                field = described.fields.get(name) if isinstance(described, GraphQLObjectType) else None
                below = get_named_type(field.type).name if field else ""
                many = len(self._schema.core.type_map) if name == "types" else _INTROSPECTED.get(name, 1)
                cost += many * self._described(below, inner) if inner[0].selection_set else DESCRIBED_LEAF
            self._known[known] = cost
        return cost


def _sets(nodes: Iterable[FieldNode]) -> list[Any]:
    return list({id(each): each for each in sub_selections(nodes) if each is not None}.values())


def _default(field: Any) -> Any:
    argument = field.args.get(PAGE_SIZE)
    return argument.default_value if argument is not None else None


def _items(value: Any) -> int:
    """The items of all lists in a value, those of JSON payloads too."""
    counted = 0
    waiting = [value]
    while waiting:
        found = waiting.pop()
        if isinstance(found, list):
            counted += len(found)
            waiting.extend(found)
        elif isinstance(found, dict):
            waiting.extend(found.values())
    return counted


def _sizes(variables: Mapping[str, Any]) -> tuple[Any, ...]:
    """What of the variables' values decides the price: page sizes and the lengths of lists."""
    found: list[Any] = []
    for name, value in variables.items():
        if isinstance(value, int | float):
            found.append((name, value))
        elif isinstance(value, dict | list):
            found.append((name, tuple(_lengths(value))))
    return tuple(found)


def _lengths(value: Any) -> Iterable[int]:
    waiting = [value]
    while waiting:
        each = waiting.pop()
        if isinstance(each, list):
            yield len(each)
        if isinstance(each, dict | list):
            waiting.extend(each.values() if isinstance(each, dict) else each)
