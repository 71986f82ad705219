"""Checks stored contacts against limits: plain Cypher and plain Python, nothing of the platform.

    NEO4J_PASSWORD=... python bench/contact_check.py BOLT_URI PLAN.json

The plan of `bench/contact_limits.py` holds the limits, and the beginning of the run in milliseconds since 1970. Prints
one JSON object: contacts, breaches of each limit, what else does not add up, and when each customer may be called again
by the stored contacts alone. Exits with 1 where anything is wrong.
"""

from __future__ import annotations

import json
import os
import sys
from collections import defaultdict
from pathlib import Path
from typing import Any

from neo4j import GraphDatabase

CONTACTS = """
MATCH (p:Party)-[:HAD]->(i:Interaction) WHERE i.at.epochMillis >= $since
RETURN i.id AS id, p.id AS party, i.channel AS channel, i.pointKey AS point, i.at.epochMillis AS at,
  [(p)-[:MEMBER_OF]->(h) | h.id] AS households, [(i)<-[:BECAME]-(r) | [r.id, r.state, r.partyId, r.pointKey,
    r.channel, r.at.epochMillis, r.until.epochMillis]] AS slots
"""
CUSTOMERS = """
MATCH (p:Party) RETURN p.id AS id, [(p)-[:MEMBER_OF]->(h) | h.id] AS households,
  [(p)-[:REACHABLE_AT]->(c) | c.valueKey] AS points
"""
SLOTS = """
MATCH (r:Reservation) WHERE r.createdAt.epochMillis >= $since
RETURN r.state AS state, count(*) AS slots, sum(CASE WHEN EXISTS { (r)-[:BECAME]->() } THEN 1 ELSE 0 END) AS became
"""
DAY_MS = 86_400_000


def scopes(limit: dict[str, Any], contact: dict[str, Any]) -> list[str]:
    """Whom a contact counts for."""
    if contact["channel"] not in limit["channels"]:
        return []
    if limit["scope"] == "customer":
        return [contact["party"]]
    if limit["scope"] == "household":
        return list(contact["households"])
    return [contact["point"]] if contact["point"] else []


def counted(limit: dict[str, Any], contacts: list[dict[str, Any]]) -> dict[str, list[int]]:
    """The instants of the contacts that count for each customer, household or contact point, in order."""
    found: dict[str, list[int]] = defaultdict(list)
    for contact in contacts:
        for scope in scopes(limit, contact):
            found[scope].append(contact["at"])
    return {scope: sorted(instants) for scope, instants in found.items()}


def breaches(limit: dict[str, Any], contacts: list[dict[str, Any]]) -> list[str]:
    """Places where more than ``count`` contacts lie within less than ``days`` days."""
    window, count = round(limit["days"] * DAY_MS), limit["count"]
    return [
        f"{limit['name']} {scope}: {instants[place]} and {instants[place + count]}"
        for scope, instants in counted(limit, contacts).items()
        for place in range(len(instants) - count)
        if instants[place + count] - instants[place] < window
    ]


def wrong(contact: dict[str, Any]) -> str | None:
    """What does not fit between a contact and its slot."""
    if len(contact["slots"]) != 1:
        return f"{contact['id']} has {len(contact['slots'])} slots"
    _, state, party, point, channel, at, until = contact["slots"][0]
    if state != "CONFIRMED" or (party, point, channel) != (contact["party"], contact["point"], contact["channel"]):
        return f"{contact['id']} is not what its slot says"
    if not at <= contact["at"] < until:
        return f"{contact['id']} was not made within its slot"
    return None


def free_at(limits: list[dict[str, Any]], contacts: list[dict[str, Any]], customer: dict[str, Any]) -> int:
    """The first instant at which the customer may be called at one of the phones, by what is stored."""
    used = [(limit, counted(limit, contacts)) for limit in limits if "PHONE" in limit["channels"]]

    def first(point: str) -> int:
        whose = {"customer": [customer["id"]], "household": customer["households"], "contact_point": [point]}
        instants = [
            instants[-limit["count"]] + round(limit["days"] * DAY_MS)
            for limit, found in used
            for scope in whose[limit["scope"]]
            if len(instants := found.get(scope, [])) >= limit["count"]
        ]
        return max(instants, default=0)

    return min(first(point) for point in customer["points"])


def main(uri: str, plan: dict[str, Any]) -> int:
    with GraphDatabase.driver(uri, auth=("neo4j", os.environ["NEO4J_PASSWORD"])) as driver:
        contacts = [row.data() for row in driver.execute_query(CONTACTS, since=plan["since"]).records]
        customers = [row.data() for row in driver.execute_query(CUSTOMERS).records]
        slots = {
            row["state"]: [row["slots"], row["became"]]
            for row in driver.execute_query(SLOTS, since=plan["since"]).records
        }
    limits = plan["limits"]
    found = {limit["name"]: breaches(limit, contacts) for limit in limits}
    odd = [text for contact in contacts if (text := wrong(contact))]
    confirmed = slots.get("CONFIRMED", [0, 0])
    if confirmed != [len(contacts), len(contacts)] or sum(became for _, became in slots.values()) != len(contacts):
        odd.append(f"{len(contacts)} contacts, but slots {slots}")
    answer = {
        "contacts": len(contacts),
        "customers contacted": len({contact["party"] for contact in contacts}),
        "breaches": {name: len(places) for name, places in found.items()},
        "fullest": {limit["name"]: max(map(len, counted(limit, contacts).values()), default=0) for limit in limits},
        "examples": [place for places in found.values() for place in places][:5],
        "odd": odd[:5],
        "slots": {state: number for state, (number, _) in sorted(slots.items())},
        "free": {customer["id"]: free_at(limits, contacts, customer) for customer in customers},
    }
    print(json.dumps(answer))
    return 1 if odd or any(found.values()) else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], json.loads(Path(sys.argv[2]).read_text("utf-8"))))
