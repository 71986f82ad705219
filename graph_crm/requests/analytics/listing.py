"""The queue of the desk for a terminal: what is open, and one request with its log."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import orjson

from graph_crm.errors import NotFound
from graph_crm.graph.database import Database
from graph_crm.requests.analytics import cypher
from graph_crm.requests.clocks import measure
from graph_crm.requests.desk import Desk
from graph_crm.requests.kinds import RequestStatus
from graph_crm.requests.numbers import parse
from graph_crm.requests.standing import instant, read_log


@dataclass(frozen=True, kw_only=True)
class Listed:
    """A request of the queue."""

    number: str
    status: str
    kind: str
    category: str | None
    priority: str | None
    owner: str | None
    customer: str | None
    contact: str | None
    """Where who is no customer can be reached."""
    subject: str | None
    opened_at: dt.datetime
    due_at: dt.datetime | None


class RequestListing:
    """Reads requests for a terminal."""

    def __init__(self, database: Database, desk: Desk | None = None) -> None:
        self._database = database
        self._desk = desk or Desk.load()

    async def listed(
        self,
        *,
        statuses: tuple[RequestStatus, ...] = (),
        team: str | None = None,
        owner: str | None = None,
        category: str | None = None,
        party: str | None = None,
        most: int = 50,
    ) -> list[Listed]:
        """Requests by the day on which they are due, the most pressing first; those that are open unless said."""
        wanted = statuses or tuple(one for one in RequestStatus if one is not RequestStatus.CLOSED)
        asked = {
            "statuses": [one.value for one in wanted],
            "team": team,
            "owner": owner,
            "category": category,
            "party": party,
            "most": most,
        }
        rows = await self._database.read(cypher.LISTED, asked)
        return [
            Listed(
                **{
                    **row["request"],
                    "opened_at": instant(row["opened"]),
                    "due_at": None if row["due"] is None else instant(row["due"]),
                }
            )
            for row in rows
        ]

    async def shown(self, number: str) -> Mapping[str, Any]:
        """One request with its customer, its clocks and its log. Raises NotFound."""
        known = parse(number[:40])
        rows = await self._database.read(cypher.SHOWN, {"number": known}) if known else []
        if not rows:
            raise NotFound("There is no such request.", hint="A number looks like R-4F7K-2M9P.", field="number")
        row = rows[0]
        log = read_log([(kind, at, data) for kind, at, _, _, data in row["log"]])
        clocks = measure(log, self._desk, instant(row["now"]))
        return {
            **row["request"],
            "openedAt": instant(row["opened"]),
            "dueAt": None if row["due"] is None else instant(row["due"]),
            "customer": row["customer"],
            "contact": row["contact"],
            "owner": row["owner"],
            "product": row["product"],
            "articles": row["articles"],
            "clocks": {
                clock.kind.value: {
                    "hours": round(clock.elapsed.total_seconds() / 3600, 2),
                    "target": round(clock.target.total_seconds() / 3600, 2),
                    "running": clock.running,
                    "late": clock.late,
                }
                for clock in clocks.both
            },
            "log": [
                {
                    "kind": kind,
                    "at": instant(at),
                    "by": by,
                    "text": text,
                    "data": orjson.loads(data) if data else None,
                }
                for kind, at, by, text, data in row["log"]
            ],
        }
