"""Sessions in the graph: opened, joined by their events, ended and timed out, whoever comes first."""

from __future__ import annotations

import asyncio
import datetime as dt
from typing import Any

import pytest

from graph_crm.contacts.kinds import Channel
from graph_crm.errors import IdempotencyKeyReused, InvalidInput, NotFound
from graph_crm.events.service import EventService, RecordEvent
from graph_crm.graph.database import Database
from graph_crm.sessions.kinds import SessionKind
from graph_crm.sessions.service import NewSession, SessionService

pytestmark = pytest.mark.lts

NOW = dt.datetime.now(dt.UTC).replace(microsecond=0) - dt.timedelta(days=2)
READ = """
MATCH (p:Party)-[:HAD_SESSION]->(s:Session {id: $id})
RETURN p.id AS party, s.kind AS kind, s.state AS state, s.startedAt.epochMillis AS started, s.place AS place,
  s.endedAt.epochMillis AS ended, s.lastSeenAt.epochMillis AS seen, s.seconds AS seconds, s.device AS device,
  s.channel AS channel, [step IN s.tabs | split(step, ' ')[1]] AS tabs, s.eventCount AS count,
  [step IN s.operations | split(step, ' ')[1]] AS operations,
  COLLECT { MATCH (s)-[:INCLUDED]->(e:Event) RETURN e.id ORDER BY e.at } AS events
"""


@pytest.fixture
async def bank(empty_database: Database) -> Database:
    await empty_database.execute("UNWIND ['p1', 'p2'] AS id CREATE (:Party:Person {id: id})")
    return empty_database


class Desk:
    """The two services, under a clock that stands `NOW`, and the look into the graph."""

    def __init__(self, database: Database) -> None:
        self.now = NOW
        self.sessions = SessionService(database, clock=lambda: self.now)
        self.events = EventService(database, effects=[self.sessions.join])
        self._database = database

    async def session(self, key: str = "s") -> dict[str, Any]:
        (row,) = await self._database.read(READ, {"id": key})
        return dict(row)

    async def happen(self, *events: RecordEvent) -> None:
        assert (await self.events.record_many(events)).refused == ()


@pytest.fixture
def desk(bank: Database) -> Desk:
    return Desk(bank)


def after(minutes: float) -> dt.datetime:
    return NOW + dt.timedelta(minutes=minutes)


def page(name: str, minutes: float, *, session: str = "s", party: str = "p1") -> RecordEvent:
    return RecordEvent(
        type="page_view", party_id=party, id=f"{session}:{name}", at=after(minutes), payload={"page": name},
        session_id=session, channel=Channel.ONLINE,
    )  # fmt: skip


def login(minutes: float, **payload: str) -> RecordEvent:
    return RecordEvent(
        type="login", party_id="p1", id="login", at=after(minutes), payload=payload, session_id="s",
        channel=Channel.ONLINE,
    )  # fmt: skip


async def test_a_session_is_told_by_its_start_its_events_and_its_end(desk: Desk):
    await desk.sessions.start(NewSession(party_id="p1", kind=SessionKind.ONLINE, id="s", place="Brno", device="phone"))
    await desk.happen(page("loans", 3), login(0, device="tablet", place="Praha"), page("home", 1))
    desk.now = after(5)
    await desk.sessions.end("s")
    found = await desk.session()
    assert (found["party"], found["kind"], found["channel"], found["state"]) == ("p1", "ONLINE", "ONLINE", "ENDED")
    assert (found["place"], found["device"], found["seconds"]) == ("Brno", "phone", 300)
    assert (found["tabs"], found["operations"]) == (["home", "loans"], ["login"])
    assert found["events"] == ["login", "s:home", "s:loans"]


async def test_events_open_the_session_that_they_name_and_say_where_the_customer_is(desk: Desk):
    await desk.happen(page("home", 1), login(0, device="phone", place="Brno"))
    found = await desk.session()
    assert (found["kind"], found["state"], found["place"], found["device"]) == ("ONLINE", "OPEN", "Brno", "phone")
    assert (found["started"], found["seen"]) == (after(0).timestamp() * 1000, after(1).timestamp() * 1000)
    check = RecordEvent(type="atm_balance_check", party_id="p1", at=NOW, session_id="m", payload={"atm": "Husova 3"})
    await desk.happen(check)
    machine = await desk.session("m")
    assert (machine["kind"], machine["place"], machine["operations"]) == ("ATM", "Husova 3", ["atm_balance_check"])


async def test_a_start_that_comes_after_the_first_events_adds_what_they_did_not_tell(desk: Desk):
    await desk.happen(page("home", 1))
    told = NewSession(party_id="p1", kind=SessionKind.ONLINE, id="s", started_at=NOW, place="Brno")
    for _ in range(2):
        await desk.sessions.start(told)
    found = await desk.session()
    assert (found["started"], found["place"], found["count"]) == (NOW.timestamp() * 1000, "Brno", 1)


async def test_repeated_events_are_in_their_session_once(desk: Desk):
    for _ in range(3):
        await desk.happen(page("home", 1), page("loans", 2))
    found = await desk.session()
    assert (found["events"], found["tabs"], found["count"]) == (["s:home", "s:loans"], ["home", "loans"], 2)


async def test_events_of_one_session_from_many_senders_at_once_are_all_in_it(desk: Desk, bank: Database):
    batches = [[page(f"{sender}-{number}", sender + number / 10) for number in range(5)] for sender in range(6)]
    await asyncio.gather(
        *(desk.happen(*batch) for batch in batches),
        desk.sessions.start(NewSession(party_id="p1", kind=SessionKind.ONLINE, id="s", started_at=NOW)),
    )
    found = await desk.session()
    assert (len(found["events"]), found["count"]) == (30, 30)
    assert found["tabs"] == [f"{sender}-{number}" for sender in range(6) for number in range(5)]
    assert len(await bank.read("MATCH (s:Session) RETURN s.id")) == 1


async def test_an_event_does_not_join_the_session_of_another_customer(desk: Desk, bank: Database):
    await desk.happen(page("home", 0), page("loans", 1, party="p2"))
    found = await desk.session()
    assert (found["party"], found["events"]) == ("p1", ["s:home"])
    (row,) = await bank.read("MATCH (e:Event {id: 's:loans'}) RETURN e.sessionId AS session, e.partyId AS party")
    assert dict(row) == {"session": "s", "party": "p2"}
    with pytest.raises(IdempotencyKeyReused):
        await desk.sessions.start(NewSession(party_id="p2", kind=SessionKind.ONLINE, id="s"))


async def test_open_sessions_time_out_by_their_kind_and_end_with_the_last_thing_seen(desk: Desk):
    await desk.happen(page("home", 0), page("loans", 4))
    for kind in SessionKind:
        await desk.sessions.start(NewSession(party_id="p1", kind=kind, id=f"k{kind}"))
    desk.now = after(18)
    assert await desk.sessions.time_out() == 2
    assert await desk.sessions.time_out() == 0
    states = {kind: (await desk.session(f"k{kind}"))["state"] for kind in SessionKind}
    assert states == {"ONLINE": "TIMED_OUT", "ATM": "TIMED_OUT", "BRANCH": "OPEN", "CALL": "OPEN"}
    assert (await desk.session())["state"] == "OPEN"
    desk.now = after(19)
    assert await desk.sessions.time_out() == 1
    found = await desk.session()
    assert (found["state"], found["seconds"], found["ended"]) == ("TIMED_OUT", 240, after(4).timestamp() * 1000)


async def test_two_timers_end_a_session_once(desk: Desk):
    await desk.happen(*(page("home", 0, session=f"s{number}") for number in range(40)))
    desk.now = after(60)
    assert sum(await asyncio.gather(*(desk.sessions.time_out() for _ in range(4)))) == 40


async def test_late_events_join_a_session_that_is_over_and_extend_nothing_they_should_not(desk: Desk):
    await desk.sessions.start(NewSession(party_id="p1", kind=SessionKind.ONLINE, id="s"))
    await desk.happen(page("home", 1))
    await desk.sessions.end("s", ended_at=NOW + dt.timedelta(minutes=2))
    desk.now = after(60)
    await desk.happen(page("before", 0.5), page("after", 9))
    found = await desk.session()
    assert found["events"] == ["s:before", "s:home", "s:after"]
    assert (found["state"], found["seconds"], found["seen"]) == ("ENDED", 120, after(1).timestamp() * 1000)


async def test_a_visit_to_a_branch_is_kept_although_nothing_was_signed(desk: Desk):
    visit = NewSession(
        party_id="p1", kind=SessionKind.BRANCH, started_at=after(-90), ended_at=after(-65), place="Jihlava"
    )
    written = await desk.sessions.start(visit, idempotency_key="visit-1")
    assert await desk.sessions.start(visit, idempotency_key="visit-1") == written
    found = await desk.session(written.id)
    assert (found["kind"], found["state"], found["seconds"], found["place"]) == ("BRANCH", "ENDED", 1500, "Jihlava")
    assert (found["channel"], found["events"]) == ("BRANCH", [])


async def test_an_end_that_is_told_twice_stays_as_it_was(desk: Desk):
    await desk.sessions.start(NewSession(party_id="p1", kind=SessionKind.CALL, id="s", started_at=after(-9)))
    await desk.sessions.end("s", ended_at=after(-5))
    await desk.sessions.end("s", ended_at=after(-1))
    assert (await desk.session())["seconds"] == 240


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"party_id": "nobody"}, "partyId"),
        ({"started_at": NOW + dt.timedelta(days=1)}, "startedAt"),
        ({"started_at": NOW.replace(tzinfo=None)}, "startedAt"),
        ({"ended_at": NOW - dt.timedelta(minutes=1)}, "endedAt"),
        ({"place": "a\x00b"}, "place"),
        ({"id": "x" * 201}, "id"),
    ],
)
async def test_what_can_not_be_used_names_its_field_and_opens_nothing(
    desk: Desk, bank: Database, change: dict[str, Any], field: str
):
    told = {"party_id": "p1", "kind": SessionKind.ONLINE, **change}
    with pytest.raises((InvalidInput, NotFound)) as caught:
        await desk.sessions.start(NewSession(**told))
    assert caught.value.details["field"] == field
    assert await bank.read("MATCH (s:Session) RETURN s.id") == []


async def test_a_session_that_nobody_has_heard_of_can_not_be_ended(desk: Desk):
    with pytest.raises(NotFound):
        await desk.sessions.end("none")
    await desk.happen(page("home", 0))
    with pytest.raises(InvalidInput):
        await desk.sessions.end("s", ended_at=after(-1))
    assert (await desk.session())["state"] == "OPEN"
