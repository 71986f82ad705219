"""One GraphQL root field becomes one Cypher statement."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from graphql import FieldNode, FragmentDefinitionNode

from graph_crm.errors import InvalidInput
from graph_crm.graph.compiler import guards, items, scalars
from graph_crm.graph.compiler.arguments import Parameters, Value, Variables
from graph_crm.graph.compiler.filters import Filters, Names, traversal
from graph_crm.graph.compiler.pages import PLACES, Ordering, orderings
from graph_crm.graph.compiler.place import Limits, Place, both
from graph_crm.graph.compiler.selection import Fields, Selections, sub_selections
from graph_crm.graph.compiler.shaping import Bound, Columns, IncompleteData, ObjectShape, Page, Row, Shape, noting
from graph_crm.graph.compiler.sight import EVERYTHING, Dim, Sight, View
from graph_crm.graph.mapping import (
    EdgeMapping,
    FieldSpec,
    NodeMapping,
    Registry,
    Relation,
    Root,
    Scalar,
    Shaping,
    fill,
)

AS_OF = "asOf"
OWN_ROWS = "CALL ("
"""How a match begins that finds the rows of the caller (`Sight.start`)."""


@dataclass(frozen=True)
class Statement:
    """A compiled root field: the text, its parameters, and how rows become the response."""

    text: str
    parameters: Parameters
    shape: Callable[[Sequence[Sequence[Any]], Bound], Any]


class Compiler:
    """Compiles the root fields of one operation, with the variables of one call, for what ``sight`` sees."""

    def __init__(
        self,
        registry: Registry,
        fragments: Mapping[str, FragmentDefinitionNode],
        variables: Variables,
        *,
        limits: Limits | None = None,
        sight: Sight = EVERYTHING,
    ) -> None:
        self._registry = registry
        self._limits = limits or Limits()
        self._sight = sight
        self._parameters = Parameters()
        self._names = Names()
        self._related: dict[tuple[str, str, tuple[int, ...]], Shape] = {}
        self._selections = Selections(fragments, variables)
        self._filters = Filters(registry, self._parameters, self._names, sight, self._limits.most_conditions)
        self._asked_fields = self._asked_relations = 0

    def root(self, root: Root, nodes: list[FieldNode]) -> Statement:
        """The statement of a root field; ``nodes`` are its field nodes, merged when there are several."""
        return self._page_root(root, nodes) if root.page else self._one_root(root, nodes)

    def node(self, mapping: NodeMapping, key: str, nodes: list[FieldNode]) -> Statement:
        """The statement that reads one node by its key for the selection below ``nodes``.

        For what a service answers with, who has asked whether the caller may touch it: the node itself is there.
        """
        return self._one(mapping, self._parameters.add(Value(key)), nodes, None, given=True)

    def _one_root(self, root: Root, nodes: list[FieldNode]) -> Statement:
        arguments = self._selections.arguments(nodes[0])
        key = self._parameters.add(arguments[root.by], str)
        return self._one(self._registry.of(root.node), key, nodes, arguments.get(AS_OF))

    def _one(
        self, mapping: NodeMapping, key: str, nodes: list[FieldNode], as_of: Value | None, *, given: bool = False
    ) -> Statement:
        var, _ = self._names.pair()
        columns = Columns()
        view = self._sight.given(mapping, var) if given else self._sight.root(mapping, var)
        alone = self._sight.alone(mapping, var) if view.clear else ""
        place = Place(mapping, var, as_of=as_of, clear=f"{var}clear" if alone else view.clear)
        pattern = f"({var}:{_labels(mapping)} {{{mapping.key}: {key}}})"
        held = self._held(mapping, var, as_of) if as_of and mapping.as_of else ""
        shape = self._object(place, nodes, columns, root=True)

        def shaped(rows: Sequence[Sequence[Any]], bound: Bound) -> Any:
            return shape(rows[0][0], bound) if rows else None

        where = _where([each for each in (view.where, held) if each])
        head = self._sight.head if not alone or self._sight.needs_head(f"{where} {columns}") else ""
        # What was found once for the whole statement is the faster way where something else has to look at it, too.
        clear = f" WITH *, {view.clear if head else alone} AS {place.clear}" if alone else ""
        return Statement(f"{head}MATCH {pattern}{where}{clear} RETURN {columns}", self._parameters, shaped)

    def _page_root(self, root: Root, nodes: list[FieldNode]) -> Statement:
        mapping = self._registry.of(root.node)
        edge = self._registry.edges[root.edge] if root.edge else None
        var, tie = self._names.pair()
        arguments = self._selections.arguments(nodes[0])
        columns = Columns()
        if root.start:
            given = dict.fromkeys(root.arguments, "null")
            for name, argument in root.arguments.items():
                if name in arguments:
                    given[name] = self._parameters.add(arguments[name], argument.convert)
            if root.check is not None:  # bound as one value more, which no statement reads: looked at in every call
                parts: dict[str | int, Value] = {name: arguments[name] for name in root.arguments if name in arguments}
                self._parameters.add(Value({name: one.raw for name, one in parts.items()}, (), parts), root.check)
            rank = fill(root.rank, n=var, e=tie)
            match, view = self._started(root, (var, tie), given, rank, arguments)
        else:
            found = self._sight.start(mapping, var)
            view = View() if found else self._sight.root(mapping, var, root)
            match, rank = found or f"MATCH ({var}:{_labels(mapping)})", ""
        place = Place(
            mapping, var, edge, tie if edge else "", as_of=arguments.get(AS_OF), clear=view.clear, tie_clear=view.clear
        )
        terms = [view.where] if view.where else []
        if place.as_of and mapping.as_of:
            terms.append(self._held(mapping, var, place.as_of))
        # What the caller's own rows were found by is no index of their order.
        scan = not rank and not match.startswith(OWN_ROWS)
        shape = self._page(
            place,
            nodes,
            arguments,
            columns,
            match=match,
            order=root.order,
            rank=rank,
            scan=scan,
            terms=terms,
            root=True,
        )

        def shaped(rows: Sequence[Sequence[Any]], bound: Bound) -> Any:
            return shape(rows[0][0], bound)

        bound = self._sight.head_name
        # 5.26 takes what finds the rows by an aggregate for one itself, and wants to see what it is grouped by.
        answer = f"WITH {bound}, {columns} AS shown RETURN shown" if root.start and bound else f"RETURN {columns}"
        return Statement(f"{self._sight.head}{answer}", self._parameters, shaped)

    def _started(
        self,
        root: Root,
        names: tuple[str, str],
        given: dict[str, str],
        rank: str,
        arguments: Mapping[str, Value],
    ) -> tuple[str, View]:
        """What finds the rows of a root that has a start of its own, and which of them the caller sees."""
        mapping, (var, tie) = self._registry.of(root.node), names
        view = self._sight.root(mapping, var, root)
        most, start, narrow = str(self._limits.largest_page), root.start, root.narrow
        if narrow is None or not self._sight.narrow:
            # WITH: no WHERE may follow a CALL directly.
            return fill(start, n=var, e=tie, limit=most, **given) + " WITH *", view
        given[narrow.place] = (
            self._parameters.add(arguments[narrow.argument], narrow.convert)
            if self._sight.knows and narrow.argument in arguments
            else self._parameters.constant(narrow.nothing)
        )
        surplus = self._sight.surplus(mapping)
        looked = f"{most} + {surplus}" if surplus else most
        where = f" WHERE {view.where}" if view.where else ""
        # As many as if those that are not shown were not there.
        found = fill(narrow.start, n=var, e=tie, limit=looked, **given) + f" WITH *{where}"
        found += f" WITH * ORDER BY {rank}, {var}.{mapping.key} LIMIT {most}"
        # How well something fits is measured against all that is in the index: only the places are told.
        return f"{found}{PLACES.format(n=var, e=tie) if surplus else ''} WITH *", View("", view.clear)

    def _held(self, mapping: NodeMapping, var: str, as_of: Value) -> str:
        return fill(mapping.as_of, n=var, asOf=self._day(as_of))

    def _day(self, as_of: Value) -> str:
        return scalars.placeholder(dt.date, self._parameters.add(as_of, scalars.day_to_send))

    def _object(self, place: Place, nodes: list[FieldNode], columns: Columns, *, root: bool = False) -> Shape:
        """The shape of the node at ``place`` for the selections below ``nodes``; adds what it needs to the row."""
        shape = self._unnoted(place, nodes, columns)
        keys = self._sight.noted(place.node, place.var, root=root)
        return noting(columns.add(keys), shape) if keys else shape

    def _unnoted(self, place: Place, nodes: list[FieldNode], columns: Columns) -> Shape:
        if place.depth > self._limits.deepest:
            raise InvalidInput(
                f"The query nests deeper than {self._limits.deepest} levels.",
                hint="Split it into several queries.",
                limit=self._limits.deepest,
            )
        sets = sub_selections(nodes)
        kinds = place.node.concrete
        interface = place.node.name if place.node.implementers else None
        asked = [
            self._selections.fields(sets, frozenset({kind.name, interface or _interface_name(kind)})) for kind in kinds
        ]
        if len(kinds) == 1:
            return self._fields(place, kinds[0], asked[0], columns)
        if all([*fields.items()] == [*asked[0].items()] for fields in asked) and not _asks_type_name(asked[0]):
            # Nothing depends on the type: one shape serves all.
            return self._fields(place, place.node, asked[0], columns)
        which = " ".join(f"WHEN {place.var}:{kind.label} THEN {index}" for index, kind in enumerate(kinds))
        index = columns.add(f"CASE {which} END")
        shapes = [self._fields(place, kind, fields, columns) for kind, fields in zip(kinds, asked, strict=True)]

        def shape(row: Row, bound: Bound) -> Any:
            kind = row[index]
            if kind is None:
                raise IncompleteData(
                    f"A {place.node.name} in the graph is none of {', '.join(each.name for each in kinds)}.",
                    hint="Repair the record: it lacks a label.",
                )
            return shapes[kind](row, bound)

        return shape

    def _fields(self, place: Place, kind: NodeMapping, asked: Fields, columns: Columns) -> Shape:
        made = ObjectShape(kind.name)
        for key, nodes in asked.items():
            name = nodes[0].name.value
            if name == "__typename":
                made.constant(key, kind.name)
                continue
            self._sight.check(kind.name, name)
            self._field(made, key, kind.fields[name], nodes, place, columns, kind.name)
        return made.build()

    def _count(self, spec: FieldSpec) -> None:
        """Count a field: fragments within fragments grow a short document without bound."""
        self._asked_fields += 1
        self._asked_relations += isinstance(spec, Relation)
        for asked, most, what in (
            (self._asked_fields, self._limits.most_fields, "fields"),
            (self._asked_relations, self._limits.most_relations, "relations"),
        ):
            if asked > most:
                raise InvalidInput(
                    f"The query asks for more than {most} {what}.", hint="Split it into several queries.", limit=most
                )

    def _field(
        self,
        made: ObjectShape,
        key: str,
        spec: FieldSpec,
        nodes: list[FieldNode],
        place: Place,
        columns: Columns,
        type_name: str,
    ) -> None:
        self._count(spec)
        arguments = self._selections.arguments(nodes[0])
        if isinstance(spec, Scalar):
            expression = guards.seen(self._sight, spec, place, type_name, self._leaf(spec, place, arguments))
            index = columns.add(expression)
            if spec.shape:
                shaped = self._shaped(spec, spec.shape, index, nodes, arguments)
                _, clear = guards.dim_of(self._sight, spec, place, type_name)
                made.part(key, _where_clear(columns.add(clear), shaped) if clear else shaped)
                return
            show = self._items(spec, nodes) if spec.item else scalars.shower(spec)
            made.leaf(key, index, show, required=not spec.nullable)
            return
        # Several types of an interface may ask the same relation with the same nodes: it is read once.
        known = (spec.name, place.var, tuple(map(id, nodes)))
        hidden = bool(place.clear) and self._sight.dim(type_name, spec.name) is not Dim.SHOWN
        shape = self._related.get(known)
        if shape is None:
            shape = (
                self._related_page(spec, nodes, place, arguments, columns, hidden=hidden)
                if spec.page
                else self._related_one(spec, nodes, place, columns, hidden=hidden)
            )
            self._related[known] = shape
        made.part(key, shape)

    def _leaf(self, spec: Scalar, place: Place, arguments: Mapping[str, Value]) -> str:
        given = dict(arguments)
        if AS_OF in spec.arguments and AS_OF not in given and place.as_of:
            given[AS_OF] = place.as_of
        owner = place.edge_var if place.edge and place.edge.fields.get(spec.name) is spec else place.var
        if spec.stored and not (given and spec.cypher):
            return scalars.stored_expression(spec.type, f"{owner}.{spec.stored}")
        values = {
            name: scalars.placeholder(
                argument.type,
                self._parameters.add(given[name], argument.convert or scalars.converter(argument.type)),
            )
            if name in given
            else "null"
            for name, argument in spec.arguments.items()
        }
        values |= {name: self._parameters.constant(value) for name, value in spec.constants.items()}
        sight = guards.sight_of(self._sight, place)
        expression = fill(spec.cypher, n=place.var, e=place.edge_var, o=place.origin, sight=sight, **values)
        return scalars.stored_expression(spec.type, expression)

    def _items(self, spec: Scalar, nodes: list[FieldNode]) -> Callable[[Any], Any]:
        """Shows objects that are stored as JSON text, with the selected fields only."""
        asked = items.selected(self._selections, nodes, spec.item, self._sight.check_plain)
        parse = scalars.shower(spec)

        def show(text: Any) -> Any:
            return items.picked(parse(text) if parse else text, asked)

        return show

    def _shaped(
        self, spec: Scalar, make: Shaping, index: int, nodes: list[FieldNode], arguments: Mapping[str, Value]
    ) -> Shape:
        """The part that Python makes from the row's value and from what the call gives as arguments."""
        given = {
            name: self._parameters.add(arguments[name], argument.convert or scalars.converter(argument.type))[1:]
            for name, argument in spec.arguments.items()
            if name in arguments
        }
        asked = items.selected(self._selections, nodes, spec.item, self._sight.check_plain) if spec.item else None
        parse = scalars.shower(spec) if spec.stored else None

        def part(row: Row, bound: Bound) -> Any:
            value = row[index]
            if parse and value is not None:
                value = parse(value)
            made = make(value, {name: bound[place] for name, place in given.items()})
            return items.picked(made, asked) if asked else made

        return part

    def _related_one(
        self, spec: Relation, nodes: list[FieldNode], place: Place, columns: Columns, *, hidden: bool
    ) -> Shape:
        target = self._registry.of(spec.target)
        other, tie = self._names.pair()
        inner = Columns()
        view = self._sight.related(place.node, place.clear, spec, target, other)
        ends = both(place.clear, view.clear)
        there = Place(target, other, None, tie, place.var, place.as_of, place.depth + 1, view.clear, ends)
        shape = self._object(there, nodes, inner)
        pattern = traversal(spec, place.var, tie, other, target.label)
        where = _where([each for each in (place.clear if hidden else "", view.where) if each])
        index = columns.add(
            f"COLLECT {{ MATCH {pattern}{where} WITH {other} ORDER BY {other}.{target.key} LIMIT 1 RETURN {inner} }}[0]"
        )

        def part(row: Row, bound: Bound) -> Any:
            found = row[index]
            return None if found is None else shape(found, bound)

        return part

    def _related_page(
        self,
        spec: Relation,
        nodes: list[FieldNode],
        place: Place,
        arguments: Mapping[str, Value],
        columns: Columns,
        *,
        hidden: bool,
    ) -> Shape:
        target = self._registry.of(spec.target)
        edge = self._registry.edges[spec.edge] if spec.edge else None
        other, tie = self._names.pair()
        as_of = arguments.get(AS_OF) or place.as_of
        view = self._sight.related(place.node, place.clear, spec, target, other)
        ends = both(place.clear, view.clear)
        there = Place(target, other, edge, tie, place.var, as_of, place.depth + 1, view.clear, ends)
        terms = [each for each in (place.clear if hidden else "", view.where) if each]
        if as_of and spec.as_of:
            day = self._day(as_of)
            terms.append(f"({tie}.since IS NULL OR {tie}.since <= {day})")
            terms.append(f"({tie}.until IS NULL OR {tie}.until > {day})")
        if as_of and target.as_of:
            terms.append(self._held(target, other, as_of))
        match = f"MATCH {traversal(spec, place.var, tie, other, target.label)}"
        return self._page(there, nodes, arguments, columns, match=match, order=spec.order, terms=terms)

    def _page(
        self,
        place: Place,
        nodes: list[FieldNode],
        arguments: Mapping[str, Value],
        columns: Columns,
        *,
        match: str,
        order: str,
        rank: str = "",
        scan: bool = False,
        terms: list[str] | None = None,
        root: bool = False,
    ) -> Shape:
        """The shape of a connection: its rows as one list, its count beside it, both limited in the database."""
        asked = self._selections.fields(
            sub_selections(nodes), frozenset({f"{connection_name(place.node, place.edge)}Connection"})
        )
        wanted = {inner[0].name.value for inner in asked.values()}
        backwards = "last" in arguments or "before" in arguments
        limit = self._limit(arguments, backwards=backwards)
        ordering = self._ordering(place, arguments, order, backwards=backwards)
        where = list(terms or [])
        if "where" in arguments:
            where.append(self._filters.predicate(arguments["where"], place))
        page = Page(connection_name(place.node, place.edge), ordering, limit.removeprefix("$"), backwards=backwards)
        for key, inner in asked.items():
            self._page_field(page, key, inner, place, root=root)
        rows = total = None
        if wanted & {"edges", "nodes", "pageInfo"}:
            cursor = arguments.get("before" if backwards else "after")
            page.continued = cursor is not None
            more = [*where, ordering.beyond(cursor, self._parameters)] if cursor else where
            if scan:
                more = [*ordering.indexed, *more]
            keep = ", ".join(name for name in (place.var, place.edge_var) if name)
            by = f"ORDER BY {rank}, {place.var}.{place.node.key}" if rank else ordering.order_by
            rows = columns.add(
                # The page is cut before anything below it is read.
                f"COLLECT {{ {match}{_where(more)} WITH {keep} {by} LIMIT {limit} RETURN {page.columns} }}",
                key=("page", place.var),
            )
        if "totalCount" in wanted:
            # What does not simply begin with a MATCH must end with a RETURN.
            after = f" RETURN {place.var}" if match.endswith(" WITH *") else ""
            total = columns.add(f"COUNT {{ {match}{_where(where)}{after} }}", key=("count", place.var))
        return page.shape(rows, total)

    def _page_field(self, page: Page, key: str, nodes: list[FieldNode], place: Place, *, root: bool) -> None:
        """Add one field of a connection."""
        name = nodes[0].name.value
        if name == "nodes":
            page.rows(key, self._object(place, nodes, page.columns, root=root))
        elif name == "edges":
            page.rows(key, self._edge(page, nodes, place, root=root))
        elif name == "pageInfo":
            selected = self._selections.fields(sub_selections(nodes), frozenset({"PageInfo"}))
            page.info(key, {inner: found[0].name.value for inner, found in selected.items()})
        elif name == "totalCount":
            page.total(key)
        else:
            page.constant(key, f"{page.name}Connection")

    def _edge(self, page: Page, nodes: list[FieldNode], place: Place, *, root: bool) -> Shape:
        made = ObjectShape(f"{page.name}Edge")
        for key, inner in self._selections.fields(sub_selections(nodes), frozenset({f"{page.name}Edge"})).items():
            name = inner[0].name.value
            if name == "cursor":
                made.part(key, page.cursor())
            elif name == "node":
                made.part(key, self._object(place, inner, page.columns, root=root))
            elif name == "__typename":
                made.constant(key, f"{page.name}Edge")
            elif place.edge:
                self._sight.check(place.edge.name, name)
                self._field(made, key, place.edge.fields[name], inner, place, page.columns, place.node.name)
        return made.build()

    def _ordering(self, place: Place, arguments: Mapping[str, Value], order: str, *, backwards: bool) -> Ordering:
        names = [value.raw for value in arguments["orderBy"].elements()] if "orderBy" in arguments else []
        known = orderings(place.node, place.edge)
        for name in names:
            spec, of_edge, _ = known[name]
            self._sight.check_compared(place.edge.name if of_edge and place.edge else place.node.name, spec.name)
        return Ordering(names or ([order] if order else []), place, self._sight, backwards=backwards)

    def _limit(self, arguments: Mapping[str, Value], *, backwards: bool) -> str:
        if backwards and ("first" in arguments or "after" in arguments):
            raise InvalidInput(
                "A page is read forwards (first, after) or backwards (last, before), not both.",
                hint="Leave one pair out.",
            )
        given = arguments.get("last" if backwards else "first")
        if given is None:
            return self._parameters.constant(self._limits.default_page + 1)
        return self._parameters.add(given, self._page_limit)

    def _page_limit(self, size: Any) -> int:
        """One row more than asked, which tells whether there is a next page."""
        largest = self._limits.largest_page
        if not 0 <= size <= largest:
            raise InvalidInput(
                f"A page has 0 to {largest} rows, not {size}.", hint="Read on with the cursor.", limit=largest
            )
        return int(size) + 1


def connection_name(node: NodeMapping, edge: EdgeMapping | None) -> str:
    """What the GraphQL types of a page are called: the relationship's name, if it has properties, and the node's."""
    return f"{edge.name if edge else ''}{node.name}"


def _where_clear(clear: int, shape: Shape) -> Shape:
    """Null where the node is not clear, whatever Python would make of nothing."""

    def part(row: Row, bound: Bound) -> Any:
        return shape(row, bound) if row[clear] else None

    return part


def _where(terms: list[str]) -> str:
    kept = [term for term in terms if term != "true"]
    return f" WHERE {' AND '.join(kept)}" if kept else ""


def _labels(mapping: NodeMapping) -> str:
    """The labels to look a node up by: the one that owns the index first."""
    return f"{mapping.interface.label}:{mapping.label}" if mapping.interface else mapping.label


def _interface_name(mapping: NodeMapping) -> str:
    return mapping.interface.name if mapping.interface else mapping.name


def _asks_type_name(asked: Fields) -> bool:
    return any(nodes[0].name.value == "__typename" for nodes in asked.values())
