"""The body of a request to GraphQL: JSON, of a bounded size, in a bounded time."""

from __future__ import annotations

import asyncio
from typing import Any

import orjson
from starlette.types import Message, Receive

from graph_crm.api.edge.rates import Places
from graph_crm.api.execution import Request, RequestTimeout
from graph_crm.api.persisted import asked_identifier
from graph_crm.errors import InvalidInput
from graph_crm.security.roles import Caller

LARGEST_BODY = 1_000_000
"""Bytes of a request's body at most."""
MOST_BODIES, BODIES_OF_ONE = 500, 50
"""Bodies that are under way at once, in all and of one caller: half a gigabyte at most."""


class BodyTooLarge(InvalidInput):
    """The request is larger than the server reads."""

    code = "BODY_TOO_LARGE"
    http_status = 413


class BodyTooSlow(RequestTimeout):
    """The request did not arrive in the time that a request may take."""

    http_status = 408


class UnsupportedMediaType(InvalidInput):
    """The body says of itself that it is no JSON."""

    code = "UNSUPPORTED_MEDIA_TYPE"
    http_status = 415


def check_json(headers: dict[bytes, bytes]) -> None:
    """Raise UnsupportedMediaType unless the body says that it is JSON.

    A form on a page of somebody else can't say that: a browser asks first, and is told no.
    """
    kind, _, parameters = headers.get(b"content-type", b"").partition(b";")
    charset = parameters.strip().lower()
    if kind.strip().lower() != b"application/json" or charset not in {b"", b"charset=utf-8", b'charset="utf-8"'}:
        raise UnsupportedMediaType(
            "The body is not sent as JSON.", hint="Send the header Content-Type: application/json, in UTF-8."
        )


async def read_body(receive: Receive, seconds: float, places: Places, key: str) -> bytes:
    """The whole body; one that does not come in one piece takes one of the ``places`` of ``key``.

    Raises BodyTooLarge, BodyTooSlow, RateLimited, and InvalidInput where it was cut off.
    """
    try:
        async with asyncio.timeout(seconds):
            first = await receive()
            if first["type"] == "http.request" and not first.get("more_body", False):
                return await _body(first, receive)
            with places.place(key):
                return await _body(first, receive)
    except TimeoutError:
        raise BodyTooSlow(
            f"The request did not arrive within {seconds:g} seconds.", hint="Send the whole body at once."
        ) from None


async def _body(message: Message, receive: Receive) -> bytes:
    parts: list[bytes] = []
    size = 0
    while True:
        if message["type"] == "http.disconnect":
            # What came so far may well be a whole JSON text; the caller gave up before it was sent.
            raise InvalidInput("The request was cut off.", hint="Send the whole body.")
        parts.append(message.get("body", b""))
        size += len(parts[-1])
        if size > LARGEST_BODY:
            raise BodyTooLarge(
                "The request is too large.", hint=f"Send at most {LARGEST_BODY} bytes.", limit=LARGEST_BODY
            )
        if not message.get("more_body", False):
            return b"".join(parts)
        message = await receive()


def request_of(body: bytes, caller: Caller) -> Request:
    """The request that a body holds. Raises InvalidInput."""
    try:
        sent: Any = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise InvalidInput("The body is not JSON.", hint='Send {"query": "..."} as JSON in UTF-8.') from error
    if isinstance(sent, list):
        raise InvalidInput("Batches are not answered.", hint="Send one operation a request.")
    if not isinstance(sent, dict):
        raise _no_query()
    query = sent.get("query")
    variables = sent.get("variables") or {}
    name = sent.get("operationName")
    extensions = sent.get("extensions") or {}
    if not isinstance(variables, dict) or not isinstance(extensions, dict) or not isinstance(name, str | None):
        raise InvalidInput(
            "variables and extensions are objects, operationName is a text.", hint="Leave out what you do not use."
        )
    identifier = asked_identifier(sent, extensions)
    if identifier is not None and (query is None or query == ""):
        query = ""
    elif not isinstance(query, str) or not query:
        raise _no_query()
    explain, cost = extensions.get("explain") is True, extensions.get("cost") is True
    return Request(query, caller, variables, name, explain=explain, cost=cost, identifier=identifier)


def _no_query() -> InvalidInput:
    return InvalidInput("The body has no query.", hint='Send {"query": "...", "variables": {...}}.')
