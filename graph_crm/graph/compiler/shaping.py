"""Shapes: how a row becomes the response, leaf values copied without a resolver each."""

from __future__ import annotations

from collections.abc import Callable
from operator import itemgetter
from typing import Any

from graph_crm.errors import CrmError
from graph_crm.graph.compiler.pages import Ordering
from graph_crm.graph.compiler.sight import SEEN

Row = list[Any]
Bound = dict[str, Any]
Shape = Callable[[Row, Bound], Any]
"""(row, the statement's bound parameters) -> the part of the response."""


class IncompleteData(CrmError):
    """A record in the graph lacks a value that it must have."""

    code = "INCOMPLETE_DATA"


class Columns:
    """The expressions of one row; the same expression is asked once."""

    def __init__(self) -> None:
        self.expressions: list[str] = []
        self._known: dict[Any, int] = {}

    def add(self, expression: str | Callable[[], str], key: Any = None) -> int:
        """The place of an expression in the row. ``key`` says that two expressions are the same one."""
        known = key if key is not None else expression
        if known not in self._known:
            text = expression if isinstance(expression, str) else expression()
            self._known[known] = len(self.expressions)
            self.expressions.append(text)
        return self._known[known]

    def __str__(self) -> str:
        """The row as a Cypher list."""
        return f"[{', '.join(self.expressions)}]"


class ObjectShape:
    """Collects the leaves and parts of one object, then builds the function that shapes it."""

    def __init__(self, type_name: str) -> None:
        self._type_name = type_name
        self._keys: list[str] = []
        self._indexes: list[int] = []
        self._required: list[str] = []
        self._parts: list[tuple[str, Shape]] = []
        self._reads = False
        """Whether a value is copied from the row; a row may be empty otherwise."""

    def leaf(self, key: str, index: int, show: Callable[[Any], Any] | None = None, *, required: bool = False) -> None:
        """A value of the row, copied or shown by ``show`` (which never sees null)."""
        self._reads = True
        self._keys.append(key)
        self._indexes.append(index)
        if required:
            self._required.append(key)
        if show:
            self._parts.append((key, _shown(index, show)))

    def part(self, key: str, shape: Shape) -> None:
        """A value made from the row."""
        self._keys.append(key)
        self._indexes.append(0)
        self._parts.append((key, shape))

    def constant(self, key: str, value: Any) -> None:
        """A value that is the same in each row."""
        self.part(key, lambda _row, _bound: value)

    def build(self) -> Shape:
        """The function from row to object."""
        keys, indexes = tuple(self._keys), tuple(self._indexes)
        parts, required = tuple(self._parts), tuple(self._required)
        in_order = indexes == tuple(range(len(indexes)))
        pick = itemgetter(*indexes) if len(indexes) > 1 else None
        bare = not self._reads
        type_name = self._type_name

        def check(made: dict[str, Any]) -> None:
            for key in required:
                if made[key] is None:
                    raise IncompleteData(
                        f"A {type_name} in the graph has no {key}.",
                        hint="Repair the record, or leave the field out.",
                        field=key,
                    )

        def shape(row: Row, bound: Bound) -> dict[str, Any]:
            if bare:
                made = {}
            elif in_order:
                made = dict(zip(keys, row, strict=False))
            elif pick:
                made = dict(zip(keys, pick(row), strict=True))
            else:
                made = {keys[0]: row[indexes[0]]}
            if None in row:
                check(made)
            for key, part in parts:
                made[key] = part(row, bound)
            return made

        return shape


def noting(index: int, shape: Shape) -> Shape:
    """The same shape, which notes the key (or the keys) at ``index`` where the caller's bound values ask for it."""

    def noted(row: Row, bound: Bound) -> Any:
        seen = bound.get(SEEN)
        if seen is not None:
            keys = row[index]
            seen.update(keys if isinstance(keys, list) else (keys,))
        return shape(row, bound)

    return noted


def _shown(index: int, show: Callable[[Any], Any]) -> Shape:
    def part(row: Row, _bound: Bound) -> Any:
        value = row[index]
        return None if value is None else show(value)

    return part


Rows = list[Row]
Part = Callable[[Rows, bool, Row, Bound], Any]
"""(rows of the page, whether they are all there are, the parent's row, bound parameters) -> the part."""


class Page:
    """The shape of a connection, and the row that each of its nodes makes."""

    def __init__(self, name: str, ordering: Ordering, limit: str, *, backwards: bool) -> None:
        self.name = name
        self.columns = Columns()
        self.continued = False
        """Whether the page starts at a cursor, so that there is something before it."""
        self._ordering = ordering
        self._limit = limit
        self._backwards = backwards
        self._parts: list[tuple[str, Part]] = []
        self._total: int | None = None

    def rows(self, key: str, shape: Shape) -> None:
        """Each row by itself: the edges, or the nodes."""
        self._parts.append((key, lambda rows, _all, _row, bound: [shape(each, bound) for each in rows]))

    def constant(self, key: str, value: Any) -> None:
        """A value that is the same in each page."""
        self._parts.append((key, lambda _rows, _all, _row, _bound: value))

    def total(self, key: str) -> None:
        """How many there are in all."""
        self._parts.append((key, lambda _rows, _all, row, _bound: row[self._total or 0]))

    def cursor(self) -> Shape:
        """The cursor of a row."""
        places = [self.columns.add(expression) for expression in self._ordering.cursor_columns]
        encode = self._ordering.encode

        def shape(row: Row, _bound: Bound) -> str:
            return encode([row[place] for place in places])

        return shape

    def info(self, key: str, asked: dict[str, str]) -> None:
        """The pageInfo; ``asked``: response key -> field."""
        cursor = self.cursor() if {"startCursor", "endCursor"} & set(asked.values()) else None

        def part(rows: Rows, complete: bool, _row: Row, bound: Bound) -> dict[str, Any]:  # noqa: FBT001 - see Part
            forwards, backwards = (self.continued, not complete) if self._backwards else (not complete, self.continued)
            known = {
                "__typename": "PageInfo",
                "hasNextPage": forwards,
                "hasPreviousPage": backwards,
                "startCursor": cursor(rows[0], bound) if cursor and rows else None,
                "endCursor": cursor(rows[-1], bound) if cursor and rows else None,
            }
            return {inner: known[name] for inner, name in asked.items()}

        self._parts.append((key, part))

    def shape(self, rows: int | None, total: int | None) -> Shape:
        """The function from the parent's row to the connection; ``rows`` and ``total`` are places in that row."""
        parts, limit, backwards = tuple(self._parts), self._limit, self._backwards
        self._total = total

        def shape(row: Row, bound: Bound) -> dict[str, Any]:
            found = [] if rows is None else row[rows]
            most = bound[limit] - 1
            complete = len(found) <= most
            if not complete:
                found = found[:most]
            if backwards:
                found = found[::-1]
            return {key: part(found, complete, row, bound) for key, part in parts}

        return shape
