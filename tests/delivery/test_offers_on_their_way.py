"""Offers that got a slot: where they are placed, and what becomes of their messages when they end."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pytest
from post_office import DAY, Bureau, Gateway, open_policy

from graph_crm.contacts.kinds import Channel
from graph_crm.decisions.bank import Terms
from graph_crm.decisions.kinds import ResponseOutcome
from graph_crm.decisions.offers.keeping import OfferKeeper
from graph_crm.decisions.offers.responses import NewResponse, ResponseService
from graph_crm.decisions.service import DecisionService
from graph_crm.delivery.offers import ReservedOffer
from graph_crm.events.service import RECORDED
from graph_crm.events.worker import Worker
from graph_crm.graph.database import Database, Transaction
from graph_crm.graph.outbox import OutboxEntry, put
from graph_crm.products.catalogue import load_catalogue
from graph_crm.rules.manager import RuleBook

pytestmark = pytest.mark.lts

RULE = """
from graph_crm.rules import Rule, everyone, hookimpl

@hookimpl
def rules():
    return [Rule(id="mail_on_login", title="A mail after a login", on_event="login", when=everyone(),
                 offer="SMALL_LOAN", channels=["EMAIL", "ATM"], reasons="You were here.",
                 translations={"pl": "Byli Państwo tutaj."})]
"""


async def placed_only(bureau: Bureau) -> None:
    """Place what is reserved, and send nothing yet."""
    worker = Worker(bureau.database, {"offer.reserved": bureau.parts.placing.place})
    await worker.drain()


async def test_an_event_leads_to_a_decision_its_slot_to_a_message_and_that_to_a_contact(
    empty_database: Database, tmp_path: Path
) -> None:
    (tmp_path / "mailing.py").write_text(RULE, "utf-8")
    await load_catalogue(empty_database)
    gateway = Gateway("EMAIL", subject=True, idempotent=True)
    bureau = await Bureau(empty_database, gateway).people("anna")
    await empty_database.execute("MATCH (p:Party {id: 'anna'}) SET p.language = 'pl'")
    book = RuleBook.load([tmp_path], installed=False)
    decisions = DecisionService(empty_database, book, Terms(bureau.policy), desk=bureau.desk)

    async def decide(tx: Transaction, entry: OutboxEntry) -> None:
        await decisions.decide_for_event(tx, entry)

    event = (
        "MATCH (p:Party {id: 'anna'}) CREATE (p)-[:DID]->(:Event {id: 'e1', type: 'login', at: datetime.realtime()})"
    )
    await empty_database.execute(event)
    payload = {"eventId": "e1", "partyId": "anna", "type": "login"}
    await empty_database.write(lambda tx: put(tx, RECORDED, "anna", payload, f"{RECORDED}:e1"))
    worker = Worker(empty_database, {RECORDED: decide, **bureau.parts.topics()}, outside=bureau.parts.outside())
    await worker.drain()
    (given,) = gateway.given
    assert (given.template, given.language, given.to) == ("offer_mail", "pl", "anna@example.com")
    assert "Byli Państwo tutaj." in given.text
    row = await bureau.row("MATCH (o:Offer)<-[:FOR_OFFER]-(d:Delivery) RETURN o.status AS offer, d.state AS state")
    assert (row["offer"], row["state"]) == ("PRESENTED", "SENT")


async def test_an_offer_is_placed_where_it_is_made_and_on_each_screen_of_its_rule(empty_database: Database) -> None:
    found: list[tuple[Channel, ReservedOffer]] = []

    async def place(_tx: Transaction, offer: ReservedOffer) -> None:
        found.append((offer.place, offer))

    bureau = await Bureau(empty_database).people("anna")
    for channel in (Channel.PHONE, Channel.ATM, Channel.ONLINE):
        bureau.parts.placing.add(channel, place)
    await bureau.offer(channel="PHONE", channels=("PHONE", "ATM"))
    await placed_only(bureau)
    assert [where for where, _ in found] == [Channel.PHONE, Channel.ATM]
    offer = found[0][1]
    assert (offer.id, offer.party_id, offer.channel, offer.product) == ("o1", "anna", Channel.PHONE, "SMALL_LOAN")
    assert (offer.script, offer.reasons) == ("A small loan?", ("Your balance was low.",))
    assert offer.ends - offer.begins == DAY
    assert await bureau.all() == [], "no message: somebody calls, or a screen asks"


async def test_a_slot_that_is_gone_is_placed_nowhere(empty_database: Database) -> None:
    bureau = await Bureau(empty_database, Gateway("EMAIL")).people("anna")
    slot = await bureau.offer()
    await bureau.desk.release(slot, "not now")
    await bureau.work()
    assert await bureau.all() == []


@pytest.mark.parametrize("outcome", [ResponseOutcome.REJECTED, ResponseOutcome.ACCEPTED, ResponseOutcome.LATER])
async def test_an_answer_cancels_the_other_messages_of_the_offer_in_its_own_transaction(
    empty_database: Database, outcome: ResponseOutcome
) -> None:
    await load_catalogue(empty_database)
    gateway = Gateway("EMAIL")
    bureau = await Bureau(empty_database, gateway).people("anna")
    await bureau.offer()
    await placed_only(bureau)
    await ResponseService(empty_database).record(
        NewResponse(offer_id="o1", outcome=outcome, channel=Channel.BRANCH), by="agent"
    )
    (told,) = await bureau.all()
    assert (told["state"], told["stateReason"]) == ("CANCELLED", "ANSWERED")
    await bureau.work()
    assert gateway.given == []


async def test_a_yes_to_another_offer_of_the_product_cancels_the_message(empty_database: Database) -> None:
    await load_catalogue(empty_database)
    bureau = await Bureau(empty_database, Gateway("EMAIL")).people("anna")
    await bureau.offer("o1")
    await placed_only(bureau)
    await bureau.offer("o2", channel="PHONE")
    await ResponseService(empty_database).record(
        NewResponse(offer_id="o2", outcome=ResponseOutcome.REJECTED, channel=Channel.PHONE), by="agent"
    )
    (told,) = [one for one in await bureau.all() if one["offerId"] == "o1"]
    assert (told["state"], told["stateReason"]) == ("CANCELLED", "ANSWERED_ELSEWHERE")


async def test_an_offer_that_expires_takes_its_message_with_it(empty_database: Database) -> None:
    bureau = await Bureau(empty_database, Gateway("EMAIL")).people("anna")
    slot = await bureau.offer()
    await placed_only(bureau)
    await bureau.desk.release(slot, "given back")
    later = dt.datetime.now(dt.UTC) + 40 * DAY
    assert await OfferKeeper(empty_database, clock=lambda: later).expire() == 1
    (told,) = await bureau.all()
    assert (told["state"], told["stateReason"]) == ("CANCELLED", "OFFER_EXPIRED")


async def test_an_offer_reserved_by_hand_is_left_to_whoever_reserved_it(empty_database: Database) -> None:
    bureau = await Bureau(empty_database, Gateway("EMAIL"), policy=open_policy()).people("anna")
    slot = await bureau.offer()
    await bureau.desk.release(slot, "again, by hand")
    await bureau.work()
    held = await bureau.desk.reserve("anna", "EMAIL", offer_id="o1")
    await bureau.work()
    assert held.point == "EMAIL:anna@example.com"  # type: ignore[union-attr]
    assert await bureau.all() == []
