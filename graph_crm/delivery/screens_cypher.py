"""The statements of the screens: what waits for a customer there, and what was shown."""

from __future__ import annotations

PLACE = """
MATCH (p:Party {id: $properties.partyId})
MERGE (d:Delivery {key: $key})
ON CREATE SET d += $properties, d.createdAt = coalesce($now, datetime.realtime()), d.isNew = true
WITH p, d, coalesce(d.isNew, false) AS isNew
REMOVE d.isNew
FOREACH (_ IN CASE WHEN isNew THEN [1] ELSE [] END | CREATE (p)-[:WAS_SENT]->(d))
SET d.expiresAt = $properties.expiresAt, d.reservationId = $properties.reservationId
WITH d, isNew
MATCH (o:Offer {id: d.offerId}) WHERE isNew
CREATE (d)-[:FOR_OFFER]->(o)
"""

WAITING = """
WITH coalesce($now, datetime.realtime()) AS now
MATCH (o:Offer {partyId: $party})
WHERE o.status IN $statuses AND (o.validUntil IS NULL OR o.validUntil > now) AND $channel IN o.channels
  AND NOT EXISTS { MATCH (o)<-[:PROPOSED]-(d:Decision) WHERE d.mode = 'INBOUND' }
  AND NOT EXISTS { MATCH (m:RuleMode {rule: o.ruleId}) WHERE m.mode <> 'on' }
  AND NOT EXISTS { MATCH (d:Delivery {key: 'screen:' + o.id + ':' + $channel})
    WHERE NOT d.state IN ['QUEUED', 'PRESENTED'] }
RETURN o { .id, .productCode, .familyCode, .actionClass, .scripts, .reasons, .translations, .factors, .rank,
    createdAt: o.createdAt.epochMillis, validUntil: o.validUntil.epochMillis } AS offer,
  head(COLLECT { MATCH (o)-[:ABOUT]->(x:Product) RETURN x.name }) AS product,
  head(COLLECT { MATCH (o)-[:ANSWERED_BY]->(s:Response)
    WHERE s.channel = $channel AND s.outcome IN ['PRESENTED', 'CLICKED']
    AND s.at > now - duration({milliseconds: $same})
    RETURN s.id ORDER BY s.at DESC, s.id }) AS shown
"""
"""What the customer has not answered yet and may see on this kind of screen. Advice that was given to somebody who was
here, and what a rule proposed that is no longer on, is not among it. ``shown``: seen at this very contact."""

KNOWN = "MATCH (p:Party {id: $party}) RETURN p.id AS party, p.language AS language"

PRESENTED = """
MATCH (d:Delivery {key: $key})
SET d.state = 'PRESENTED', d.sentAt = coalesce(d.sentAt, $at), d.presentedAt = $at
WITH d
OPTIONAL MATCH (s:Response {id: $response})<-[:LED_TO]-(i:Interaction)
FOREACH (_ IN CASE WHEN i IS NULL THEN [] ELSE [1] END | MERGE (d)-[:BECAME]->(i))
RETURN d.id AS id, i.id AS interaction
"""
