"""What nobody waits for any more ends in the database too: the caller has left, or the request's time is over."""

from __future__ import annotations

import asyncio
import json
import socket
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from graph_crm.api.app import create_app
from graph_crm.api.edge.serving import server_of
from graph_crm.api.leaving import LEFT, CallerLeft, while_there
from graph_crm.api.platform import Platform
from graph_crm.errors import DatabaseTimeout
from graph_crm.graph import deadlines
from graph_crm.graph.database import Database
from graph_crm.rules.manager import RuleBook
from graph_crm.security.roles import Role
from graph_crm.security.tokens import Verifier, issue
from graph_crm.settings import Settings

pytestmark = pytest.mark.lts
SECRET = "a secret of forty characters for the tests"
SLOW = "UNWIND range(1, 1000000000) AS x UNWIND range(1, 1000) AS y WITH x, y WHERE x + y < 0 RETURN count(*) AS {name}"
RUNNING = "SHOW TRANSACTIONS YIELD currentQuery WHERE currentQuery CONTAINS $name AND currentQuery STARTS WITH 'UNWIND'"


async def until(true: Callable[[], Awaitable[bool]], seconds: float = 15.0) -> float:
    """Wait until something holds, and tell how many seconds that took; fails where it does not come."""
    begun = time.monotonic()
    while not await true():
        assert time.monotonic() - begun < seconds, "it did not come"
        await asyncio.sleep(0.02)
    return time.monotonic() - begun


async def running(database: Database, name: str) -> bool:
    """Whether the slow statement of this name runs in Neo4j."""
    (row,) = await database.read(f"{RUNNING} RETURN count(*) AS many", {"name": f"AS {name}"})
    return bool(row["many"])


@pytest.fixture
async def server(
    database: Database, tmp_path: Path, request: pytest.FixtureRequest
) -> AsyncIterator[tuple[int, Database]]:
    """A server on a real port; its requests may take so many seconds as the test says, else twenty."""
    settings = Settings(data_dir=tmp_path, neo4j_uri=None, request_timeout=getattr(request, "param", 20.0))
    platform = Platform(settings, database, Verifier(SECRET), RuleBook.load([], installed=False))
    made = server_of(create_app(platform), settings)
    listening = socket.create_server(("127.0.0.1", 0))
    task = asyncio.create_task(made.serve(sockets=[listening]))
    yield listening.getsockname()[1], database
    made.should_exit = True
    await task


def post(query: str, role: Role = Role.ADMINISTRATOR) -> bytes:
    """The bytes of a request."""
    body = json.dumps({"query": query}).encode()
    head = (
        f"POST /graphql HTTP/1.1\r\nhost: bank\r\nauthorization: Bearer {issue(SECRET, role)}\r\n"
        f"content-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


def slowed(monkeypatch: pytest.MonkeyPatch, database: Database, name: str) -> None:
    """Make the statement of `parties` a slow one."""
    read = database.read

    async def slow(statement: str, parameters: Any = None, **more: Any) -> Any:
        return await read(SLOW.format(name=name) if "(n1:Party)" in statement else statement, parameters, **more)

    monkeypatch.setattr(database, "read", slow)


async def test_a_query_ends_in_the_database_when_its_caller_leaves(
    server: tuple[int, Database], monkeypatch: pytest.MonkeyPatch
):
    port, database = server
    slowed(monkeypatch, database, "left")
    before = LEFT._value.get()
    _, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(post("{ parties { totalCount } }"))
    await until(lambda: running(database, "left"))
    writer.close()

    async def gone() -> bool:
        return not await running(database, "left")

    assert await until(gone) < 6, "it did not run on until its time was over"
    assert LEFT._value.get() == before + 1
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}") as client:
        answer = await client.post(
            "/graphql",
            json={"query": "{ __typename }"},
            headers={"authorization": f"Bearer {issue(SECRET, Role.ADMINISTRATOR)}"},
        )
        assert answer.json() == {"data": {"__typename": "Query"}}


async def test_a_change_is_made_to_its_end_though_its_caller_has_left(
    server: tuple[int, Database], monkeypatch: pytest.MonkeyPatch, empty_database: Database
):
    port, database = server
    write = database.write
    begun = asyncio.Event()

    async def slow(work: Any, **more: Any) -> Any:
        begun.set()
        await asyncio.sleep(0.3)
        return await write(work, **more)

    monkeypatch.setattr(database, "write", slow)
    _, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(post('mutation { createPerson(input: {id: "left:1", familyName: "Nováková"}) { id } }'))
    await asyncio.wait_for(begun.wait(), 5)
    writer.close()

    async def there() -> bool:
        return bool((await database.read("MATCH (p:Party {id: 'left:1'}) RETURN count(p) AS many"))[0]["many"])

    await until(there)


async def test_neo4j_gets_what_is_left_of_the_request_s_time(database: Database):
    begun = time.monotonic()
    with deadlines.within(0.5), pytest.raises(DatabaseTimeout):
        await database.read(SLOW.format(name="late"), timeout=20)
    assert time.monotonic() - begun < 5
    assert not await running(database, "late")


@pytest.mark.parametrize("server", [1.0], indirect=True)
async def test_a_request_whose_time_is_over_leaves_nothing_running(
    server: tuple[int, Database], monkeypatch: pytest.MonkeyPatch
):
    port, database = server
    slowed(monkeypatch, database, "over")
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=10) as client:
        answer = await client.post(
            "/graphql",
            json={"query": "{ parties { totalCount } }"},
            headers={"authorization": f"Bearer {issue(SECRET, Role.ADMINISTRATOR)}"},
        )
    assert answer.json()["errors"][0]["extensions"]["code"] in {"REQUEST_TIMEOUT", "DATABASE_TIMEOUT"}

    async def gone() -> bool:
        return not await running(database, "over")

    await until(gone, 6)


def test_an_inner_time_can_shorten_and_not_lengthen():
    assert deadlines.left(5) == 5
    with deadlines.within(1):
        assert deadlines.left(5) <= 1
        with deadlines.within(10):
            assert deadlines.left(5) <= 1
        assert deadlines.left(0.1) == 0.1
    assert deadlines.left(5) == 5
    with deadlines.within(-1):
        assert deadlines.left(5) == deadlines.SHORTEST


async def never() -> None:
    await asyncio.Event().wait()


async def at_once() -> None:
    return


async def test_work_that_is_done_is_answered_though_the_caller_leaves_at_that_moment():
    async def work() -> int:
        await asyncio.sleep(0)
        return 1

    assert await while_there(at_once, work()) == 1
    assert await while_there(never, work()) == 1
    assert await while_there(None, work()) == 1


async def test_work_nobody_waits_for_is_cancelled_and_its_errors_stay_its_own():
    with pytest.raises(CallerLeft):
        await while_there(at_once, never())

    async def failing() -> None:
        await asyncio.sleep(0.1)
        raise ValueError("its own")

    with pytest.raises(ValueError, match="its own"):
        await while_there(never, failing())


async def test_who_cancels_for_another_reason_is_obeyed():
    task = asyncio.create_task(while_there(never, never()))
    await asyncio.sleep(0.1)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.1):
            await while_there(never, never())
