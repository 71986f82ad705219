"""Work that was set aside: seen with its error, done again when somebody says so, and known who that was."""

from __future__ import annotations

import asyncio
import datetime as dt

import pytest

from graph_crm.errors import InvalidInput, NotFound
from graph_crm.graph.database import Database
from graph_crm.graph.failed_work import FailedWork
from graph_crm.graph.outbox import NewEntry, Outbox, put_many

pytestmark = pytest.mark.lts

TOPICS = ["decide", "send"]


@pytest.fixture
async def outbox(empty_database: Database) -> Outbox:
    """Three entries that failed, one that waits."""
    outbox = Outbox(empty_database, max_attempts=1)
    entries = [
        NewEntry("decide", "a", {"eventId": "1"}, "d1"),
        NewEntry("decide", "b", {}, "d2"),
        NewEntry("send", "c", {}, "s1"),
    ]
    await empty_database.write(lambda tx: put_many(tx, entries))
    for entry in await outbox.lease(10, "w", 30, TOPICS):
        await outbox.fail(entry, f"RuntimeError: {entry.id} can't be handled")
        await asyncio.sleep(0.005)
    await empty_database.write(lambda tx: put_many(tx, [NewEntry("decide", "a", {}, "d3")]))
    return outbox


@pytest.fixture
def work(empty_database: Database, outbox: Outbox) -> FailedWork:
    return FailedWork(empty_database)


async def test_it_is_listed_with_its_error_what_failed_last_first(work: FailedWork):
    found = await work.failed()
    assert [one.id for one in found] == ["s1", "d2", "d1"]
    last = found[-1]
    assert (last.topic, last.partition, dict(last.payload)) == ("decide", "a", {"eventId": "1"})
    assert (last.state, last.attempts, last.error) == ("FAILED", 1, "RuntimeError: d1 can't be handled")
    assert last.first_failed_at == last.failed_at
    assert [one.id for one in await work.failed(topic="send")] == ["s1"]
    assert [one.id for one in await work.failed(most=1)] == ["s1"]
    assert await work.topics() == {"decide": 2, "send": 1}
    with pytest.raises(InvalidInput):
        await work.failed(most=0)


async def test_its_customer_goes_on_without_it(outbox: Outbox):
    assert [entry.id for entry in await outbox.lease(10, "w", 30, TOPICS)] == ["d3"]


async def test_done_again_it_has_all_attempts_and_keeps_who_asked_for_it(work: FailedWork, outbox: Outbox):
    again = await work.retry("d1", by="jana")
    assert (again.state, again.attempts, again.retried_by, again.retries) == ("PENDING", 0, "jana", 1)
    assert again.retried_at is not None
    assert again.error is not None, "what it was done again for is still known"
    first = again.first_failed_at
    entry = next(one for one in await outbox.lease(10, "w", 30, TOPICS) if one.id == "d1")
    assert entry.attempts == 1
    await outbox.fail(entry, "again")
    found = await work.find("d1")
    assert (found.state, found.error, found.retried_by, found.first_failed_at) == ("FAILED", "again", "jana", first)


async def test_work_in_another_state_stays_as_it_is(work: FailedWork):
    assert (await work.retry("d3", by="jana")).retried_by is None
    await work.retry("d1", by="jana")
    assert (await work.retry("d1", by="petr")).retried_by == "jana"
    with pytest.raises(NotFound):
        await work.retry("nothing", by="jana")
    with pytest.raises(NotFound):
        await work.find("nothing")


async def test_all_of_a_topic_or_everything_can_be_done_again(work: FailedWork, outbox: Outbox):
    assert await work.retry_all(by="jana", topic="decide") == 2
    assert [one.id for one in await work.failed()] == ["s1"]
    assert await work.retry_all(by="jana") == 1
    assert await work.retry_all(by="jana") == 0
    assert (await outbox.counts())["FAILED"] == 0


async def test_the_backlog_counts_what_is_due_and_what_is_not_yet(work: FailedWork, outbox: Outbox):
    database = work._database
    later = dt.datetime.now(dt.UTC) + dt.timedelta(hours=1)
    await database.write(lambda tx: put_many(tx, [NewEntry("send", "x", {}, "later", later)]))
    await database.execute("MATCH (e:OutboxEntry {id: 'd3'}) SET e.at = e.at - duration({minutes: 5})")
    pending, leased, failed = await outbox.backlog()
    assert (pending.state, pending.entries, pending.later) == ("PENDING", 1, 1)
    assert 300 <= pending.oldest < 400
    assert (leased.entries, leased.oldest) == (0, 0.0)
    assert failed.entries == 3
    await database.execute("MATCH (e:OutboxEntry {id: 'd3'}) DELETE e")
    assert (await outbox.backlog())[0].oldest == 0.0, "what is put for later is not late"
