"""A write that is sent twice has its effect once."""

from __future__ import annotations

import asyncio
import uuid

import pytest

from graph_crm.errors import IdempotencyKeyReused, InvalidInput
from graph_crm.graph.database import Database, Transaction
from graph_crm.graph.idempotency import claim, digest_of, once, remember

pytestmark = pytest.mark.lts

EFFECT = "CREATE (:Effect {name: $name})"
EFFECTS = "MATCH (e:Effect {name: $name}) RETURN count(e) AS n"


async def make_once(database: Database, name: str, given: str = "input") -> str:
    """One request: claim, effect, remember."""

    async def work(tx: Transaction) -> str:
        stored = await claim(tx, "test", name, digest_of(given))
        if stored is not None:
            return str(stored)
        await tx.run(EFFECT, {"name": name})
        result = uuid.uuid4().hex
        await remember(tx, "test", name, result)
        return result

    return await database.write(work)


async def test_sixteen_requests_with_one_key_have_one_effect_and_one_answer(empty_database: Database):
    names = [f"key-{i}" for i in range(12)]
    tasks = [make_once(empty_database, name) for name in names for _ in range(16)]
    answers = await asyncio.gather(*tasks)
    for i, name in enumerate(names):
        assert len(set(answers[i * 16 : (i + 1) * 16])) == 1
        assert (await empty_database.read(EFFECTS, {"name": name}))[0]["n"] == 1


async def test_a_key_with_another_input_is_refused(empty_database: Database):
    await make_once(empty_database, "k", "one")
    with pytest.raises(IdempotencyKeyReused):
        await make_once(empty_database, "k", "two")
    assert (await empty_database.read(EFFECTS, {"name": "k"}))[0]["n"] == 1


async def test_a_work_that_fails_leaves_no_claim(empty_database: Database):
    async def fails(tx: Transaction) -> None:
        assert await claim(tx, "test", "k", digest_of("input")) is None
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await empty_database.write(fails)
    assert not await empty_database.read("MATCH (k:IdempotencyKey) RETURN k.key")
    await make_once(empty_database, "k")


async def test_equal_keys_of_different_use_cases_are_different_keys(empty_database: Database):
    async def work(tx: Transaction) -> list[int]:
        async def effect() -> int:
            effects.append(1)
            return len(effects)

        first = await once(tx, "createParty", "k", "x", effect)
        second = await once(tx, "endParty", "k", "x", effect)
        again = await once(tx, "createParty", "k", "x", effect)
        return [first, second, again]

    effects: list[int] = []
    assert await empty_database.write(work) == [1, 2, 1]


async def test_without_a_key_the_effect_simply_happens(empty_database: Database):
    async def work(tx: Transaction) -> int:
        async def effect() -> int:
            return 7

        return int(await once(tx, "s", None, "x", effect))

    assert await empty_database.write(work) == 7


@pytest.mark.parametrize("key", ["", "  ", "k" * 201])
async def test_an_unusable_key_is_refused(empty_database: Database, key: str):
    with pytest.raises(InvalidInput, match="1 to 200"):
        await empty_database.write(lambda tx: claim(tx, "s", key, "d"))


def test_the_fingerprint_does_not_depend_on_the_order_of_fields():
    assert digest_of({"a": 1, "b": [2, 3]}) == digest_of({"b": [2, 3], "a": 1})
    assert digest_of({"a": 1}) != digest_of({"a": 2})
