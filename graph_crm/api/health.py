"""What an operator's machines ask: is the process alive, may it get traffic, what does it measure.

``/healthz`` (and ``/livez``) answers as long as the process runs, ``/readyz`` when the database answers, is migrated
and took the last change, ``/metrics`` in Prometheus's text format. None of them shows personal data. Metrics are for
this machine, and for who shows the token of the setting ``metrics_token``; the others are for everybody.
"""

from __future__ import annotations

import asyncio
import hmac
import time
from collections.abc import Callable, Coroutine
from typing import Any, Final

from prometheus_client import CONTENT_TYPE_LATEST
from pydantic import SecretStr
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from graph_crm import __version__, logs
from graph_crm.api.edge.callers import is_loopback
from graph_crm.api.metrics import LATENCY, REQUESTS, PlatformCollector, text
from graph_crm.api.platform import Platform
from graph_crm.clock import ADVICE, CLOCK
from graph_crm.errors import CrmError
from graph_crm.events.service import EventService
from graph_crm.graph.migrations import Migrator
from graph_crm.graph.outbox import Backlog, Outbox
from graph_crm.resources import folder

READY_SECONDS: Final = 2.0
SLOW_REQUEST_SECONDS: Final = 1.0
COUNTED: Final = 250_000
"""Of a longer backlog than this it is enough to know how old it is: counting must not be what takes the time."""
_SERVER_ERROR: Final = 500

_NO_METRICS: Final = {
    "errors": [
        {
            "message": "Metrics are shown to this machine, and to who has the token for them.",
            "extensions": {
                "code": "UNAUTHENTICATED",
                "hint": "Set GRAPH_CRM_METRICS_TOKEN and send it as Bearer token.",
            },
        }
    ]
}

log = logs.get(__name__)


class Observed:
    """Middleware that counts and times requests, and logs the slow and the failed ones.

    Only paths of the application are used as labels: anything else is counted as ``other``, so that a scan of the
    server can't fill the memory.
    """

    def __init__(self, app: ASGIApp, *, paths: frozenset[str] = frozenset({"/graphql"})) -> None:
        self._app = app
        self._paths = paths

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request (ASGI)."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        path = scope["path"] if scope["path"] in self._paths else "other"
        status = _SERVER_ERROR
        started = time.perf_counter()

        async def watched(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self._app(scope, receive, watched)
        finally:
            seconds = time.perf_counter() - started
            REQUESTS.labels(path, status).inc()
            LATENCY.labels(path).observe(seconds)
            if status >= _SERVER_ERROR or seconds >= SLOW_REQUEST_SECONDS:
                log.warning(
                    "request", method=scope["method"], path=path, status=status, milliseconds=round(seconds * 1000)
                )


def routes(platform: Platform) -> list[Route]:
    """The routes, for the application to mount beside ``/graphql``."""
    migrator = Migrator(platform.database, folder("schema") / "migrations")

    asked = _Together(lambda: _why_not_ready(platform, migrator))

    async def healthz(_request: Request) -> Response:
        return JSONResponse({"status": "ok", "version": __version__})

    async def readyz(_request: Request) -> Response:
        reason = await asked.answer()
        if reason is not None:
            return _not_ready(reason)
        answer: dict[str, object] = {"status": "ready", "version": __version__}
        out_of_force = {one.name: one.state for one in platform.rules.plugins if one.state != "loaded"}
        if out_of_force:  # its rules are silent, but every other rule works: the process may get traffic
            answer["plugins"] = out_of_force
        if CLOCK.wrong:  # the platform goes by the database's clock: it may get traffic, and somebody has to set clocks
            answer["clock"] = {"aheadSeconds": round(CLOCK.ahead or 0.0, 1), "advice": ADVICE}
        return JSONResponse(answer)

    async def metrics(request: Request) -> Response:
        if not _may_measure(request, platform.settings.metrics_token):
            return JSONResponse(_NO_METRICS, status_code=401, headers={"www-authenticate": "Bearer"})
        outbox: list[Backlog]
        try:
            async with asyncio.timeout(READY_SECONDS):
                outbox = await platform.service(Outbox).backlog(most=COUNTED, timeout=READY_SECONDS)
        except (TimeoutError, CrmError):
            outbox = []  # the other numbers matter most exactly when the database is away
        events = platform.service(EventService).counts
        collector = PlatformCollector(platform.database, platform.rules, outbox, events=events)
        return Response(text(collector), media_type=CONTENT_TYPE_LATEST)

    return [
        Route("/healthz", healthz, methods=["GET"]),
        Route("/livez", healthz, methods=["GET"]),
        Route("/readyz", readyz, methods=["GET"]),
        Route("/metrics", metrics, methods=["GET"]),
    ]


class _Together:
    """A question to the database that all who ask at the same time share: anybody may ask, however often."""

    def __init__(self, ask: Callable[[], Coroutine[Any, Any, str | None]]) -> None:
        self._ask = ask
        self._asking: asyncio.Task[str | None] | None = None

    async def answer(self) -> str | None:
        """The answer to the question that is under way, or to a new one."""
        if self._asking is None or self._asking.done():
            self._asking = asyncio.create_task(self._ask())
        return await asyncio.shield(self._asking)


async def _why_not_ready(platform: Platform, migrator: Migrator) -> str | None:
    """Why the server may not get traffic; None: it may."""
    try:
        async with asyncio.timeout(READY_SECONDS):
            pending = [one for one in await migrator.status() if one.state != "APPLIED"]
            can_write = await platform.database.can_write(timeout=READY_SECONDS)
    except TimeoutError:
        return "The database does not answer in time."
    except CrmError as error:
        log.warning("not_ready", code=error.code)
        return f"{error.code}: the database is not usable."
    if pending:
        return f"{len(pending)} migrations are not as this version needs them: graph-crm migrate --status."
    if not can_write:
        return "The database answers and can't store changes: most likely its disk is full."
    return None


def _may_measure(request: Request, token: SecretStr | None) -> bool:
    """Whether the request comes from this machine itself, or shows the token."""
    if is_loopback(request.scope):
        return True
    shown = request.headers.get("authorization", "").encode()
    return token is not None and hmac.compare_digest(shown, f"Bearer {token.get_secret_value()}".encode())


def _not_ready(reason: str) -> Response:
    return JSONResponse({"status": "not ready", "reason": reason}, status_code=503)
