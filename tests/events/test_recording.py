"""Recording an event: nothing that came in is lost, and nothing is there twice."""

from __future__ import annotations

import asyncio
import datetime as dt
import json
import time

import pytest

from graph_crm.contacts.kinds import Channel
from graph_crm.errors import IdempotencyKeyReused, InvalidInput, NotFound
from graph_crm.events.catalogue import standard_catalogue
from graph_crm.events.service import RECORDED, EventService, RecordEvent
from graph_crm.graph.database import Database
from graph_crm.graph.outbox import Outbox

NOW = dt.datetime.now(dt.UTC)
STORED = """
MATCH (p:Party)-[:DID]->(e:Event)
RETURN p.id AS party, e.id AS id, e.type AS type, toString(e.at) AS at, e.payload AS payload, e.channel AS channel,
  e.partyId AS partyId, e.source AS source, e.recordedAt IS NOT NULL AS recorded,
  [(e)-[:ON]->(a:Agreement) | a.id] AS agreements
ORDER BY id
"""


@pytest.fixture
async def service(empty_database: Database) -> EventService:
    await empty_database.execute(
        "CREATE (:Party:Person {id: 'p1'}), (:Party:Person {id: 'p2'}), (:Agreement {id: 'a1'})"
    )
    return EventService(empty_database)


async def test_an_event_its_ties_and_its_outbox_entry_are_stored_together(
    service: EventService, empty_database: Database
):
    at = dt.datetime(2026, 11, 20, 9, 30, tzinfo=dt.timezone(dt.timedelta(hours=1)))
    event = RecordEvent(
        type="card_payment",
        party_id="p1",
        id="card:77",
        at=at,
        channel=Channel.ONLINE,
        source="cards",
        payload={"amount": "1250.50", "currency": "CZK", "merchant": "Alza"},
        agreement_id="a1",
    )
    with empty_database.counting() as sent:
        assert await service.record(event) == "card:77"
    assert len(sent) == 2
    (row,) = await empty_database.read(STORED)
    assert (row["party"], row["partyId"], row["id"], row["type"]) == ("p1", "p1", "card:77", "card_payment")
    assert (row["at"], row["channel"], row["source"]) == ("2026-11-20T08:30:00Z", "ONLINE", "cards")
    assert json.loads(row["payload"]) == {"amount": "1250.50", "currency": "CZK", "merchant": "Alza"}
    assert (row["agreements"], row["recorded"]) == (["a1"], True)
    (entry,) = await Outbox(empty_database).lease(10, "w", 30, [RECORDED])
    assert entry.partition_key == "p1"
    assert entry.payload == {
        "eventId": "card:77",
        "type": "card_payment",
        "partyId": "p1",
        "at": "2026-11-20T08:30:00+00:00",
    }


async def test_the_same_event_sent_again_changes_nothing(service: EventService, empty_database: Database):
    event = RecordEvent(type="login", party_id="p1", id="e1", payload={"device": "phone"})
    answers = await asyncio.gather(*(service.record(event) for _ in range(16)))
    assert set(answers) == {"e1"}
    assert len(await empty_database.read(STORED)) == 1
    assert (await Outbox(empty_database).counts())["PENDING"] == 1


@pytest.mark.parametrize(
    "other",
    [
        RecordEvent(type="login", party_id="p2", id="e1"),
        RecordEvent(type="birthday", party_id="p1", id="e1"),
        RecordEvent(type="login", party_id="p1", id="e1", payload={"device": "phone"}),
        RecordEvent(type="login", party_id="p1", id="e1", at=NOW),
        RecordEvent(type="login", party_id="p1", id="e1", agreement_id="a1"),
    ],
)
async def test_another_event_under_the_same_id_is_refused(
    service: EventService, empty_database: Database, other: RecordEvent
):
    await service.record(RecordEvent(type="login", party_id="p1", id="e1"))
    with pytest.raises(IdempotencyKeyReused):
        await service.record(other)
    assert len(await empty_database.read(STORED)) == 1
    assert (await Outbox(empty_database).counts())["PENDING"] == 1


async def test_events_without_an_id_are_different_events(service: EventService):
    event = RecordEvent(type="login", party_id="p1")
    assert await service.record(event) != await service.record(event)


@pytest.mark.parametrize(
    ("event", "told"),
    [
        (RecordEvent(type="login", party_id="nobody"), "no party"),
        (RecordEvent(type="login", party_id="p1", agreement_id="none"), "no agreement"),
    ],
)
async def test_an_unknown_party_or_agreement_stores_nothing(
    service: EventService, empty_database: Database, event: RecordEvent, told: str
):
    with pytest.raises(NotFound, match=told):
        await service.record(event)
    assert not await empty_database.read("MATCH (n) WHERE n:Event OR n:OutboxEntry RETURN n.id")


@pytest.mark.parametrize(
    ("event", "field"),
    [
        (RecordEvent(type="loggin", party_id="p1"), "type"),
        (RecordEvent(type="login", party_id="p1", payload={"devise": "phone"}), "payload"),
        (RecordEvent(type="birthday", party_id="p1", payload={"age": 40}), "payload"),
        (RecordEvent(type="card_payment", party_id="p1"), "payload"),
        (RecordEvent(type="card_payment", party_id="p1", payload={"amount": "1.005", "currency": "CZK"}), "payload"),
        (RecordEvent(type="card_payment", party_id="p1", payload={"amount": "NaN", "currency": "CZK"}), "payload"),
        (RecordEvent(type="card_payment", party_id="p1", payload={"amount": True, "currency": "CZK"}), "payload"),
        (RecordEvent(type="card_payment", party_id="p1", payload={"amount": "1e999999", "currency": "CZK"}), "payload"),
        (
            RecordEvent(type="card_payment", party_id="p1", payload={"amount": "1e1000000", "currency": "CZK"}),
            "payload",
        ),
        (RecordEvent(type="login", party_id="p1", payload={"device": "a\x00b"}), "payload"),
        (RecordEvent(type="card_payment", party_id="p1", payload={"amount": 5, "currency": "crowns"}), "payload"),
        (RecordEvent(type="card_payment", party_id="p1", payload={"amount": 5, "currency": "ZZZ"}), "payload"),
        (RecordEvent(type="login", party_id="p1", at=NOW + dt.timedelta(hours=1)), "at"),
        (RecordEvent(type="login", party_id="p1", at=NOW.replace(tzinfo=None)), "at"),
        (RecordEvent(type="login", party_id="p1", id=" "), "id"),
        (RecordEvent(type="login", party_id="p1", id="x" * 201), "id"),
        (RecordEvent(type="login", party_id="p1", source=""), "source"),
        (RecordEvent(type="login", party_id="p1", at=dt.datetime(1, 1, 1, tzinfo=dt.UTC)), "at"),
        (RecordEvent(type="login", party_id="p1", id="a\x00b"), "id"),
        (RecordEvent(type="login", party_id="p1", id="\ud800"), "id"),
        (RecordEvent(type="login", party_id="p1", source="a\x1b[2J"), "source"),
        (RecordEvent(type="login", party_id="p\ud800"), "partyId"),
        (RecordEvent(type="login", party_id="p1", agreement_id="\udfff"), "agreementId"),
    ],
)
async def test_what_can_not_be_used_names_its_field(service: EventService, event: RecordEvent, field: str):
    with pytest.raises(InvalidInput) as caught:
        await service.record(event)
    assert caught.value.details["field"] == field


async def test_a_clock_that_is_a_little_ahead_is_accepted(service: EventService):
    await service.record(RecordEvent(type="login", party_id="p1", at=dt.datetime.now(dt.UTC) + dt.timedelta(minutes=1)))


async def test_what_a_fast_clock_reports_has_happened_by_now(service: EventService, empty_database: Database):
    """A complaint that is put off until its clock has come would forbid nothing until then."""
    ahead = dt.datetime.now(dt.UTC) + dt.timedelta(minutes=4)
    event = RecordEvent(type="complaint", party_id="p1", id="angry", at=ahead, payload={"subject": "fees"})
    await service.record(event)
    (row,) = await empty_database.read("MATCH (e:Event {id: 'angry'}) RETURN e.at <= datetime.realtime() AS happened")
    assert row["happened"]
    assert await service.record(event) == "angry"


def test_wrong_fields_of_a_payload_are_named_without_their_values():
    with pytest.raises(InvalidInput) as caught:
        standard_catalogue().payload_text("card_payment", {"amount": "secret", "currency": "CZK"})
    assert "amount" in caught.value.message
    assert "secret" not in caught.value.message


@pytest.mark.parametrize("amount", ["1e900000", "-1e900000", "1e999999999999999999", "9" * 4000])
def test_a_number_with_a_huge_exponent_costs_nothing(amount: str):
    started = time.process_time()
    with pytest.raises(InvalidInput):
        standard_catalogue().payload_text("card_payment", {"amount": amount, "currency": "CZK"})
    assert time.process_time() - started < 0.2


@pytest.mark.parametrize(
    ("sent", "stored"),
    [("120.50", "120.50"), ("120.5", "120.50"), (120.5, "120.50"), (-7, "-7.00"), ("0", "0.00"), ("0.05", "0.05")],
)
def test_money_is_stored_as_it_was_sent_with_two_decimals(sent: object, stored: str):
    text = standard_catalogue().payload_text("atm_balance_check", {"balance": sent})
    assert json.loads(text or "") == {"balance": stored}
    assert standard_catalogue().payload_text("atm_balance_check", {"balance": stored}) == text


def test_the_catalogue_knows_the_banks_events():
    assert {one.name for one in standard_catalogue()} == {
        *("atm_balance_check", "card_payment", "card_withdrawal", "cash_withdrawal", "login", "page_view"),
        *("product_page_view", "application_started", "application_abandoned", "complaint", "branch_visit", "call"),
        *("birthday", "life_event", "complaint_closed", "collections_contact", "return", "opinion"),
    }
