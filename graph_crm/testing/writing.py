"""Writing made-up customers into a graph, as the platform's own services and imports leave them there."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import orjson

from graph_crm.events.service import RecordedEvent
from graph_crm.graph.database import Database
from graph_crm.interest.service import InterestKeeper
from graph_crm.rules.customers import LONG_AGO, Customer
from graph_crm.rules.snapshot import EventFact, Holding

_WRITE = """
CALL () { UNWIND $parties AS row
  MERGE (p:Party {id: row.id}) SET p += row.facts
  FOREACH (_ IN CASE WHEN row.organization THEN [1] ELSE [] END | SET p:Organization)
  FOREACH (_ IN CASE WHEN row.organization THEN [] ELSE [1] END | SET p:Person) }
CALL () { UNWIND $holdings AS row
  MATCH (p:Party {id: row.party})
  CREATE (p)-[:HOLDS {id: row.id, role: row.role, since: row.since, until: row.until}]->(a:Agreement) SET a += row.facts
  WITH a OPTIONAL MATCH (x:Product {code: a.productCode})
  FOREACH (one IN CASE WHEN x IS NULL THEN [] ELSE [x] END | CREATE (a)-[:OF]->(one)) }
CALL () { UNWIND $events AS row
  MATCH (p:Party {id: row.party}) CREATE (p)-[:DID]->(e:Event) SET e += row.facts }
CALL () { UNWIND $contacts AS row
  MATCH (p:Party {id: row.party}) CREATE (p)-[:HAD]->(i:Interaction) SET i += row.facts }
CALL () { UNWIND $answers AS row
  CREATE (r:Response) SET r += row }
CALL () { UNWIND $consents AS row
  MATCH (p:Party {id: row.partyId}) CREATE (p)-[:GAVE]->(c:Consent) SET c += row }
CALL () { UNWIND $points AS row
  MATCH (p:Party {id: row.party})
  MERGE (c:ContactPoint {valueKey: row.key}) ON CREATE SET c.id = row.key, c.kind = row.kind, c.value = row.value
  SET c.blocked = coalesce(c.blocked, false) OR row.blocked
  CREATE (p)-[:REACHABLE_AT {id: row.id, since: row.since, until: row.until, preferred: row.preferred}]->(c) }
CALL () { UNWIND $members AS row
  MATCH (p:Party {id: row.party})
  MERGE (h:Household {id: row.household}) ON CREATE SET h.version = 1
  MERGE (p)-[m:MEMBER_OF {id: row.household + ':' + row.party}]->(h) ON CREATE SET m.since = row.since }
CALL () { UNWIND $ties AS row
  MATCH (p:Party {id: row.start}) MATCH (q:Party {id: row.end})
  CREATE (p)-[r:$(row.type) {id: row.id}]->(q) SET r.since = row.since, r.until = row.until }
"""


async def write(database: Database, customers: Iterable[Customer]) -> None:
    """Put the customers and everybody they are tied to into the graph. Each party is written once."""
    known: dict[str, Customer] = {}
    for one in customers:
        for each in _everybody(one):
            known.setdefault(each.facts.id, each)
    rows: dict[str, list[Any]] = {
        name: []
        for name in ("parties", "holdings", "events", "contacts", "answers", "consents", "points", "members", "ties")
    }
    for one in known.values():
        _add(rows, one)
    await database.execute(_WRITE, rows)
    events = [_recorded(who, event) for who in known.values() for event in who.events]
    await database.write(lambda tx: InterestKeeper().note(tx, events), idempotent=False)


def _recorded(who: Customer, event: EventFact) -> RecordedEvent:
    return RecordedEvent(
        id=event.id, type=event.type, party_id=who.facts.id, at=event.at, channel=event.channel, payload=event.payload
    )


def _everybody(who: Customer) -> Iterator[Customer]:
    yield who
    for other in (*(tie[4] for tie in who.ties), *who.home, *who.sharing):
        yield from _everybody(other)


def _add(rows: dict[str, list[Any]], who: Customer) -> None:
    party = who.facts.id
    rows["parties"].append(_party(who))
    rows["holdings"] += [_holding(party, holding, history) for holding, history in who.holdings]
    rows["events"] += [
        {"party": party, "facts": {"id": one.id, "type": one.type, "at": one.at, "payload": _json(one.payload)}}
        for one in who.events
    ]
    for touch in who.met:
        facts = {
            "id": touch.id,
            "at": touch.at,
            "channel": touch.channel,
            "direction": touch.direction,
            "actionClass": touch.action_class,
            "purpose": touch.purpose,
            "outcome": touch.outcome,
            "productCode": touch.product,
            "pointKey": touch.points[0] if touch.points else None,
            "callBackAt": touch.call_back_at,
        }
        rows["contacts"].append({"party": party, "facts": facts})
    rows["answers"] += [
        {
            "id": one.id,
            "key": one.id,
            "partyId": party,
            "outcome": one.outcome,
            "at": one.at,
            "recordedAt": one.at,
            "productCode": one.product,
            "familyCode": one.family,
            "channel": one.channel,
            "callBackAt": one.call_back_at,
        }
        for one in who.answers
    ]
    rows["consents"] += [
        {
            "id": one.id,
            "partyId": party,
            "purpose": one.purpose,
            "status": one.status,
            "at": one.at,
            "recordedAt": one.at,
            "channel": one.channel,
            "pointKey": one.point,
            "source": "test",
        }
        for one in who.consents
    ]
    _add_ties(rows, who)


def _add_ties(rows: dict[str, list[Any]], who: Customer) -> None:
    party = who.facts.id
    for number, one in enumerate(who.reached):
        kind, _, value = one.point.key.partition(":")
        rows["points"].append(
            {
                "party": party,
                "id": f"{party}:point:{number}",
                "key": one.point.key,
                "kind": kind,
                "value": value,
                "blocked": one.point.blocked,
                "preferred": one.point.preferred,
                "since": one.since,
                "until": one.until,
            }
        )
    household = who.household()
    if household is not None:
        rows["members"] += [
            {"party": one.facts.id, "household": household, "since": LONG_AGO} for one in (who, *who.home)
        ]
    for number, (kind, outgoing, start, until, other) in enumerate(who.ties):
        ends = (party, other.facts.id) if outgoing else (other.facts.id, party)
        rows["ties"].append(
            {
                "id": f"{party}:tie:{number}",
                "type": kind,
                "start": ends[0],
                "end": ends[1],
                "since": start,
                "until": until,
            }
        )


def _party(who: Customer) -> dict[str, Any]:
    facts = who.facts
    return {
        "id": facts.id,
        "organization": facts.kind == "ORGANIZATION",
        "facts": {
            "displayName": facts.id,
            "nameKey": facts.id,
            "searchText": facts.id,
            "status": facts.status,
            "birthDate": facts.born,
            "segment": facts.segment,
            "country": facts.country,
            "region": facts.region,
            "timeZone": facts.time_zone,
            "blocked": facts.blocked,
            "vulnerable": facts.vulnerable,
            "version": 1,
        },
    }


def _holding(party: str, holding: Holding, history: tuple[tuple[Any, str], ...]) -> dict[str, Any]:
    return {
        "party": party,
        "id": f"{holding.agreement_id}:holding",
        "role": holding.role,
        "since": holding.since,
        "until": holding.until,
        "facts": {
            "id": holding.agreement_id,
            "productCode": holding.product,
            "familyCode": holding.family,
            "status": history[-1][1],
            "statusDates": [since for since, _ in history],
            "statusValues": [status for _, status in history],
            "openedOn": holding.opened_on,
            "maturesOn": holding.matures_on,
            "amount": holding.amount,
            "version": 1,
        },
    }


def _json(payload: Any) -> str | None:
    return orjson.dumps(dict(payload), default=str).decode() if payload else None
