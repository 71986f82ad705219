"""The statements of this slice, most of them made from the inventory. `p` is the party, `n` one of its records."""

from __future__ import annotations

from collections.abc import Sequence

from graph_crm.privacy.inventory import Node, Tie

KNOWN = "MATCH (p:Party {id: $id}) RETURN p.id AS id, p.erasedAt IS NOT NULL AS erased"

OWN_VALUES = """
MATCH (p:Party {id: $id})
MATCH (c:ContactPoint)<-[:REACHABLE_AT|WAS_TIED]-()-[:MERGED_INTO*0..]->(p)
WHERE NOT EXISTS { MATCH (c)<-[:REACHABLE_AT]-(o:Party) WHERE o <> p }
RETURN collect(DISTINCT c.value) AS values
"""
"""Phones and addresses that nobody else uses or ever used: whatever bears one of them is about this party."""


def _found(node: Node, *, near: bool = False) -> str:
    """A call that binds `p` and `n`: every record of the party ``$id``, or at its own ``$values``; some twice.

    ``near``: and what is somebody else's and speaks of it.
    """
    spoken = node.near if near else ()
    own = [*node.of, *(one for one in spoken if one.startswith("MATCH (p)"))]
    parts = [f"MATCH (p:Party {{id: $id}})\n  {one}\n  RETURN p, n" for one in own]
    parts += [f"{one}\n  RETURN null AS p, n" for one in (*node.at, *spoken) if one not in own]
    joined = "\n  UNION\n  ".join(parts)
    return f"CALL () {{\n  {joined}\n}}"


def page(node: Node) -> str:
    """One page of the party's records of a label, after the element ``$after``, at most ``$most``."""
    return f"""{_found(node)}
WITH DISTINCT n WHERE elementId(n) > $after
WITH n ORDER BY elementId(n) LIMIT $most
RETURN elementId(n) AS place, properties(n) AS found"""


def count(node: Node) -> str:
    """How many records of a label the party has."""
    return f"{_found(node)}\nRETURN count(DISTINCT n) AS records"


def ties(tie: Tie) -> str:
    """All the party's ties of a type."""
    return f"MATCH (p:Party {{id: $id}})\n{tie.of}\nRETURN DISTINCT elementId(r) AS place, properties(r) AS found"


def names_somebody(node: Node) -> str:
    """Whether `n` still has something that an erasure takes away."""
    parts = []
    for name in node.erased():
        there = f"n.`{name}` IS NOT NULL"
        if name.endswith("*"):
            there = f"any(name IN keys(n) WHERE name STARTS WITH '{name[:-1]}')"
        elif name in node.instead:
            there = f"coalesce(n.`{name}`, $instead.`{name}`) <> $instead.`{name}`"
        if name in node.unless:
            there = f"({there} AND NOT {node.unless[name]})"
        parts.append(there)
    return " OR ".join(parts) or "false"


def cleared(node: Node) -> str:
    """The clauses that take from `n` what tells whose it is."""
    parts, many = [], []
    for name in node.erased():
        if name.endswith("*"):
            names = f"[name IN keys(n) WHERE name STARTS WITH '{name[:-1]}']"
            many.append(f"FOREACH (name IN {names} | SET n[name] = null)")
            continue
        value = "null"
        if name in node.instead:
            value = f"CASE WHEN n.`{name}` IS NULL THEN null ELSE $instead.`{name}` END"
        if name in node.unless:
            value = f"CASE WHEN {node.unless[name]} THEN n.`{name}` ELSE {value} END"
        parts.append(f"n.`{name}` = {value}")
    return "\n".join([f"SET {', '.join(parts)}", *many])


LET_FILES_GO = """OPTIONAL MATCH (n)-[:STORED_AS]->(file:StoredFile)
FOREACH (_ IN CASE WHEN file IS NULL THEN [] ELSE [1] END | SET file.idleSince = datetime({epochMillis: 0}))"""


def clear(node: Node) -> str:
    """Take what tells who it was from up to ``$most`` records of the party; how many there were."""
    only = f" AND (p IS NULL OR {node.only})" if node.only else ""
    return f"""{_found(node, near=True)}
WITH n, p WHERE ({names_somebody(node)}){only}
WITH DISTINCT n LIMIT $most
{cleared(node)}
RETURN count(n) AS records"""


def delete(node: Node) -> str:
    """Delete up to ``$most`` records of the party; how many. Files that they referred to are idle since ever."""
    return f"""{_found(node, near=True)}
WITH DISTINCT n LIMIT $most
{LET_FILES_GO}
WITH DISTINCT n
DETACH DELETE n
RETURN count(*) AS records"""


def forget_work(node: Node) -> str:
    """Remove the work about one page of the party's records from the outbox, whatever its state."""
    return f"""{_found(node, near=True)}
WITH DISTINCT n WHERE elementId(n) > $after
WITH n ORDER BY elementId(n) LIMIT $most
WITH collect(n) AS ns, max(elementId(n)) AS place, count(n) AS records
CALL (ns) {{
  UNWIND ns AS n
  UNWIND [{", ".join(node.partitions)}] AS line
  MATCH (e:OutboxEntry {{partitionKey: line}}) WHERE e.topic <> $own
  DELETE e
}}
RETURN records, place"""


def delete_ties(kinds: Sequence[str]) -> str:
    """Delete the party's ties of these types."""
    return f"MATCH (:Party {{id: $id}})-[r:{'|'.join(kinds)}]-() DELETE r RETURN count(*) AS records"


def names_of(node: Node, name: str) -> str:
    """One property of all the party's records of a label."""
    return f"{_found(node, near=True)}\nRETURN collect(DISTINCT n.`{name}`) AS names"


# Restriction ---------------------------------------------------------------------------------------------------------

RESTRICT = """
MATCH (p:Party {id: $id})
SET p.locked = true
REMOVE p.locked
WITH p WHERE p.erasedAt IS NULL
SET p.protectedBefore = CASE WHEN p.restrictedAt IS NULL THEN coalesce(p.protected, false) ELSE p.protectedBefore END,
  p.protected = true, p.restrictedAt = coalesce(p.restrictedAt, $now), p.restrictedReason = $reason,
  p.alias = coalesce(p.alias, $alias), p.version = p.version + 1, p.updatedAt = $now
RETURN p.version AS version
"""

LIFT = """
MATCH (p:Party {id: $id})
SET p.locked = true
REMOVE p.locked
WITH p WHERE p.erasedAt IS NULL
SET p.protected = CASE WHEN p.restrictedAt IS NULL THEN p.protected ELSE p.protectedBefore END,
  p.restrictedAt = null, p.restrictedReason = null, p.protectedBefore = null,
  p.version = p.version + 1, p.updatedAt = $now
RETURN p.version AS version
"""
