"""The filter language: a ``where`` argument becomes a predicate.

Filters are two-valued, unlike Cypher: what is unknown does not match, and its negation does.
"""

from __future__ import annotations

import datetime as dt
import enum
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import strawberry

from graph_crm.errors import InvalidInput
from graph_crm.graph.compiler import scalars
from graph_crm.graph.compiler.arguments import Parameters, Value
from graph_crm.graph.mapping import EdgeMapping, NodeMapping, Registry, Relation, Scalar, fill

DEEPEST = 20
"""Levels of and, or, not and relations in one filter."""
RANGES = {"gt": ">", "gte": ">=", "lt": "<", "lte": "<="}
_RANGED = (int, float, Decimal, dt.date, dt.datetime)


def operators(spec: Scalar) -> tuple[str, ...]:
    """The operators of a property, in the order of the documentation."""
    if spec.is_list:
        return ("has", "hasAny", "isNull")
    if spec.type is bool:
        return ("eq", "ne", "isNull")
    common = ("eq", "ne", "in", "notIn", "isNull")
    if spec.type in _RANGED:
        return (*common, *RANGES)
    return (*common, "contains", "startsWith") if spec.text else common


def filter_name(spec: Scalar) -> str:
    """The name of the GraphQL input type for a property's operators."""
    if spec.is_list:
        return "StringListFilter"
    if isinstance(spec.type, type) and issubclass(spec.type, enum.Enum):
        return f"{spec.type.__strawberry_definition__.name}Filter"  # type: ignore[attr-defined]  # set by strawberry
    if spec.type in {str, strawberry.ID} and spec.text:
        return "TextFilter"
    names: dict[Any, str] = {
        str: "StringFilter",
        strawberry.ID: "IDFilter",
        bool: "BooleanFilter",
        int: "IntFilter",
        float: "FloatFilter",
        Decimal: "DecimalFilter",
        dt.date: "DateFilter",
        dt.datetime: "DateTimeFilter",
    }
    return names[spec.type]


def narrowing(mapping: NodeMapping) -> dict[str, NodeMapping]:
    """The filters that narrow an interface to one of its types, by name: ``person`` for Person."""
    return {each.name[0].lower() + each.name[1:]: each for each in mapping.implementers}


class Names:
    """Fresh variable names."""

    def __init__(self) -> None:
        self._next = 0

    def pair(self) -> tuple[str, str]:
        """A node and a relationship."""
        self._next += 1
        return f"n{self._next}", f"e{self._next}"


class Filters:
    """Writes predicates for one statement."""

    def __init__(
        self,
        registry: Registry,
        parameters: Parameters,
        names: Names,
        may_see: Callable[[str, str], None],
        most: int,
    ) -> None:
        self._registry = registry
        self._parameters = parameters
        self._names = names
        self._may_see = may_see
        self._most = most
        self._counted = self._depth = 0

    def _count(self) -> None:
        """Count a condition: what Neo4j needs to plan a statement grows with them."""
        self._counted += 1
        if self._counted > self._most:
            raise InvalidInput(
                f"The filters have more than {self._most} conditions.",
                hint="Use `in` for a list of values, or split the query.",
                limit=self._most,
            )

    def predicate(
        self, where: Value, node: NodeMapping, var: str, edge: EdgeMapping | None = None, edge_var: str = ""
    ) -> str:
        """The predicate of a filter over the node ``var`` (and the relationship ``edge_var``); ``true`` when empty."""
        terms: list[str] = []
        self._depth += 1
        if self._depth > DEEPEST:
            raise InvalidInput(
                f"The filter nests deeper than {DEEPEST} levels.", hint="Split the query.", limit=DEEPEST
            )
        for name, value in where.entries():
            if value.raw is None:
                raise _null(name)
            terms.append(self._term(name, value, node, var, edge, edge_var))
        self._depth -= 1
        return " AND ".join(terms) or "true"

    def _term(
        self, name: str, value: Value, node: NodeMapping, var: str, edge: EdgeMapping | None, edge_var: str
    ) -> str:
        if name in {"and", "or", "not"}:
            return self._combined(name, value, node, var, edge, edge_var)
        if name == "edge" and edge:
            return self._edge(value, edge, edge_var)
        narrowed = narrowing(node).get(name)
        if narrowed:
            return f"({var}:{narrowed.label} AND {self.predicate(value, narrowed, var)})"
        self._may_see(node.name, name)
        spec = node.fields[name]
        return self._property(value, spec, var) if isinstance(spec, Scalar) else self._relation(value, spec, var)

    def _combined(
        self, name: str, value: Value, node: NodeMapping, var: str, edge: EdgeMapping | None, edge_var: str
    ) -> str:
        if name == "not":
            self._count()
            return f"NOT coalesce({self.predicate(value, node, var, edge, edge_var)}, false)"
        parts = []
        for each in value.elements():
            self._count()
            parts.append(f"({self.predicate(each, node, var, edge, edge_var)})")
        if not parts:
            return "true" if name == "and" else "false"
        return f"({f' {name.upper()} '.join(parts)})"

    def _edge(self, where: Value, edge: EdgeMapping, var: str) -> str:
        terms = []
        for name, value in where.entries():
            self._may_see(edge.name, name)
            if value.raw is None:
                raise _null(f"edge.{name}")
            terms.append(self._property(value, edge.fields[name], var))
        return " AND ".join(terms) or "true"

    def _relation(self, where: Value, relation: Relation, var: str) -> str:
        target = self._registry.of(relation.target)
        edge = self._registry.edges[relation.edge] if relation.edge else None
        if not relation.page:
            return f"EXISTS {{ {self._matched(where, relation, target, edge, var, negated=False)} }}"
        terms = []
        for quantifier, value in where.entries():
            self._count()
            if value.raw is None:
                raise _null(f"{relation.name}.{quantifier}")
            matched = self._matched(value, relation, target, edge, var, negated=quantifier == "every")
            terms.append(f"{'EXISTS' if quantifier == 'some' else 'NOT EXISTS'} {{ {matched} }}")
        return " AND ".join(terms) or "true"

    def _matched(
        self,
        where: Value,
        relation: Relation,
        target: NodeMapping,
        edge: EdgeMapping | None,
        var: str,
        *,
        negated: bool,
    ) -> str:
        other, tie = self._names.pair()
        predicate = self.predicate(where, target, other, edge, tie)
        if negated:
            predicate = f"NOT coalesce({predicate}, false)"
        pattern = traversal(relation, var, tie, other, target.label)
        return f"MATCH {pattern}" if predicate == "true" else f"MATCH {pattern} WHERE {predicate}"

    def _property(self, value: Value, spec: Scalar, var: str) -> str:
        stored = f"{var}.{spec.stored}" if spec.stored else fill(spec.cypher, n=var, e=var)
        terms = []
        for operator, operand in value.entries():
            if operand.raw is None:
                raise _null(f"{spec.name}.{operator}")
            self._count()
            terms.append(self._comparison(operator, operand, spec, stored, var))
        return " AND ".join(terms) or "true"

    def _comparison(self, operator: str, operand: Value, spec: Scalar, stored: str, var: str) -> str:  # noqa: PLR0911 - one return an operator
        kind = spec.type
        if operator == "isNull":
            return f"{stored} IS {'NULL' if operand.raw is True else 'NOT NULL'}"
        if operator in {"contains", "startsWith"}:
            text = self._parameters.add(operand, spec.normalise)
            return f"{var}.{spec.text} {'CONTAINS' if operator == 'contains' else 'STARTS WITH'} {text}"
        if operator in {"in", "notIn", "hasAny"}:
            values = scalars.list_placeholder(kind, self._parameters.add(operand, scalars.list_converter(kind)))
            if operator == "hasAny":
                return f"any(v IN coalesce({stored}, []) WHERE v IN {values})"
            return f"{stored} IN {values}" if operator == "in" else f"NOT coalesce({stored} IN {values}, false)"
        if operator == "has":
            return f"{self._parameters.add(operand)} IN coalesce({stored}, [])"
        single = scalars.placeholder(kind, self._parameters.add(operand, scalars.converter(kind)))
        if operator == "eq":
            return f"{stored} = {single}"
        if operator == "ne":
            return f"coalesce({stored} <> {single}, true)"
        return f"{stored} {RANGES[operator]} {single}"


def _null(name: str) -> InvalidInput:
    return InvalidInput(
        f"The filter {name} is null.", hint="Leave it out, or ask for isNull: true.", filter=name.partition(".")[0]
    )


def traversal(relation: Relation, origin: str, tie: str, other: str, label: str) -> str:
    """The pattern from a node along a relation to the other node."""
    left = "<-" if relation.direction == "in" else "-"
    right = "->" if relation.direction == "out" else "-"
    return f"({origin}){left}[{tie}:{'|'.join(relation.types)}]{right}({other}:{label})"
