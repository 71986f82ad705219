"""Recording many events at once: a bad one is refused alone, repeats are harmless, rivals store each once."""

from __future__ import annotations

import asyncio
import datetime as dt
import random
from typing import Any, cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from graph_crm.contacts.kinds import Channel
from graph_crm.errors import DatabaseUnavailable, InvalidInput, NotFound
from graph_crm.events.checking import prepared
from graph_crm.events.keeping import RetentionPolicy
from graph_crm.events.service import MOST_EVENTS, RECORDED, EventService, RecordedEvent, RecordEvent, _Batch
from graph_crm.graph.database import Database, Transaction
from graph_crm.graph.outbox import Outbox

pytestmark = pytest.mark.lts

NOW = dt.datetime.now(dt.UTC).replace(microsecond=0)
STORED = """
MATCH (p:Party)-[:DID]->(e:Event)
RETURN e.id AS id, p.id AS party, e.at.epochMillis AS at, e.late AS late, e.sessionId AS session,
  COUNT { (e)-[:ON]->() } AS agreements, COUNT { (e)<-[:DID]-() } AS ties
ORDER BY id
"""


@pytest.fixture
async def bank(empty_database: Database) -> Database:
    await empty_database.execute(
        "UNWIND ['p1', 'p2', 'p3'] AS id CREATE (:Party:Person {id: id}) "
        "WITH count(*) AS n CREATE (:Agreement {id: 'a1'})"
    )
    return empty_database


@pytest.fixture
def service(bank: Database) -> EventService:
    return EventService(bank)


def login(identifier: str | None, party: str = "p1", at: dt.datetime | None = None, **more: object) -> RecordEvent:
    return RecordEvent(type="login", party_id=party, id=identifier, at=at, **more)  # type: ignore[arg-type]


async def test_a_batch_is_one_transaction_of_two_statements(service: EventService, bank: Database):
    with bank.counting() as sent:
        done = await service.record_many([login(f"e{number:03}", f"p{number % 3 + 1}") for number in range(300)])
    assert len(sent) == 2
    assert done.ids == done.recorded == tuple(f"e{number:03}" for number in range(300))
    assert (done.duplicates, done.refused) == ((), ())
    stored = await bank.read(STORED)
    assert [(row["id"], row["party"], row["ties"]) for row in stored] == [
        (f"e{number:03}", f"p{number % 3 + 1}", 1) for number in range(300)
    ]
    assert (await Outbox(bank).counts())["PENDING"] == 300


@pytest.mark.parametrize("at", ["9999-12-31T23:59:59-05:00", "0001-01-01T00:00:00+05:00"])
async def test_the_ends_of_the_calendar_are_refused_alone(service: EventService, at: str):
    done = await service.record_rows(
        [{"type": "login", "partyId": "p1", "at": at}, {"type": "login", "partyId": "p1", "id": "good"}]
    )
    assert [(one.index, one.code, one.field) for one in done.refused] == [(0, "BAD_USER_INPUT", "at")]
    assert done.recorded == ("good",)


async def test_each_bad_event_is_refused_alone_with_its_place_and_reason(service: EventService, bank: Database):
    future = NOW + dt.timedelta(days=2)
    rows = [
        {"type": "login", "partyId": "p1", "id": "good", "at": "2026-11-20T10:00:00+01:00", "channel": "ONLINE"},
        {"type": "loggin", "partyId": "p1", "id": "misspelt"},
        {"type": "login", "partyId": "nobody", "id": "stranger"},
        {"type": "login", "partyId": "p1", "channel": "TELEX"},
        {"type": "login", "partyId": "p1", "at": future.isoformat()},
        {"type": "login", "partyId": "p1", "at": "yesterday"},
        {"type": "login", "partyId": "p1", "at": "2026-11-20T10:00:00"},
        {"type": "complaint", "partyId": "p1", "payload": {"subject": "x", "text": "a" * 5000}},
        {"type": "login", "partyId": "p1", "payload": "none"},
        {"type": "login", "partyId": "p1", "agreementId": "none"},
        {"partyId": "p1"},
        {"type": "login"},
        {"type": "login", "partyId": 7},
        {"type": "login", "partyId": "p1", "place": "Brno"},
        "login",
        {"type": "birthday", "partyId": "p2", "id": "also good"},
    ]
    done = await service.record_rows(rows)
    assert done.recorded == ("good", "also good")
    assert done.ids == ("good", *[None] * 14, "also good")
    assert [(one.index, one.code, one.field) for one in done.refused] == [
        (1, "BAD_USER_INPUT", "type"),
        (2, "NOT_FOUND", "partyId"),
        (3, "BAD_USER_INPUT", "channel"),
        (4, "BAD_USER_INPUT", "at"),
        (5, "BAD_USER_INPUT", "at"),
        (6, "BAD_USER_INPUT", "at"),
        (7, "BAD_USER_INPUT", "payload"),
        (8, "BAD_USER_INPUT", "payload"),
        (9, "NOT_FOUND", "agreementId"),
        (10, "BAD_USER_INPUT", "type"),
        (11, "BAD_USER_INPUT", "partyId"),
        (12, "BAD_USER_INPUT", "partyId"),
        (13, "BAD_USER_INPUT", "place"),
        (14, "BAD_USER_INPUT", None),
    ]
    assert [one.id for one in done.refused][:2] == ["misspelt", "stranger"]
    assert "atm_balance_check" in (done.refused[0].error.hint or "")
    assert all(one.reason for one in done.refused)
    assert [row["id"] for row in await bank.read(STORED)] == ["also good", "good"]
    assert service.counts == {"recorded": 2, "duplicates": 0, "refused": 14}


async def test_repeats_are_harmless_in_a_batch_and_between_batches(service: EventService, bank: Database):
    first = await service.record_many([login("e1"), login("e1"), login("e2")])
    assert (first.recorded, first.duplicates, first.ids) == (("e1", "e2"), ("e1",), ("e1", "e1", "e2"))
    again = await service.record_many([login("e2"), login("e3"), login("e1")])
    assert (again.recorded, again.duplicates) == (("e3",), ("e2", "e1"))
    assert [row["id"] for row in await bank.read(STORED)] == ["e1", "e2", "e3"]
    assert (await Outbox(bank).counts())["PENDING"] == 3


async def test_an_id_with_other_content_is_refused_alone(service: EventService, bank: Database):
    await service.record(login("old"))
    done = await service.record_many([login("old", "p2"), login("e1"), login("e1", "p2"), login("e2")])
    assert done.recorded == ("e1", "e2")
    assert [(one.index, one.id, one.code, one.field) for one in done.refused] == [
        (0, "old", "IDEMPOTENCY_KEY_REUSED", "id"),
        (2, "e1", "IDEMPOTENCY_KEY_REUSED", "id"),
    ]
    assert [(row["id"], row["party"]) for row in await bank.read(STORED)] == [("e1", "p1"), ("e2", "p1"), ("old", "p1")]


async def test_what_is_refused_takes_no_id_from_what_is_right(service: EventService, bank: Database):
    await service.record(login("old", "p2"))
    done = await service.record_many([login("old", "p1"), login("old", "p2"), login("e1", "nobody"), login("e1", "p3")])
    assert (done.recorded, done.duplicates) == (("e1",), ("old",))
    assert [(one.index, one.code) for one in done.refused] == [
        (0, "IDEMPOTENCY_KEY_REUSED"),
        (2, "IDEMPOTENCY_KEY_REUSED"),
    ]
    assert [(row["id"], row["party"], row["ties"]) for row in await bank.read(STORED)] == [
        ("e1", "p3", 1),
        ("old", "p2", 1),
    ]


async def test_a_batch_is_bounded_and_an_empty_one_is_no_error(service: EventService):
    with pytest.raises(InvalidInput) as caught:
        await service.record_many([login(None)] * (MOST_EVENTS + 1))
    assert caught.value.details["limit"] == MOST_EVENTS
    assert (await service.record_many([])).ids == ()


async def test_batches_with_the_same_events_in_other_orders_store_each_once(service: EventService, bank: Database):
    events = [login(f"e{number:03}", f"p{number % 3 + 1}") for number in range(120)]
    told: list[list[RecordedEvent]] = []

    async def note(tx: Transaction, new: object) -> None:
        told.append(list(new))  # type: ignore[call-overload]

    rivals = EventService(bank, effects=[note])
    orders = [random.Random(seed).sample(events, len(events)) for seed in range(8)]  # noqa: S311 - an order
    done = await asyncio.gather(*(rivals.record_many(order) for order in orders))
    assert sorted(one for each in done for one in each.recorded) == [one.id for one in events]
    assert sum(len(each.duplicates) for each in done) == 7 * 120
    rows = await bank.read(STORED)
    assert [row["ties"] for row in rows] == [1] * 120
    assert (await Outbox(bank).counts())["PENDING"] == 120


async def test_what_follows_events_sees_the_new_ones_once_in_the_order_of_time(bank: Database):
    seen: list[list[tuple[str, bool]]] = []

    async def note(tx: Transaction, new: object) -> None:
        await tx.run("UNWIND $ids AS id MATCH (e:Event {id: id}) SET e.noted = coalesce(e.noted, 0) + 1",
                     {"ids": [one.id for one in new]})  # type: ignore[attr-defined]  # fmt: skip
        seen.append([(one.id, one.late) for one in new])  # type: ignore[attr-defined]

    service = EventService(bank, effects=[note])
    await service.record(login("known"))
    old = NOW - dt.timedelta(days=3)
    await service.record_many(
        [
            login("known"),
            login("now", at=NOW),
            login("bad", "nobody"),
            login("old", at=old, session_id="s", channel=Channel.ATM),
        ]
    )
    assert seen == [[("known", False)], [("old", True), ("now", False)]]
    rows = await bank.read("MATCH (e:Event) RETURN e.noted AS noted")
    assert [row["noted"] for row in rows] == [1, 1, 1]


async def test_what_follows_events_and_fails_leaves_nothing_behind(bank: Database):
    async def fail(tx: Transaction, new: object) -> None:
        raise DatabaseUnavailable("gone")

    with pytest.raises(DatabaseUnavailable):
        await EventService(bank, effects=[fail]).record_many([login("e1")])
    assert await bank.read(STORED) == []
    assert (await Outbox(bank).counts())["PENDING"] == 0


async def test_a_late_event_stands_at_its_own_time_and_says_so(service: EventService, bank: Database):
    old, fresh = NOW - dt.timedelta(days=3), NOW - dt.timedelta(hours=23)
    await service.record_many([login("fresh", at=fresh), login("old", at=old)])
    rows = {row["id"]: row for row in await bank.read(STORED)}
    assert (rows["old"]["at"], rows["old"]["late"]) == (old.timestamp() * 1000, True)
    assert (rows["fresh"]["at"], rows["fresh"]["late"]) == (fresh.timestamp() * 1000, False)


async def test_the_events_of_a_customer_are_handled_in_the_order_in_which_they_happened(
    service: EventService, bank: Database
):
    times = {"c": 3, "a": 2, "b": 1}
    await service.record_many([login(key, at=NOW - dt.timedelta(minutes=back)) for key, back in times.items()])
    handled = []
    outbox = Outbox(bank)
    while entries := await outbox.lease(10, "w", 30, [RECORDED]):
        for entry in entries:
            handled.append(entry.payload["eventId"])
            await bank.write(lambda tx, one=entry: outbox.complete(tx, one))  # type: ignore[misc]
    assert handled == ["c", "a", "b"]


async def test_an_event_can_be_part_of_a_larger_change(service: EventService, bank: Database):
    async def work(tx: Transaction) -> str:
        await tx.run("CREATE (:ServiceRequest {id: 'r1'})")
        return await service.record_in(tx, login("e1"))

    async def doomed(tx: Transaction) -> str:
        await tx.run("CREATE (:ServiceRequest {id: 'r2'})")
        return await service.record_in(tx, login("e2", "nobody"))

    assert await bank.write(work) == "e1"
    with pytest.raises(NotFound):
        await bank.write(doomed)
    assert [row["id"] for row in await bank.read("MATCH (r:ServiceRequest) RETURN r.id AS id")] == ["r1"]


async def test_what_is_older_than_it_is_kept_is_refused(bank: Database):
    """It may have been counted and removed: recorded again it would count twice."""
    service = EventService(bank, keeping=RetentionPolicy(keep_days=30, types={"complaint": 365}))
    at = NOW - dt.timedelta(days=40)
    complaint = RecordEvent(type="complaint", party_id="p1", id="c", at=at, payload={"subject": "fees"})
    done = await service.record_many([login("old", at=at), complaint])
    assert done.recorded == ("c",)
    assert [(one.id, one.field) for one in done.refused] == [("old", "at")]


TOLD = st.tuples(st.sampled_from("abcd"), st.sampled_from(["p1", "p2", "nobody"]), st.sampled_from(["login", "loggin"]))


@settings(deadline=None)
@given(told=st.lists(TOLD, max_size=12), before=st.dictionaries(st.sampled_from("abcd"), st.sampled_from(["p1", "p2"])))
def test_every_event_of_a_batch_is_recorded_known_or_refused(told: list[tuple[str, str, str]], before: dict[str, str]):
    """The judging alone, with a dictionary in the place of the database."""
    at = NOW - dt.timedelta(hours=1)
    service = EventService(cast(Database, None))
    events = [RecordEvent(type=kind, party_id=party, id=key, at=at) for key, party, kind in told]
    batch = _Batch([one.id for one in events], service._prepared(events))
    known = {key: prepared(login(key, party, at), service.catalogue, NOW).digest for key, party in before.items()}
    stored: dict[str, Any] = {}
    for candidates in batch.rounds():
        assert len({one.id for one in candidates}) == len(candidates)
        for one in candidates:
            if one.id not in stored and one.event.party_id != "nobody":
                stored[one.id] = {"isNew": one.id not in known, "digest": known.get(one.id, one.digest)}
    assert set(batch.parties_of_missing(stored)) <= {"nobody"}
    done = batch.result(stored, frozenset())
    assert len(done.recorded) + len(done.duplicates) + len(done.refused) == len(told) == len(done.ids)
    assert [place for place, one in enumerate(done.ids) if one is None] == [one.index for one in done.refused]
    assert len(set(done.recorded)) == len(done.recorded)
    assert not set(done.recorded) & set(before)
    assert {one.id for one, _ in batch.new(stored)} == set(done.recorded)
    stands = {one.id: one.event.party_id for one, _ in batch.new(stored)} | before
    for (key, party, kind), shown in zip(told, done.ids, strict=True):
        assert (shown is not None) == (kind == "login" and stands.get(key) == party and party != "nobody")
