"""Customers who call: each call ends answered, as a call back or as a request, whatever the switchboard does."""

from __future__ import annotations

import asyncio
import datetime as dt
from itertools import permutations

import pytest
from phone_bank import HOUR, MINUTE, NOON, PhoneBank

from graph_crm.calls.incoming import LONGEST_TALK, SETTLE, SILENT_AFTER, IncomingCalls
from graph_crm.calls.kinds import CallEnd, CallOutcome
from graph_crm.errors import InvalidInput
from graph_crm.graph.outbox import OutboxEntry

pytestmark = pytest.mark.lts

SECOND = dt.timedelta(seconds=1)
NUMBER = "+420601000001"


async def end_of(phones: PhoneBank, call: str = "c") -> dict[str, object]:
    row = await phones.one(
        "MATCH (c:Call {id: $id}) RETURN c {.state, .number, .queue, .agentId, .waitSeconds, .outcome, .note,"
        " .requestId,"
        " .arrivedAt, .answeredAt, .endedAt, .partyId} AS call,"
        " COLLECT { MATCH (c)-[:CALLED_BACK_BY]->(d:CallEntry) WHERE d.state = 'QUEUED' RETURN d.to } AS back,"
        " COUNT { MATCH (c)-[:BECAME]->(:Interaction) } AS talks",
        id=call,
    )
    return {**row["call"], "back": row["back"], "talks": row["talks"]}


async def test_an_answered_call_is_a_contact_that_the_customer_began(phones: PhoneBank):
    await phones.people("anna")
    number = phones.number("anna")
    await phones.calls.arrived("c", number=number, queue="cards", at=NOON - 60 * SECOND)
    await phones.calls.answered("c", agent="agent-1", at=NOON - 50 * SECOND)
    await phones.calls.ended("c", note="A new card.", at=NOON)
    await phones.settle()
    found = await end_of(phones)
    assert (found["state"], found["partyId"], found["waitSeconds"], found["talks"]) == ("ENDED", "anna", 10.0, 1)
    row = await phones.one(
        "MATCH (:Party {id: 'anna'})-[:HAD]->(i:Interaction) RETURN i.direction AS way, i.note AS note"
    )
    assert dict(row) == {"way": "INBOUND", "note": "A new card."}


async def test_who_hung_up_is_called_back(phones: PhoneBank):
    await phones.people("anna")
    await phones.calls.arrived("c", number=phones.number("anna"), queue="cards")
    phones.clock.now += 40 * SECOND
    await phones.calls.abandoned("c")
    assert (await end_of(phones))["state"] == "ABANDONED"
    await phones.settle()
    assert (await end_of(phones))["state"] == "CALLBACK"
    entry = await phones.list.next("agent-1", queue="cards")
    row = await phones.one("MATCH (d:CallEntry {id: $id}) RETURN d.reasons AS why, d.actionClass AS kind", id=entry)
    assert row["why"] == ["The customer called at 2026-11-23 11:00 UTC and waited 40 seconds, and nobody answered."]
    assert row["kind"] == "TRANSACTIONAL"
    assert await phones.party_of(entry) == "anna"


async def test_a_call_without_a_number_that_nobody_answered_becomes_a_request(phones: PhoneBank):
    await phones.calls.arrived("c", queue="cards")
    await phones.calls.abandoned("c")
    await phones.settle()
    assert (await end_of(phones))["state"] == "REQUEST"
    (asked,) = phones.requests
    assert asked.text.startswith("A call in the queue cards left nothing to call back.")


async def test_the_agent_says_what_becomes_of_it(phones: PhoneBank):
    for call, end in (("back", CallEnd.CALLBACK), ("asks", CallEnd.REQUEST)):
        await phones.calls.arrived(call, number=NUMBER)
        await phones.calls.answered(call, agent="agent-1")
        await phones.calls.ended(call, outcome=end, note="The card does not work in Brno.")
    await phones.settle()
    assert (await end_of(phones, "back"))["back"] == [NUMBER]
    found = await end_of(phones, "asks")
    assert (found["state"], found["requestId"]) == ("REQUEST", "R-0000")
    assert phones.requests[0].text == "The card does not work in Brno."


STORIES = {
    "served": ["arrived", "answered", "ended"],
    "hung up": ["arrived", "arrived", "abandoned"],
    "answered at the last moment": ["arrived", "abandoned", "answered", "ended"],
    "called back": ["arrived", "answered", "ended", "ended_back"],
}


@pytest.mark.parametrize("story", STORIES)
async def test_signals_in_any_order_lead_to_the_same_end(phones: PhoneBank, story: str):
    times = {"arrived": 0, "abandoned": 30, "answered": 31, "ended": 90, "ended_back": 95}

    async def tell(call: str, signal: str, number: str) -> None:
        at = NOON - 200 * SECOND + times[signal] * SECOND
        if signal == "arrived":
            await phones.calls.arrived(call, number=number, queue="cards", at=at)
        elif signal == "abandoned":
            await phones.calls.abandoned(call, at=at)
        elif signal == "answered":
            await phones.calls.answered(call, agent="agent-1", at=at)
        else:
            end = CallEnd.SERVED if signal == "ended" else CallEnd.CALLBACK
            await phones.calls.ended(call, outcome=end, at=at)

    orders = sorted(set(permutations(STORIES[story])))[:24]
    for index, order in enumerate(orders):
        for signal in (*order, order[0]):  # the first one is repeated at the end
            await tell(f"c{index}", signal, f"+42060100{index:04}")
    await phones.settle()
    ends = []
    for index in range(len(orders)):
        found = await end_of(phones, f"c{index}")
        assert found.pop("number") == f"+42060100{index:04}"
        found["back"] = len(found["back"])  # type: ignore[arg-type]
        ends.append(found)
    assert all(one == ends[0] for one in ends)


async def test_what_follows_waits_for_who_called(phones: PhoneBank):
    calls = IncomingCalls(phones.database)  # by the database's clock, as the worker's
    await calls.abandoned("c")
    assert [round(one / MINUTE) for one in await work_of(phones)] == [2]
    await calls.arrived("c", number=NUMBER)
    assert [round(one / MINUTE) for one in await work_of(phones)] == [0, 2]
    await phones.settle()
    assert (await end_of(phones))["back"] == [NUMBER]
    assert phones.requests == []


async def work_of(phones: PhoneBank) -> list[dt.timedelta]:
    """In how long what follows from calls is done."""
    rows = await phones.database.read(
        "MATCH (e:OutboxEntry {topic: $topic})"
        " RETURN e.availableAt.epochMillis - datetime.realtime().epochMillis AS wait ORDER BY wait",
        {"topic": SETTLE},
    )
    return [dt.timedelta(milliseconds=row["wait"]) for row in rows]


async def test_signals_at_the_same_time_are_one_call(phones: PhoneBank):
    await asyncio.gather(
        *[phones.calls.arrived("c", number=NUMBER, at=NOON) for _ in range(4)],
        *[phones.calls.answered("c", agent="agent-1", at=NOON) for _ in range(4)],
    )
    found = await end_of(phones)
    assert (found["state"], found["waitSeconds"]) == ("ANSWERED", 0.0)


async def test_who_calls_again_and_again_is_called_back_once(phones: PhoneBank):
    for number in range(3):
        await phones.calls.arrived(f"c{number}", number=NUMBER)
        await phones.calls.abandoned(f"c{number}")
    await phones.settle()
    row = await phones.one(
        "MATCH (d:CallEntry) RETURN count(d) AS entries, COUNT { MATCH (c:Call {state: 'CALLBACK'}) } AS calls"
    )
    assert dict(row) == {"entries": 1, "calls": 3}


async def test_who_calls_again_and_is_served_is_not_called_back(phones: PhoneBank):
    await phones.calls.arrived("first", number=NUMBER)
    await phones.calls.abandoned("first")
    await phones.settle()
    phones.clock.now += MINUTE
    await phones.database.execute("MATCH (d:CallEntry) SET d.createdAt = $at", {"at": NOON})
    await phones.calls.arrived("again", number=NUMBER)
    await phones.calls.answered("again", agent="agent-1")
    await phones.calls.ended("again")
    await phones.settle()
    assert (await phones.entries())[NUMBER] == ("CANCELLED", "CALLED_AGAIN")


async def test_an_answer_that_is_told_late_takes_the_call_back_off_the_list(phones: PhoneBank):
    await phones.calls.arrived("c", number=NUMBER)
    await phones.calls.abandoned("c")
    await phones.settle()
    await phones.calls.answered("c", agent="agent-1")
    await phones.settle()
    assert (await phones.entries())[NUMBER] == ("CANCELLED", "ANSWERED_AFTER_ALL")
    assert (await end_of(phones))["state"] == "ANSWERED"


async def test_a_call_back_whose_agent_went_away_comes_off_the_list_too(phones: PhoneBank):
    await phones.calls.arrived("c", number=NUMBER)
    await phones.calls.abandoned("c")
    await phones.settle()
    gone = "MATCH (d:CallEntry) SET d.claimedBy = 'agent-2', d.claimedUntil = datetime.realtime() - duration('PT1M')"
    await phones.database.execute(gone)
    await phones.calls.answered("c", agent="agent-1")
    await phones.settle()
    assert (await phones.entries())[NUMBER] == ("CANCELLED", "ANSWERED_AFTER_ALL")


async def test_a_shared_number_has_candidates_and_no_customer(phones: PhoneBank):
    await phones.people("anna", "ben", phone=NUMBER)
    await phones.calls.arrived("c", number=NUMBER)
    row = await phones.one("MATCH (c:Call)-[:FROM]->(p:Party) RETURN collect(p.id) AS who, c.partyId AS party")
    assert (sorted(row["who"]), row["party"]) == (["anna", "ben"], None)


async def test_what_the_switchboard_forgets_is_ended_by_the_clock(phones: PhoneBank):
    await phones.calls.arrived("waits", number=NUMBER)
    await phones.calls.arrived("alive", number="+420601000002")
    await phones.calls.arrived("talks", number="+420601000003")
    await phones.calls.answered("talks", agent="agent-1")
    phones.clock.now += SILENT_AFTER - MINUTE
    await phones.calls.arrived("alive", number="+420601000002")
    phones.clock.now += MINUTE
    assert await phones.calls.close_silent() == 1
    phones.clock.now = NOON + LONGEST_TALK
    assert await phones.calls.close_silent() == 2
    await phones.settle()
    assert [(await end_of(phones, call))["state"] for call in ("waits", "alive", "talks")] == [
        "CALLBACK",
        "CALLBACK",
        "ENDED",
    ]


async def test_a_number_that_nobody_can_read_loses_no_call(phones: PhoneBank):
    await phones.calls.arrived("c", number="ext. 4711\x07\u202e")
    await phones.calls.abandoned("c")
    await phones.settle()
    assert (await end_of(phones))["back"] == ["ext. 4711"]


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"call_id": " "}, "id: is empty"),
        ({"call_id": "c", "at": NOON + 6 * MINUTE}, "at: is out of range"),
        ({"call_id": "c", "at": dt.datetime(2026, 11, 23)}, "at: has no time zone"),  # noqa: DTZ001 - on purpose
        ({"call_id": "c", "queue": "q" * 200}, "queue: is too long"),
    ],
)
async def test_a_signal_that_can_not_be_is_refused(phones: PhoneBank, given: dict[str, object], told: str):
    with pytest.raises(InvalidInput, match=told):
        await phones.calls.arrived(**given)  # type: ignore[arg-type]
    with pytest.raises(InvalidInput, match="outcome"):
        await phones.calls.ended("c", outcome="GONE")  # type: ignore[arg-type]


async def test_the_queue_has_numbers(phones: PhoneBank):
    for index, wait in enumerate((5, 10, 15, 60)):
        begun = NOON - HOUR
        await phones.calls.arrived(f"a{index}", number=NUMBER, queue="cards", at=begun)
        await phones.calls.answered(f"a{index}", agent="agent-1", at=begun + wait * SECOND)
        await phones.calls.ended(f"a{index}", at=begun + 200 * SECOND)
    await phones.calls.arrived("gone", number="+420601000009", queue="cards", at=NOON - HOUR)
    await phones.calls.abandoned("gone", at=NOON - HOUR + 90 * SECOND)
    await phones.calls.arrived("waits", number=NUMBER, queue="cards", at=NOON - 30 * SECOND)
    await phones.calls.arrived("elsewhere", number=NUMBER, queue="loans", at=NOON)
    await phones.settle()
    found = await phones.calls.numbers("cards")
    assert (found.calls, found.answered, found.abandoned, found.callbacks) == (6, 4, 1, 1)
    assert (found.waiting, found.longest) == (1, 30.0)
    assert (found.p50, found.service_level) == (12.5, 3 / 5)
    assert found.p95 == pytest.approx(53.25)
    assert (await phones.calls.numbers()).waiting == 2
    assert (await phones.calls.numbers("none")).service_level is None


async def test_a_call_back_that_reached_the_customer_is_done(phones: PhoneBank):
    await phones.people("anna")
    await phones.calls.arrived("c", number=phones.number("anna"))
    await phones.calls.abandoned("c")
    await phones.settle()
    await phones.said(CallOutcome.TOLD)
    row = await phones.one(
        "MATCH (:Call {id: 'c'})-[:CALLED_BACK_BY]->(d)-[:BECAME]->(i:Interaction)"
        " RETURN d.state AS state, i.direction AS way"
    )
    assert dict(row) == {"state": "SENT", "way": "OUTBOUND"}


async def test_a_call_is_an_event_and_a_session_of_the_customer(phones: PhoneBank):
    await phones.people("anna")
    await phones.calls.arrived("c", number=phones.number("anna"), queue="cards", at=NOON - 100 * SECOND)
    await phones.calls.answered("c", agent="agent-1", at=NOON - 90 * SECOND)
    await phones.calls.ended("c", at=NOON)
    await phones.settle()
    await phones.calls.ended("c", outcome=CallEnd.CALLBACK, at=NOON + SECOND)  # what rules have heard stays
    await phones.settle()
    row = await phones.one(
        "MATCH (:Party {id: 'anna'})-[:DID]->(e:Event {id: 'call:c'})<-[:INCLUDED]-(s:Session {id: 'call:c'})"
        " RETURN e.type AS type, e.channel AS channel, e.at AS at, e.payload AS told, s.kind AS kind, s.state AS state,"
        " s.startedAt AS began, s.endedAt AS ended"
    )
    assert dict(row) == {
        "type": "call",
        "channel": "PHONE",
        "at": NOON - 100 * SECOND,
        "told": '{"agent":"agent-1","purpose":"cards","seconds":90}',
        "kind": "CALL",
        "state": "ENDED",
        "began": NOON - 100 * SECOND,
        "ended": NOON,
    }
    row = await phones.one("MATCH (e:OutboxEntry {topic: 'event.recorded'}) RETURN count(e) AS n")
    assert row["n"] == 1


async def test_who_hung_up_called_and_who_is_not_known_did_nothing(phones: PhoneBank):
    await phones.people("anna")
    await phones.calls.arrived("c", number=phones.number("anna"))
    await phones.calls.abandoned("c")
    await phones.calls.arrived("stranger", number=NUMBER)
    await phones.calls.abandoned("stranger")
    await phones.settle()
    rows = await phones.database.read("MATCH (e:Event) RETURN e.id AS id, e.payload AS told")
    assert [dict(row) for row in rows] == [{"id": "call:c", "told": None}]


async def test_a_request_whose_worker_died_before_the_call_knew_is_found_again(phones: PhoneBank):
    await phones.calls.arrived("c", queue="cards")
    await phones.calls.abandoned("c")
    await phones.database.execute(
        "MATCH (c:Call {id: 'c'}) CREATE (:ServiceRequest {id: 'r', number: 'R-OLD', key: 'call:c'})-[:CAUSED_BY]->(c)"
    )
    await phones.calls.ended("c", outcome=CallEnd.REQUEST, note="Told in other words.")
    await phones.settle()
    assert (await end_of(phones))["requestId"] == "R-OLD"
    assert phones.requests == []


async def test_a_request_that_was_opened_meanwhile_is_not_forgotten(phones: PhoneBank):
    await phones.calls.arrived("c", number=NUMBER)
    await phones.calls.abandoned("c")
    (entry,) = await phones.database.read("MATCH (e:OutboxEntry {topic: $topic}) RETURN e.id AS id", {"topic": SETTLE})
    effect = await phones.calls.settle(OutboxEntry(entry["id"], SETTLE, "caller:c", {"callId": "c"}, 1, "test"))
    await phones.database.execute("MATCH (c:Call {id: 'c'}) SET c.requestId = 'R-7'")  # by another worker
    assert effect is not None
    await phones.database.write(effect)
    found = await end_of(phones)
    assert (found["state"], found["requestId"], found["back"]) == ("REQUEST", "R-7", [])


async def test_a_number_that_is_told_after_the_request_was_opened_is_told_to_it(phones: PhoneBank):
    await phones.calls.abandoned("c")
    await phones.settle()
    assert (phones.requests[0].number, phones.told) == (None, [])
    for _ in range(2):
        await phones.calls.arrived("c", number=NUMBER)
        await phones.settle()
    assert phones.told == [("R-0000", NUMBER)]
    assert (await end_of(phones))["state"] == "REQUEST"
