"""The statements of the party use cases.

A record is always locked before it is read: setting a property takes the lock of the node until the transaction ends,
and removing it again leaves no trace. Several records are locked in the order of their ids, which the caller sorts.
"""

from __future__ import annotations

from graph_crm.parties.kinds import TieKind

_STATE = """p.id AS id, labels(p) AS labels, p.version AS version,
  p { .*, birthDate: toString(p.birthDate), deceasedOn: toString(p.deceasedOn), endedOn: toString(p.endedOn),
      createdAt: null, updatedAt: null, searchText: null } AS properties,
  COLLECT {
    MATCH (p)-[r:REACHABLE_AT]->(c:ContactPoint) WHERE r.until IS NULL
    RETURN { id: r.id, key: c.valueKey, kind: c.kind, value: c.value }
  } AS points"""

LOCK_PARTIES = f"""
UNWIND $ids AS id
MATCH (p:Party {{id: id}})
SET p.locked = true
REMOVE p.locked
WITH p
RETURN {_STATE}
"""
"""Lock the parties `$ids` (sorted) and read them."""

CREATE_PARTY = """
MERGE (p:Party {id: $id})
ON CREATE SET p.version = 0, p.status = 'ACTIVE', p.createdAt = $now
SET p.version = p.version + 1, p:$($label), p += $properties, p.updatedAt = $now
RETURN p.version AS version, EXISTS { MATCH (:MergedParty {id: $id}) } AS merged
"""
"""A version above 1, or a party that was merged into another one, means that the id was taken: the caller rolls
back."""

CHANGE_PARTY = """
MATCH (p:Party {id: $id})
SET p += $properties, p.version = $version, p.updatedAt = $now
FOREACH (one IN $changes |
  CREATE (p)-[:WAS_CHANGED]->(:PartyChange {id: one.id, at: $now, fields: one.fields, reason: one.reason, by: one.by,
    version: $version}))
"""
"""Who changed what, when and why is kept; what it was before is not."""

LOCK_OR_CREATE_PARTIES = f"""
UNWIND $ids AS id
MERGE (p:Party {{id: id}})
ON CREATE SET p.version = 0, p.status = 'ACTIVE', p.createdAt = $now
SET p.locked = true
REMOVE p.locked
WITH p
RETURN {_STATE}
"""
"""Like `LOCK_PARTIES`, and parties that were missing come with version 0 and nothing but their id."""

MERGED_PARTIES = f"""
UNWIND $ids AS id
MATCH (p:MergedParty {{id: id}})-[:MERGED_INTO*]->(k:Party)
RETURN k.id AS kept, {_STATE}
"""
"""Of the ids those of parties that were merged into others, as they were then."""

WRITE_PARTIES = """
UNWIND $rows AS row
MATCH (p:Party {id: row.id})
SET p:$(row.label), p += row.properties, p.version = row.version, p.updatedAt = $now
FOREACH (one IN row.changes |
  CREATE (p)-[:WAS_CHANGED]->(:PartyChange {id: one.id, at: $now, fields: one.fields, reason: one.reason, by: one.by,
    version: row.version}))
"""

FORGET_NEW_PARTIES = """
UNWIND $ids AS id
MATCH (p:Party {id: id}) WHERE p.version = 0
DELETE p
"""
"""Take back parties that `LOCK_OR_CREATE_PARTIES` made for rows that were refused."""

ADD_CONTACT_POINTS = """
UNWIND $points AS point
MERGE (c:ContactPoint {valueKey: point.key})
ON CREATE SET c.id = point.key, c.kind = point.kind, c.value = point.value, c.blocked = false, c.createdAt = $now
WITH c, point
MATCH (p:Party {id: point.partyId})
CREATE (p)-[:REACHABLE_AT {id: point.id, usage: point.usage, preferred: point.preferred, since: point.since,
                           source: point.source}]->(c)
WITH DISTINCT p
OPTIONAL MATCH (l:ContactLedger {key: 'party:' + p.id})
SET l.version = l.version + 1
"""
"""Attach the points; sorted by key, so that two transactions meet in one order. Who reserves a contact with the party
at the same time notices (graph_crm/contacts/ledger.py)."""

PREFER_CONTACT_POINTS = """
UNWIND $points AS point
MATCH (p:Party {id: point.partyId})-[r:REACHABLE_AT]->(c:ContactPoint {kind: point.kind})
WHERE r.until IS NULL
SET r.preferred = (c.valueKey = point.key)
"""
"""One preferred point of each kind: the last that was said to be so."""

END_CONTACT_POINT = """
MATCH (p:Party {id: $id})-[r:REACHABLE_AT]->(c:ContactPoint {valueKey: $key})
WHERE r.until IS NULL
WITH r, r.since >= $until AS unused
SET r.until = $until, r.preferred = false
FOREACH (x IN CASE WHEN unused THEN [r] ELSE [] END | DELETE x)
"""
"""A contact point that ends on its first day was a mistake and is taken away."""

END_OPEN_TIES = """
MATCH (p:Party {id: $id})-[r:SPOUSE_OF|GUARANTEES|OWNS|DIRECTS|EMPLOYS|MEMBER_OF|REACHABLE_AT]-()
WHERE r.until IS NULL AND (r.since IS NULL OR r.since < $until)
SET r.until = $until
RETURN count(r) AS ended
"""
"""What is over when a party ends; who was its parent, and who referred it, stays true."""


def _overlapping(kind: TieKind) -> str:
    arrow = "-" if kind is TieKind.SPOUSE_OF else "->"
    reverse = (
        "\nUNION ALL\nMATCH (a:Party {id: $to})-[r:PARENT_OF]->(b:Party {id: $from})\n"
        "RETURN r.id AS id, true AS reverse"
    )
    return (
        f"MATCH (a:Party {{id: $from}})-[r:{kind.value}]{arrow}(b:Party {{id: $to}})\n"
        "WHERE (r.until IS NULL OR r.until > $since) AND ($until IS NULL OR r.since IS NULL OR r.since < $until)\n"
        "RETURN r.id AS id, false AS reverse" + (reverse if kind is TieKind.PARENT_OF else "")
    )


OVERLAPPING_TIE = {kind: _overlapping(kind) for kind in TieKind}
"""The tie of the same kind between the same parties in the same time, if any; a child is no parent of its parent."""

CREATE_TIE = {
    kind: f"""
MATCH (a:Party {{id: $from}}), (b:Party {{id: $to}})
CREATE (a)-[r:{kind.value} {{id: $id}}]->(b)
SET r += $properties
"""
    for kind in TieKind
}

LOCK_TIE = (
    "CALL () {\n"
    + "\nUNION ALL\n".join(f"MATCH ()-[r:{kind.value} {{id: $id}}]->() RETURN r" for kind in TieKind)
    + """
}
SET r.locked = true
REMOVE r.locked
WITH r
RETURN startNode(r).id AS fromId, endNode(r).id AS toId, type(r) AS kind,
  toString(r.since) AS since, toString(r.until) AS until
"""
)
"""Find a tie by its id, whatever its kind, lock it and read it."""

END_TIE = {kind: f"MATCH ()-[r:{kind.value} {{id: $id}}]->() SET r.until = $until" for kind in TieKind}

CREATE_HOUSEHOLD = """
MERGE (h:Household {id: $id})
ON CREATE SET h.version = 0, h.createdAt = $now
SET h.version = h.version + 1, h += $properties, h.updatedAt = $now
RETURN h.version AS version
"""

LOCK_HOUSEHOLD = """
MATCH (h:Household {id: $id})
SET h.locked = true
REMOVE h.locked
WITH h
RETURN h.version AS version, toString(h.endedOn) AS endedOn, h.name AS name
"""

CHANGE_HOUSEHOLD = """
MATCH (h:Household {id: $id})
SET h += $properties, h.version = $version, h.updatedAt = $now
"""

OPEN_MEMBERSHIP = """
MATCH (p:Party {id: $partyId})-[r:MEMBER_OF]->(h:Household {id: $id})
WHERE r.until IS NULL OR r.until > $since
RETURN r.id AS id, toString(r.since) AS since
"""

ADD_MEMBER = """
MATCH (p:Party {id: $partyId}), (h:Household {id: $id})
CREATE (p)-[:MEMBER_OF {id: $membershipId, role: $role, since: $since, source: $source}]->(h)
WITH p
OPTIONAL MATCH (l:ContactLedger {key: 'party:' + p.id})
SET l.version = l.version + 1
"""
"""Who reserves a contact with the party at the same time notices (graph_crm/contacts/ledger.py)."""

MEMBERSHIP = """
MATCH (p:Party {id: $partyId})-[r:MEMBER_OF]->(h:Household {id: $id})
WHERE r.until IS NULL
RETURN r.id AS id, toString(r.since) AS since
"""

END_MEMBERSHIP = """
MATCH (p:Party {id: $partyId})-[r:MEMBER_OF {id: $membershipId}]->(h:Household {id: $id})
SET r.until = $until
"""

END_ALL_MEMBERSHIPS = """
MATCH (h:Household {id: $id})<-[r:MEMBER_OF]-(:Party)
WHERE r.until IS NULL
SET r.until = $until
"""

SEARCH_START = (
    "CALL db.index.fulltext.queryNodes('party_search', {query}, {limit: {limit}}) YIELD node AS {n}, score AS {e}"
)
"""The start of a search, a template: the best ``{limit}`` parties for the Lucene query (see `names.search_query`)."""

SEARCH_NARROW_START = """CALL () {
  CALL db.index.fulltext.queryNodes('party_names', {query}, {limit: {limit}}) YIELD node, score
  RETURN node AS {n}, score AS {e}
  UNION
  CALL db.index.fulltext.queryNodes('party_search', {exact}, {limit: {limit}}) YIELD node, score
  RETURN node AS {n}, score AS {e}
} WITH {n}, max({e}) AS {e}"""
"""The same for who does not see every customer's contact points: by name, and by what is known whole."""

SEARCH_RANK = "{e} DESC"
"""The order of search results, a template: the best match first; equal ones come by id."""

LOCK_PARTY_STATUS = """
UNWIND $ids AS id
MATCH (p:Party {id: id})
SET p.locked = true
REMOVE p.locked
WITH p
RETURN p.id AS id, p.status AS status
"""
"""Lock the parties `$ids` (sorted) for business that hangs on them, and tell whether they are active."""
