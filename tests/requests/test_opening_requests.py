"""Taking a request in: one transaction gives it a number, an owner, a due date, a log, and tells everybody."""

from __future__ import annotations

import asyncio
import contextvars
import datetime as dt
from collections.abc import Callable
from typing import Any

import pytest
from desk_bank import HOUR, MONDAY, DeskBank, build

from graph_crm.audit import acting
from graph_crm.audit.entries import Entry
from graph_crm.contacts.kinds import Channel
from graph_crm.errors import IdempotencyKeyReused, InvalidInput, NotFound
from graph_crm.graph.database import Database, Transaction
from graph_crm.requests.commands import Happening, Opened, Sorted
from graph_crm.requests.kinds import EntryKind, RequestKind, RequestStatus, SortedBy
from graph_crm.requests.numbers import parse
from graph_crm.staff.service import StaffService

pytestmark = pytest.mark.lts
LATER = MONDAY + dt.timedelta(days=700)


async def test_a_request_has_a_number_an_owner_and_a_due_date_at_once(desk: DeskBank) -> None:
    opened = await desk.open("My card does not work in shops.", product_code="CREDIT_CARD")
    assert parse(opened.number) == opened.number
    assert opened.owner is not None
    assert opened.owner.id == await desk.owner(opened.number) == "eva"  # she has the skill and speaks Polish
    # Sixteen business hours from Monday ten o'clock in Warsaw: Tuesday at four.
    assert opened.due == MONDAY + 30 * HOUR
    stored = await desk.request(opened.number)
    assert (stored["status"], stored["category"], stored["team"], stored["partyId"]) == (
        "ASSIGNED",
        "CARD",
        "CARDS",
        "anna",
    )
    assert stored["first"] == (MONDAY + 4 * HOUR).timestamp() * 1000
    assert await desk.log(opened.number) == ["OPENED", "SORTED", "ASSIGNED", "ACKNOWLEDGED"]
    tied = await desk.one(
        "MATCH (:Party {id: 'anna'})-[:ASKED]->(r:ServiceRequest)-[:ABOUT]->(p:Product) RETURN p.code AS code"
    )
    assert tied["code"] == "CREDIT_CARD"


async def test_the_customer_and_the_owner_are_told_in_the_same_transaction(desk: DeskBank) -> None:
    opened = await desk.open()
    acknowledged, assigned = await desk.told(opened.number)
    assert (acknowledged["template"], acknowledged["partyId"], acknowledged["language"]) == (
        "request_acknowledged",
        "anna",
        "pl",
    )
    said = acknowledged["variables"]
    assert (said["number"], said["owner"]) == (opened.number, "Eva Nowak")
    assert dt.datetime.fromisoformat(said["due"]) == opened.due
    assert said["zone"] == "Europe/Warsaw"
    assert (assigned["template"], assigned["to"], assigned["channel"]) == (
        "request_assigned",
        "eva@bank.example",
        "EMAIL",
    )
    assert assigned["variables"]["link"].endswith(f"/desk/requests/{opened.number}")
    assert assigned["variables"]["category"] == "Karty i płatności kartą"


async def test_who_wrote_a_mail_is_acknowledged_by_mail_at_that_address(desk: DeskBank) -> None:
    opened = await desk.open(channel=Channel.EMAIL, contact="Anna@mail.example")
    told = (await desk.told(opened.number, "request_acknowledged"))[0]
    assert (told["channel"], told["pointKey"]) == ("EMAIL", "EMAIL:anna@mail.example")


async def test_a_customer_who_wrote_from_an_unknown_address_is_told_by_the_preferred_way(desk: DeskBank) -> None:
    opened = await desk.open(channel=Channel.EMAIL, contact="somebody@else.example")
    told = (await desk.told(opened.number, "request_acknowledged"))[0]
    assert (told["partyId"], told["channel"], told["pointKey"], told["to"]) == ("anna", None, None, None)


async def test_somebody_whom_the_bank_does_not_know_has_a_request_too(desk: DeskBank) -> None:
    opened = await desk.open(
        party_id=None, contact="stranger@mail.example", name="A Stranger", channel=Channel.EMAIL, language="en"
    )
    told = (await desk.told(opened.number, "request_acknowledged"))[0]
    assert (told["partyId"], told["to"], told["channel"]) == (None, "stranger@mail.example", "EMAIL")
    assert told["variables"]["name"] == "A Stranger"
    by_phone = await desk.open(party_id=None, contact="+420 602 123 456", channel=Channel.PHONE)
    assert (await desk.told(by_phone.number, "request_acknowledged"))[0]["channel"] == "SMS"


async def test_what_a_machine_sent_is_not_acknowledged(desk: DeskBank) -> None:
    opened = await desk.open(party_id=None, contact="robot@mail.example", channel=Channel.EMAIL, acknowledge=False)
    assert await desk.told(opened.number, "request_acknowledged") == []
    assert "ACKNOWLEDGED" not in await desk.log(opened.number)


async def test_what_nobody_can_sort_goes_to_the_sorting_team_with_number_owner_and_due_date(desk: DeskBank) -> None:
    opened = await desk.open("Something odd.", category=None)
    assert (opened.status, opened.category) == (RequestStatus.NEW, None)
    assert opened.owner is not None
    assert opened.owner.id == "simon"
    assert opened.due == MONDAY + 52 * HOUR  # 24 hours of work: Monday, Tuesday, Wednesday
    stored = await desk.request(opened.number)
    assert (stored["team"], stored["sortedBy"]) == ("SORTING", "NONE")
    assert await desk.log(opened.number) == ["OPENED", "ASSIGNED", "ACKNOWLEDGED"]


@pytest.mark.parametrize(
    ("said", "category", "by", "kind"),
    [
        (Sorted(category="LOAN", confidence=0.93, by=SortedBy.MODEL), "LOAN", "MODEL", "REQUEST"),
        (Sorted(category="COMPLAINT_FEES", confidence=None, by=SortedBy.RULE), "COMPLAINT_FEES", "RULE", "COMPLAINT"),
        (Sorted(category=None, confidence=0.41), None, "NONE", "REQUEST"),
        (Sorted(category="NO_SUCH_CATEGORY", confidence=0.99, by=SortedBy.MODEL), None, "NONE", "REQUEST"),
    ],
)
async def test_the_sorting_room_says_the_category(
    empty_database: Database, said: Sorted, category: str | None, by: str, kind: str
) -> None:
    asked: list[tuple[str, str, str | None]] = []

    def sorter(subject: str, text: str, language: str | None) -> Sorted:
        asked.append((subject, text, language))
        return said

    desk = await build(empty_database, sorter=sorter)
    opened = await desk.open("My words.\nMore of them.", category=None, subject="  About \n money ")
    stored = await desk.request(opened.number)
    assert (stored.get("category"), stored["sortedBy"], stored["kind"]) == (category, by, kind)
    assert asked == [("About money", "My words.\nMore of them.", "pl")]


async def test_the_same_request_sent_again_under_its_key_is_the_same_one(desk: DeskBank) -> None:
    first = await desk.open(key="k1")
    again = await desk.open(key="k1")
    assert (again.number, again.due, again.owner, again.repeated) == (first.number, first.due, first.owner, True)
    assert (await desk.one("MATCH (r:ServiceRequest) RETURN count(r) AS n"))["n"] == 1
    with pytest.raises(IdempotencyKeyReused):
        await desk.open("Something else.", key="k1")


async def test_the_same_request_sent_many_times_at_once_is_opened_once(desk: DeskBank) -> None:
    answers = await asyncio.gather(*[desk.open(key="k") for _ in range(12)])
    assert len({one.number for one in answers}) == 1
    assert [one.repeated for one in answers].count(False) == 1
    found = await desk.one(
        "MATCH (r:ServiceRequest) RETURN count(r) AS requests, COUNT { MATCH (:Delivery) } AS messages,"
        " COUNT { MATCH (:OutboxEntry {topic: 'request.alarm'}) } AS looks"
    )
    assert found == {"requests": 1, "messages": 2, "looks": 1}


async def test_many_requests_at_once_are_shared_out_by_capacity(desk: DeskBank) -> None:
    opened = await asyncio.gather(*[desk.open(f"Question {n}", language="en") for n in range(30)])
    assert len({one.number for one in opened}) == 30
    rows = await desk.database.read(
        "MATCH (o:Employee)-[:OWNS_REQUEST]->(r) RETURN o.id AS id, count(r) AS n ORDER BY id"
    )
    assert [(row["id"], row["n"]) for row in rows] == [("eva", 10), ("jan", 20)]  # capacities 10 and 20
    counted = await desk.database.read(
        "MATCH (o:Employee {team: 'CARDS'}) RETURN o.id AS id,"
        " COUNT { MATCH (r:ServiceRequest {openOwnerId: o.id}) } AS n ORDER BY id"
    )
    assert [(row["id"], row["n"]) for row in counted] == [("eva", 10), ("jan", 20), ("sofia", 0)]


async def test_what_follows_is_written_with_the_request_or_not_at_all(empty_database: Database) -> None:
    heard: list[Happening] = []

    async def effect(tx: Transaction, happening: Happening) -> None:
        heard.append(happening)
        await tx.run("MATCH (r:ServiceRequest {id: $id}) SET r.heard = true", {"id": happening.request_id})
        if "refuse" in (happening.text or ""):
            raise InvalidInput("no")

    desk = await build(empty_database, effects=[effect])
    opened = await desk.open("I complain.", category="COMPLAINT_FEES")
    assert (await desk.request(opened.number))["heard"] is True
    assert (heard[0].entry, heard[0].kind, heard[0].party_id) == (EntryKind.OPENED, RequestKind.COMPLAINT, "anna")
    with pytest.raises(InvalidInput):
        await desk.open("refuse me")
    assert (await desk.one("MATCH (r:ServiceRequest) RETURN count(r) AS n"))["n"] == 1
    assert (await desk.one("MATCH (d:Delivery) RETURN count(d) AS n"))["n"] == 2  # of the first one


async def test_a_number_that_is_taken_is_drawn_anew(desk: DeskBank, monkeypatch: pytest.MonkeyPatch) -> None:
    taken = (await desk.open()).number
    drawn = iter([taken, taken, "R-0000-0000"])
    monkeypatch.setattr("graph_crm.requests.intake.new_number", lambda: next(drawn))
    assert (await desk.open()).number == "R-0000-0000"


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"text": " \n "}, "text"),
        ({"text": "x" * 50_001}, "text"),
        ({"text": "a\ud800"}, "text"),
        ({"category": "NO_SUCH"}, "category"),
        ({"contact": "no address"}, "contact"),
        ({"contact": "a@b"}, "contact"),
        ({"language": "Klingon!"}, "language"),
        ({"country": "XX"}, "country"),
        ({"channel": "PIGEON"}, "channel"),
    ],
)
async def test_what_cannot_be_used_is_refused_by_name(desk: DeskBank, given: dict[str, Any], field: str) -> None:
    with pytest.raises(InvalidInput) as error:
        await desk.open(**given)
    assert error.value.details["field"] == field
    assert error.value.hint


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"party_id": "nobody"}, "partyId"),
        ({"product_code": "NOTHING"}, "productCode"),
        ({"agreement_id": "none"}, "agreementId"),
        ({"event_id": "none"}, "eventId"),
        ({"interaction_id": "none"}, "interactionId"),
        ({"call_id": "none"}, "callId"),
        ({"attachments": ["none"]}, None),
    ],
)
async def test_what_it_names_must_be_there(desk: DeskBank, given: dict[str, Any], field: str | None) -> None:
    with pytest.raises(NotFound) as error:
        await desk.open(**given)
    assert field is None or error.value.details["field"] == field
    assert (await desk.one("MATCH (n) WHERE n:ServiceRequest OR n:Delivery RETURN count(n) AS n"))["n"] == 0


async def test_without_anybody_at_work_a_request_is_taken_in_and_given_to_the_first_who_comes(desk: DeskBank) -> None:
    for one in ("eva", "jan", "ola", "sofia", "simon"):
        await desk.staff.record_absence(one, MONDAY - HOUR, LATER, by="boss", id=f"away:{one}")
    opened = await desk.open()
    assert (opened.owner, opened.status) == (None, RequestStatus.NEW)
    assert await desk.alarms.give_out() == 0
    await desk.staff.end_absence("away:jan", MONDAY - HOUR)
    assert await desk.alarms.give_out() == 1
    assert await desk.owner(opened.number) == "jan"
    assert (await desk.request(opened.number))["status"] == "ASSIGNED"
    assert await desk.alarms.give_out() == 0


async def test_of_many_requests_at_once_the_one_that_can_not_be_stored_takes_nobody_with_it(
    empty_database: Database,
) -> None:
    async def effect(tx: Transaction, happening: Happening) -> None:
        if "refuse" in (happening.text or ""):
            raise InvalidInput("no")

    desk = await build(empty_database, effects=[effect])
    said = [f"Question {n}" if n != 4 else "refuse me" for n in range(9)]
    answers = await asyncio.gather(
        *[desk.open(text, language="en", key=text) for text in said],
        desk.open("Of nobody", party_id="nobody"),
        return_exceptions=True,
    )
    assert isinstance(answers[4], InvalidInput)
    assert isinstance(answers[9], NotFound)
    opened = {one.number for one in answers if isinstance(one, Opened)}
    assert len(opened) == 8
    rows = await desk.database.read(
        "MATCH (r:ServiceRequest) RETURN r.number AS number, COUNT { (:Delivery)-[:ABOUT_REQUEST]->(r) } AS told,"
        " COUNT { MATCH (:OutboxEntry {id: r.clockKey}) } AS looks, r.text AS text"
    )
    assert {row["number"] for row in rows} == opened
    assert {(row["told"], row["looks"]) for row in rows} == {(2, 1)}
    # Whoever was refused is not counted on anybody's desk.
    desk.roster.forget()
    assert sum(one.open for one in await desk.roster.people()) == 8


async def test_many_requests_at_once_are_stored_by_few_transactions(desk: DeskBank) -> None:
    before = desk.database.metrics.transactions.count
    await asyncio.gather(*[desk.open(f"Question {n}") for n in range(30)])
    assert desk.database.metrics.transactions.count - before <= 3


async def test_an_owner_who_goes_away_between_choice_and_storing_is_replaced_for_those_requests_alone(
    desk: DeskBank,
) -> None:
    await desk.roster.people()  # read while eva is here
    away = StaffService(desk.database, clock=desk.time)  # of another process: this roster is not told
    await away.record_absence("eva", MONDAY - HOUR, LATER, by="boss", id="away:eva")
    opened = await asyncio.gather(*[desk.open(f"Question {n}", language="en") for n in range(6)])
    assert {await desk.owner(one.number) for one in opened} == {"jan"}
    assert (await desk.one("MATCH (r:ServiceRequest) RETURN count(r) AS n"))["n"] == 6


async def test_what_happened_is_heard_in_the_context_of_whoever_asked(empty_database: Database) -> None:
    who: contextvars.ContextVar[str] = contextvars.ContextVar("who")
    heard: dict[str | None, str] = {}

    async def effect(_tx: Transaction, happening: Happening) -> None:
        heard[happening.text] = who.get()

    desk = await build(empty_database, effects=[effect])

    async def ask(name: str) -> None:
        who.set(name)
        await desk.open(name)

    await asyncio.gather(*[ask(f"customer {n}") for n in range(5)])
    assert heard == {f"customer {n}": f"customer {n}" for n in range(5)}


async def test_each_of_many_requests_is_put_down_to_whoever_asked_for_it(empty_database: Database) -> None:
    desk = await build(empty_database)
    journal = desk.database.journal = Noting()
    await desk.roster.people()

    async def ask(name: str) -> str:
        with acting.acting(acting.Actor(name, "agent"), writes="openRequest"):
            return (await desk.open(name)).id

    try:
        names = [f"agent {n}" for n in range(5)]
        ids = await asyncio.gather(*[ask(name) for name in names])
    finally:
        desk.database.journal = None
    (noted,) = journal.noted  # one transaction
    assert {one.actor.subject: one.ids for one in noted if one.actor} == {
        name: [identifier] for name, identifier in zip(names, ids, strict=True)
    }
    assert {one.what for one in noted} == {"openRequest"}


class Noting:
    """A journal that keeps what a transaction of nobody is to write down."""

    def __init__(self) -> None:
        self.noted: list[list[Entry]] = []

    def wanted(self) -> bool:
        return False

    async def append(self, tx: Transaction) -> Callable[[bool], None]:
        self.noted.append(list(tx.notes))
        return lambda _committed: None
