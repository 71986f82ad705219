"""The statements of the events slice."""

from __future__ import annotations

# MERGE on the unique id waits for a rival with the same id; what it finds then is complete. A clock that runs ahead
# must not put off what a complaint forbids: nothing is later than the database's own now.
RECORD = """
MATCH (p:Party {id: $partyId})
OPTIONAL MATCH (a:Agreement {id: $agreementId})
WITH p, a WHERE $agreementId IS NULL OR a IS NOT NULL
MERGE (e:Event {id: $id})
WITH p, a, e, e.type IS NULL AS isNew, datetime({epochMillis: datetime.realtime().epochMillis}) AS now
FOREACH (_ IN CASE WHEN isNew THEN [1] ELSE [] END |
  SET e.type = $type, e.at = CASE WHEN $at > now THEN now ELSE $at END, e.recordedAt = datetime.realtime(),
      e.partyId = $partyId, e.channel = $channel, e.source = $source, e.payload = $payload, e.digest = $digest
  CREATE (p)-[:DID]->(e)
)
FOREACH (about IN CASE WHEN isNew AND a IS NOT NULL THEN [a] ELSE [] END | CREATE (e)-[:ON]->(about))
RETURN isNew, e.digest = $digest AS same
"""

PARTY_EXISTS = "RETURN EXISTS { MATCH (p:Party {id: $partyId}) } AS known"
