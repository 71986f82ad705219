"""The statements of the employees."""

from __future__ import annotations

OPEN_OF = "COUNT { MATCH (open:ServiceRequest {openOwnerId: {n}.id}) }"
"""How many requests an employee answers for, from the index: `openOwnerId` stands on a request while it is open."""

AWAY_NOW = """EXISTS { MATCH ({n})-[:ABSENT]->(away:Absence)
  WHERE away.from <= datetime.realtime() AND away.until > datetime.realtime() }"""

SAVE = """
MERGE (e:Employee {id: $id})
SET e.lock = coalesce(e.lock, 0) + 1
WITH e, e.version AS version
WHERE $version IS NULL OR coalesce(version, 0) = $version
SET e += $properties, e.version = coalesce(version, 0) + 1,
    e.createdAt = coalesce(e.createdAt, datetime.realtime()), e.updatedAt = datetime.realtime()
RETURN e.version AS version
"""
"""Create or change an employee; no row where another version stands."""

VERSION = "MATCH (e:Employee {id: $id}) RETURN coalesce(e.version, 0) AS version"

SAVE_ALL = """
UNWIND $rows AS row
MERGE (e:Employee {id: row.id})
SET e += row.properties, e.version = coalesce(e.version, 0) + 1,
    e.createdAt = coalesce(e.createdAt, datetime.realtime()), e.updatedAt = datetime.realtime()
RETURN count(e) AS saved
"""

RECORD_ABSENCE = """
MATCH (e:Employee {id: $employee})
MERGE (a:Absence {id: $id})
ON CREATE SET a.from = $from, a.until = $until, a.reason = $reason, a.employeeId = $employee,
  a.recordedAt = datetime.realtime(), a.recordedBy = $by, a.isNew = true
WITH e, a, coalesce(a.isNew, false) AS isNew
REMOVE a.isNew
FOREACH (_ IN CASE WHEN isNew THEN [1] ELSE [] END | CREATE (e)-[:ABSENT]->(a))
RETURN isNew, a.employeeId = $employee AND a.from = $from AND a.until = $until AS same
"""

END_ABSENCE = """
MATCH (e:Employee)-[:ABSENT]->(a:Absence {id: $id})
SET a.until = CASE WHEN a.until < $at THEN a.until WHEN a.from > $at THEN a.from ELSE $at END
RETURN e.id AS employee
"""
"""End an absence at an instant; one that has not begun is over before it begins."""

ROSTER = """
MATCH (e:Employee) WHERE e.active
RETURN e.id AS id, e.displayName AS name, e.email AS email, e.team AS team, e.role AS role,
  coalesce(e.skills, []) AS skills, coalesce(e.languages, []) AS languages, coalesce(e.capacity, 0) AS capacity,
  COUNT { MATCH (open:ServiceRequest {openOwnerId: e.id}) } AS open,
  COLLECT { MATCH (e)-[:ABSENT]->(a:Absence) WHERE a.until > datetime.realtime()
    RETURN [a.from.epochMillis, a.until.epochMillis] } AS absences
ORDER BY e.id
"""
"""Everybody who works at the desk, with what they carry now and when they are away from now on."""
