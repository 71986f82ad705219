"""The HTTP application: POST /graphql, and what an operator's machines ask."""

from __future__ import annotations

import asyncio
from typing import Any

import orjson
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from graph_crm.api import callbacks, files, health, pages
from graph_crm.api.execution import Executor, Request, RequestTimeout, incident
from graph_crm.api.platform import Platform
from graph_crm.api.schema import platform_schema
from graph_crm.api.subscriptions import SubscriptionEndpoint
from graph_crm.errors import CrmError, InvalidInput, Unauthenticated

PATH = "/graphql"
LARGEST_BODY = 1_000_000
"""Bytes of a request's body at most."""


class BodyTooLarge(InvalidInput):
    """The request is larger than the server reads."""

    code = "BODY_TOO_LARGE"
    http_status = 413


class BodyTooSlow(RequestTimeout):
    """The request did not arrive in the time that a request may take."""

    http_status = 408


class GraphQLEndpoint:
    """POST /graphql: a JSON object with ``query``, ``variables``, ``operationName``, ``extensions.explain``.

    Written against ASGI itself: it is the hot path of the platform.
    """

    def __init__(self, platform: Platform) -> None:
        self._verifier = platform.verifier
        settings = platform.settings
        schema = platform_schema(settings.page_limit, settings.page_default)
        self._seconds = settings.request_timeout
        self.executor = Executor(schema, platform.database, platform.service, seconds=self._seconds)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        try:
            status, body = 200, orjson.dumps(await self._response(scope, receive))
        except CrmError as error:
            body = orjson.dumps({"errors": [{"message": error.message, "extensions": error.extensions()}]})
            status = error.http_status if error.http_status != 200 else 400  # noqa: PLR2004 - HTTP's own numbers
        except Exception as error:  # noqa: BLE001 - the last resort: an answer with a number, never a stack trace
            body = orjson.dumps({"errors": [incident(error)]})
            status = 500
        await _answer(send, status, body)

    async def _response(self, scope: Scope, receive: Receive) -> dict[str, Any]:
        if scope["method"] != "POST":
            raise _NotPosted("GraphQL is asked with POST.", hint='Send {"query": "..."} as JSON.')
        caller = await self._verifier.authenticate(_header(scope, b"authorization"))
        try:
            async with asyncio.timeout(self._seconds):
                body = await _body(receive)
        except TimeoutError:
            raise BodyTooSlow(
                f"The request did not arrive within {self._seconds:g} seconds.", hint="Send the whole body at once."
            ) from None
        return await self.executor.execute(_request(body, caller))


class _NotPosted(InvalidInput):
    """The request came with another method than POST."""

    code = "METHOD_NOT_ALLOWED"
    http_status = 405


def _header(scope: Scope, wanted: bytes) -> str:
    for name, value in scope["headers"]:
        if name == wanted:
            return str(value, "latin-1")
    return ""


async def _body(receive: Receive) -> bytes:
    parts: list[bytes] = []
    size = 0
    more = True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            # What came so far may well be a whole JSON text; the caller gave up before it was sent.
            raise InvalidInput("The request was cut off.", hint="Send the whole body.")
        part: bytes = message.get("body", b"")
        parts.append(part)
        size += len(part)
        if size > LARGEST_BODY:
            raise BodyTooLarge(
                "The request is too large.", hint=f"Send at most {LARGEST_BODY} bytes.", limit=LARGEST_BODY
            )
        more = message.get("more_body", False)
    return parts[0] if len(parts) == 1 else b"".join(parts)


def _request(body: bytes, caller: Any) -> Request:
    try:
        sent = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise InvalidInput("The body is not JSON.", hint='Send {"query": "..."} as JSON in UTF-8.') from error
    if isinstance(sent, list):
        raise InvalidInput("Batches are not answered.", hint="Send one operation a request.")
    query = sent.get("query") if isinstance(sent, dict) else None
    if not isinstance(query, str) or not query:
        raise InvalidInput("The body has no query.", hint='Send {"query": "...", "variables": {...}}.')
    variables = sent.get("variables") or {}
    name = sent.get("operationName")
    extensions = sent.get("extensions") or {}
    if not isinstance(variables, dict) or not isinstance(extensions, dict) or not isinstance(name, str | None):
        raise InvalidInput(
            "variables and extensions are objects, operationName is a text.", hint="Leave out what you do not use."
        )
    return Request(query, caller, variables, name, explain=extensions.get("explain") is True)


async def _answer(send: Send, status: int, body: bytes) -> None:
    headers = [
        (b"content-type", b"application/json; charset=utf-8"),
        (b"content-length", str(len(body)).encode()),
        (b"cache-control", b"no-store"),
    ]
    if status == Unauthenticated.http_status:
        headers.append((b"www-authenticate", b"Bearer"))
    if status in {BodyTooLarge.http_status, BodyTooSlow.http_status}:
        headers.append((b"connection", b"close"))  # what is left of the body is not waited for
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


class Application:
    """The ASGI application: GraphQL first, without a router's detour, then Starlette for the rest."""

    def __init__(self, platform: Platform) -> None:
        endpoint = GraphQLEndpoint(platform)
        # The route is there for those who list the routes; requests take the short way.
        self.starlette = Starlette(
            routes=[
                Route(PATH, endpoint),
                *health.routes(platform),
                *files.routes(platform),
                *callbacks.routes(platform),
                *pages.routes(platform, endpoint.executor),
            ],
            middleware=[Middleware(health.Observed)],
        )
        self._graphql = health.Observed(endpoint)
        self._subscriptions = SubscriptionEndpoint(
            endpoint.executor,
            platform.verifier,
            connections=platform.settings.websocket_connections,
            operations=platform.settings.websocket_subscriptions,
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection."""
        if scope["type"] == "http" and scope["path"] == PATH:
            await self._graphql(scope, receive, send)
        elif scope["type"] == "websocket" and scope["path"] == PATH:
            await self._subscriptions(scope, receive, send)
        else:
            await self.starlette(scope, receive, send)


def create_app(platform: Platform) -> Application:
    """The application over a wired platform."""
    return Application(platform)
