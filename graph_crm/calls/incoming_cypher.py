"""The statements of the customers' calls: what was told of each, what follows from it, how long customers wait."""

from __future__ import annotations

_CALL = """c { .id, .number, .queue, .agentId, .ends, .partyId, .state, .version, .callbackId, .requestId,
  .requestNumber,
  arrivedAt: c.arrivedAt.epochMillis, answeredAt: c.answeredAt.epochMillis, abandonedAt: c.abandonedAt.epochMillis,
  silentAt: c.silentAt.epochMillis, heardAt: c.heardAt.epochMillis }"""

HEAR = f"""
MERGE (c:Call {{id: $id}})
ON CREATE SET c.direction = 'INBOUND', c.version = 0
SET c.lock = coalesce(c.lock, 0) + 1
WITH c
RETURN {_CALL} AS call, coalesce($now, datetime.realtime()).epochMillis AS now
"""
"""A call under its lock; one that nobody told of before is there from now on."""

WRITE = "MATCH (c:Call {id: $id}) SET c += $properties"

CALLERS = """
MATCH (c:Call {id: $id})
OPTIONAL MATCH (c)-[old:FROM]->(:Party)
DELETE old
WITH DISTINCT c
OPTIONAL MATCH (:ContactPoint {valueKey: $point})<-[at:REACHABLE_AT]-(p:Party)
  WHERE (at.since IS NULL OR at.since <= $day) AND (at.until IS NULL OR at.until > $day) AND p.status <> 'ENDED'
WITH c, p ORDER BY p.id LIMIT 20
WITH c, collect(DISTINCT p) AS found
FOREACH (p IN found | MERGE (c)-[:FROM]->(p))
SET c.partyId = CASE WHEN size(found) = 1 THEN head(found).id END
RETURN c.partyId AS party
"""
"""Who may be calling: everybody who uses the number. Where that is one, it is the caller."""

CALL = f"""
MATCH (c:Call {{id: $id}})
RETURN {_CALL} AS call,
  head(COLLECT {{ MATCH (r:ServiceRequest {{key: 'call:' + c.id}})-[:CAUSED_BY]->(c) RETURN r.number }}) AS opened
"""
"""A call, and the request that was opened for it whether or not the call knows."""

LOCKED = f"""
MATCH (c:Call {{id: $id}})
SET c.lock = coalesce(c.lock, 0) + 1
WITH c
RETURN {_CALL} AS call, coalesce($now, datetime.realtime()).epochMillis AS now
"""

OPEN_CALLBACK = """
MATCH (d:CallEntry {callbackNumber: $number}) WHERE d.state = 'QUEUED'
RETURN d.id AS id ORDER BY d.createdAt, d.id LIMIT 1
"""

CALL_BACK = """
MATCH (c:Call {id: $id}), (d:CallEntry {id: $entry})
MERGE (c)-[:CALLED_BACK_BY]->(d)
SET c.callbackId = d.id
WITH d WHERE d.state = 'CANCELLED' AND d.stateReason = 'ANSWERED_AFTER_ALL'
SET d.state = 'QUEUED', d.stateReason = null
"""

NOT_CALLED_BACK = """
MATCH (c:Call {id: $id})-[back:CALLED_BACK_BY]->(d:CallEntry)
DELETE back
SET c.callbackId = null
WITH d WHERE d.state = 'QUEUED' AND (d.claimedUntil IS NULL OR d.claimedUntil <= datetime.realtime())
  AND NOT EXISTS { (:Call)-[:CALLED_BACK_BY]->(d) }
SET d.state = 'CANCELLED', d.stateReason = 'ANSWERED_AFTER_ALL'
"""
"""A late signal says that somebody answered: no call back is needed, unless another call asks for it too."""

CALLED_AGAIN = """
MATCH (d:CallEntry {callbackNumber: $number})
WHERE d.state = 'QUEUED' AND (d.claimedUntil IS NULL OR d.claimedUntil <= datetime.realtime())
  AND d.createdAt <= datetime({epochMillis: $at})
  AND NOT EXISTS { MATCH (c:Call)-[:CALLED_BACK_BY]->(d) WHERE c.begunAt > datetime({epochMillis: $at}) }
SET d.state = 'CANCELLED', d.stateReason = 'CALLED_AGAIN'
"""
"""Who waits to be called back called again and was served."""

TALKED = """
MATCH (c:Call {id: $id})
MATCH (p:Party {id: $party})
MERGE (i:Interaction {id: $interaction})
ON CREATE SET i.channel = 'PHONE', i.direction = 'INBOUND', i.actionClass = 'TRANSACTIONAL', i.purpose = 'SERVICE',
  i.source = 'switchboard', i.isNew = true
WITH c, p, i, coalesce(i.isNew, false) AS isNew
REMOVE i.isNew
SET i += $properties
FOREACH (_ IN CASE WHEN isNew THEN [1] ELSE [] END | CREATE (p)-[:HAD]->(i) CREATE (c)-[:BECAME]->(i))
"""

CALLER_OF = """
MATCH (r:ServiceRequest {number: $request})
SET r.contact = coalesce(r.contact, $contact)
WITH r WHERE r.partyId IS NULL
MATCH (p:Party {id: $party})
SET r.partyId = p.id
MERGE (p)-[:ASKED]->(r)
"""
"""Whose request it is, and how to reach the customer, where nobody knew when it was opened."""

SILENT = """
WITH coalesce($now, datetime.realtime()) AS clock
WITH datetime({epochMillis: clock.epochMillis}) AS now
UNWIND $states AS one
MATCH (c:Call {state: one.state}) WHERE c.heardAt <= now - duration({milliseconds: one.milliseconds})
RETURN c.id AS id, one.milliseconds AS milliseconds ORDER BY c.id LIMIT $most
"""

QUEUE = """
WITH coalesce($now, datetime.realtime()) AS clock
WITH datetime({epochMillis: clock.epochMillis}) AS now
CALL (now) {
  MATCH (c:Call {state: 'WAITING'}) WHERE $queue IS NULL OR c.queue = $queue
  RETURN count(c) AS waiting, max(now.epochMillis - c.begunAt.epochMillis) / 1000.0 AS longest
}
CALL (now) {
  MATCH (c:Call {state: 'ANSWERED'}) WHERE $queue IS NULL OR c.queue = $queue
  RETURN count(c) AS talking
}
CALL (now) {
  MATCH (c:Call) WHERE c.begunAt >= coalesce($since, now - duration({hours: 24})) AND c.begunAt < coalesce($until, now)
    AND ($queue IS NULL OR c.queue = $queue)
  RETURN count(c) AS calls, count(c.answeredAt) AS answered,
    count(CASE WHEN c.answeredAt IS NULL AND c.hungUp THEN 1 END) AS abandoned,
    count(CASE WHEN c.state = 'CALLBACK' THEN 1 END) AS callbacks,
    count(CASE WHEN c.state = 'REQUEST' THEN 1 END) AS requests,
    percentileCont(CASE WHEN c.answeredAt IS NOT NULL THEN c.waitSeconds END, 0.5) AS p50,
    percentileCont(CASE WHEN c.answeredAt IS NOT NULL THEN c.waitSeconds END, 0.95) AS p95,
    count(CASE WHEN c.answeredAt IS NOT NULL AND c.waitSeconds <= $within THEN 1 END) AS inTime
}
RETURN waiting, longest, talking, calls, answered, abandoned, callbacks, requests, p50, p95, inTime
"""
"""Who waits now, and what became of the calls of a period."""
