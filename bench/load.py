"""A load generator that costs little: raw keep-alive HTTP/1.1 connections, each with one request under way."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field

import orjson


@dataclass
class Result:
    """What a run gave: answers and seconds in all, and the milliseconds of each answer."""

    count: int = 0
    seconds: float = 0.0
    milliseconds: list[float] = field(default_factory=list)

    @property
    def rate(self) -> float:
        """Answers a second."""
        return self.count / self.seconds

    def percentile(self, share: float) -> float:
        """The milliseconds that ``share`` of the answers stayed under."""
        ordered = sorted(self.milliseconds)
        return ordered[min(int(len(ordered) * share), len(ordered) - 1)]


def request(token: str, query: str, variables: dict[str, object], host: str = "127.0.0.1") -> bytes:
    """The bytes of one GraphQL request."""
    body = orjson.dumps({"query": query, "variables": variables})
    head = (
        f"POST /graphql HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer {token}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


async def _answer(reader: asyncio.StreamReader) -> bytes:
    head = await reader.readuntil(b"\r\n\r\n")
    if not head.startswith(b"HTTP/1.1 200"):
        raise RuntimeError(head.decode())
    start = head.lower().index(b"content-length:") + 15
    return await reader.readexactly(int(head[start : head.index(b"\r\n", start)]))


async def http(port: int, requests: Sequence[bytes], *, clients: int, seconds: float) -> Result:
    """Send the requests in turn from ``clients`` connections for ``seconds``; every answer must hold data."""
    result = Result()
    end = time.perf_counter() + seconds

    async def client(offset: int) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=2**22)
        index = offset
        while (started := time.perf_counter()) < end:
            writer.write(requests[index % len(requests)])
            body = await _answer(reader)
            if not body.startswith(b'{"data":{') or b'"errors":' in body:
                raise RuntimeError(body[:500].decode())
            result.milliseconds.append((time.perf_counter() - started) * 1000)
            result.count += 1
            index += clients
        writer.close()

    started = time.perf_counter()
    await asyncio.gather(*[client(offset) for offset in range(clients)])
    result.seconds = time.perf_counter() - started
    return result


async def calls(work: Callable[[int], Awaitable[object]], *, clients: int, seconds: float) -> Result:
    """Call ``work(index)`` from ``clients`` tasks for ``seconds``."""
    result = Result()
    end = time.perf_counter() + seconds

    async def client(offset: int) -> None:
        index = offset
        while (started := time.perf_counter()) < end:
            await work(index)
            result.milliseconds.append((time.perf_counter() - started) * 1000)
            result.count += 1
            index += clients

    started = time.perf_counter()
    await asyncio.gather(*[client(offset) for offset in range(clients)])
    result.seconds = time.perf_counter() - started
    return result
