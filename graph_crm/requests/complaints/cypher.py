"""The statements of complaints. Whoever changes a request has locked it before any of them runs."""

from __future__ import annotations

REQUEST = """
MATCH (r:ServiceRequest {id: $requestId})
OPTIONAL MATCH (p:Party)-[:ASKED]->(r)
RETURN r.kind AS kind, r.subject AS subject, r.text AS text, r.channel AS channel, p.id AS party,
  r.openedAt.epochMillis AS openedAt, r.rootCause AS rootCause, r.rootCauseText AS rootCauseText,
  coalesce(r.complaintRound, 0) AS round, r.severityBy AS severityBy, coalesce(p.vulnerable, false) AS vulnerable,
  head([(r)-[:ABOUT]->(product:Product) | product.code]) AS product,
  head([(r)-[:ON]->(agreement:Agreement) | agreement.id]) AS agreement,
  COUNT { MATCH (p)-[:ASKED]->(x:ServiceRequest {kind: 'COMPLAINT'}) WHERE x.openedAt >= $since AND x <> r } AS earlier,
  head(COLLECT { MATCH (r)-[:LOGGED]->(e:RequestEntry {kind: 'CLOSED'}) RETURN e.at.epochMillis
    ORDER BY e.at DESC LIMIT 1 }) AS closedAt,
  EXISTS { MATCH (e:Event {id: CASE coalesce(r.complaintRound, 0) WHEN 0 THEN 'complaint:' + r.id
    ELSE 'complaint:' + r.id + ':' + toString(r.complaintRound) END}) } AS silencing
"""
"""What a complaint's consequences are worked out from: the request, its customer, and whether it silences now."""

SET_SEVERITY = """
MATCH (r:ServiceRequest {id: $requestId})
SET r.severity = $severity, r.severityReasons = $reasons, r.severityBy = $by
"""

NEXT_ROUND = """
MATCH (r:ServiceRequest {id: $requestId})
SET r.complaintRound = coalesce(r.complaintRound, 0) + 1
RETURN r.complaintRound AS round
"""
"""A complaint that is taken up again, or turned out to be none: what silences marketing next has a name of its own."""

KNOWN = """
RETURN EXISTS { MATCH (e:Event {id: $id}) } AS known, datetime.realtime().epochMillis AS now
"""
"""Whether an event of a complaint is recorded already; whoever asks has locked the request, so nobody else does it."""

LOCKED = """
MATCH (r:ServiceRequest {number: $number})
SET r.locked = true
REMOVE r.locked
RETURN r.id AS id, r.kind AS kind, r.version AS version, r.ownerId AS owner
"""

DESCRIBE = """
MATCH (r:ServiceRequest {id: $requestId})
OPTIONAL MATCH (product:Product {code: $product})
OPTIONAL MATCH (employee:Employee {id: $employee})
WITH r, product, employee
WHERE ($product IS NULL OR product IS NOT NULL) AND ($employee IS NULL OR employee IS NOT NULL)
SET r += $properties, r.version = r.version + 1, r.seq = coalesce(r.seq, 0) + 1
CREATE (r)-[:LOGGED]->(:RequestEntry {id: $entryId, seq: r.seq, kind: 'NOTE',
  at: coalesce($now, datetime({epochMillis: datetime.realtime().epochMillis})), by: $by, text: $note,
  data: $data, visible: false})
WITH r, product, employee
CALL (r, product) {
  WITH r, product WHERE product IS NOT NULL
  OPTIONAL MATCH (r)-[before:ABOUT]->(:Product)
  DELETE before
  WITH DISTINCT r, product
  CREATE (r)-[:ABOUT]->(product)
}
FOREACH (_ IN CASE WHEN employee IS NULL THEN [] ELSE [1] END | MERGE (r)-[:CONCERNS]->(employee))
RETURN r.version AS version
"""
"""What an employee found out while working on a complaint; no row where product or employee is unknown."""

ASKED = """
MATCH (r:ServiceRequest {id: $requestId})
OPTIONAL MATCH (p:Party {id: r.partyId})
RETURN r.number AS number, r.status AS status, r.kind AS kind, coalesce(r.complaintRound, 0) AS round,
  r.partyId AS party, coalesce(p.displayName, r.contactName) AS name, r.contact AS contact, r.language AS language,
  datetime.realtime().epochMillis AS now
"""
"""What the question after a complaint needs."""

LOCK_FOR_ANSWER = """
MATCH (r:ServiceRequest {id: $requestId})
SET r.locked = true
REMOVE r.locked
WITH r
OPTIONAL MATCH (s:SurveyAnswer {key: r.id + ':' + toString(coalesce(r.complaintRound, 0))})
RETURN r.status AS status, r.kind AS kind, coalesce(r.complaintRound, 0) AS round, s.id AS answer, s.score AS score,
  s.text AS text, r.closedAt.epochMillis AS closedAt, datetime.realtime().epochMillis AS now
"""

# The log of a request is only ever added to; its next place is free because the request is locked.
ANSWERED = """
MATCH (r:ServiceRequest {id: $requestId})
SET r.surveyScore = $score, r.version = r.version + 1, r.seq = coalesce(r.seq, 0) + 1
CREATE (r)-[:RATED_BY]->(s:SurveyAnswer {id: $id, key: $key, requestId: r.id, number: r.number, round: $round,
  score: $score, text: $text, at: $now, by: $by, category: r.category})
CREATE (r)-[:LOGGED]->(:RequestEntry {id: $entryId, seq: r.seq, kind: 'SURVEYED', at: $now, by: $by, text: $text,
  data: $data, visible: true})
RETURN s.id AS id
"""

OF_NUMBER = "MATCH (r:ServiceRequest {number: $number}) RETURN r.id AS id, r.partyId AS party"
