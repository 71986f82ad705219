"""The statements of the service accounts."""

from __future__ import annotations

_TOLD = """
a.id AS id, a.role AS role, a.description AS description, a.active AS active,
a.createdAt.epochMillis AS createdAt, a.createdBy AS createdBy,
a.disabledAt.epochMillis AS disabledAt, a.disabledBy AS disabledBy,
COLLECT { MATCH (a)-[:SIGNS_WITH]->(k:AccountKey)
  RETURN {kid: k.kid, addedAt: k.addedAt.epochMillis, addedBy: k.addedBy, until: k.until.epochMillis}
  ORDER BY k.addedAt, k.kid } AS keys
"""

ADD = """
MERGE (a:ServiceAccount {id: $id})
ON CREATE SET a.role = $role, a.description = $description, a.active = true, a.createdAt = datetime.realtime(),
  a.createdBy = $by, a.isNew = true
SET a.lock = coalesce(a.lock, 0) + 1
WITH a, coalesce(a.isNew, false) AS isNew
REMOVE a.isNew
MERGE (k:AccountKey {kid: $kid})
ON CREATE SET k.jwk = $jwk, k.accountId = $id, k.addedAt = datetime.realtime(), k.addedBy = $by
WITH a, k, isNew
FOREACH (_ IN CASE WHEN isNew AND k.accountId = $id THEN [1] ELSE [] END | MERGE (a)-[:SIGNS_WITH]->(k))
RETURN k.accountId = $id AS keyIsItsOwn,
  a.role = $role AND a.active AND EXISTS { (a)-[:SIGNS_WITH]->(k) } AS same
"""
"""Make an account with its first key. Not the same: another account has this id, or this key."""

LOCK = """
MATCH (a:ServiceAccount {id: $id})
SET a.lock = coalesce(a.lock, 0) + 1
RETURN a.active AS active
"""

ROTATE = """
MATCH (a:ServiceAccount {id: $id})
MERGE (new:AccountKey {kid: $kid})
ON CREATE SET new.jwk = $jwk, new.accountId = $id, new.addedAt = datetime.realtime(), new.addedBy = $by
WITH a, new, datetime.realtime() + duration({seconds: $keep}) AS end
WHERE new.accountId = $id AND new.until IS NULL
OPTIONAL MATCH (a)-[:SIGNS_WITH]->(old:AccountKey) WHERE old <> new
SET old.until = CASE WHEN old.until < end THEN old.until ELSE end END
WITH DISTINCT a, new
MERGE (a)-[:SIGNS_WITH]->(new)
RETURN new.kid AS kid
"""
"""Add a key and let the others end. No row: the key is of another account, or was given up before."""

DISABLE = """
MATCH (a:ServiceAccount {id: $id})
SET a.disabledAt = CASE WHEN a.active THEN datetime.realtime() ELSE a.disabledAt END,
    a.disabledBy = CASE WHEN a.active THEN $by ELSE a.disabledBy END,
    a.active = false
RETURN a.id AS id
"""

ONE = f"MATCH (a:ServiceAccount {{id: $id}}) RETURN {_TOLD}"
ALL = f"MATCH (a:ServiceAccount) RETURN {_TOLD} ORDER BY a.id"

IN_FORCE = """
MATCH (a:ServiceAccount) WHERE a.active
RETURN a.id AS id, a.role AS role,
  COLLECT { MATCH (a)-[:SIGNS_WITH]->(k:AccountKey) WHERE k.until IS NULL OR k.until > datetime.realtime()
    RETURN k.jwk } AS keys
"""
"""Who may sign now, and with what: few accounts, read together."""
