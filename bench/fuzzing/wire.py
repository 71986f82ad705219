"""HTTP and WebSocket by hand, as a client that does not keep to what a library thinks is right."""

from __future__ import annotations

import asyncio
import contextlib
import json
from dataclasses import dataclass, field

import websockets
from websockets.asyncio.client import connect

SECONDS = 40.0


@dataclass
class Answer:
    """Status and body of an answer; status 0: the connection was closed without one."""

    status: int
    body: bytes = b""


@dataclass
class Wire:
    """One keep-alive connection, opened again where the server closes it."""

    port: int
    _reader: asyncio.StreamReader | None = None
    _writer: asyncio.StreamWriter | None = field(default=None, repr=False)

    async def post(self, body: bytes, authorization: str | None, kind: str = "application/json") -> Answer:
        """POST /graphql; header values go out as they are, with what would end their line taken away."""
        said = f"Authorization: {authorization}\r\n" if authorization is not None else ""
        head = (
            f"POST /graphql HTTP/1.1\r\nHost: 127.0.0.1\r\n{said}Content-Type: {kind}\r\n"
            f"Content-Length: {len(body)}\r\n\r\n"
        )
        async with asyncio.timeout(SECONDS):
            for fresh in (False, True):
                if self._writer is None or fresh:
                    self._reader, self._writer = await asyncio.open_connection("127.0.0.1", self.port, limit=2**22)
                try:
                    self._writer.write(head.encode("latin-1") + body)
                    return await self._answer()
                except (asyncio.IncompleteReadError, ConnectionError):
                    self._writer.close()
                    self._writer = None
        return Answer(0)

    async def _answer(self) -> Answer:
        assert self._reader is not None  # noqa: S101 - opened above
        assert self._writer is not None  # noqa: S101
        head = (await self._reader.readuntil(b"\r\n\r\n")).decode("latin-1").lower()
        length = int(head.split("content-length:", 1)[1].split("\r\n", 1)[0]) if "content-length:" in head else 0
        answer = Answer(int(head.split(" ", 2)[1]), await self._reader.readexactly(length))
        if "connection: close" in head:
            self._writer.close()
            self._writer = None
        return answer

    def close(self) -> None:
        """Close the connection."""
        if self._writer is not None:
            self._writer.close()


async def subscribe(port: int, body: bytes, token: str | None, seconds: float) -> str:
    """Everything that a subscription says within ``seconds``, and the code with which the server ends it."""
    heard: list[str] = []
    protocol = websockets.Subprotocol("graphql-transport-ws")
    try:
        async with connect(f"ws://127.0.0.1:{port}/graphql", subprotocols=[protocol], max_size=2**22) as socket:
            payload = {"Authorization": f"Bearer {token}"} if token is not None else {}
            await socket.send(json.dumps({"type": "connection_init", "payload": payload}))
            heard.append(str(await asyncio.wait_for(socket.recv(), SECONDS)))
            await socket.send(f'{{"id": "1", "type": "subscribe", "payload": {body.decode()}}}')
            with contextlib.suppress(TimeoutError):
                while True:
                    heard.append(str(await asyncio.wait_for(socket.recv(), seconds)))
                    if json.loads(heard[-1])["type"] in {"error", "complete"}:
                        break
    except websockets.ConnectionClosed as closed:
        heard.append(f"closed {closed.rcvd.code if closed.rcvd else 1006}")
    return "\n".join(heard)
