"""How long raw events are kept: old ones are counted by day and removed, each counted once, evidence is held."""

from __future__ import annotations

import asyncio
import datetime as dt
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from graph_crm.contacts.kinds import Channel
from graph_crm.contacts.policy import ContactPolicy
from graph_crm.errors import ConfigurationError, InvalidInput
from graph_crm.events import retention
from graph_crm.events.catalogue import EventCatalogue, standard_catalogue
from graph_crm.events.counting import EventCount, EventCounting
from graph_crm.events.keeping import RetentionPolicy
from graph_crm.events.kinds import EventGroup
from graph_crm.events.retention import EventRetention, Kept
from graph_crm.events.service import EventService, RecordEvent
from graph_crm.graph.database import Database
from graph_crm.rules.conditions.base import Needs
from graph_crm.rules.events import EventType, Nothing
from graph_crm.rules.periods import days, months

pytestmark = pytest.mark.lts

NOW = dt.datetime(2026, 11, 23, 15, 30, tzinfo=dt.UTC)
POLICY = RetentionPolicy(keep_days=30, types={"login": 10, "complaint": 60, "complaint_closed": 60})
MAKE = """
UNWIND $events AS told
MERGE (p:Party:Person {id: told.party})
CREATE (p)-[:DID]->(e:Event {id: told.id, type: told.type, at: told.at, channel: told.channel, partyId: told.party,
  payload: told.payload})
"""
LEFT = "MATCH (e:Event) RETURN e.id AS id ORDER BY id"
DAYS = """
MATCH (d:EventDay)
RETURN d.key AS key, toString(d.day) AS day, d.type AS type, d.channel AS channel, d.count AS count ORDER BY key
"""


def ago(number: float) -> dt.datetime:
    return NOW - dt.timedelta(days=number)


def told(identifier: str, kind: str, age: float, channel: str | None = "ONLINE", **more: Any) -> dict[str, Any]:
    return {"id": identifier, "type": kind, "at": ago(age), "channel": channel, "party": "p1", "payload": None, **more}


def keeper(database: Database) -> EventRetention:
    return EventRetention(database, POLICY, clock=lambda: NOW)


async def left(database: Database) -> list[str]:
    return [row["id"] for row in await database.read(LEFT)]


async def test_each_type_is_kept_for_its_days_and_counted_by_day_and_channel_when_it_goes(empty_database: Database):
    events = [
        told("new login", "login", 9),
        told("login 1", "login", 12),
        told("login 2", "login", 12, "ATM"),
        told("login 3", "login", 12.1),
        told("call", "call", 12, None),
        told("old call", "call", 40, None),
        told("gone type", "no_more_declared", 40),
    ]
    await empty_database.execute(MAKE, {"events": events})
    found = await keeper(empty_database).run()
    assert found == [
        Kept("call", 30, 1, 0),
        Kept("login", 10, 3, 0),
        Kept("no_more_declared", 30, 1, 0),
    ]
    assert await left(empty_database) == ["call", "new login"]
    assert [dict(row) for row in await empty_database.read(DAYS)] == [
        {"key": "2026-10-14|call|", "day": "2026-10-14", "type": "call", "channel": None, "count": 1},
        {
            "key": "2026-10-14|no_more_declared|ONLINE",
            "day": "2026-10-14", "type": "no_more_declared", "channel": "ONLINE", "count": 1,
        },
        {"key": "2026-11-11|login|ATM", "day": "2026-11-11", "type": "login", "channel": "ATM", "count": 1},
        {"key": "2026-11-11|login|ONLINE", "day": "2026-11-11", "type": "login", "channel": "ONLINE", "count": 2},
    ]  # fmt: skip
    assert await keeper(empty_database).run() == []


async def test_the_first_day_that_is_kept_is_kept_whole(empty_database: Database):
    midnight = dt.datetime(2026, 11, 13, tzinfo=dt.UTC)
    events = [told("kept", "login", 0, at=midnight), told("gone", "login", 0, at=midnight - dt.timedelta(seconds=1))]
    await empty_database.execute(MAKE, {"events": events})
    await keeper(empty_database).run()
    assert await left(empty_database) == ["kept"]


async def test_a_dry_run_says_what_would_go_and_changes_nothing(empty_database: Database):
    await empty_database.execute(MAKE, {"events": [told("a", "login", 50), told("b", "login", 5)]})
    assert await keeper(empty_database).run(dry_run=True) == [Kept("login", 10, 1, 0)]
    assert await left(empty_database) == ["a", "b"]
    assert await empty_database.read(DAYS) == []


async def test_what_something_still_goes_by_is_held_until_it_does_not_any_more(empty_database: Database):
    names = ["offered", "answered", "asked", "closed", "waiting", "done", "free"]
    await empty_database.execute(MAKE, {"events": [told(name, "call", 50) for name in names]})
    await empty_database.execute(
        """
        UNWIND [['offered', 'WAITING'], ['answered', 'REJECTED']] AS pair
        MATCH (e:Event {id: pair[0]})
        CREATE (e)<-[:CAUSED_BY]-(:Decision {id: pair[0]})-[:PROPOSED]->(:Offer {id: pair[0], status: pair[1]})
        """
    )
    await empty_database.execute(
        """
        UNWIND [['asked', 'ANSWERED'], ['closed', 'CLOSED']] AS pair
        MATCH (e:Event {id: pair[0]}) CREATE (e)<-[:CAUSED_BY]-(:ServiceRequest {id: pair[0], status: pair[1]})
        """
    )
    await empty_database.execute(
        "UNWIND [['waiting', 'FAILED'], ['done', 'DONE']] AS pair "
        "CREATE (:OutboxEntry {id: 'event.recorded:' + pair[0], state: pair[1]})"
    )
    assert await keeper(empty_database).run(dry_run=True) == [Kept("call", 30, 4, 3)]
    assert await keeper(empty_database).run() == [Kept("call", 30, 4, 3)]
    assert await left(empty_database) == ["asked", "offered", "waiting"]
    await empty_database.execute("MATCH (o:Offer) SET o.status = 'EXPIRED'")
    assert await keeper(empty_database).run() == [Kept("call", 30, 1, 2)]
    # The decision keeps its own trace: only its tie to the event is gone.
    (row,) = await empty_database.read("MATCH (d:Decision {id: 'offered'}) RETURN COUNT { (d)--() } AS ties")
    assert row["ties"] == 1


async def test_an_open_complaint_is_never_removed_and_what_closes_one_goes_after_it(empty_database: Database):
    """Otherwise marketing would begin again by itself, or never."""
    subject = '{"subject":"fees"}'
    events = [
        told("open", "complaint", 900, party="angry", payload=subject),
        told("closed", "complaint", 900, party="calm", payload=subject),
        told("closing", "complaint_closed", 880, party="calm"),
        told("named", "complaint", 900, party="both", payload=subject),
        told("other", "complaint", 890, party="both", payload=subject),
        told("closes named", "complaint_closed", 870, party="both", payload='{"complaint":"named"}'),
    ]
    await empty_database.execute(MAKE, {"events": events})
    await keeper(empty_database).run()
    assert await left(empty_database) == ["closes named", "open", "other"]
    await empty_database.execute(
        MAKE, {"events": [told("closes other", "complaint_closed", 1, party="both", payload='{"complaint":"other"}')]}
    )
    await keeper(empty_database).run()
    assert await left(empty_database) == ["closes other", "open"]


async def test_small_batches_runs_that_are_cut_and_rivals_count_each_event_once(
    empty_database: Database, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(retention, "BATCH", 20)
    events = [told(f"e{number:03}", "login", 11 + number % 7, party=f"p{number % 5}") for number in range(210)]
    await empty_database.execute(MAKE, {"events": events})

    cut = asyncio.create_task(keeper(empty_database).run())
    await asyncio.wait({cut}, timeout=0.05)
    cut.cancel()
    await asyncio.gather(cut, return_exceptions=True)
    done = await asyncio.gather(*(keeper(empty_database).run() for _ in range(3)))
    assert await left(empty_database) == []
    counts = Counter[str]()
    for row in await empty_database.read(DAYS):
        counts[row["day"]] += row["count"]
    assert counts == Counter(str((ago(11 + number % 7)).date()) for number in range(210))
    assert sum(one.removed for each in done for one in each) <= 210


async def test_counts_add_up_what_is_stored_and_what_was_removed(empty_database: Database):
    events = [
        told("a", "login", 40),
        told("b", "login", 40, "ATM"),
        told("c", "login", 3),
        told("d", "call", 3, None),
        told("e", "call", 33, None),
    ]
    await empty_database.execute(MAKE, {"events": events})
    counting = EventCounting(empty_database, POLICY, clock=lambda: NOW)
    period = (dt.date(2026, 1, 1), dt.date(2026, 12, 1))
    asked = [
        [],
        [EventGroup.TYPE],
        [EventGroup.CHANNEL],
        [EventGroup.DAY],
        [EventGroup.MONTH, EventGroup.TYPE],
        [EventGroup.DAY, EventGroup.TYPE, EventGroup.CHANNEL],
    ]
    before = [await counting.count(*period, groups) for groups in asked]
    await keeper(empty_database).run()
    assert await left(empty_database) == ["c", "d"]
    assert [await counting.count(*period, groups) for groups in asked] == before
    assert before[0] == [EventCount(5)]
    assert before[1] == [EventCount(2, type="call"), EventCount(3, type="login")]
    assert before[2] == [EventCount(1, channel="ATM"), EventCount(2, channel="ONLINE"), EventCount(2)]
    october, november = dt.date(2026, 10, 1), dt.date(2026, 11, 1)
    assert before[4] == [
        EventCount(1, type="call", day=october),
        EventCount(2, type="login", day=october),
        EventCount(1, type="call", day=november),
        EventCount(1, type="login", day=november),
    ]
    assert await counting.count(*period, [], types=["call"]) == [EventCount(2)]
    assert await counting.count(dt.date(2026, 11, 20), dt.date(2026, 11, 20), []) == [EventCount(2)]
    assert await counting.count(dt.date(2026, 11, 21), dt.date(2026, 11, 22), []) == []


async def test_no_event_is_counted_twice_or_missed_while_old_ones_are_removed(
    empty_database: Database, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(retention, "BATCH", 10)
    await empty_database.execute(MAKE, {"events": [told(f"e{number}", "login", 20) for number in range(300)]})
    counting = EventCounting(empty_database, POLICY, clock=lambda: NOW)
    removing = asyncio.create_task(keeper(empty_database).run())
    seen = []
    while not removing.done():
        seen.append((await counting.count(dt.date(2026, 1, 1), dt.date(2026, 12, 1), []))[0].events)
    await removing
    assert set(seen) == {300}


@pytest.mark.parametrize(
    ("since", "until", "groups"),
    [
        (dt.date(2026, 1, 2), dt.date(2026, 1, 1), []),
        (dt.date(2000, 1, 1), dt.date(2026, 1, 2), []),
        (dt.date(1, 1, 1), dt.date(1, 1, 2), []),
        (dt.date(2026, 1, 1), dt.date(2026, 1, 2), [EventGroup.DAY, EventGroup.MONTH]),
    ],
)
async def test_a_period_that_can_not_be_counted_is_refused(
    database: Database, since: dt.date, until: dt.date, groups: list[EventGroup]
):
    with pytest.raises(InvalidInput):
        await EventCounting(database, POLICY).count(since, until, groups)


def test_the_shipped_policy_keeps_what_the_contact_policy_goes_by():
    policy = RetentionPolicy.load()
    policy.require(ContactPolicy.load())
    assert policy.unknown(standard_catalogue()) == []
    assert min(policy.days("complaint"), policy.days("collections_contact")) > policy.keep_days


def test_collections_may_not_be_forgotten_before_the_contact_policy_does():
    with pytest.raises(ConfigurationError, match="collections_contact"):
        RetentionPolicy(keep_days=30).require(ContactPolicy.load())


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("keep_days = 0", "keep_days"),
        ("keep_days = 10\n[types]\nlogin = 1.5", "types login: must be a valid integer"),
        ("[types]\nlogin = 10", "keep_days: is missing; write it"),
        ("keep_days = 10\nkeep = 3", "keep"),
        ("keep_days =", "no TOML"),
    ],
)
def test_a_file_that_can_not_be_used_names_the_place(tmp_path: Path, text: str, said: str):
    file = tmp_path / "retention.toml"
    file.write_text(text)
    with pytest.raises(ConfigurationError, match=said):
        RetentionPolicy.load(file)


def test_a_file_that_is_not_there_is_an_error(tmp_path: Path):
    with pytest.raises(ConfigurationError, match="can't be read"):
        RetentionPolicy.load(tmp_path / "none.toml")


def test_a_type_of_a_plugin_says_how_long_it_is_kept_unless_the_file_does():
    catalogue = EventCatalogue([EventType(name, Nothing, "x", keep_days=7) for name in ("safe_opened", "login")])
    policy = POLICY.with_types(catalogue)
    assert (policy.days("safe_opened"), policy.days("login"), policy.days("call")) == (7, 10, 30)
    assert RetentionPolicy(keep_days=30, types={"misspelt": 1}).unknown(catalogue) == ["misspelt"]


def test_rules_that_look_further_back_than_events_are_kept_are_named():
    needs = Needs(events={"login": days(9), "call": months(2), "complaint": None, "return": days(20)})
    assert POLICY.too_short_for(needs, NOW) == {"call": "2 months", "complaint": "everything"}


@given(hours=st.integers(0, 24 * 80), kept=st.integers(1, 60))
def test_what_is_removed_would_be_refused_if_it_came_again(hours: int, kept: int):
    policy = RetentionPolicy(keep_days=kept)
    at = NOW - dt.timedelta(hours=hours)
    removed = at < policy.first_kept("login", NOW)
    refused = False
    try:
        policy.check("login", at, NOW + dt.timedelta(hours=1))
    except InvalidInput:
        refused = True
    assert refused or not removed


async def test_what_was_counted_and_removed_is_refused_though_it_is_kept_longer_now(empty_database: Database):
    """The policy was 10 days for logins and becomes 365: a sender that repeats itself must not be counted twice."""
    now = dt.datetime.now(dt.UTC)
    await empty_database.execute("CREATE (:Party:Person {id: 'p1'})")

    def login(identifier: str, age: float, **more: Any) -> RecordEvent:
        at = now - dt.timedelta(days=age)
        return RecordEvent(type="login", party_id="p1", id=identifier, at=at, channel=Channel.ONLINE, **more)

    short, long = (RetentionPolicy(keep_days=400, types={"login": days}) for days in (60, 365))
    old, young, unseen = login("old", 50), login("young", 5), login("unseen", 51)
    assert (await EventService(empty_database, keeping=short).record_many([old, young])).recorded == ("old", "young")
    await empty_database.execute("MATCH (w:OutboxEntry) SET w.state = 'DONE'")
    await EventRetention(empty_database, RetentionPolicy(keep_days=400, types={"login": 10})).run()
    assert await left(empty_database) == ["young"]

    again = await EventService(empty_database, keeping=long).record_many([old, young, unseen, login("x", 50)])
    assert (again.recorded, again.duplicates) == (("unseen",), ("young",))  # nothing of the day of `unseen` was removed
    assert [(one.index, one.field) for one in again.refused] == [(0, "at"), (3, "at")]
    with pytest.raises(InvalidInput, match="not kept"):
        await empty_database.write(lambda tx: EventService(empty_database, keeping=long).record_in(tx, old))
    assert [row["count"] for row in await empty_database.read(DAYS)] == [1]


async def test_many_events_of_one_instant_of_which_some_are_held_are_all_looked_at(
    empty_database: Database, monkeypatch: pytest.MonkeyPatch
):
    """As an import of days without hours leaves them."""
    monkeypatch.setattr(retention, "BATCH", 10)
    await empty_database.execute(MAKE, {"events": [told(f"e{number:02}", "call", 40) for number in range(60)]})
    await empty_database.execute(
        "MATCH (e:Event) WHERE e.id < 'e25' CREATE (:OutboxEntry {id: 'event.recorded:' + e.id, state: 'PENDING'})"
    )
    assert await keeper(empty_database).run(dry_run=True) == [Kept("call", 30, 35, 25)]
    assert await keeper(empty_database).run() == [Kept("call", 30, 35, 25)]
    assert await left(empty_database) == [f"e{number:02}" for number in range(25)]
