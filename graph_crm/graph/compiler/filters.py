"""The filter language: a ``where`` argument becomes a predicate.

Filters are two-valued, unlike Cypher: what is unknown does not match, and its negation does.
"""

from __future__ import annotations

import datetime as dt
import enum
from dataclasses import replace
from decimal import Decimal
from typing import Any

import strawberry

from graph_crm.errors import InvalidInput
from graph_crm.graph.compiler import scalars
from graph_crm.graph.compiler.arguments import Parameters, Value
from graph_crm.graph.compiler.guards import dim_of, dimmed, guarded
from graph_crm.graph.compiler.place import Place, both
from graph_crm.graph.compiler.sight import Dim, Sight
from graph_crm.graph.mapping import EdgeMapping, NodeMapping, Registry, Relation, Scalar, fill

DEEPEST = 20
"""Levels of and, or, not and relations in one filter."""
RANGES = {"gt": ">", "gte": ">=", "lt": "<", "lte": "<="}
_OF_TEXTS = frozenset({"contains", "startsWith"})
_NEGATIVE = frozenset({"ne", "notIn"})
"""Operators that match what is unknown."""
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
        sight: Sight,
        most: int,
    ) -> None:
        self._registry = registry
        self._parameters = parameters
        self._names = names
        self._sight = sight
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

    def predicate(self, where: Value, place: Place) -> str:
        """The predicate of a filter over the node at ``place`` and its relationship; ``true`` when empty.

        What the caller does not see of a node counts as null, so that a filter tells no more than a selection.
        """
        terms: list[str] = []
        self._depth += 1
        if self._depth > DEEPEST:
            raise InvalidInput(
                f"The filter nests deeper than {DEEPEST} levels.", hint="Split the query.", limit=DEEPEST
            )
        for name, value in where.entries():
            if value.raw is None:
                raise _null(name)
            terms.append(self._term(name, value, place))
        self._depth -= 1
        return " AND ".join(terms) or "true"

    def _term(self, name: str, value: Value, place: Place) -> str:
        if name in {"and", "or", "not"}:
            return self._combined(name, value, place)
        if name == "edge" and place.edge:
            return self._edge(value, place.edge, place)
        narrowed = narrowing(place.node).get(name)
        if narrowed:
            inner = self.predicate(value, replace(place, node=narrowed, edge=None, edge_var=""))
            return f"({place.var}:{narrowed.label} AND {inner})"
        spec = place.node.fields[name]
        if isinstance(spec, Scalar):
            self._sight.check_compared(place.node.name, name)
            return self._property(value, spec, place, place.var)
        self._sight.check(place.node.name, name)
        return self._relation(value, spec, place)

    def _combined(self, name: str, value: Value, place: Place) -> str:
        if name == "not":
            self._count()
            return f"NOT coalesce({self.predicate(value, place)}, false)"
        parts = []
        for each in value.elements():
            self._count()
            parts.append(f"({self.predicate(each, place)})")
        if not parts:
            return "true" if name == "and" else "false"
        return f"({f' {name.upper()} '.join(parts)})"

    def _edge(self, where: Value, edge: EdgeMapping, place: Place) -> str:
        terms = []
        for name, value in where.entries():
            self._sight.check_compared(edge.name, name)
            if value.raw is None:
                raise _null(f"edge.{name}")
            terms.append(self._property(value, edge.fields[name], place, place.edge_var))
        return " AND ".join(terms) or "true"

    def _relation(self, where: Value, relation: Relation, place: Place) -> str:
        """A filter along a relation; of a node that is not clear, a page that is hidden is empty."""
        hidden = place.clear if self._sight.dim(place.node.name, relation.name) is not Dim.SHOWN else ""
        if not relation.page:
            return guarded(
                f"EXISTS {{ {self._matched(where, relation, place, negated=False)} }}", hidden, positive=True
            )
        terms = []
        for quantifier, value in where.entries():
            self._count()
            if value.raw is None:
                raise _null(f"{relation.name}.{quantifier}")
            matched = self._matched(value, relation, place, negated=quantifier == "every")
            some = quantifier == "some"
            terms.append(guarded(f"{'EXISTS' if some else 'NOT EXISTS'} {{ {matched} }}", hidden, positive=some))
        return " AND ".join(terms) or "true"

    def _matched(self, where: Value, relation: Relation, place: Place, *, negated: bool) -> str:
        target = self._registry.of(relation.target)
        edge = self._registry.edges[relation.edge] if relation.edge else None
        other, tie = self._names.pair()
        view = self._sight.related(place.node, place.clear, relation, target, other)
        there = Place(target, other, edge, tie, place.var, clear=view.clear, tie_clear=both(place.clear, view.clear))
        predicate = self.predicate(where, there)
        if negated:
            predicate = f"NOT coalesce({predicate}, false)"
        pattern = traversal(relation, place.var, tie, other, target.label)
        terms = [each for each in (view.where, predicate) if each and each != "true"]
        return f"MATCH {pattern} WHERE {' AND '.join(terms)}" if terms else f"MATCH {pattern}"

    def _property(self, value: Value, spec: Scalar, place: Place, var: str) -> str:
        stored = f"{var}.{spec.stored}" if spec.stored else fill(spec.cypher, n=var, e=var)
        how, clear = dim_of(self._sight, spec, place, place.node.name)
        replaced = how in {Dim.ALIAS, Dim.ZERO}
        terms = []
        for operator, operand in value.entries():
            if operand.raw is None:
                raise _null(f"{spec.name}.{operator}")
            self._count()
            if replaced and operator not in _OF_TEXTS:
                shown = dimmed(how, clear, stored, place, spec.type)
                terms.append(self._comparison(operator, operand, spec, shown, var))
                continue
            positive = operator not in _NEGATIVE and not (operator == "isNull" and operand.raw is True)
            terms.append(guarded(self._comparison(operator, operand, spec, stored, var), clear, positive=positive))
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
