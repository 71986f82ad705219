"""What dims a value: the Cypher around an expression so that the caller sees no more of it than may be seen."""

from __future__ import annotations

from typing import Any

from graph_crm.graph.compiler.place import Place
from graph_crm.graph.compiler.sight import Dim, Sight
from graph_crm.graph.mapping import Scalar

_ALIAS = "alias"
_SHORTEST = 5
"""Characters of a text of which the last two may be shown."""


def mask(expression: str, kind: Any) -> str:
    """A text that can be recognised: `j...@example.org`, `...42`. Of a list, each of its texts; of others, nothing."""
    if getattr(kind, "__origin__", None) is list:
        return f"[masked IN {expression} | {_masked('masked')}]"
    return _masked(expression) if (isinstance(kind, type) and issubclass(kind, str)) or _is_id(kind) else "null"


def _is_id(kind: Any) -> bool:
    return getattr(kind, "__name__", "") == "ID"


def _masked(text: str) -> str:
    name = f"split({text}, '@')[0]"
    return (
        f"CASE WHEN {text} CONTAINS '@' THEN CASE WHEN size({name}) > 2 THEN left({text}, 1) ELSE '' END + '...@' +"
        f" split({text}, '@')[-1] ELSE '...' + CASE WHEN size({text}) < {_SHORTEST} THEN '' ELSE right({text}, 2) END"
        " END"
    )


def of_edge(spec: Scalar, place: Place) -> bool:
    """Whether a leaf is the relationship's."""
    return place.edge is not None and place.edge.fields.get(spec.name) is spec


def dim_of(sight: Sight, spec: Scalar, place: Place, type_name: str) -> tuple[Dim, str]:
    """How a leaf looks where it is dimmed, and the predicate that says where it is not (empty: nowhere dimmed)."""
    clear = place.tie_clear if of_edge(spec, place) else place.clear
    if not clear:
        return Dim.SHOWN, ""
    how = (
        sight.dim_edge(place.edge.name, spec.name)
        if place.edge and of_edge(spec, place)
        else sight.dim(type_name, spec.name)
    )
    return how, "" if how is Dim.SHOWN else clear


def seen(sight: Sight, spec: Scalar, place: Place, type_name: str, expression: str) -> str:
    """The expression of a leaf as the caller sees it. Texts are masked as they are stored."""
    name = place.edge.name if place.edge and of_edge(spec, place) else type_name
    if sight.masked(name, spec.name):
        expression = mask(expression, spec.type)
    how, clear = dim_of(sight, spec, place, type_name)
    return dimmed(how, clear, expression, place, spec.type)


def dimmed(how: Dim, clear: str, expression: str, place: Place, kind: Any) -> str:
    """The expression where the node is clear, what is left of it elsewhere."""
    if not clear:
        return expression
    rest = ""
    if how is Dim.MASKED:
        rest = f" ELSE {mask(expression, kind)}"
    elif how is Dim.ALIAS:
        rest = f" ELSE {alias(place)}"
    elif how is Dim.ZERO:
        rest = " ELSE 0"
    return f"CASE WHEN {clear} THEN {expression}{rest} END"


def sight_of(sight: Sight, place: Place) -> str:
    """The expression that says whether the caller sees the node at ``place`` in full."""
    shown = f"'{sight.shown}'"
    return f"CASE WHEN {place.clear} THEN {shown} ELSE '{sight.unclear}' END" if place.clear else shown


def alias(place: Place) -> str:
    """The alias of the node at ``place``, or of the one that it was reached from."""
    return f"coalesce({place.var}.{_ALIAS}, {place.origin}.{_ALIAS})" if place.origin else f"{place.var}.{_ALIAS}"


def guarded(term: str, clear: str, *, positive: bool) -> str:
    """A comparison with a value that is null where the node is not clear; a negative one then matches."""
    if not clear:
        return term
    return f"({clear} AND {term})" if positive else f"(NOT ({clear}) OR {term})"
