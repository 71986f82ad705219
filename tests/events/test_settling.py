"""What was done outside is written together, and one that can't be written takes no other with it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from graph_crm.events.settling import Joint
from graph_crm.events.worker import Worker
from graph_crm.graph.database import Database, Transaction
from graph_crm.graph.outbox import NewEntry, Outbox, OutboxEntry, put_many

pytestmark = pytest.mark.lts
MARK = "UNWIND $keys AS key CREATE (:Effect {key: key})"


class Post:
    """Sends at once and leaves joint effects of two kinds; cannot write those of ``bad``."""

    def __init__(self, *bad: str) -> None:
        self.bad = frozenset(bad)
        self.written: list[list[str]] = []
        self.sent: list[str] = []

    async def send(self, entry: OutboxEntry) -> Joint:
        self.sent.append(entry.id)
        return Joint(self.mark if entry.id.startswith("m") else self.mark_too, (entry.id,))

    async def mark(self, tx: Transaction, keys: Sequence[Any]) -> None:
        self.written.append(sorted(keys))
        await tx.run(MARK, {"keys": list(keys)})
        if self.bad & set(keys):
            raise RuntimeError("can't be written")

    async def mark_too(self, tx: Transaction, keys: Sequence[Any]) -> None:
        await self.mark(tx, keys)


async def posted(database: Database, post: Post, *ids: str) -> Worker:
    entries = [NewEntry("mail", one, {}, one) for one in ids]
    await database.write(lambda tx: put_many(tx, entries))
    outbox = Outbox(database, max_attempts=2, first_backoff=0.0, last_backoff=0.0)
    one = Worker(database, {}, outside={"mail": post.send}, many={"mail": 20}, concurrency=1, outbox=outbox)
    await one.drain()
    return one


async def effects(database: Database) -> list[str]:
    return [row["key"] for row in await database.read("MATCH (e:Effect) RETURN e.key AS key ORDER BY key")]


async def test_effects_of_a_kind_are_one_transaction_with_the_completion_of_their_entries(
    empty_database: Database,
) -> None:
    post, ids = Post(), [*(f"m{n}" for n in range(5)), "x0", "x1"]
    one = await posted(empty_database, post, *ids)
    assert await effects(empty_database) == ids
    assert (one.counts.done, one.counts.lots, one.holding) == (7, 2, 0)
    assert sorted(post.written) == [["m0", "m1", "m2", "m3", "m4"], ["x0", "x1"]]
    assert (await Outbox(empty_database).counts())["DONE"] == 7


async def test_of_several_effects_the_one_that_can_not_be_written_fails_alone(empty_database: Database) -> None:
    post = Post("m1")
    one = await posted(empty_database, post, "m0", "m1", "m2")
    assert await effects(empty_database) == ["m0", "m2"]
    counts = await Outbox(empty_database).counts()
    assert (counts["DONE"], counts["FAILED"]) == (2, 1)
    assert post.sent.count("m1") == 2, "it is tried as often as anything"
    assert {post.sent.count("m0"), post.sent.count("m2")} == {1}, "the others are sent once"
    assert one.counts.failed == 2


async def test_an_entry_that_somebody_else_took_meanwhile_leaves_no_effect_here(empty_database: Database) -> None:
    class Slow(Post):
        async def send(self, entry: OutboxEntry) -> Joint:
            if entry.id == "m1":
                await empty_database.execute("MATCH (e:OutboxEntry {id: 'm1'}) SET e.lease = e.lease + 1")
            return await super().send(entry)

    one = await posted(empty_database, Slow(), "m0", "m1", "m2")
    assert await effects(empty_database) == ["m0", "m2"]
    assert (one.counts.done, one.counts.lost) == (2, 1)
