"""The statements of a simulation: what customers did after a day, and how far the graph knows."""

from __future__ import annotations

FIRST_DAY = """
MATCH (a:Agreement) WHERE a.openedOn IS NOT NULL
WITH a.openedOn AS day ORDER BY day LIMIT 1
RETURN toString(day) AS day
"""
"""The first day on which an agreement was opened: before it there is no bank to ask about."""

LAST_DAY = """
MATCH (a:Agreement) WHERE a.openedOn <= $today
WITH a.openedOn AS day ORDER BY day DESC LIMIT 1
RETURN toString(day) AS day
"""
"""The last day on which an agreement was opened: what comes later is not recorded yet."""

# Of one customer after $day: the first agreement of the product and of its family, and the first default.
_AFTERWARDS = """
CALL (p) {
  OPTIONAL MATCH (p)-[h:HOLDS]->(a:Agreement)
  WITH coalesce(h.since, a.openedOn) AS since, h.role = 'OWNER' AS owns, a
  RETURN
    min(CASE WHEN owns AND since > $day AND a.productCode = $product THEN since END) AS product,
    min(CASE WHEN owns AND since > $day AND a.familyCode = $family THEN since END) AS family,
    min(head([i IN range(0, size(coalesce(a.statusDates, [])) - 1)
      WHERE a.statusDates[i] > $day AND a.statusValues[i] IN ['IN_ARREARS', 'DEFAULTED'] | a.statusDates[i]]))
      AS default
}
"""

_COUNTED = """
UNWIND $windows AS window
WITH window, $day + duration({days: window}) AS end, product, family, default
RETURN window, count(*) AS customers,
  sum(CASE WHEN product <= end THEN 1 ELSE 0 END) AS product,
  sum(CASE WHEN family <= end THEN 1 ELSE 0 END) AS family,
  sum(CASE WHEN default <= end THEN 1 ELSE 0 END) AS default
ORDER BY window
"""

AFTER_PROPOSAL = f"""
UNWIND $parties AS id
MATCH (p:Party {{id: id}})
{_AFTERWARDS}
{_COUNTED}
"""
"""How many of these customers opened the product, or one of its family, or fell into default within each window."""

_NOW = (
    "coalesce(h.since, a.openedOn) <= $day AND (h.until IS NULL OR h.until > $day) "
    "AND (a.closedOn IS NULL OR a.closedOn > $day)"
)

AFTER_NO_PROPOSAL = f"""
MATCH (p:Party)
WHERE any(label IN labels(p) WHERE label IN $labels) AND NOT p.id IN $proposed
  AND EXISTS {{ MATCH (p)-[h:HOLDS]->(a:Agreement) WHERE {_NOW} }}
  AND NOT EXISTS {{ MATCH (p)-[h:HOLDS]->(a:Agreement)
    WHERE (a.productCode = $product OR $without AND a.familyCode = $family) AND h.role = 'OWNER' AND {_NOW} }}
{_AFTERWARDS}
{_COUNTED}
"""
"""The same of the other customers of that day: who held something, did not own the product, and was not proposed it.

``without``: nor one of its family, where none of the proposed customers did.
"""

ALIKE = f"""
UNWIND $parties AS id
MATCH (p:Party {{id: id}})
WITH collect(p) AS parties
RETURN COLLECT {{ UNWIND parties AS p UNWIND labels(p) AS label WITH DISTINCT label
    WHERE label <> 'Party' RETURN label }} AS labels,
  NOT EXISTS {{ UNWIND parties AS p MATCH (p)-[h:HOLDS]->(a:Agreement)
    WHERE a.familyCode = $family AND h.role = 'OWNER' AND {_NOW} }} AS without
"""
"""What the proposed customers are, so that they are compared with others of their kind."""
