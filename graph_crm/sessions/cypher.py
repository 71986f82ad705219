"""The statements of the sessions slice. Each locks the sessions first, in the order of their ids."""

from __future__ import annotations

_READ = """
RETURN s.id AS id, s.partyId AS partyId, s.kind AS kind, s.state AS state, s.startedAt.epochMillis AS startedAt,
  coalesce(s.startTold, false) AS startTold, s.lastSeenAt.epochMillis AS lastSeenAt,
  s.endedAt.epochMillis AS endedAt, s.channel AS channel, s.place AS place, s.device AS device, s.source AS source,
  s.tabs AS tabs, s.operations AS operations, s.eventCount AS events, datetime.realtime().epochMillis AS now
"""

# The sessions come in the order of their ids; MERGE on the unique id waits for a rival that opens the same.
OPEN = f"""
UNWIND $sessions AS told
MATCH (p:Party {{id: told.partyId}})
MERGE (s:Session {{id: told.id}})
ON CREATE SET s.partyId = told.partyId, s.isNew = true
SET s.turn = coalesce(s.turn, 0) + 1
WITH p, s
FOREACH (_ IN CASE WHEN s.isNew THEN [1] ELSE [] END | CREATE (p)-[:HAD_SESSION]->(s))
REMOVE s.isNew
{_READ}"""

LOCK = f"""
MATCH (s:Session {{id: $id}})
SET s.turn = coalesce(s.turn, 0) + 1
{_READ}"""

STORE = """
UNWIND $sessions AS told
MATCH (s:Session {id: told.id})
SET s += told.properties
WITH s, told
UNWIND told.included AS id
MATCH (e:Event {id: id})
CREATE (s)-[:INCLUDED]->(e)
"""

SILENT = """
MATCH (s:Session)
WHERE s.state = 'OPEN' AND s.kind = $kind AND s.lastSeenAt <= datetime({epochMillis: $until})
RETURN s.id AS id LIMIT $most
"""

TIME_OUT = """
UNWIND $ids AS id
MATCH (s:Session {id: id})
SET s.turn = coalesce(s.turn, 0) + 1
WITH s WHERE s.state = 'OPEN' AND s.kind = $kind AND s.lastSeenAt <= datetime({epochMillis: $until})
SET s.state = 'TIMED_OUT', s.endedAt = s.lastSeenAt,
    s.seconds = (s.lastSeenAt.epochMillis - s.startedAt.epochMillis) / 1000
RETURN count(*) AS ended
"""

NOW = "RETURN datetime.realtime().epochMillis AS now"
PARTY_EXISTS = "RETURN EXISTS { MATCH (p:Party {id: $partyId}) } AS known"

SERVED = "MATCH (s:Session {id: $id}) WHERE s.openedBy IS NULL SET s.openedBy = $by"
"""Who of the bank opened a session with the customer, and may see the customer while it is open."""
