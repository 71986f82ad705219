"""Screens: the next one asks, and shows what the bank would say now to the customer who came."""

from __future__ import annotations

import asyncio
import datetime as dt
import json
from typing import Any

import pytest

from graph_crm.contacts.kinds import Channel
from graph_crm.decisions.offers.responses import NewResponse, ResponseService
from graph_crm.delivery.offers import ReservedOffer
from graph_crm.delivery.screens import Screens
from graph_crm.errors import InvalidInput, NotFound
from graph_crm.graph.database import Database
from graph_crm.products.catalogue import load_catalogue

pytestmark = pytest.mark.lts

NOON = dt.datetime(2026, 11, 23, 11, 0, tzinfo=dt.UTC)
MINUTE = dt.timedelta(minutes=1)
DAY = dt.timedelta(days=1)
ANNA = """
CREATE (p:Party:Person {id: 'anna', displayName: 'Anna', status: 'ACTIVE', version: 1, language: 'pl', country: 'PL'})
CREATE (p)-[:GAVE]->(:Consent {id: 'yes', partyId: 'anna', purpose: 'MARKETING', status: 'GRANTED', at: $since,
  recordedAt: $since, source: 'test'})
"""
OFFER = """
MATCH (p:Party {id: 'anna'}), (x:Product {code: $product})
MERGE (d:Decision {id: 'decision ' + $mode}) ON CREATE SET d.key = 'decision ' + $mode, d.at = $at, d.mode = $mode
MERGE (d)-[:FOR]->(p)
CREATE (d)-[:PROPOSED {rank: 1}]->(o:Offer {id: $offer})-[:ABOUT]->(x)
CREATE (o)-[:OFFERED_TO]->(p)
SET o += $properties, o.partyId = p.id, o.productCode = x.code, o.familyCode = x.familyCode
"""


class Bank:
    """Anna, her offers, and a clock that a test moves."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.now = NOON
        self.responses = ResponseService(database, clock=lambda: self.now)
        self.screens = Screens(database, responses=self.responses, clock=lambda: self.now)

    async def offer(self, offer: str, product: str, *, priority: float = 1.0, mode: str = "EVENT", **more: Any) -> str:
        properties = {
            "ruleId": "balance",
            "actionClass": "PROMOTIONAL",
            "channels": ["ATM", "ONLINE", "PHONE"],
            "channel": "PHONE",
            "status": "RESERVED",
            "statusAt": NOON - MINUTE,
            "createdAt": NOON - MINUTE,
            "validUntil": NOON + 30 * DAY,
            "script": "Words for an agent.",
            "scripts": json.dumps({"PHONE": "Words for an agent.", "ATM": f"What about {product}?"}),
            "reasons": ["You looked at your balance."],
            "factors": json.dumps({"priority": priority}),
            **more,
        }
        made = {"offer": offer, "product": product, "mode": mode, "at": NOON - MINUTE, "properties": properties}
        await self.database.execute(OFFER, made)
        return offer

    async def shown(self, channel: str = "ATM", first: int = 1) -> list[str]:
        return [one.offer_id for one in await self.screens.next("anna", channel, first=first)]

    async def says(self, offer: str, outcome: str, channel: str = "ATM") -> None:
        await self.responses.record(NewResponse(offer_id=offer, outcome=outcome, channel=Channel(channel)))  # type: ignore[arg-type]

    async def count(self, pattern: str) -> int:
        rows = await self.database.read(f"MATCH {pattern} RETURN count(*) AS n")
        return int(rows[0]["n"])


@pytest.fixture
async def anna(empty_database: Database) -> Bank:
    await load_catalogue(empty_database)
    await empty_database.execute(ANNA, {"since": NOON - 400 * DAY})
    return Bank(empty_database)


async def test_a_cash_machine_shows_the_best_offer_and_it_counts_as_shown(anna: Bank):
    await anna.offer("loan", "SMALL_LOAN", priority=1.0)
    await anna.offer("card", "CREDIT_CARD", priority=2.0)
    (shown,) = await anna.screens.next("anna", "ATM", first=5)
    assert (shown.offer_id, shown.text) == ("card", "What about CREDIT_CARD?")
    rows = await anna.database.read(
        "MATCH (o:Offer {id: 'card'})<-[:FOR_OFFER]-(d:Delivery {id: $id})-[:BECAME]->(i:Interaction)<-[:HAD]-(:Party)"
        " RETURN o.status AS status, d.state AS state, d.channel AS channel, i.direction AS direction, i.id AS contact",
        {"id": shown.delivery_id},
    )
    assert dict(rows[0]) == {
        "status": "PRESENTED",
        "state": "PRESENTED",
        "channel": "ATM",
        "direction": "INBOUND",
        "contact": shown.interaction_id,
    }


async def test_the_online_bank_shows_several_but_one_of_a_product(anna: Bank):
    await anna.offer("loan", "SMALL_LOAN", priority=3.0)
    await anna.offer("the same", "SMALL_LOAN", priority=2.0)
    await anna.offer("card", "CREDIT_CARD", priority=1.0)
    assert await anna.shown("ONLINE", first=5) == ["loan", "card"]
    assert await anna.shown("ONLINE") == ["loan"]


async def test_the_same_visit_is_one_contact_and_the_next_one_another(anna: Bank):
    await anna.offer("loan", "SMALL_LOAN")
    await anna.shown()
    anna.now += 10 * MINUTE
    await anna.shown()
    assert await anna.count("(:Interaction)") == 1
    assert await anna.count("(:Response {outcome: 'PRESENTED'})") == 1
    anna.now += DAY
    await anna.shown()
    assert await anna.count("(:Interaction)") == 2
    assert await anna.count("(:Delivery)") == 1


async def test_screens_that_ask_at_once_record_one_contact(anna: Bank):
    await anna.offer("loan", "SMALL_LOAN")
    assert await asyncio.gather(*[anna.shown() for _ in range(8)]) == [["loan"]] * 8
    assert await anna.count("(:Response {outcome: 'PRESENTED'})") == 1


async def test_what_the_customer_refused_is_shown_nowhere_again(anna: Bank):
    await anna.offer("loan", "SMALL_LOAN")
    assert await anna.shown() == ["loan"]
    await anna.says("loan", "REJECTED")
    await anna.offer("another", "SMALL_LOAN")
    assert await anna.shown() == []
    assert await anna.shown("ONLINE") == []


@pytest.mark.parametrize(
    "change",
    [
        "MATCH (c:Consent) SET c.status = 'WITHDRAWN'",
        "MATCH (p:Party {id: 'anna'}) SET p.vulnerable = true",
        "MATCH (p:Party) CREATE (p)-[:DID]->(:Event {id: 'e', type: 'complaint', at: $now, recordedAt: $now})",
        "MATCH (o:Offer) SET o.validUntil = $now",
        "MATCH (o:Offer) SET o.channels = ['PHONE']",
        "CREATE (:RuleMode {rule: 'balance', mode: 'off'})",
        "MATCH (d:Decision) SET d.mode = 'INBOUND'",
    ],
)
async def test_what_speaks_against_it_by_now_is_heard(anna: Bank, change: str):
    await anna.offer("loan", "SMALL_LOAN")
    await anna.database.execute(change, {"now": NOON})
    assert await anna.shown() == []
    assert await anna.count("(:Interaction)") == 0


async def test_a_call_limit_or_the_night_do_not_bind_who_came(anna: Bank):
    await anna.offer("loan", "SMALL_LOAN", status="WAITING", notBefore=NOON + 9 * DAY)
    anna.now = NOON + dt.timedelta(hours=12)
    assert await anna.shown() == ["loan"]


async def test_an_offer_is_placed_once_and_gone_when_it_is_cancelled(anna: Bank):
    await anna.offer("loan", "SMALL_LOAN")
    placed = ReservedOffer(
        id="loan",
        party_id="anna",
        reservation_id="r1",
        channel=Channel.PHONE,
        place=Channel.ATM,
        point=None,
        product="SMALL_LOAN",
        action_class="PROMOTIONAL",
        purpose="MARKETING",
        begins=NOON,
        ends=NOON + DAY,
        valid_until=NOON + 30 * DAY,
        priority=1.0,
        script=None,
        reasons=(),
    )
    for _ in range(2):
        await anna.database.write(lambda tx: anna.screens.place(tx, placed))
    assert await anna.count("(:Party)-[:WAS_SENT]->(:Delivery {state: 'QUEUED'})-[:FOR_OFFER]->(:Offer)") == 1
    await anna.database.execute("MATCH (d:Delivery) SET d.state = 'CANCELLED'")
    assert await anna.shown() == []


async def test_without_words_for_the_screen_the_reasons_stand_there_in_the_customers_language(anna: Bank):
    translations = json.dumps({"pl": ["Sprawdzono saldo."]})
    await anna.offer("loan", "SMALL_LOAN", translations=translations)
    (shown,) = await anna.screens.next("anna", "ONLINE")
    assert (shown.text, shown.reasons) == ("Sprawdzono saldo.", ("Sprawdzono saldo.",))


async def test_only_screens_ask_and_only_for_customers(anna: Bank):
    with pytest.raises(InvalidInput, match="channel: is no screen"):
        await anna.screens.next("anna", "PHONE")
    with pytest.raises(InvalidInput, match="first: is out of range"):
        await anna.screens.next("anna", "ATM", first=0)
    with pytest.raises(NotFound):
        await anna.screens.next("nobody", "ATM")
