"""The statements of contacts: interactions, reservations of contact slots, overrides of limits."""

from __future__ import annotations

from graph_crm.contacts.ledger import LOCKED_IF_UNCHANGED, LOCKED_RESERVATIONS, OF_PARTY

RECORD_INTERACTION = """
MATCH (p:Party {id: $partyId})
MERGE (i:Interaction {id: $id})
ON CREATE SET i.fresh = true
WITH p, i, coalesce(i.fresh, false) AS created
REMOVE i.fresh
SET i += $properties
MERGE (p)-[:HAD]->(i)
RETURN created
"""
"""No row: the party is unknown. `created` false: the id was taken, and the caller rolls back."""

RECORDED_ABOUT = """
RETURN EXISTS { MATCH (:Product {code: $code}) } AS product,
  EXISTS { MATCH (:Party {id: $partyId})-[:REACHABLE_AT]->(:ContactPoint {valueKey: $point}) } AS point
"""
"""Whether the product of a contact is in the catalogue, and whether the customer was ever reachable at the point."""

# Contact slots

_RESERVATION = """[p.id, r.id, r.key, r.state, r.channel, r.direction, r.actionClass, r.purpose, r.productCode,
    r.pointKey, r.at.epochMillis, r.until.epochMillis, r.offerId, r.interactionId, r.overrides]"""

APPROVED = """COLLECT {
    MATCH (v:LimitOverride) WHERE v.status = 'APPROVED' AND v.until > now
    RETURN [v.id, v.limit, v.segment, v.days, v.from.epochMillis, v.until.epochMillis, v.reason] ORDER BY v.id
  }"""

# The clock hangs on the versions, so that it is read after them.
SITUATION = f"""
WITH COLLECT {{
  MATCH (p:Party {{id: $party}})
  UNWIND {OF_PARTY} AS key
  OPTIONAL MATCH (l:ContactLedger {{key: key}})
  RETURN [key, coalesce(l.version, 0)]
}} AS versions
WITH versions, CASE WHEN size(versions) >= 0 THEN coalesce($now, datetime.realtime()) END AS now
RETURN versions, now.epochMillis AS now,
  COLLECT {{ MATCH (p:Party)-[:RESERVED]->(r:Reservation {{key: $key}}) RETURN {_RESERVATION} }} AS held,
  COLLECT {{ MATCH (x:Product {{code: $product}}) RETURN [x.code, x.familyCode] }} AS product,
  COLLECT {{ MATCH (o:Offer {{id: $offer}})
    RETURN [o.partyId, o.status, o.productCode, o.familyCode, coalesce(o.actionClass, 'PROMOTIONAL')] }} AS offer,
  {APPROVED} AS overrides
"""
"""What a question about a slot needs beside the customer: versions of the ledgers, clock, slot of this key, product,
offer, overrides."""

_OPEN = "o.status IN ['PROPOSED', 'WAITING', 'RESERVED', 'LATER', 'NO_ANSWER']"

# Whatever clock the caller went by: a slot that is held is seen by everyone from now on.
_HELD = f"""CREATE (p)-[:RESERVED]->(r:Reservation {{id: row.id}})
SET r += row.properties, r.state = 'HELD', r.partyId = p.id
WITH r, row, datetime.realtime() AS now
SET r.createdAt = CASE WHEN r.createdAt > now THEN now ELSE r.createdAt END
WITH r, row
CALL (r, row) {{
  MATCH (o:Offer {{id: row.offerId}}) WHERE {_OPEN}
  CREATE (r)-[:FOR_OFFER]->(o)
  SET r.offerId = o.id, o.status = 'RESERVED', o.statusReason = 'SLOT_HELD', o.statusAt = r.createdAt,
    o.channel = r.channel, o.pointKey = r.pointKey
}}
CALL (r) {{
  UNWIND r.overrides AS override
  MATCH (v:LimitOverride {{id: override}})
  CREATE (r)-[:UNDER]->(v)
}}"""

HOLD = f"""
UNWIND $rows AS row
MATCH (p:Party {{id: row.partyId}})
{_HELD}
RETURN count(r) AS held, count(r.offerId) AS offers
"""
"""Hold slots; the caller holds the ledgers and has judged. Fewer offers than sent: one fell away meanwhile."""

TAKE = f"""
{LOCKED_IF_UNCHANGED}
WITH p, ledgers, $row AS row
WHERE unchanged AND ($row.offerId IS NULL OR EXISTS {{ MATCH (o:Offer {{id: $row.offerId}}) WHERE {_OPEN} }})
FOREACH (l IN ledgers | SET l.version = coalesce(l.version, 0) + 1)
WITH p, row
{_HELD}
RETURN r.id AS id
"""
"""Hold one slot where nobody was quicker; no row: somebody was, or the offer fell away."""

BY_KEY = f"MATCH (p:Party)-[:RESERVED]->(r:Reservation {{key: $key}}) RETURN {_RESERVATION} AS held"

OFFER_OF = "MATCH (r:Reservation {id: $id}) RETURN r.offerId AS offer"
"""The offer that a slot is held for."""

RESERVATION = f"MATCH (p:Party)-[:RESERVED]->(r:Reservation {{id: $id}}) RETURN {_RESERVATION} AS held"

CONFIRM = f"""
{LOCKED_RESERVATIONS}
MATCH (p:Party)-[:RESERVED]->(r:Reservation {{id: $ids[0]}})
SET r.turn = coalesce(r.turn, 0) + 1
WITH p, r, now, {_RESERVATION} AS held, CASE WHEN $at IS NULL OR $at > now THEN now ELSE $at END AS made
WITH p, r, now, held, made, r.state = 'HELD' AND now < r.until AND made >= r.at AS open
CALL (p, r, now, made, open) {{
  WITH p, r, now, made WHERE open
  CREATE (p)-[:HAD]->(i:Interaction {{id: $interactionId}})
  CREATE (r)-[:BECAME]->(i)
  SET i += {{channel: r.channel, direction: r.direction, actionClass: r.actionClass, purpose: r.purpose,
      productCode: r.productCode, pointKey: r.pointKey, offerId: r.offerId, reservationId: r.id, at: made}},
    i += $properties, r.state = 'CONFIRMED', r.endedAt = now, r.interactionId = i.id
  WITH r, i
  CALL (r, i) {{
    MATCH (r)-[:FOR_OFFER]->(o:Offer)
    CREATE (o)-[:DELIVERED_AS]->(i)
    WITH o, i WHERE o.status = 'RESERVED'
    SET o.status = $offerStatus, o.statusReason = 'CONTACT_MADE', o.statusAt = i.at,
    o.notBefore = CASE $offerStatus WHEN 'NO_ANSWER' THEN i.at END
  }}
}}
RETURN held, open, now.epochMillis AS now, made.epochMillis AS made
"""
"""The contact was made, where the slot is open; the slot as it was before, and the clock."""

_ENDED = """SET r.state = $state, r.endedAt = now, r.reason = $reason
WITH r, now
CALL (r, now) {
  MATCH (r)-[:FOR_OFFER]->(o:Offer) WHERE o.status = 'RESERVED'
    AND NOT EXISTS { MATCH (o)<-[:FOR_OFFER]-(v) WHERE v.state = 'HELD' AND v.until > now }
  SET o.status = 'WAITING', o.notBefore = now, o.statusReason = $offerReason, o.statusAt = now
}
RETURN r.id AS id"""

RELEASE = f"""
{LOCKED_RESERVATIONS}
MATCH (r:Reservation {{id: $ids[0]}}) WHERE r.state = 'HELD'
{_ENDED}
"""
"""Give a slot back and let its offer wait for the next one; no row: it is not held."""

EXPIRE = f"""
UNWIND $ids AS id
MATCH (r:Reservation {{id: id}})
SET r.turn = coalesce(r.turn, 0) + 1
WITH r, datetime({{epochMillis: coalesce($now, datetime.realtime()).epochMillis}}) AS now
WHERE r.state = 'HELD' AND r.until <= now
{_ENDED}
"""
"""Mark slots whose time to live is over. No ledger is locked: they count for nothing since then. ``turn`` is a lock
against a confirmation at the last moment."""

RUN_OUT = """
WITH coalesce($now, datetime.realtime()) AS now
MATCH (r:Reservation) WHERE r.state = 'HELD' AND r.until <= now
RETURN r.id AS id ORDER BY r.until LIMIT $most
"""
"""Slots whose time to live is over, from the index."""

# Overrides of limits

APPROVED_OVERRIDES = f"WITH $now AS now RETURN {APPROVED} AS overrides"

ASK_OVERRIDE = """
CREATE (v:LimitOverride {id: $id})
SET v += $properties, v.status = 'ASKED'
"""

LOCK_OVERRIDE = """
MATCH (v:LimitOverride {id: $id})
SET v.lock = coalesce(v.lock, 0) + 1
RETURN v.status AS status, v.askedBy AS askedBy, v.decidedBy AS decidedBy, v.revokedBy AS revokedBy,
  v.until.epochMillis AS until
"""

DECIDE_OVERRIDE = "MATCH (v:LimitOverride {id: $id}) SET v += $properties"

_ANSWERS_UNDER = """{{
    MATCH ({0})<-[:UNDER]-(:Reservation)-[:FOR_OFFER]->(:Offer)-[:ANSWERED_BY]->(s:Response){1} RETURN s
    UNION
    MATCH ({0})<-[:UNDER]-(:Reservation)-[:BECAME]->(:Interaction)-[:LED_TO]->(s:Response){1} RETURN s
  }}"""


def decisions_under(node: str) -> str:
    """Decisions that an override touched, as an expression over the node's name."""
    return f"COUNT {{ ({node})<-[:UNDER]-(:Decision) }}"


def reservations_under(node: str) -> str:
    """Slots that were held only because of an override."""
    return f"COUNT {{ ({node})<-[:UNDER]-(:Reservation) }}"


def contacts_under(node: str) -> str:
    """Contacts that were made only because of an override."""
    return f"COUNT {{ ({node})<-[:UNDER]-(:Reservation)-[:BECAME]->(:Interaction) }}"


def responses_under(node: str) -> str:
    """What customers said to those contacts."""
    return f"COUNT {_ANSWERS_UNDER.format(node, '')}"


def accepted_under(node: str) -> str:
    """How many of them said yes."""
    return f"COUNT {_ANSWERS_UNDER.format(node, ' WHERE s.outcome = ' + repr('ACCEPTED'))}"


OVERRIDES = f"""
MATCH (v:LimitOverride)
RETURN v.id AS id, v.limit AS limit, v.segment AS segment, v.days AS days, v.from.epochMillis AS since,
  v.until.epochMillis AS until, v.reason AS reason, v.status AS status, v.askedBy AS askedBy,
  v.decidedBy AS decidedBy, v.revokedBy AS revokedBy,
  {decisions_under("v")} AS decisions, {reservations_under("v")} AS reservations, {contacts_under("v")} AS contacts,
  {responses_under("v")} AS responses, {accepted_under("v")} AS accepted
ORDER BY v.from DESC, v.id LIMIT $most
"""
"""Every override, the latest first, with what it caused."""
