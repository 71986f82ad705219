"""Connections below HTTP: how many there are, and how long a client may take to send a request or to read an answer.

uvicorn waits for the head of a request, for its body, and for a reader of the answer as long as it takes; and its
parser keeps a head of any size. These two protocols are uvicorn's own with an end to each of it:

- a head has HEADER seconds and 64 KB, its target 16 KB, and at most 100 lines;
- a body may stop for 30 seconds in all and comes with 8 KB a second at least (while the platform reads it);
- an answer is read within 30 seconds or the connection is dropped, with 64 KB waiting for it at most;
- a WebSocket that does not read is dropped after 10 seconds, one that floods with pings at once;
- of connections there are so many for all, and so many for one address; one more is closed before it is heard.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from dataclasses import dataclass, field
from enum import Enum, auto
from typing import Any, Final

from prometheus_client import Counter as Metric
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

LARGEST_HEAD: Final = 64_000
LONGEST_TARGET: Final = 16_000
MOST_LINES: Final = 100
BODY_SECONDS: Final = 30.0
"""What a body may take beside the time of its bytes."""
SLOWEST_BODY: Final = 8_000.0
"""Bytes of a body a second at least."""
ANSWER_SECONDS: Final = 30.0
SOCKET_SECONDS: Final = 10.0
PINGS_A_SECOND: Final = 5.0
MOST_PINGS: Final = 50.0

REFUSED: Final = Metric(
    "graph_crm_connections_refused_total", "Connections that were closed by the server for what they did", ["reason"]
)
_TIMED_OUT: Final = b"HTTP/1.1 408 Request Timeout\r\nconnection: close\r\ncontent-length: 0\r\n\r\n"
_TOO_LARGE: Final = b"HTTP/1.1 431 Request Header Fields Too Large\r\nconnection: close\r\ncontent-length: 0\r\n\r\n"


@dataclass
class Bounds:
    """What the connections of a server share: their limits, and how many there are of each address."""

    connections: int = 4000
    per_address: int = 0
    header_seconds: float = 10.0
    body_seconds: float = BODY_SECONDS
    answer_seconds: float = ANSWER_SECONDS
    socket_seconds: float = SOCKET_SECONDS
    addresses: Counter[str] = field(default_factory=Counter)

    def enter(self, address: str, others: int) -> bool:
        """Count a new connection beside ``others``; False where it is one too many, which is not counted."""
        if others >= self.connections or (self.per_address and self.addresses[address] >= self.per_address):
            return False
        self.addresses[address] += 1
        return True

    def leave(self, address: str) -> None:
        """A counted connection has gone."""
        self.addresses[address] -= 1
        if not self.addresses[address]:
            del self.addresses[address]


class _Stage(Enum):
    """What a connection is waited for."""

    IDLE = auto()
    HEAD = auto()
    BODY = auto()


class GuardedHttp(HttpToolsProtocol):
    """uvicorn's HTTP/1.1 with an end to everything. Its limits are those of the class: see `guarded`."""

    bounds = Bounds()

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._stage = _Stage.IDLE
        self._address: str | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._reader: asyncio.TimerHandle | None = None
        self._head = 0
        self._lines = 0
        self._received = 0
        self._begun = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take a connection, or close it where there are too many."""
        others = len(self.connections)
        super().connection_made(transport)  # type: ignore[arg-type]
        address = self.client[0] if self.client else ""
        if not self.bounds.enter(address, others):
            REFUSED.labels("too many").inc()
            self.transport.abort()
            return
        self._address = address
        self._wait_for_head()

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget what was waited for."""
        self._forget()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Feed the parser, while what came is a head of an acceptable size."""
        if self._stage is _Stage.IDLE and self._timer is None:
            self._wait_for_head()
        super().data_received(data)
        if self._stage is not _Stage.HEAD or self.transport.is_closing():
            return
        if self._timer is None:  # the head of a request that came right behind another one
            self._wait_for_head()
        self._received += len(data)
        if self._received > LARGEST_HEAD:
            REFUSED.labels("large head").inc()
            self._end(_TOO_LARGE)

    def on_message_begin(self) -> None:
        """A request begins."""
        super().on_message_begin()
        self._stage, self._head, self._lines, self._received = _Stage.HEAD, 0, 0, 0

    def on_url(self, url: bytes) -> None:
        """Take a part of the target. Raises ValueError, which the parser turns into status 400."""
        super().on_url(url)
        if len(self.url) > LONGEST_TARGET:
            raise ValueError("the target is too long")

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take a line of the head. Raises ValueError, which the parser turns into status 400."""
        self._head += len(name) + len(value)
        self._lines += 1
        if self._head > LARGEST_HEAD or self._lines > MOST_LINES:
            raise ValueError("the head is too large")
        super().on_header(name, value)

    def on_headers_complete(self) -> None:
        """The head is there; the body has its own time."""
        self._stop()
        self._stage, self._received, self._begun = _Stage.BODY, 0, self.loop.time()
        self._timer = self.loop.call_later(self.bounds.body_seconds, self._body_is_late)
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        """Take a part of the body."""
        self._received += len(body)
        super().on_body(body)

    def on_message_complete(self) -> None:
        """The request is there."""
        self._stop()
        self._stage = _Stage.IDLE
        super().on_message_complete()

    def handle_websocket_upgrade(self) -> None:
        """Hand the connection over: a WebSocket has limits of its own."""
        self._forget()
        super().handle_websocket_upgrade()

    def pause_writing(self) -> None:
        """The client does not read: it has a while."""
        super().pause_writing()
        self._reader = self.loop.call_later(self.bounds.answer_seconds, self._not_read)

    def resume_writing(self) -> None:
        """The client has read."""
        super().resume_writing()
        if self._reader is not None:
            self._reader.cancel()
            self._reader = None

    def _wait_for_head(self) -> None:
        self._timer = self.loop.call_later(self.bounds.header_seconds, self._head_is_late)

    def _head_is_late(self) -> None:
        if self.flow.read_paused:  # not the client: an earlier request of this connection is still worked on
            self._wait_for_head()
            return
        REFUSED.labels("slow head").inc()
        self._end(_TIMED_OUT if self._stage is _Stage.HEAD else b"")

    def _body_is_late(self) -> None:
        """Look whether the body comes fast enough, and again when it would not have."""
        earned = self._begun + self.bounds.body_seconds + self._received / SLOWEST_BODY
        left = earned - self.loop.time()
        if left > 0 or self.flow.read_paused:
            self._timer = self.loop.call_later(max(left, 1.0), self._body_is_late)
            return
        REFUSED.labels("slow body").inc()
        self._end(b"")

    def _not_read(self) -> None:
        REFUSED.labels("slow reader").inc()
        self.transport.abort()

    def _end(self, answer: bytes) -> None:
        """Close the connection, with an answer where no other one is under way."""
        self._stop()
        if answer and (self.cycle is None or self.cycle.response_complete):
            self.transport.write(answer)
        self.transport.close()

    def _stop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _forget(self) -> None:
        self._stop()
        if self._reader is not None:
            self._reader.cancel()
            self._reader = None
        if self._address is not None:
            self.bounds.leave(self._address)
            self._address = None


class GuardedWebSocket(WebSocketsSansIOProtocol):
    """uvicorn's WebSocket, whose client must read and can't flood with pings."""

    bounds = Bounds()

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._reader: asyncio.TimerHandle | None = None
        self._pings = MOST_PINGS
        self._pinged = self.loop.time()

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget what was waited for."""
        self._read()
        super().connection_lost(exc)

    def pause_writing(self) -> None:
        """The client does not read: it has a while, and nothing more is heard of it meanwhile."""
        super().pause_writing()
        self.transport.pause_reading()
        self._reader = self.loop.call_later(self.bounds.socket_seconds, self._not_read)

    def resume_writing(self) -> None:
        """The client has read."""
        super().resume_writing()
        self._read()
        if not self.read_paused:
            self.transport.resume_reading()

    def handle_ping(self) -> None:
        """Answer a ping, while there are not too many."""
        now = self.loop.time()
        self._pings = min(MOST_PINGS, self._pings + (now - self._pinged) * PINGS_A_SECOND) - 1
        self._pinged = now
        if self._pings < 0:
            REFUSED.labels("pings").inc()
            self.transport.abort()
            return
        super().handle_ping()

    def _read(self) -> None:
        if self._reader is not None:
            self._reader.cancel()
            self._reader = None

    def _not_read(self) -> None:
        REFUSED.labels("slow reader").inc()
        self.transport.abort()


def guarded(bounds: Bounds) -> tuple[type[GuardedHttp], type[GuardedWebSocket]]:
    """The two protocols of a server with these bounds, for uvicorn's settings ``http`` and ``ws``."""
    return (
        type("GuardedHttp", (GuardedHttp,), {"bounds": bounds}),
        type("GuardedWebSocket", (GuardedWebSocket,), {"bounds": bounds}),
    )
