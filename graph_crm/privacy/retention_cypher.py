"""The statements of the retention, most of them made from the inventory."""

from __future__ import annotations

from graph_crm.privacy.cypher import LET_FILES_GO, cleared, names_somebody
from graph_crm.privacy.inventory import Node


def _old(node: Node, label: str) -> str:
    still = f" AND NOT coalesce({node.held}, false)" if node.held else ""
    there = "true" if node.erase == "delete" else names_somebody(node)
    return f"""MATCH (n:{label})
WITH n, {node.age} AS since
WHERE since < datetime({{epochMillis: $until}}){still} AND ({there})"""


def count(node: Node, label: str) -> str:
    """How many records of a label still tell whose they are though their time was over before ``$until``."""
    return f"{_old(node, label)}\nRETURN count(n) AS records"


def places(node: Node, label: str) -> str:
    """Where up to ``$most`` of these records are."""
    return f"{_old(node, label)}\nWITH n LIMIT $most\nRETURN collect(elementId(n)) AS places"


# What is to go is found before: who looks and writes in one statement holds locks on what was only looked at.
def let_go(node: Node) -> str:
    """Take from the records at ``$places`` what tells whose they are, or remove them."""
    act = cleared(node)
    if node.erase == "delete":
        act = f"{LET_FILES_GO}\nWITH DISTINCT n\nDETACH DELETE n"
    return f"UNWIND $places AS place\nMATCH (n) WHERE elementId(n) = place\n{act}\nRETURN count(*) AS records"


_OLD_POINTS = """MATCH (c:ContactPoint)
WHERE NOT EXISTS { (c)<-[:REACHABLE_AT|WAS_TIED]-() } AND c.createdAt < datetime.realtime() - duration({days: 1})"""

OLD_POINTS = f"{_OLD_POINTS}\nRETURN count(c) AS records"

# Somebody may be giving it to a party just now: whether nobody has it is looked at again under its lock.
FORGET_POINTS = f"""{_OLD_POINTS}
WITH c LIMIT $most
SET c.locked = true
REMOVE c.locked
WITH c, NOT EXISTS {{ (c)<-[:REACHABLE_AT|WAS_TIED]-() }} AS free
WITH c WHERE free
OPTIONAL MATCH (l:ContactLedger {{key: 'point:' + c.valueKey}})
DETACH DELETE c, l
RETURN count(*) AS records"""
"""Phones and addresses that were a mistake, and taken away on the day they were added: nobody uses them."""

FORMER = """
MATCH (p:Party) WHERE p.status = 'ENDED' AND p.endedOn < $before AND p.erasedAt IS NULL AND p.id > $after
RETURN p.id AS id ORDER BY p.id LIMIT $most
"""

REPORT = """
CREATE (r:RetentionReport {id: $id, at: datetime.realtime(), counts: $counts})
RETURN r.id AS id
"""

REPORTS = """
MATCH (r:RetentionReport)
RETURN r.id AS id, r.at.epochMillis AS at, r.counts AS counts ORDER BY r.at DESC LIMIT $most
"""
