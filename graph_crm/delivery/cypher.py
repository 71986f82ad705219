"""The statements of the delivery."""

from __future__ import annotations

QUEUE = """
OPTIONAL MATCH (p:Party {id: $partyId})
WITH p WHERE $partyId IS NULL OR p IS NOT NULL
MERGE (d:Delivery {key: $key})
ON CREATE SET d += $properties, d.createdAt = datetime.realtime(), d.isNew = true
WITH p, d, d.isNew AS isNew
REMOVE d.isNew
FOREACH (_ IN CASE WHEN isNew AND p IS NOT NULL THEN [1] ELSE [] END | CREATE (p)-[:WAS_SENT]->(d))
WITH d, isNew
CALL (d, isNew) {
  WITH d, isNew WHERE isNew
  MATCH (o:Offer {id: d.offerId})
  CREATE (d)-[:FOR_OFFER]->(o)
  RETURN count(*) AS offers
}
CALL (d, isNew) {
  WITH d, isNew WHERE isNew
  MATCH (r:ServiceRequest {id: d.requestId})
  CREATE (d)-[:ABOUT_REQUEST]->(r)
  RETURN count(*) AS requests
}
RETURN d.id AS id
"""
