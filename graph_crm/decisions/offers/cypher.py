"""The statements of responses and of the life of offers. The ledgers of the customer are locked before all of them."""

from __future__ import annotations

NOT_NEEDED = """CALL (o) {{
  MATCH (o)<-[:FOR_OFFER]-(w:Delivery) WHERE w.state = 'QUEUED' AND coalesce(w.unsure, false) = false
  SET w.state = 'CANCELLED', w.stateReason = {0}, w.endedAt = {1}
}}"""
"""Within a statement: messages about the offer ``o``, and its places on lists and screens, are not needed any more.

What is being sent is left alone. To be filled with the reason and the instant.
"""

CUSTOMER = "MATCH (o:Offer {id: $offer})-[:OFFERED_TO]->(p:Party) RETURN p.id AS party"
"""Whose offer it is; that never changes."""

STANDING = """
MATCH (o:Offer {id: $offer})
SET o.locked = true
REMOVE o.locked
WITH o
MATCH (o)-[:OFFERED_TO]->(p:Party)
OPTIONAL MATCH (o)<-[:PROPOSED]-(d:Decision)
WITH o, p, d,
  COLLECT { MATCH (o)<-[:FOR_OFFER]-(v:Reservation {state: 'HELD'})
    RETURN [v.id, v.channel, v.at.epochMillis, v.until.epochMillis] ORDER BY v.until DESC, v.id } AS slots,
  head(COLLECT { MATCH (i:Interaction {id: $interaction})
    RETURN [i.channel, EXISTS { (p)-[:HAD]->(i) }, i.at.epochMillis] }) AS named
WITH o, p, d, slots, named, coalesce($channel, named[0], slots[0][1], o.channel) AS channel
RETURN p.id AS party, channel, slots, named, o.status AS status, o.statusAt.epochMillis AS since,
  o.createdAt.epochMillis AS createdAt, o.validUntil.epochMillis AS validUntil, o.productCode AS product,
  o.familyCode AS family, o.channel AS chosen, o.pointKey AS point, o.actionClass AS class, o.features AS features,
  d.mode AS mode, d.modelVersion AS model,
  EXISTS { (o)-[:DELIVERED_AS]->() } OR EXISTS { (o)-[:ANSWERED_BY]->() } AS contacted,
  head(COLLECT { MATCH (o)-[:CONVERTED_TO]->(a:Agreement) RETURN a.id }) AS agreement,
  head(COLLECT { MATCH (s:Response {key: $key}) RETURN s.id }) AS known,
  head(COLLECT {
    MATCH (d)-[:PROPOSED]->(x:Offer)-[:DELIVERED_AS]->(i:Interaction)
    WHERE i.channel = channel AND i.at <= $contactUntil AND (x = o OR i.at >= $sameContactFrom)
    RETURN [i.id, i.at.epochMillis, x = o AND NOT EXISTS { MATCH (i)-[:LED_TO]->(:Response)<-[:ANSWERED_BY]-(o) }]
    ORDER BY i.at DESC, x = o DESC, i.id LIMIT 1
  }) AS contact
"""
"""An offer under its lock, with its slots, the contact that the caller names, and the last one on the channel.

Contacts of other offers of the same decision count as the same talk or the same screen from ``$sameContactFrom`` on.
The last part of ``contact`` says whether it was made for this offer and nothing was told of it yet.
"""

_LATEST = """MATCH (i)-[:LED_TO]->(s:Response)
  WITH i, s ORDER BY s.outcome IN ['ACCEPTED', 'REJECTED'] DESC, s.outcome = 'NO_ANSWER', s.at DESC,
    CASE s.outcome WHEN 'PRESENTED' THEN 0 WHEN 'CLICKED' THEN 1 ELSE 2 END DESC, s.id
  WITH i, head(collect(s)) AS s
  WHERE NOT (coalesce(i.outcome, '') IN ['ACCEPTED', 'REJECTED'] AND NOT s.outcome IN ['ACCEPTED', 'REJECTED'])
    AND NOT (s.outcome = 'NO_ANSWER' AND coalesce(i.outcome, 'NO_ANSWER') <> 'NO_ANSWER')
  SET i.outcome = s.outcome, i.callBackAt = s.callBackAt"""

RECORD = f"""
MATCH (o:Offer {{id: $offer}})-[:OFFERED_TO]->(p:Party)
SET o += $changes
CREATE (o)-[:ANSWERED_BY]->(r:Response {{id: $id, key: $key}})
SET r += $response
WITH o, p, r
CALL (o, p) {{
  UNWIND $contacts AS made
  CREATE (p)-[:HAD]->(i:Interaction {{id: made.id}})
  SET i += made.properties
}}
CALL () {{
  UNWIND $slots AS slot
  MATCH (v:Reservation {{id: slot.id}}) WHERE v.state = 'HELD'
  SET v.state = slot.state, v.reason = slot.reason, v.endedAt = $response.recordedAt
}}
CALL () {{
  MATCH (v:Reservation {{id: $used}}), (i:Interaction {{id: $interaction}})
  CREATE (v)-[:BECAME]->(i)
  SET v.interactionId = i.id,
    i += {{channel: v.channel, direction: v.direction, actionClass: v.actionClass, purpose: v.purpose,
      productCode: v.productCode, pointKey: v.pointKey, offerId: v.offerId, reservationId: v.id}}
}}
CALL (o, r) {{
  MATCH (i:Interaction {{id: $interaction}})
  MERGE (o)-[:DELIVERED_AS]->(i)
  MERGE (i)-[:LED_TO]->(r)
  WITH i
  {_LATEST}
}}
CALL (o) {{
  MATCH (a:Agreement {{id: $agreement}})
  MERGE (o)-[:CONVERTED_TO]->(a)
}}
WITH o, r
CALL (o, r) {{
  WITH o, r WHERE o.status IN $settled
  {NOT_NEEDED.format("'ANSWERED'", "$response.recordedAt")}
}}
RETURN r.id AS id
"""
"""Store an answer with its contact, the slots that it used or made needless, and what it led to.

A contact carries the outcome of the answers given at it: the final one, otherwise the latest. What was recorded with
it is not made less by what is told later: a refusal stays one, and a talk never becomes a call that nobody answered.
"""

SETTLE = f"""
MATCH (o:Offer {{partyId: $party}})
WHERE o.productCode = $product AND o.id <> $offer AND o.status IN $statuses
SET o.status = 'CANCELLED', o.statusReason = 'ANSWERED_ELSEWHERE', o.statusAt = $now
WITH o
{NOT_NEEDED.format("'ANSWERED_ELSEWHERE'", "$now")}
WITH o
MATCH (r:Reservation {{state: 'HELD'}})-[:FOR_OFFER]->(o)
SET r.state = 'CANCELLED', r.endedAt = $now, r.reason = 'ANSWERED_ELSEWHERE'
"""
"""The customer has said yes or no to a product: nobody calls about another offer of it. Under the ledgers."""

ACCEPTED_LATELY = """
MATCH (o:Offer {partyId: $party, productCode: $product, status: 'ACCEPTED'})-[:CONVERTED_TO]->(a:Agreement)
WHERE o.id <> $offer AND o.statusAt >= $from
RETURN a.id AS agreement ORDER BY a.id LIMIT 1
"""
"""The agreement that another offer of the same product has just led to."""

CONVERTED = "MATCH (a:Agreement {id: $agreement})<-[:CONVERTED_TO]-(o:Offer) RETURN o.id AS offer"
"""The offers that led to an agreement."""

# Slots are named without their label: with it the planner looks through every slot that is held.
OVER = """
WITH coalesce($now, datetime.realtime()) AS now
UNWIND $statuses AS status
MATCH (o:Offer {status: status})-[:OFFERED_TO]->(p:Party)
WHERE o.validUntil <= now AND NOT EXISTS { MATCH (o)<-[:FOR_OFFER]-(v) WHERE v.state = 'HELD' AND v.until > now }
RETURN o.id AS offer, p.id AS party ORDER BY o.validUntil LIMIT $most
"""
"""Open offers whose time is over, from the index. Where a slot is held somebody may be talking about it right now."""

EXPIRE = f"""
UNWIND $offers AS id
MATCH (o:Offer {{id: id}})
SET o.locked = true
REMOVE o.locked
WITH o WHERE o.status IN $statuses AND o.validUntil <= $now
  AND NOT EXISTS {{ MATCH (o)<-[:FOR_OFFER]-(v) WHERE v.state = 'HELD' AND v.until > $now }}
WITH o, o.status IN $seen AS seen
SET o.status = 'EXPIRED', o.statusReason = 'VALIDITY_OVER', o.statusAt = o.validUntil
WITH o, seen
{NOT_NEEDED.format("'OFFER_EXPIRED'", "$now")}
WITH o, seen
CALL (o, seen) {{
  WITH o, seen WHERE seen
  MERGE (r:Response {{key: o.id + '|IGNORED|' + toString(o.validUntil.epochMillis)}})
  ON CREATE SET r.id = 'response:' + randomUUID(), r.outcome = 'IGNORED', r.at = o.validUntil, r.recordedAt = $now,
    r.channel = o.channel, r.by = 'platform', r.offerId = o.id, r.partyId = o.partyId, r.productCode = o.productCode,
    r.familyCode = o.familyCode
  MERGE (o)-[:ANSWERED_BY]->(r)
  RETURN collect(r.id) AS ignored
}}
RETURN o.id AS offer, o.partyId AS party, o.productCode AS product, o.channel AS channel, o.features AS features,
  o.familyCode AS family, o.validUntil.epochMillis AS at, ignored
"""
"""End offers whose time is over. Who heard or saw one and said nothing until then has ignored it."""

DUE = """
WITH coalesce($now, datetime.realtime()) AS now
UNWIND $statuses AS status
MATCH (o:Offer {status: status})
WHERE o.notBefore <= now AND (o.validUntil IS NULL OR o.validUntil > now)
  AND (o.askedFor IS NULL OR o.askedFor <> o.notBefore)
RETURN o.id AS offer ORDER BY o.notBefore LIMIT $most
"""

ASK_AGAIN = """
WITH coalesce($now, datetime.realtime()) AS now
UNWIND $offers AS id
MATCH (o:Offer {id: id})
SET o.locked = true
REMOVE o.locked
WITH o, now
WHERE o.status IN $statuses AND o.notBefore <= now AND (o.askedFor IS NULL OR o.askedFor <> o.notBefore)
SET o.askedFor = o.notBefore
RETURN o.id AS offer, o.partyId AS party, o.notBefore.epochMillis AS notBefore
"""
"""Take the turn of offers whose time has come: of several processes one puts them back to be judged."""
