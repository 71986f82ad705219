"""The statements of service requests."""

from __future__ import annotations

# What an acting service needs to know of a request; instants as milliseconds, which cost little on their way.
_FACTS = """r {.id, .number, .category, .kind, .status, .subject, .text, .language, .country, .channel, .source,
  .contact, .contactName, .partyId, .team, .skill, .ownerId, .priority, .severity, .sortedBy, .version, .seq, .clockKey,
  .zone, .outcome, openedAt: r.openedAt.epochMillis, closedAt: r.closedAt.epochMillis,
  answeredAt: r.answeredAt.epochMillis, firstRespondedAt: r.firstRespondedAt.epochMillis,
  waitingSince: r.waitingSince.epochMillis, dueAt: r.resolutionDueAt.epochMillis}"""

PREPARE = """
WITH datetime.realtime().epochMillis AS now
UNWIND range(0, size($rows) - 1) AS place
WITH now, place, $rows[place] AS row
WITH now, {
  place: place,
  party: head(COLLECT { MATCH (p:Party {id: row.partyId})
    RETURN p {.id, .displayName, .language, .timeZone, .country, .segment, .vulnerable,
      reaches: EXISTS { MATCH (p)-[:REACHABLE_AT]->(:ContactPoint {valueKey: row.point}) }} }),
  product: row.product IS NOT NULL AND EXISTS { MATCH (:Product {code: row.product}) },
  agreement: row.agreement IS NOT NULL AND EXISTS { MATCH (a:Agreement {id: row.agreement})
    WHERE row.partyId IS NULL OR EXISTS { MATCH (:Party {id: row.partyId})-[:HOLDS]->(a) } },
  event: row.event IS NOT NULL AND EXISTS { MATCH (:Event {id: row.event}) },
  interaction: row.interaction IS NOT NULL AND EXISTS { MATCH (:Interaction {id: row.interaction}) },
  call: row.call IS NOT NULL AND EXISTS { MATCH (:Call {id: row.call}) },
  opened: row.key IS NOT NULL AND EXISTS { MATCH (:ServiceRequest {key: row.key}) }
} AS one
RETURN now, collect(one) AS known
"""
"""What has to be known before requests can be opened, each with its place in ``rows``; one read, no lock."""

BEFORE = """
MATCH (r:ServiceRequest {key: $key})
OPTIONAL MATCH (o:Employee {id: r.ownerId})
RETURN r.id AS id, r.number AS number, r.status AS status, r.category AS category, r.digest AS digest,
  r.openedAt.epochMillis AS openedAt, o.id AS owner, o.displayName AS ownerName,
  head([(r)-[:LOGGED]->(e:RequestEntry {seq: 1}) | e.data]) AS opening
"""
"""The request that was opened under a key before."""

# Instants come as milliseconds: the driver takes long to encode a temporal value.
OPEN = """
UNWIND $rows AS row
WITH row, datetime({epochMillis: row.now}) AS now
OPTIONAL MATCH (p:Party {id: row.partyId})
OPTIONAL MATCH (o:Employee {id: row.ownerId})
  WHERE o.active AND NOT EXISTS { MATCH (o)-[:ABSENT]->(a:Absence) WHERE a.from <= now AND a.until > now }
WITH row, now, p, o
WHERE (row.partyId IS NULL OR p IS NOT NULL) AND (row.ownerId IS NULL OR o IS NOT NULL)
CREATE (r:ServiceRequest {number: row.number})
SET r += row.properties, r.openedAt = now, r.firstResponseDueAt = datetime({epochMillis: row.firstResponseDue}),
  r.resolutionDueAt = datetime({epochMillis: row.due})
FOREACH (_ IN CASE WHEN p IS NULL THEN [] ELSE [1] END | CREATE (p)-[:ASKED]->(r))
FOREACH (_ IN CASE WHEN o IS NULL THEN [] ELSE [1] END | CREATE (o)-[:OWNS_REQUEST]->(r))
FOREACH (entry IN row.entries |
  CREATE (r)-[:LOGGED]->(e:RequestEntry {id: entry.id}) SET e += entry.properties, e.at = now)
RETURN collect(r.id) AS ids
"""
"""Store requests with their logs; without those whose owner went away, or the customer went, since they were read."""

REFER = """
MATCH (r:ServiceRequest {id: $id})
CALL (r) { MATCH (x:Product {code: $product}) CREATE (r)-[:ABOUT]->(x) RETURN count(*) AS products }
CALL (r) { MATCH (x:Agreement {id: $agreement}) CREATE (r)-[:ON]->(x) RETURN count(*) AS agreements }
CALL (r) { MATCH (x:Event {id: $event}) CREATE (r)-[:CAUSED_BY]->(x) RETURN count(*) AS events }
CALL (r) { MATCH (x:Interaction {id: $interaction}) CREATE (r)-[:CAUSED_BY]->(x) RETURN count(*) AS interactions }
CALL (r) { MATCH (x:Call {id: $call}) CREATE (r)-[:CAUSED_BY]->(x) RETURN count(*) AS calls }
RETURN products + agreements + events + interactions + calls AS ties
"""
"""Tie a request to what it is about and what it came from."""

_STANDING = f"""
SET r.locked = true
REMOVE r.locked
WITH r, coalesce($now, datetime.realtime()) AS now
OPTIONAL MATCH (p:Party {{id: r.partyId}})
OPTIONAL MATCH (o:Employee {{id: r.ownerId}})
RETURN {_FACTS} AS request, p {{.id, .displayName, .language, .timeZone, .country, .segment, .vulnerable}} AS party,
  o {{.id, .displayName, .email, .languages, .role, .active,
    away: EXISTS {{ MATCH (o)-[:ABSENT]->(a:Absence)
      WHERE a.from <= now AND a.until > now }}}} AS owner,
  head([(r)-[:ABOUT]->(x:Product) | x.code]) AS product,
  COLLECT {{ MATCH (r)-[:LOGGED]->(e:RequestEntry) WITH e ORDER BY e.seq
    RETURN [e.kind, e.at.epochMillis, e.data] }} AS log,
  now.epochMillis AS now
"""

STANDING = "MATCH (r:ServiceRequest {number: $number})" + _STANDING
"""A request under its lock, with its customer, its owner and what the clocks read of its log."""

STANDING_BY_ID = "MATCH (r:ServiceRequest {id: $id})" + _STANDING

APPLY = """
MATCH (r:ServiceRequest {id: $id})
SET r += $changes, r.version = r.version + 1
FOREACH (entry IN $entries | CREATE (r)-[:LOGGED]->(e:RequestEntry {id: entry.id}) SET e += entry.properties)
RETURN r.version AS version
"""
"""Write what was decided under the lock."""

REPLAN = """
MATCH (r:ServiceRequest {id: $id})
SET r.clockKey = $clockKey
"""
"""Keep the key of the next alarm; that is no change that anybody would see."""

OWN = """
MATCH (r:ServiceRequest {id: $id})
OPTIONAL MATCH (:Employee)-[before:OWNS_REQUEST]->(r)
DELETE before
WITH DISTINCT r
MATCH (o:Employee {id: $owner})
CREATE (o)-[:OWNS_REQUEST]->(r)
RETURN o.id AS id
"""

EMPLOYEE = """
MATCH (o:Employee {id: $id})
RETURN o.id AS id, o.active AS active
"""

WHOSE = """
MATCH (r:ServiceRequest {number: $number})
RETURN r.id AS id, r.partyId AS party
"""

OF_PARTY = """
MATCH (:Party {id: $party})-[:ASKED]->(r:ServiceRequest)
WHERE ($statuses IS NULL OR r.status IN $statuses) AND ($before IS NULL OR r.openedAt < $before)
RETURN r.id AS id ORDER BY r.openedAt DESC, r.id LIMIT $first
"""

QUEUE_OF = """
MATCH (r:ServiceRequest {openOwnerId: $owner})
WITH r ORDER BY r.status = 'WAITING_FOR_CUSTOMER',
  CASE r.priority WHEN 'URGENT' THEN 0 WHEN 'HIGH' THEN 1 WHEN 'NORMAL' THEN 2 ELSE 3 END, r.resolutionDueAt, r.id
RETURN r.id AS id LIMIT $first
"""
"""What somebody has to work on, the most pressing first; what waits for the customer comes last."""

UNOWNED = """
MATCH (r:ServiceRequest {unowned: true})
RETURN r.number AS number ORDER BY r.openedAt LIMIT $most
"""
"""Requests that came when nobody was at work, the oldest first."""

OPEN_OF = """
MATCH (r:ServiceRequest {openOwnerId: $owner})
RETURN r.number AS number ORDER BY r.openedAt LIMIT $most
"""
