"""What is read for "why": templates of computed fields, ``{n}`` is the party."""

from __future__ import annotations

_OVERRIDE = """{id: wv.id, limit: wv.limit, segment: wv.segment, days: wv.days, reason: wv.reason,
      askedBy: wv.askedBy, approvedBy: wv.decidedBy, approvedAt: wv.decidedAt.epochMillis}"""

_DECISION = """id: wd.id, at: wd.at.epochMillis, trigger: wd.trigger, mode: wd.mode, trace: wd.trace,
      policyVersion: wd.policyVersion,
      event: COLLECT { MATCH (wd)-[:CAUSED_BY]->(we:Event)
        RETURN {id: we.id, type: we.type, at: we.at.epochMillis} LIMIT 1 }[0]"""

_OFFER = """{id: wo.id, ruleId: wo.ruleId, productCode: wo.productCode, reasons: wo.reasons, status: wo.status,
        statusReason: wo.statusReason, channel: wo.channel, notBefore: wo.notBefore.epochMillis}"""

CONTACTED = f"""COLLECT {{
  MATCH ({{n}})-[:HAD]->(wi:Interaction {{id: {{interactionId}}}})
  RETURN {{id: wi.id, at: wi.at.epochMillis, channel: wi.channel, direction: wi.direction, source: wi.source,
    productCode: wi.productCode, customer: {{n}}.displayName, zone: {{n}}.timeZone,
    decision: COLLECT {{
      MATCH (wi)<-[:DELIVERED_AS]-(wo:Offer)<-[:PROPOSED]-(wd:Decision) WITH wo, wd ORDER BY wd.at, wd.id LIMIT 1
      RETURN {{{_DECISION},
        offer: {_OFFER},
        again: COLLECT {{ MATCH (wo)<-[:RECONSIDERED]-(wa:Decision) WHERE wa.at <= wi.at
          WITH wa ORDER BY wa.at DESC, wa.id DESC LIMIT 1
          RETURN {{id: wa.id, at: wa.at.epochMillis, trace: wa.trace, policyVersion: wa.policyVersion,
            overrides: COLLECT {{ MATCH (wa)-[:UNDER]->(wv:LimitOverride) RETURN {_OVERRIDE} }} }} }}[0],
        product: COLLECT {{ MATCH (wo)-[:ABOUT]->(wx:Product) RETURN wx.name LIMIT 1 }}[0],
        overrides: COLLECT {{ MATCH (wd)-[:UNDER]->(wv:LimitOverride) RETURN {_OVERRIDE} ORDER BY wv.id }}}}
    }}[0],
    product: COLLECT {{ MATCH (wx:Product {{code: wi.productCode}}) RETURN wx.name LIMIT 1 }}[0],
    reservation: COLLECT {{ MATCH (wr:Reservation)-[:BECAME]->(wi) WITH wr ORDER BY wr.id LIMIT 1
      RETURN {{policyVersion: wr.policyVersion, overrides: COLLECT {{
        UNWIND coalesce(wr.overrides, []) AS wk MATCH (wv:LimitOverride {{id: wk}}) RETURN {_OVERRIDE} }} }} }}[0],
    consents: COLLECT {{ MATCH ({{n}})-[:GAVE]->(wc:Consent)
      RETURN {{id: wc.id, purpose: wc.purpose, channel: wc.channel, status: wc.status, since: wc.at.epochMillis,
        source: wc.source, textVersion: wc.textVersion}} }}
  }} LIMIT 1
}}[0]"""
"""One contact of the party with the decision that led to it; null for a contact of somebody else."""

NOT_OFFERED = f"""{{product: COLLECT {{ MATCH (wx:Product {{code: {{productCode}}}}) RETURN wx.name LIMIT 1 }}[0],
  customer: {{n}}.displayName, zone: {{n}}.timeZone,
  decision: COLLECT {{
    MATCH ({{n}})<-[:FOR]-(wd:Decision) WHERE {{productCode}} IN wd.products
    WITH wd ORDER BY wd.at DESC, wd.id DESC LIMIT 1
    RETURN {{{_DECISION},
      offer: COLLECT {{ MATCH (wd)-[:PROPOSED|RECONSIDERED]->(wo:Offer) WHERE wo.productCode = {{productCode}}
        RETURN {_OFFER} ORDER BY wo.id LIMIT 1 }}[0]}}
  }}[0]}}"""
"""The newest decision about a product for the party; ``decision`` is null when there is none."""
