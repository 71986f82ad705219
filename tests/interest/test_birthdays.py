"""A birthday is an event of every living customer on the day where the customer lives, once a year."""

from __future__ import annotations

import asyncio
import datetime as dt

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from graph_crm.events.service import EventService
from graph_crm.graph.database import Database
from graph_crm.interest import birthdays
from graph_crm.interest.birthdays import BirthdayService, born_for

pytestmark = pytest.mark.lts


def service(database: Database, now: str) -> BirthdayService:
    moment = dt.datetime.fromisoformat(now)
    return BirthdayService(database, EventService(database), clock=lambda: moment)


async def recorded(database: Database) -> list[str]:
    return [
        row["id"] for row in await database.read("MATCH (e:Event {type: 'birthday'}) RETURN e.id AS id ORDER BY id")
    ]


async def people(database: Database, **born: str) -> None:
    await database.execute(
        "UNWIND $rows AS row CREATE (:Party:Person {id: row[0], birthDate: date(row[1]), timeZone: 'Europe/Prague'})",
        {"rows": [list(one) for one in born.items()]},
    )


async def test_it_is_recorded_once_a_year_whoever_asks(empty_database: Database):
    await people(empty_database, anna="1980-06-03", jan="1980-06-04", baby="2026-06-03")
    counts = await asyncio.gather(*(service(empty_database, "2026-06-03T10:00Z").record() for _ in range(3)))
    assert sum(counts) == 1
    assert await recorded(empty_database) == ["birthday:anna:2026"]
    assert await service(empty_database, "2026-06-03T20:00Z").record() == 0
    assert await service(empty_database, "2027-06-03T10:00Z").record() == 2
    assert await recorded(empty_database) == ["birthday:anna:2026", "birthday:anna:2027", "birthday:baby:2027"]


async def test_the_day_is_the_customers_own(empty_database: Database):
    await empty_database.execute(
        """UNWIND [['east', 'Pacific/Kiritimati'], ['here', 'Europe/Prague'], ['west', 'Pacific/Honolulu'],
        ['nowhere', null]] AS row
        CREATE (:Party:Person {id: row[0], birthDate: date('1980-06-03'), timeZone: row[1]})"""
    )
    for now, ids in (
        ("2026-06-02T09:59Z", []),
        ("2026-06-02T10:00Z", ["birthday:east:2026"]),
        ("2026-06-02T22:00Z", ["birthday:east:2026", "birthday:here:2026"]),
        ("2026-06-03T00:00Z", ["birthday:east:2026", "birthday:here:2026", "birthday:nowhere:2026"]),
    ):
        await service(empty_database, now).record()
        assert await recorded(empty_database) == ids, now
    await service(empty_database, "2026-06-04T09:59Z").record()
    assert "birthday:west:2026" in await recorded(empty_database)


async def test_who_was_born_on_29_february_has_it_on_the_28th_in_a_common_year(empty_database: Database):
    await people(empty_database, leap="1980-02-29", before="1980-02-28", after="1980-03-01")
    for day, ids in (
        ("2027-02-28", ["birthday:before:2027", "birthday:leap:2027"]),
        ("2028-02-28", ["birthday:before:2028"]),
        ("2028-02-29", ["birthday:leap:2028"]),
        ("2028-03-01", ["birthday:after:2028"]),
    ):
        already = await recorded(empty_database)
        await service(empty_database, f"{day}T12:00Z").record()
        assert sorted({*await recorded(empty_database)} - {*already}) == ids, day


async def test_the_dead_and_those_who_left_have_none(empty_database: Database):
    await people(empty_database, dead="1980-06-03", left="1980-06-03", anna="1980-06-03")
    await empty_database.execute(
        """MATCH (d:Party {id: 'dead'}) SET d.deceasedOn = date('2026-01-01')
        WITH d MATCH (l:Party {id: 'left'}) SET l.status = 'ENDED', l.endedOn = date('2026-01-01')"""
    )
    assert await service(empty_database, "2026-06-03T10:00Z").record() == 1


async def test_a_crowd_is_recorded_in_batches(empty_database: Database, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(birthdays, "BATCH", 7)
    monkeypatch.setattr(birthdays, "AT_ONCE", 3)
    await people(empty_database, **{f"p{number:02}": "1980-06-03" for number in range(20)})
    assert await service(empty_database, "2026-06-03T10:00Z").record() == 20


async def test_a_birthday_that_nobody_looked_at_is_recorded_on_one_of_the_next_days(empty_database: Database):
    await people(empty_database, anna="1980-06-03", jan="1980-06-02", long_ago="1980-05-30")
    assert await service(empty_database, "2026-06-05T10:00Z").record() == 2
    rows = await empty_database.read("MATCH (e:Event) RETURN e.id AS id, toString(e.at) AS at ORDER BY id")
    assert [(row["id"], row["at"][:19]) for row in rows] == [
        ("birthday:anna:2026", "2026-06-03T21:59:59"),  # the last second of the day in Prague
        ("birthday:jan:2026", "2026-06-02T21:59:59"),
    ]
    assert await service(empty_database, "2026-06-05T12:00Z").record() == 0


async def test_at_the_turn_of_the_year_it_is_that_of_the_year_in_which_it_was(empty_database: Database):
    await people(empty_database, anna="1980-12-31")
    assert await service(empty_database, "2026-01-02T10:00Z").record() == 1
    assert await recorded(empty_database) == ["birthday:anna:2025"]


async def test_birth_dates_are_found_by_their_index(empty_database: Database):
    plan = await empty_database.execute("EXPLAIN " + birthdays.cypher.BIRTHDAYS, {"days": [], "after": "", "most": 1})
    assert plan == []  # the hint in the statement makes Neo4j refuse it without the index


@settings(deadline=None)
@given(st.dates(dt.date(1950, 1, 1), dt.date(2040, 12, 31)), st.integers(1, 120))
def test_everybody_has_exactly_one_birthday_a_year(born: dt.date, age: int):
    year = born.year + age
    around = [dt.date(year, born.month, 1) + dt.timedelta(days=number) for number in range(-2, 33)]
    found = [day for day in around if born in born_for(day)]
    assert len(found) == 1
    assert found[0].year == year
    assert born not in born_for(born)
