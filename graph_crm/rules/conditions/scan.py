"""The batch execution: one statement that finds every customer whom a condition fits, started from an index."""

from __future__ import annotations

import datetime as dt
from types import MappingProxyType

from graph_crm.rules.conditions.base import AllOf, Condition, CypherWriter, Fragment
from graph_crm.rules.snapshot import end_of


def scan(condition: Condition, as_of: dt.date | dt.datetime, *, anchored: bool = True) -> Fragment:
    """A statement with one column ``id``: the customers who pass, in the order of their ids.

    ``as_of``: an instant, or a day whose end is meant.

    Where a required part can be found by an index (a product held, a recent event), the search starts there; with
    ``anchored=False`` it looks at every party. Both find the same.
    """
    writer = CypherWriter(as_of if isinstance(as_of, dt.datetime) else end_of(as_of))
    parts = condition.parts if isinstance(condition, AllOf) else (condition,)
    candidates = [part for part in parts if _has_anchor(part)] if anchored else []
    if candidates:
        start = min(candidates, key=lambda part: part.anchor_cost())
        rest = list(parts)
        rest.remove(start)
        lines = [start.anchor(writer, "party") or "", "WITH DISTINCT party"]
        if rest:
            lines.append("WHERE " + " AND ".join(part.write(writer, "party") for part in rest))
    else:
        lines = ["MATCH (party:Party)", "WHERE " + " AND ".join(part.write(writer, "party") for part in parts)]
    lines.append("RETURN party.id AS id ORDER BY id")
    return Fragment("\n".join(lines), MappingProxyType(writer.parameters))


def _has_anchor(condition: Condition) -> bool:
    return condition.anchor(CypherWriter(dt.datetime(2000, 1, 1, tzinfo=dt.UTC)), "party") is not None
