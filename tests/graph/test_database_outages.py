"""What callers see when the network or the server fails in the middle: repeated where that is safe, told where not."""

from __future__ import annotations

import asyncio
import gc
import time
from collections.abc import AsyncIterator, Iterator

import pytest
from bolt_proxy import BoltProxy
from neo4j.exceptions import DatabaseError

from graph_crm.errors import DatabaseTimeout, DatabaseUnavailable
from graph_crm.graph import database as module
from graph_crm.graph.database import Database, Transaction
from graph_crm.graph.faults import translate

pytestmark = [
    pytest.mark.lts,
    # The driver leaves the socket of a line that is cut while it connects to the garbage collector.
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]


@pytest.fixture(autouse=True)
def _collected() -> Iterator[None]:
    """What the driver left behind is collected in the test that made it."""
    yield
    gc.collect()


@pytest.fixture
async def proxy(neo4j_address: tuple[str, str]) -> AsyncIterator[BoltProxy]:
    async with BoltProxy(neo4j_address[0]) as one:
        yield one


@pytest.fixture
async def shaky(proxy: BoltProxy, neo4j_address: tuple[str, str]) -> AsyncIterator[Database]:
    """A database behind the proxy."""
    database = await Database.connect(proxy.uri, "neo4j", neo4j_address[1], timeout=5.0)
    yield database
    proxy.hang = False
    await database.close()


async def make(tx: Transaction) -> None:
    await tx.run("CREATE (:Product {code: randomUUID()})")


async def made(database: Database) -> int:
    return int((await database.read("MATCH (p:Product) RETURN count(p) AS n"))[0]["n"])


async def test_reads_survive_lost_connections(shaky: Database, proxy: BoltProxy):
    for _ in range(3):
        await asyncio.gather(*(shaky.read("RETURN 1") for _ in range(10)))
        proxy.cut()
        answers = await asyncio.gather(*(shaky.read("RETURN 1 AS one") for _ in range(10)))
        assert [rows[0]["one"] for rows in answers] == [1] * 10
    assert shaky.retries > 0


async def test_reads_survive_a_restart(shaky: Database, proxy: BoltProxy):
    await proxy.stop()
    reading = asyncio.create_task(shaky.read("RETURN 1 AS one"))
    await asyncio.sleep(0.7)
    await proxy.start()
    assert (await reading)[0]["one"] == 1


async def test_a_write_whose_connection_is_lost_before_the_commit_is_repeated(
    shaky: Database, proxy: BoltProxy, empty_database: Database
):
    attempts = 0

    async def work(tx: Transaction) -> None:
        nonlocal attempts
        attempts += 1
        await make(tx)
        if attempts == 1:
            proxy.cut()
            await tx.run("RETURN 1")

    await shaky.write(work)
    assert (attempts, await made(empty_database)) == (2, 1)


async def test_a_commit_without_an_answer_is_told_and_not_repeated(
    shaky: Database, proxy: BoltProxy, empty_database: Database
):
    proxy.lose_commits = 1
    with pytest.raises(DatabaseUnavailable, match="may or may not be stored") as caught:
        await shaky.write(make)
    assert caught.value.details == {"outcome": "UNKNOWN"}
    assert "same idempotency key" in (caught.value.hint or "")
    assert await made(empty_database) == 1, "here it was stored, and the work did not run again"


async def test_an_idempotent_write_is_repeated_when_its_commit_has_no_answer(
    shaky: Database, proxy: BoltProxy, empty_database: Database
):
    proxy.lose_commits = 2
    await shaky.write(lambda tx: tx.run("MERGE (:Product {code: 'one'})"), idempotent=True)
    assert proxy.lose_commits == 0
    assert await made(empty_database) == 1


async def test_an_auto_commit_write_without_an_answer_is_told(shaky: Database, proxy: BoltProxy):
    await shaky.execute("RETURN 1")
    running = asyncio.create_task(shaky.execute("UNWIND range(1, 3000000) AS x RETURN sum(x % 7)"))
    await asyncio.sleep(0.1)
    proxy.cut()
    with pytest.raises(DatabaseUnavailable) as caught:
        await running
    assert caught.value.details == {"outcome": "UNKNOWN"}


async def test_a_server_that_hangs_does_not_hang_the_caller(
    shaky: Database, proxy: BoltProxy, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(module, "GRACE_SECONDS", 0.3)
    await shaky.read("RETURN 1")
    proxy.hang = True
    started = time.monotonic()
    with pytest.raises(DatabaseTimeout):
        await shaky.read("RETURN 1", timeout=0.5)
    with pytest.raises(DatabaseTimeout):
        await shaky.write(make, timeout=0.5)
    assert time.monotonic() - started < 3
    proxy.hang = False
    assert (await shaky.read("RETURN 1 AS one"))[0]["one"] == 1


async def test_a_server_that_stays_away_is_given_up_before_the_limit(shaky: Database, proxy: BoltProxy):
    shaky.patience = 0.5
    await proxy.stop()
    started = time.monotonic()
    with pytest.raises(DatabaseUnavailable, match="does not answer"):
        await shaky.read("RETURN 1")
    with pytest.raises(DatabaseUnavailable, match="does not answer"):
        await shaky.write(make)
    assert time.monotonic() - started < 4


async def test_connecting_waits_while_the_database_comes_up(neo4j_address: tuple[str, str]):
    proxy = BoltProxy(neo4j_address[0])
    await proxy.start()
    await proxy.stop()
    connecting = asyncio.create_task(Database.connect(proxy.uri, "neo4j", neo4j_address[1], patience=20))
    await asyncio.sleep(0.7)
    await proxy.start()
    database = await connecting
    assert (await database.read("RETURN 1 AS one"))[0]["one"] == 1
    await database.close()
    await proxy.stop()


@pytest.mark.parametrize("what", ["TransactionCommitFailed", "TransactionStartFailed"])
def test_a_database_that_can_not_write_is_unavailable_and_the_operator_is_told_why(what: str):
    """What Neo4j says once its disk was full: it answers reads, and needs a new start to write again."""
    error = translate(DatabaseError._hydrate_neo4j(code=f"Neo.DatabaseError.Transaction.{what}", message="secret"))
    assert isinstance(error, DatabaseUnavailable)
    assert error.details["outcome"] == "UNKNOWN"
    assert "disk" in str(error.hint)
    assert "secret" not in error.message
