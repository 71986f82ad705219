"""What time does to offers: they expire, they come back to be judged, each once, whoever else works on them."""

from __future__ import annotations

import asyncio
import json

import pytest
from offered import DAY, HOUR, MINUTE, NOON, Bank

from graph_crm.decisions.offers.keeping import DUE, OfferKeeper
from graph_crm.errors import OfferEnded
from graph_crm.graph.database import Database

pytestmark = pytest.mark.lts


@pytest.fixture
async def bank(empty_database: Database) -> Bank:
    return await Bank(empty_database).open()


@pytest.fixture
def keeper(bank: Bank) -> OfferKeeper:
    return OfferKeeper(bank.database, clock=bank.clock)


async def due(bank: Bank) -> list[str]:
    """The offers that wait in the outbox to be judged again, in order."""
    rows = await bank.database.read(
        "MATCH (e:OutboxEntry {topic: $topic}) RETURN e.payload AS payload, e.partitionKey AS partition ORDER BY e.at",
        {"topic": DUE},
    )
    assert {row["partition"] for row in rows} <= {"anna"}
    return [json.loads(row["payload"])["offerId"] for row in rows]


@pytest.mark.parametrize("status", ["PROPOSED", "WAITING", "PRESENTED", "CLICKED", "IGNORED", "LATER", "NO_ANSWER"])
async def test_an_open_offer_expires_when_its_validity_is_over(bank: Bank, keeper: OfferKeeper, status: str) -> None:
    await bank.offer(status=status, valid=HOUR)
    bank.clock.now = NOON + HOUR - MINUTE
    assert await keeper.expire() == 0
    bank.clock.now = NOON + HOUR
    assert await keeper.expire() == 1
    assert await keeper.expire() == 0
    row = await bank.one("MATCH (o:Offer) RETURN o.status AS status, o.statusReason AS why")
    assert (row["status"], row["why"]) == ("EXPIRED", "VALIDITY_OVER")


@pytest.mark.parametrize("status", ["ACCEPTED", "REJECTED", "CANCELLED", "EXPIRED"])
async def test_what_has_ended_stays_as_it_is(bank: Bank, keeper: OfferKeeper, status: str) -> None:
    await bank.offer(status=status, valid=-HOUR)
    assert await keeper.expire() == 0
    assert await bank.status() == status


async def test_who_saw_an_offer_and_said_nothing_has_ignored_it(bank: Bank, keeper: OfferKeeper) -> None:
    await bank.offer("seen", status="PRESENTED", valid=HOUR)
    await bank.offer("unseen", status="PROPOSED", valid=HOUR, product="CREDIT_CARD")
    bank.clock.now = NOON + DAY
    assert await keeper.expire() == 2
    row = await bank.one(
        "MATCH (o:Offer)-[:ANSWERED_BY]->(r:Response)"
        " RETURN o.id AS id, r {.outcome, .by, .partyId, .productCode, .familyCode, at: r.at.epochMillis} AS r"
    )
    assert row["id"] == "seen"
    assert row["r"] == {
        "outcome": "IGNORED",
        "by": "platform",
        "partyId": "anna",
        "productCode": "SMALL_LOAN",
        "familyCode": "LOAN",
        "at": int((NOON + HOUR).timestamp() * 1000),
    }
    (told,) = await bank.told()
    assert (told["outcome"], told["offerId"], told["features"]) == ("IGNORED", "seen", {"age": 41, "segment": "MASS"})


async def test_an_offer_waits_for_the_end_of_its_slot(bank: Bank, keeper: OfferKeeper) -> None:
    await bank.offer(valid=30 * MINUTE)
    await bank.slot(lasts=HOUR)
    bank.clock.now = NOON + 45 * MINUTE
    assert await keeper.expire() == 0
    await bank.say("ACCEPTED")
    assert await bank.status() == "ACCEPTED"


async def test_an_offer_is_either_expired_or_answered(bank: Bank, keeper: OfferKeeper) -> None:
    """A yes in the very instant of the end is a yes; nothing is both, and nothing is told twice."""
    for number in range(6):
        await bank.offer(f"o{number}", decision=f"d{number}", valid=HOUR, status="PROPOSED")
    bank.clock.now = NOON + 2 * HOUR
    said = [bank.say("REJECTED", f"o{number}") for number in range(6)]
    await asyncio.gather(*said, *(keeper.expire() for _ in range(3)))
    assert {await bank.status(f"o{number}") for number in range(6)} == {"REJECTED"}
    assert len(await bank.told()) == 6


async def test_nothing_is_presented_after_the_end(bank: Bank, keeper: OfferKeeper) -> None:
    await bank.offer(valid=HOUR)
    bank.clock.now = NOON + DAY
    await keeper.expire()
    with pytest.raises(OfferEnded):
        await bank.say("PRESENTED")


async def test_a_waiting_offer_comes_back_once_when_its_time_has_come(bank: Bank, keeper: OfferKeeper) -> None:
    await bank.offer(status="WAITING", notBefore=NOON + HOUR)
    assert await keeper.put_back() == 0
    bank.clock.now = NOON + HOUR
    others = [OfferKeeper(bank.database, clock=bank.clock) for _ in range(3)]
    done = await asyncio.gather(keeper.put_back(), *(one.put_back() for one in others))
    assert sum(done) == 1
    assert await keeper.put_back() == 0
    assert await due(bank) == ["o1"]


async def test_an_offer_that_waits_again_comes_back_again(bank: Bank, keeper: OfferKeeper) -> None:
    await bank.offer(status="WAITING", notBefore=NOON)
    assert await keeper.put_back() == 1
    await bank.database.execute("MATCH (o:Offer) SET o.notBefore = $at", {"at": NOON + DAY})
    assert await keeper.put_back() == 0
    bank.clock.now = NOON + DAY
    assert await keeper.put_back() == 1
    assert await due(bank) == ["o1", "o1"]


async def test_a_call_that_nobody_answered_and_one_asked_for_come_back_too(bank: Bank, keeper: OfferKeeper) -> None:
    await bank.offer()
    await bank.offer("o2", decision="d2")
    await bank.offer("o3", decision="d3", mode="INBOUND")
    await bank.say("NO_ANSWER")
    await bank.say("LATER", "o2", call_back_at=NOON + DAY)
    await bank.say("LATER", "o3")  # said to an agent on the line: the bank need not call
    assert await keeper.put_back() == 1
    assert await due(bank) == ["o1"]
    bank.clock.now = NOON + DAY
    await keeper.put_back()
    assert await due(bank) == ["o1", "o2"]


async def test_an_expired_offer_does_not_come_back(bank: Bank, keeper: OfferKeeper) -> None:
    await bank.offer(status="WAITING", notBefore=NOON, valid=HOUR)
    bank.clock.now = NOON + DAY
    assert await keeper.put_back() == 0


async def test_more_than_one_batch_is_put_back(bank: Bank, keeper: OfferKeeper) -> None:
    for number in range(60):
        await bank.offer(f"o{number}", decision=f"d{number}", status="WAITING", notBefore=NOON)
    assert await keeper.put_back() == 60
    assert len(set(await due(bank))) == 60


async def test_a_slot_that_nobody_used_lets_its_offer_come_back(bank: Bank, keeper: OfferKeeper) -> None:
    await bank.offer()
    await bank.slot(lasts=HOUR)
    bank.clock.now = NOON + 2 * HOUR
    assert await bank.desk.expire() == 1
    assert await bank.status() == "WAITING"
    assert await keeper.put_back() == 1
