"""The statements of the delivery."""

from __future__ import annotations

from graph_crm.contacts.cypher import APPROVED
from graph_crm.contacts.ledger import OF_PARTY

QUEUE = """
UNWIND $rows AS row
OPTIONAL MATCH (p:Party {id: row.partyId})
WITH row, p WHERE row.partyId IS NULL OR p IS NOT NULL
MERGE (d:Delivery {key: row.key})
ON CREATE SET d += row.properties, d.createdAt = datetime.realtime(), d.isNew = true
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
RETURN d.key AS key, d.id AS id
"""

WHOSE = "MATCH (d:Delivery {id: $id}) RETURN d.id AS id, d.partyId AS party, d.state AS state"
"""Whom a message is for; that never changes."""

_LOCKED = """MATCH (d:Delivery {id: $id})
SET d.locked = true
REMOVE d.locked
"""

_TOLD = f"""
WITH d, coalesce($now, datetime.realtime()) AS now
RETURN now.epochMillis AS now,
  d {{ .id, .key, .state, .partyId, .to, .channel, .pointKey, .wantedChannel, .wantedPoint, .actionClass, .purpose,
    .template, .language, .variables, .subject, .attempts, .reservationId, .offerId, .requestId, .attachments,
    .providerId, .unsure, .sendingBy, notBefore: d.notBefore.epochMillis, expiresAt: d.expiresAt.epochMillis
  }} AS delivery,
  head(COLLECT {{ MATCH (p:Party {{id: d.partyId}})
    RETURN p {{ .id, .displayName, .language, .timeZone, .street, .city, .postalCode, .country }} }}) AS party,
  head(COLLECT {{ MATCH (r:Reservation {{id: d.reservationId}})
    RETURN r {{ .id, .state, .channel, .pointKey, .direction, .actionClass, .purpose, .productCode,
      at: r.at.epochMillis, until: r.until.epochMillis }} }}) AS reservation,
  head(COLLECT {{ MATCH (o:Offer {{id: d.offerId}})
    RETURN o {{ .id, .status, .statusReason, .productCode, .familyCode, .channels, .actionClass }} }}) AS offer,
  head(COLLECT {{ MATCH (q:ServiceRequest {{id: d.requestId}}) RETURN q.number }}) AS request,
  {APPROVED} AS overrides
"""

MESSAGE = _LOCKED + _TOLD
"""A message under its lock with all that decides whether it may go."""

MESSAGES = "UNWIND $ids AS id\n" + _LOCKED.replace("$id", "id") + _TOLD
"""The same of several messages."""

SENDING = """
UNWIND range(0, size($rows) - 1) AS place
WITH place, $rows[place] AS row, datetime({epochMillis: $now}) AS now
MATCH (d:Delivery {id: row.id})
SET d.state = 'SENDING', d.stateReason = null, d.sendingAt = now, d.attempts = d.attempts + 1,
  d.sendingBy = row.by, d.channel = row.channel, d.pointKey = row.point, d.language = row.language,
  d.subject = row.subject, d.reservationId = row.reservationId, d.triedSince = coalesce(d.triedSince, now)
RETURN place, d.attempts AS attempts, d.triedSince.epochMillis AS since, coalesce(d.unknown, 0) AS unknown
"""
"""From here on the messages may have gone."""

END = f"""
{_LOCKED}
WITH d WHERE d.state IN $from
SET d.state = $state, d.stateReason = $reason, d.diagnostic = $diagnostic, d.endedAt = $now
RETURN d.id AS id
"""

LATER = f"""
{_LOCKED}
WITH d WHERE d.state IN ['QUEUED', 'SENDING']
SET d.unsure = CASE WHEN d.state = 'SENDING' AND $unsure THEN true ELSE d.unsure END,
  d.unknown = coalesce(d.unknown, 0) + CASE WHEN d.state = 'SENDING' AND $unsure THEN 1 ELSE 0 END,
  d.state = 'QUEUED', d.stateReason = $reason, d.diagnostic = $diagnostic, d.notBefore = $at,
  d.channel = CASE WHEN d.unsure THEN d.channel ELSE d.wantedChannel END,
  d.pointKey = CASE WHEN d.unsure THEN d.pointKey ELSE d.wantedPoint END, d.turn = coalesce(d.turn, 0) + 1
RETURN d.turn AS turn
"""
"""Wait for another time. Which way it goes is chosen anew then, unless it may have gone already."""

CLOCK = "RETURN datetime.realtime().epochMillis AS now"

WHOSE_SLOT = """
MATCH (d:Delivery {id: $id})
RETURN d.partyId AS party, d.reservationId AS slot, d.channel AS channel, d.pointKey AS point, d.to AS to,
  head(COLLECT { MATCH (o:Offer {id: d.offerId}) RETURN o.productCode }) AS product
"""

CONFIRMED_UNDER_LEDGERS = """
MATCH (r:Reservation {id: $slot})
SET r.turn = coalesce(r.turn, 0) + 1
WITH r, coalesce($now, datetime.realtime()) AS now WHERE r.state = 'HELD'
SET r.state = 'CONFIRMED', r.endedAt = now, r.interactionId = $interactionId
WITH r, now
MATCH (r)-[:FOR_OFFER]->(o:Offer) WHERE o.status = 'RESERVED'
SET o.status = 'PRESENTED', o.statusReason = 'CONTACT_MADE', o.statusAt = now, o.notBefore = null
"""
"""A slot was used, as the desk confirms it, by a caller that holds the ledgers already."""

# The ledgers come before the messages, as everywhere, and the clock after them.
SENT = f"""
CALL () {{
  UNWIND $parties AS party
  MATCH (p:Party {{id: party}})
  UNWIND {OF_PARTY} AS key
  WITH DISTINCT key ORDER BY key
  MERGE (l:ContactLedger {{key: key}})
  SET l.version = coalesce(l.version, 0) + 1
  RETURN count(l) AS locks
}}
WITH locks
UNWIND $rows AS row
MATCH (d:Delivery {{id: row.id}})
SET d.locked = true
REMOVE d.locked
WITH d, row, locks WHERE d.state = 'SENDING' OR d.unsure
WITH d, row, CASE WHEN locks >= 0 THEN coalesce($now, datetime.realtime()) END AS now
SET d.state = row.state, d.stateReason = row.reason, d.diagnostic = row.diagnostic, d.sentAt = now,
  d.providerId = row.providerId, d.deliveredAt = CASE row.state WHEN 'DELIVERED' THEN now END
WITH d, row, now
CALL (d, row, now) {{
  MATCH (p:Party {{id: d.partyId}})
  MERGE (i:Interaction {{id: row.interactionId}})
  ON CREATE SET i.channel = d.channel, i.direction = 'OUTBOUND', i.actionClass = d.actionClass, i.purpose = d.purpose,
    i.pointKey = d.pointKey, i.offerId = d.offerId, i.reservationId = d.reservationId, i.productCode = row.product,
    i.at = now
  MERGE (p)-[:HAD]->(i)
  MERGE (d)-[:BECAME]->(i)
  SET i.deliveryId = d.id
}}
CALL (d, row) {{
  MATCH (r:Reservation {{id: d.reservationId}}), (i:Interaction {{id: row.interactionId}})
  MERGE (r)-[:BECAME]->(i)
  SET r.interactionId = i.id
  WITH r, i
  MATCH (r)-[:FOR_OFFER]->(o:Offer)
  MERGE (o)-[:DELIVERED_AS]->(i)
}}
RETURN d.id AS id
"""
"""The channel took them: each message with the contact that it was, whatever became of its slot meanwhile."""

REPLACE = """
MATCH (new:Delivery {id: $new}), (old:Delivery {id: $old})
MERGE (new)-[:REPLACES]->(old)
"""

TRIED = """
MATCH (d:Delivery {id: $id})-[:REPLACES*0..10]->(x:Delivery)
RETURN x.channel AS channel, x.pointKey AS point
"""
"""The ways that a message and those that it replaces have gone."""

TRIED_FOR_OFFER = """
MATCH (o:Offer {id: $offer})<-[:FOR_OFFER]-(d:Delivery)
WHERE d.state IN ['FAILED', 'BOUNCED']
RETURN d.id AS id, d.state AS state, d.channel AS channel, d.pointKey AS point ORDER BY d.createdAt DESC, d.id
"""

LET_GO = """
MATCH (r:Reservation {id: $id})
SET r.turn = coalesce(r.turn, 0) + 1
WITH r WHERE r.state = 'HELD'
SET r.state = 'RELEASED', r.endedAt = $now, r.reason = $reason
"""
"""Give a slot back under the ledgers that the caller holds."""

OFFER_AGAIN = """
MATCH (o:Offer {id: $id})
SET o.locked = true
REMOVE o.locked
WITH o WHERE o.status IN $from
SET o.status = $status, o.statusReason = $reason, o.statusAt = $now, o.notBefore = $notBefore, o.pointKey = null
RETURN o.id AS id
"""

OFFER_PLACED = """
MATCH (o:Offer {id: $offer})-[:OFFERED_TO]->(p:Party), (r:Reservation {id: $reservation})
OPTIONAL MATCH (x:Product {code: o.productCode})
RETURN p.id AS party, p.language AS language, p.displayName AS name, o.status AS status, o.productCode AS product,
  coalesce(x.name, o.productCode) AS productName, o.channels AS channels, o.script AS script, o.scripts AS scripts,
  o.skill AS skill, o.reasons AS reasons, o.translations AS translations, o.factors AS factors,
  o.actionClass AS actionClass, o.validUntil.epochMillis AS validUntil, r.state AS state, r.channel AS channel,
  r.pointKey AS point, r.purpose AS purpose, r.at.epochMillis AS at, r.until.epochMillis AS until
"""

BY_MESSAGE = """
MATCH (d:Delivery {providerId: $message})
WHERE $channel IS NULL OR d.channel = $channel
RETURN d.id AS id, d.state AS state ORDER BY d.createdAt DESC LIMIT 1
"""

DELIVERED = f"""
{_LOCKED}
WITH d WHERE d.state IN ['SENDING', 'SENT']
SET d.state = 'DELIVERED', d.deliveredAt = datetime.realtime(), d.providerId = coalesce(d.providerId, $message)
RETURN d.id AS id
"""

NOTED = f"""
{_LOCKED}
SET d.diagnostic = $diagnostic
"""

ASKED_AGAIN = """
MATCH (d:Delivery)
WHERE d.channel IN $channels AND d.state = 'SENT' AND d.createdAt > datetime.realtime() - duration({days: $days})
  AND d.providerId IS NOT NULL
  AND (d.askedAt IS NULL OR d.askedAt < datetime.realtime() - duration({minutes: $minutes}))
WITH d ORDER BY d.createdAt LIMIT $most
SET d.askedAt = datetime.realtime()
RETURN d.id AS id, d.channel AS channel, d.providerId AS provider
"""

COPIED = """
MATCH (d:Delivery {id: $id})
RETURN d { .id, .state, .partyId, .to, .wantedChannel, .wantedPoint, .actionClass, .purpose, .template, .language,
  .variables, .offerId, .requestId, .attachments } AS delivery,
  COUNT { (d)<-[:REPLACES]-(:Delivery) } AS again
"""

CANCEL = f"""
{_LOCKED}
WITH d, d.state IN $from AS open
SET d.diagnostic = CASE WHEN open THEN $diagnostic ELSE d.diagnostic END,
  d.stateReason = CASE WHEN open THEN $reason ELSE d.stateReason END,
  d.endedAt = CASE WHEN open THEN datetime.realtime() ELSE d.endedAt END,
  d.state = CASE WHEN open THEN $state ELSE d.state END
RETURN d.state AS state
"""
