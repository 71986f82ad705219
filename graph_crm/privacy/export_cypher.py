"""The statements of the copies that parties get."""

from __future__ import annotations

# Who asks twice gets the copy that is being made, or was made just now.
WANT = """
MATCH (p:Party {id: $party})
SET p.locked = true
REMOVE p.locked
WITH p WHERE p.erasedAt IS NULL
WITH p, datetime.realtime() AS now, head(COLLECT {
  MATCH (x:PrivacyExport {partyId: p.id})
  WHERE x.state = 'WANTED' OR x.state = 'READY' AND x.readyAt > datetime.realtime() - duration({minutes: $fresh})
  RETURN x.id ORDER BY x.requestedAt DESC LIMIT 1 }) AS known
FOREACH (_ IN CASE WHEN known IS NULL THEN [1] ELSE [] END |
  CREATE (:PrivacyExport {id: $id, partyId: p.id, state: 'WANTED', requestedAt: now, requestedBy: $by}))
RETURN coalesce(known, $id) AS id, known IS NULL AS isNew
"""

ONE = """
MATCH (x:PrivacyExport {id: $id})
RETURN x.id AS id, x.partyId AS party, x.state AS state, x.requestedAt.epochMillis AS requestedAt,
  x.readyAt.epochMillis AS readyAt, x.expiresAt.epochMillis AS expiresAt, x.bytes AS bytes,
  head(COLLECT { MATCH (x)-[:STORED_AS]->(s:StoredFile) RETURN s.key }) AS file
"""

READY = """
MATCH (x:PrivacyExport {id: $id}) WHERE x.state = 'WANTED'
MATCH (s:StoredFile {key: $file})
CREATE (x)-[:STORED_AS]->(s)
SET x.state = 'READY', x.readyAt = datetime.realtime(), x.bytes = $bytes,
  x.expiresAt = datetime.realtime() + duration({hours: $hours})
RETURN x.id AS id
"""

FETCHED = """
MATCH (x:PrivacyExport {id: $id})
SET x.lock = 0
REMOVE x.lock
WITH x WHERE x.state = 'READY'
SET x.fetchedAt = datetime.realtime()
RETURN x.id AS id
"""

# Nothing refers to it: its time is over at once.
NOT_WANTED = """
MATCH (s:StoredFile {key: $file}) WHERE NOT EXISTS { (s)<-[:STORED_AS]-() }
SET s.idleSince = datetime({epochMillis: 0})
"""

LET_GO = """
MATCH (x:PrivacyExport) WHERE x.expiresAt < coalesce($now, datetime.realtime()) AND x.state = 'READY'
WITH x LIMIT 200
MATCH (x)-[r:STORED_AS]->(s:StoredFile)
SET x.state = 'GONE', s.idleSince = datetime({epochMillis: 0})
DELETE r
RETURN count(x) AS records
"""

DOCUMENTS = """
UNWIND $ids AS id
MATCH (a:Attachment {id: id}) WHERE a.state IN ['CLEAN', 'UNSCANNED'] AND a.storedAt IS NOT NULL
RETURN a.id AS id, a.name AS name, a.storedAt AS file ORDER BY a.at, a.id
"""

MAILS = """
UNWIND $ids AS id
MATCH (m:MailReceived {id: id})-[:STORED_AS]->(s:StoredFile)
RETURN m.id AS id, s.key AS file, toString(date(m.at)) AS day ORDER BY m.at, m.id
"""
