"""Requests with logs of their own, written straight into the graph: what comes out of them is known by hand."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from typing import Any
from zoneinfo import ZoneInfo

import orjson

from graph_crm.graph.database import Database

WARSAW = ZoneInfo("Europe/Warsaw")
WRITE = """
UNWIND $rows AS row
MERGE (p:Party {id: coalesce(row.properties.partyId, 'nobody')})
CREATE (r:ServiceRequest) SET r = row.properties
FOREACH (_ IN CASE WHEN row.properties.partyId IS NULL THEN [] ELSE [1] END | CREATE (p)-[:ASKED]->(r))
FOREACH (entry IN row.log | CREATE (r)-[:LOGGED]->(e:RequestEntry) SET e = entry)
FOREACH (code IN CASE WHEN row.product IS NULL THEN [] ELSE [row.product] END |
  MERGE (x:Product {code: code}) CREATE (r)-[:ABOUT]->(x))
"""


def at(text: str) -> dt.datetime:
    """An instant by the clock of Warsaw: "2026-11-02 09:00"."""
    return dt.datetime.fromisoformat(text).replace(tzinfo=WARSAW).astimezone(dt.UTC)


def request(name: str, *log: tuple[str, str] | tuple[str, str, dict[str, Any]], **more: Any) -> dict[str, Any]:
    """A request in the category TRANSFER (targets of 4 and 16 hours) unless it says otherwise.

    ``log`` are (kind, instant by the clock of Warsaw[, data]); the first one is OPENED.
    """
    product = more.pop("product", None)
    targets = {"firstResponse": 240, "resolution": 960, "always": False, "country": "PL"}
    entries = []
    for seq, (kind, when, *data) in enumerate(log, start=1):
        told = {**(targets if kind == "OPENED" else {}), **(data[0] if data else {})}
        entries.append(
            {"id": f"{name}:{seq}", "seq": seq, "kind": kind, "at": at(when), "data": orjson.dumps(told).decode()}
        )
    properties = {
        "id": name,
        "number": f"R-{name}",
        "kind": "REQUEST",
        "category": "TRANSFER",
        "channel": "EMAIL",
        "team": "PAYMENTS",
        "status": "ASSIGNED",
        "openedAt": at(log[0][1]),
        "version": 1,
        "seq": len(entries),
        **more,
    }
    return {"properties": properties, "log": entries, "product": product}


async def store(database: Database, requests: Iterable[dict[str, Any]]) -> None:
    """Write them, each as it is."""
    await database.execute(WRITE, {"rows": list(requests)})
