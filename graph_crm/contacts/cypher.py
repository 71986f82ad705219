"""The statements of interactions."""

from __future__ import annotations

RECORD_INTERACTION = """
MATCH (p:Party {id: $partyId})
MERGE (i:Interaction {id: $id})
ON CREATE SET i.fresh = true
WITH p, i, coalesce(i.fresh, false) AS created
REMOVE i.fresh
SET i += $properties
MERGE (p)-[:HAD]->(i)
RETURN created
"""
"""No row: the party is unknown. `created` false: the id was taken, and the caller rolls back."""

PRODUCT = "MATCH (p:Product {code: $code}) RETURN p.code AS code"
