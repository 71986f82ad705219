"""The edge around everything that is no GraphQL: pages, documents, callbacks, health.

GraphQL, the hot path, asks the same of the same parts itself (`api/app.py`).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import orjson
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from graph_crm.api.edge.callers import Headers, Hosts, Origins, address_of, headers_of
from graph_crm.api.edge.headers import completed, headers_of_answers
from graph_crm.api.edge.rates import Places, RateLimited, Rates
from graph_crm.errors import CrmError, Unauthenticated
from graph_crm.security.roles import Caller
from graph_crm.security.tokens import Verifier
from graph_crm.settings import Settings

UNLIMITED: Final = frozenset({"/healthz", "/livez", "/readyz", "/metrics"})
"""Asked by the operator's machines every few seconds, whatever else goes on."""
_SHARED: Final = ("/attachments", "/mails")
"""What web applications of other origins may ask, beside GraphQL."""
_CALLBACKS: Final = "/callbacks/"
_REFUSED: Final = 400
MOST_DOCUMENTS, DOCUMENTS_OF_ONE = 30, 10
"""Documents of pages and copies of exports on their way at once, in all and to one address: each is in memory."""


class Edge:
    """What all of a server shares: its hosts, its origins, its rates, its headers."""

    def __init__(self, settings: Settings) -> None:
        self.hosts = Hosts(settings.allowed_hosts)
        self.origins = Origins(settings.allowed_origins, settings.public_url)
        self.rates = Rates(settings.requests_per_second, settings.address_requests_per_second)
        self.always = headers_of_answers(settings)
        self.documents = Places(MOST_DOCUMENTS, DOCUMENTS_OF_ONE)

    async def known(self, scope: Scope, authorization: str, verifier: Verifier) -> Caller:
        """The caller that a header names, who may ask once more. Raises Unauthenticated and RateLimited."""
        known = verifier.remembered(authorization)
        return (
            await self.admitted(address_of(scope), authorization, verifier) if known is None else self._counted(known)
        )

    async def admitted(self, address: str, authorization: str, verifier: Verifier) -> Caller:
        """The same by an address.

        One that showed too many tokens that are none is not listened to for a while: checking one costs time.
        """
        known = verifier.remembered(authorization)
        if known is None:
            self.rates.check_address(address)
            try:
                known = await verifier.authenticate(authorization)
            except Unauthenticated:
                self.rates.count_address(address)
                raise
        return self._counted(known)

    def _counted(self, caller: Caller) -> Caller:
        self.rates.caller(caller)
        return caller

    def failure(self, error: CrmError) -> tuple[int, bytes, Headers]:
        """Status, body and headers of an answer that refuses."""
        body = orjson.dumps({"errors": [{"message": error.message, "extensions": error.extensions()}]})
        status = error.http_status if error.http_status != 200 else 400  # noqa: PLR2004 - HTTP's own numbers
        headers = [(b"content-type", b"application/json; charset=utf-8")]
        if isinstance(error, RateLimited):
            headers.append((b"retry-after", str(error.retry_after).encode()))
        return status, body, headers


class Front:
    """Middleware with the checks and headers of the edge."""

    def __init__(self, app: ASGIApp, *, edge: Edge) -> None:
        self._app = app
        self._edge = edge

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request (ASGI)."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        edge, path, address = self._edge, scope["path"], address_of(scope)
        shared = path.startswith(_SHARED)
        more: Headers = []

        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                given = [*message.get("headers", ()), *more]
                message = {**message, "headers": completed(given, edge.always)}
                if path not in UNLIMITED and _counts(path, shared=shared, status=message["status"]):
                    edge.rates.count_address(address)
            await send(message)

        try:
            headers = headers_of(scope)
            leave = self._admitted(headers, path, address, shared=shared)
        except CrmError as error:
            status, body, given = edge.failure(error)
            await with_headers({"type": "http.response.start", "status": status, "headers": [*given, _length(body)]})
            await send({"type": "http.response.body", "body": body})
            return
        if shared:
            granted = edge.origins.preflight(headers) if scope["method"] == "OPTIONS" else None
            if granted is not None:
                await with_headers({"type": "http.response.start", "status": 204, "headers": granted})
                await send({"type": "http.response.body", "body": b""})
                return
            more = edge.origins.answer(headers)
        try:
            await self._app(scope, receive, with_headers)
        finally:
            leave()

    def _admitted(self, headers: dict[bytes, bytes], path: str, address: str, *, shared: bool) -> Callable[[], None]:
        """Let a request in; what is to be called when it is over. Raises WrongHost, RateLimited."""
        self._edge.hosts.check(headers)
        if path not in UNLIMITED:
            self._edge.rates.check_address(address)
        if path.startswith("/files/") or (not shared and "/documents/" in path):
            return self._edge.documents.take(address)
        return _nothing


def _nothing() -> None:
    """No place was taken."""


def _counts(path: str, *, shared: bool, status: int) -> bool:
    """Whether the answer counts for the address: what needed a token, or a signature, only where it was refused."""
    if shared or path.startswith(_CALLBACKS):
        return status >= _REFUSED
    return True


def _length(body: bytes) -> tuple[bytes, bytes]:
    return b"content-length", str(len(body)).encode()
