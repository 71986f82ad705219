"""The statements of consent: what was said is only ever added; what it forbids is cancelled where it still waits."""

from __future__ import annotations

from graph_crm.decisions.offers.cypher import NOT_NEEDED

CLOCK = "RETURN datetime.realtime().epochMillis AS now"
"""The database's own now: what it has stored is never later."""

STANDING = """
OPTIONAL MATCH (p:Party {id: $partyId})
RETURN p IS NOT NULL AS known,
  COLLECT {
    MATCH (p)-[:REACHABLE_AT]->(c:ContactPoint) WHERE c.valueKey IN $points RETURN DISTINCT c.valueKey
  } AS points,
  COLLECT { UNWIND $ids AS id MATCH (c:Consent {id: id}) RETURN c.id } AS taken
"""
"""Whether the party is known, which of these contact points it uses or used, and which of these ids are taken."""

RECORD = """
MATCH (p:Party {id: $partyId})
UNWIND $statements AS statement
CREATE (p)-[:GAVE]->(c:Consent)
SET c = statement, c.partyId = p.id, c.recordedAt = $now
"""

_RESERVATION = """v { .id, .partyId, .channel, .direction, .actionClass, .purpose, .productCode, .pointKey, .offerId,
    familyCode: head(COLLECT { MATCH (x:Product {code: v.productCode}) RETURN x.familyCode }) }"""
# A message that may have gone already is settled by whoever sends it.
_DELIVERY = """w { .id, .partyId, .channel, .actionClass, .purpose, .pointKey, .offerId, .reservationId, .to,
    productCode: head(COLLECT { MATCH (o:Offer {id: w.offerId}) RETURN o.productCode }),
    familyCode: head(COLLECT { MATCH (o:Offer {id: w.offerId}) RETURN o.familyCode }) }"""
_WAITS = "v.state = 'HELD' AND v.until > $now"

PENDING = f"""
MATCH (p:Party {{id: $partyId}})
RETURN
  COLLECT {{
    MATCH (p)-[:RESERVED]->(v:Reservation) WHERE {_WAITS} RETURN {_RESERVATION} ORDER BY v.id
  }} AS reservations,
  COLLECT {{
    MATCH (p)<-[:FOR]-(:Decision)-[:PROPOSED]->(o:Offer) WHERE o.status IN $open
    RETURN o {{ .id, .actionClass, .channel, .channels, .productCode, .familyCode, .pointKey, .status }} ORDER BY o.id
  }} AS offers,
  COLLECT {{
    MATCH (w:Delivery {{partyId: $partyId, state: 'QUEUED'}}) WHERE coalesce(w.unsure, false) = false
    RETURN {_DELIVERY} ORDER BY w.id
  }} AS deliveries
"""
"""What of the party is still to happen: `$open` are the states of an offer that can still be cancelled."""

RESERVED_AT_POINTS = f"""
UNWIND $points AS point
MATCH (v:Reservation {{pointKey: point}}) WHERE {_WAITS} AND v.partyId <> $partyId
RETURN {_RESERVATION} AS reservation,
  head(COLLECT {{
    MATCH (v)-[:FOR_OFFER]->(o:Offer) WHERE o.status IN $open
    RETURN o {{ .id, .actionClass, .channel, .channels, .productCode, .familyCode, .pointKey, .status }}
  }}) AS offer
ORDER BY v.id
"""
"""What others hold at these contact points, each with its offer where that is open."""

QUEUED_AT_POINTS = f"""
UNWIND $points AS point
MATCH (w:Delivery {{pointKey: point, state: 'QUEUED'}})
WHERE w.partyId <> $partyId AND coalesce(w.unsure, false) = false
RETURN {_DELIVERY} AS delivery ORDER BY w.id
"""
"""Messages to others that wait to be sent to these contact points."""

TO_CANCEL = f"""
UNWIND $refusals AS refusal
MATCH (p:Party {{id: refusal.partyId}})
WITH p, collect(DISTINCT refusal.pointKey) AS points
WITH p, points,
  EXISTS {{ MATCH (p)-[:RESERVED]->(v:Reservation) WHERE {_WAITS} }}
    OR EXISTS {{ MATCH (p)<-[:FOR]-(:Decision)-[:PROPOSED]->(o:Offer) WHERE o.status IN $open }}
    OR EXISTS {{ MATCH (:Delivery {{partyId: p.id, state: 'QUEUED'}}) }} AS own,
  [point IN points WHERE EXISTS {{
    MATCH (v:Reservation {{pointKey: point}}) WHERE {_WAITS} AND v.partyId <> p.id
  }} OR EXISTS {{
    MATCH (w:Delivery {{pointKey: point, state: 'QUEUED'}}) WHERE w.partyId <> p.id
  }}] AS shared
WHERE own OR size(shared) > 0
RETURN p.id AS partyId, shared ORDER BY p.id
"""
"""Of many refusals at once those that can forbid something: with what others have reserved at the points they name."""

CANCEL_RESERVATIONS = """
UNWIND $rows AS row
MATCH (v:Reservation {id: row.id})
SET v.locked = true
REMOVE v.locked
WITH v, row WHERE v.state = 'HELD'
SET v.state = 'CANCELLED', v.endedAt = $now, v.reason = row.reason
RETURN v.id AS id
"""

CANCEL_DELIVERIES = """
UNWIND $rows AS row
MATCH (w:Delivery {id: row.id})
SET w.locked = true
REMOVE w.locked
WITH w, row WHERE w.state = 'QUEUED'
SET w.state = 'CANCELLED', w.stateReason = row.code, w.diagnostic = row.reason, w.endedAt = $now
RETURN w.id AS id
"""

CHANGE_OFFERS = f"""
UNWIND $rows AS row
MATCH (o:Offer {{id: row.id}})
SET o.locked = true
REMOVE o.locked
WITH o, row WHERE o.status IN $open
SET o.status = row.status, o.statusReason = row.reason, o.statusAt = $now, o.pointKey = row.pointKey,
  o.notBefore = CASE WHEN row.status <> 'WAITING' OR o.notBefore > $now THEN o.notBefore ELSE $now END
WITH o, row
{NOT_NEEDED.format("o.statusReason", "$now")}
RETURN o.id AS id
"""
"""Cancel offers, or let those wait for another slot that can still be made in another way.

An instant for which they were judged before does not call them up again: they wait until now.
"""

FLAG = """
MATCH (p:Party {id: $partyId})
SET p.locked = true
REMOVE p.locked
WITH p, coalesce(p.vulnerable, false) AS was
SET p.vulnerable = $vulnerable, p.vulnerableReason = $reason,
  p.vulnerableSince = CASE WHEN NOT $vulnerable THEN null WHEN was THEN coalesce(p.vulnerableSince, $now) ELSE $now END,
  p.version = p.version + 1, p.updatedAt = $now
RETURN p.version AS version
"""

BLOCK = """
MATCH (c:ContactPoint {valueKey: $point})
SET c.blocked = $blocked, c.blockedReason = $reason, c.blockedAt = CASE WHEN $blocked THEN $now END
RETURN c.valueKey AS point
"""

HAVE_SLOTS = """
MATCH (r:Reservation {state: 'HELD'}) WHERE r.until > datetime.realtime()
RETURN DISTINCT r.partyId AS party ORDER BY party
"""
"""The customers for whom a contact is reserved, from the index."""
