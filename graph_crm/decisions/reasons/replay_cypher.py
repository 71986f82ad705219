"""What a replay reads: a decision as it was stored, and the overrides that were in force then."""

from __future__ import annotations

DECISION = """MATCH (d:Decision {id: $id})
OPTIONAL MATCH (d)-[:FOR]->(p:Party)
RETURN coalesce(p.id, d.partyId, '') AS party,
  d.key AS key, d.at.epochMillis AS at, d.trigger AS trigger, d.outcome AS outcome, d.mode AS mode,
  coalesce(d.hooks, false) AS hooks, d.limit AS limit, d.channel AS channel, d.context AS context, d.trace AS trace,
  d.ruleVersions AS ruleVersions, d.policyVersion AS policyVersion, d.modelVersion AS modelVersion,
  d.snapshotDigest AS snapshotDigest, d.digests AS digests,
  COLLECT { MATCH (d)-[:CAUSED_BY]->(e:Event) RETURN e.id LIMIT 1 }[0] AS event,
  COLLECT { MATCH (d)-[:RECONSIDERED]->(o:Offer) RETURN o.id LIMIT 1 }[0] AS reconsidered,
  COLLECT { MATCH (d)-[:PROPOSED|RECONSIDERED]->(o:Offer) RETURN o.id } AS offers"""

OVERRIDES = """RETURN COLLECT {
  MATCH (v:LimitOverride)
  WHERE v.status IN ['APPROVED', 'REVOKED'] AND v.decidedAt <= $at AND v.until > $at
    AND (v.revokedAt IS NULL OR v.revokedAt > $at)
  RETURN [v.id, v.limit, v.segment, v.days, v.from.epochMillis, v.until.epochMillis, v.reason] ORDER BY v.id
} AS overrides"""
"""The overrides that were approved at ``$at``, those among them that were revoked later."""
