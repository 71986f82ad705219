"""An identity provider on a port of its own: it answers what a test wants, and counts how often it was asked."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

import pytest
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route


@dataclass
class Provider:
    """What it answers, and what it was asked."""

    url: str = ""
    body: bytes = b'{"keys": []}'
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    hang: bool = False
    asked: list[str] = field(default_factory=list)

    async def answer(self, request: Request) -> Response:
        self.asked.append(request.url.path)
        if self.hang:
            await asyncio.sleep(30)
        return Response(self.body, self.status, self.headers, media_type="application/json")


@pytest.fixture(scope="session")
async def _running_provider() -> AsyncIterator[Provider]:
    provider = Provider()
    app = Starlette(routes=[Route("/{path:path}", provider.answer)])
    server = uvicorn.Server(uvicorn.Config(app, port=0, log_config=None, lifespan="off", timeout_graceful_shutdown=0))
    server.install_signal_handlers = lambda: None  # type: ignore[method-assign]
    task = asyncio.create_task(server.serve())
    async with asyncio.timeout(5):
        while not server.started:  # noqa: ASYNC110 - uvicorn tells it in no other way
            await asyncio.sleep(0.01)
    provider.url = f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}/keys"
    yield provider
    server.should_exit = server.force_exit = True
    await task


@pytest.fixture
def provider(_running_provider: Provider) -> Provider:
    """The provider, as it was at its start."""
    fresh = Provider(url=_running_provider.url)
    _running_provider.__dict__.update(fresh.__dict__)
    return _running_provider
