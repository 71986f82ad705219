"""GraphQL types that follow from the mapping: connections, edges, filters, orderings, root fields."""

from __future__ import annotations

import datetime as dt
import enum
from collections.abc import Callable
from typing import Any

import strawberry

from graph_crm.graph.compiler.filters import filter_name, narrowing, operators
from graph_crm.graph.compiler.pages import orderings
from graph_crm.graph.compiler.place import Limits
from graph_crm.graph.compiler.statement import AS_OF, connection_name
from graph_crm.graph.mapping import (
    EdgeMapping,
    NodeMapping,
    Registry,
    Relation,
    Root,
    Scalar,
    strawberry_field,
)

OPERATORS = {
    "eq": "Equal to this.",
    "ne": "Not equal to this; matches where nothing is known.",
    "in": "One of these.",
    "notIn": "None of these; matches where nothing is known.",
    "isNull": "Whether nothing is known.",
    "gt": "Greater than this.",
    "gte": "Greater than or equal to this.",
    "lt": "Less than this.",
    "lte": "Less than or equal to this.",
    "contains": "Contains this text, whatever the case and the accents.",
    "startsWith": "Starts with this text, whatever the case and the accents.",
    "has": "The list has this.",
    "hasAny": "The list has any of these.",
}
_LISTS = {"in", "notIn", "hasAny"}
AS_OF_MEANING = "Answer as it was on this day, also below; everything ever recorded when left out."


@strawberry.type(description="Where a page stands among the others.")
class PageInfo:
    """Where a page stands among the others."""

    has_next_page: bool = strawberry.field(description="Whether rows follow.")
    has_previous_page: bool = strawberry.field(description="Whether rows come before, as far as the cursor tells.")
    start_cursor: str | None = strawberry.field(description="Cursor of the first row.")
    end_cursor: str | None = strawberry.field(description="Cursor of the last row: the next page starts `after` it.")


class GeneratedTypes:
    """Makes each derived type once and adds the relation fields to the mapped types."""

    def __init__(self, registry: Registry, limits: Limits) -> None:
        self._registry = registry
        self._limits = limits
        self._made: dict[str, Any] = {}

    def complete(self) -> None:
        """Add the relation fields to every mapped type that has not got them yet."""
        for node in self._registry.nodes.values():
            definition = _definition(node.cls)
            present = {field.graphql_name for field in definition.fields}
            for spec in node.fields.values():
                if spec.name in present:
                    continue
                if isinstance(spec, Relation):
                    definition.fields.append(self._relation_field(spec, node.cls))

    def query(self) -> type:
        """The query type: the mapping's root fields."""
        query = _empty("Query", "Everything that can be read.", strawberry.type)
        fields = _definition(query).fields
        for root in self._registry.roots.values():
            fields.append(self._root_field(root, query))
        return query

    def _root_field(self, root: Root, query: type) -> Any:
        node = self._registry.of(root.node)
        given = {name: (argument.type, argument.description) for name, argument in root.arguments.items()}
        if not root.page:
            arguments = {root.by: (strawberry.ID, f"The {root.by} of the {node.name}."), **given}
            arguments[AS_OF] = (dt.date | None, AS_OF_MEANING)
            return strawberry_field(root.name, node.cls | None, root.description, query, arguments)
        edge = self._registry.edges[root.edge] if root.edge else None
        if root.rank:
            first = f"Rows of the page, at most {self._limits.largest_page}; {self._limits.default_page} when left out."
            arguments = {**given, "first": (int | None, first)}
            arguments["where"] = (self.filter(node, edge) | None, "Only what matches this.")
        else:
            arguments = {**given, **self._page_arguments(node, edge)}
            arguments[AS_OF] = (dt.date | None, AS_OF_MEANING)
        # Nullable, though a page is never null: one that fails must not take its neighbours' answers with it.
        return strawberry_field(root.name, self.connection(node, edge) | None, root.description, query, arguments)

    def _relation_field(self, spec: Relation, origin: type) -> Any:
        target = self._registry.of(spec.target)
        if not spec.page:
            annotation = target.cls | None if spec.nullable else target.cls
            return strawberry_field(spec.name, annotation, spec.description, origin)
        edge = self._registry.edges[spec.edge] if spec.edge else None
        arguments = self._page_arguments(target, edge)
        if spec.as_of or target.as_of:
            arguments[AS_OF] = (dt.date | None, AS_OF_MEANING)
        return strawberry_field(spec.name, self.connection(target, edge), spec.description, origin, arguments)

    def _page_arguments(self, node: NodeMapping, edge: EdgeMapping | None) -> dict[str, tuple[Any, str]]:
        largest, usual = self._limits.largest_page, self._limits.default_page
        return {
            "first": (int | None, f"Rows of the page, at most {largest}; {usual} when left out."),
            "after": (str | None, "Start after this cursor (endCursor of the page before)."),
            "last": (int | None, f"Read backwards: so many rows from the end, at most {largest}."),
            "before": (str | None, "End before this cursor (startCursor of the page after)."),
            "where": (self.filter(node, edge) | None, "Only what matches this."),
            "orderBy": (
                list[self.order(node, edge)] | None,  # type: ignore[misc]  # a type made at run time
                "Up to three orderings, the first counts most; rows that are equal in all come by identifier.",
            ),
        }

    def connection(self, node: NodeMapping, edge: EdgeMapping | None) -> Any:
        """The connection type of pages of ``node``, with the relationship's properties on its edges."""
        name = connection_name(node, edge)

        def fill(made: type) -> list[Any]:
            edges: Any = self._edge(node, edge)
            return [
                strawberry_field("edges", list[edges], "The rows with their cursors.", made),
                strawberry_field("nodes", list[node.cls], "The rows themselves.", made),  # type: ignore[name-defined]
                strawberry_field("pageInfo", PageInfo, "Where the page stands.", made),
                strawberry_field("totalCount", int, "How many there are on all pages.", made),
            ]

        return self._once(f"{name}Connection", f"A page of {node.name}.", strawberry.type, fill)

    def _edge(self, node: NodeMapping, edge: EdgeMapping | None) -> Any:
        name = connection_name(node, edge)

        def fill(made: type) -> list[Any]:
            fields = [
                strawberry_field("cursor", str, "Place of the row, for `after` and `before`.", made),
                strawberry_field("node", node.cls, f"The {node.name}.", made),
            ]
            for spec in edge.fields.values() if edge else ():
                annotation = spec.type | None if spec.nullable else spec.type
                fields.append(strawberry_field(spec.name, annotation, spec.description, made))
            return fields

        description = edge.description if edge else f"A row of a page of {node.name}."
        return self._once(f"{name}Edge", description, strawberry.type, fill)

    def order(self, node: NodeMapping, edge: EdgeMapping | None) -> Any:
        """The enum of orderings."""
        name = f"{connection_name(node, edge)}OrderBy"
        if name not in self._made:
            members = {
                each: strawberry.enum_value(
                    each, description=f"By {spec.name}, {'descending' if descending else 'ascending'}."
                )
                for each, (spec, _, descending) in orderings(node, edge).items()
            }
            values: Any = enum.Enum(name, members)  # type: ignore[misc]  # members are known at run time
            self._made[name] = strawberry.enum(values, description=f"Orderings of {node.name}.")
        return self._made[name]

    def filter(self, node: NodeMapping, edge: EdgeMapping | None = None) -> Any:
        """The filter input over a node, and over the relationship that leads to it."""
        name = f"{connection_name(node, edge)}Filter"

        def fill(made: Any) -> list[Any]:
            fields = [
                _input_field("and", list[made], "All of these.", made),
                _input_field("or", list[made], "Any of these.", made),
                _input_field("not", made, "Not this; matches where nothing is known.", made),
            ]
            if edge and any(spec.filter for spec in edge.fields.values()):
                fields.append(_input_field("edge", self._edge_filter(edge), "About the relationship itself.", made))
            for narrow, kind in narrowing(node).items():
                fields.append(_input_field(narrow, self.filter(kind), f"Is a {kind.name} that matches this.", made))
            inherited = node.fields
            for spec in inherited.values():
                if isinstance(spec, Scalar):
                    if spec.filter:
                        fields.append(_input_field(spec.name, self._operators(spec), spec.description, made))
                else:
                    fields.append(_input_field(spec.name, self._relation_filter(spec), spec.description, made))
            return fields

        return self._once(name, f"Which {node.name} to take; all conditions must hold.", strawberry.input, fill)

    def _edge_filter(self, edge: EdgeMapping) -> Any:
        def fill(made: type) -> list[Any]:
            return [
                _input_field(spec.name, self._operators(spec), spec.description, made)
                for spec in edge.fields.values()
                if spec.filter
            ]

        return self._once(f"{edge.name}Filter", f"Conditions on {edge.name}.", strawberry.input, fill)

    def _relation_filter(self, spec: Relation) -> Any:
        target = self._registry.of(spec.target)
        edge = self._registry.edges[spec.edge] if spec.edge else None
        inner = self.filter(target, edge)
        if not spec.page:
            return inner

        def fill(made: type) -> list[Any]:
            return [
                _input_field("some", inner, "At least one matches.", made),
                _input_field("none", inner, "None matches.", made),
                _input_field("every", inner, "All match (also when there are none).", made),
            ]

        name = f"{connection_name(target, edge)}ListFilter"
        return self._once(name, f"Conditions on all {target.name} of a list.", strawberry.input, fill)

    def _operators(self, spec: Scalar) -> Any:
        kind: Any = str if spec.is_list else spec.type

        def fill(made: type) -> list[Any]:
            fields = []
            for name in operators(spec):
                annotation: Any = bool if name == "isNull" else kind
                fields.append(
                    _input_field(name, list[annotation] if name in _LISTS else annotation, OPERATORS[name], made)
                )
            return fields

        name = filter_name(spec)
        return self._once(name, f"Conditions on a value of type {name.removesuffix('Filter')}.", strawberry.input, fill)

    def _once(self, name: str, description: str, make: Any, fill: Callable[[type], list[Any]]) -> Any:
        if name not in self._made:
            self._made[name] = made = _empty(name, description, make)
            _definition(made).fields.extend(fill(made))
        return self._made[name]


def _empty(name: str, description: str, make: Any) -> type:
    made: type = make(type(name, (), {"__doc__": description}), name=name, description=description)
    return made


def _definition(cls: type) -> Any:
    return cls.__strawberry_definition__  # type: ignore[attr-defined]  # set by strawberry


def _input_field(name: str, annotation: Any, description: str, origin: type) -> Any:
    return strawberry_field(name, annotation | None, description, origin)
