"""Following requests over a WebSocket: own ones only, within a second, from whichever server the change came."""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
import uvicorn
from strawberry.http.exceptions import WebSocketDisconnected
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from graph_crm.api import subscriptions
from graph_crm.api.app import Application, create_app
from graph_crm.api.platform import Platform
from graph_crm.contacts.kinds import Channel
from graph_crm.errors import DatabaseUnavailable
from graph_crm.graph.database import Database
from graph_crm.requests import following
from graph_crm.requests.commands import NewRequest
from graph_crm.requests.following import RequestFeed
from graph_crm.requests.kinds import RequestOutcome
from graph_crm.requests.service import RequestService
from graph_crm.rules.manager import RuleBook
from graph_crm.security.roles import Role
from graph_crm.security.tokens import Verifier, issue
from graph_crm.settings import Settings

sys.path.insert(0, str(Path(__file__).parents[1] / "requests"))

from desk_bank import build

pytestmark = pytest.mark.lts

SECRET = "a secret of forty characters for the tests"
PROTOCOL = "graphql-transport-ws"
ONE = """subscription ($number: String!, $after: Int) {
  requestChanged(number: $number, after: $after) {
    number status previousStatus owner version news { seq kind text fromCustomer }
  }
}"""
ALL = "subscription ($party: ID) { myRequests(partyId: $party) { number status news { kind text } } }"


async def until(done: Callable[[], bool]) -> None:
    async with asyncio.timeout(5):
        while not done():  # noqa: ASYNC110 - what is waited for has no event of its own
            await asyncio.sleep(0.01)


class Server:
    """A server of its own over the shared database."""

    def __init__(self, database: Database, folder: Path, **settings: Any) -> None:
        self.ahead = 0.0
        """So many seconds the clock of the server is ahead."""
        self.verifier = Verifier(SECRET, clock=lambda: time.time() + self.ahead)
        self.platform = Platform(
            Settings(data_dir=folder, neo4j_uri=None, **settings),
            database,
            self.verifier,
            RuleBook.load([], installed=False),
        )
        self.app: Application = create_app(self.platform)
        self.feed = self.platform.service(RequestFeed)
        self.port = 0

    @asynccontextmanager
    async def running(self) -> AsyncIterator[Server]:
        config = uvicorn.Config(self.app, port=0, log_config=None, lifespan="off", ws="websockets-sansio")
        server = uvicorn.Server(config)
        server.install_signal_handlers = lambda: None  # type: ignore[method-assign]
        task = asyncio.create_task(server.serve())
        await until(lambda: server.started)
        self.port = server.servers[0].sockets[0].getsockname()[1]
        try:
            yield self
        finally:
            server.should_exit = server.force_exit = True
            await task

    def open(self, protocol: str = PROTOCOL) -> connect:
        return connect(f"ws://127.0.0.1:{self.port}/graphql", subprotocols=[protocol])  # type: ignore[list-item]

    @asynccontextmanager
    async def client(self, role: Role = Role.CUSTOMER, party: str | None = "anna") -> AsyncIterator[Client]:
        async with self.open() as socket:
            client = Client(socket)
            token = issue(SECRET, role, party_id=party)
            await client.send(type="connection_init", payload={"Authorization": f"Bearer {token}"})
            assert (await client.receive())["type"] == "connection_ack"
            yield client


class Client:
    """A client that speaks the protocol by hand."""

    def __init__(self, socket: ClientConnection) -> None:
        self.socket = socket

    async def send(self, **message: Any) -> None:
        await self.socket.send(json.dumps(message))

    async def receive(self, seconds: float = 5) -> dict[str, Any]:
        async with asyncio.timeout(seconds):
            message: dict[str, Any] = json.loads(await self.socket.recv())
        return message

    async def follow(self, query: str, identifier: str = "1", **variables: Any) -> None:
        await self.send(type="subscribe", id=identifier, payload={"query": query, "variables": variables})

    async def next(self, field: str = "requestChanged", seconds: float = 5) -> dict[str, Any]:
        message = await self.receive(seconds)
        assert message["type"] == "next", message
        assert "errors" not in message["payload"], message
        found: dict[str, Any] = message["payload"]["data"][field]
        return found

    async def refused(self) -> dict[str, Any]:
        message = await self.receive()
        assert message["type"] == "error", message
        (error,) = message["payload"]
        return dict(error)

    async def silent(self, seconds: float = 0.8) -> bool:
        with suppress(TimeoutError):
            await self.receive(seconds)
            return False
        return True

    async def all(self) -> None:
        """Read until the connection ends."""
        async with asyncio.timeout(5):
            while True:
                await self.socket.recv()

    async def closed(self) -> int:
        with pytest.raises(ConnectionClosed) as raised:
            await self.all()
        received = raised.value.rcvd
        assert received is not None
        return received.code


@pytest.fixture
async def desk(empty_database: Database) -> RequestService:
    bank = await build(empty_database)
    return RequestService(empty_database, bank.desk, roster=bank.roster)


@pytest.fixture
async def server(empty_database: Database, tmp_path: Path) -> AsyncIterator[Server]:
    async with Server(empty_database, tmp_path, websocket_subscriptions=3).running() as running:
        yield running


async def ask(desk: RequestService, party: str = "anna") -> str:
    request = NewRequest(text="My card does not work.", channel=Channel.ONLINE, party_id=party, category="CARD")
    return (await desk.open(request)).number


async def test_a_customer_is_told_what_becomes_of_the_request_when_it_becomes_so(desk: RequestService, server: Server):
    number = await ask(desk)
    async with server.client() as anna:
        await anna.follow(ONE, number=number)
        first = await anna.next()
        assert (first["number"], first["status"], first["previousStatus"], first["news"]) == (
            number,
            "ASSIGNED",
            None,
            [],
        )
        await desk.answer(number, "It works again.", by="eva")
        told = await anna.next()
        assert (told["status"], told["previousStatus"], told["owner"]) == ("ANSWERED", "ASSIGNED", first["owner"])
        assert [(one["kind"], one["text"], one["fromCustomer"]) for one in told["news"]] == [
            ("ANSWERED", "It works again.", False)
        ]
        assert told["version"] > first["version"]


async def test_what_employees_note_for_themselves_is_told_to_staff_only(desk: RequestService, server: Server):
    number = await ask(desk)
    async with server.client() as anna, server.client(Role.SERVICE, None) as agent:
        for client in (anna, agent):
            await client.follow(ONE, number=number)
            await client.next()
        await desk.note(number, "A difficult customer.", by="eva")
        assert [one["text"] for one in (await agent.next())["news"]] == ["A difficult customer."]
        await desk.answer(number, "Done.", by="eva")
        assert [one["text"] for one in (await anna.next())["news"]] == ["Done."]


async def test_nobody_follows_the_request_of_somebody_else(desk: RequestService, server: Server):
    number = await ask(desk)
    async with server.client(party="ben") as ben:
        for asked in (number, "R-0000-0000", "no number"):
            await ben.follow(ONE, number=asked)
            assert (await ben.refused())["extensions"]["code"] == "NOT_FOUND"
        await ben.follow(ALL, party="anna")
        assert (await ben.refused())["extensions"]["code"] == "FORBIDDEN"
        await ben.follow(ALL)
        await desk.answer(number, "Not for Ben.", by="eva")
        assert await ben.silent()
    async with server.client(Role.MARKETER, None) as marketer:
        await marketer.follow(ONE, number=number)
        assert (await marketer.refused())["extensions"]["code"] == "FORBIDDEN"


async def test_all_requests_of_a_customer_are_followed_new_ones_too(desk: RequestService, server: Server):
    old = await ask(desk)
    async with server.client() as anna, server.client(Role.SERVICE, None) as agent:
        await anna.follow(ALL)
        await agent.follow(ALL, party="anna")
        await until(lambda: server.feed.followers == 2)
        await asyncio.sleep(0.1)  # they have read how all stand
        new = await ask(desk)
        told = await anna.next("myRequests")
        assert (told["number"], told["news"][0]["kind"]) == (new, "OPENED")
        await agent.next("myRequests")
        await desk.close(old, RequestOutcome.SOLVED, by="eva")
        assert (await anna.next("myRequests"))["status"] == "CLOSED"


async def test_who_comes_back_is_told_what_was_missed(desk: RequestService, server: Server):
    number = await ask(desk)
    await desk.answer(number, "First.", by="eva")
    async with server.client() as anna:
        await anna.follow(ONE, number=number, after=0)
        seen = (await anna.next())["news"]
    assert [one["kind"] for one in seen if one["kind"] in ("OPENED", "ANSWERED")] == ["OPENED", "ANSWERED"]
    await desk.customer_wrote(number, "It is broken again.")
    async with server.client() as anna:
        await anna.follow(ONE, number=number, after=seen[-1]["seq"])
        assert [one["text"] for one in (await anna.next())["news"]] == ["It is broken again."]


async def test_a_change_made_at_one_server_is_told_by_another(
    empty_database: Database, desk: RequestService, server: Server, tmp_path: Path
):
    """Each has a process of its own: nothing is shared but the database."""
    number = await ask(desk)
    async with Server(empty_database, tmp_path).running() as other, server.client() as here, other.client() as there:
        for client in (here, there):
            await client.follow(ONE, number=number)
            await client.next()
        await desk.answer(number, "For both.", by="eva")
        assert [(await client.next())["status"] for client in (here, there)] == ["ANSWERED"] * 2
        assert server.feed is not other.feed


async def test_a_change_that_is_committed_late_is_not_missed(
    empty_database: Database, desk: RequestService, monkeypatch: pytest.MonkeyPatch
):
    """Its entry is older than what was told already."""
    number = await ask(desk)
    feed = RequestFeed(empty_database, every=0.02)
    changes = feed.follow_request(number, customer=True)
    assert (await anext(changes)).state.status == "ASSIGNED"
    await empty_database.execute(
        """MATCH (r:ServiceRequest {number: $number}) SET r.status = 'ANSWERED', r.version = r.version + 1, r.seq = 99
        CREATE (r)-[:LOGGED]->(:RequestEntry {id: 'late', seq: 99, kind: 'ANSWERED', text: 'late', visible: true,
          at: datetime.realtime() - duration({seconds: 14})})""",
        {"number": number},
    )
    async with asyncio.timeout(5):
        change = await anext(changes)
    assert ([one.text for one in change.news], change.state.status) == (["late"], "ANSWERED")
    await changes.aclose()
    assert feed.followers == 0


async def test_many_followers_cost_one_look(empty_database: Database, desk: RequestService):
    number = await ask(desk)
    feed = RequestFeed(empty_database, every=0.05)
    streams = [feed.follow_request(number, customer=True) for _ in range(50)]
    await asyncio.gather(*(anext(one) for one in streams))
    waiting = [asyncio.create_task(anext(one)) for one in streams]  # type: ignore[arg-type]
    await asyncio.sleep(0)
    with empty_database.counting() as sent:
        await desk.answer(number, "To all.", by="eva")
        async with asyncio.timeout(5):
            found = await asyncio.gather(*waiting)
    assert {one.state.status for one in found} == {"ANSWERED"}
    assert sum("RequestEntry) WHERE e.seq > row.after" in one for one in sent.statements) <= 1
    await asyncio.gather(*(one.aclose() for one in streams))
    assert feed._looking is None


async def test_who_is_slow_is_told_the_sum(empty_database: Database, desk: RequestService):
    number = await ask(desk)
    feed = RequestFeed(empty_database, every=0.02)
    changes = feed.follow_request(number, customer=True)
    await anext(changes)
    await desk.answer(number, "One.", by="eva")
    assert [one.text for one in (await anext(changes)).news] == ["One."]
    for text in ("Two.", "Three.", "Four."):  # nobody reads meanwhile
        await desk.answer(number, text, by="eva")
        await asyncio.sleep(0.1)
    assert [one.text for one in (await anext(changes)).news] == ["Two.", "Three.", "Four."]
    await changes.aclose()


@pytest.mark.parametrize("fault", [DatabaseUnavailable("gone"), ValueError("whatever it is")])
async def test_an_outage_of_the_database_loses_nothing(
    empty_database: Database, desk: RequestService, monkeypatch: pytest.MonkeyPatch, fault: Exception
):
    monkeypatch.setattr(following, "_OUTAGE_SECONDS", 0.02)
    number = await ask(desk)
    feed = RequestFeed(empty_database, every=0.02)
    changes = feed.follow_request(number, customer=True)
    await anext(changes)
    read, away = empty_database.read, True

    async def failing(statement: str, parameters: Any = None, **more: Any) -> Any:
        if away and "RequestEntry" in statement:
            raise fault
        return await read(statement, parameters, **more)

    monkeypatch.setattr(empty_database, "read", failing)
    waiting = asyncio.ensure_future(anext(changes))  # type: ignore[arg-type]
    await asyncio.sleep(0.1)
    await desk.answer(number, "Meanwhile.", by="eva")
    assert not waiting.done()
    away = False
    async with asyncio.timeout(5):
        assert [one.text for one in (await waiting).news] == ["Meanwhile."]
    await changes.aclose()


# The protocol


async def test_a_connection_begins_with_a_token(server: Server):
    for payload in ({}, {"authorization": "Bearer nonsense"}, {"Authorization": 7}, {"authorization": "Bearer "}):
        async with server.open() as socket:
            client = Client(socket)
            await client.send(type="connection_init", payload=payload)
            assert await client.closed() == 4403
    async with server.open() as socket:
        client = Client(socket)
        await client.follow(ONE, number="R-0000-0000")
        assert await client.closed() == 4401


async def test_a_client_that_never_says_who_it_is_is_sent_away(server: Server, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(subscriptions, "INIT_SECONDS", 0.05)
    async with server.open() as socket:
        assert await Client(socket).closed() == 4408


async def test_the_legacy_protocol_is_not_spoken(server: Server):
    async with connect(f"ws://127.0.0.1:{server.port}/graphql") as socket:
        assert await Client(socket).closed() == 4406


@pytest.mark.parametrize(
    ("message", "code"),
    [
        ("no json", 4400),
        ("[" * 5000, 4400),
        ("[]", 4400),
        ('{"type": 7}', 4400),
        ('{"type": "subscribe", "id": "1", "payload": "no object"}', 4400),
        ('{"type": "subscribe", "id": ["1"], "payload": {"query": "{a}"}}', 4400),
        ('{"type": "unknown"}', 4400),
        (json.dumps({"type": "ping", "payload": "x" * 70_000}), 1009),
        (b"\x00", 4400),
    ],
)
async def test_what_is_no_message_ends_the_connection(server: Server, message: str | bytes, code: int):
    async with server.client() as client:
        await client.socket.send(message)
        assert await client.closed() == code


async def test_queries_and_mutations_are_not_answered_here(server: Server):
    async with server.client(Role.AGENT, None) as client:
        for query, code in (
            ("{ parties { totalCount } }", "BAD_USER_INPUT"),
            ("subscription { nothing }", "GRAPHQL_VALIDATION_FAILED"),
            ("subscription {", "GRAPHQL_PARSE_FAILED"),
            ("subscription ($n: Int!) { requestChanged(number: $n) { number } }", "GRAPHQL_VALIDATION_FAILED"),
            (ONE, "BAD_USER_INPUT"),
        ):
            await client.follow(query)
            assert (await client.refused())["extensions"]["code"] == code, query


async def test_a_connection_has_so_many_subscriptions_and_ends_each_by_itself(desk: RequestService, server: Server):
    number = await ask(desk)
    async with server.client() as anna:
        for place in range(3):
            await anna.follow(ONE, str(place), number=number)
            await anna.next()
        await anna.follow(ONE, "3", number=number)
        assert (await anna.refused())["message"] == "Subscription limit reached"
        await anna.send(type="complete", id="0")
        await until(lambda: server.feed.followers == 2)
        await anna.follow(ONE, "3", number=number)
        await anna.next()
        await anna.follow(ONE, "3", number=number)
        assert await anna.closed() == 4409
    await until(lambda: not server.feed.followers)


async def test_a_server_takes_so_many_connections(empty_database: Database, tmp_path: Path):
    async with Server(empty_database, tmp_path, websocket_connections=1).running() as server:
        async with server.client(), server.open() as socket:
            assert await Client(socket).closed() == 1013
        await until(lambda: not server.app._subscriptions.taken)
        async with server.client():
            pass


async def test_a_client_that_answers_no_pings_is_gone(server: Server):
    server.app._subscriptions._ping = 0.05
    async with server.client() as client:
        assert (await client.receive())["type"] == "ping"
        assert await client.closed() == 1008


async def test_a_ping_is_answered_and_a_pong_keeps_the_connection(server: Server):
    server.app._subscriptions._ping = 0.05
    async with server.client() as client:
        for _ in range(8):
            message = await client.receive()
            assert message["type"] == "ping"
            await client.send(type="pong")
        await client.send(type="ping")
        while (await client.receive())["type"] != "pong":
            pass


async def test_a_connection_ends_with_its_token(server: Server):
    server.app._subscriptions._ping = 0.05
    async with server.client() as client:
        server.ahead = timedelta(days=2).total_seconds()
        assert await client.closed() == 4403


async def test_a_client_that_does_not_read_is_dropped(server: Server, monkeypatch: pytest.MonkeyPatch):
    class Stuck:
        application_state = None

        async def send_text(self, _text: str) -> None:
            await asyncio.sleep(60)

        async def close(self, code: int, _reason: str) -> None:
            self.code = code

    stuck = Stuck()
    socket = subscriptions._Socket(stuck, send_seconds=0.02)  # type: ignore[arg-type]
    with pytest.raises(subscriptions.WebSocketDisconnected):
        await socket.send_json({"type": "next"})
    assert stuck.code == 1008


async def test_subscriptions_are_not_answered_over_post(server: Server):
    token = issue(SECRET, Role.CUSTOMER, party_id="anna")
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{server.port}") as client:
        answer = await client.post(
            "/graphql",
            json={"query": "subscription { myRequests { number } }"},
            headers={"authorization": f"Bearer {token}"},
        )
    (error,) = answer.json()["errors"]
    assert error["extensions"]["code"] == "BAD_USER_INPUT"
    assert "WebSocket" in error["extensions"]["hint"]


async def test_a_client_that_leaves_while_it_is_told_something_is_no_fault(caplog: pytest.LogCaptureFixture):
    handler = subscriptions._Handler.__new__(subscriptions._Handler)
    await handler.handle_task_exception(WebSocketDisconnected())
    assert not caplog.records
    await handler.handle_task_exception(ValueError("a fault"))
    assert [one.name for one in caplog.records] == ["strawberry.ws.task"]
