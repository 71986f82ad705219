"""What GraphQL answers must be, worked out in plain Python over the small bank: the oracle of the compiler's tests.

graphql-core's own executor runs over a schema made from the SDL, with resolvers that walk Python objects. Filters,
orderings, pages and `asOf` are written here a second time, as their documentation says, without any Cypher.
"""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from functools import cmp_to_key
from typing import Any

import strawberry
from graphql import GraphQLSchema, build_schema, execute_sync, parse, validate
from small_bank import Bank, Node, Tie

from graph_crm.graph.compiler.pages import orderings
from graph_crm.graph.mapping import EdgeMapping, JsonText, NodeMapping, Registry, Relation, Root, Scalar
from graph_crm.parties.ties import TIES

DEFAULT_PAGE = 20


@dataclass(eq=False)
class Seen:
    """A node on the way of a query: how it was reached, and the day in force."""

    node: Node
    mapping: NodeMapping
    as_of: dt.date | None
    tie: Tie | None = None
    origin: Node | None = None
    edge: EdgeMapping | None = None


@dataclass(eq=False)
class Page:
    """A connection: the rows of the page, and how many there are in all."""

    rows: list[Seen]
    total: int
    before: bool
    after: bool


class Reference:
    """Answers documents over a bank kept in Python."""

    def __init__(self, registry: Registry, sdl: str, bank: Bank) -> None:
        self.registry = registry
        self.schema: GraphQLSchema = build_schema(sdl)
        self.bank = bank

    def answer(self, document: str, variables: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """The ``data`` of a document that must be right."""
        node = parse(document)
        assert validate(self.schema, node) == []
        result = execute_sync(
            self.schema,
            node,
            variable_values=dict(variables or {}),
            field_resolver=self._field,
            type_resolver=lambda value, _info, _type: self._type(value),
        )
        assert not result.errors, result.errors
        return json.loads(json.dumps(result.data))

    # Rows

    def seen(self, root: Root, node: Node) -> Seen:
        """A node as a root field finds it."""
        return Seen(node, self.registry.of(root.node), None)

    def rows(self, root: Root, arguments: Mapping[str, Any]) -> list[Seen]:
        """All rows of a root page that fit, in order."""
        mapping = self.registry.of(root.node)
        as_of = day(arguments.get("asOf"))
        found = [Seen(node, mapping, as_of) for node in self.bank.labelled(mapping.label)]
        return self._arranged([each for each in found if self._held(each)], mapping, None, arguments, root.order)

    def related(self, seen: Seen, spec: Relation, arguments: Mapping[str, Any]) -> list[Seen]:
        """All rows of a page below a node, in order."""
        as_of = day(arguments.get("asOf")) or seen.as_of
        found = [each for each in self._across(seen.node, spec, as_of) if self._held(each)]
        if as_of and spec.as_of:
            found = [each for each in found if each.tie and in_force(each.tie, as_of)]
        edge = self.registry.edges[spec.edge] if spec.edge else None
        return self._arranged(found, self.registry.of(spec.target), edge, arguments, spec.order)

    def _across(self, node: Node, spec: Relation, as_of: dt.date | None) -> list[Seen]:
        target = self.registry.of(spec.target)
        edge = self.registry.edges[spec.edge] if spec.edge else None
        found = []
        for tie in self.bank.ties:
            if tie.type not in spec.types:
                continue
            if spec.direction in {"out", "both"} and tie.start is node and target.label in tie.end.labels:
                found.append(Seen(tie.end, target, as_of, tie, node, edge))
            elif spec.direction in {"in", "both"} and tie.end is node and target.label in tie.start.labels:
                found.append(Seen(tie.start, target, as_of, tie, node, edge))
        return found

    @staticmethod
    def _held(seen: Seen) -> bool:
        if seen.as_of is None or not seen.mapping.as_of:
            return True
        opened, closed = seen.node.props.get("openedOn"), seen.node.props.get("closedOn")
        return (opened is None or opened <= seen.as_of) and (closed is None or closed > seen.as_of)

    def _arranged(
        self,
        found: list[Seen],
        mapping: NodeMapping,
        edge: EdgeMapping | None,
        arguments: Mapping[str, Any],
        usual: str,
    ) -> list[Seen]:
        where = arguments.get("where")
        if where:
            found = [each for each in found if self.matches(where, mapping, each.node, edge, each.tie)]
        return ordered(found, arguments.get("orderBy") or ([usual] if usual else []), mapping, edge)

    def _page(self, rows: list[Seen], arguments: Mapping[str, Any]) -> Page:
        last = arguments.get("last")
        size = last if last is not None else arguments.get("first")
        size = DEFAULT_PAGE if size is None else size
        if last is not None:
            kept = rows[max(0, len(rows) - size) :]
            return Page(kept, len(rows), len(rows) > size, after=False)
        return Page(rows[:size], len(rows), before=False, after=len(rows) > size)

    # Filters

    def matches(
        self, where: Mapping[str, Any], mapping: NodeMapping, node: Node, edge: EdgeMapping | None, tie: Tie | None
    ) -> bool:
        """Whether a node (reached by a relationship) fits a filter: yes or no, never unknown."""
        return all(self._term(name, value, mapping, node, edge, tie) for name, value in where.items())

    def _term(
        self, name: str, value: Any, mapping: NodeMapping, node: Node, edge: EdgeMapping | None, tie: Tie | None
    ) -> bool:
        if name == "not":
            return not self.matches(value, mapping, node, edge, tie)
        if name in {"and", "or"}:
            parts = [self.matches(each, mapping, node, edge, tie) for each in _list(value)]
            return all(parts) if name == "and" else any(parts)
        if name == "edge":
            assert edge
            assert tie
            # The one expression that can be filtered by is the type of the relationship.
            props = {**tie.props, "": tie.type}
            return all(fits(each, edge.fields[field], props) for field, each in value.items())
        for kind in mapping.implementers:
            if name == kind.name[0].lower() + kind.name[1:]:
                return kind.label in node.labels and self.matches(value, kind, node, None, None)
        spec = mapping.fields[name]
        if isinstance(spec, Scalar):
            return fits(value, spec, node.props)
        return self._relation(value, spec, node)

    def _relation(self, value: Mapping[str, Any], spec: Relation, node: Node) -> bool:
        target = self.registry.of(spec.target)
        edge = self.registry.edges[spec.edge] if spec.edge else None
        others = self._across(node, spec, None)
        if not spec.page:
            return any(self.matches(value, target, each.node, edge, each.tie) for each in others)
        quantifiers = {
            "some": any,
            "none": lambda found: not any(found),
            "every": all,
        }
        return all(
            quantifiers[quantifier]([self.matches(where, target, each.node, edge, each.tie) for each in others])
            for quantifier, where in value.items()
        )

    # What graphql-core asks

    def _type(self, value: Seen) -> str:
        return next(kind.name for kind in value.mapping.concrete if kind.label in value.node.labels)

    def _field(self, source: Any, info: Any, **arguments: Any) -> Any:  # noqa: PLR0911 - one return a kind of source
        name = info.field_name
        if source is None:
            return self._root(name, arguments)
        if isinstance(source, Page):
            return self._of_page(source, name)
        if isinstance(source, dict):
            return source.get(name)
        assert isinstance(source, Seen)
        if info.parent_type.name.endswith("Edge"):
            if name == "node":
                return source
            assert source.edge
            assert source.tie
            if name in COMPUTED:
                return COMPUTED[name](source)
            return shown(source.edge.fields[name], source.tie.props)
        kind = next(each for each in source.mapping.concrete if each.label in source.node.labels)
        spec = kind.fields[name]
        if isinstance(spec, Relation):
            if spec.page:
                return self._page(self.related(source, spec, arguments), arguments)
            # What an event or an offer is about stays so on every day: a reference does not end.
            found = self._across(source.node, spec, source.as_of)
            return min(found, key=lambda each: each.node.props[each.mapping.key], default=None)
        as_of = day(arguments.get("asOf")) or (source.as_of if "asOf" in spec.arguments else None)
        if as_of:
            return self._on_day(source.node, name, as_of)
        return shown(spec, source.node.props)

    def _on_day(self, node: Node, name: str, as_of: dt.date) -> Any:
        if name == "status":
            history = zip(node.props["statusDates"], node.props["statusValues"], strict=True)
            return ([value for since, value in history if since <= as_of] or [None])[-1]
        assert name == "balance"
        bookings = [tie.start.props for tie in self.bank.ties if tie.type == "ON" and tie.end is node]
        known = [each for each in bookings if "bookedOn" in each and each["bookedOn"] <= as_of]
        last = max(known, key=lambda each: (each["bookedOn"], each["id"]), default=None)
        return money(last["balance"]) if last else None

    def _root(self, name: str, arguments: Mapping[str, Any]) -> Any:
        root = self.registry.roots[name]
        if root.page:
            return self._page(self.rows(root, arguments), arguments)
        mapping = self.registry.of(root.node)
        as_of = day(arguments.get("asOf"))
        found = [
            Seen(each, mapping, as_of)
            for each in self.bank.labelled(mapping.label)
            if each.props.get(mapping.key) == arguments[root.by]
        ]
        return next((each for each in found if self._held(each)), None)

    @staticmethod
    def _of_page(page: Page, name: str) -> Any:
        if name in {"edges", "nodes"}:
            return page.rows
        if name == "totalCount":
            return page.total
        assert name == "pageInfo", name
        return {"hasNextPage": page.after, "hasPreviousPage": page.before}


COMPUTED = {
    "kind": lambda seen: seen.tie.type if seen.edge.name == "Tie" else seen.tie.props["kind"],
    "outgoing": lambda seen: seen.tie.start is seen.origin,
    "role": lambda seen: _role(seen, mine=True) if seen.edge.name == "Tie" else seen.tie.props.get("role"),
    "reciprocalRole": lambda seen: _role(seen, mine=False),
}


def _role(seen: Seen, *, mine: bool) -> str:
    assert seen.tie
    tie = next(each for kind, each in TIES.items() if kind.value == seen.tie.type)
    return tie.start_role if (seen.tie.start is seen.origin) is mine else tie.end_role


def day(value: Any) -> dt.date | None:
    return dt.date.fromisoformat(value) if value else None


def in_force(tie: Tie, as_of: dt.date) -> bool:
    """Since the first day on, until the day before ``until``."""
    since, until = tie.props.get("since"), tie.props.get("until")
    return (since is None or since <= as_of) and (until is None or until > as_of)


def money(hundredths: int | None) -> str | None:
    return None if hundredths is None else f"{Decimal(hundredths) / 100:.2f}"


def shown(spec: Scalar, props: Mapping[str, Any]) -> Any:
    """A stored value as the response has it."""
    value = props.get(spec.stored)
    if value is None:
        return None
    if spec.type is dt.date:
        return value.isoformat()
    if spec.type is dt.datetime:
        return value.strftime("%Y-%m-%dT%H:%M:%S.") + f"{value.microsecond // 1000:03d}Z"
    if spec.type is Decimal:
        return money(value)
    return json.loads(value) if spec.type is JsonText or spec.item else value


def stored(spec: Scalar, value: Any) -> Any:
    """A value of the caller as it would be stored."""
    if spec.type is dt.date:
        return dt.date.fromisoformat(value)
    if spec.type is dt.datetime:
        return dt.datetime.fromisoformat(value).astimezone(dt.UTC)
    if spec.type is Decimal:
        return int(Decimal(str(value)) * 100)
    return str(value) if spec.type is strawberry.ID else value


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def fits(operators: Mapping[str, Any], spec: Scalar, props: Mapping[str, Any]) -> bool:
    """Whether a stored value meets all the operators."""
    value = props.get(spec.stored)
    return all(_compares(name, operand, value, spec, props) for name, operand in operators.items())


def _compares(name: str, operand: Any, value: Any, spec: Scalar, props: Mapping[str, Any]) -> bool:  # noqa: PLR0911
    match name:
        case "isNull":
            return (value is None) is operand
        case "contains" | "startsWith":
            assert spec.normalise
            text, wanted = props.get(spec.text), spec.normalise(operand)
            return text is not None and (wanted in text if name == "contains" else text.startswith(wanted))
        case "has":
            return operand in (value or [])
        case "hasAny":
            return bool(set(_list(operand)) & set(value or []))
        case "in":
            return value is not None and value in [stored(spec, each) for each in _list(operand)]
        case "notIn":
            return value is None or value not in [stored(spec, each) for each in _list(operand)]
        case "eq":
            return value is not None and value == stored(spec, operand)
        case "ne":
            return value is None or value != stored(spec, operand)
    if value is None:
        return False
    limit = stored(spec, operand)
    return {"gt": value > limit, "gte": value >= limit, "lt": value < limit, "lte": value <= limit}[name]


def ordered(found: Iterable[Seen], names: list[str], mapping: NodeMapping, edge: EdgeMapping | None) -> list[Seen]:
    """The rows by the orderings, nulls last when ascending and first when descending; ties by key, then edge id."""
    known = orderings(mapping, edge)
    keys = [known[name] for name in _list(names)]
    down = keys[-1][2] if keys else False

    def compare(one: Seen, other: Seen) -> int:
        for spec, of_edge, descending in keys:
            left, right = ((each.tie if of_edge else each.node).props.get(spec.stored) for each in (one, other))  # type: ignore[union-attr]
            if left != right:
                return -_rank(left, right) if descending else _rank(left, right)
        left, right = (
            (each.node.props[mapping.key], (each.tie.props.get("id") or "") if each.tie else "")
            for each in (one, other)
        )
        return 0 if left == right else (-1 if (left < right) is not down else 1)

    return sorted(found, key=cmp_to_key(compare))


def _rank(left: Any, right: Any) -> int:
    if left is None or right is None:
        return 1 if left is None else -1
    return -1 if left < right else 1


__all__ = ["Reference", "Seen"]
