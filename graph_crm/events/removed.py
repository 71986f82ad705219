"""Events of days that were counted and removed are refused, however long the bank keeps such events by now."""

from __future__ import annotations

import datetime as dt
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, TypeAlias

from graph_crm.errors import CrmError
from graph_crm.events.checking import Prepared
from graph_crm.events.keeping import too_old
from graph_crm.events.retention_cypher import REMOVED_BEFORE, day_key
from graph_crm.graph.database import Row

Ask: TypeAlias = Callable[[str, Mapping[str, Any]], Awaitable[list[Row]]]
"""Runs a statement with its parameters: a read of the database, or a transaction's."""


async def without_removed(
    told: Sequence[Prepared | CrmError], ask: Ask, before: dt.datetime
) -> list[Prepared | CrmError]:
    """The same events; one whose like was removed is an error in its place.

    A retention policy that was shorter once removed it, perhaps: recorded again it would count twice. An event that is
    still there is what it was. Only events from ``before`` are asked for: a day is not over on which nothing is old.
    """
    old = {index: one for index, one in enumerate(told) if isinstance(one, Prepared) and one.at < before}
    if not old:
        return list(told)
    asked = [
        {"index": index, "id": one.id, "key": day_key(one.at, one.event.type, one.parameters["channel"])}
        for index, one in old.items()
    ]
    gone = {row["index"] for row in await ask(REMOVED_BEFORE, {"old": asked})}
    return [
        too_old(old[index].event.type, (old[index].at + dt.timedelta(days=1)).date()) if index in gone else one
        for index, one in enumerate(told)
    ]
