"""The shapes that the benchmarks ask: each as GraphQL, and as the Cypher that one would write by hand for it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Shape:
    """One question in both languages. ``floor`` is the share of the hand-written rate that the API must reach."""

    name: str
    graphql: str
    cypher: str
    floor: float
    keyed: bool = True
    """Whether it asks for one party, a different one each time."""


LOOK_UP = Shape(
    "look-up of four fields",
    "query ($id: ID!) { party(id: $id) { id displayName city status } }",
    "MATCH (p:Party {id: $id}) RETURN p.id AS id, p.displayName AS displayName, p.city AS city, p.status AS status",
    0.5,
)

CUSTOMER_360 = Shape(
    "customer 360",
    """query ($id: ID!) { party(id: $id) {
      id displayName city status ... on Person { birthDate sex }
      agreements(first: 20) { edges { role since node { id status openedOn amount product { code name } } } }
      interactions(first: 5) { nodes { id channel direction at outcome } }
      relationships(first: 20) { edges { kind since node { id displayName } } }
      contactPoints(first: 20) { edges { usage node { kind value } } }
    } }""",
    """MATCH (p:Party {id: $id})
    RETURN p.id AS id, p.displayName AS displayName, p.city AS city, p.status AS status,
      toString(p.birthDate) AS birthDate, p.sex AS sex,
      COLLECT { MATCH (p)-[h:HOLDS]->(a:Agreement)-[:OF]->(x:Product)
        WITH h, a, x ORDER BY a.id LIMIT 20
        RETURN {role: h.role, since: toString(h.since), id: a.id, status: a.status, openedOn: toString(a.openedOn),
          amount: a.amount, code: x.code, name: x.name} } AS agreements,
      COLLECT { MATCH (p)-[:HAD]->(i:Interaction) WITH i ORDER BY i.at DESC LIMIT 5
        RETURN {id: i.id, channel: i.channel, direction: i.direction, at: toString(i.at), outcome: i.outcome} }
        AS interactions,
      COLLECT { MATCH (p)-[r:SPOUSE_OF|PARENT_OF|GUARANTEES|OWNS|DIRECTS|EMPLOYS|REFERRED]-(o:Party)
        WITH r, o ORDER BY o.id LIMIT 20
        RETURN {kind: type(r), since: toString(r.since), id: o.id, displayName: o.displayName} } AS relationships,
      COLLECT { MATCH (p)-[u:REACHABLE_AT]->(c:ContactPoint) WITH u, c ORDER BY c.id LIMIT 20
        RETURN {usage: u.usage, kind: c.kind, value: c.value} } AS contactPoints""",
    0.5,
)

PAGE = Shape(
    "page of 50 parties with agreements",
    """{ parties(first: 50) { nodes { id displayName
      agreements(first: 10) { nodes { id productCode status openedOn } } } } }""",
    """MATCH (p:Party) WHERE p.id > '' WITH p ORDER BY p.id LIMIT 50
    RETURN p.id AS id, p.displayName AS displayName,
      COLLECT { MATCH (p)-[:HOLDS]->(a:Agreement) WITH a ORDER BY a.id LIMIT 10
        RETURN {id: a.id, productCode: a.productCode, status: a.status, openedOn: toString(a.openedOn)} }
        AS agreements""",
    0.6,
    keyed=False,
)

NEST = Shape(
    "three levels: 20 parties, agreements, other holders, their agreements",
    """{ parties(first: 20) { nodes { id displayName
      agreements(first: 10) { nodes { id productCode
        holders(first: 10) { nodes { id displayName
          agreements(first: 10) { nodes { id productCode } } } } } } } } }""",
    """MATCH (p:Party) WHERE p.id > '' WITH p ORDER BY p.id LIMIT 20
    RETURN p.id AS id, p.displayName AS displayName,
      COLLECT { MATCH (p)-[:HOLDS]->(a:Agreement) WITH a ORDER BY a.id LIMIT 10
        RETURN {id: a.id, productCode: a.productCode, holders:
          COLLECT { MATCH (a)<-[:HOLDS]-(o:Party) WITH o ORDER BY o.id LIMIT 10
            RETURN {id: o.id, displayName: o.displayName, agreements:
              COLLECT { MATCH (o)-[:HOLDS]->(b:Agreement) WITH b ORDER BY b.id LIMIT 10
                RETURN {id: b.id, productCode: b.productCode} }} }} } AS agreements""",
    0.6,
    keyed=False,
)

LOAN_NO_CARD = Shape(
    "holds a LOAN and no CARD",
    """{ parties(first: 20, where: {agreements: {some: {familyCode: {eq: "LOAN"}}, none: {familyCode: {eq: "CARD"}}}})
      { nodes { id displayName } } }""",
    """MATCH (p:Party) WHERE p.id > '' AND EXISTS { (p)-[:HOLDS]->(:Agreement {familyCode: 'LOAN'}) }
      AND NOT EXISTS { (p)-[:HOLDS]->(:Agreement {familyCode: 'CARD'}) }
    WITH p ORDER BY p.id LIMIT 20 RETURN p.id AS id, p.displayName AS displayName""",
    0.6,
    keyed=False,
)

SHAPES = (LOOK_UP, CUSTOMER_360, PAGE, NEST, LOAN_NO_CARD)
