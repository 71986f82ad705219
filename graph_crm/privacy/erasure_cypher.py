"""The statements of an erasure that follow no general rule."""

from __future__ import annotations

STANDING = """
MATCH (p:Party {id: $id})
SET p.locked = true
REMOVE p.locked
WITH p
RETURN p.erasedAt IS NOT NULL AS erased, p.merging IS NOT NULL AS merging, p.version AS version,
  datetime.realtime().epochMillis AS now,
  COLLECT { MATCH (p)-[h:HOLDS]->(a:Agreement) WHERE h.until IS NULL AND a.closedOn IS NULL
    AND NOT coalesce(a.status, '') IN $closed RETURN DISTINCT a.id ORDER BY a.id LIMIT 20 } AS agreements,
  COLLECT { MATCH (p)-[:ASKED]->(r:ServiceRequest) WHERE r.status <> 'CLOSED' AND r.kind = 'COMPLAINT'
    RETURN r.number ORDER BY r.number LIMIT 20 } AS complaints,
  COLLECT { MATCH (p)-[:ASKED]->(r:ServiceRequest) WHERE r.status <> 'CLOSED' AND r.kind <> 'COMPLAINT'
    RETURN r.number ORDER BY r.number LIMIT 20 } AS requests,
  toString(head(COLLECT { MATCH (p)-[h:HOLDS]->(a:Agreement)
    WITH coalesce(a.closedOn, h.until) AS day WHERE day IS NOT NULL RETURN day ORDER BY day DESC LIMIT 1 }))
    AS lastAgreement,
  toString(head(COLLECT { MATCH (p)-[:ASKED]->(r:ServiceRequest)
    WHERE r.kind = 'COMPLAINT' AND r.closedAt IS NOT NULL
    RETURN date(r.closedAt) AS day ORDER BY day DESC LIMIT 1 })) AS lastComplaint
"""
"""The party under its lock, with all that may speak against its erasure."""

MARK = """
MATCH (p:Party {id: $id})
MERGE (e:Erasure {id: $erasure})
ON CREATE SET e.partyId = $id, e.at = $now, e.by = $by, e.basis = $basis, e.reason = $reason, e.despite = $despite
SET e.state = 'ERASING', e.values = $values
SET p.erasedAt = coalesce(p.erasedAt, $now), p.erasing = true, p.status = 'ENDED',
  p.endedOn = coalesce(p.endedOn, date($now)), p.restrictedAt = null, p.protectedBefore = null,
  p.version = p.version + 1, p.updatedAt = $now
"""

CLOSE_OPEN_REQUESTS = """
MATCH (:Party {id: $id})-[:ASKED]->(r:ServiceRequest) WHERE r.status <> 'CLOSED'
SET r.status = 'CLOSED', r.closedAt = $now, r.openOwnerId = null, r.unowned = null, r.clockKey = null,
  r.version = r.version + 1
RETURN collect(r.id) + collect('request:' + r.id) AS lines
"""

COPIES_GONE = """
SET x.state = 'GONE'
WITH x
MATCH (x)-[r:STORED_AS]->(s:StoredFile)
SET s.idleSince = datetime({epochMillis: 0})
DELETE r
"""
TAKE_COPIES_BACK = f"""
MATCH (x:PrivacyExport {{partyId: $id}}) WHERE x.state IN ['WANTED', 'READY']{COPIES_GONE}"""
"""Copies of everything: from now on no link leads to one, and one that is being made is not kept."""

END_OPEN_SESSIONS = """
MATCH (:Party {id: $id})-[:HAD_SESSION]->(s:Session {state: 'OPEN'})
SET s.state = 'TIMED_OUT', s.endedAt = s.lastSeenAt
"""

CANCEL_MESSAGES = """
MATCH (:Party {id: $id})-[:WAS_SENT]->(d:Delivery) WHERE d.state IN ['QUEUED', 'SENDING']
SET d.state = 'CANCELLED', d.stateReason = 'PARTY_ERASED', d.endedAt = $now, d.claimedUntil = null
RETURN collect(d.id) AS lines
"""

FORGET_LINES = """
UNWIND $lines AS line
MATCH (e:OutboxEntry {partitionKey: line}) WHERE e.topic <> $own
DELETE e
RETURN count(*) AS entries
"""
"""Work under way loses its entry: it can't be completed any more, and what it did in its transaction is undone."""

FORGET_WORK = """
MATCH (e:OutboxEntry)
WHERE e.topic <> $own AND any(one IN $known WHERE e.payload CONTAINS one OR e.error CONTAINS one)
WITH e LIMIT $most
DELETE e
RETURN count(*) AS records
"""
"""Work that names the party in its payload stands under other names too: a model that learns, a bounce."""

FORGET_ANSWERS = """
MATCH (k:IdempotencyKey)
WHERE k.result CONTAINS $quoted OR split(split(k.result, '"id":"')[1], '"')[0] IN $ids
  OR any(one IN $known WHERE k.key CONTAINS one OR k.result CONTAINS one)
WITH k LIMIT $most
DELETE k
RETURN count(*) AS records
"""
"""Answers to repeated writes, by the record that they answer with."""

IDS = """
MATCH (p:Party {id: $id})
RETURN [p.id] + COLLECT { MATCH (p)-[:ASKED]->(r:ServiceRequest) RETURN r.id }
  + COLLECT { MATCH (p)-[:HAD]->(i:Interaction) RETURN i.id }
  + COLLECT { MATCH (n:Response {partyId: p.id}) RETURN n.id }
  + COLLECT { MATCH (p)-[:RESERVED]->(v:Reservation) RETURN v.id }
  + COLLECT { MATCH (p)-[:HAD_SESSION]->(s:Session) RETURN s.id }
  + COLLECT { MATCH (p)-[:WAS_SENT]->(d:Delivery) RETURN d.id }
  + COLLECT { MATCH (p)-[:HOLDS]->(a:Agreement) RETURN a.id }
  + COLLECT { MATCH (p)-[t]-(:Party) WHERE t.id IS NOT NULL RETURN t.id } AS ids
"""
"""The records with which a write may have answered."""

LEAVE_HOUSEHOLDS = """
MATCH (p:Party {id: $id})-[m:MEMBER_OF]->(h:Household)
DELETE m
WITH DISTINCT h
WHERE NOT EXISTS { MATCH (h)<-[:MEMBER_OF]-(o:Party) WHERE o.erasedAt IS NULL }
SET h.name = CASE WHEN h.name IS NULL THEN null ELSE '(erased)' END, h.nameKey = null, h.importDigest = null
RETURN count(h) AS records
"""

FORGET_MERGED_TIES = """
MATCH (m:MergedParty)-[:MERGED_INTO*]->(:Party {id: $id})
MATCH (m)-[r:WAS_TIED]-(o)
DELETE r
WITH DISTINCT o WHERE o:ContactPoint AND NOT EXISTS { (o)<-[:REACHABLE_AT|WAS_TIED]-() }
OPTIONAL MATCH (l:ContactLedger {key: 'point:' + o.valueKey})
DETACH DELETE o, l
RETURN count(o) AS records
"""

FORGET_TIES_SET_ASIDE = """
MATCH (:Party {id: $id})-[r:WAS_TIED]-(:MergedParty)
DELETE r
RETURN count(*) AS records
"""
"""Ties of somebody else's merged record to the party: taken back the merge would bring them back."""

LEAVE_CONTACT_POINTS = """
MATCH (:Party {id: $id})-[r:REACHABLE_AT]->(c:ContactPoint)
DELETE r
WITH DISTINCT c
WHERE NOT EXISTS { (c)<-[:REACHABLE_AT|WAS_TIED]-() }
OPTIONAL MATCH (l:ContactLedger {key: 'point:' + c.valueKey})
DETACH DELETE c, l
RETURN count(c) AS records
"""
"""A contact point that others use stays theirs."""

LEAVE_CALLS = """
MATCH (:Party {id: $id})<-[r:FROM]-(c:Call) WHERE coalesce(c.partyId, '') <> $id
DELETE r
RETURN count(*) AS records
"""
"""Calls from a phone that others share: who called was never known."""

STAFF_TIES = "MATCH (:Party {id: $id})<-[r:LOOKS_AFTER]-() DELETE r RETURN count(*) AS records"

DONE = """
MATCH (e:Erasure {id: $erasure})
SET e.state = 'ERASED', e.doneAt = datetime.realtime(), e.values = null
WITH e
MATCH (p:Party {id: e.partyId})
SET p.erasing = null
RETURN e.counts AS counts
"""

LOCK = """
MATCH (e:Erasure {id: $erasure})
SET e.lock = coalesce(e.lock, 0) + 1
RETURN e.counts AS counts
"""

COUNT = "MATCH (e:Erasure {id: $erasure}) SET e.counts = $counts"

ERASURE = """
MATCH (e:Erasure {id: $erasure})
RETURN e.partyId AS party, e.values AS values, e.state AS state, e.counts AS counts
"""

OF_PARTY = """
MATCH (e:Erasure {partyId: $id})
RETURN e.id AS id, e.state AS state, e.at.epochMillis AS at, e.doneAt.epochMillis AS doneAt, e.basis AS basis,
  e.despite AS despite, e.counts AS counts ORDER BY e.at DESC LIMIT 1
"""

LATELY = """
MATCH (e:Erasure {state: 'ERASED'}) WHERE e.at > datetime.realtime() - duration({days: $days})
RETURN e.id AS id ORDER BY e.at
"""
"""What may still come in about those who were erased: a late event, a bounce."""
