"""The learner in the graph: every answer is counted once, and what was learned is seen a little later."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import Any

import pytest

from graph_crm.decisions.learning.bayes import FIRST_RATE
from graph_crm.decisions.learning.store import TOPIC, LearnerStore, learn, partition
from graph_crm.errors import InvalidInput
from graph_crm.events.worker import Worker
from graph_crm.graph.database import Database, Transaction
from graph_crm.graph.outbox import Outbox, put

pytestmark = pytest.mark.lts


@dataclass
class Entry:
    payload: dict[str, Any] = field(default_factory=dict)


def answer(outcome: str, product: str = "CREDIT_CARD", channel: str | None = "PHONE", **features: Any) -> Entry:
    return Entry({"productCode": product, "channel": channel, "outcome": outcome, "features": features})


async def told(database: Database, *entries: Entry) -> None:
    for entry in entries:
        await database.write(lambda tx, entry=entry: learn(tx, entry))


async def counts(database: Database) -> dict[str, tuple[int, int]]:
    rows = await database.read("MATCH (c:LearnedCount) RETURN c.key AS key, c.yes AS yes, c.no AS no")
    return {row["key"]: (row["yes"], row["no"]) for row in rows}


async def test_an_answer_counts_for_its_model_and_for_each_of_its_bins(empty_database: Database):
    await told(empty_database, answer("ACCEPTED", age=40, segment="RETAIL"), answer("REJECTED", age=41))
    assert await counts(empty_database) == {
        "CREDIT_CARD|PHONE||": (1, 1),
        "CREDIT_CARD|PHONE|age|38.1..45.3": (1, 1),
        "CREDIT_CARD|PHONE|segment|RETAIL": (1, 0),
    }


async def test_only_what_says_yes_or_no_to_a_product_is_learned(empty_database: Database):
    silent = [answer(one) for one in ("PRESENTED", "CLICKED", "LATER", "NO_ANSWER")]
    await told(empty_database, *silent, Entry({"productCode": None, "channel": "SMS", "outcome": "REJECTED"}))
    assert await counts(empty_database) == {}
    await told(empty_database, answer("IGNORED"))
    assert await counts(empty_database) == {"CREDIT_CARD|PHONE||": (0, 1)}


async def test_who_objects_to_profiling_is_counted_without_anything_about_them(empty_database: Database):
    await told(empty_database, answer("ACCEPTED"))
    assert await counts(empty_database) == {"CREDIT_CARD|PHONE||": (1, 0)}


@pytest.mark.parametrize(
    "payload",
    [
        {"productCode": "X", "channel": "SMS"},
        {"productCode": 7, "channel": "SMS", "outcome": "ACCEPTED"},
        {"productCode": "X", "channel": "SMS", "outcome": "ACCEPTED", "features": ["age"]},
        {"productCode": "X", "channel": "SMS", "outcome": "ACCEPTED", "features": {"age": [1]}},
        {"productCode": "X", "channel": "SMS", "outcome": "ACCEPTED", "features": {"": 1}},
    ],
)
async def test_a_payload_that_cannot_be_read_is_refused(empty_database: Database, payload: dict[str, Any]):
    with pytest.raises(InvalidInput):
        await told(empty_database, Entry(payload))
    assert await counts(empty_database) == {}


async def test_what_was_learned_is_what_is_predicted_from(empty_database: Database):
    for _ in range(30):
        await told(empty_database, answer("ACCEPTED", age=70), answer("REJECTED", age=20))
    learner = await LearnerStore(empty_database).current()
    assert learner.version == 60
    assert learner.predict("CREDIT_CARD", "PHONE", {"age": 70}).probability > 0.6
    assert learner.predict("CREDIT_CARD", "PHONE", {"age": 20}).probability < 0.2
    assert learner.predict("MORTGAGE_STD", "PHONE", {"age": 70}).probability == pytest.approx(FIRST_RATE)


async def test_an_answer_whose_channel_is_not_known_still_counts_for_the_product(empty_database: Database):
    await told(empty_database, answer("ACCEPTED", channel=None))
    learner = await LearnerStore(empty_database).current()
    assert learner.predict("CREDIT_CARD", None, {}).yes == 1
    assert learner.predict("CREDIT_CARD", "SMS", {}).probability > FIRST_RATE


async def test_the_learner_is_read_again_after_a_few_seconds_and_only_where_it_changed(empty_database: Database):
    seconds = 0.0
    store = LearnerStore(empty_database, refresh=5, clock=lambda: seconds)
    await told(empty_database, answer("ACCEPTED"), answer("ACCEPTED", product="SMS_INFO"))
    first = await store.current()
    await told(empty_database, answer("REJECTED", segment="MASS"))
    assert await store.current() is first
    seconds = 5.1
    second = await store.current()
    assert (first.version, second.version) == (2, 3)
    assert second.tallies["SMS_INFO", "PHONE"] is first.tallies["SMS_INFO", "PHONE"]
    assert second.tallies["CREDIT_CARD", "PHONE"].cells == {("segment", "MASS"): (0, 1)}
    seconds = 11.0
    assert await store.current() is second


async def test_a_model_that_is_gone_is_forgotten(empty_database: Database):
    seconds = 0.0
    store = LearnerStore(empty_database, refresh=1, clock=lambda: seconds)
    await told(empty_database, answer("ACCEPTED"))
    assert (await store.current()).version == 1
    await empty_database.execute("MATCH (c:LearnedCount) DELETE c")
    seconds = 2.0
    assert (await store.current()).tallies == {}


@pytest.mark.parametrize(("yes", "no"), [(-100, 3), (3, -100), (-5, -5), (2**62, 0), (0, 2**62), (1.5, 2), ("many", 1)])
async def test_counts_that_nobody_can_have_counted_stop_no_prediction(empty_database: Database, yes: Any, no: Any):
    await told(empty_database, answer("ACCEPTED", age=40))
    await empty_database.execute("MATCH (c:LearnedCount) SET c.yes = $yes, c.no = $no", {"yes": yes, "no": no})
    learner = await LearnerStore(empty_database).current()
    found = learner.predict("CREDIT_CARD", "PHONE", {"age": 40})
    assert 0 < found.probability < 1
    assert 0 <= found.draw("seed") <= 1
    assert learner.version >= 0


async def test_workers_side_by_side_count_every_answer_exactly_once(empty_database: Database):
    """Entries delivered to three workers at once, and one of them a second time."""
    outcomes = ["ACCEPTED", "REJECTED", "NO_ANSWER"] * 20

    async def work(tx: Transaction) -> None:
        for number, outcome in enumerate(outcomes):
            channel = ("PHONE", "SMS")[number % 2]
            payload = answer(outcome, channel=channel, age=number).payload
            await put(tx, TOPIC, partition("CREDIT_CARD", channel), payload, f"response:{number}")

    await empty_database.write(work)
    await empty_database.write(work)
    workers = [Worker(empty_database, {TOPIC: learn}, outbox=Outbox(empty_database)) for _ in range(3)]
    async with asyncio.timeout(60):
        while (await Outbox(empty_database).counts())["DONE"] < len(outcomes):
            await asyncio.gather(*(worker.drain() for worker in workers))
    found = await counts(empty_database)
    assert [sum(found[f"CREDIT_CARD|{channel}||"][side] for channel in ("PHONE", "SMS")) for side in (0, 1)] == [20, 20]
    ages = [pair for key, pair in found.items() if "|age|" in key]
    assert [sum(pair[side] for pair in ages) for side in (0, 1)] == [20, 20]
