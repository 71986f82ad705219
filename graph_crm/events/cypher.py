"""The statements of recording events."""

from __future__ import annotations

# The rows come in the order of their ids, so that batches that share some wait for each other and never in a circle.
# MERGE on the unique id waits for a rival with the same id; what it finds then is complete. A clock that runs ahead
# must not put off what a complaint forbids: nothing is later than the database's own now. Nothing is recorded of a
# party that was erased: to whoever tells of it there is no such party.
RECORD = """
WITH datetime({epochMillis: datetime.realtime().epochMillis}) AS now
UNWIND $events AS told
MATCH (p:Party {id: told.partyId}) WHERE p.erasedAt IS NULL
OPTIONAL MATCH (a:Agreement {id: told.agreementId})
WITH now, told, p, a WHERE told.agreementId IS NULL OR a IS NOT NULL
MERGE (e:Event {id: told.id})
WITH now, told, p, a, e, e.type IS NULL AS isNew, datetime({epochMillis: told.at}) AS at
FOREACH (_ IN CASE WHEN isNew THEN [1] ELSE [] END |
  SET e.type = told.type, e.at = CASE WHEN at > now THEN now ELSE at END, e.recordedAt = now,
      e.late = at < now - duration({milliseconds: $lateMilliseconds}), e.partyId = p.id,
      e.channel = told.channel, e.source = told.source, e.payload = told.payload, e.sessionId = told.sessionId,
      e.digest = told.digest
  CREATE (p)-[:DID]->(e)
)
FOREACH (about IN CASE WHEN isNew AND a IS NOT NULL THEN [a] ELSE [] END | CREATE (e)-[:ON]->(about))
RETURN told.id AS id, p.id AS partyId, isNew, e.digest AS digest, e.at.epochMillis AS at,
  coalesce(e.late, false) AS late
"""

PARTIES_KNOWN = """
UNWIND $parties AS id
RETURN id, EXISTS { MATCH (p:Party {id: id}) WHERE p.erasedAt IS NULL } AS known
"""
