"""The outbox: at least once delivered, exactly once effective, one partition at one worker and in order."""

from __future__ import annotations

import asyncio
import datetime as dt
import random
from collections import Counter
from collections.abc import Sequence
from typing import cast

import pytest

from graph_crm.graph.database import Database, Transaction
from graph_crm.graph.outbox import LeaseLost, NewEntry, Outbox, OutboxEntry, cancel, put, put_many

pytestmark = pytest.mark.lts

TOPICS = ["made"]


@pytest.fixture
def outbox(empty_database: Database) -> Outbox:
    return Outbox(empty_database, max_attempts=3, first_backoff=0.01, last_backoff=0.05)


async def fill(database: Database, *keys: str, topic: str = "made") -> None:
    """One entry a key, in order; the partition is what stands before the dash."""

    async def work(tx: Transaction) -> None:
        for key in keys:
            await put(tx, topic, key.partition("-")[0], {"key": key}, key)

    await database.write(work)


async def complete(database: Database, outbox: Outbox, entry: OutboxEntry) -> None:
    """Complete an entry together with an effect that can be counted."""

    async def work(tx: Transaction) -> None:
        await outbox.complete(tx, entry)
        await tx.run("CREATE (:Effect {key: $key, at: datetime.realtime()})", {"key": entry.id})

    await database.write(work)


async def effects(database: Database) -> list[str]:
    return [row["key"] for row in await database.read("MATCH (e:Effect) RETURN e.key AS key ORDER BY e.at")]


async def pass_time(database: Database, seconds: float) -> None:
    """As if so many seconds had passed for every entry."""
    await database.execute(
        "MATCH (e:OutboxEntry) WITH e, duration({milliseconds: $ms}) AS d"
        " SET e.availableAt = e.availableAt - d, e.at = e.at - d",
        {"ms": round(seconds * 1000)},
    )


async def test_an_entry_is_there_only_when_its_fact_is(empty_database: Database, outbox: Outbox):
    async def work(tx: Transaction) -> None:
        await put(tx, "made", "a", {}, "a-1")
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await empty_database.write(work)
    assert not await outbox.due(TOPICS)
    assert await outbox.lease(10, "w", 30, TOPICS) == []


async def test_the_same_key_is_the_same_entry(empty_database: Database, outbox: Outbox):
    await fill(empty_database, "a-1")
    await fill(empty_database, "a-1")
    assert await outbox.counts() == {"PENDING": 1, "LEASED": 0, "DONE": 0, "FAILED": 0}


async def test_a_leased_entry_carries_its_payload_and_goes_to_nobody_else(empty_database: Database, outbox: Outbox):
    await fill(empty_database, "a-1")
    assert await outbox.due(TOPICS)
    (entry,) = await outbox.lease(10, "w1", 30, TOPICS)
    assert (entry.id, entry.topic, entry.partition_key, entry.attempts) == ("a-1", "made", "a", 1)
    assert entry.payload == {"key": "a-1"}
    assert await outbox.lease(10, "w2", 30, TOPICS) == []
    assert not await outbox.due(TOPICS)


async def test_other_topics_are_left_alone(empty_database: Database, outbox: Outbox):
    await fill(empty_database, "a-1", topic="other")
    assert not await outbox.due(TOPICS)
    assert await outbox.lease(10, "w", 30, TOPICS) == []


async def test_one_partition_is_worked_on_by_one_worker_at_a_time_and_in_order(
    empty_database: Database, outbox: Outbox
):
    await fill(empty_database, "a-2", "a-1", "b-1")
    first = await outbox.lease(2, "w1", 30, TOPICS)
    assert [entry.id for entry in first] == ["a-2", "b-1"]
    assert await outbox.lease(2, "w2", 30, TOPICS) == []
    await complete(empty_database, outbox, first[0])
    assert [entry.id for entry in await outbox.lease(2, "w2", 30, TOPICS, finished=["a"])] == ["a-1"]


async def test_where_there_is_room_the_first_entries_of_a_partition_come_together_and_in_order(
    empty_database: Database, outbox: Outbox
):
    await fill(empty_database, "a-3", "a-1", "b-1", "a-2")
    entries = await outbox.lease(10, "w", 30, TOPICS)
    assert [entry.id for entry in entries] == ["a-3", "a-1", "a-2", "b-1"]


async def test_a_lot_ends_where_the_topic_changes(empty_database: Database, outbox: Outbox):
    await fill(empty_database, "a-1")
    await fill(empty_database, "a-2", topic="other")
    await fill(empty_database, "a-3")
    topics = [*TOPICS, "other"]
    (first,) = await outbox.lease(10, "w", 30, topics)
    await complete(empty_database, outbox, first)
    (second,) = await outbox.lease(10, "w", 30, topics, finished=["a"])
    await complete(empty_database, outbox, second)
    (third,) = await outbox.lease(10, "w", 30, topics, finished=["a"])
    assert [first.id, second.id, third.id] == ["a-1", "a-2", "a-3"]


async def test_each_topic_has_room_of_its_own_so_that_no_rush_of_one_holds_up_another(
    empty_database: Database, outbox: Outbox
):
    await fill(empty_database, *(f"{number}-1" for number in range(20)), topic="rush")
    await fill(empty_database, "a-1")
    entries = await outbox.lease(3, "w", 30, [*TOPICS, "rush"])
    assert sorted(entry.topic for entry in entries) == ["made", "rush", "rush", "rush"]


async def test_no_more_is_leased_of_a_topic_than_there_is_room_for(empty_database: Database, outbox: Outbox):
    await fill(empty_database, *(f"{number}-1" for number in range(9)))
    assert len(await outbox.lease(0, "w", 30, TOPICS, wanted={"made": 4})) == 4
    assert await outbox.lease(0, "w", 30, TOPICS, wanted={"made": 0}) == []
    assert len(await outbox.lease(0, "w", 30, TOPICS, wanted={"made": 9})) == 5


async def test_entries_put_together_keep_their_order(empty_database: Database, outbox: Outbox):
    keys = [f"a-{number}" for number in (5, 3, 9, 1, 7)]
    entries = [NewEntry("made", "a", {"key": key}, key) for key in keys]
    await empty_database.write(lambda tx: put_many(tx, entries))
    assert [entry.id for entry in await outbox.lease(10, "w", 30, TOPICS)] == keys


async def test_a_long_line_of_one_customer_is_put_behind_and_found_again_by_who_ends_with_it(
    empty_database: Database, outbox: Outbox
):
    line = [f"a-{number:03d}" for number in range(120)]
    await fill(empty_database, *line, "b-1", "c-1")
    (first,) = await outbox.lease(1, "w1", 30, TOPICS)
    found: list[str] = []
    while len(found) < 2:
        found += [entry.id for entry in await outbox.lease(10, "w2", 30, TOPICS)]
    assert found == ["b-1", "c-1"]
    assert not await outbox.due(TOPICS), "what waits for its predecessor is not looked at again and again"
    assert await outbox.due(TOPICS, ["a"])
    done = [first]
    while len(done) < len(line):
        await empty_database.write(lambda tx, last=tuple(done[-20:]): _complete_all(tx, outbox, last))
        done += await outbox.lease(20, "w1", 30, TOPICS, finished=["a"])
    assert [entry.id for entry in done] == line


async def _complete_all(tx: Transaction, outbox: Outbox, entries: Sequence[OutboxEntry]) -> None:
    await outbox.complete(tx, *entries)


async def test_the_line_of_a_worker_that_died_between_two_leases_goes_on_when_its_last_lease_would_have_run_out(
    empty_database: Database, outbox: Outbox
):
    await fill(empty_database, "a-1", "a-2", "a-3")
    (first,) = await outbox.lease(1, "dies", 20, TOPICS)
    assert await outbox.lease(1, "other", 30, TOPICS) == []
    assert await outbox.lease(1, "other", 30, TOPICS) == []
    await complete(empty_database, outbox, first)
    await pass_time(empty_database, 21)
    assert [entry.id for entry in await outbox.lease(1, "other", 30, TOPICS)] == ["a-2"]


async def test_who_goes_on_with_nothing_more_wakes_what_stood_behind(empty_database: Database, outbox: Outbox):
    await fill(empty_database, "a-1", "a-2")
    (first,) = await outbox.lease(1, "stops", 30, TOPICS)
    assert await outbox.lease(1, "other", 30, TOPICS) == []
    await complete(empty_database, outbox, first)
    assert await outbox.lease(1, "other", 30, TOPICS) == []
    await outbox.wake(["a"])
    assert [entry.id for entry in await outbox.lease(1, "other", 30, TOPICS)] == ["a-2"]


async def test_what_is_put_for_later_holds_up_nothing_until_then(empty_database: Database, outbox: Outbox):
    later = dt.datetime.now(dt.UTC) + dt.timedelta(seconds=30)
    await empty_database.write(lambda tx: put(tx, "made", "a", {}, "a-1", not_before=later))
    await fill(empty_database, "a-2")
    (entry,) = await outbox.lease(10, "w", 30, TOPICS)
    assert entry.id == "a-2"
    await complete(empty_database, outbox, entry)
    await pass_time(empty_database, 31)
    assert [entry.id for entry in await outbox.lease(10, "w", 30, TOPICS)] == ["a-1"]


async def test_what_nobody_has_begun_can_be_taken_back_and_its_successors_go_on(
    empty_database: Database, outbox: Outbox
):
    outbox.first_backoff = outbox.last_backoff = 60.0
    await fill(empty_database, "a-1", "a-2", "a-3")
    (first,) = await outbox.lease(1, "w", 30, TOPICS)
    assert not await empty_database.write(lambda tx: cancel(tx, "a-1")), "somebody works on it"
    await outbox.fail(first, "boom")
    assert await outbox.lease(10, "w", 30, TOPICS) == []
    assert await empty_database.write(lambda tx: cancel(tx, "a-1"))
    assert not await empty_database.write(lambda tx: cancel(tx, "a-1"))
    assert [entry.id for entry in await outbox.lease(10, "w", 30, TOPICS)] == ["a-2", "a-3"]


async def test_a_failed_attempt_comes_back_later_and_keeps_its_successors_waiting(
    empty_database: Database, outbox: Outbox
):
    outbox.first_backoff = 60.0
    outbox.last_backoff = 60.0
    await fill(empty_database, "a-1", "a-2")
    (entry,) = await outbox.lease(1, "w", 30, TOPICS)
    assert await outbox.fail(entry, "boom") == "PENDING"
    assert await outbox.lease(10, "w", 30, TOPICS) == []
    assert not await outbox.due(TOPICS)


def test_pauses_grow_twofold_up_to_the_longest_and_differ_by_chance():
    outbox = Outbox(cast(Database, None), first_backoff=0.5, last_backoff=60.0)
    for attempt, whole in ((1, 0.5), (2, 1.0), (5, 8.0), (8, 60.0), (500, 60.0)):
        pauses = [outbox.pause(attempt) for _ in range(200)]
        assert whole / 2 <= min(pauses) < max(pauses) <= whole
        assert max(pauses) - min(pauses) > whole / 4


async def test_after_the_last_attempt_an_entry_is_failed_and_lets_its_successors_go(
    empty_database: Database, outbox: Outbox
):
    await fill(empty_database, "a-1", "a-2")
    for attempt in (1, 2, 3):
        (entry,) = await outbox.lease(1, "w", 30, TOPICS)
        assert (entry.id, entry.attempts) == ("a-1", attempt)
        assert await outbox.fail(entry, "boom") == ("FAILED" if attempt == 3 else "PENDING")
        await pass_time(empty_database, 1)
    assert [entry.id for entry in await outbox.lease(10, "w", 30, TOPICS, finished=["a"])] == ["a-2"]


async def test_a_lease_that_ran_out_goes_to_another_and_the_first_can_not_complete(
    empty_database: Database, outbox: Outbox
):
    await fill(empty_database, "a-1")
    (slow,) = await outbox.lease(1, "slow", 30, TOPICS)
    await pass_time(empty_database, 31)
    assert await outbox.due(TOPICS)
    (quick,) = await outbox.lease(1, "quick", 30, TOPICS)
    with pytest.raises(LeaseLost):
        await complete(empty_database, outbox, slow)
    assert await outbox.fail(slow, "late") is None
    await complete(empty_database, outbox, quick)
    with pytest.raises(LeaseLost):
        await complete(empty_database, outbox, quick)
    assert await effects(empty_database) == ["a-1"]


async def test_a_lease_that_ran_out_and_was_not_taken_can_still_be_completed(empty_database: Database, outbox: Outbox):
    await fill(empty_database, "a-1")
    (entry,) = await outbox.lease(1, "w", 30, TOPICS)
    await pass_time(empty_database, 31)
    await complete(empty_database, outbox, entry)
    assert await outbox.lease(1, "other", 30, TOPICS) == []


async def test_what_was_only_leased_when_its_worker_died_is_not_blamed_for_it(empty_database: Database, outbox: Outbox):
    await fill(empty_database, "a-1")
    for _ in range(6):
        (entry,) = await outbox.lease(1, "dies", 30, TOPICS)
        assert entry.attempts <= 2
        await pass_time(empty_database, 31)
    assert entry.stray
    assert (await outbox.counts())["FAILED"] == 0


async def test_an_entry_that_kills_whoever_handles_it_alone_is_set_aside(empty_database: Database, outbox: Outbox):
    await fill(empty_database, "a-1", "a-2")
    assert len(await outbox.lease(1, "dies", 30, TOPICS)) == 1
    for time in range(3):
        await pass_time(empty_database, 31)
        (entry,) = await outbox.lease(1, "dies", 30, TOPICS)
        assert (entry.id, entry.stray, entry.alone) == ("a-1", True, time)
        await outbox.begin(entry)
    await pass_time(empty_database, 31)
    assert await outbox.lease(0, "w", 30, TOPICS, strays=1) == []
    assert (await outbox.counts())["FAILED"] == 1
    assert [entry.id for entry in await outbox.lease(1, "w", 30, TOPICS)] == ["a-2"]


async def test_strays_of_one_partition_are_handed_out_one_after_the_other(empty_database: Database, outbox: Outbox):
    await fill(empty_database, "a-1", "a-2", "b-1")
    assert len(await outbox.lease(10, "dies", 30, TOPICS)) == 3
    await pass_time(empty_database, 31)
    first = await outbox.lease(10, "w", 30, TOPICS)
    assert [entry.id for entry in first] == ["a-1", "b-1"]
    await complete(empty_database, outbox, first[0])
    assert [entry.id for entry in await outbox.lease(10, "w", 30, TOPICS)] == ["a-2"]


async def test_a_lease_that_is_prolonged_does_not_run_out(empty_database: Database, outbox: Outbox):
    await fill(empty_database, "a-1")
    (entry,) = await outbox.lease(1, "slow", 10, TOPICS)
    assert await outbox.renew([entry], 30) == {"a-1"}
    await pass_time(empty_database, 20)
    assert await outbox.lease(1, "quick", 30, TOPICS) == []
    await complete(empty_database, outbox, entry)
    assert await outbox.renew([entry], 30) == frozenset()


async def test_of_many_entries_completed_together_it_is_told_which_were_lost(empty_database: Database, outbox: Outbox):
    await fill(empty_database, "a-1", "b-1", "c-1")
    entries = await outbox.lease(10, "w", 30, TOPICS)
    await complete(empty_database, outbox, entries[1])
    with pytest.raises(LeaseLost) as lost:
        await empty_database.write(lambda tx: outbox.complete(tx, *entries))
    assert lost.value.ids == {"b-1"}
    assert (await outbox.counts())["DONE"] == 1, "the others are rolled back"


async def test_a_released_entry_is_there_at_once_and_counts_no_attempt(empty_database: Database, outbox: Outbox):
    await fill(empty_database, "a-1")
    await outbox.release(await outbox.lease(1, "w1", 30, TOPICS))
    (entry,) = await outbox.lease(1, "w2", 30, TOPICS)
    assert entry.attempts == 1


async def test_done_entries_are_pruned_by_age(empty_database: Database, outbox: Outbox):
    await fill(empty_database, "a-1", "b-1")
    for entry in (await outbox.lease(10, "w", 30, TOPICS))[:1]:
        await complete(empty_database, outbox, entry)
    await empty_database.execute(
        "MATCH (e:OutboxEntry) WITH e, duration({days: 8}) AS d SET e.at = e.at - d, e.availableAt = e.availableAt - d"
    )
    assert await outbox.prune(7) == 1
    assert sum((await outbox.counts()).values()) == 1


async def _careless_worker(database: Database, outbox: Outbox, name: str, faults: list[str]) -> None:
    """A worker that dies, is late or fails as told, then works well until nothing is left."""
    finished: set[str] = set()
    while True:
        seconds = 0.05 if faults else 30.0
        entries = await outbox.lease(3, name, seconds, TOPICS, finished=finished)
        finished = {entry.partition_key for entry in entries}
        broken: set[str] = set()
        for entry in entries:
            if entry.partition_key in broken:
                await outbox.release([entry])
                continue
            fault = faults.pop() if faults else ""
            if fault == "dies":
                break
            if fault == "late":
                await asyncio.sleep(0.1)
            if fault == "fails":
                await outbox.fail(entry, "told to")
                broken.add(entry.partition_key)
                continue
            try:
                await complete(database, outbox, entry)
            except LeaseLost:
                broken.add(entry.partition_key)
        counts = await outbox.counts()
        if not counts["PENDING"] and not counts["LEASED"]:
            return
        await asyncio.sleep(0.01)


@pytest.mark.parametrize("seed", range(5))
async def test_whatever_goes_wrong_each_effect_is_there_once_and_in_order(empty_database: Database, seed: int):
    chance = random.Random(seed)  # noqa: S311 - repeatable on purpose
    keys = [f"{chance.randrange(6)}-{place:03d}" for place in range(30)]
    faults = [[chance.choice(["", "dies", "late", "fails"]) for _ in range(4)] for _ in range(4)]
    await fill(empty_database, *keys)
    outbox = Outbox(empty_database, max_attempts=50, first_backoff=0.01, last_backoff=0.02)
    async with asyncio.timeout(60):
        await asyncio.gather(
            *(_careless_worker(empty_database, outbox, f"w{i}", told) for i, told in enumerate(faults))
        )
    happened = await effects(empty_database)
    assert Counter(happened) == Counter(keys)
    for partition in range(6):
        mine = [key for key in happened if key.startswith(f"{partition}-")]
        assert mine == sorted(mine)
