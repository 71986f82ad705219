"""Events that show interest change scores and counts in their own transaction, once, in whatever order they come."""

from __future__ import annotations

import asyncio
import datetime as dt

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from graph_crm.contacts.kinds import Channel
from graph_crm.errors import InvalidInput
from graph_crm.events.service import EventService, RecordedEvent, RecordEvent
from graph_crm.graph.database import Database
from graph_crm.interest.kinds import InterestGroup
from graph_crm.interest.service import InterestKeeper, InterestService
from graph_crm.rules import interested_in
from graph_crm.rules.interest import LOOKS_A_DAY, Look, counted, score
from graph_crm.snapshots import load

pytestmark = pytest.mark.lts

NOW = dt.datetime(2026, 6, 30, 12, tzinfo=dt.UTC)
EMPTY = "MATCH (n) WHERE NOT n:Migration AND NOT n:Lock DETACH DELETE n"
BANK = """
CREATE (:Product {code: 'TERM_DEPOSIT', familyCode: 'DEPOSIT'}), (:Product {code: 'CASH_LOAN', familyCode: 'LOAN'}),
  (:Party:Person {id: 'anna', segment: 'RETAIL'}), (:Party:Person {id: 'jan', segment: 'PRIVATE'}),
  (:Party:Person {id: 'eva'})
"""
STORED = """
MATCH (i:Interest {key: 'anna|TERM_DEPOSIT'})
RETURN i.score AS score, i.at.epochMillis AS at, i.views AS views, i.familyCode AS family, i.started AS started,
  i.firstAt.epochMillis AS firstAt, i.lastAt.epochMillis AS lastAt,
  COUNT { (:Party {id: 'anna'})-[:SHOWS]->(i) } AS ties,
  COLLECT {
    MATCH (i)-[:BY_DAY]->(d) RETURN [toString(d.day), d.views, d.via_ONLINE, d.via_UNKNOWN] ORDER BY d.day
  } AS days
"""


@pytest.fixture
async def bank(empty_database: Database) -> Database:
    await empty_database.execute(BANK)
    return empty_database


@pytest.fixture
def events(bank: Database) -> EventService:
    return EventService(bank, effects=[InterestKeeper().note])


def view(
    at: dt.datetime, party: str = "anna", product: str = "TERM_DEPOSIT", channel: Channel | None = Channel.ONLINE
) -> RecordEvent:
    return RecordEvent(
        type="product_page_view", party_id=party, at=at, channel=channel, payload={"productCode": product}
    )


async def test_a_look_counts_with_its_event_and_once_however_often_it_is_sent(bank: Database, events: EventService):
    at = NOW - dt.timedelta(days=60)
    again = RecordEvent(
        type="product_page_view", party_id="anna", at=at, id="v1", payload={"productCode": "TERM_DEPOSIT"}
    )
    await asyncio.gather(*(events.record(again) for _ in range(8)))
    (row,) = await bank.read(STORED)
    assert (row["score"], row["views"], row["family"], row["ties"]) == (1.0, 1, "DEPOSIT", 1)
    assert row["days"] == [["2026-05-01", 1, None, 1]]


async def test_an_event_that_is_refused_leaves_no_interest(bank: Database, events: EventService):
    with pytest.raises(InvalidInput):
        await events.record(RecordEvent(type="product_page_view", party_id="anna", payload={"page": "/deposit"}))
    await events.record(RecordEvent(type="page_view", party_id="anna", payload={"page": "/about"}))
    assert await bank.read("MATCH (n:Interest|InterestDay) RETURN n") == []


async def test_a_later_look_adds_one_and_an_earlier_one_what_is_left_of_it(bank: Database, events: EventService):
    for days in (30, 0, 60):  # the last one out of order
        await events.record(view(NOW - dt.timedelta(days=days)))
    (row,) = await bank.read(STORED)
    assert row["score"] == pytest.approx(1 + 0.5 + 0.25)
    assert row["at"] == row["lastAt"] == NOW.timestamp() * 1000
    assert row["firstAt"] == (NOW - dt.timedelta(days=60)).timestamp() * 1000
    assert [one[0] for one in row["days"]] == ["2026-05-01", "2026-05-31", "2026-06-30"]


looks = st.tuples(
    st.sampled_from(["product_page_view", "application_started", "application_abandoned"]),
    st.integers(0, 90 * 24 * 60),
)


@settings(max_examples=12, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.lists(looks, min_size=1, max_size=12), st.lists(st.integers(0, 11), max_size=3), st.randoms())
async def test_in_whatever_order_and_batches_looks_come_the_score_is_the_sum_of_what_is_left(
    database: Database, found: list[tuple[str, int]], cuts: list[int], random
):
    await database.execute(EMPTY)
    await database.execute(BANK)
    told = [(kind, NOW - dt.timedelta(minutes=minutes)) for kind, minutes in found]
    expected = score(
        [Look("TERM_DEPOSIT", "DEPOSIT", at, counted(kind, {"productCode": "x"}).weight) for kind, at in told], NOW, 30
    )
    random.shuffle(told)
    keeper = InterestKeeper()
    for start, end in zip([0, *sorted(cuts)], [*sorted(cuts), len(told)], strict=True):
        batch = [recorded(kind, at) for kind, at in told[start:end]]
        await database.write(lambda tx, batch=batch: keeper.note(tx, batch))
    (row,) = await database.read(
        "MATCH (i:Interest) RETURN i.score * 2.0 ^ ((i.at.epochMillis - $now) / 2592000000.0) AS left",
        {"now": int(NOW.timestamp() * 1000)},
    )
    assert row["left"] == pytest.approx(expected)
    (anna,) = await load(database.read, ["anna"], now=NOW, needs=interested_in("TERM_DEPOSIT").needs())
    assert score(anna.looks, NOW, 30) == pytest.approx(expected)


def recorded(kind: str, at: dt.datetime, party: str = "anna") -> RecordedEvent:
    return RecordedEvent(
        id="e", type=kind, party_id=party, at=at, channel=None, payload={"productCode": "TERM_DEPOSIT"}
    )


async def test_many_writers_at_once_lose_nothing(bank: Database, events: EventService):
    await asyncio.gather(
        *(events.record(view(NOW - dt.timedelta(days=number % 3), channel=None)) for number in range(48))
    )
    (row,) = await bank.read(STORED)
    assert (row["views"], row["ties"]) == (48, 1)
    assert sum(one[1] for one in row["days"]) == 48
    assert row["score"] == pytest.approx(16 * (1 + 2 ** (-1 / 30) + 2 ** (-2 / 30)))


async def test_a_robot_is_counted_but_weighs_no_more_than_a_hundred_looks_a_day(bank: Database):
    views = [recorded("product_page_view", NOW) for _ in range(LOOKS_A_DAY + 50)]
    await bank.write(lambda tx: InterestKeeper().note(tx, views[:60]))
    await bank.write(lambda tx: InterestKeeper().note(tx, views[60:]))
    (row,) = await bank.read(STORED)
    assert (row["views"], row["score"]) == (LOOKS_A_DAY + 50, LOOKS_A_DAY)


async def test_interest_of_a_past_instant_does_not_see_what_came_later(bank: Database, events: EventService):
    morning, noon = NOW.replace(hour=8), NOW
    for at in (morning, noon, noon - dt.timedelta(days=30)):
        await events.record(view(at))
    condition = interested_in("TERM_DEPOSIT", at_least=1.4)
    for moment, passed in ((morning - dt.timedelta(milliseconds=1), False), (morning, True), (noon, True)):
        (anna,) = await load(bank.read, ["anna"], now=moment, needs=condition.needs())
        assert condition.check(anna).passed is passed


async def test_another_half_life_holds_from_the_next_look_on(bank: Database):
    await bank.write(lambda tx: InterestKeeper(30).note(tx, [recorded("product_page_view", NOW)]))
    later = NOW + dt.timedelta(days=30)
    await bank.write(lambda tx: InterestKeeper(10).note(tx, [recorded("product_page_view", later)]))
    rows = await bank.read("MATCH (i:Interest) RETURN i.score AS score, i.halfLifeDays AS days")
    assert [(row["score"], row["days"]) for row in rows] == [(1.5, 10)]


async def test_marketers_see_views_and_customers_of_a_period_in_groups(bank: Database, events: EventService):
    for party, product, days, channel in (
        ("anna", "TERM_DEPOSIT", 0, Channel.ONLINE),
        ("anna", "TERM_DEPOSIT", 1, Channel.ATM),
        ("anna", "CASH_LOAN", 1, None),
        ("jan", "TERM_DEPOSIT", 1, Channel.ONLINE),
        ("eva", "TERM_DEPOSIT", 90, Channel.ONLINE),
    ):
        await events.record(view(NOW - dt.timedelta(days=days), party, product, channel))
    started = {"productCode": "TERM_DEPOSIT"}
    await events.record(RecordEvent(type="application_started", party_id="jan", at=NOW, payload=started))
    service = InterestService(bank)
    first, last = dt.date(2026, 6, 1), dt.date(2026, 6, 30)

    async def grouped(by: InterestGroup, **narrowed: str) -> list[tuple]:
        found = await service.totals(first, last, by, **narrowed)
        return [(one.key, one.views, one.customers, one.started) for one in found]

    assert await grouped(InterestGroup.PRODUCT) == [("TERM_DEPOSIT", 3, 2, 1), ("CASH_LOAN", 1, 1, 0)]
    assert await grouped(InterestGroup.FAMILY) == [("DEPOSIT", 3, 2, 1), ("LOAN", 1, 1, 0)]
    assert await grouped(InterestGroup.DAY) == [("2026-06-29", 3, 2, 0), ("2026-06-30", 1, 2, 1)]
    assert await grouped(InterestGroup.MONTH, family="DEPOSIT") == [("2026-06", 3, 2, 1)]
    assert await grouped(InterestGroup.SEGMENT) == [("RETAIL", 3, 1, 0), ("PRIVATE", 1, 1, 1)]
    assert await grouped(InterestGroup.CHANNEL, product="TERM_DEPOSIT") == [("ONLINE", 2, 2, None), ("ATM", 1, 1, None)]
    with pytest.raises(InvalidInput, match="before from"):
        await service.totals(last, first, InterestGroup.DAY)
    with pytest.raises(InvalidInput, match="1100 days"):
        await service.totals(dt.date(2020, 1, 1), last, InterestGroup.DAY)


async def test_a_view_of_a_service_counts_and_a_product_that_the_catalogue_lacks_has_no_family(
    bank: Database, events: EventService
):
    page = {"page": "/cards/replacement", "serviceCode": "CARD_REPLACEMENT"}
    await events.record(RecordEvent(type="page_view", party_id="anna", at=NOW, payload=page))
    rows = await bank.read("MATCH (i:Interest) RETURN i.productCode AS code, i.familyCode AS family, i.views AS views")
    assert [(row["code"], row["family"], row["views"]) for row in rows] == [("CARD_REPLACEMENT", None, 1)]
