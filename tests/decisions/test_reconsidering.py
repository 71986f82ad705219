"""Offers that wait are judged again when their time has come: each gets its contact, waits on, or ends."""

from __future__ import annotations

import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from graph_crm.consent.protection import ProtectionService
from graph_crm.decisions.bank import Terms
from graph_crm.decisions.offers.keeping import OfferKeeper
from graph_crm.decisions.offers.responses import NewResponse, ResponseService
from graph_crm.decisions.reconsidering import Reconsideration
from graph_crm.graph.database import Database
from graph_crm.rules.manager import RuleBook

sys.path.append(str(Path(__file__).parents[1] / "contacts"))
from street import DAY, MINUTE, NOON, Desk, build, person

pytestmark = pytest.mark.lts

OFFER = """
MATCH (p:Party {id: 'ada'}), (x:Product {code: 'CARD'})
CREATE (p)<-[:FOR]-(d:Decision {id: 'd', key: 'd', mode: 'EVENT', at: $now})-[:PROPOSED {rank: 1}]->(o:Offer {id: 'o'})
CREATE (o)-[:ABOUT]->(x) CREATE (o)-[:OFFERED_TO]->(p)
SET o += {partyId: p.id, ruleId: 'a_hook', productCode: x.code, familyCode: x.familyCode, channels: ['PHONE'],
  channel: 'PHONE', actionClass: 'PROMOTIONAL', reasons: ['You asked for it.'], createdAt: $now, statusAt: $now,
  validUntil: $until}, o += $state
"""


class Waiting:
    """Ada's offer, and everything that moves it."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.desk = Desk(database)
        self.clock = self.desk.time
        book, terms = RuleBook([]), Terms(self.desk.used, exploration=0.0)
        self.again = Reconsideration(database, book, terms, desk=self.desk, clock=self.clock)
        self.responses = ResponseService(database, clock=self.clock)
        self.keeper = OfferKeeper(database, clock=self.clock)

    async def offer(self, **state: Any) -> None:
        await build(self.database, person("ada"))
        await self.database.execute(OFFER, {"now": NOON, "until": NOON + 30 * DAY, "state": state})

    async def say(self, outcome: str, **more: Any) -> None:
        await self.responses.record(NewResponse(offer_id="o", outcome=outcome, **more))  # type: ignore[arg-type]

    async def time_comes(self) -> int:
        """Put back what is due and judge it, as the worker does; how many offers were due."""
        put_back = await self.keeper.put_back()
        entry = SimpleNamespace(payload={"offerId": "o"})
        for _ in range(put_back):
            await self.database.write(lambda tx: self.again.reconsider(tx, entry))
        return put_back

    async def now(self) -> tuple[str, int]:
        """The offer's status, and how many slots are held for it."""
        (row,) = await self.database.read(
            "MATCH (o:Offer {id: 'o'}) RETURN o.status AS status,"
            " COUNT { (o)<-[:FOR_OFFER]-(:Reservation {state: 'HELD'}) } AS slots"
        )
        return row["status"], row["slots"]


@pytest.fixture
def waiting(empty_database: Database) -> Waiting:
    return Waiting(empty_database)


async def test_a_call_that_the_customer_asked_for_is_reserved_on_its_day(waiting: Waiting):
    await waiting.offer(status="PRESENTED")
    await waiting.say("LATER", call_back_at=NOON + 2 * DAY)
    assert await waiting.time_comes() == 0
    waiting.clock.pass_by(2 * DAY)
    assert await waiting.time_comes() == 1
    assert await waiting.now() == ("RESERVED", 1)


async def test_a_call_that_nobody_answered_is_tried_again(waiting: Waiting):
    await waiting.offer(status="WAITING", notBefore=NOON)
    assert await waiting.time_comes() == 1
    assert await waiting.now() == ("RESERVED", 1)
    waiting.clock.pass_by(MINUTE)
    await waiting.say("NO_ANSWER")
    assert await waiting.time_comes() == 1
    assert await waiting.now() == ("RESERVED", 1)


async def test_a_slot_can_be_asked_for_by_hand_for_an_offer_of_later(waiting: Waiting):
    await waiting.offer(status="PRESENTED")
    await waiting.say("LATER", call_back_at=NOON + DAY)
    waiting.clock.pass_by(DAY)
    await waiting.desk.held("ada", offer_id="o")
    assert await waiting.now() == ("RESERVED", 1)


async def test_a_slot_that_ran_out_takes_nothing_from_the_one_that_came_after_it(waiting: Waiting):
    await waiting.offer(status="WAITING", notBefore=NOON)
    await waiting.time_comes()
    waiting.clock.pass_by(4 * DAY)
    await waiting.say("NO_ANSWER")
    assert await waiting.time_comes() == 1
    assert await waiting.desk.expire() == 1
    assert await waiting.now() == ("RESERVED", 1)


async def test_an_offer_that_lost_its_phone_is_judged_again_though_its_time_came_before(waiting: Waiting):
    """It had waited once, got a slot, and the phone was blocked: it waits again, and its turn comes again."""
    await waiting.offer(status="WAITING", notBefore=NOON)
    await waiting.time_comes()
    await waiting.database.execute(
        "MATCH (p:Party {id: 'ada'}) CREATE (p)-[:REACHABLE_AT {since: date('2020-01-01'), id: 'second'}]->"
        "(:ContactPoint {id: 'PHONE:second', valueKey: 'PHONE:second', kind: 'PHONE', blocked: false})"
    )
    # The clock of the database is years ahead of the test's: the slot must live until then.
    await waiting.database.execute("MATCH (r:Reservation) SET r.until = datetime.realtime() + duration({days: 1})")
    await ProtectionService(waiting.database).block_contact_point("PHONE:ada", "A stranger answers.")
    assert await waiting.now() == ("WAITING", 0)
    (row,) = await waiting.database.read("MATCH (o:Offer {id: 'o'}) RETURN o.notBefore.epochMillis AS due")
    assert row["due"] > int((NOON + MINUTE).timestamp() * 1000)
    (row,) = await waiting.database.read(
        "MATCH (o:Offer {id: 'o'}) RETURN o.askedFor IS NULL OR o.askedFor <> o.notBefore AS comes"
    )
    assert row["comes"]
