"""The statements of the mailbox. A mail's node is locked before what became of it is read."""

from __future__ import annotations

KNOWN = """
UNWIND $ids AS id
MATCH (m:MailReceived {id: id})
RETURN m.id AS id, m.fingerprint AS fingerprint, m.state AS state, m.reason AS reason, m.number AS number
"""

TAKE = """
MERGE (m:MailReceived {id: $id})
ON CREATE SET m += $properties, m.at = datetime.realtime(), m.takenAt = datetime.realtime(), m.isNew = true,
  m.keepUntil = datetime.realtime() + duration({days: $days})
SET m.lock = coalesce(m.lock, 0) + 1
WITH m, coalesce(m.isNew, false) AS isNew
REMOVE m.isNew
WITH m, isNew
OPTIONAL MATCH (s:StoredFile {key: $file})
FOREACH (_ IN CASE WHEN isNew AND s IS NOT NULL THEN [1] ELSE [] END | CREATE (m)-[:STORED_AS]->(s))
RETURN isNew, m.state AS state, m.reason AS reason, m.number AS number, m.plan AS plan, m.fingerprint AS fingerprint
"""

PLAN = "MATCH (m:MailReceived {id: $id}) SET m.plan = $plan"

SET_ASIDE = (
    "MATCH (m:MailReceived {id: $id}) SET m.state = 'SET_ASIDE', m.reason = $reason, m.settledAt = datetime.realtime()"
)

CLAIM = """
MATCH (m:MailReceived {id: $id})
SET m.lock = coalesce(m.lock, 0) + 1
WITH m WHERE m.state IN ['SET_ASIDE', 'DISMISSED']
WITH m, m.state AS state, m.reason AS reason
SET m.state = 'TAKEN', m.takenAt = datetime.realtime(), m.plan = $plan, m.tries = 0
RETURN state, reason
"""

BRING = """
MATCH (m:MailReceived {id: $id})
UNWIND $ids AS attachmentId
MATCH (a:Attachment {id: attachmentId})
MERGE (m)-[:BROUGHT]->(a)
"""

COUNT_SENDER = """
MERGE (s:MailSender {address: $address})
ON CREATE SET s.since = datetime.realtime(), s.mails = 0
SET s.lock = coalesce(s.lock, 0) + 1
WITH s, datetime.realtime() - duration({hours: 1}) AS hourAgo
FOREACH (_ IN CASE WHEN s.since < hourAgo THEN [1] ELSE [] END | SET s.since = datetime.realtime(), s.mails = 0)
SET s.mails = s.mails + 1
RETURN s.mails AS mails
"""

MATERIAL = """
MATCH (m:MailReceived {id: $id})
RETURN m.id AS id, m.state AS state, m.nullSender AS nullSender, m.plan AS plan, m.number AS number,
  m.reason AS reason,
  COLLECT { MATCH (m)-[:STORED_AS]->(s:StoredFile) RETURN s.key } AS files,
  COLLECT { MATCH (m)-[:BROUGHT]->(a:Attachment) RETURN a.id } AS attachments
"""

SENDERS = """
MATCH (c:ContactPoint {valueKey: $pointKey})<-[r:REACHABLE_AT]-(p:Party)
WHERE r.until IS NULL AND p.status = 'ACTIVE'
RETURN p.id AS id ORDER BY p.id LIMIT 50
"""

EMPLOYEE = "MATCH (e:Employee {email: $address}) RETURN e.id AS id LIMIT 1"

BY_NUMBER = """
UNWIND $numbers AS number
MATCH (r:ServiceRequest {number: number})
RETURN r.number AS number, r.partyId AS partyId, toLower(r.contact) AS contact
"""

THREAD_MAILS = """
UNWIND $references AS reference
MATCH (m:MailReceived {id: reference}) WHERE m.number IS NOT NULL
RETURN m.number AS number
"""

THREAD_DELIVERIES = """
UNWIND $references AS reference
MATCH (d:Delivery {providerId: substring(reference, 1, size(reference) - 2)})-[:ABOUT_REQUEST]->(r:ServiceRequest)
RETURN r.number AS number
"""

SETTLE = """
MATCH (m:MailReceived {id: $id})
SET m.lock = coalesce(m.lock, 0) + 1
WITH m WHERE m.state IN $from
SET m.state = $state, m.reason = $reason, m.number = $number, m.settledAt = datetime.realtime(), m.settledBy = $by
WITH m
OPTIONAL MATCH (r:ServiceRequest {number: $number})
FOREACH (_ IN CASE WHEN r IS NULL THEN [] ELSE [1] END | MERGE (m)-[:BECAME]->(r))
RETURN m.state AS state
"""

LEFT_LYING = """
MATCH (m:MailReceived)
WHERE m.state = 'TAKEN' AND m.at IS NOT NULL AND m.takenAt < datetime.realtime() - duration({seconds: $seconds})
WITH m ORDER BY m.takenAt LIMIT 100
SET m.lock = coalesce(m.lock, 0) + 1
WITH m
WHERE m.state = 'TAKEN' AND m.takenAt < datetime.realtime() - duration({seconds: $seconds})
SET m.takenAt = datetime.realtime(), m.tries = coalesce(m.tries, 0) + 1
RETURN m.id AS id, m.tries AS tries ORDER BY m.at
"""
"""Whose turn it is: they are at the end of the line then."""

LET_GO = """
MATCH (m:MailReceived) WHERE m.keepUntil < datetime.realtime() AND m.state <> 'TAKEN'
WITH m LIMIT 500
SET m.lock = coalesce(m.lock, 0) + 1
WITH m WHERE m.keepUntil < datetime.realtime() AND m.state <> 'TAKEN'
OPTIONAL MATCH (m)-[k:STORED_AS]->(s:StoredFile)
FOREACH (_ IN CASE WHEN s IS NULL THEN [] ELSE [1] END | SET s.idleSince = datetime.realtime())
DELETE k
REMOVE m.keepUntil
RETURN count(*) AS count
"""
"""What a mail became stays; its bytes go."""

FORGET_SENDERS = """
MATCH (s:MailSender) WHERE s.since < datetime.realtime() - duration({hours: 2})
WITH s LIMIT 2000
DELETE s
RETURN count(*) AS count
"""
