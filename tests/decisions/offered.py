"""Anna, who was offered something after she looked at her balance: the graph that responses are recorded on."""

from __future__ import annotations

import datetime as dt
import json
from typing import Any

from graph_crm.contacts.desk import ContactDesk
from graph_crm.contacts.slots import Slot
from graph_crm.decisions.offers.responses import NewResponse, ResponseService
from graph_crm.graph.database import Database, Row
from graph_crm.graph.database import Transaction as Tx
from graph_crm.parties.writes import Written
from graph_crm.products.catalogue import load_catalogue

NOON = dt.datetime(2026, 11, 23, 11, 0, tzinfo=dt.UTC)
MINUTE = dt.timedelta(minutes=1)
HOUR = dt.timedelta(hours=1)
DAY = dt.timedelta(days=1)

BANK = """
CREATE (p:Party:Person {id: 'anna', displayName: 'Anna', status: 'ACTIVE', version: 1})
CREATE (p)-[:REACHABLE_AT {id: 'r1', since: date('2020-01-01')}]->(:ContactPoint {id: 'c1', kind: 'PHONE',
  valueKey: 'PHONE:+420602123456'})
CREATE (p)-[:MEMBER_OF {id: 'm1', since: date('2020-01-01')}]->(:Household {id: 'home'})
CREATE (p)-[:DID]->(:Event {id: 'e1', type: 'atm_balance_check', at: $at, channel: 'ATM'})
CREATE (:Party:Person {id: 'ben', displayName: 'Ben', status: 'ACTIVE', version: 1})
"""

DECIDE = """
MATCH (p:Party {id: 'anna'}), (e:Event {id: 'e1'})
MERGE (d:Decision {id: $decision})
ON CREATE SET d.key = $decision, d.at = $at, d.trigger = 'event:atm_balance_check', d.outcome = 'PROPOSED',
  d.mode = $mode, d.trace = '[]'
MERGE (d)-[:FOR]->(p)
MERGE (d)-[:CAUSED_BY]->(e)
WITH p, d
MATCH (x:Product {code: $product})
CREATE (d)-[:PROPOSED {rank: $rank}]->(o:Offer {id: $offer})-[:ABOUT]->(x)
CREATE (o)-[:OFFERED_TO]->(p)
SET o += $properties, o.familyCode = x.familyCode
"""


class Clock:
    """The time as the test says."""

    def __init__(self) -> None:
        self.now = NOON

    def __call__(self) -> dt.datetime:
        return self.now


class Bank:
    """A database with Anna in it, her offers, and the use cases with a clock that a test moves."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.clock = Clock()
        self.responses = ResponseService(database, clock=self.clock)
        self.desk = ContactDesk(database, clock=self.clock)

    async def open(self) -> Bank:
        await load_catalogue(self.database)
        await self.database.execute(BANK, {"at": NOON - HOUR})
        return self

    async def offer(
        self,
        offer: str = "o1",
        *,
        product: str = "SMALL_LOAN",
        decision: str = "d1",
        mode: str = "EVENT",
        status: str = "PROPOSED",
        rank: int = 1,
        valid: dt.timedelta = 30 * DAY,
        **more: Any,
    ) -> str:
        properties = {
            "partyId": "anna",
            "decisionId": decision,
            "ruleId": "balance",
            "productCode": product,
            "actionClass": "PROMOTIONAL",
            "channel": "PHONE",
            "pointKey": "PHONE:+420602123456",
            "status": status,
            "statusAt": NOON - MINUTE,
            "createdAt": NOON - MINUTE,
            "validUntil": NOON + valid,
            "reasons": ["You looked at your balance."],
            "features": json.dumps({"age": 41, "segment": "MASS"}),
            **more,
        }
        parameters = {"decision": decision, "at": NOON - MINUTE, "mode": mode, "product": product, "rank": rank}
        await self.database.execute(DECIDE, {**parameters, "offer": offer, "properties": properties})
        return offer

    async def slot(self, offer: str = "o1", *, lasts: dt.timedelta = HOUR, channel: str = "PHONE") -> str:
        """A contact slot that is held for the offer."""
        slot = Slot(
            party_id="anna",
            channel=channel,
            at=self.clock.now,
            until=self.clock.now + lasts,
            product="SMALL_LOAN",
            point="PHONE:+420602123456",
            households=("home",),
            offer_id=offer,
        )

        async def work(tx: Tx) -> str:
            (identifier,) = await self.desk.hold(tx, [slot], now=self.clock.now)
            return identifier

        return await self.database.write(work)

    async def say(self, outcome: str, offer: str = "o1", *, key: str | None = None, **more: Any) -> Written:
        response = NewResponse(offer_id=offer, outcome=outcome, **more)  # type: ignore[arg-type]
        return await self.responses.record(response, by="agent-7", idempotency_key=key)

    async def one(self, text: str, **parameters: Any) -> Row:
        (row,) = await self.database.read(text, parameters)
        return row

    async def status(self, offer: str = "o1") -> str:
        return str((await self.one("MATCH (o:Offer {id: $id}) RETURN o.status AS status", id=offer))["status"])

    async def count(self, pattern: str) -> int:
        return int((await self.one(f"MATCH {pattern} RETURN count(*) AS n"))["n"])

    async def told(self) -> list[dict[str, Any]]:
        """What the learner was told, in order."""
        rows = await self.database.read(
            "MATCH (e:OutboxEntry {topic: 'response.recorded'}) RETURN e.payload AS payload, e.partitionKey AS at"
            " ORDER BY e.at"
        )
        return [{**json.loads(row["payload"]), "partition": row["at"]} for row in rows]

    async def contacts(self) -> list[dict[str, Any]]:
        rows = await self.database.read(
            "MATCH (:Party {id: 'anna'})-[:HAD]->(i:Interaction)"
            " RETURN i {.channel, .direction, .outcome, .actionClass, .purpose, .pointKey, .productCode, .offerId,"
            " at: i.at.epochMillis} AS contact ORDER BY i.at, i.id"
        )
        return [dict(row["contact"]) for row in rows]
