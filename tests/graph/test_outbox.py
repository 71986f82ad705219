"""The outbox: at least once delivered, exactly once effective, one partition at one worker and in order."""

from __future__ import annotations

import asyncio
import random
from collections import Counter

import pytest

from graph_crm.graph.database import Database, Transaction
from graph_crm.graph.outbox import LeaseLost, Outbox, OutboxEntry, put

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
    first = await outbox.lease(10, "w1", 30, TOPICS)
    assert {entry.id for entry in first} == {"a-2", "b-1"}
    assert await outbox.lease(10, "w2", 30, TOPICS) == []
    await complete(empty_database, outbox, next(entry for entry in first if entry.partition_key == "a"))
    assert [entry.id for entry in await outbox.lease(10, "w2", 30, TOPICS)] == ["a-1"]


async def test_a_failed_attempt_comes_back_later_and_keeps_its_successors_waiting(
    empty_database: Database, outbox: Outbox
):
    outbox.first_backoff = 60.0
    outbox.last_backoff = 60.0
    await fill(empty_database, "a-1", "a-2")
    (entry,) = await outbox.lease(10, "w", 30, TOPICS)
    assert await outbox.fail(entry, "boom") == "PENDING"
    assert await outbox.lease(10, "w", 30, TOPICS) == []


async def test_after_the_last_attempt_an_entry_is_failed_and_lets_its_successors_go(
    empty_database: Database, outbox: Outbox
):
    await fill(empty_database, "a-1", "a-2")
    for attempt in (1, 2, 3):
        (entry,) = await outbox.lease(10, "w", 30, TOPICS)
        assert (entry.id, entry.attempts) == ("a-1", attempt)
        assert await outbox.fail(entry, "boom") == ("FAILED" if attempt == 3 else "PENDING")
        await asyncio.sleep(0.08)
    assert [entry.id for entry in await outbox.lease(10, "w", 30, TOPICS)] == ["a-2"]
    assert (await empty_database.read("MATCH (e:OutboxEntry {id: 'a-1'}) RETURN e.error AS e"))[0]["e"] == "boom"
    assert await outbox.retry("a-1")
    assert not await outbox.retry("a-1")


async def test_a_lease_that_ran_out_goes_to_another_and_the_first_can_not_complete(
    empty_database: Database, outbox: Outbox
):
    await fill(empty_database, "a-1")
    (slow,) = await outbox.lease(1, "slow", 0.05, TOPICS)
    await asyncio.sleep(0.1)
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
    (entry,) = await outbox.lease(1, "w", 0.05, TOPICS)
    await asyncio.sleep(0.1)
    await complete(empty_database, outbox, entry)
    assert await outbox.lease(1, "other", 30, TOPICS) == []


async def test_a_worker_that_always_dies_does_not_try_for_ever(empty_database: Database, outbox: Outbox):
    await fill(empty_database, "a-1")
    for _ in range(3):
        assert len(await outbox.lease(1, "dies", 0.01, TOPICS)) == 1
        await asyncio.sleep(0.05)
    assert await outbox.lease(1, "w", 30, TOPICS) == []
    assert (await outbox.counts())["FAILED"] == 1


async def test_a_released_entry_is_there_at_once_and_counts_no_attempt(empty_database: Database, outbox: Outbox):
    await fill(empty_database, "a-1")
    await outbox.release(await outbox.lease(1, "w1", 30, TOPICS))
    (entry,) = await outbox.lease(1, "w2", 30, TOPICS)
    assert entry.attempts == 1


async def test_done_entries_are_pruned_by_age(empty_database: Database, outbox: Outbox):
    await fill(empty_database, "a-1", "b-1")
    for entry in (await outbox.lease(10, "w", 30, TOPICS))[:1]:
        await complete(empty_database, outbox, entry)
    await empty_database.execute("MATCH (e:OutboxEntry) SET e.availableAt = e.availableAt - duration({days: 8})")
    assert await outbox.prune(7) == 1
    assert sum((await outbox.counts()).values()) == 1


async def _careless_worker(database: Database, outbox: Outbox, name: str, faults: list[str]) -> None:
    """A worker that dies, is late or fails as told, then works well until nothing is left."""
    while True:
        seconds = 0.05 if faults else 30.0
        entries = await outbox.lease(3, name, seconds, TOPICS)
        for entry in entries:
            fault = faults.pop() if faults else ""
            if fault == "dies":
                break
            if fault == "late":
                await asyncio.sleep(0.1)
            if fault == "fails":
                await outbox.fail(entry, "told to")
                continue
            try:
                await complete(database, outbox, entry)
            except LeaseLost:
                continue
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
