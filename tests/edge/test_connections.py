"""Connections: what a client may not do with them, whatever it sends, and that everybody else is served meanwhile."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import suppress

import pytest
from slow_clients import Port, listening
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

from graph_crm.api.edge import connections
from graph_crm.api.edge.connections import Bounds

GET = b"GET / HTTP/1.1\r\nhost: bank\r\n"


@pytest.fixture
async def port() -> AsyncIterator[Port]:
    """A server that is as impatient as a test."""
    quick = Bounds(header_seconds=0.3, body_seconds=0.3, answer_seconds=0.3, socket_seconds=0.3)
    async with listening(bounds=quick, timeout_keep_alive=1) as made:
        yield made


async def served(port: Port) -> bool:
    """Whether somebody who does nothing odd is answered."""
    wire = await port.open()
    await wire.send(GET + b"connection: close\r\n\r\n")
    return b" 200 OK" in await wire.answer()


async def test_a_request_is_answered_and_leaves_nothing_behind(port: Port) -> None:
    wire = await port.open()
    for _ in range(3):
        await wire.send(b"POST / HTTP/1.1\r\ncontent-length: 5\r\n\r\nhello")
        assert b" 200 OK" in await wire.head()
        assert await wire.reader.read(1) == b"5"
    wire.close()
    await port.gone()


@pytest.mark.parametrize(
    "parts",
    [
        pytest.param([], id="nothing at all"),
        pytest.param([b"\r\n"] * 200, id="empty lines"),
        pytest.param([b"G"], id="a letter"),
        pytest.param([GET, *(b"x: y\r\n",) * 200], id="a line of the head at a time"),
        pytest.param([GET + b"\r\n", *(b"G", b"E", b"T") * 50], id="a second request"),
    ],
)
async def test_a_head_that_does_not_end_is_given_up(port: Port, parts: list[bytes]) -> None:
    wire = await port.open()
    wire.dripping = asyncio.create_task(wire.drip(parts))
    started = time.monotonic()
    await wire.answer()
    assert time.monotonic() - started < 4
    await port.gone()
    assert await served(port)


async def test_who_is_slow_is_told_so(port: Port) -> None:
    wire = await port.open()
    await wire.send(GET)
    assert (await wire.answer()).startswith(b"HTTP/1.1 408 ")


async def test_the_head_of_a_second_request_behind_a_first_has_an_end_too(port: Port) -> None:
    wire = await port.open()
    await wire.send(GET + b"\r\n" + GET)  # one piece
    assert b" 200 OK" in await wire.head()
    await wire.answer()
    await port.gone()


@pytest.mark.parametrize(
    ("head", "statuses"),
    [
        pytest.param(b"GET /" + b"x" * 20_000 + b" HTTP/1.1\r\n\r\n", (400,), id="target"),
        pytest.param(b"GET /" + b"x" * 5_000_000, (400, 431), id="target without an end"),
        pytest.param(GET + b"x: " + b"y" * 70_000 + b"\r\n\r\n", (400, 431), id="one line"),
        pytest.param(GET + b"x: " + b"y" * 5_000_000, (400, 431), id="one line without an end"),
        pytest.param(GET + b"x" * 5_000_000, (400, 431), id="a name without an end"),
        pytest.param(GET + b"x: y\r\n" * 200 + b"\r\n", (400,), id="lines"),
        pytest.param(b"\x16\x03\x01\x02\x00\x01", (400,), id="TLS"),
        pytest.param(b"SSH-2.0-OpenSSH_9\r\n", (400,), id="SSH"),
        pytest.param(GET + b"content-length: 5\r\ncontent-length: 6\r\n\r\nhello", (400,), id="two lengths"),
        pytest.param(
            GET + b"content-length: 5\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n", (400,), id="length and chunks"
        ),
        pytest.param(b"GET / HTTP/1.1\r\nhost : bank\r\n\r\n", (400,), id="blank before a colon"),
        pytest.param(b"GET / HTTP/1.1\nhost: bank\n\n", (400, 408), id="bare line feeds"),
    ],
)
async def test_a_head_that_is_too_large_or_none_is_refused(port: Port, head: bytes, statuses: tuple[int, ...]) -> None:
    wire = await port.open()
    with suppress(ConnectionError):
        await wire.send(*(head[at : at + 20_000] for at in range(0, len(head), 20_000)))
    answer = await wire.answer()
    assert not answer or int(answer.split()[1]) in statuses  # a reset may overtake the answer
    await port.gone()
    assert await served(port)


async def test_a_body_that_stops_is_given_up_and_a_slow_one_that_goes_on_is_not(
    port: Port, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connections, "SLOWEST_BODY", 20.0)
    stopping, going = await port.open(), await port.open()
    for wire in (stopping, going):
        await wire.send(b"POST / HTTP/1.1\r\ncontent-length: 40\r\n\r\n")
    for _ in range(10):
        await going.send(b"xxxx")
        await asyncio.sleep(0.08)
    assert b" 200 OK" in await going.head()
    assert await stopping.answer() == b""
    going.close()
    await port.gone()


async def test_who_does_not_read_the_answer_is_dropped(port: Port) -> None:
    wire = await port.open(buffer=4096)
    await wire.send(b"GET /large HTTP/1.1\r\n\r\n")
    await port.gone()
    wire.close()


async def test_there_are_so_many_connections_and_one_more_is_closed_at_once() -> None:
    async with listening(bounds=Bounds(connections=2)) as port:
        wires = [await port.open() for _ in range(2)]
        await wires[0].send(GET + b"\r\n")
        await wires[0].head()
        assert await (await port.open()).answer() == b""
        wires[1].close()
        async with asyncio.timeout(5):
            while not await served(port):
                pass


async def test_one_address_has_so_many_connections() -> None:
    async with listening(bounds=Bounds(per_address=2)) as port:
        wires = [await port.open() for _ in range(2)]
        await wires[1].send(GET + b"\r\n")
        await wires[1].head()
        assert await (await port.open()).answer() == b""
        assert port.bounds.addresses == {"127.0.0.1": 2}
        for wire in wires:
            wire.close()
        await port.gone()
        assert await served(port)


async def test_many_slow_clients_hold_up_nobody(port: Port) -> None:
    """Slowloris: hundreds of connections that are about to send something."""
    wires = [await port.open() for _ in range(300)]
    await asyncio.gather(*(wire.send(GET) for wire in wires))
    assert await served(port)
    answers = await asyncio.gather(*(wire.answer() for wire in wires))
    assert all(not answer or answer.startswith(b"HTTP/1.1 408 ") for answer in answers)
    await port.gone()


async def test_a_socket_is_no_request_and_has_bounds_of_its_own(port: Port) -> None:
    async with connect(f"ws://127.0.0.1:{port.number}/") as socket:
        await asyncio.sleep(0.5)  # longer than the head of a request may take
        await socket.send("hello")
        assert await socket.recv() == "hello"
        assert port.bounds.addresses == {}
    await port.gone()


async def test_a_socket_that_does_not_read_is_dropped(port: Port) -> None:
    async with connect(f"ws://127.0.0.1:{port.number}/", max_queue=1) as socket:
        socket.transport.pause_reading()
        for _ in range(40):  # 800 KB each: more than both systems keep between them
            await socket.send("much")
        await port.gone()
        socket.transport.abort()


async def test_a_flood_of_pings_ends_the_connection(port: Port) -> None:
    async with connect(f"ws://127.0.0.1:{port.number}/") as socket:
        await (await socket.ping())
        with suppress(ConnectionClosed):
            for _ in range(200):
                await socket.ping()
        with pytest.raises(ConnectionClosed):
            await asyncio.wait_for(socket.recv(), 5)
    await port.gone()
