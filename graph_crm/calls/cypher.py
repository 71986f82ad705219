"""The statements of the call list: who is called next, by whom, and what became of it."""

from __future__ import annotations

# The index of state and rank is walked from below: what may be called now, the best first, then the oldest. Whose time
# comes later has the instant itself as its rank, above 0: however many wait for tomorrow, a claim does not meet them.
_RANKED = """SET d.rank = CASE WHEN d.state = 'QUEUED' AND d.notBefore > now THEN toFloat(d.notBefore.epochMillis)
  ELSE -d.priority END"""

PLACE = f"""
WITH coalesce($now, datetime.realtime()) AS now
MERGE (d:Delivery {{key: $key}})
ON CREATE SET d:CallEntry, d += $properties, d.createdAt = now, d.isNew = true
WITH d, now, coalesce(d.isNew, false) AS isNew
REMOVE d.isNew
WITH d, now, isNew
CALL (d, now, isNew) {{
  WITH d, now, isNew WHERE isNew
  {_RANKED}
  WITH d
  OPTIONAL MATCH (p:Party {{id: d.partyId}})
  FOREACH (_ IN CASE WHEN p IS NULL THEN [] ELSE [1] END | CREATE (p)-[:WAS_SENT]->(d))
  WITH d
  OPTIONAL MATCH (o:Offer {{id: d.offerId}})
  FOREACH (_ IN CASE WHEN o IS NULL THEN [] ELSE [1] END | CREATE (d)-[:FOR_OFFER]->(o))
}}
CALL (d, isNew) {{
  WITH d, isNew WHERE isNew AND d.offerId IS NOT NULL
  MATCH (old:CallEntry {{offerId: d.offerId}}) WHERE old <> d AND old.state = 'QUEUED'
  SET old.state = 'CANCELLED', old.stateReason = 'REPLACED', old.claimedUntil = null
}}
RETURN d.id AS id
"""
"""Put somebody on the list, once for each key; an offer that got another slot has one entry."""

AGENT = """
WITH coalesce($now, datetime.realtime()) AS now
OPTIONAL MATCH (e:Employee {id: $agent})
RETURN coalesce(e.languages, []) AS languages, [one IN coalesce(e.skills, []) | toLower(one)] AS skills,
  coalesce(e.active, true) AS active,
  COLLECT { MATCH (x:Employee) WHERE x.id <> $agent AND coalesce(x.active, true)
      AND NOT EXISTS { MATCH (x)-[:ABSENT]->(away:Absence) WHERE away.from <= now AND away.until > now }
    UNWIND coalesce(x.skills, []) AS skill RETURN DISTINCT toLower(skill) } AS others
"""
"""Who the agent is, and what the others can do who are not away now.

An agent who is no employee can do nothing in particular.
"""

TAKE_TURN = """
MERGE (l:Lock {name: 'call list'})
SET l.turn = coalesce(l.turn, 0) + 1
WITH l, coalesce($now, datetime.realtime()) AS clock
WITH datetime({epochMillis: clock.epochMillis}) AS now
RETURN now.epochMillis AS now,
  head(COLLECT { MATCH (d:CallEntry {claimedBy: $agent}) WHERE d.state = 'QUEUED' AND d.claimedUntil > now
    RETURN d.id ORDER BY d.claimedUntil DESC, d.id }) AS own
"""
"""One agent at a time takes from the list; the lock has no other use. ``own``: what the agent has taken already."""

WAKE = """
WITH coalesce($now, datetime.realtime()) AS clock
WITH toFloat(clock.epochMillis) AS now
MATCH (d:CallEntry) WHERE d.state = 'QUEUED' AND d.rank > 0.0 AND d.rank <= now
WITH d, now ORDER BY d.state, d.rank LIMIT $most
SET d.turn = coalesce(d.turn, 0) + 1
WITH d, now WHERE d.state = 'QUEUED' AND d.rank > 0.0 AND d.rank <= now
SET d.rank = -d.priority
RETURN count(d) AS woken
"""
"""Put those whose time has come in the place of their priority."""

# Somebody who is on the phone with the bank, in either direction, is not called by a second agent; and a phone rings
# for one person at a time. Who waits to be called back is not left to an agent who is not there.
CLAIM = """
WITH datetime({epochMillis: $at}) AS now
MATCH (d:CallEntry) WHERE d.state = 'QUEUED' AND d.rank <= 0.0
WITH d, now ORDER BY d.state, d.rank
WITH d, now, d.offerId IS NULL
  AND coalesce(d.notBefore, d.createdAt) <= now - duration({milliseconds: $anybody}) AS forAnybody
WHERE coalesce(d.notBefore, now) <= now AND NOT coalesce(d.expiresAt <= now, false)
  AND coalesce(d.claimedUntil, now) <= now AND NOT d.id IN $passed
  AND ($queue IS NULL OR toLower(d.queue) = toLower($queue))
  AND ($queue IS NOT NULL OR $skills = [] OR forAnybody OR toLower(d.queue) IN $open OR toLower(d.queue) IN $skills
    OR NOT toLower(d.queue) IN $others)
  AND (d.skill IS NULL OR toLower(d.skill) IN $skills OR NOT toLower(d.skill) IN $others)
WITH d, now, forAnybody
WHERE NOT EXISTS { MATCH (x:CallEntry {partyId: d.partyId}) WHERE x.claimedUntil > now AND x.state = 'QUEUED' }
  AND NOT EXISTS { MATCH (x:CallEntry {pointKey: d.pointKey}) WHERE x.claimedUntil > now AND x.state = 'QUEUED' }
  AND NOT EXISTS { MATCH (c:Call {partyId: d.partyId}) WHERE c.state IN ['WAITING', 'ANSWERED'] }
  AND ($languages IS NULL OR forAnybody OR NOT EXISTS { MATCH (p:Party {id: d.partyId})
    WHERE p.language IS NOT NULL AND NOT split(toLower(p.language), '-')[0] IN $languages })
WITH d, now LIMIT 1
SET d.claimedBy = $agent, d.claimedAt = now, d.claimedUntil = now + duration({milliseconds: $milliseconds}),
  d.claims = coalesce(d.claims, 0) + 1, d.claimants = coalesce(d.claimants, []) + [$agent],
  d.callers = CASE WHEN $agent IN coalesce(d.callers, []) THEN d.callers ELSE coalesce(d.callers, []) + [$agent] END
RETURN d.id AS id
"""
"""Take the first entry that may be called now; the turn is taken before, in the same transaction.

The index gives the entries in the order of their rank, of one rank the oldest first: those that come later are not
looked at, however long the list is. A queue that is named like a skill is for those who have it, and so is an entry
with a skill; what nobody else can do is for everybody.
"""

PROLONG = """
MATCH (d:CallEntry {id: $id})
SET d.claimedUntil = datetime({epochMillis: $at + $milliseconds})
"""

CLOCK = "RETURN datetime.realtime().epochMillis AS now"

OF = "MATCH (d:CallEntry {id: $id}) RETURN d.partyId AS party"
"""Whom an entry is about; that never changes. Null: nobody whom the bank knows."""

POINT_OF = """MATCH (d:CallEntry {id: $id})
OPTIONAL MATCH (c:ContactPoint {valueKey: d.pointKey}) RETURN c.valueKey AS point"""

_ENTRY = """d { .id, .state, .stateReason, .queue, .priority, .partyId, .to, .pointKey, .actionClass, .purpose,
  .productCode, .offerId, .reservationId, .callId, .outcome, .claimedBy, .callers, .claims, .reported, .reports,
  .claimants, .attempts,
  claimedUntil: d.claimedUntil.epochMillis, notBefore: d.notBefore.epochMillis, expiresAt: d.expiresAt.epochMillis,
  interactionId: head(COLLECT { MATCH (d)-[:BECAME]->(i:Interaction) RETURN i.id })}"""

ENTRY = f"""
MATCH (d:CallEntry {{id: $id}})
SET d.turn = coalesce(d.turn, 0) + 1
WITH d
RETURN {_ENTRY} AS entry,
  head(COLLECT {{ MATCH (r:Reservation {{id: d.reservationId}})
    RETURN {{state: r.state, at: r.at.epochMillis, until: r.until.epochMillis}} }}) AS slot,
  head(COLLECT {{ MATCH (o:Offer {{id: d.offerId}})
    RETURN {{status: o.status, family: o.familyCode, validUntil: o.validUntil.epochMillis,
      off: EXISTS {{ MATCH (m:RuleMode {{rule: o.ruleId}}) WHERE m.mode <> 'on' }}}} }}) AS offer
"""
"""An entry under its lock, with its slot and its offer as they are now."""

CHANGE = f"""
MATCH (d:CallEntry {{id: $id}})
SET d += $properties
WITH d, coalesce($now, datetime.realtime()) AS now
{_RANKED}
RETURN d.id AS id
"""

CALLED = """
MATCH (d:CallEntry {id: $id})
SET d += $properties
WITH d
OPTIONAL MATCH (s:Response {id: $response})<-[:LED_TO]-(i:Interaction)
FOREACH (_ IN CASE WHEN i IS NULL THEN [] ELSE [1] END | MERGE (d)-[:BECAME]->(i))
"""
"""The call was made; the contact at which the answer was given is the one that the entry became."""

CONTACT = """
MATCH (d:CallEntry {id: $id})
OPTIONAL MATCH (p:Party {id: d.partyId})
WITH d, p WHERE p IS NOT NULL
CREATE (p)-[:HAD]->(i:Interaction {id: $interaction})
SET i += $properties, i.channel = 'PHONE', i.direction = 'OUTBOUND', i.actionClass = d.actionClass,
  i.purpose = d.purpose, i.pointKey = d.pointKey, i.productCode = d.productCode, i.reservationId = d.reservationId
CREATE (d)-[:BECAME]->(i)
WITH d, i
MATCH (r:Reservation {id: d.reservationId}) WHERE r.state = 'HELD'
SET r.state = 'CONFIRMED', r.endedAt = i.at, r.interactionId = i.id
CREATE (r)-[:BECAME]->(i)
"""
"""A call without an offer is a contact too, and uses its slot where it has one."""

OVERDUE = """
WITH coalesce($now, datetime.realtime()) AS now
MATCH (d:CallEntry) WHERE d.state = 'QUEUED' AND d.expiresAt <= now
WITH d, now ORDER BY d.id LIMIT $most
SET d.turn = coalesce(d.turn, 0) + 1
WITH d, now WHERE d.state = 'QUEUED' AND d.expiresAt <= now AND (d.claimedUntil IS NULL OR d.claimedUntil <= now)
SET d.state = 'EXPIRED', d.stateReason = 'NOT_CALLED_IN_TIME'
RETURN count(d) AS ended
"""

NUMBERS = """
WITH coalesce($now, datetime.realtime()) AS now
CALL (now) {
  MATCH (d:CallEntry) WHERE d.state = 'QUEUED' AND d.rank IS NOT NULL AND ($queue IS NULL OR d.queue = $queue)
  WITH d, coalesce(d.claimedUntil > now, false) AS taken, coalesce(d.notBefore > now, false) AS later
  RETURN count(CASE WHEN taken THEN 1 END) AS taken, count(CASE WHEN NOT taken AND later THEN 1 END) AS later,
    count(CASE WHEN NOT taken AND NOT later THEN 1 END) AS waiting,
    min(CASE WHEN NOT taken AND NOT later THEN coalesce(d.notBefore, d.createdAt).epochMillis END) AS oldest
}
RETURN taken, later, waiting, oldest, now.epochMillis AS now
"""
