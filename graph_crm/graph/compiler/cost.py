"""What a selection would cost, told from the mapping before anything is compiled or read.

The unit is about one row that Neo4j reads. Pages multiply: a page of 10 customers with 5 contracts each costs 10 times
what 5 contracts cost. It is an upper bound of what is shown and an estimate of what is walked through; the same for
every caller, so that it tells nothing of the data.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cache
from typing import Final

from graphql import FieldNode

from graph_crm.errors import InvalidInput
from graph_crm.graph.compiler.arguments import Value
from graph_crm.graph.compiler.filters import narrowing
from graph_crm.graph.compiler.pages import orderings
from graph_crm.graph.compiler.place import Limits
from graph_crm.graph.compiler.selection import Fields, Selections, sub_selections
from graph_crm.graph.compiler.statement import connection_name
from graph_crm.graph.mapping import EdgeMapping, NodeMapping, Registry, Relation, Root, Scalar
from graph_crm.resources import folder

_WALKS = re.compile(r"\b(?:COUNT|COLLECT|EXISTS|CALL|MATCH)\b")
_INDEX = re.compile(r"INDEX\s.*?FOR\s*\(\w+:(\w+)\)\s*ON\s*\(\w+\.(\w+)", re.DOTALL)
_UNIQUE = re.compile(r"FOR\s*\(\w+:(\w+)\)\s*REQUIRE\s*\(?\w+\.(\w+)")
_CEILING: Final = 1e15
"""What is more than this is this: the error tells a number."""


@dataclass(frozen=True)
class Weights:
    """What each thing costs, in rows."""

    statement: float = 1.0
    """A root field: a statement of its own."""
    row: float = 1.0
    """A node with its relationship, read and shown."""
    leaf: float = 0.02
    """A stored value of a row."""
    computed: float = 0.1
    """A value that is computed from what the row has."""
    walk: float = 10.0
    """A value that is computed along relationships; the declaration may say another weight (`computed`)."""
    search: float = 100.0
    """What finds the rows of a root field by a search of its own."""
    condition: float = 0.5
    """A condition of a filter, for each row that is looked at."""
    text: float = 2.0
    """The same where it looks into a text."""
    exists: float = 5.0
    """A condition along a relation, for each row that is looked at."""
    walked: float = 0.1
    """A node along a relation that is looked at for a page: how many there are is the relation's ``fan``."""
    tried: float = 0.3
    """The same for a condition, which often knows before the last one."""
    item: float = 0.02
    """An item of a list that values are compared with."""
    looked_at_root: float = 50.0
    """Rows that a filter of a root page looks at for the rows that it finds."""
    count_root: float = 100.0
    """How many there are of all."""
    counted: float = 0.5
    """A node along a relation that is counted."""
    sort: float = 100.0
    """Rows of a root page in an order that no index keeps."""


WEIGHTS: Final = Weights()


class Cost:
    """Tells costs of one operation, with the variables of one call."""

    def __init__(
        self,
        registry: Registry,
        selections: Selections,
        limits: Limits | None = None,
        *,
        weights: Weights = WEIGHTS,
        indexed: Callable[[str, str], bool] | None = None,
    ) -> None:
        self._registry = registry
        self._selections = selections
        self._limits = limits or Limits()
        self._weights = weights
        self._indexed = indexed or is_indexed
        self._known: dict[tuple[str, frozenset[int]], float] = {}

    def root(self, root: Root, nodes: list[FieldNode]) -> float:
        """What a root field over the mapping costs; ``nodes`` are its field nodes, merged when there are several."""
        weights, mapping = self._weights, self._registry.of(root.node)
        if not root.page:
            return weights.statement + weights.row + self.node(mapping, nodes)
        edge = self._registry.edges[root.edge] if root.edge else None
        arguments = self._selections.arguments(nodes[0])
        start = weights.search if root.start else self._sorting(mapping, edge, arguments.get("orderBy"), root.order)
        page = self._page(mapping, edge, nodes, weights.looked_at_root, weights.count_root, 0)
        return _bounded(weights.statement + start + page)

    def node(self, mapping: NodeMapping, nodes: Iterable[FieldNode], depth: int = 0) -> float:
        """What the selection below ``nodes`` costs for one node."""
        if depth > self._limits.deepest:
            raise InvalidInput(
                f"The query nests deeper than {self._limits.deepest} levels.",
                hint="Split it into several queries.",
                limit=self._limits.deepest,
            )
        sets = list({id(each): each for each in sub_selections(nodes) if each is not None}.values())
        known = (mapping.name, frozenset(map(id, sets)))
        cost = self._known.get(known)
        if cost is None:
            # What an interface costs is what its dearest type costs.
            cost = max(
                self._fields(
                    kind, self._selections.fields(sets, frozenset({kind.name, _interface(mapping, kind)})), depth
                )
                for kind in mapping.concrete
            )
            self._known[known] = cost
        return cost

    def _fields(self, kind: NodeMapping, asked: Fields, depth: int) -> float:
        cost = 0.0
        for nodes in asked.values():
            spec = kind.fields.get(nodes[0].name.value)
            if isinstance(spec, Relation):
                cost += self._relation(spec, nodes, depth)
            else:
                cost += self._leaf(spec)
        return _bounded(cost)

    def _leaf(self, spec: Scalar | None) -> float:
        """What a value costs; ``__typename`` as much as a stored one."""
        if spec is None or (not spec.cypher and not spec.shape):
            return self._weights.leaf
        if spec.weight is not None:
            return spec.weight
        return self._weights.walk if _WALKS.search(spec.cypher) else self._weights.computed

    def _relation(self, spec: Relation, nodes: list[FieldNode], depth: int) -> float:
        target, weights = self._registry.of(spec.target), self._weights
        if not spec.page:
            return weights.row + self.node(target, nodes, depth + 1)
        edge = self._registry.edges[spec.edge] if spec.edge else None
        page = self._page(target, edge, nodes, spec.fan, weights.counted * spec.fan, depth + 1)
        return weights.walked * spec.fan + page

    def _page(
        self,
        node: NodeMapping,
        edge: EdgeMapping | None,
        nodes: list[FieldNode],
        looked_at: float,
        count: float,
        depth: int,
    ) -> float:
        arguments = self._selections.arguments(nodes[0])
        cost = 0.0
        if "where" in arguments:
            cost += looked_at * self._condition(arguments["where"], node, edge, 0)
        name = connection_name(node, edge)
        asked = self._selections.fields(sub_selections(nodes), frozenset({f"{name}Connection"}))
        each = 0.0
        rows = False
        for inner in asked.values():
            what = inner[0].name.value
            if what == "nodes":
                rows = True
                each += self.node(node, inner, depth)
            elif what == "edges":
                rows = True
                each += self._edge(name, node, edge, inner, depth)
            elif what == "totalCount":
                cost += count
            else:
                rows = rows or what == "pageInfo"
                cost += self._weights.leaf
        if rows:
            cost += self._size(arguments) * (self._weights.row + each)
        return _bounded(cost)

    def _edge(
        self, name: str, node: NodeMapping, edge: EdgeMapping | None, nodes: list[FieldNode], depth: int
    ) -> float:
        cost = 0.0
        for inner in self._selections.fields(sub_selections(nodes), frozenset({f"{name}Edge"})).values():
            what = inner[0].name.value
            if what == "node":
                cost += self.node(node, inner, depth)
            else:
                cost += self._leaf(edge.fields.get(what) if edge else None)
        return cost

    def _size(self, arguments: dict[str, Value]) -> int:
        """The rows of a page, with the one that tells whether others follow; what is no size is refused later."""
        given = arguments.get("last") if "last" in arguments else arguments.get("first")
        size = given.raw if given is not None else self._limits.default_page
        return int(max(0, min(size, self._limits.largest_page))) + 1 if isinstance(size, int | float) else 1

    def _condition(self, where: Value, node: NodeMapping, edge: EdgeMapping | None, level: int) -> float:
        """What a filter costs for one row that it looks at."""
        if not isinstance(where.raw, dict) or level > self._limits.most_conditions:
            return 0.0  # refused where it is compiled
        cost = 0.0
        for name, value in where.entries():
            if name in {"and", "or", "not"}:
                cost += sum(self._condition(each, node, edge, level + 1) for each in value.elements())
            elif name == "edge" and edge:
                cost += self._values(value)
            elif name in (narrowed := narrowing(node)):
                cost += self._condition(value, narrowed[name], None, level + 1)
            elif isinstance(spec := node.fields.get(name), Relation):
                cost += self._along(spec, value, level)
            else:
                computed = isinstance(spec, Scalar) and not spec.stored
                cost += self._operators(value) + (self._leaf(spec) if computed else 0.0)
        return _bounded(cost)

    def _along(self, spec: Relation, value: Value, level: int) -> float:
        target, weights = self._registry.of(spec.target), self._weights
        edge = self._registry.edges[spec.edge] if spec.edge else None
        asked = [each for _, each in value.entries()] if spec.page and isinstance(value.raw, dict) else [value]
        tried = weights.tried * spec.fan
        return sum(weights.exists + tried * self._condition(each, target, edge, level + 1) for each in asked)

    def _values(self, where: Value) -> float:
        """Conditions on the properties of a relationship."""
        if not isinstance(where.raw, dict):
            return 0.0
        return sum(self._operators(value) for _, value in where.entries())

    def _operators(self, value: Value) -> float:
        if not isinstance(value.raw, dict):
            return 0.0
        weights, cost = self._weights, 0.0
        for operator, operand in value.raw.items():
            cost += weights.text if operator in {"contains", "startsWith"} else weights.condition
            cost += weights.item * len(operand) if isinstance(operand, list) else 0.0
        return cost

    def _sorting(self, node: NodeMapping, edge: EdgeMapping | None, given: Value | None, usual: str) -> float:
        """What it costs to order all there is where no index does."""
        names = [each.raw for each in given.elements()] if given is not None else []
        first = (names or [usual])[0]
        found = orderings(node, edge).get(first) if isinstance(first, str) else None
        if found is None:
            return 0.0  # by the key
        spec, of_edge, _ = found
        labels = {node.label, *([node.interface.label] if node.interface else ())}
        kept = not of_edge and any(self._indexed(label, spec.stored) for label in labels)
        return 0.0 if kept else self._weights.sort


@cache
def _indexes() -> frozenset[tuple[str, str]]:
    text = "\n".join(path.read_text("utf-8") for path in sorted((folder("schema") / "migrations").glob("*.cypher")))
    return frozenset(_INDEX.findall(text)) | frozenset(_UNIQUE.findall(text))


def is_indexed(label: str, stored: str) -> bool:
    """Whether the migrations make an index that begins with the property ``stored`` of ``label``."""
    return (label, stored) in _indexes()


def _interface(mapping: NodeMapping, kind: NodeMapping) -> str:
    if mapping.implementers:
        return mapping.name
    return kind.interface.name if kind.interface else kind.name


def _bounded(cost: float) -> float:
    return min(cost, _CEILING)
