"""Fixtures of merging: two records of one person, and what reads a graph so that it can be compared."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, field
from typing import Any

from graph_crm.graph.database import Database
from graph_crm.merging.kinds import MergeSide
from graph_crm.merging.service import MergeService
from graph_crm.parties.commands import NewContactPoint, PersonDetails
from graph_crm.parties.kinds import ContactPointKind
from graph_crm.parties.service import PartyService

PICTURE = """
MATCH (n) WHERE NOT n:Migration AND NOT n:Lock AND NOT n:IdempotencyKey AND NOT n:ContactLedger AND NOT n:Merge
  AND NOT n:PartyChange AND NOT n:OutboxEntry
OPTIONAL MATCH (n)-[r]->(o) WHERE NOT o:Merge AND NOT o:PartyChange
RETURN labels(n) AS labels, n {.*, version: null, updatedAt: null, searchText: null} AS properties,
  collect([type(r), properties(r), coalesce(o.id, o.key, o.valueKey, o.code)]) AS ties
"""
"""All that is in the graph but locks, versions, search texts, the log of parties and the merges."""


async def picture(database: Database) -> list[str]:
    """The graph as sorted texts; two graphs are the same where they are."""
    rows = await database.read(PICTURE)
    return sorted(
        repr((sorted(row["labels"]), _plain(row["properties"]), sorted(repr(_plain(one)) for one in row["ties"])))
        for row in rows
    )


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return sorted((key, _plain(one)) for key, one in value.items() if one is not None)
    if isinstance(value, list | tuple):
        return [_plain(one) for one in value]
    return str(value)


@dataclass
class Two:
    """A bank in which one person is stored twice: ``kept`` and ``other``."""

    database: Database
    parties: PartyService
    merges: MergeService
    kept: str = "anna"
    other: str = "ana"
    choices: dict[str, MergeSide] = field(default_factory=dict)

    async def person(self, identifier: str, given: str, born: dt.date, *phones: str, **more: Any) -> None:
        points = [NewContactPoint(kind=ContactPointKind.PHONE, value=one) for one in phones]
        details = PersonDetails(given_name=given, family_name="Nováková", birth_date=born, **more)
        await self.parties.create_person(details, id=identifier, contact_points=points)

    async def merge(self, **choices: MergeSide) -> str:
        chosen = {name.replace("__", "."): side for name, side in choices.items()}
        written = await self.merges.merge(self.kept, self.other, choices=chosen, reason="one person", by="jana")
        return written.id

    async def unmerge(self, identifier: str) -> None:
        await self.merges.unmerge(identifier, reason="two persons", by="jana")
        await self.merges.finish(identifier)

    async def one(self, statement: str, **parameters: Any) -> Any:
        return (await self.database.execute(statement, parameters))[0]["x"]


FILL = """
MATCH (p:Party {id: $id})
CREATE (other:Party:Person {id: 'o-' + $mark, displayName: 'Other', nameKey: 'other', version: 1})
CREATE (p)-[:SPOUSE_OF {id: 'tie-' + $mark, since: date('2010-01-01')}]->(other)
CREATE (p)-[:HOLDS {id: 'holds-' + $mark, role: 'OWNER', since: date('2020-01-01')}]->(a:Agreement {id: 'a-' + $mark})
CREATE (p)-[:DID]->(e:Event {id: 'e-' + $mark, partyId: p.id, type: 'login', at: datetime('2026-01-01T10:00:00Z')})
CREATE (e)-[:ON]->(a)
CREATE (p)-[:HAD_SESSION]->(:Session {id: 's-' + $mark, partyId: p.id})-[:INCLUDED]->(e)
CREATE (p)-[:HAD]->(i:Interaction {id: 'i-' + $mark, at: datetime('2026-01-02T10:00:00Z'), channel: 'PHONE'})
CREATE (p)-[:GAVE]->(:Consent {id: 'c-' + $mark, partyId: p.id, purpose: 'MARKETING', channel: 'EMAIL',
  status: 'GRANTED', at: datetime('2026-01-01T00:00:00Z'), recordedAt: datetime('2026-01-01T00:00:00Z')})
CREATE (p)-[:RESERVED]->(v:Reservation {id: 'v-' + $mark, key: 'v-' + $mark, partyId: p.id, state: 'CONFIRMED'})
CREATE (d:Decision {id: 'd-' + $mark, key: 'd-' + $mark, partyId: p.id})-[:FOR]->(p)
CREATE (d)-[:PROPOSED {rank: 1}]->(o:Offer {id: 'f-' + $mark, partyId: p.id, status: 'ACCEPTED'})-[:OFFERED_TO]->(p)
CREATE (v)-[:FOR_OFFER]->(o)
CREATE (o)-[:ANSWERED_BY]->(:Response {id: 'r-' + $mark, key: 'r-' + $mark, partyId: p.id, outcome: 'ACCEPTED'})
CREATE (p)-[:ASKED]->(:ServiceRequest {id: 'q-' + $mark, number: 'q-' + $mark, partyId: p.id, status: 'OPEN'})
CREATE (p)-[:WAS_SENT]->(:Delivery {id: 'w-' + $mark, key: 'w-' + $mark, partyId: p.id, state: 'SENT'})
CREATE (:Call {id: 'l-' + $mark, partyId: p.id})-[:FROM]->(p)
CREATE (p)-[:SHOWS]->(n:Interest {key: p.id + '|CARD', partyId: p.id, productCode: 'CARD'})
CREATE (n)-[:BY_DAY]->(:InterestDay {key: p.id + '|CARD|2026-01-01', partyId: p.id})
CREATE (:Episode {key: 'x-' + $mark, partyId: p.id})
CREATE (:OutboxEntry {id: 'work-' + $mark, topic: 'test', partitionKey: p.id, state: 'PENDING', attempts: 0,
  payload: '{"partyId":"' + p.id + '"}', at: datetime.realtime(), availableAt: datetime.realtime()})
"""
"""One record of every sort at a party."""


async def filled(database: Database, party: str, mark: str) -> None:
    """Give the party one record of every sort; ``mark`` makes their ids."""
    await database.execute(FILL, {"id": party, "mark": mark})
