"""The call list: the best entry first, one agent for each customer, nobody who may not be called any more."""

from __future__ import annotations

import asyncio
import datetime as dt

import pytest
from phone_bank import DAY, HOUR, MINUTE, NOON, PhoneBank

from graph_crm.calls.call_list import CALLBACK_PRIORITY, FOR_ANYBODY, callback_class
from graph_crm.calls.kinds import CallOutcome
from graph_crm.calls.outcomes import CallReport
from graph_crm.consent.kinds import ConsentStatus, Purpose
from graph_crm.consent.service import ConsentService, Statement
from graph_crm.errors import CallNotClaimed, CallRecorded, Forbidden, InvalidInput, NotFound

pytestmark = pytest.mark.lts


async def test_the_highest_priority_is_called_first(phones: PhoneBank):
    await phones.people("anna", "ben", "eva")
    for party, priority in (("anna", 1.0), ("ben", 3.0), ("eva", 2.0)):
        await phones.offer(party, priority=priority)
    assert [await phones.next(f"agent-{number}") for number in range(4)] == ["ben", "eva", "anna", None]


async def test_of_many_agents_one_gets_each_customer(phones: PhoneBank):
    names = [f"customer-{number}" for number in range(8)]
    await phones.people(*names)
    for name in names:
        await phones.offer(name)
    taken = await asyncio.gather(*[phones.next(f"agent-{number}") for number in range(12)])
    assert sorted(one for one in taken if one) == names
    assert taken.count(None) == 4


async def test_an_agent_who_asks_again_gets_the_same_customer(phones: PhoneBank):
    await phones.people("anna", "ben")
    await phones.offer("anna", priority=2.0)
    await phones.offer("ben")
    assert [await phones.next(), await phones.next()] == ["anna", "anna"]


async def test_a_claim_runs_out_when_the_agent_goes_away(phones: PhoneBank):
    await phones.people("anna")
    await phones.offer("anna")
    assert await phones.next("agent-1", minutes=10) == "anna"
    phones.clock.now += 9 * MINUTE
    assert await phones.next("agent-2") is None
    phones.clock.now += MINUTE
    assert await phones.next("agent-2") == "anna"


async def test_nobody_is_called_at_night_but_in_the_morning(phones: PhoneBank):
    await phones.people("anna")
    await phones.offer("anna")
    phones.clock.now = NOON + 10 * HOUR
    assert await phones.next() is None
    row = await phones.one("MATCH (d:CallEntry) RETURN d.notBefore AS at, d.state AS state")
    assert (row["state"], row["at"]) == ("QUEUED", dt.datetime(2026, 11, 24, 8, tzinfo=dt.UTC))
    phones.clock.now = NOON + 21 * HOUR
    assert await phones.next() == "anna"


async def test_who_withdrew_the_consent_is_not_called(phones: PhoneBank):
    await phones.people("anna", "ben")
    await phones.offer("anna", priority=2.0)
    await phones.offer("ben")
    statement = Statement(purpose=Purpose.MARKETING, status=ConsentStatus.WITHDRAWN)
    await ConsentService(phones.database).record("anna", [statement])
    # Whoever cancelled the slot or not: the judgement at the moment of the call says no by itself.
    await phones.database.execute("MATCH (r:Reservation {partyId: 'anna'}) SET r.state = 'HELD'")
    await phones.database.execute("MATCH (o:Offer {partyId: 'anna'}) SET o.status = 'RESERVED'")
    await phones.database.execute("MATCH (d:CallEntry {partyId: 'anna'}) SET d.state = 'QUEUED'")
    await phones.database.execute(
        "MATCH (c:Consent {status: 'WITHDRAWN'}) SET c.at = $at, c.recordedAt = $at", {"at": NOON}
    )
    assert await phones.next() == "ben"
    assert (await phones.entries())["anna"] == ("CANCELLED", "CONSENT_WITHDRAWN")


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ("MATCH (r:Reservation {partyId: 'anna'}) SET r.state = 'RELEASED'", "SLOT_RELEASED"),
        ("MATCH (o:Offer {partyId: 'anna'}) SET o.status = 'REJECTED'", "OFFER_REJECTED"),
        ("MATCH (r:Reservation {partyId: 'anna'}) SET r.until = datetime('2026-11-23T11:00:00Z')", "SLOT_EXPIRED"),
    ],
)
async def test_an_entry_whose_reason_is_gone_goes_too(phones: PhoneBank, change: str, why: str):
    await phones.people("anna", "ben")
    await phones.offer("anna", priority=2.0)
    await phones.offer("ben")
    await phones.database.execute(change)
    assert await phones.next() == "ben"
    assert (await phones.entries())["anna"] == ("CANCELLED", why)


async def test_a_customer_is_not_called_twice_at_a_time(phones: PhoneBank):
    await phones.people("anna")
    await phones.people("ben", phone=phones.number("anna"))
    await phones.offer("anna", priority=3.0)
    await phones.offer("anna", product="CREDIT_CARD", priority=2.0)
    await phones.offer("ben", phone=phones.number("anna"))
    assert await phones.next("agent-1") == "anna"
    assert await phones.next("agent-2") is None


async def test_who_is_on_the_phone_with_the_bank_is_not_called(phones: PhoneBank):
    await phones.people("anna")
    await phones.offer("anna")
    await phones.calls.arrived("call-1", number=phones.number("anna"))
    assert await phones.next() is None
    await phones.calls.answered("call-1", agent="agent-2")
    assert await phones.next() is None
    await phones.calls.ended("call-1")
    assert await phones.next() == "anna"


async def test_an_employee_gets_customers_whose_language_is_spoken(phones: PhoneBank):
    await phones.people("anna", language="cs")
    await phones.people("ewa", language="pl")
    await phones.people("john")
    await phones.offer("anna", priority=2.0)
    await phones.offer("ewa", priority=3.0)
    await phones.offer("john", priority=1.0)
    await phones.database.execute(
        "CREATE (:Employee {id: 'agent-1', languages: ['cs', 'en'], skills: [], active: true})"
    )
    assert await phones.next("agent-1") == "anna"
    assert await phones.next("agent-2") == "ewa"
    assert await phones.next("agent-3") == "john"


async def test_a_queue_that_is_named_like_a_skill_is_for_those_who_have_it(phones: PhoneBank):
    await call_back(phones, "+420601000001", queue="mortgages")
    await call_back(phones, "+420601000002", queue="cards")
    await phones.agents(agent_1=["CARDS"], agent_3=["MORTGAGES"])
    taken = await phones.list.next("agent-1")
    assert (await phones.one("MATCH (d:CallEntry {id: $id}) RETURN d.queue AS queue", id=taken))["queue"] == "cards"
    assert await phones.list.next("agent-2", queue="savings") is None
    assert await phones.list.next("agent-2", queue="MORTGAGES") is not None


async def test_a_queue_that_is_nobodys_skill_is_for_everybody(phones: PhoneBank):
    await call_back(phones, "+420601000001", queue="switchboard-7")
    await phones.agents(agent_1=["CARDS"], agent_2=["MORTGAGES"])
    assert await phones.list.next("agent-1") is not None


async def test_who_waits_to_be_called_back_is_not_left_to_an_agent_who_never_comes(phones: PhoneBank):
    await phones.people("ewa", language="pl")
    await call_back(phones, phones.number("ewa"), queue="mortgages", partyId="ewa")
    await phones.agents(agent_1=["CARDS"], agent_3=["MORTGAGES"])
    await phones.database.execute("MATCH (e:Employee) SET e.languages = ['en']")
    assert await phones.next("agent-1") is None
    assert await phones.next("agent-3") is None
    phones.clock.now += FOR_ANYBODY
    assert await phones.next("agent-1") == "ewa"


async def test_an_offer_that_needs_a_skill_is_for_an_agent_who_has_it(phones: PhoneBank):
    await phones.people("anna", "ben")
    await phones.offer("anna", skill="MORTGAGES", priority=2.0)
    await phones.offer("ben", skill="NOBODY_HAS_IT")
    await phones.agents(agent_1=["CARDS"], agent_3=["MORTGAGES"])
    assert await phones.next("agent-1") == "ben", "better somebody than nobody"
    assert await phones.next("who is no employee") is None
    assert await phones.next("agent-3") == "anna"


async def test_an_offer_does_not_wait_for_a_skill_whose_owners_are_all_away(phones: PhoneBank):
    await phones.people("anna", "ben")
    await phones.offer("anna", skill="MORTGAGES")
    await phones.agents(agent_1=["CARDS"], agent_3=["MORTGAGES"])
    assert await phones.next("agent-1") is None, "agent-3 is at work"
    await phones.database.execute(
        "MATCH (e:Employee {id: 'agent-3'}) CREATE (e)-[:ABSENT]->(:Absence {id: 'a', from: $since, until: $until})",
        {"since": phones.clock.now + HOUR, "until": phones.clock.now + 2 * HOUR},
    )
    assert await phones.next("agent-1") is None, "and leaves in an hour only"
    phones.clock.now += HOUR
    assert await phones.next("agent-1") == "anna"
    phones.clock.now += HOUR
    await phones.offer("ben", skill="MORTGAGES")
    assert await phones.next("agent-2") is None, "agent-3 is back"


async def test_who_does_not_work_here_any_more_gets_no_call(phones: PhoneBank):
    await phones.people("anna")
    await phones.offer("anna")
    await phones.agents(agent_1=[])
    await phones.database.execute("MATCH (e:Employee) SET e.active = false")
    with pytest.raises(Forbidden):
        await phones.next("agent-1")
    assert await phones.next("agent-2") == "anna"


async def test_whoever_comes_later_is_not_met_by_a_claim_until_then(phones: PhoneBank):
    await phones.people("anna", "ben", "eva")
    for name in ("anna", "ben", "eva"):
        await phones.offer(name, priority=3.0 if name == "anna" else 1.0)
    await phones.list.skip(str(await phones.list.next("agent-1")), "busy", agent="agent-1", minutes=30)
    before = "MATCH (d:CallEntry) WHERE d.state = 'QUEUED' AND d.rank <= 0.0 RETURN collect(d.partyId) AS who"
    assert sorted((await phones.one(before))["who"]) == ["ben", "eva"]
    found = await phones.list.numbers()
    assert (found.waiting, found.later) == (2, 1)
    phones.clock.now += 30 * MINUTE
    assert await phones.next("agent-1") == "anna", "by its priority again"
    await phones.list.skip(str(await phones.list.next("agent-1")), "busy", agent="agent-1", minutes=30)
    phones.clock.now += 30 * MINUTE
    await phones.list.expire()
    assert len((await phones.one(before))["who"]) == 3, "the timer brings forward what no claim did"


async def test_a_refusal_ends_the_offer_and_begins_the_rest(phones: PhoneBank):
    await phones.people("anna")
    await phones.offer("anna")
    written = await phones.said(CallOutcome.REJECTED, note="Never again.")
    row = await phones.one(
        "MATCH (d:CallEntry {id: $id})-[:BECAME]->(i:Interaction)<-[:DELIVERED_AS]-(o:Offer)"
        " MATCH (o)-[:ANSWERED_BY]->(s:Response)"
        " MATCH (r:Reservation)-[:BECAME]->(i)"
        " RETURN d.state AS state, d.outcome AS outcome, o.status AS offer, i.direction AS direction, s.by AS by,"
        " r.state AS slot, s.note AS note",
        id=written.id,
    )
    assert dict(row) == {
        "state": "SENT",
        "outcome": "REJECTED",
        "offer": "REJECTED",
        "direction": "OUTBOUND",
        "by": "agent-1",
        "slot": "CONFIRMED",
        "note": "Never again.",
    }
    _, earliest = await phones.desk.earliest("anna", "PHONE", product_code="SMALL_LOAN")
    assert earliest.at is not None
    assert earliest.at >= NOON + 180 * DAY
    assert await phones.next() is None


async def test_the_same_outcome_again_changes_nothing_and_another_is_refused(phones: PhoneBank):
    await phones.people("anna")
    await phones.offer("anna")
    written = await phones.said(CallOutcome.REJECTED)
    again = CallReport(entry_id=written.id, outcome=CallOutcome.REJECTED)
    assert (await phones.outcomes.record(again, agent="agent-1")).id == written.id
    row = await phones.one(
        "MATCH (s:Response) WITH count(s) AS said MATCH (i:Interaction) RETURN said, count(i) AS met"
    )
    assert dict(row) == {"said": 1, "met": 1}
    with pytest.raises(CallRecorded):
        await phones.outcomes.record(CallReport(entry_id=written.id, outcome=CallOutcome.ACCEPTED), agent="agent-1")


async def test_a_yes_opens_the_agreement(phones: PhoneBank):
    await phones.people("anna")
    await phones.offer("anna")
    await phones.said(CallOutcome.ACCEPTED)
    row = await phones.one(
        "MATCH (o:Offer)-[:CONVERTED_TO]->(a:Agreement) RETURN o.status AS status, a.productCode AS what"
    )
    assert dict(row) == {"status": "ACCEPTED", "what": "SMALL_LOAN"}


async def test_who_was_not_reached_or_wants_it_later_waits_for_the_policy(phones: PhoneBank):
    await phones.people("anna", "ben")
    await phones.offer("anna", priority=2.0)
    await phones.offer("ben")
    await phones.said(CallOutcome.NO_ANSWER)
    back = NOON + 3 * DAY
    await phones.said(CallOutcome.LATER, call_back_at=back)
    rows = await phones.database.read("MATCH (o:Offer) RETURN o.partyId AS who, o.status AS status, o.notBefore AS at")
    assert {row["who"]: (row["status"], row["at"]) for row in rows} == {
        "anna": ("NO_ANSWER", NOON),
        "ben": ("LATER", back),
    }
    assert await phones.next() is None


async def test_a_wrong_number_is_not_called_again(phones: PhoneBank):
    await phones.people("anna")
    await phones.offer("anna")
    await phones.said(CallOutcome.WRONG_NUMBER)
    row = await phones.one("MATCH (c:ContactPoint) RETURN c.blocked AS blocked, c.blockedReason AS why")
    assert dict(row) == {"blocked": True, "why": "WRONG_NUMBER"}


async def test_another_slot_of_an_offer_replaces_its_entry(phones: PhoneBank):
    await phones.people("anna")
    first = await phones.offer("anna")

    async def again(tx):
        await phones.list.place(tx, first)
        await phones.list.put(
            tx, "call:another", {"offerId": first.id, "partyId": "anna", "queue": "sales", "priority": 1.0}
        )

    await phones.database.write(again)
    rows = await phones.database.read("MATCH (d:CallEntry) RETURN d.state AS state ORDER BY state")
    assert [row["state"] for row in rows] == ["CANCELLED", "QUEUED"]


async def call_back(phones: PhoneBank, number: str, **more: object) -> str:
    async def work(tx):
        properties = {
            **callback_class(),
            "to": number,
            "queue": "service",
            "priority": CALLBACK_PRIORITY,
            "template": "call_back",
            **more,
        }
        return await phones.list.put(tx, f"callback:{number}", properties)

    return await phones.database.write(work)


async def test_who_is_to_be_called_back_and_is_not_there_is_tried_three_times(phones: PhoneBank):
    await call_back(phones, "+420601000001")
    for attempt in range(3):
        assert await phones.next() is not None, attempt
        await phones.said(CallOutcome.NO_ANSWER)
        assert await phones.next("agent-2") is None
        phones.clock.now += HOUR
    assert (await phones.entries())["+420601000001"] == ("FAILED", "NOT_REACHED")


async def test_who_is_called_back_can_name_another_time(phones: PhoneBank):
    await call_back(phones, "+420601000001")
    await phones.said(CallOutcome.LATER, call_back_at=NOON + 2 * HOUR)
    assert await phones.next() is None
    phones.clock.now += 2 * HOUR
    await phones.said(CallOutcome.TOLD)
    assert (await phones.entries())["+420601000001"] == ("SENT", "CALLED")


async def test_a_call_back_answers_no_offer(phones: PhoneBank):
    await call_back(phones, "+420601000001")
    with pytest.raises(InvalidInput, match="outcome: answers an offer"):
        await phones.said(CallOutcome.ACCEPTED)


async def test_a_skipped_customer_comes_again_later(phones: PhoneBank):
    await phones.people("anna")
    await phones.offer("anna")
    entry = await phones.list.next("agent-1")
    await phones.list.skip(entry, "I know her in private", agent="agent-1", minutes=5)
    assert await phones.next("agent-2") is None
    phones.clock.now += 5 * MINUTE
    assert await phones.next("agent-2") == "anna"


async def test_only_who_took_an_entry_tells_of_it(phones: PhoneBank):
    await phones.people("anna")
    await phones.offer("anna")
    entry = await phones.list.next("agent-1")
    with pytest.raises(CallNotClaimed):
        await phones.outcomes.record(CallReport(entry_id=entry, outcome=CallOutcome.TOLD), agent="agent-2")
    with pytest.raises(CallNotClaimed):
        await phones.list.skip(entry, "no time", agent="agent-2")
    with pytest.raises(NotFound):
        await phones.list.skip("none", "no time", agent="agent-2")


async def test_whose_claim_ran_out_may_still_have_called(phones: PhoneBank):
    await phones.people("anna")
    await phones.offer("anna")
    entry = await phones.list.next("agent-1", minutes=1)
    phones.clock.now += MINUTE
    assert await phones.list.next("agent-2") == entry
    await phones.outcomes.record(CallReport(entry_id=entry, outcome=CallOutcome.REJECTED), agent="agent-1")
    assert await phones.next("agent-2") is None
    with pytest.raises(CallRecorded):
        await phones.outcomes.record(CallReport(entry_id=entry, outcome=CallOutcome.ACCEPTED), agent="agent-2")


async def test_a_late_report_takes_nobody_from_the_agent_who_calls_now(phones: PhoneBank):
    await call_back(phones, "+420601000001")
    entry = await phones.list.next("agent-1", minutes=1)
    assert entry is not None
    phones.clock.now += MINUTE
    assert await phones.list.next("agent-2") == entry
    late = CallReport(entry_id=entry, outcome=CallOutcome.NO_ANSWER)
    for _ in range(2):
        await phones.outcomes.record(late, agent="agent-1")
    assert await phones.list.next("agent-3") is None
    assert await phones.list.next("agent-2") == entry
    await phones.outcomes.record(CallReport(entry_id=entry, outcome=CallOutcome.TOLD), agent="agent-2")
    assert (await phones.entries())["+420601000001"] == ("SENT", "CALLED")
    assert (await phones.one("MATCH (d:CallEntry) RETURN d.attempts AS n"))["n"] == 2
    with pytest.raises(CallRecorded):
        await phones.outcomes.record(CallReport(entry_id=entry, outcome=CallOutcome.TOLD), agent="agent-1")


async def test_a_late_report_of_an_offer_does_not_refuse_the_answer_that_follows(phones: PhoneBank):
    await phones.people("anna")
    await phones.offer("anna")
    entry = await phones.list.next("agent-1", minutes=1)
    assert entry is not None
    phones.clock.now += MINUTE
    assert await phones.list.next("agent-2") == entry
    await phones.outcomes.record(CallReport(entry_id=entry, outcome=CallOutcome.NO_ANSWER), agent="agent-1")
    await phones.outcomes.record(CallReport(entry_id=entry, outcome=CallOutcome.REJECTED), agent="agent-2")
    row = await phones.one("MATCH (d:CallEntry)-[:FOR_OFFER]->(o) RETURN d.outcome AS told, o.status AS status")
    assert dict(row) == {"told": "REJECTED", "status": "REJECTED"}


async def test_what_one_agent_settled_is_not_opened_by_another_who_reached_nobody(phones: PhoneBank):
    await call_back(phones, "+420601000001")
    entry = await phones.list.next("agent-1", minutes=1)
    assert entry is not None
    phones.clock.now += MINUTE
    assert await phones.list.next("agent-2") == entry
    await phones.outcomes.record(CallReport(entry_id=entry, outcome=CallOutcome.TOLD), agent="agent-1")
    await phones.outcomes.record(CallReport(entry_id=entry, outcome=CallOutcome.NO_ANSWER), agent="agent-2")
    assert (await phones.entries())["+420601000001"] == ("SENT", "CALLED")


async def test_the_list_has_numbers_and_ends_what_nobody_called(phones: PhoneBank):
    await phones.people("anna", "ben", "eva")
    for name in ("anna", "ben", "eva"):
        await phones.offer(name, lasts=2 * HOUR)
    entry = await phones.list.next("agent-1")
    await phones.list.skip(entry, "busy", agent="agent-1", minutes=30)
    await phones.list.next("agent-1")
    found = await phones.list.numbers()
    assert (found.waiting, found.taken, found.later, found.oldest) == (1, 1, 1, NOON)
    assert (await phones.list.numbers("service")).waiting == 0
    phones.clock.now += 2 * HOUR
    assert await phones.list.expire() == 3
    assert {state for state, _ in (await phones.entries()).values()} == {"EXPIRED"}
