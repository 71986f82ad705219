"""The bank's own hand: special care, blocked contact points, and customers who are gone."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from shared_phone import ANNAS, MAIL, SHARED

from graph_crm.consent.kinds import ConsentStatus, Purpose
from graph_crm.consent.protection import ProtectionService
from graph_crm.consent.service import ConsentService, Statement
from graph_crm.errors import CrmError, NotFound
from graph_crm.events.service import RECORDED, EventService, RecordEvent
from graph_crm.events.worker import Worker
from graph_crm.graph.database import Database
from graph_crm.graph.outbox import OutboxEntry
from graph_crm.parties.batch import PartyBatch
from graph_crm.parties.commands import PartyRow, PersonDetails
from graph_crm.parties.kinds import ContactPointKind
from graph_crm.parties.service import PartyService
from graph_crm.parties.writes import CLOSED


@pytest.fixture
def protection(bank: Database) -> ProtectionService:
    return ProtectionService(bank)


@pytest.fixture(autouse=True)
async def agreed(consents: ConsentService) -> None:
    for party in ("anna", "jan"):
        await consents.record(party, [Statement(purpose=Purpose.MARKETING, status=ConsentStatus.GRANTED)])


@pytest.fixture
def worker(bank: Database, protection: ProtectionService) -> Worker:
    return Worker(bank, {CLOSED: protection.close, RECORDED: protection.heed})


async def slots(database: Database) -> dict[str, str]:
    rows = await database.read("MATCH (v:Reservation) RETURN v.id AS id, v.state AS state ORDER BY id")
    return {row["id"]: row["state"] for row in rows}


async def party(database: Database) -> Any:
    (row,) = await database.read(
        "MATCH (p:Party {id: 'anna'}) RETURN p.vulnerable AS vulnerable, p.vulnerableReason AS reason,"
        " toString(p.vulnerableSince) AS since, p.version AS version"
    )
    return dict(row)


async def test_a_flag_stops_promotion_and_says_why_and_since_when(
    protection: ProtectionService, bank: Database, reserve: Any, propose: Any
) -> None:
    await propose("anna", "card")
    await propose("anna", "notice", actionClass="TRANSACTIONAL")
    await reserve("anna", "call", pointKey=SHARED)
    await reserve("anna", "statement", actionClass="TRANSACTIONAL", purpose="SERVICE", pointKey=SHARED)
    await reserve("jan", "jans call", pointKey=SHARED)
    await protection.flag_vulnerability("anna", "recently widowed")
    found = await party(bank)
    assert (found["vulnerable"], found["reason"], found["version"]) == (True, "recently widowed", 2)
    assert await slots(bank) == {"call": "CANCELLED", "jans call": "HELD", "statement": "HELD"}
    rows = await bank.read("MATCH (o:Offer) RETURN o.id, o.status, o.statusReason ORDER BY o.id")
    assert [row.values() for row in rows] == [["card", "CANCELLED", "VULNERABLE"], ["notice", "PROPOSED", None]]
    await protection.flag_vulnerability("anna", "asked twice")
    again = await party(bank)
    assert (again["since"], again["reason"]) == (found["since"], "asked twice")
    await protection.clear_vulnerability("anna")
    assert await party(bank) == {"vulnerable": False, "reason": None, "since": None, "version": 4}


@pytest.mark.parametrize(
    ("event", "payload", "why"),
    [
        ("complaint", {"subject": "fees"}, "COMPLAINT_OPEN"),
        ("collections_contact", {"hardship": True}, "COLLECTIONS"),
    ],
)
async def test_a_complaint_and_a_talk_of_collections_take_promotion_off_the_call_list(
    bank: Database, worker: Worker, reserve: Any, propose: Any, event: str, payload: dict[str, Any], why: str
) -> None:
    await propose("anna", "card")
    await reserve("anna", "call", offer="card", pointKey=SHARED)
    await reserve("anna", "statement", actionClass="TRANSACTIONAL", purpose="SERVICE", pointKey=SHARED)
    await reserve("jan", "jans call", pointKey=SHARED)
    await EventService(bank).record(RecordEvent(type="atm_balance_check", party_id="anna"))
    await worker.drain()
    assert (await slots(bank))["call"] == "HELD"
    await EventService(bank).record(RecordEvent(type=event, party_id="anna", payload=payload))
    await worker.drain()
    assert worker.counts.failed == 0
    assert await slots(bank) == {"call": "CANCELLED", "jans call": "HELD", "statement": "HELD"}
    (row,) = await bank.read("MATCH (o:Offer) RETURN o.status AS status, o.statusReason AS why")
    assert (row["status"], row["why"]) == ("CANCELLED", why)


async def test_a_refusal_takes_the_family_of_its_product_off_the_call_list(
    bank: Database, protection: ProtectionService, reserve: Any, propose: Any
) -> None:
    await bank.execute(
        "UNWIND [['CARD_GOLD', 'CARD'], ['SMALL_LOAN', 'LOAN']] AS one CREATE (:Product {code: one[0],"
        " familyCode: one[1], active: true}) WITH count(*) AS _ CREATE (:Response {id: 'no', partyId: 'anna',"
        " outcome: 'REJECTED', productCode: 'CREDIT_CARD', familyCode: 'CARD', at: datetime.realtime(),"
        " recordedAt: datetime.realtime()})"
    )
    await propose("anna", "gold", productCode="CARD_GOLD", familyCode="CARD")
    await reserve("anna", "gold call", offer="gold", pointKey=SHARED, productCode="CARD_GOLD")
    await reserve("anna", "loan call", pointKey=SHARED, productCode="SMALL_LOAN")
    await reserve("anna", "statement", actionClass="TRANSACTIONAL", purpose="SERVICE", pointKey=SHARED)
    entry = OutboxEntry("entry", "response.recorded", "model", {"partyId": "anna", "outcome": "REJECTED"}, 1, "w")
    await bank.write(lambda tx: protection.heed_refusal(tx, entry))
    assert await slots(bank) == {"gold call": "CANCELLED", "loan call": "HELD", "statement": "HELD"}
    (row,) = await bank.read("MATCH (o:Offer) RETURN o.status AS status, o.statusReason AS why")
    assert (row["status"], row["why"]) == ("CANCELLED", "FAMILY_REFUSED")


async def test_a_blocked_point_is_closed_to_everybody_and_to_nothing_that_the_law_demands(
    protection: ProtectionService, bank: Database, reserve: Any, propose: Any
) -> None:
    await propose("anna", "card", channels=["PHONE"])
    await propose("jan", "jans card", channels=["PHONE"])
    await reserve("anna", "call", offer="card", pointKey=SHARED)
    await reserve("anna", "statement", actionClass="TRANSACTIONAL", purpose="SERVICE", pointKey=SHARED)
    await reserve("anna", "law", actionClass="MANDATORY", purpose="SERVICE", pointKey=SHARED)
    await reserve("anna", "other phone", pointKey=ANNAS)
    await reserve("anna", "mail", channel="EMAIL", pointKey=MAIL)
    await reserve("jan", "jans call", offer="jans card", pointKey=SHARED)
    await protection.block_contact_point(SHARED, "a stranger answers")
    assert await slots(bank) == {
        "call": "CANCELLED",
        "jans call": "CANCELLED",
        "law": "HELD",
        "mail": "HELD",
        "other phone": "HELD",
        "statement": "CANCELLED",
    }
    rows = await bank.read("MATCH (o:Offer) RETURN o.id, o.status, o.statusReason ORDER BY o.id")
    assert [row.values() for row in rows] == [
        ["card", "WAITING", "SLOT_CANCELLED"],  # there is another phone
        ["jans card", "CANCELLED", "POINT_BLOCKED"],
    ]
    (row,) = await bank.read(
        "MATCH (c:ContactPoint {id: $id}) RETURN c.blocked, c.blockedReason, c.blockedAt IS NULL", {"id": SHARED}
    )
    assert row.values() == [True, "a stranger answers", False]
    await protection.unblock_contact_point(SHARED)
    (row,) = await bank.read(
        "MATCH (c:ContactPoint {id: $id}) RETURN c.blocked, c.blockedReason, c.blockedAt IS NULL", {"id": SHARED}
    )
    assert row.values() == [False, None, True]


async def test_who_or_what_does_not_exist_is_refused(protection: ProtectionService) -> None:
    with pytest.raises(NotFound):
        await protection.flag_vulnerability("nobody", "because")
    with pytest.raises(NotFound):
        await protection.block_contact_point("PHONE:+420602999999", "because")
    for call in (protection.flag_vulnerability("anna", " "), protection.block_contact_point(SHARED, "")):
        with pytest.raises(CrmError) as refused:
            await call
        assert refused.value.details["field"] == "reason"


@pytest.mark.parametrize("what", ["death", "block", "end", "batch"])
async def test_what_waits_for_a_customer_who_is_gone_is_cancelled_by_the_worker(
    bank: Database, worker: Worker, reserve: Any, propose: Any, what: str
) -> None:
    parties = PartyService(bank)
    await propose("anna", "card")
    await reserve("anna", "call", pointKey=SHARED)
    await reserve("anna", "law", actionClass="MANDATORY", purpose="SERVICE", channel="LETTER")
    await reserve("jan", "jans call", pointKey=SHARED)
    today = dt.datetime.now(dt.UTC).date()
    if what == "death":
        await parties.update_person("anna", PersonDetails(deceased_on=today))
    elif what == "block":
        await parties.update_person("anna", PersonDetails(blocked=True))
    elif what == "end":
        await parties.end_party("anna")
    else:
        row = PartyRow(id="anna", details=PersonDetails(display_name="Anna", deceased_on=today))
        assert (await PartyBatch(bank).upsert([row])).updated == 1
    assert await worker.drain() == 1
    assert await slots(bank) == {"call": "CANCELLED", "jans call": "HELD", "law": "HELD"}
    (row,) = await bank.read("MATCH (o:Offer) RETURN o.status AS status, o.statusReason AS reason")
    reasons = {"death": "DECEASED", "batch": "DECEASED", "block": "PARTY_BLOCKED", "end": "PARTY_ENDED"}
    assert (row["status"], row["reason"]) == ("CANCELLED", reasons[what])


async def test_what_waits_at_a_phone_that_the_customer_gave_up_is_cancelled(
    bank: Database, worker: Worker, reserve: Any
) -> None:
    await reserve("anna", "call", pointKey=ANNAS)
    await reserve("anna", "other phone", pointKey=SHARED)
    await PartyService(bank).remove_contact_point("anna", ContactPointKind.PHONE, "+420602000001")
    assert await worker.drain() == 1
    assert await slots(bank) == {"call": "CANCELLED", "other phone": "HELD"}


async def test_a_change_that_closes_nothing_leaves_no_work(bank: Database, worker: Worker) -> None:
    await PartyService(bank).update_person("anna", PersonDetails(segment="AFFLUENT", blocked=False))
    assert await worker.drain() == 0


async def test_what_nobody_told_the_call_list_is_found_when_it_is_looked_at_again(
    protection: ProtectionService, bank: Database, reserve: Any
) -> None:
    await reserve("anna", "call", pointKey=SHARED)
    await reserve("anna", "statement", actionClass="TRANSACTIONAL", purpose="SERVICE", pointKey=SHARED)
    await reserve("jan", "jans call", pointKey=SHARED)
    assert await protection.look_again() == 0
    await bank.execute(
        "MATCH (p:Party {id: 'anna'}) CREATE (p)-[:HOLDS {role: 'OWNER', since: date('2020-01-01')}]->(:Agreement"
        " {id: 'late', productCode: 'CASH_LOAN', familyCode: 'LOAN', status: 'IN_ARREARS'})"
    )
    assert await protection.look_again() == 1
    assert await slots(bank) == {"call": "CANCELLED", "jans call": "HELD", "statement": "HELD"}
