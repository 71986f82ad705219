"""Random GraphQL documents over the mapping, with literals and variables mixed, for property tests."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

import strawberry
from graphql import (
    GraphQLEnumType,
    GraphQLInputObjectType,
    GraphQLList,
    GraphQLNonNull,
    GraphQLSchema,
    get_named_type,
)
from hypothesis import strategies as st
from small_bank import Bank

from graph_crm.graph.compiler.filters import narrowing, operators
from graph_crm.graph.compiler.pages import orderings
from graph_crm.graph.mapping import EdgeMapping, NodeMapping, Registry, Relation, Scalar

Draw = Callable[[st.SearchStrategy[Any]], Any]
_FOREIGN = {
    str: "no such thing",
    strawberry.ID: "nobody",
    int: 2,
    float: 0.05,
    Decimal: "12.5",
    dt.date: "2020-01-01",
    dt.datetime: "2020-06-01T02:00:00+02:00",
}


@dataclass
class Writer:
    """Writes arguments, each value either into the document or as a variable."""

    schema: GraphQLSchema
    draw: Draw
    variables: dict[str, Any] = field(default_factory=dict)
    declared: list[str] = field(default_factory=list)
    with_variables: bool = True

    def written(self, kind: Any, value: Any) -> str:
        """The value of GraphQL type ``kind`` as it stands in the document."""
        if self.with_variables and self.draw(st.integers(0, 4)) == 0:
            name = f"v{len(self.declared)}"
            self.declared.append(f"${name}: {kind}")
            self.variables[name] = value
            return f"${name}"
        bare = kind.of_type if isinstance(kind, GraphQLNonNull) else kind
        if isinstance(bare, GraphQLList) and isinstance(value, list):
            return f"[{', '.join(self.written(bare.of_type, each) for each in value)}]"
        named = get_named_type(bare)
        if isinstance(named, GraphQLInputObjectType):
            inner = ", ".join(f"{name}: {self.written(named.fields[name].type, each)}" for name, each in value.items())
            return f"{{{inner}}}"
        if isinstance(named, GraphQLEnumType):
            return str(value)
        return json.dumps(value)

    def arguments(self, field_: Any, given: dict[str, Any]) -> str:
        """The argument list of a field; empty when nothing is given."""
        parts = [f"{name}: {self.written(field_.args[name].type, value)}" for name, value in given.items()]
        return f"({', '.join(parts)})" if parts else ""

    def document(self, selection: str, fragments: str = "") -> str:
        """The whole document."""
        variables = f"({', '.join(self.declared)})" if self.declared else ""
        return f"query{variables} {{ {selection} }} {fragments}"


def _known(mapping: NodeMapping) -> list[Any]:
    """The fields that the oracle knows: all but those that Python shapes from what it reads."""
    return [
        spec for spec in mapping.fields.values() if not (isinstance(spec, Scalar) and spec.shape and not spec.stored)
    ]


def _sent(value: Any) -> Any:
    if isinstance(value, dt.datetime):
        return value.isoformat()
    return value.isoformat() if isinstance(value, dt.date) else value


class Filters:
    """Random filters and orderings over the values that the bank has, and some that it has not."""

    def __init__(self, registry: Registry, bank: Bank) -> None:
        self._registry = registry
        self._bank = bank

    @staticmethod
    def values(bank: Bank, spec: Scalar) -> list[Any]:
        """Values of the property that the bank has, as a caller sends them, and one that it has not."""
        found = [each.props[spec.stored] for each in [*bank.nodes, *bank.ties] if spec.stored in each.props]
        if spec.is_list:
            found = [each for one in found for each in one]
        if spec.type is Decimal:
            found = [f"{each / 100:.2f}" for each in found if isinstance(each, int)]
        values = [_sent(each) for each in found if not isinstance(each, list)]
        enum = getattr(spec.type, "__members__", None)
        if enum:
            values = [each for each in values if each in enum]
        foreign = [*enum] if enum else [_FOREIGN.get(spec.type, "nothing")]
        return [*values, *foreign]

    def _value(self, draw: Draw, spec: Scalar) -> Any:
        return draw(st.sampled_from(self.values(self._bank, spec)))

    def _operators(self, draw: Draw, spec: Scalar) -> dict[str, Any]:
        names = draw(st.lists(st.sampled_from(operators(spec)), min_size=1, max_size=2, unique=True))
        made: dict[str, Any] = {}
        for name in names:
            if name == "isNull":
                made[name] = draw(st.booleans())
            elif name in {"in", "notIn", "hasAny"}:
                values = [self._value(draw, spec) for _ in range(draw(st.integers(0, 3)))]
                made[name] = values[0] if len(values) == 1 and draw(st.booleans()) else values
            elif name in {"contains", "startsWith"}:
                text = self._value(draw, spec)
                start = draw(st.integers(0, 2)) if name == "contains" else 0
                made[name] = text[start : start + draw(st.integers(0, 4))]
            elif spec.type is bool:
                made[name] = draw(st.booleans())
            else:
                made[name] = self._value(draw, spec)
        return made

    def where(self, draw: Draw, mapping: NodeMapping, edge: EdgeMapping | None, depth: int = 2) -> dict[str, Any]:
        """A filter over the node, and over the relationship where there is one."""
        made: dict[str, Any] = {}
        for _ in range(draw(st.integers(0 if depth < 2 else 1, 2))):
            kind = draw(st.sampled_from(["leaf", "leaf", "leaf", "and", "or", "not", "edge", "narrow", "relation"]))
            if kind in {"and", "or"} and depth:
                parts: Any = [self.where(draw, mapping, edge, depth - 1) for _ in range(draw(st.integers(0, 2)))]
                made[kind] = parts[0] if len(parts) == 1 and draw(st.booleans()) else parts
            elif kind == "not" and depth:
                made["not"] = self.where(draw, mapping, edge, depth - 1)
            elif kind == "edge" and edge:
                spec = draw(st.sampled_from([each for each in edge.fields.values() if each.filter]))
                made["edge"] = {spec.name: self._operators(draw, spec)}
            elif kind == "narrow" and mapping.implementers and depth:
                name, narrow = draw(st.sampled_from(sorted(narrowing(mapping).items(), key=lambda each: each[0])))
                made[name] = self.where(draw, narrow, None, depth - 1)
            elif kind == "relation" and depth:
                self._relation(draw, made, mapping, depth)
            else:
                spec = draw(st.sampled_from([s for s in mapping.fields.values() if isinstance(s, Scalar) and s.filter]))
                made[spec.name] = self._operators(draw, spec)
        return made

    def _relation(self, draw: Draw, made: dict[str, Any], mapping: NodeMapping, depth: int) -> None:
        relations = [each for each in mapping.fields.values() if isinstance(each, Relation)]
        if not relations:
            return
        spec = draw(st.sampled_from(relations))
        target = self._registry.of(spec.target)
        edge = self._registry.edges[spec.edge] if spec.edge else None
        inner = self.where(draw, target, edge, depth - 1)
        if spec.page:
            made[spec.name] = {draw(st.sampled_from(["some", "none", "every"])): inner}
        else:
            made[spec.name] = inner

    def order(self, draw: Draw, mapping: NodeMapping, edge: EdgeMapping | None) -> list[str]:
        """Up to three orderings."""
        return draw(st.lists(st.sampled_from(sorted(orderings(mapping, edge))), max_size=3))


class Documents:
    """Random selections: aliases, fragments, directives, pages in pages, the same field twice."""

    def __init__(self, schema: GraphQLSchema, registry: Registry, filters: Filters) -> None:
        self._schema = schema
        self._registry = registry
        self._filters = filters

    def make(self, draw: Draw, *, with_variables: bool = True) -> tuple[str, dict[str, Any]]:
        """A document with its variables."""
        writing = _Document(self._schema, self._registry, self._filters, draw, with_variables=with_variables)
        return writing.make(), writing.writer.variables


class _Document:
    def __init__(
        self, schema: GraphQLSchema, registry: Registry, filters: Filters, draw: Draw, *, with_variables: bool
    ) -> None:
        self._schema = schema
        self._registry = registry
        self._filters = filters
        self._draw = draw
        self._fragments: list[str] = []
        self._next = 0
        self.writer = Writer(schema, draw, with_variables=with_variables)

    def make(self) -> str:
        draw = self._draw
        roots = [root for root in self._registry.roots.values() if not root.start]
        parts = []
        for _ in range(draw(st.integers(1, 2))):
            root = draw(st.sampled_from(roots))
            mapping = self._registry.of(root.node)
            field_ = self._schema.query_type.fields[root.name]  # type: ignore[union-attr]
            edge = self._registry.edges[root.edge] if root.edge else None
            if root.page:
                given = self._page_arguments(mapping, edge, as_of=True)
                below = self._connection(field_.type, mapping, edge, 3)
            else:
                keys = [node.props[mapping.key] for node in self._filters._bank.labelled(mapping.label)]
                given = {root.by: draw(st.sampled_from([*keys, "nobody"])), **self._as_of()}
                below = self._object(mapping, 3)
            parts.append(f"{self._alias()}: {root.name}{self.writer.arguments(field_, given)} {{ {below} }}")
        return self.writer.document(" ".join(parts), " ".join(self._fragments))

    def _alias(self) -> str:
        self._next += 1
        return f"x{self._next}"

    def _as_of(self) -> dict[str, Any]:
        days = ["2018-06-01", "2019-06-15", "2020-01-01", "2021-01-01", "2023-01-01"]
        return {"asOf": self._draw(st.sampled_from(days))} if self._draw(st.integers(0, 3)) == 0 else {}

    def _page_arguments(self, mapping: NodeMapping, edge: EdgeMapping | None, *, as_of: bool) -> dict[str, Any]:
        draw = self._draw
        given = self._as_of() if as_of else {}
        size = draw(st.sampled_from([None, None, 0, 1, 2, 3, 100]))
        if size is not None:
            given[draw(st.sampled_from(["first", "first", "last"]))] = size
        if draw(st.integers(0, 2)) == 0:
            given["where"] = self._filters.where(draw, mapping, edge, 1)
        if draw(st.integers(0, 2)) == 0:
            names = self._filters.order(draw, mapping, edge)
            given["orderBy"] = names[0] if len(names) == 1 and draw(st.booleans()) else names
        return given

    def _directive(self) -> str:
        if self._draw(st.integers(0, 7)):
            return ""
        name, flag = self._draw(st.sampled_from(["skip", "include"])), self._draw(st.booleans())
        return f" @{name}(if: {self.writer.written('Boolean!', flag)})" if self.writer.with_variables else ""

    def _wrapped(self, type_name: str, selection: str) -> str:
        """The selection as it is, in an inline fragment, or in a named one."""
        how = self._draw(st.integers(0, 7))
        if how == 0:
            return f"... on {type_name}{self._directive()} {{ {selection} }}"
        if how == 1:
            return f"...{self._directive()} {{ {selection} }}"
        if how == 2:
            name = f"F{len(self._fragments)}"
            self._fragments.append(f"fragment {name} on {type_name} {{ {selection} }}")
            spread = f"...{name}{self._directive()}"
            return f"{spread} {spread}" if self._draw(st.booleans()) and "$" not in spread else spread
        return selection

    def _connection(self, _type: Any, mapping: NodeMapping, edge: EdgeMapping | None, depth: int) -> str:
        draw = self._draw
        name = f"{edge.name if edge else ''}{mapping.name}"
        parts = []
        for kind in draw(
            st.lists(st.sampled_from(["nodes", "edges", "total", "info", "type"]), min_size=1, max_size=3)
        ):
            if kind == "nodes":
                parts.append(f"nodes{self._directive()} {{ {self._object(mapping, depth - 1)} }}")
            elif kind == "edges":
                parts.append(f"edges {{ {self._edge(mapping, edge, depth - 1)} }}")
            elif kind == "total":
                parts.append(f"{self._alias()}: totalCount")
            elif kind == "info":
                parts.append("pageInfo { __typename hasNextPage more: hasPreviousPage }")
            else:
                parts.append("__typename")
        return self._wrapped(f"{name}Connection", " ".join(parts))

    def _edge(self, mapping: NodeMapping, edge: EdgeMapping | None, depth: int) -> str:
        draw = self._draw
        parts = [f"node {{ {self._object(mapping, depth)} }}"] if draw(st.integers(0, 3)) else ["__typename"]
        # Nothing but the kind tells parallel links apart, so their order is not settled.
        fields = edge.fields if edge and edge.name != "AgreementLink" else {}
        parts.extend(name for name in fields if draw(st.integers(0, 2)) == 0)
        parts = draw(st.permutations(parts))
        return self._wrapped(f"{edge.name if edge else ''}{mapping.name}Edge", " ".join(parts))

    def _object(self, mapping: NodeMapping, depth: int) -> str:
        draw = self._draw
        parts = []
        for _ in range(draw(st.integers(1, 3))):
            if mapping.implementers and draw(st.integers(0, 3)) == 0:
                narrow = draw(st.sampled_from(mapping.implementers))
                parts.append(f"... on {narrow.name} {{ {self._object(narrow, depth - 1)} }}")
                continue
            spec = draw(st.sampled_from(sorted(_known(mapping), key=lambda each: each.name)))
            parts.append(self._field(mapping, spec, depth))
        if draw(st.integers(0, 3)) == 0:
            parts.insert(draw(st.integers(0, len(parts))), f"{draw(st.sampled_from(['', 'y: ']))}__typename")
        return self._wrapped(mapping.name, " ".join(parts))

    def _field(self, mapping: NodeMapping, spec: Any, depth: int) -> str:
        draw = self._draw
        field_ = self._schema.type_map[mapping.name].fields[spec.name]
        if isinstance(spec, Relation):
            if depth <= 0:
                return "__typename"
            target = self._registry.of(spec.target)
            if not spec.page:
                return f"{spec.name} {{ {self._object(target, depth - 1)} }}"
            edge = self._registry.edges[spec.edge] if spec.edge else None
            given = self._page_arguments(target, edge, as_of="asOf" in field_.args)
            below = self._connection(field_.type, target, edge, depth)
            return f"{self._alias()}: {spec.name}{self.writer.arguments(field_, given)} {{ {below} }}"
        if spec.item:
            return "trace { p: productCode gates { numbers name evidence __typename } rule }"
        if "asOf" in field_.args and draw(st.booleans()):
            return f"{self._alias()}: {spec.name}{self.writer.arguments(field_, self._as_of())}"
        return f"{draw(st.sampled_from(['', '', f'{spec.name}2: ']))}{spec.name}{self._directive()}"
