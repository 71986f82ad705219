"""The statements of the knowledge base."""

from __future__ import annotations

KNOWN = """
UNWIND $articles AS name
OPTIONAL MATCH (a:Article {id: name})
RETURN name, a.id AS id
"""

# No counter is kept that two answers could fight for: how often is the number of these ties. MERGE locks both ends,
# the articles in the order of their ids.
SOLVED = """
MATCH (r:ServiceRequest {id: $requestId})
UNWIND $articles AS id
MATCH (a:Article {id: id})
MERGE (a)-[s:SOLVED]->(r)
ON CREATE SET s.at = $at, s.by = $by
RETURN count(*) AS articles
"""

NOT_SOLVED = """
MATCH (:Article)-[s:SOLVED]->(r:ServiceRequest {id: $requestId})
DELETE s
"""
