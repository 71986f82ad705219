"""The database goes away, hangs and comes back under a real server that nobody starts again."""

from __future__ import annotations

import asyncio

import pytest
from faulty_bank import FaultyBank, until

pytestmark = [pytest.mark.long, pytest.mark.lts]
READ = "{ parties(first: 1) { nodes { id } } }"
WRITE = 'mutation { createPerson(input: {displayName: "Ada"}) { id } }'


async def test_while_the_database_is_away_requests_fail_at_once_and_work_goes_on_when_it_is_back(bank: FaultyBank):
    await bank.proxy.stop()
    await until(lambda: bank.not_ready(bank.first), "readiness goes red")
    assert (await bank.code(bank.first, READ))[0] == "DATABASE_UNAVAILABLE"
    for query in (READ, WRITE):
        code, seconds = await bank.code(bank.first, query)
        assert code == "DATABASE_UNAVAILABLE"
        assert seconds < 1
    assert await bank.ready(bank.second), "the other server has its own line"
    await bank.proxy.start()
    await until(lambda: bank.ready(bank.first), "readiness goes green")
    assert (await bank.code(bank.first, WRITE))[0] is None


async def test_a_database_that_hangs_is_given_up_long_before_the_limit_of_each_request(bank: FaultyBank):
    bank.proxy.hang = True
    try:
        first = await asyncio.gather(*(bank.code(bank.first, query) for query in (READ, WRITE)))
        assert {code for code, _ in first} == {"DATABASE_UNAVAILABLE"}
        assert max(seconds for _, seconds in first) < 12, "not the 15 s of a statement and the server's grace"
        code, seconds = await bank.code(bank.first, READ)
        assert code == "DATABASE_UNAVAILABLE"
        assert seconds < 1
        assert await bank.not_ready(bank.first)
    finally:
        bank.proxy.hang = False
    await until(lambda: bank.ready(bank.first), "readiness goes green")
    assert (await bank.code(bank.first, READ))[0] is None
