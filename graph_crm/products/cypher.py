"""The statements of products and agreements. Parties are locked before agreements, each in the order of their ids."""

from __future__ import annotations

LOAD_FAMILIES = """
UNWIND $families AS row
MERGE (f:ProductFamily {code: row.code})
SET f.name = row.name
RETURN count(f) AS loaded
"""

LOAD_PRODUCTS = """
UNWIND $products AS row
MATCH (f:ProductFamily {code: row.familyCode})
MERGE (p:Product {code: row.code})
SET p += row
MERGE (p)-[:IN_FAMILY]->(f)
WITH p, f
OPTIONAL MATCH (p)-[old:IN_FAMILY]->(other) WHERE other <> f
DELETE old
RETURN count(DISTINCT p) AS loaded
"""

LOAD_LADDER = """
UNWIND $ladder AS row
MATCH (a:Product {code: row.from}), (b:Product {code: row.to})
MERGE (a)-[r:LEADS_TO]->(b)
SET r.afterDays = row.afterDays, r.reason = row.reason
RETURN count(r) AS loaded
"""

LOCK_PRODUCTS = """
UNWIND $codes AS code
MATCH (p:Product {code: code})
SET p.locked = true
REMOVE p.locked
WITH p
RETURN p.code AS code, p { .* } AS properties
"""

CREATE_PRODUCT = """
MATCH (f:ProductFamily {code: $properties.familyCode})
MERGE (p:Product {code: $code})
ON CREATE SET p.fresh = true
WITH p, f, coalesce(p.fresh, false) AS created
REMOVE p.fresh
SET p += $properties
MERGE (p)-[:IN_FAMILY]->(f)
RETURN created
"""
"""No row: the family is unknown. `created` false: the code was taken, and the caller rolls back."""

CHANGE_PRODUCT = """
MATCH (f:ProductFamily {code: $familyCode}), (p:Product {code: $code})
SET p += $properties
WITH p, f
OPTIONAL MATCH (p)-[old:IN_FAMILY]->(other) WHERE other <> f
DELETE old
WITH DISTINCT p, f
MERGE (p)-[:IN_FAMILY]->(f)
RETURN p.code AS code
"""

LINK_PRODUCTS = """
MATCH (a:Product {code: $from}), (b:Product {code: $to})
MERGE (a)-[r:LEADS_TO]->(b)
SET r.afterDays = $afterDays, r.reason = $reason
"""

UNLINK_PRODUCTS = """
MATCH (:Product {code: $from})-[r:LEADS_TO]->(:Product {code: $to})
DELETE r
RETURN count(r) AS deleted
"""

PRODUCTS = """
UNWIND $codes AS code
MATCH (p:Product {code: code})
RETURN p.code AS code, p.familyCode AS familyCode, p.currency AS currency, coalesce(p.active, true) AS active
"""

_STATE = """a.id AS id, a.version AS version,
  a { .*, openedOn: toString(a.openedOn), closedOn: toString(a.closedOn), maturesOn: toString(a.maturesOn),
      statusDates: [day IN coalesce(a.statusDates, []) | toString(day)],
      createdAt: null, updatedAt: null } AS properties,
  COLLECT {
    MATCH (p:Party)-[r:HOLDS]->(a)
    RETURN { id: r.id, party: p.id, role: r.role, since: toString(r.since), until: toString(r.until) }
  } AS holders"""

LOCK_AGREEMENTS = f"""
UNWIND $ids AS id
MATCH (a:Agreement {{id: id}})
SET a.locked = true
REMOVE a.locked
WITH a
RETURN {_STATE}
"""
"""Lock the agreements `$ids` (sorted) and read them."""

LOCK_OR_CREATE_AGREEMENTS = f"""
UNWIND $ids AS id
MERGE (a:Agreement {{id: id}})
ON CREATE SET a.version = 0, a.createdAt = $now
SET a.locked = true
REMOVE a.locked
WITH a
RETURN {_STATE}
"""
"""Like `LOCK_AGREEMENTS`, and agreements that were missing come with version 0 and nothing but their id."""

WRITE_AGREEMENTS = """
UNWIND $rows AS row
MATCH (a:Agreement {id: row.id})
SET a += row.properties, a.version = row.version, a.updatedAt = $now
"""

ATTACH_PRODUCTS = """
UNWIND $rows AS row
MATCH (a:Agreement {id: row.id}), (p:Product {code: row.productCode})
CREATE (a)-[:OF]->(p)
"""

FORGET_NEW_AGREEMENTS = """
UNWIND $ids AS id
MATCH (a:Agreement {id: id}) WHERE a.version = 0
DELETE a
"""
"""Take back agreements that `LOCK_OR_CREATE_AGREEMENTS` made for rows that were refused."""

ADD_HOLDERS = """
UNWIND $holders AS row
MATCH (p:Party {id: row.partyId}), (a:Agreement {id: row.agreementId})
CREATE (p)-[r:HOLDS]->(a)
SET r += row.properties
"""

END_HOLDING = """
MATCH (:Party {id: $partyId})-[r:HOLDS {id: $holdingId}]->(:Agreement {id: $id})
SET r.until = $until
"""

END_OPEN_HOLDINGS = """
MATCH (:Party)-[r:HOLDS]->(:Agreement {id: $id})
WHERE r.until IS NULL OR r.until > $until
SET r.until = CASE WHEN r.since > $until THEN r.since ELSE $until END
"""

LINK_AGREEMENTS = """
MATCH (a:Agreement {id: $from}), (b:Agreement {id: $to})
OPTIONAL MATCH (a)-[old:LINKED_TO {kind: $kind}]->(other) WHERE other <> b
DELETE old
WITH DISTINCT a, b
MERGE (a)-[:LINKED_TO {kind: $kind}]->(b)
"""
"""One link of a kind: a loan that is paid from another account from now on is no longer paid from the first."""
