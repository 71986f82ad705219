"""The statements of the audit. Nothing here changes or deletes an entry: there is no statement that could."""

from __future__ import annotations

from graph_crm.security.sight import CALL_HOURS, GRACE_MINUTES

# The head is locked last of all that a transaction locks, and nothing is locked after it.
HEAD = """
MERGE (h:AuditHead {shard: $shard})
ON CREATE SET h.seq = 0, h.hash = ''
SET h.turn = coalesce(h.turn, 0) + 1
RETURN h.seq AS seq, h.hash AS hash
"""

# One statement where the head is as this process left it; otherwise no row, and the head stays locked.
APPEND = """
MATCH (h:AuditHead {shard: $shard})
SET h.turn = coalesce(h.turn, 0) + 1
WITH h WHERE h.seq = $seq AND h.hash = $previous
SET h.seq = $entry.seq, h.hash = $entry.hash, h.key = $entry.key
CREATE (e:AuditEntry)
SET e = $entry
RETURN e.seq AS seq
"""

HEADS = "MATCH (h:AuditHead) RETURN h.shard AS shard, h.seq AS seq, h.hash AS hash ORDER BY shard"

HEAD_OF = "MATCH (h:AuditHead {shard: $shard}) RETURN h.seq AS seq, h.hash AS hash"

SHARDS = "MATCH (e:AuditEntry) RETURN DISTINCT e.shard AS shard ORDER BY shard"

# More than one entry may claim a place where somebody took the constraint away: all of them are read.
PAGE = """
MATCH (e:AuditEntry) WHERE e.shard = $shard AND e.seq >= $from AND e.seq < $below
WITH e ORDER BY e.seq, elementId(e)
RETURN collect([e.shard, e.seq, e.previous, e.hash, e.key, e.body, e.first, e.last, e.about, e.records]) AS entries
"""

NEXT = """
MATCH (e:AuditEntry) WHERE e.shard = $shard AND e.seq >= $from
RETURN e.seq AS seq ORDER BY e.seq LIMIT 1
"""

# Entries that stand nowhere: without a place they would be found by no page.
PLACELESS = """
MATCH (e:AuditEntry) WHERE NOT e.shard IS :: INTEGER NOT NULL OR NOT e.seq IS :: INTEGER NOT NULL
RETURN count(e) AS entries
"""

# Entries of one instant follow each other by their place, so that a page ends somewhere.
_BEFORE = """e.last >= $since AND e.last <= $until AND e.first <= $to
  AND (e.last < $until OR e.shard < $shard OR (e.shard = $shard AND e.seq <= $seq))"""
_ORDERED = "RETURN e.body AS body, e.last AS last ORDER BY e.last DESC, e.shard DESC, e.seq DESC LIMIT $most"

NEWEST = f"""
MATCH (e:AuditEntry) WHERE {_BEFORE}
{_ORDERED}
"""

FOUND = f"""
CALL db.index.fulltext.queryNodes('audit_about', $words) YIELD node AS e
WITH e WHERE {_BEFORE}
{_ORDERED}
"""

# The newest entries are looked through by the index of time: who did very much is found here, and not all of it is
# sorted. `end`: where to go on; null: there is nothing older.
NEWEST_FITTING = f"""
MATCH (e:AuditEntry) WHERE {_BEFORE}
WITH e ORDER BY e.last DESC, e.shard DESC, e.seq DESC LIMIT $newest
WITH collect(e) AS looked
WITH looked, [e IN looked WHERE all(words IN $groups WHERE any(word IN words WHERE e.about CONTAINS word))] AS fitting
WITH fitting[..$most] AS entries, CASE
  WHEN size(fitting) >= $most THEN fitting[$most - 1]
  WHEN size(looked) >= $newest THEN last(looked)
END AS end
RETURN [e IN entries | [e.body, e.last]] AS entries,
  CASE WHEN end IS NULL THEN null ELSE [end.last, end.shard, end.seq] END AS end
"""

# Why an employee may have looked: the cases that are open with these customers, and the portfolio. The same as in
# graph_crm/security/sight.py, with the name of each; a list may hold what has ended in the second since.
CASES = f"""
UNWIND $asked AS one
CALL (one) {{
  MATCH (r:ServiceRequest {{openOwnerId: one.who}})<-[:ASKED]-(p:Party) WHERE p.id IN one.ids
  RETURN p.id AS id, r.number AS reason
  UNION MATCH (r:ServiceRequest {{ownerId: one.who}})<-[:ASKED]-(p:Party) WHERE p.id IN one.ids
    AND r.closedAt > datetime.realtime() - duration('PT{GRACE_MINUTES}M')
  RETURN p.id AS id, r.number AS reason
  UNION MATCH (e:CallEntry {{claimedBy: one.who}})<-[:WAS_SENT]-(p:Party) WHERE p.id IN one.ids AND e.state = 'QUEUED'
    AND e.claimedUntil > datetime.realtime()
  RETURN p.id AS id, 'call-list' AS reason
  UNION MATCH (c:Call {{agentId: one.who}})-[:FROM]->(p:Party) WHERE p.id IN one.ids
    AND c.answeredAt > datetime.realtime() - duration('PT{CALL_HOURS}H')
    AND (c.endedAt IS NULL OR c.endedAt > datetime.realtime() - duration('PT{GRACE_MINUTES}M'))
  RETURN p.id AS id, 'call' AS reason
  UNION MATCH (s:Session {{openedBy: one.who}})<-[:HAD_SESSION]-(p:Party) WHERE p.id IN one.ids AND s.state = 'OPEN'
  RETURN p.id AS id, 'session' AS reason
  UNION MATCH (:Employee {{id: one.who}})-[:LOOKS_AFTER]->(p:Party) WHERE p.id IN one.ids
  RETURN p.id AS id, 'portfolio' AS reason
}}
RETURN collect([one.who, id, reason]) AS found
"""

# Words are indexed a moment after the entry is there.
REFRESHED = "CALL db.index.fulltext.awaitEventuallyConsistentIndexRefresh()"
