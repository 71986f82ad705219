"""A service desk with a few people, customers in two countries, and a clock that a test moves."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Sequence
from typing import Any

from graph_crm.contacts.kinds import Channel
from graph_crm.graph.database import Database
from graph_crm.graph.outbox import OutboxEntry
from graph_crm.requests.alarms import RequestAlarms
from graph_crm.requests.commands import NewRequest, Opened
from graph_crm.requests.desk import Desk
from graph_crm.requests.draft import ALARM
from graph_crm.requests.service import RequestService
from graph_crm.staff.kinds import EmployeeRole
from graph_crm.staff.roster import Roster
from graph_crm.staff.service import EmployeeDetails, StaffService

MONDAY = dt.datetime(2030, 11, 18, 9, 0, tzinfo=dt.UTC)
"""Ten o'clock in Prague and Warsaw, on a day when everybody works; so far ahead that no look is due by itself."""
HOUR = dt.timedelta(hours=1)
DAY = dt.timedelta(days=1)

PEOPLE = [
    EmployeeDetails(
        id="eva",
        display_name="Eva Nowak",
        email="eva@bank.example",
        team="CARDS",
        skills=["CARDS"],
        languages=["pl", "en"],
        capacity=10,
    ),
    EmployeeDetails(
        id="jan",
        display_name="Jan Novák",
        email="jan@bank.example",
        team="CARDS",
        skills=["CARDS"],
        languages=["cs", "en"],
        capacity=20,
    ),
    EmployeeDetails(
        id="ola",
        display_name="Ola Lis",
        email="ola@bank.example",
        team="LOANS",
        skills=["LOANS"],
        languages=["pl"],
    ),
    EmployeeDetails(
        id="sofia",
        display_name="Sofia Supervisor",
        email="sofia@bank.example",
        team="CARDS",
        role=EmployeeRole.SUPERVISOR,
        languages=["en"],
    ),
    EmployeeDetails(
        id="simon",
        display_name="Simon Sorter",
        email="simon@bank.example",
        team="SORTING",
        role=EmployeeRole.SUPERVISOR,
        languages=["en"],
    ),
]

CUSTOMERS = """
CREATE (:Party:Person {id: 'anna', displayName: 'Anna Nowak', status: 'ACTIVE', language: 'pl', country: 'PL',
  timeZone: 'Europe/Warsaw', version: 1})-[:REACHABLE_AT {id: 'r1', since: date('2020-01-01')}]->
  (:ContactPoint {id: 'EMAIL:anna@mail.example', valueKey: 'EMAIL:anna@mail.example', kind: 'EMAIL',
    value: 'anna@mail.example'})
CREATE (:Party:Person {id: 'ben', displayName: 'Ben Brown', status: 'ACTIVE', language: 'en', country: 'GB',
  timeZone: 'Europe/London', version: 1})
CREATE (:Product {code: 'CREDIT_CARD', familyCode: 'CARDS', name: 'Credit card', active: true})
"""


class Clock:
    """The time as the test says."""

    def __init__(self, now: dt.datetime = MONDAY) -> None:
        self.now = now

    def __call__(self) -> dt.datetime:
        return self.now

    def pass_by(self, time: dt.timedelta) -> None:
        self.now += time


class DeskBank:
    """The desk with its services, and what a test wants to know of the graph."""

    def __init__(self, database: Database, **more: Any) -> None:
        self.database = database
        self.time = Clock()
        self.roster = Roster(database)
        self.desk = Desk.load()
        self.service = RequestService(database, self.desk, roster=self.roster, clock=self.time, **more)
        self.alarms = RequestAlarms(database, self.service)
        self.staff = StaffService(database, roster=self.roster, clock=self.time)

    async def open(self, text: str = "My card does not work.", **more: Any) -> Opened:
        """Anna asks about a card, unless the test says something else."""
        key = more.pop("key", None)
        given: dict[str, Any] = {"party_id": "anna", "channel": Channel.ONLINE, "category": "CARD", **more}
        return await self.service.open(NewRequest(text=text, **given), key=key)

    async def one(self, text: str, **parameters: Any) -> dict[str, Any]:
        (row,) = await self.database.read(text, parameters)
        return dict(row)

    async def request(self, number: str) -> dict[str, Any]:
        """The properties of a request, instants as milliseconds."""
        row = await self.one(
            "MATCH (r:ServiceRequest {number: $number}) RETURN r {.*, openedAt: r.openedAt.epochMillis,"
            " due: r.resolutionDueAt.epochMillis, first: r.firstResponseDueAt.epochMillis,"
            " resolutionDueAt: null, firstResponseDueAt: null, answeredAt: null, closedAt: null,"
            " firstRespondedAt: null, waitingSince: null} AS r",
            number=number,
        )
        return dict(row["r"])

    async def log(self, number: str) -> list[str]:
        """The kinds of the entries, in order."""
        rows = await self.database.read(
            "MATCH (:ServiceRequest {number: $number})-[:LOGGED]->(e) RETURN e.kind AS kind, e.seq AS seq"
            " ORDER BY e.seq",
            {"number": number},
        )
        assert [row["seq"] for row in rows] == list(range(1, len(rows) + 1))
        return [row["kind"] for row in rows]

    async def owner(self, number: str) -> str | None:
        """Who answers for it, by the relationship; it must agree with the property."""
        row = await self.one(
            "MATCH (r:ServiceRequest {number: $number})"
            " RETURN r.ownerId AS id, COLLECT { MATCH (o:Employee)-[:OWNS_REQUEST]->(r) RETURN o.id } AS owners",
            number=number,
        )
        assert row["owners"] == ([] if row["id"] is None else [row["id"]])
        return row["id"]

    async def told(self, number: str, template: str | None = None) -> list[dict[str, Any]]:
        """The messages about a request, in the order of their queueing."""
        rows = await self.database.read(
            "MATCH (d:Delivery)-[:ABOUT_REQUEST]->(:ServiceRequest {number: $number})"
            " WHERE $template IS NULL OR d.template = $template"
            " RETURN d {.template, .partyId, .to, .channel, .pointKey, .language, .variables, .attachments} AS d"
            " ORDER BY d.template, d.to",
            {"number": number, "template": template},
        )
        return [{**row["d"], "variables": json.loads(row["d"]["variables"])} for row in rows]

    async def planned(self, number: str) -> list[dt.datetime]:
        """When the request will be looked at."""
        rows = await self.database.read(
            "MATCH (r:ServiceRequest {number: $number}) MATCH (e:OutboxEntry {id: r.clockKey})"
            " RETURN e.at.epochMillis AS at",
            {"number": number},
        )
        return [dt.datetime.fromtimestamp(row["at"] / 1000, dt.UTC) for row in rows]

    async def looks(self) -> Sequence[str]:
        """Ids of all looks that are in the outbox."""
        rows = await self.database.read(
            "MATCH (e:OutboxEntry {topic: $topic}) RETURN e.id AS id ORDER BY e.at", {"topic": ALARM}
        )
        return [row["id"] for row in rows]

    async def look(self, number: str) -> None:
        """Do what the worker does when the planned look is due."""
        row = await self.one(
            "MATCH (r:ServiceRequest {number: $number}) RETURN r.id AS id, r.clockKey AS key", number=number
        )
        await self.look_at(row["id"], row["key"])

    async def look_at(self, request_id: str, key: str) -> None:
        """Do the work of one entry, whichever it is."""
        entry = OutboxEntry(
            id=key,
            topic=ALARM,
            partition_key=request_id,
            payload={"requestId": request_id},
            attempts=1,
            worker="test",
        )
        await self.database.write(lambda tx: self.alarms.look(tx, entry))


async def build(database: Database, **more: Any) -> DeskBank:
    """The desk with its people and customers in an empty database."""
    for statement in CUSTOMERS.split("\nCREATE")[1:]:
        await database.execute("CREATE" + statement)
    bank = DeskBank(database, **more)
    await bank.staff.save_all(PEOPLE)
    return bank
