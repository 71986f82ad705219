"""Ordering and keyset cursors: a page starts where the last one ended, at the cost of the first."""

from __future__ import annotations

import base64
import binascii
import datetime as dt
import enum
import hashlib
import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any

import orjson
import strawberry
from strawberry.utils.str_converters import to_snake_case

from graph_crm.errors import InvalidInput
from graph_crm.graph.compiler import guards, scalars
from graph_crm.graph.compiler.arguments import Parameters, Value
from graph_crm.graph.compiler.place import Place
from graph_crm.graph.compiler.sight import Dim, Sight
from graph_crm.graph.mapping import EdgeMapping, NodeMapping, Scalar

_DIGITS = re.compile(r"\d")
_INSTANT = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d(?::\d\d)?)(?:\.\d{1,9})?Z")
"""An instant as Neo4j writes it: up to nine decimals, where Python reads six."""
PLACES = (
    " WITH collect({n}) AS ranked UNWIND range(1, size(ranked)) AS place"
    " WITH ranked[place - 1] AS {n}, 1.0 / place AS {e}"
)
"""Replaces what the rows of a start were ranked by with their place, the best first: 1, 1/2, 1/3, ..."""
MOST_KEYS = 3
"""How many orderings one page may combine."""
_ACCEPTED: dict[Any, tuple[type, ...]] = {
    int: (int,),
    Decimal: (int,),
    float: (int, float),
    bool: (bool,),
}


@dataclass(frozen=True)
class Key:
    """One key of an ordering: an expression over the node or the relationship."""

    expression: str
    kind: Any
    nullable: bool
    descending: bool = False
    named: str = ""
    """What the expression is of, where it is dimmed."""

    def reversed(self) -> Key:
        """The same key the other way round, for pages that are read backwards."""
        return replace(self, descending=not self.descending)

    @property
    def mark(self) -> str:
        """What tells the key from others whatever the names of the variables."""
        named = self.named or self.expression
        return _DIGITS.sub("", named.partition(".")[0]) + named.partition(".")[2]

    @property
    def order(self) -> str:
        """The key in ORDER BY."""
        return f"{self.expression} DESC" if self.descending else self.expression


def orderings(node: NodeMapping, edge: EdgeMapping | None) -> dict[str, tuple[Scalar, bool, bool]]:
    """The names that ``orderBy`` takes -> (property, whether it is the relationship's, whether descending)."""
    named: dict[str, tuple[Scalar, bool, bool]] = {}
    for prefix, fields, of_edge in (
        ("", node.fields, False),
        (f"{to_snake_case(edge.name)}_" if edge else "", edge.fields if edge else {}, True),
    ):
        for spec in fields.values():
            if isinstance(spec, Scalar) and spec.order:
                name = f"{prefix}{to_snake_case(spec.name)}".upper()
                named[f"{name}_ASC"] = (spec, of_edge, False)
                named[f"{name}_DESC"] = (spec, of_edge, True)
    return named


class Ordering:
    """The keys of a page, complete with those that make every row's place unique."""

    def __init__(self, names: list[str], place: Place, sight: Sight, *, backwards: bool) -> None:
        if len(names) > MOST_KEYS:
            raise InvalidInput(f"orderBy takes at most {MOST_KEYS} orderings.", hint="Name fewer.", limit=MOST_KEYS)
        node, edge, edge_var = place.node, place.edge, place.edge_var
        self._seal = sight.seal
        known = orderings(node, edge)
        keys: list[Key] = []
        for name in names:
            spec, _, descending = known[name]
            keys.append(_key(spec, place, sight, descending=descending))
        last_descending = keys[-1].descending if keys else False
        key = replace(_key(node.scalar(node.key), place, sight, descending=last_descending), nullable=False)
        if (key.named or key.expression) not in {each.named or each.expression for each in keys}:
            keys.append(key)
        if edge and "id" in edge.fields and edge.fields["id"].stored and not place.tie_clear:
            keys.append(Key(f"{edge_var}.id", strawberry.ID, nullable=True, descending=last_descending))
        elif edge and any(each.stored for each in edge.fields.values()):
            # Parallel relationships that nothing of ours tells apart.
            keys.append(Key(f"elementId({edge_var})", str, nullable=False, descending=last_descending))
        self.keys = [each.reversed() for each in keys] if backwards else keys
        # A cursor of another ordering must be refused, not read as a place in this one.
        self._mark = hashlib.sha256(
            repr([node.name, edge and edge.name, [(each.mark, each.descending) for each in keys]]).encode()
        ).hexdigest()[:8]

    @property
    def order_by(self) -> str:
        """The ORDER BY clause."""
        return "ORDER BY " + ", ".join(key.order for key in self.keys)

    @property
    def indexed(self) -> list[str]:
        """Predicates that say what is known anyway, so that the planner may read an index in its order."""
        return [f"{key.expression} IS NOT NULL" for key in self.keys if not key.nullable]

    @property
    def cursor_columns(self) -> list[str]:
        """The expressions whose values make the cursor of a row."""
        return [scalars.cursor_expression(key.kind, key.expression) for key in self.keys]

    def encode(self, values: list[Any]) -> str:
        """The cursor of a row from its values of `cursor_columns`."""
        content = orjson.dumps([self._mark, *values])
        if self._seal:
            return self._seal.seal(content)
        return base64.urlsafe_b64encode(content).rstrip(b"=").decode()

    def _part(self, index: int) -> Callable[[Any], Any]:
        def part(cursor: Any) -> Any:
            return self.decode(cursor)[index]

        return part

    def decode(self, cursor: Any) -> list[Any]:
        """The values in a cursor; `InvalidInput` when it is not one of this ordering."""
        try:
            mark, *values = orjson.loads(self._content(str(cursor)))
        except (binascii.Error, ValueError, TypeError) as error:
            raise self._refused() from error
        if mark != self._mark or len(values) != len(self.keys):
            raise self._refused()
        for key, value in zip(self.keys, values, strict=True):
            if value is None and key.nullable:
                continue
            # By the exact type: for Python, true is a number.
            if type(value) not in _ACCEPTED.get(key.kind, (str,)) or not _readable(key.kind, value):
                raise self._refused()
        return list(values)

    def _content(self, cursor: str) -> bytes:
        if self._seal:
            return self._seal.open(cursor)
        padded = cursor + "=" * (-len(cursor) % 4)
        return base64.b64decode(padded, altchars=b"-_", validate=True)

    @staticmethod
    def _refused() -> InvalidInput:
        return InvalidInput(
            "The cursor does not belong to this page.",
            hint="Send back a cursor unchanged, with the orderBy of the page that it came from.",
            argument="cursor",
        )

    def beyond(self, cursor: Value, parameters: Parameters) -> str:
        """The predicate for the rows that follow the cursor."""
        kinds = [key.kind for key in self.keys]
        names = [parameters.add(cursor, self._part(index)) for index in range(len(self.keys))]
        predicate = ""
        for key, kind, name in reversed(list(zip(self.keys, kinds, names, strict=True))):
            value = scalars.placeholder(kind, name)
            k, after = key.expression, "<" if key.descending else ">"
            if not key.nullable:
                # `>=` first, so that the index of the first key finds the start.
                predicate = (
                    f"{k} {after}= {value} AND ({k} {after} {value} OR {predicate})"
                    if predicate
                    else (f"{k} {after} {value}")
                )
                continue
            same = f"{k} = {value} AND ({predicate})" if predicate else "false"
            same_null = f"{k} IS NULL AND ({predicate})" if predicate else "false"
            # Neo4j puts null last when it ascends and first when it descends.
            rest = "false" if key.descending else f"{k} IS NULL"
            at_null = f"({k} IS NOT NULL OR ({same_null}))" if key.descending else f"({same_null})"
            predicate = (
                f"CASE WHEN {name} IS NULL THEN {at_null}"
                f" ELSE coalesce({k} {after} {value} OR ({same}), false) OR {rest} END"
            )
        return predicate


def _key(spec: Scalar, place: Place, sight: Sight, *, descending: bool) -> Key:
    """The key of a leaf, as the caller sees it: what is dimmed takes its place as what it is dimmed to."""
    of_edge = guards.of_edge(spec, place)
    stored = f"{place.edge_var if of_edge else place.var}.{spec.stored}"
    name = place.edge.name if of_edge and place.edge else place.node.name
    how, clear = guards.dim_of(sight, spec, place, place.node.name)
    if sight.masked(name, spec.name) or (clear and how is Dim.MASKED):
        # Their order would tell of what is masked.
        return Key(f"elementId({place.edge_var if of_edge else place.var})", str, nullable=False, descending=descending)
    if not clear:
        return Key(stored, spec.type, spec.nullable, descending)
    expression = guards.dimmed(how, clear, stored, place, spec.type)
    kept = how in {Dim.ALIAS, Dim.ZERO} and not spec.nullable
    return Key(expression, spec.type, not kept, descending, stored)


def _readable(kind: Any, value: Any) -> bool:
    if isinstance(kind, type) and issubclass(kind, enum.Enum):
        return True
    try:
        if kind is dt.date:
            return bool(dt.date.fromisoformat(value).isoformat() == value)
        if kind is dt.datetime:
            found = _INSTANT.fullmatch(value)
            if found is None:
                return False
            dt.datetime.fromisoformat(found[1])
    except ValueError:
        return False
    return True
