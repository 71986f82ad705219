"""A complaint from its opening to the customer's last word, and what it silences meanwhile."""

from __future__ import annotations

import asyncio
import datetime as dt
from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any

import pytest
from angry_customer import BANK, complain, desk_of

from graph_crm.api.execution import Executor, Request
from graph_crm.api.schema import platform_schema
from graph_crm.consent.protection import ProtectionService
from graph_crm.contacts.desk import ContactDesk
from graph_crm.contacts.policy import ContactPolicy
from graph_crm.errors import InvalidInput, NotFound, RequestClosed, VersionConflict
from graph_crm.events.keeping import RetentionPolicy
from graph_crm.events.service import RECORDED, EventService, RecordedEvent
from graph_crm.events.worker import Worker
from graph_crm.graph.database import Database, Transaction
from graph_crm.parties import checks
from graph_crm.requests.complaints.complaints import Complaints
from graph_crm.requests.complaints.rules import shipped
from graph_crm.requests.complaints.service import ComplaintService, Description
from graph_crm.requests.kinds import RequestOutcome, RequestStatus, Severity
from graph_crm.requests.service import RequestService
from graph_crm.security.roles import Caller, Role

pytestmark = pytest.mark.lts
CLOSED_WELL: dict[str, Any] = {"by": "eva", "root_cause": "STAFF_CONDUCT", "text": "Eva listened to the recording."}


@pytest.fixture
async def bank(empty_database: Database) -> Database:
    await empty_database.execute(BANK)
    return empty_database


@pytest.fixture
def service(bank: Database) -> RequestService:
    return desk_of(bank)


async def may_be_called(bank: Database) -> tuple[bool, str]:
    """What the contact desk says: whether a promotional call may be made at some time, else why not."""
    asked, found = await ContactDesk(bank, ContactPolicy.load).earliest("anna", "PHONE", product_code="CREDIT_CARD")
    assert asked.tzinfo is not None
    return found.at is not None, found.because.code


async def test_marketing_is_silent_from_the_opening_to_the_closing_of_a_complaint(
    bank: Database, service: RequestService
) -> None:
    assert (await may_be_called(bank))[0]
    opened = await complain(service)
    assert await may_be_called(bank) == (False, "COMPLAINT_OPEN")
    (event,) = await bank.read(
        "MATCH (:Party {id: 'anna'})-[:DID]->(e:Event) RETURN e.id AS id, e.type AS type, e.payload AS payload"
    )
    assert event["id"] == f"complaint:{opened.id}"
    assert '"subject":"Rude agent"' in event["payload"]
    await service.answer(opened.number, "We are sorry.", by="eva")
    assert not (await may_be_called(bank))[0]  # answered is not closed
    await service.close(opened.number, RequestOutcome.UPHELD, **CLOSED_WELL)
    assert (await may_be_called(bank))[0]


async def test_a_promotional_call_that_was_planned_is_cancelled_by_the_worker(
    bank: Database, service: RequestService
) -> None:
    desk = ContactDesk(bank, ContactPolicy.load)
    held = await desk.earliest("anna", "PHONE", product_code="CREDIT_CARD")
    await bank.execute(
        "MATCH (p:Party {id: 'anna'}) CREATE (p)-[:RESERVED]->(:Reservation {id: 'v1', key: 'v1', partyId: 'anna',"
        " state: 'HELD', channel: 'PHONE', direction: 'OUTBOUND', actionClass: 'PROMOTIONAL', purpose: 'MARKETING',"
        " productCode: 'CREDIT_CARD', pointKey: 'PHONE:+48500000001', createdAt: $at, at: $at, until: $until})",
        {"at": held[0], "until": held[0] + dt.timedelta(days=5)},
    )
    await complain(service)
    worker = Worker(bank, {RECORDED: ProtectionService(bank, ContactPolicy.load).heed})
    assert await worker.drain() == 1
    (slot,) = await bank.read("MATCH (v:Reservation) RETURN v.state AS state, v.reason AS reason")
    assert (slot["state"], slot["reason"])[:1] == ("CANCELLED",)


async def test_opened_again_and_again_silences_again_and_closing_ends_it_each_time(
    bank: Database, service: RequestService
) -> None:
    opened = await complain(service)
    for number in range(3):
        assert not (await may_be_called(bank))[0]
        await service.close(opened.number, RequestOutcome.REJECTED, **CLOSED_WELL)
        assert (await may_be_called(bank))[0]
        await service.reopen(opened.number, f"Not content {number}", by="eva")
    assert not (await may_be_called(bank))[0]
    rows = await bank.read("MATCH (e:Event) RETURN e.id AS id ORDER BY id")
    assert len(rows) == 4 + 3
    surveys = await bank.read("MATCH (e:OutboxEntry {topic: 'complaint.survey'}) RETURN e.id AS id")
    assert surveys == []  # nobody asks about a complaint that is open


async def test_what_follows_events_follows_complaints_once(bank: Database) -> None:
    told: list[tuple[str, bool]] = []

    async def note(_tx: Transaction, events: Sequence[RecordedEvent]) -> None:
        told.extend((one.type, one.late) for one in events)

    heed = Complaints(EventService(bank, effects=[note])).heed
    month_ago = dt.datetime.now(dt.UTC) - dt.timedelta(days=30)
    service = RequestService(bank, effects=[heed], clock=lambda: month_ago)
    opened = await complain(service, category="CARD")
    service = RequestService(bank, effects=[heed])
    for category in ("COMPLAINT_FEES", "COMPLAINT_SERVICE"):  # another complaint, but no other event
        await service.sort(opened.number, category, by="eva")
    await service.close(opened.number, RequestOutcome.UPHELD, **CLOSED_WELL)
    assert told == [("complaint", True), ("complaint_closed", False)]
    entries = await bank.read("MATCH (e:OutboxEntry {topic: $topic}) RETURN e.key AS key", {"topic": RECORDED})
    assert len(entries) == 2


async def test_a_request_that_came_in_before_events_are_kept_can_still_be_a_complaint(bank: Database) -> None:
    keeping = RetentionPolicy(keep_days=100)
    heed = Complaints(EventService(bank, keeping=keeping)).heed
    long_ago = dt.datetime.now(dt.UTC) - dt.timedelta(days=300)
    opened = await complain(RequestService(bank, clock=lambda: long_ago), category="CARD")
    await RequestService(bank, effects=[heed]).sort(opened.number, "COMPLAINT_FEES", by="eva")
    assert await may_be_called(bank) == (False, "COMPLAINT_OPEN")


async def test_of_two_complaints_one_closed_leaves_the_silence_of_the_other(
    bank: Database, service: RequestService
) -> None:
    first, second = await complain(service), await complain(service, "And the coffee is cold.")
    await service.close(first.number, RequestOutcome.UPHELD, **CLOSED_WELL)
    assert not (await may_be_called(bank))[0]
    await service.close(second.number, RequestOutcome.WITHDRAWN, by="eva")
    assert (await may_be_called(bank))[0]


async def test_a_request_that_turns_out_to_be_a_complaint_silences_and_back_again(
    bank: Database, service: RequestService
) -> None:
    opened = await complain(service, category="CARD")
    assert (await may_be_called(bank))[0]
    for category, called in (("COMPLAINT_FEES", False), ("CARD", True), ("COMPLAINT_FEES", False), ("FEES", True)):
        await service.sort(opened.number, category, by="eva")
        assert (await may_be_called(bank))[0] is called, category


async def test_the_severity_is_kept_with_its_reasons(bank: Database, service: RequestService) -> None:
    async def severity(number: str) -> tuple[str, list[str]]:
        (row,) = await bank.read(
            "MATCH (r:ServiceRequest {number: $n}) RETURN r.severity AS s, r.severityReasons AS why", {"n": number}
        )
        return row["s"], row["why"]

    first = await complain(service)
    assert await severity(first.number) == ("MODERATE", ["no rule makes it more or less serious"])
    second = await complain(service, "Once more: nobody calls back.")
    assert await severity(second.number) == ("MAJOR", ["1 complaints in 90 days before"])
    other = await complain(service, "Too slow.", party="ben")
    assert await severity(other.number) == ("MAJOR", ["the customer needs special care"])
    nobody = await complain(service, "My lawyer will call you.", party=None, contact="x@example.com")
    assert (await severity(nobody.number))[0] == "CRITICAL"
    assert len(await bank.read("MATCH (e:Event {type: 'complaint'}) RETURN e")) == 3  # of those whom the bank knows


@pytest.mark.parametrize(
    ("outcome", "more", "field"),
    [
        (RequestOutcome.UPHELD, {}, "rootCause"),
        (RequestOutcome.UPHELD, {"root_cause": "BAD_LUCK"}, "rootCause"),
        (RequestOutcome.REJECTED, {"root_cause": "OTHER"}, "text"),
    ],
)
async def test_a_complaint_is_closed_with_a_cause_of_the_list(
    bank: Database, service: RequestService, outcome: RequestOutcome, more: dict[str, Any], field: str
) -> None:
    opened = await complain(service)
    with pytest.raises(InvalidInput) as caught:
        await service.close(opened.number, outcome, by="eva", **more)
    assert caught.value.details["field"] == field
    assert not (await may_be_called(bank))[0]  # nothing was closed
    rows = await bank.read("MATCH (r:ServiceRequest) RETURN r.status AS status")
    assert rows[0]["status"] != "CLOSED"


async def test_a_complaint_is_taken_up_again_within_the_period_only(bank: Database) -> None:
    now = dt.datetime.now(dt.UTC) - dt.timedelta(days=200)
    service = desk_of(bank, clock=lambda: now)
    opened = await complain(service)
    await service.close(opened.number, RequestOutcome.UPHELD, **CLOSED_WELL)
    late = desk_of(bank, clock=lambda: now + dt.timedelta(days=61))
    with pytest.raises(RequestClosed, match="60 days"):
        await late.reopen(opened.number, "Still angry", by="eva")
    in_time = desk_of(bank, clock=lambda: now + dt.timedelta(days=59))
    await in_time.reopen(opened.number, "Still angry", by="eva")
    assert not (await may_be_called(bank))[0]


@pytest.mark.parametrize("days", [90, 10])
async def test_the_customer_may_take_it_up_as_long_as_the_rules_of_complaints_say(bank: Database, days: int) -> None:
    """Longer or shorter than other requests (30 days). Later a mail opens a new one, as it does for REQUEST_CLOSED."""
    rules = shipped().model_copy(update={"reopen_days": days})
    now = dt.datetime.now(dt.UTC) - dt.timedelta(days=200)
    service = desk_of(bank, rules=rules, clock=lambda: now)
    opened = await complain(service)
    await service.close(opened.number, RequestOutcome.UPHELD, **CLOSED_WELL)
    late = desk_of(bank, rules=rules, clock=lambda: now + dt.timedelta(days=days + 1))
    with pytest.raises(RequestClosed, match=f"{days} days"):
        await late.customer_wrote(opened.number, "Still angry")
    in_time = desk_of(bank, rules=rules, clock=lambda: now + dt.timedelta(days=days - 1))
    assert (await in_time.customer_wrote(opened.number, "Still angry")).status is RequestStatus.REOPENED


async def test_what_is_found_out_is_written_by_the_clock_of_all_entries(
    bank: Database, service: RequestService, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By the database's: with that of a server an hour ahead all that follows would be an hour late."""

    class Ahead(dt.datetime):
        @classmethod
        def now(cls, tz: dt.tzinfo | None = None) -> dt.datetime:  # type: ignore[override]  # a plain one does
            return dt.datetime.now(tz) + dt.timedelta(hours=1)

    monkeypatch.setattr(checks, "dt", SimpleNamespace(datetime=Ahead, UTC=dt.UTC))
    opened = await complain(service)
    await ComplaintService(bank).describe(opened.number, Description(reason="x", severity=Severity.MAJOR), by="eva")
    rows = await bank.read("MATCH (e:RequestEntry {kind: 'NOTE'}) RETURN e.at <= datetime.realtime() AS past")
    assert rows == [{"past": True}]


async def test_an_event_can_always_be_made_of_a_complaint(bank: Database, service: RequestService) -> None:
    long = "🙂" * 19_000
    opened = await complain(service, long, subject=None)
    assert not (await may_be_called(bank))[0]
    await service.close(opened.number, RequestOutcome.WITHDRAWN, by="eva")
    assert (await may_be_called(bank))[0]


async def test_many_at_once_leave_as_much_silence_as_is_open(bank: Database, service: RequestService) -> None:
    opened = await asyncio.gather(*(complain(service, f"Complaint {n}") for n in range(8)))

    async def close_and_reopen(number: str) -> None:
        await service.close(number, RequestOutcome.UPHELD, **CLOSED_WELL)
        await service.reopen(number, "No.", by="eva")
        await service.close(number, RequestOutcome.UPHELD, **CLOSED_WELL)

    await asyncio.gather(*(close_and_reopen(one.number) for one in opened[1:]))
    assert not (await may_be_called(bank))[0]
    await service.close(opened[0].number, RequestOutcome.UPHELD, **CLOSED_WELL)
    assert (await may_be_called(bank))[0]


async def test_what_was_found_out_is_kept_with_who_said_so(bank: Database, service: RequestService) -> None:
    opened = await complain(service, product_code="CREDIT_CARD")
    complaints = ComplaintService(bank)
    about = Description(
        reason="It is on the tape.", severity=Severity.CRITICAL, product_code="CASH_LOAN", employee_id="jan"
    )
    await complaints.describe(opened.number.lower(), about, by="eva", version=1)
    with pytest.raises(VersionConflict):
        await complaints.describe(opened.number, about, by="eva", version=1)
    read = (
        "query ($number: String!) { requests(where: {number: {eq: $number}}) { nodes { severity severityBy"
        " severityReasons product { code } concerns { nodes { id complaints { nodes { number } } } }"
        " log(first: 50) { nodes { kind by text visible } } } } }"
    )
    caller = Caller("eva", Role.AGENT)
    answer = await Executor(platform_schema(), bank).execute(Request(read, caller, {"number": opened.number}))
    (found,) = answer["data"]["requests"]["nodes"]
    assert (found["severity"], found["severityBy"], found["severityReasons"]) == (
        "CRITICAL",
        "PERSON",
        ["It is on the tape."],
    )
    assert found["product"] == {"code": "CASH_LOAN"}
    assert found["concerns"]["nodes"] == [{"id": "jan", "complaints": {"nodes": [{"number": opened.number}]}}]
    assert found["log"]["nodes"][-1] == {"kind": "NOTE", "by": "eva", "text": "It is on the tape.", "visible": False}
    await service.sort(opened.number, "COMPLAINT_FEES", by="eva")  # what a person said stays
    answer = await Executor(platform_schema(), bank).execute(Request(read, caller, {"number": opened.number}))
    assert answer["data"]["requests"]["nodes"][0]["severity"] == "CRITICAL"


async def test_what_can_not_be_said_of_a_complaint_is_refused(bank: Database, service: RequestService) -> None:
    complaint, question = await complain(service), await complain(service, category="CARD")
    complaints = ComplaintService(bank)
    serious = Description(reason="x", severity=Severity.MAJOR)
    with pytest.raises(InvalidInput, match="nothing new"):
        await complaints.describe(complaint.number, Description(reason="x"), by="eva")
    with pytest.raises(InvalidInput, match="no complaint"):
        await complaints.describe(question.number, serious, by="eva")
    with pytest.raises(NotFound, match="no such request"):
        await complaints.describe("R-0000-0000", serious, by="eva")
    with pytest.raises(NotFound, match="productCode"):
        await complaints.describe(complaint.number, Description(reason="x", product_code="GONE"), by="eva")
    with pytest.raises(NotFound, match="employeeId"):
        await complaints.describe(complaint.number, Description(reason="x", employee_id="nobody"), by="eva")


async def test_complaints_that_are_none_of_ours_change_nothing(bank: Database) -> None:
    service = RequestService(bank, effects=[Complaints(EventService(bank)).heed])
    opened = await complain(service, category="CARD")
    await service.close(opened.number, RequestOutcome.SOLVED, by="eva")
    await service.reopen(opened.number, "No.", by="eva")
    assert await bank.read("MATCH (e:Event) RETURN e") == []
