"""How many events there were in a period: those that are still stored and those that were counted and removed."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from graph_crm.events.keeping import RetentionPolicy
from graph_crm.events.kinds import EventGroup
from graph_crm.events.retention_cypher import TAKE_TURN
from graph_crm.graph.database import Database, Row, Transaction
from graph_crm.parties import checks

LONGEST_DAYS = 3_660
MOST_ROWS = 10_000

# What a group is called, what it is of a counted day and of a stored event.
_GROUPS = {
    EventGroup.TYPE: ("type", "d.type", "e.type"),
    EventGroup.CHANNEL: ("channel", "d.channel", "e.channel"),
    EventGroup.DAY: ("day", "toString(d.day)", "toString(date(e.at))"),
    EventGroup.MONTH: ("day", "toString(date.truncate('month', d.day))", "toString(date.truncate('month', e.at))"),
}

_COUNT = """
CALL () {{
  MATCH (d:EventDay)
  WHERE d.day >= $from AND d.day <= $to AND ($types IS NULL OR d.type IN $types)
  RETURN {counted}sum(d.count) AS n
  UNION ALL
  MATCH (e:Event)
  WHERE e.at >= $fromAt AND e.at < $toAt AND ($types IS NULL OR e.type IN $types)
  RETURN {stored}count(*) AS n
}}
WITH {names}sum(n) AS events WHERE events > 0
RETURN {names}events {order}LIMIT $most
"""


@dataclass(frozen=True, slots=True)
class EventCount:
    """How many events there were of a group; None where events are not grouped by it, or the channel is not known."""

    events: int
    type: str | None = None
    channel: str | None = None
    day: dt.date | None = None
    """The day, or the first day of the month."""


class EventCounting:
    """Counts events by type, channel and day. ``clock`` replaces this machine's clock."""

    def __init__(
        self, database: Database, policy: RetentionPolicy | None = None, *, clock: checks.Clock = checks.utc_now
    ) -> None:
        self._database = database
        self._policy = policy or RetentionPolicy.load()
        self._clock = clock

    async def count(
        self,
        first_day: dt.date,
        last_day: dt.date,
        group_by: Sequence[EventGroup],
        *,
        types: Sequence[str] | None = None,
    ) -> list[EventCount]:
        """The counts from ``first_day`` to ``last_day`` (both included, days in UTC), in the order of the groups.

        Every event counts once, also while old ones are being removed. Raises InvalidInput for a period that is turned
        round or longer than `LONGEST_DAYS`, for day and month together, and for more than `MOST_ROWS` groups.
        """
        groups = list(dict.fromkeys(group_by))
        _check(first_day, last_day, groups)
        begin, end = _start(first_day), _start(last_day) + dt.timedelta(days=1)
        statement = _statement(groups)
        asked: dict[str, Any] = {
            "from": first_day,
            "to": last_day,
            "fromAt": begin,
            "toAt": end,
            "types": None if types is None else list(types),
            "most": MOST_ROWS + 1,
        }
        # What can't be removed now needs no turn with those who remove.
        if begin >= self._policy.untouched_since(self._clock()):
            rows = await self._database.read(statement, asked)
        else:

            async def work(tx: Transaction) -> list[Row]:
                await tx.run(TAKE_TURN)
                return await tx.run(statement, asked)

            rows = await self._database.write(work, idempotent=True)
        if len(rows) > MOST_ROWS:
            raise checks.refuse(
                "groupBy", f"gives more than {MOST_ROWS:,} groups", "Ask for a shorter period or fewer groups."
            )
        return [_counted(row) for row in rows]


def _check(first_day: dt.date, last_day: dt.date, groups: Sequence[EventGroup]) -> None:
    for field, day in (("from", first_day), ("to", last_day)):
        checks.date(field, day)
    if last_day < first_day:
        raise checks.refuse("to", "is before from", "Send the last day of the period; it is counted, too.")
    if (last_day - first_day).days >= LONGEST_DAYS:
        raise checks.refuse("to", "is too far from from", f"Ask for at most {LONGEST_DAYS} days.", limit=LONGEST_DAYS)
    if EventGroup.DAY in groups and EventGroup.MONTH in groups:
        raise checks.refuse("groupBy", "names day and month", "Group by one of them.")


def _statement(groups: Sequence[EventGroup]) -> str:
    chosen = [_GROUPS[one] for one in groups]
    names = ", ".join(name for name, _, _ in chosen)
    return _COUNT.format(
        counted="".join(f"{counted} AS {name}, " for name, counted, _ in chosen),
        stored="".join(f"{stored} AS {name}, " for name, _, stored in chosen),
        names=f"{names}, " if names else "",
        order=f"ORDER BY {names} " if names else "",
    )


def _counted(row: Row) -> EventCount:
    found = dict(row)
    day = found.get("day")
    return EventCount(
        events=found["events"],
        type=found.get("type"),
        channel=found.get("channel"),
        day=None if day is None else dt.date.fromisoformat(day[:10]),
    )


def _start(day: dt.date) -> dt.datetime:
    return dt.datetime.combine(day, dt.time.min, dt.UTC)
