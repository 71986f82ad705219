"""The statements of the decisions: reading customers as rules see them, and storing what was decided."""

from __future__ import annotations

_HOLDINGS = """COLLECT {{
  MATCH ({party})-[h:HOLDS]->(a:Agreement)
  WHERE coalesce(h.since, a.openedOn) <= $day
  RETURN [a.id, a.productCode, a.familyCode, h.role, toString(coalesce(h.since, a.openedOn)), toString(h.until),
    a.status, [d IN a.statusDates | toString(d)], a.statusValues, toString(a.openedOn), toString(a.closedOn),
    toString(a.maturesOn), a.amount, a.currency, a.termMonths]
}}"""

_PARTY = """[{party}.id, {party}:Organization, {party}.status,
    toString({party}.birthDate), toString({party}.deceasedOn),
    {party}.segment, {party}.country, {party}.region, {party}.language, {party}.blocked, toString({party}.endedOn)]"""

_TIED = """COLLECT {{
  MATCH (p)-[r:{ties}]-(q:Party)
  WHERE r.since <= $day
  RETURN [type(r), startNode(r) = p, toString(r.since), toString(r.until), r.share, {party}, {holdings}]
}}"""


def snapshots(ties: frozenset[str], *, events: bool, contacts: bool) -> str:
    """One statement that reads a batch of customers as of one instant.

    Parameters: ``ids``, ``day``, ``until`` (the first instant too late to be seen), and where they are read ``types``,
    ``eventsFrom`` and ``contactsFrom``. The names of ``ties`` come from the platform's own list.
    """
    parts = [f"{_PARTY.format(party='p')} AS party", f"{_HOLDINGS.format(party='p')} AS holdings"]
    parts.append(f"{_EVENTS if events else '[]'} AS events")
    parts.append(f"{_CONTACTS if contacts else '[]'} AS contacts")
    if ties:
        tied = _TIED.format(
            ties="|".join(sorted(ties)), party=_PARTY.format(party="q"), holdings=_HOLDINGS.format(party="q")
        )
        parts.append(f"{tied} AS tied")
    else:
        parts.append("[] AS tied")
    return "UNWIND $ids AS id\nMATCH (p:Party {id: id})\nRETURN " + ",\n".join(parts)


_EVENT = """[e.id, e.type, e.at.epochMillis, e.channel, e.payload,
    head(COLLECT { MATCH (e)-[:ON]->(a:Agreement) RETURN a.id })]"""

_EVENTS = f"""COLLECT {{
  MATCH (p)-[:DID]->(e:Event)
  WHERE e.type IN $types AND e.at >= $eventsFrom AND e.at < $until
  RETURN {_EVENT} ORDER BY e.at, e.id
}}"""

_CONTACTS = """COLLECT {
  MATCH (p)-[:HAD]->(i:Interaction)
  WHERE i.at >= $contactsFrom AND i.at < $until
  RETURN [i.id, i.at.epochMillis, i.channel, i.direction, i.purpose, i.outcome, i.productCode] ORDER BY i.at, i.id
}"""

EVENT = f"MATCH (p:Party)-[:DID]->(e:Event {{id: $id}})\nRETURN p.id AS party, {_EVENT} AS event"
"""One event and the customer who did it."""

CATALOGUE = """MATCH (x:Product)
RETURN x.code AS code, x.familyCode AS family, x.name AS name, coalesce(x.active, true) AS active"""
"""What is offered, as the bank sells it."""

STORE = """MATCH (p:Party {id: $party})
MERGE (d:Decision {key: $key})
ON CREATE SET d += $decision, d.asOf = $asOf, d.at = $at, d.isNew = true
WITH p, d WHERE d.isNew
REMOVE d.isNew
CREATE (d)-[:FOR]->(p)
WITH d
OPTIONAL MATCH (e:Event {id: $event})
FOREACH (cause IN CASE WHEN e IS NULL THEN [] ELSE [e] END | CREATE (d)-[:CAUSED_BY]->(cause))
WITH d
CALL (d) {
  UNWIND $offers AS offer
  MATCH (x:Product {code: offer.productCode})
  CREATE (d)-[:PROPOSED {rank: offer.rank}]->(o:Offer {id: offer.id})-[:ABOUT]->(x)
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
