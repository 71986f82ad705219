"""The statement that reads customers as rules see them, in the variants that a question needs."""

from __future__ import annotations

_ON = "({0}.since IS NULL OR {0}.since <= $day) AND ({0}.until IS NULL OR {0}.until > $day)"

_HOLDINGS = """COLLECT {{
  MATCH ({party})-[h:HOLDS]->(a:Agreement)
  WHERE coalesce(h.since, a.openedOn) <= $day
  RETURN [a.id, a.productCode, a.familyCode, h.role, toString(coalesce(h.since, a.openedOn)), toString(h.until),
    a.status, [d IN a.statusDates | toString(d)], a.statusValues, toString(a.openedOn), toString(a.closedOn),
    toString(a.maturesOn), a.amount, a.currency, a.termMonths]
}}"""

_PARTY = """[{party}.id, {party}:Organization, {party}.status,
    toString({party}.birthDate), toString({party}.deceasedOn),
    {party}.segment, {party}.country, {party}.region, {party}.language, {party}.blocked, toString({party}.endedOn),
    {party}.timeZone, {party}.vulnerable, {party}.controlUnit, {party}.restrictedAt IS NOT NULL,
    {party}.merging IS NOT NULL]"""

_TIED = """COLLECT {{
  MATCH (p)-[r:{ties}]-(q:Party)
  WHERE r.since <= $day
  RETURN [type(r), startNode(r) = p, toString(r.since), toString(r.until), r.share, {party}, {holdings}]
}}"""

_EVENT = """[e.id, e.type, e.at.epochMillis, e.channel, e.payload,
    head(COLLECT { MATCH (e)-[:ON]->(a:Agreement) RETURN a.id })]"""

_EVENTS = f"""COLLECT {{
  MATCH (p)-[:DID]->(e:Event)
  WHERE e.type IN $types AND e.at.epochMillis >= $eventsFrom[e.type] AND e.at < until
  RETURN {_EVENT} ORDER BY e.at, e.id
}}"""

_CONTACTS = """COLLECT {
  MATCH (p)-[:HAD]->(i:Interaction)
  WHERE i.at >= contactsFrom AND i.at < until
  RETURN [i.id, i.at.epochMillis, i.channel, i.direction, i.purpose, i.outcome, i.productCode] ORDER BY i.at, i.id
}"""

_LOOKS = """COLLECT {
  MATCH (p)-[:SHOWS]->(i:Interest)-[:BY_DAY]->(d:InterestDay)
  WHERE d.day >= $looksFrom AND d.day <= $day
  RETURN [i.productCode, i.familyCode, d.moments, d.weights]
}"""

# Instants are sent as epoch milliseconds: the driver takes long to encode a temporal value.
_INSTANTS = (
    "WITH datetime({epochMillis: $until}) AS until, datetime({epochMillis: $contactsFrom}) AS contactsFrom,\n"
    "  datetime({epochMillis: $touchesFrom}) AS touchesFrom, datetime({epochMillis: $answersFrom}) AS answersFrom\n"
)

_HOUSEHOLDS = f"""COLLECT {{
  MATCH (p)-[m:MEMBER_OF]->(h:Household) WHERE {_ON.format("m")}
  RETURN [h.id, [x IN COLLECT {{
    MATCH (h)<-[n:MEMBER_OF]-(q:Party) WHERE q <> p AND {_ON.format("n")} RETURN q.controlUnit
  }} WHERE x IS NOT NULL]] ORDER BY h.id
}}"""

# Read before everything else: what changes after the versions were read is noticed when the decision is stored.
_VERSIONS = f"""COLLECT {{
  UNWIND ['party:' + p.id]
    + COLLECT {{ MATCH (p)-[m:MEMBER_OF]->(h:Household) WHERE {_ON.format("m")} RETURN 'household:' + h.id }}
    + COLLECT {{ MATCH (p)-[r:REACHABLE_AT]->(c:ContactPoint) WHERE {_ON.format("r")} RETURN 'point:' + c.valueKey }}
    AS key
  OPTIONAL MATCH (l:ContactLedger {{key: key}})
  RETURN [key, coalesce(l.version, 0)]
}}"""

# A statement that was written past the platform without one of its instants holds from the other one.
_CONSENTS = """COLLECT {
  MATCH (p)-[:GAVE]->(s:Consent)
  WHERE coalesce(s.at, s.recordedAt) < until AND coalesce(s.recordedAt, s.at) < until
  RETURN [s.id, s.purpose, s.status, coalesce(s.at, s.recordedAt).epochMillis, s.channel, s.pointKey]
  ORDER BY coalesce(s.at, s.recordedAt), s.recordedAt, s.id
}"""

_POINTS = f"""COLLECT {{
  MATCH (p)-[r:REACHABLE_AT]->(c:ContactPoint)
  WHERE {_ON.format("r")}
  RETURN [c.valueKey, c.kind, r.preferred, c.blocked, r.usage,
    COUNT {{ MATCH (c)<-[t:REACHABLE_AT]-(q:Party) WHERE q <> p AND {_ON.format("t")} }},
    COLLECT {{
      MATCH (s:Consent {{pointKey: c.valueKey}})
      WHERE coalesce(s.at, s.recordedAt) < until AND coalesce(s.recordedAt, s.at) < until
        AND EXISTS {{ MATCH (:Party {{id: s.partyId}})-[t:REACHABLE_AT]->(c) WHERE {_ON.format("t")} }}
      // The last decides: of one instant the refusal.
      RETURN [s.partyId, s.purpose, s.channel, s.status, s.id]
      ORDER BY coalesce(s.at, s.recordedAt), coalesce(s.status, '') <> 'GRANTED', s.recordedAt, s.id
    }}] ORDER BY coalesce(r.preferred, false) DESC, r.since DESC, c.valueKey
}}"""

_MADE = """[i.id, i.at.epochMillis, i.at.epochMillis, i.channel, i.direction, i.actionClass, i.purpose, i.outcome,
    i.productCode, {party}, i.callBackAt.epochMillis, i.offerId, i.pointKey, false, {via}]"""
_HELD = """[v.id, v.at.epochMillis, v.until.epochMillis, v.channel, v.direction, v.actionClass, v.purpose, null,
    v.productCode, v.partyId, null, v.offerId, v.pointKey, true, {via}]"""
_MADE_THEN = "i.at >= touchesFrom AND i.at < until"
_HELD_THEN = "v.createdAt < until AND v.until >= until AND (v.endedAt IS NULL OR v.endedAt >= until)"

_OWN = f"""COLLECT {{
  MATCH (p)-[:HAD]->(i:Interaction) WHERE {_MADE_THEN} RETURN {_MADE.format(party="p.id", via="'own'")} AS touch
  UNION ALL
  MATCH (p)-[:RESERVED]->(v:Reservation) WHERE {_HELD_THEN} RETURN {_HELD.format(via="'own'")} AS touch
}}"""

_MEMBERS = (
    f"MATCH (p)-[m:MEMBER_OF]->(:Household)<-[n:MEMBER_OF]-(q:Party)\n"
    f"  WHERE q <> p AND {_ON.format('m')} AND {_ON.format('n')}"
)
_OF_HOUSEHOLD = f"""COLLECT {{
  {_MEMBERS}
  MATCH (q)-[:HAD]->(i:Interaction) WHERE {_MADE_THEN}
  RETURN {_MADE.format(party="q.id", via="'household'")} AS touch
  UNION ALL
  {_MEMBERS}
  MATCH (q)-[:RESERVED]->(v:Reservation) WHERE {_HELD_THEN}
  RETURN {_HELD.format(via="'household'")} AS touch
}}"""

_POINT = f"MATCH (p)-[r:REACHABLE_AT]->(c:ContactPoint) WHERE {_ON.format('r')}"
_OF_KIND = "(c.kind = 'PHONE' AND {0}.channel = 'SMS' OR c.kind = {0}.channel)"
# A contact that does not say which of the phones rang may have been to any of them.
_AT_POINTS = f"""COLLECT {{
  {_POINT}
  MATCH (i:Interaction {{pointKey: c.valueKey}}) WHERE {_MADE_THEN}
  RETURN {_MADE.format(party="null", via="c.valueKey")} AS touch
  UNION ALL
  {_POINT}
  MATCH (c)<-[t:REACHABLE_AT]-(q:Party) WHERE q <> p AND {_ON.format("t")}
  MATCH (q)-[:HAD]->(i:Interaction) WHERE {_MADE_THEN} AND i.pointKey IS NULL AND {_OF_KIND.format("i")}
  RETURN {_MADE.format(party="q.id", via="c.valueKey")} AS touch
  UNION ALL
  {_POINT}
  MATCH (v:Reservation {{pointKey: c.valueKey}}) WHERE {_HELD_THEN}
  RETURN {_HELD.format(via="c.valueKey")} AS touch
}}"""

_ANSWERS = """COLLECT {
  MATCH (s:Response {partyId: p.id})
  WHERE s.at >= answersFrom AND s.at < until AND s.recordedAt < until
  RETURN [s.id, s.outcome, s.at.epochMillis, s.productCode, s.familyCode, s.channel, s.offerId,
    s.callBackAt.epochMillis] AS answer
  UNION ALL
  MATCH (p)-[:HAD]->(i:Interaction)
  WHERE i.at >= answersFrom AND i.at < until AND i.outcome IN $outcomes
    AND NOT EXISTS { MATCH (i)-[:LED_TO]->(s:Response) WHERE s.outcome = i.outcome }
  RETURN [i.id, i.outcome, i.at.epochMillis, i.productCode,
    head(COLLECT { MATCH (x:Product {code: i.productCode}) RETURN x.familyCode }), i.channel, i.offerId,
    i.callBackAt.epochMillis] AS answer
}"""


_OPEN_OFFERS = """COLLECT {
  MATCH (o:Offer {partyId: p.id})
  WHERE o.createdAt < until AND (o.status IN $open OR o.statusAt >= until)
  RETURN [o.id, o.productCode, o.status, o.channel, o.createdAt.epochMillis] ORDER BY o.createdAt, o.id
}"""


def snapshots(
    ties: frozenset[str],
    *,
    events: bool,
    contacts: bool,
    looks: bool,
    memory: bool,
    household: bool,
    points: bool,
) -> str:
    """One statement that reads a batch of customers as of one instant.

    Parameters: ``ids``, ``day``, ``until`` (the first instant too late to be seen), and where they are read ``types``,
    ``eventsFrom`` (by type), ``looksFrom``, ``contactsFrom``, ``touchesFrom``, ``answersFrom``, ``outcomes`` and
    ``open``. The names of ``ties`` come from the platform's own list.
    """
    none = "[]"
    tied = _TIED.format(
        ties="|".join(sorted(ties)), party=_PARTY.format(party="q"), holdings=_HOLDINGS.format(party="q")
    )
    parts = {
        "party": _PARTY.format(party="p"),
        "holdings": _HOLDINGS.format(party="p"),
        "events": _EVENTS if events else none,
        "contacts": _CONTACTS if contacts else none,
        "tied": tied if ties else none,
        "looks": _LOOKS if looks else none,
        "households": _HOUSEHOLDS if memory else none,
        "consents": _CONSENTS if memory else none,
        "points": _POINTS if memory else none,
        "touches": " + ".join(
            [_OWN, *([_OF_HOUSEHOLD] if household else []), *([_AT_POINTS] if points else [])] if memory else [none]
        ),
        "answers": _ANSWERS if memory else none,
        "offers": _OPEN_OFFERS if memory else none,
    }
    returned = ",\n".join(f"{text} AS {name}" for name, text in parts.items())
    versions = _VERSIONS if memory else none
    customers = f"UNWIND $ids AS id\nMATCH (p:Party {{id: id}})\nWITH *, {versions} AS versions\n"
    return f"{_INSTANTS}{customers}RETURN versions,\n{returned}"


EVENTS = f"UNWIND $ids AS id\nMATCH (p:Party)-[:DID]->(e:Event {{id: id}})\nRETURN p.id AS party, {_EVENT} AS event"
"""Events and the customers who did them."""
