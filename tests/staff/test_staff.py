"""Employees: kept once, checked, away when they are; the roster counts what they carry without a counter."""

from __future__ import annotations

import asyncio
import datetime as dt
from typing import Any

import pytest

from graph_crm.errors import AlreadyExists, InvalidInput, NotFound, VersionConflict
from graph_crm.graph.database import Database
from graph_crm.staff.kinds import EmployeeRole
from graph_crm.staff.roster import Roster
from graph_crm.staff.service import EmployeeDetails, StaffService

NOW = dt.datetime(2030, 1, 1, 12, tzinfo=dt.UTC)
HOUR = dt.timedelta(hours=1)
EVA = EmployeeDetails(id="eva", display_name="Eva Nowak", email="eva@bank.example", team="CARDS", capacity=10)


class Seconds:
    """A clock of seconds that a test moves."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


async def test_an_employee_is_created_and_changed_under_its_version(empty_database: Database) -> None:
    staff = StaffService(empty_database)
    assert await staff.save(EVA, version=0) == 1
    assert await staff.save(EmployeeDetails(id="eva", display_name="Eva Lis"), version=1) == 2
    with pytest.raises(VersionConflict):
        await staff.save(EVA, version=1)
    rows = await empty_database.read("MATCH (e:Employee) RETURN e.displayName AS name, e.team AS team")
    assert [(row["name"], row["team"]) for row in rows] == [("Eva Lis", None)]


async def test_many_who_save_the_same_new_employee_make_one(empty_database: Database) -> None:
    staff = StaffService(empty_database)
    results = await asyncio.gather(*[staff.save(EVA, version=0) for _ in range(8)], return_exceptions=True)
    assert sorted(type(one).__name__ for one in results) == ["VersionConflict"] * 7 + ["int"]


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"id": "no good id!"}, "id"),
        ({"display_name": " "}, "displayName"),
        ({"email": "nobody"}, "email"),
        ({"team": "small letters"}, "team"),
        ({"skills": ["ok no"]}, "skills"),
        ({"languages": ["Klingon!"]}, "languages"),
        ({"capacity": -1}, "capacity"),
        ({"role": "KING"}, "role"),
    ],
)
async def test_what_cannot_be_used_is_refused_by_name(database: Database, given: dict[str, Any], field: str) -> None:
    with pytest.raises(InvalidInput) as error:
        await StaffService(database).save(EmployeeDetails(**{"id": "x", "display_name": "X", **given}))
    assert error.value.details["field"] == field


async def test_an_absence_is_recorded_once_and_ended(empty_database: Database) -> None:
    staff = StaffService(empty_database)
    await staff.save(EVA)
    roster = Roster(empty_database)
    first = await staff.record_absence("eva", NOW, NOW + HOUR, by="boss", id="a")
    assert await staff.record_absence("eva", NOW, NOW + HOUR, by="boss", id="a") == first
    with pytest.raises(AlreadyExists):
        await staff.record_absence("eva", NOW, NOW + 2 * HOUR, by="boss", id="a")
    (eva,) = await roster.people()
    assert [eva.away(at) for at in (NOW - HOUR / 60, NOW, NOW + HOUR - HOUR / 3600, NOW + HOUR)] == [
        False,
        True,
        True,
        False,
    ]
    assert await staff.end_absence("a", NOW + HOUR / 2) == "eva"
    roster.forget()
    (eva,) = await roster.people()
    assert not eva.away(NOW + HOUR / 2)


async def test_an_absence_that_makes_no_sense_is_refused(empty_database: Database) -> None:
    staff = StaffService(empty_database)
    await staff.save(EVA)
    with pytest.raises(InvalidInput):
        await staff.record_absence("eva", NOW, NOW, by="boss")
    with pytest.raises(InvalidInput):
        await staff.record_absence("eva", NOW.replace(tzinfo=None), NOW + HOUR, by="boss")
    with pytest.raises(NotFound):
        await staff.record_absence("nobody", NOW, NOW + HOUR, by="boss")
    with pytest.raises(NotFound):
        await staff.end_absence("nothing")


async def test_the_roster_counts_open_requests_and_adds_what_it_gives_out_itself(empty_database: Database) -> None:
    clock = Seconds()
    roster = Roster(empty_database, clock=clock)
    staff = StaffService(empty_database, roster=roster)
    await staff.save_all([EVA, EmployeeDetails(id="old", display_name="Old", active=False)])
    await empty_database.execute(
        "UNWIND range(1, 3) AS n CREATE (:ServiceRequest {id: 'r' + n, openOwnerId: 'eva'}),"
        " (:ServiceRequest {id: 'closed' + n, ownerId: 'eva'})"
    )
    (eva,) = await roster.people()
    assert (eva.id, eva.open, eva.load, eva.role) == ("eva", 3, 0.3, EmployeeRole.AGENT)
    roster.given("eva")
    roster.given("eva")
    assert (await roster.people())[0].open == 5
    roster.given("eva", -1)
    assert (await roster.people())[0].open == 4
    # A second later it is read anew: what it gave out is in the graph by then.
    await empty_database.execute("CREATE (:ServiceRequest {id: 'r4', openOwnerId: 'eva'})")
    clock.now = 2.0
    assert (await roster.people())[0].open == 4


async def test_many_who_ask_at_once_read_once(empty_database: Database) -> None:
    roster = Roster(empty_database)
    await StaffService(empty_database, roster=roster).save(EVA)
    read, count = empty_database.read, 0

    async def counted(*arguments: Any, **more: Any) -> Any:
        nonlocal count
        count += 1
        return await read(*arguments, **more)

    roster._database = type("Counting", (), {"read": staticmethod(counted)})()  # type: ignore[assignment]
    found = await asyncio.gather(*[roster.people() for _ in range(20)])
    assert (count, len({len(people) for people in found})) == (1, 1)
