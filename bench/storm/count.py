"""Counts what a storm of events left in the graph: plain Cypher and plain Python, nothing of the platform.

    NEO4J_PASSWORD=... python bench/storm/count.py BOLT_URI SENT.json

``SENT.json`` says how many events were sent (``events``: numbers 0 to events - 1 make their ids) and which of them
must have led to a decision (``deciding``: numbers). Prints one JSON object; exits with 1 where anything is wrong.
"""

from __future__ import annotations

import json
import os
import sys
from collections import Counter, defaultdict
from itertools import pairwise
from pathlib import Path
from typing import Any

from neo4j import Driver, GraphDatabase

PREFIX = "storm:"
PAGE = 50_000

EVENTS = """
MATCH (e:Event) WHERE e.id > $after AND e.id STARTS WITH 'storm:'
WITH e ORDER BY e.id LIMIT $page
RETURN e.id AS id, COUNT { (e)<-[:DID]-(:Party) } AS parties, COUNT { (e)<-[:CAUSED_BY]-(:Decision) } AS decisions
"""
ENTRIES = """
MATCH (o:OutboxEntry) WHERE o.id > $after AND o.id STARTS WITH 'event.recorded:storm:'
WITH o ORDER BY o.id LIMIT $page
RETURN o.id AS id, o.state AS state
"""
DECISIONS = """
MATCH (d:Decision)-[:CAUSED_BY]->(e:Event) WHERE e.id STARTS WITH 'storm:'
MATCH (o:OutboxEntry {id: 'event.recorded:' + e.id})
RETURN e.id AS event, d.key AS key, d.partyId AS party, d.at.epochMillis AS at, toString(o.at) AS put,
  COUNT { (d)-[:PROPOSED]->() } AS offers,
  COUNT { (d)-[:PROPOSED]->(:Offer)<-[:FOR_OFFER]-(:Reservation) } AS slots
"""
OTHERS = """
RETURN COUNT { MATCH (d:Decision) } AS decisions,
  COUNT { MATCH (d:Decision)-[:PROPOSED]->(:Offer) } AS offers,
  COUNT { MATCH (r:Reservation) } AS slots,
  COUNT { MATCH (o:OutboxEntry) WHERE o.state <> 'DONE' AND o.topic = 'event.recorded' } AS open
"""


def pages(driver: Driver, statement: str) -> list[dict[str, Any]]:
    """All rows of a statement that is asked page by page."""
    rows: list[dict[str, Any]] = []
    after = ""
    while page := driver.execute_query(statement, after=after, page=PAGE).records:
        rows += [dict(one) for one in page]
        after = page[-1]["id"]
    return rows


def number(identifier: str) -> int:
    """The number of the event that an id is made of."""
    return int(identifier.rpartition(":")[2])


def out_of_order(decisions: list[dict[str, Any]]) -> int:
    """Decisions about a customer that were made before one about an event that was put earlier."""
    by_party: dict[str, list[tuple[str, int]]] = defaultdict(list)
    for one in decisions:
        by_party[one["party"]].append((one["put"], one["at"]))
    wrong = 0
    for made in by_party.values():
        instants = [at for _, at in sorted(made)]
        wrong += sum(later < earlier for earlier, later in pairwise(instants))
    return wrong


def count(driver: Driver, sent: dict[str, Any]) -> dict[str, Any]:
    """What is there, and what does not add up: every number under ``wrong`` must be 0."""
    expected = set(range(sent["events"]))
    deciding = set(sent["deciding"])
    events = pages(driver, EVENTS)
    entries = pages(driver, ENTRIES)
    decisions = [dict(one) for one in driver.execute_query(DECISIONS).records]
    (others,) = driver.execute_query(OTHERS).records
    found = Counter(number(one["id"]) for one in events)
    handled = Counter(number(one["id"]) for one in entries if one["state"] == "DONE")
    decided = Counter(number(one["event"]) for one in decisions)
    wrong = {
        "events lost": len(expected - found.keys()),
        "events never sent": len(found.keys() - expected),
        "events twice": sum(times > 1 for times in found.values()),
        "events without exactly one customer": sum(one["parties"] != 1 for one in events),
        "events not handled": len(expected - handled.keys()),
        "entries that are not done": sum(one["state"] != "DONE" for one in entries),
        "entries twice": sum(times > 1 for times in handled.values()),
        "decisions lost": len(deciding - decided.keys()),
        "decisions twice": sum(times > 1 for times in decided.values()),
        "decisions about events that call for none": len(decided.keys() - deciding),
        "decisions under another key": sum(one["key"] != f"event:{one['event']}" for one in decisions),
        "decisions without their event": others["decisions"] - len(decisions),
        "decisions out of order": out_of_order(decisions),
        "offers without their decision": others["offers"] - sum(one["offers"] for one in decisions),
        "decisions with two slots": sum(one["slots"] > 1 for one in decisions),
        "slots without their offer": others["slots"] - sum(one["slots"] for one in decisions),
    }
    return {
        "events": len(events),
        "handled": len(handled),
        "decisions": len(decisions),
        "offers": others["offers"],
        "slots": others["slots"],
        "wrong": wrong,
    }


def main() -> int:
    """Count, print, say whether all is well."""
    uri, file = sys.argv[1:3]
    sent = json.loads(Path(file).read_text("utf-8"))
    with GraphDatabase.driver(uri, auth=("neo4j", os.environ["NEO4J_PASSWORD"])) as driver:
        told = count(driver, sent)
    print(json.dumps(told, indent=2))
    return 1 if any(told["wrong"].values()) else 0


if __name__ == "__main__":
    sys.exit(main())
