"""Subscriptions: GraphQL over a WebSocket at /graphql, protocol ``graphql-transport-ws``.

The protocol itself is Strawberry's. Here is what the platform adds: the token of ``connection_init``, which is checked
again while the connection lasts; limits; and clients that do not read or do not answer are dropped.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing, suppress
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final, cast

import orjson
from graphql import GraphQLError
from prometheus_client import Gauge
from starlette.types import Receive, Scope, Send
from starlette.websockets import WebSocket, WebSocketDisconnect, WebSocketState
from strawberry.exceptions import ConnectionRejectionError
from strawberry.http.exceptions import NonJsonMessageReceived, NonTextMessageReceived, WebSocketDisconnected
from strawberry.subscriptions import GRAPHQL_TRANSPORT_WS_PROTOCOL
from strawberry.subscriptions.protocols.graphql_transport_ws.handlers import BaseGraphQLTransportWSHandler
from strawberry.types.execution import ExecutionResult, PreExecutionError

from graph_crm import logs
from graph_crm.api.execution import Executor, Request
from graph_crm.errors import CrmError, Unauthenticated
from graph_crm.security.roles import Caller
from graph_crm.security.tokens import Verifier

LARGEST_MESSAGE: Final = 64_000
"""Characters of a client's message at most."""
INIT_SECONDS: Final = 10.0
"""So long a client may take to say who it is."""
SEND_SECONDS: Final = 10.0
"""So long a client may take to read a message; then it is dropped."""
PING_SECONDS: Final = 15.0
SILENT_SECONDS: Final = 45.0
"""A client that answers no ping for so long is gone."""
UNAUTHORIZED, FORBIDDEN, SUBPROTOCOL, TRY_LATER, TOO_LARGE, SLOW = 4401, 4403, 4406, 1013, 1009, 1008

CONNECTIONS: Final = Gauge("graph_crm_websocket_connections", "WebSocket connections that are open")

log = logs.get(__name__)


@dataclass
class _Connection:
    """What a connection knows of its client; Strawberry puts the payload of connection_init in."""

    connection_params: dict[str, Any] | None = None
    token: str = ""
    caller: Caller | None = None


class _Socket:
    """The WebSocket as Strawberry's handler uses it: JSON in and out, with limits of size and time."""

    def __init__(self, websocket: WebSocket, *, send_seconds: float) -> None:
        self._websocket = websocket
        self._seconds = send_seconds
        self.heard = time.monotonic()

    async def iter_json(self, *, ignore_parsing_errors: bool = False) -> AsyncGenerator[object, None]:
        """The client's messages."""
        del ignore_parsing_errors
        try:
            while self._websocket.application_state is not WebSocketState.DISCONNECTED:
                message = await self._websocket.receive()
                if message["type"] == "websocket.disconnect":
                    return
                self.heard = time.monotonic()
                text = message.get("text")
                if text is None:
                    raise NonTextMessageReceived
                if len(text) > LARGEST_MESSAGE:
                    await self.close(TOO_LARGE, "Message too large")
                    return
                yield _read(text)
        except (WebSocketDisconnect, RuntimeError) as error:  # RuntimeError: received after it was closed
            raise WebSocketDisconnected from error

    async def send_json(self, message: Mapping[str, object]) -> None:
        """Send one message; a client that does not read it in time is dropped."""
        try:
            async with asyncio.timeout(self._seconds):
                await self._websocket.send_text(orjson.dumps(message, default=str).decode())
        except TimeoutError:
            log.info("websocket_dropped", reason="the client does not read")
            await self.close(SLOW, "Too slow")
            raise WebSocketDisconnected from None
        except (WebSocketDisconnect, RuntimeError) as error:
            raise WebSocketDisconnected from error

    async def close(self, code: int, reason: str) -> None:
        """Close the connection; one that is closed already stays so."""
        with suppress(RuntimeError, WebSocketDisconnect, TimeoutError):
            async with asyncio.timeout(1):
                await self._websocket.close(code, reason[:120])


class SubscriptionEndpoint:
    """Serves the WebSocket connections of a process.

    ``connections``: so many at once; ``operations``: so many subscriptions on each. ``ping``: seconds between two
    pings.
    """

    def __init__(
        self,
        executor: Executor,
        verifier: Verifier,
        *,
        connections: int = 1000,
        operations: int = 20,
        ping: float = PING_SECONDS,
        send_seconds: float = SEND_SECONDS,
    ) -> None:
        self._executor = executor
        self._verifier = verifier
        self._most = connections
        self._operations = operations
        self._ping = ping
        self._send_seconds = send_seconds
        self._open = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection until it ends."""
        websocket = WebSocket(scope, receive, send)
        if GRAPHQL_TRANSPORT_WS_PROTOCOL not in scope.get("subprotocols", ()):
            await websocket.accept()
            await websocket.close(SUBPROTOCOL, "Subprotocol not acceptable: use graphql-transport-ws")
            return
        await websocket.accept(subprotocol=GRAPHQL_TRANSPORT_WS_PROTOCOL)
        if self._open >= self._most:
            await websocket.close(TRY_LATER, "Too many connections")
            return
        self._open += 1
        CONNECTIONS.inc()
        try:
            await self._serve(_Socket(websocket, send_seconds=self._send_seconds))
        finally:
            self._open -= 1
            CONNECTIONS.dec()

    async def _serve(self, socket: _Socket) -> None:
        connection = _Connection()
        handler = _Handler(
            view=cast(Any, self),
            websocket=cast(Any, socket),
            context=connection,
            root_value=None,
            schema=cast(Any, _Streams(self._executor)),
            connection_init_wait_timeout=timedelta(seconds=INIT_SECONDS),
            max_subscriptions_per_connection=self._operations,
        )
        watch = asyncio.create_task(self._watch(socket, connection))
        try:
            await handler.handle()
        finally:
            watch.cancel()
            await asyncio.gather(watch, return_exceptions=True)

    async def on_ws_connect(self, context: _Connection) -> dict[str, Any]:
        """Check the token of ``connection_init``: ``{"authorization": "Bearer TOKEN"}``."""
        given = {name.lower(): value for name, value in (context.connection_params or {}).items()}
        header = given.get("authorization")
        try:
            context.caller = await self._verifier.authenticate(header if isinstance(header, str) else None)
        except CrmError as error:
            raise ConnectionRejectionError({"message": error.message}) from error
        context.token = str(header).split(" ", 1)[1].strip()
        return {}

    async def _watch(self, socket: _Socket, connection: _Connection) -> None:
        """Ping the client, and end the connection with its token, or when the client is gone."""
        try:
            while True:
                await asyncio.sleep(self._ping)
                if connection.caller is None:
                    continue
                try:
                    await self._verifier.admit(connection.token)
                except Unauthenticated:
                    await socket.close(FORBIDDEN, "The token has expired")
                    return
                if time.monotonic() - socket.heard > SILENT_SECONDS / PING_SECONDS * self._ping:
                    await socket.close(SLOW, "No answer to pings")
                    return
                await socket.send_json({"type": "ping"})
        except WebSocketDisconnected:
            return


class _Handler(BaseGraphQLTransportWSHandler[_Connection, None]):
    """Strawberry's handler, which takes what is no message of the protocol as such."""

    async def handle_message(self, message: Any) -> None:
        """Handle one message of the client."""
        payload = message.get("payload", {}) if isinstance(message, dict) else None
        if not isinstance(message, dict) or not isinstance(message.get("type"), str):
            await self.handle_invalid_message("A message is an object with a type")
        elif message["type"] == "subscribe" and not _is_subscribe(message.get("id"), payload):
            await self.handle_invalid_message("subscribe needs an id and a payload with a query")
        else:
            await super().handle_message(cast(Any, message))


@dataclass
class _Streams:
    """The executor in the shape in which Strawberry's handler asks a schema."""

    executor: Executor

    async def stream(
        self,
        query: str,
        *,
        variable_values: dict[str, Any] | None,
        context_value: _Connection,
        root_value: None,
        operation_name: str | None,
    ) -> AsyncGenerator[ExecutionResult | PreExecutionError, None]:
        """The responses of one subscription."""
        del root_value
        if context_value.caller is None:  # Strawberry asks only after the acknowledgement
            raise Unauthenticated("No token came with the connection.")
        request = Request(query, context_value.caller, variable_values or {}, operation_name)
        return self._responses(request)

    async def _responses(self, request: Request) -> AsyncGenerator[ExecutionResult | PreExecutionError, None]:
        try:
            async with aclosing(self.executor.subscribe(request)) as responses:
                async for response in responses:
                    errors = [_error(one) for one in response.get("errors", ())]
                    if "data" not in response:
                        yield PreExecutionError(data=None, errors=errors)
                        return
                    yield ExecutionResult(data=response["data"], errors=errors or None)
        except CrmError as error:
            told = GraphQLError(error.message, extensions=error.extensions())
            yield PreExecutionError(data=None, errors=[told])


def _read(text: str) -> object:
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise NonJsonMessageReceived from error


def _is_subscribe(identifier: object, payload: object) -> bool:
    if not isinstance(identifier, str) or not isinstance(payload, dict):
        return False
    return (
        isinstance(payload.get("query"), str)
        and isinstance(payload.get("variables"), dict | None)
        and isinstance(payload.get("operationName"), str | None)
    )


def _error(told: Mapping[str, Any]) -> GraphQLError:
    return GraphQLError(told["message"], path=told.get("path"), extensions=told.get("extensions"))
