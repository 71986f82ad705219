"""A server of its own on a real port, and clients that speak HTTP by hand, as slowly or as oddly as a test wants."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

import uvicorn
from starlette.types import ASGIApp, Receive, Scope, Send

from graph_crm.api.edge import connections
from graph_crm.api.edge.connections import Bounds


async def small_app(scope: Scope, receive: Receive, send: Send) -> None:
    """Reads the body and answers with its length; ``/large`` answers with a lot; a WebSocket says what it hears."""
    if scope["type"] == "websocket":
        await receive()
        await send({"type": "websocket.accept"})
        while (message := await receive())["type"] == "websocket.receive":
            await send(
                {"type": "websocket.send", "text": message["text"] * (200_000 if message["text"] == "much" else 1)}
            )
        return
    size, more = 0, True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            return
        size += len(message.get("body", b""))
        more = message.get("more_body", False)
    body = b"x" * 30_000_000 if scope["path"] == "/large" else str(size).encode()
    headers = [(b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})


@dataclass
class Port:
    """Where a server listens, and what it knows of its connections."""

    number: int
    bounds: Bounds
    server: uvicorn.Server
    wires: list[Wire] = field(default_factory=list)

    async def open(self, *, buffer: int | None = None) -> Wire:
        """A connection; ``buffer``: bytes that the client's system keeps of what it does not read."""
        raw = socket.socket()
        if buffer is not None:
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffer)
        raw.setblocking(False)
        await asyncio.get_running_loop().sock_connect(raw, ("127.0.0.1", self.number))
        reader, writer = await asyncio.open_connection(sock=raw, limit=1024)
        self.wires.append(Wire(reader, writer))
        return self.wires[-1]

    async def gone(self) -> None:
        """Wait until the server has no connection."""
        async with asyncio.timeout(5):
            while self.bounds.addresses or self.server.server_state.connections:  # noqa: ASYNC110 - it has no event
                await asyncio.sleep(0.01)


@dataclass
class Wire:
    """A client's end of a connection."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    dripping: asyncio.Task[None] | None = None

    async def send(self, *parts: bytes) -> None:
        """Write, as one piece each."""
        for part in parts:
            self.writer.write(part)
            await self.writer.drain()

    async def answer(self) -> bytes:
        """What comes until the server closes the connection."""
        parts = []
        async with asyncio.timeout(5):
            with suppress(ConnectionError):
                while part := await self.reader.read(65536):
                    parts.append(part)
        return b"".join(parts)

    async def head(self) -> bytes:
        """The head of one answer; its body stays."""
        async with asyncio.timeout(5):
            return await self.reader.readuntil(b"\r\n\r\n")

    def close(self) -> None:
        """Leave at once."""
        if self.dripping is not None:
            self.dripping.cancel()
        self.writer.transport.abort()
        self.writer.close()

    async def drip(self, parts: list[bytes], seconds: float = 0.05) -> None:
        """Send a part every few moments, until the server closes the connection."""
        with suppress(ConnectionError):
            for part in parts:
                await self.send(part)
                await asyncio.sleep(seconds)


@asynccontextmanager
async def listening(app: ASGIApp = small_app, bounds: Bounds | None = None, **config: Any) -> AsyncIterator[Port]:
    """A server with these bounds."""
    bounds = bounds or Bounds()
    http, websocket = connections.guarded(bounds)
    server = uvicorn.Server(
        uvicorn.Config(
            app,
            port=0,
            http=http,
            ws=websocket,
            log_config=None,
            lifespan="off",
            access_log=False,
            ws_per_message_deflate=False,
            timeout_graceful_shutdown=0,
            **config,
        )
    )
    server.install_signal_handlers = lambda: None  # type: ignore[method-assign]
    task = asyncio.create_task(server.serve())
    async with asyncio.timeout(5):
        while not server.started:  # noqa: ASYNC110 - uvicorn tells it in no other way
            await asyncio.sleep(0.01)
    port = Port(server.servers[0].sockets[0].getsockname()[1], bounds, server)
    try:
        yield port
    finally:
        for wire in port.wires:
            wire.close()
        server.should_exit = server.force_exit = True
        await task
