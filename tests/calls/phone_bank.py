"""A bank with a call list: customers with phones, offers whose slots are held, and a clock that a test moves."""

from __future__ import annotations

import datetime as dt
import json
from typing import Any

from graph_crm.calls.call_list import CallList
from graph_crm.calls.incoming import SETTLE, IncomingCalls
from graph_crm.calls.kinds import CallOutcome
from graph_crm.calls.outcomes import CallOutcomes, CallReport
from graph_crm.calls.remembering import as_event
from graph_crm.contacts.desk import ContactDesk
from graph_crm.contacts.kinds import Channel
from graph_crm.contacts.slots import Slot
from graph_crm.decisions.offers.responses import ResponseService
from graph_crm.delivery.offers import ReservedOffer
from graph_crm.events.service import EventService
from graph_crm.graph.database import Database, Row, Transaction
from graph_crm.graph.outbox import OutboxEntry
from graph_crm.parties.writes import Written
from graph_crm.products.catalogue import load_catalogue
from graph_crm.sessions.service import SessionService

NOON = dt.datetime(2026, 11, 23, 11, 0, tzinfo=dt.UTC)
"""A Monday at noon in Prague."""
MINUTE = dt.timedelta(minutes=1)
HOUR = dt.timedelta(hours=1)
DAY = dt.timedelta(days=1)

PEOPLE = """
UNWIND $people AS one
CREATE (p:Party:Person {id: one.id, displayName: one.id, status: 'ACTIVE', version: 1, country: 'CZ',
  timeZone: 'Europe/Prague', language: one.language})
CREATE (p)-[:GAVE]->(:Consent {id: 'consent:' + one.id, partyId: one.id, purpose: 'MARKETING', status: 'GRANTED',
  at: $since, recordedAt: $since, source: 'test'})
MERGE (c:ContactPoint {valueKey: one.phone}) ON CREATE SET c.id = one.phone, c.kind = 'PHONE', c.blocked = false
CREATE (p)-[:REACHABLE_AT {id: 'at ' + one.id, since: date($since), preferred: true}]->(c)
"""

OFFER = """
MATCH (p:Party {id: $party}), (x:Product {code: $product})
CREATE (d:Decision {id: 'decision of ' + $offer, key: $offer, at: $at, trigger: 'event:atm_balance_check',
  outcome: 'PROPOSED', mode: 'EVENT', trace: '[]'})-[:FOR]->(p)
CREATE (d)-[:PROPOSED {rank: 1}]->(o:Offer {id: $offer})-[:ABOUT]->(x)
CREATE (o)-[:OFFERED_TO]->(p)
SET o += $properties, o.partyId = p.id, o.productCode = x.code, o.familyCode = x.familyCode
"""


class Clock:
    """The time as the test says."""

    def __init__(self) -> None:
        self.now = NOON

    def __call__(self) -> dt.datetime:
        return self.now


class PhoneBank:
    """The use cases of calls over one database, with a clock that a test moves."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.clock = Clock()
        self.desk = ContactDesk(database, clock=self.clock)
        self.list = CallList(database, clock=self.clock)
        self.outcomes = CallOutcomes(database, ResponseService(database, clock=self.clock), clock=self.clock)
        self.requests: list[Any] = []
        self.told: list[tuple[str, str | None]] = []
        self.sessions = SessionService(database, clock=self.clock)
        self.events = EventService(database, effects=[self.sessions.join])
        self.calls = IncomingCalls(
            database,
            self.list,
            open_request=self._open_request,
            tell_caller=self._tell_caller,
            remember=as_event(self.events, self.sessions),
            clock=self.clock,
        )

    async def _open_request(self, asked: Any) -> str:
        if asked not in self.requests:
            self.requests.append(asked)
        return f"R-{self.requests.index(asked):04}"

    async def _tell_caller(self, request: str, asked: Any) -> None:
        self.told.append((request, asked.number))

    async def open(self) -> PhoneBank:
        await load_catalogue(self.database)
        return self

    async def people(self, *names: str, phone: str | None = None, language: str | None = None) -> None:
        people = [{"id": name, "phone": f"PHONE:{phone or self.number(name)}", "language": language} for name in names]
        await self.database.execute(PEOPLE, {"people": people, "since": NOON - 400 * DAY})

    @staticmethod
    def number(name: str) -> str:
        """A Czech number of the customer's own."""
        return f"+42060{sum(ord(one) * 31**place for place, one in enumerate(name)) % 10_000_000:07}"

    async def offer(
        self,
        party: str,
        *,
        priority: float = 1.0,
        product: str = "SMALL_LOAN",
        phone: str | None = None,
        place: bool = True,
        lasts: dt.timedelta = 72 * HOUR,
        **more: Any,
    ) -> ReservedOffer:
        """An offer with a slot for a call, put on the list."""
        offer = f"{product} for {party}"
        point = f"PHONE:{phone or self.number(party)}"
        properties = {
            "ruleId": "balance",
            "ruleVersion": "1",
            "actionClass": "PROMOTIONAL",
            "channels": ["ATM", "PHONE"],
            "channel": "PHONE",
            "pointKey": point,
            "status": "PROPOSED",
            "statusReason": "RESERVED",
            "statusAt": NOON - MINUTE,
            "createdAt": NOON - MINUTE,
            "validUntil": NOON + 30 * DAY,
            "reasons": ["You looked at your balance."],
            "script": "May I tell you about a small loan?",
            **more,
        }
        made = {"party": party, "product": product, "offer": offer, "at": NOON - MINUTE, "properties": properties}
        await self.database.execute(OFFER, made)
        slot = Slot(
            party_id=party,
            channel="PHONE",
            at=self.clock.now,
            until=self.clock.now + lasts,
            product=product,
            point=point,
            offer_id=offer,
        )

        async def work(tx: Transaction) -> ReservedOffer:
            (reservation,) = await self.desk.hold(tx, [slot], now=self.clock.now)
            placed = ReservedOffer(
                id=offer,
                party_id=party,
                reservation_id=reservation,
                channel=Channel.PHONE,
                place=Channel.PHONE,
                point=point,
                product=product,
                action_class="PROMOTIONAL",
                purpose="MARKETING",
                begins=slot.at,
                ends=slot.until,
                valid_until=NOON + 30 * DAY,
                priority=priority,
                script=properties["script"],
                reasons=tuple(properties["reasons"]),
                skill=properties.get("skill"),
            )
            if place:
                await self.list.place(tx, placed)
            return placed

        return await self.database.write(work)

    async def agents(self, **skills: list[str]) -> None:
        """Employees with what they can do."""
        people = [{"id": name.replace("_", "-"), "skills": able} for name, able in skills.items()]
        await self.database.execute(
            "UNWIND $people AS one CREATE (e:Employee {languages: [], active: true}) SET e += one", {"people": people}
        )

    async def party_of(self, entry: str | None) -> str | None:
        if entry is None:
            return None
        return str((await self.one("MATCH (d:CallEntry {id: $id}) RETURN d.partyId AS party", id=entry))["party"])

    async def next(self, agent: str = "agent-1", **more: Any) -> str | None:
        """The customer whom the agent is to call."""
        return await self.party_of(await self.list.next(agent, **more))

    async def said(self, outcome: CallOutcome, agent: str = "agent-1", **more: Any) -> Written:
        """What became of the call that the agent makes now."""
        entry = await self.list.next(agent)
        assert entry is not None
        return await self.outcomes.record(CallReport(entry_id=entry, outcome=outcome, **more), agent=agent)

    async def entries(self) -> dict[str, tuple[str, str | None]]:
        rows = await self.database.read(
            "MATCH (d:CallEntry) RETURN coalesce(d.partyId, d.to) AS who, d.state AS state, d.stateReason AS why"
        )
        return {row["who"]: (row["state"], row["why"]) for row in rows}

    async def settle(self) -> int:
        """What a worker does with the calls, now and in their order."""
        rows = await self.database.read(
            "MATCH (e:OutboxEntry {topic: $topic}) RETURN e.id AS id, e.partitionKey AS partition, e.payload AS payload"
            " ORDER BY e.at, e.id",
            {"topic": SETTLE},
        )
        for row in rows:
            entry = OutboxEntry(row["id"], SETTLE, row["partition"], json.loads(row["payload"]), 1, "test")
            effect = await self.calls.settle(entry)
            if effect is not None:
                await self.database.write(effect)
            await self.database.execute("MATCH (e:OutboxEntry {id: $id}) DELETE e", {"id": entry.id})
        return len(rows)

    async def one(self, text: str, **parameters: Any) -> Row:
        (row,) = await self.database.read(text, parameters)
        return row
