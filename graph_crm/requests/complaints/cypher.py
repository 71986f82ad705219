"""The statements of complaints. A request is locked by whoever changes it, before any of them runs."""

from __future__ import annotations

STANDING = """
OPTIONAL MATCH (p:Party {id: $partyId})
RETURN coalesce(p.vulnerable, false) AS vulnerable, COUNT {
  MATCH (p)-[:ASKED]->(r:ServiceRequest {kind: 'COMPLAINT'}) WHERE r.openedAt >= $since AND r.id <> $requestId
} AS earlier
"""
"""What of the customer makes a complaint more serious."""

SET_SEVERITY = """
MATCH (r:ServiceRequest {id: $requestId})
SET r.severity = $severity, r.severityReasons = $reasons, r.severityBy = $by
RETURN r.id AS id
"""

ROUND = "MATCH (r:ServiceRequest {id: $requestId}) RETURN coalesce(r.complaintRound, 0) AS round"
"""How often a complaint was taken up again."""

NEXT_ROUND = """
MATCH (r:ServiceRequest {id: $requestId})
SET r.complaintRound = coalesce(r.complaintRound, 0) + 1, r.rootCause = null, r.rootCauseText = null,
  r.outcome = null
RETURN r.complaintRound AS round
"""

# Nothing is later than the database's own now: a complaint in the future would silence nobody yet.
RECORD_EVENT = """
MATCH (p:Party {id: $partyId})
OPTIONAL MATCH (a:Agreement {id: $agreementId})
MERGE (e:Event {id: $id})
WITH p, a, e, e.type IS NULL AS isNew, datetime({epochMillis: datetime.realtime().epochMillis}) AS now
WHERE isNew
SET e.type = $type, e.at = CASE WHEN $at > now THEN now ELSE $at END, e.recordedAt = now, e.partyId = $partyId,
  e.channel = $channel, e.source = $source, e.payload = $payload, e.digest = $digest, e.late = false
CREATE (p)-[:DID]->(e)
FOREACH (about IN CASE WHEN a IS NULL THEN [] ELSE [a] END | CREATE (e)-[:ON]->(about))
RETURN e.id AS id
"""
"""Record an event of the service desk; no row where it is recorded already."""

FOUND_OUT = """
MATCH (r:ServiceRequest {id: $requestId})
SET r.outcome = $outcome, r.rootCause = $rootCause, r.rootCauseText = $rootCauseText
RETURN coalesce(r.complaintRound, 0) AS round
"""
