"""The statements of the decisions: what the bank sells, storing what was decided, what was decided before."""

from __future__ import annotations

from graph_crm.contacts.cypher import APPROVED
from graph_crm.decisions.offers.cypher import NOT_NEEDED

CLOCK = "RETURN datetime.realtime().epochMillis AS now"

BANK = f"""WITH $now AS now
RETURN {APPROVED} AS overrides,
  COLLECT {{ MATCH (x:Product) RETURN [x.code, x.familyCode, x.name, coalesce(x.active, true), x.value] }} AS products,
  COLLECT {{ MATCH (m:RuleMode) RETURN [m.rule, m.mode] }} AS modes"""
"""What the bank sells, which overrides of limits are approved, which rules were switched."""

_STORE = """MATCH (p:Party {id: $party})
MERGE (d:Decision {key: $key})
ON CREATE SET d += $decision, d.asOf = $asOf, d.at = datetime({epochMillis: $at}), d.isNew = true
WITH p, d WHERE d.isNew
REMOVE d.isNew
SET p.controlUnit = coalesce(p.controlUnit, $controlUnit)
CREATE (d)-[:FOR]->(p)
WITH p, d
OPTIONAL MATCH (e:Event {id: $event})
FOREACH (cause IN CASE WHEN e IS NULL THEN [] ELSE [e] END | CREATE (d)-[:CAUSED_BY]->(cause))
WITH p, d
OPTIONAL MATCH (again:Offer {id: $reconsidered})
FOREACH (one IN CASE WHEN again IS NULL THEN [] ELSE [again] END | CREATE (d)-[:RECONSIDERED]->(one))
WITH p, d
CALL (d) {
  UNWIND $overrides AS override
  MATCH (v:LimitOverride {id: override})
  CREATE (d)-[:UNDER]->(v)
}
CALL (d) {
  UNWIND $episodes AS episode
  MERGE (n:Episode {key: episode.key})
  SET n.rule = episode.rule, n.partyId = $party, n.mode = episode.mode, n.at = d.at, n.decisionId = d.id
}
CALL (p, d) {
  UNWIND $offers AS offer
  MATCH (x:Product {code: offer.productCode})
  CREATE (d)-[:PROPOSED {rank: offer.rank}]->(o:Offer {id: offer.id})-[:ABOUT]->(x)
  CREATE (o)-[:OFFERED_TO]->(p)
  SET o += offer.properties, o.familyCode = x.familyCode, o.createdAt = d.at, o.statusAt = d.at,
    o.notBefore = CASE WHEN offer.notBefore IS NOT NULL THEN datetime({epochMillis: offer.notBefore}) END,
    o.validUntil = datetime({epochMillis: offer.validUntil})
  RETURN count(o) AS offers
}
RETURN d.id AS id, offers"""

STORE = _STORE
"""Store a decision with its offers once: a second attempt under the same key changes nothing and returns no row."""

STORE_AS_SEEN = f"""MATCH (:Party {{id: $party}})
MERGE (l:ContactLedger {{key: $ledger}})
SET l.looked = coalesce(l.looked, 0) + 1
WITH l WHERE coalesce(l.version, 0) = $version
{_STORE}"""
"""The same for a decision that was made without holding the customer's ledger (``ledger`` and its ``version`` then).

No row: something that the contact policy looks at was changed since the customer was read, or the key is taken.
"""

EPISODES = """MATCH (n:Episode) WHERE n.partyId IN $ids
RETURN n.key AS key, n.at.epochMillis AS at"""
"""What scans have acted upon, for these customers."""

KNOWN_DECISIONS = "MATCH (d:Decision) WHERE d.key IN $keys RETURN d.key AS key"

DUE_OFFER = """MATCH (o:Offer {id: $id})-[:OFFERED_TO]->(p:Party)
RETURN p.id AS party, o.ruleId AS rule, o.productCode AS product, o.channels AS channels, o.reasons AS reasons,
  o.actionClass AS actionClass, o.status AS status, o.notBefore.epochMillis AS notBefore,
  o.validUntil.epochMillis AS validUntil"""

MOVE_OFFER = f"""MATCH (o:Offer {{id: $id}}) WHERE o.status IN $statuses
SET o += $properties
WITH o WHERE o.status IN ['CANCELLED', 'EXPIRED']
{NOT_NEEDED.format("o.statusReason", "o.statusAt")}"""
