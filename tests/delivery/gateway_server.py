"""A real HTTP server in a thread that plays a gateway: it remembers what it got and answers what a test says."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route


@dataclass
class Got:
    """One request, as it came."""

    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass
class GatewayServer:
    """What a gateway got, and what it answers next; the last answer is given again and again."""

    url: str = ""
    got: list[Got] = field(default_factory=list)
    answers: list[tuple[int, Any, dict[str, str]]] = field(default_factory=lambda: [(200, {"id": "m-1"}, {})])

    def answer(self, status: int, body: Any = None, **headers: str) -> None:
        """Answer so from now on."""
        self.answers = [(status, body, {name.replace("_", "-"): value for name, value in headers.items()})]

    async def take(self, request: Request) -> Response:
        self.got.append(Got(dict(request.headers), await request.body()))
        status, body, headers = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(body, str):
            return Response(body, status, headers)
        return JSONResponse(body, status, headers)


@contextmanager
def gateway_server() -> Iterator[GatewayServer]:
    """A gateway on a free port."""
    made = GatewayServer()
    listening = socket.socket()
    listening.bind(("127.0.0.1", 0))
    app = Starlette(routes=[Route("/{path:path}", made.take, methods=["POST"])])
    server = uvicorn.Server(uvicorn.Config(app, log_config=None, lifespan="off", ws="none"))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]}, daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.005)
    made.url = f"http://127.0.0.1:{listening.getsockname()[1]}/messages"
    try:
        yield made
    finally:
        server.should_exit = True
        thread.join()
        listening.close()
