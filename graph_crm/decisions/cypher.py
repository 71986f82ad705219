"""The statements of the decisions: reading customers as rules see them, and storing what was decided."""

from __future__ import annotations

CATALOGUE = """MATCH (x:Product)
RETURN x.code AS code, x.familyCode AS family, x.name AS name, coalesce(x.active, true) AS active"""
"""What is offered, as the bank sells it."""

STORE = """MATCH (p:Party {id: $party})
MERGE (d:Decision {key: $key})
ON CREATE SET d += $decision, d.asOf = $asOf, d.at = $at, d.isNew = true
WITH p, d WHERE d.isNew
REMOVE d.isNew
CREATE (d)-[:FOR]->(p)
WITH p, d
OPTIONAL MATCH (e:Event {id: $event})
FOREACH (cause IN CASE WHEN e IS NULL THEN [] ELSE [e] END | CREATE (d)-[:CAUSED_BY]->(cause))
WITH p, d
CALL (p, d) {
  UNWIND $offers AS offer
  MATCH (x:Product {code: offer.productCode})
  CREATE (d)-[:PROPOSED {rank: offer.rank}]->(o:Offer {id: offer.id})-[:ABOUT]->(x)
  CREATE (o)-[:OFFERED_TO]->(p)
  SET o += offer.properties, o.familyCode = x.familyCode, o.createdAt = $at
  RETURN count(o) AS offers
}
RETURN d.id AS id, offers"""
"""Store a decision with its offers once: a second attempt under the same key changes nothing and returns no row."""

ADD_ACTIVITY = """
UNWIND $rows AS row
MERGE (n:RuleActivity {rule: row.rule})
SET n.evaluated = coalesce(n.evaluated, 0) + row.evaluated, n.passed = coalesce(n.passed, 0) + row.passed,
  n.unknown = coalesce(n.unknown, 0) + row.unknown, n.failed = coalesce(n.failed, 0) + row.failed,
  n.seconds = coalesce(n.seconds, 0.0) + row.seconds
"""
"""Add what rules did since the last time. Sums in one statement, so that workers don't lose each other's."""

ACTIVITY = """
UNWIND $rules AS rule
OPTIONAL MATCH (n:RuleActivity {rule: rule})
RETURN rule, {evaluated: coalesce(n.evaluated, 0), passed: coalesce(n.passed, 0), unknown: coalesce(n.unknown, 0),
  failed: coalesce(n.failed, 0), seconds: coalesce(n.seconds, 0.0),
  offers: COUNT { MATCH (o:Offer) WHERE o.ruleId = rule }} AS activity
"""
"""What each of these rules did, and the offers that it led to."""
