"""What is kept for a time only goes when the time is over, and nothing else does."""

from __future__ import annotations

from graph_crm.graph.database import Database
from graph_crm.graph.housekeeping import Housekeeping

OLD_AND_NEW = """
UNWIND [{age: 31, name: 'old'}, {age: 29, name: 'new'}] AS row
WITH row, datetime.realtime() - duration({days: row.age}) AS at
CREATE (:IdempotencyKey {key: row.name, at: at})
CREATE (:OutboxEntry {id: row.name + ' done', state: 'DONE', at: at, availableAt: at})
CREATE (:OutboxEntry {id: row.name + ' waiting', state: 'PENDING', at: at, availableAt: at})
CREATE (:OutboxEntry {id: row.name + ' failed', state: 'FAILED', at: at, availableAt: at})
"""


async def test_only_old_keys_and_old_work_that_is_done_go(empty_database: Database):
    await empty_database.execute(OLD_AND_NEW)

    assert await Housekeeping(empty_database, days=30).tidy() == 2

    kept = await empty_database.read("MATCH (n:IdempotencyKey|OutboxEntry) RETURN coalesce(n.key, n.id) AS name")
    assert {row["name"] for row in kept} == {
        "new",
        "new done",
        "new waiting",
        "new failed",
        "old waiting",
        "old failed",
    }
    assert await Housekeeping(empty_database, days=30).tidy() == 0
