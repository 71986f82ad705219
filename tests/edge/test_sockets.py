"""WebSockets: who may open one, how many, and what ends it."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import orjson
import pytest
from slow_clients import listening
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from graph_crm.api import subscriptions
from graph_crm.api.app import create_app
from graph_crm.api.persisted import digest
from graph_crm.api.platform import Platform
from graph_crm.errors import DatabaseUnavailable
from graph_crm.graph.database import Database
from graph_crm.rules.manager import RuleBook
from graph_crm.security.keys import KeysUnavailable
from graph_crm.security.roles import Role
from graph_crm.security.tokens import Verifier, issue
from graph_crm.settings import Settings

SECRET = "a secret of forty characters for the tests"
DESK = "https://desk.bank.example"
Opened = Callable[..., Any]


class House:
    """A server, and those who call it."""

    def __init__(self, number: int, verifier: Verifier) -> None:
        self.verifier = verifier
        self._url = f"ws://127.0.0.1:{number}/graphql"

    def open(self, **more: Any) -> connect:
        return connect(self._url, subprotocols=["graphql-transport-ws"], **more)  # type: ignore[list-item]

    async def known(self, stack: AsyncExitStack, subject: str = "jana", *, seconds: float = 300) -> ClientConnection:
        """A connection whose client has said who it is."""
        socket = await stack.enter_async_context(self.open())
        await say_who(socket, subject, seconds)
        assert json.loads(await socket.recv())["type"] == "connection_ack"
        return socket


async def say_who(socket: ClientConnection, subject: str = "jana", seconds: float = 300) -> None:
    token = issue(SECRET, Role.AGENT, subject=subject, lifetime=timedelta(seconds=seconds))
    await socket.send(json.dumps({"type": "connection_init", "payload": {"authorization": f"Bearer {token}"}}))


async def closed(socket: ClientConnection) -> int | None:
    async def until_the_end() -> None:
        while True:
            await socket.recv()

    with pytest.raises(ConnectionClosed) as raised:
        await asyncio.wait_for(until_the_end(), 5)
    return raised.value.rcvd.code if raised.value.rcvd else None


@pytest.fixture
def opened(database: Database, tmp_path: Path) -> Opened:
    """A server with these settings."""

    @asynccontextmanager
    async def open_(**settings: Any) -> AsyncIterator[House]:
        verifier = Verifier(SECRET)
        made = Settings(data_dir=tmp_path, neo4j_uri=None, **settings)
        platform = Platform(made, database, verifier, RuleBook.load([], installed=False))
        async with listening(create_app(platform)) as port:
            yield House(port.number, verifier)

    return open_


async def test_a_page_of_another_origin_opens_none(opened: Opened) -> None:
    async with opened(allowed_origins=[DESK], public_url="https://crm.bank.example") as house:
        for origin in (None, DESK, "https://crm.bank.example"):
            async with house.open(origin=origin):
                pass
        for origin in ("https://evil.example", "null", f"{DESK}.evil.example", "http://desk.bank.example"):
            with pytest.raises(InvalidStatus) as refused:
                async with house.open(origin=origin):
                    pass
            assert refused.value.response.status_code == 403


async def test_a_handshake_names_this_server(opened: Opened) -> None:
    async with opened(allowed_hosts=["crm.bank.example"]) as house:
        with pytest.raises(InvalidStatus) as refused:
            async with house.open():
                pass
        assert refused.value.response.status_code == 403


async def test_an_address_opens_so_many_a_second(opened: Opened) -> None:
    async with opened(address_requests_per_second=0.3) as house:
        for _ in range(3):
            async with house.open():
                pass
        with pytest.raises(InvalidStatus):
            async with house.open():
                pass


async def test_one_caller_has_so_many_and_leaves_the_rest_to_others(opened: Opened) -> None:
    async with opened(websocket_per_caller=2) as house, AsyncExitStack() as stack:
        first = await house.known(stack)
        await house.known(stack)
        third = await stack.enter_async_context(house.open())
        await say_who(third)
        assert await closed(third) == 1013
        await house.known(stack, "eva")
        await first.close()
        await house.known(stack)


async def test_those_who_have_not_said_who_they_are_take_only_their_few_places(opened: Opened) -> None:
    async with opened(websocket_unknown=3) as house, AsyncExitStack() as stack:
        early = [await stack.enter_async_context(house.open()) for _ in range(3)]
        assert await closed(await stack.enter_async_context(house.open())) == 1013
        await say_who(early[0])
        assert json.loads(await early[0].recv())["type"] == "connection_ack"
        await stack.enter_async_context(house.open())  # the place of the one who is known now


async def test_one_address_can_not_take_all_places_of_the_unknown(
    opened: Opened, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(subscriptions, "UNKNOWN_OF_ADDRESS", 2)
    async with opened() as house, AsyncExitStack() as stack:
        for _ in range(2):
            await stack.enter_async_context(house.open())
        assert await closed(await stack.enter_async_context(house.open())) == 1013


async def test_a_connection_ends_when_its_token_does(opened: Opened) -> None:
    async with opened() as house, AsyncExitStack() as stack:
        started = time.monotonic()
        socket = await house.known(stack, seconds=1)
        assert await closed(socket) == 4403
        assert time.monotonic() - started < 3  # long before the next ping


async def test_a_client_that_follows_nothing_is_sent_away(opened: Opened, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(subscriptions, "IDLE_SECONDS", 0.1)
    async with opened() as house, AsyncExitStack() as stack:
        monkeypatch.setattr(house.verifier, "seconds_left", lambda _admitted: 0.06)
        assert await closed(await house.known(stack)) == 1000


async def test_a_client_that_says_too_much_is_sent_away(opened: Opened) -> None:
    async with opened() as house, AsyncExitStack() as stack:
        socket = await house.known(stack)
        for _ in range(90):
            await socket.send('{"type": "pong"}')
        await socket.send('{"type": "ping"}')
        assert json.loads(await socket.recv())["type"] == "pong"
        for _ in range(60):
            await socket.send('{"type": "pong"}')
        assert await closed(socket) == 1008


@pytest.mark.parametrize(
    "text", [r'{"id": "\ud800", "type": "subscribe", "payload": {"query": "{ x }"}}', '{"type": NaN}', "[" * 5_000]
)
async def test_what_is_no_json_ends_the_connection_and_is_no_failure_of_the_server(opened: Opened, text: str) -> None:
    async with opened() as house, AsyncExitStack() as stack:
        socket = await house.known(stack)
        await socket.send(text)
        assert await closed(socket) == 4400


async def test_a_persisted_document_is_followed_by_its_hash(opened: Opened, tmp_path: Path) -> None:
    text = 'subscription { requestChanged(number: "R-0000-0000") { __typename } }'
    manifest = tmp_path / "documents.json"
    manifest.write_bytes(orjson.dumps({digest(text): text}))
    hashed = {"extensions": {"persistedQuery": {"version": 1, "sha256Hash": digest(text)}}}
    unknown = "0" * 64
    codes: list[str] = []
    async with opened(documents=manifest, documents_only=["agent"]) as house, AsyncExitStack() as stack:
        socket = await house.known(stack)
        for payload in (
            {"query": text}, {"documentId": digest(text)}, hashed, {"query": "subscription { x }"},
            {"documentId": unknown}, {"documentId": unknown, "query": text}, {"documentId": "short"},
        ):  # fmt: skip
            await socket.send(json.dumps({"id": "1", "type": "subscribe", "payload": payload}))
            told = json.loads(await asyncio.wait_for(socket.recv(), 5))
            assert (told["id"], told["type"]) == ("1", "error")
            codes.append(told["payload"][0]["extensions"]["code"])
    known, refused = codes[:3], codes[3:]
    assert set(known) == {known[0]}
    assert known[0] not in {"PERSISTED_QUERY_REQUIRED", "PERSISTED_QUERY_NOT_FOUND"}, (
        "asked, and there is no such request"
    )
    assert refused == ["PERSISTED_QUERY_REQUIRED"] * 2 + ["BAD_USER_INPUT"] * 2


async def test_what_can_not_be_checked_now_is_no_reason_to_let_somebody_in(
    opened: Opened, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with opened() as house, AsyncExitStack() as stack:

        async def away(_token: str) -> None:
            raise KeysUnavailable("The keys can't be had.")

        monkeypatch.setattr(house.verifier, "admit", away)
        socket = await stack.enter_async_context(house.open())
        await say_who(socket)
        assert await closed(socket) == 1013


@pytest.mark.parametrize(("error", "stays"), [(DatabaseUnavailable("away"), True), (KeysUnavailable("away"), False)])
async def test_a_database_that_is_away_ends_no_connection_and_keys_that_are_too_old_do(
    opened: Opened,
    monkeypatch: pytest.MonkeyPatch,
    error: Exception,
    stays: bool,  # noqa: FBT001
) -> None:
    looked = asyncio.Event()
    async with opened() as house, AsyncExitStack() as stack:
        left = iter([0.05])
        monkeypatch.setattr(house.verifier, "seconds_left", lambda _admitted: next(left, 60))
        socket = await house.known(stack)

        async def away(_token: str) -> None:
            looked.set()
            raise error

        monkeypatch.setattr(house.verifier, "admit", away)
        await asyncio.wait_for(looked.wait(), 5)
        if stays:
            await socket.send('{"type": "ping"}')
            assert json.loads(await socket.recv())["type"] == "pong"
        else:
            assert await closed(socket) == 1013
