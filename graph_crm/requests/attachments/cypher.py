"""The statements of attachments and stored files. A file's node is locked before it is judged."""

from __future__ import annotations

ANNOUNCE = """
UNWIND $files AS file
MERGE (s:StoredFile {key: file.key})
ON CREATE SET s.sha256 = file.sha256, s.bytes = file.bytes, s.state = 'KEPT'
SET s.idleSince = datetime.realtime()
RETURN s.key AS key, s.state = 'GOING' AS going
"""
"""Sorted by key. Until something refers to it a file is idle; a used one is found used when housekeeping looks."""

HOLD = """
MATCH (s:StoredFile {key: $key})
SET s.lock = coalesce(s.lock, 0) + 1
WITH s WHERE s.state = 'KEPT'
REMOVE s.idleSince
RETURN s.key AS key
"""

MARK_ORPHANS = """
MATCH (s:StoredFile) WHERE s.idleSince < datetime.realtime() - duration({milliseconds: $milliseconds})
WITH s ORDER BY s.key LIMIT 200
SET s.lock = coalesce(s.lock, 0) + 1
WITH s WHERE s.idleSince < datetime.realtime() - duration({milliseconds: $milliseconds})
WITH s, EXISTS { (s)<-[:STORED_AS]-() } AS used
FOREACH (_ IN CASE WHEN used THEN [1] ELSE [] END | REMOVE s.idleSince)
FOREACH (_ IN CASE WHEN used THEN [] ELSE [1] END | SET s.state = 'GOING')
WITH s WHERE NOT used
RETURN s.key AS key
"""

FORGET_FILES = """
UNWIND $keys AS key
MATCH (s:StoredFile {key: key}) WHERE s.state = 'GOING'
DELETE s
"""

CREATE = """
UNWIND $attachments AS one
MERGE (a:Attachment {id: one.id})
ON CREATE SET a += one.properties, a.at = datetime.realtime(), a.waitingSince = datetime.realtime(), a.isNew = true
WITH a, one, coalesce(a.isNew, false) AS isNew
REMOVE a.isNew
WITH a, one, isNew
OPTIONAL MATCH (s:StoredFile {key: one.properties.storedAt})
FOREACH (_ IN CASE WHEN isNew AND s IS NOT NULL THEN [1] ELSE [] END | CREATE (a)-[:STORED_AS]->(s))
RETURN a.id AS id
"""

LOCK = """
UNWIND $ids AS id
MATCH (a:Attachment {id: id})
SET a.lock = coalesce(a.lock, 0) + 1
WITH a
OPTIONAL MATCH (e:RequestEntry)-[:CARRIES]->(a)
RETURN a.id AS id, a.state AS state, a.name AS name, a.uploadedBy AS uploadedBy, a.partyId AS partyId,
  collect(e.id) AS entries
"""

CARRY = """
MATCH (e:RequestEntry {id: $entryId})
UNWIND $ids AS id
MATCH (a:Attachment {id: id})
REMOVE a.waitingSince
MERGE (e)-[:CARRIES]->(a)
RETURN count(a) AS carried
"""

OPEN = """
MATCH (a:Attachment {id: $id})
RETURN a.id AS id, a.name AS name, a.mediaType AS mediaType, a.bytes AS bytes, a.state AS state,
  a.stateReason AS stateReason, a.storedAt AS storedAt, a.fromOutside AS fromOutside, a.uploadedBy AS uploadedBy,
  a.partyId AS partyId,
  COLLECT {
    MATCH (r:ServiceRequest)-[:LOGGED]->(e:RequestEntry)-[:CARRIES]->(a) WHERE e.visible RETURN r.partyId
  } AS readers,
  COLLECT {
    MATCH (r:ServiceRequest)-[:LOGGED]->(e:RequestEntry)-[:CARRIES]->(a) WHERE e.visible RETURN r.id
  } AS requests
"""

SCANNED = """
MATCH (a:Attachment {id: $id}) WHERE a.state = 'SCANNING'
SET a.state = $state, a.stateReason = $reason, a.scannedAt = datetime.realtime()
"""

_KEPT_FOR_A_MAIL = """EXISTS { (a)<-[:BROUGHT]-(m:MailReceived)
    WHERE m.keepUntil IS NOT NULL AND m.state IN ['TAKEN', 'SET_ASIDE', 'DISMISSED'] }"""
# Such a mail may still become a request, with its documents, for as long as it is kept.

FORGET_UNUSED = f"""
MATCH (a:Attachment) WHERE a.waitingSince < datetime.realtime() - duration({{milliseconds: $milliseconds}})
  AND NOT {_KEPT_FOR_A_MAIL}
WITH a ORDER BY a.id LIMIT 500
SET a.lock = coalesce(a.lock, 0) + 1
WITH a WHERE a.waitingSince < datetime.realtime() - duration({{milliseconds: $milliseconds}})
  AND NOT {_KEPT_FOR_A_MAIL}
OPTIONAL MATCH (a)-[:STORED_AS]->(s:StoredFile)
FOREACH (_ IN CASE WHEN s IS NULL THEN [] ELSE [1] END | SET s.idleSince = datetime.realtime())
DETACH DELETE a
RETURN count(*) AS forgotten
"""
"""Attachments that nobody put into a request; their files become orphans."""
