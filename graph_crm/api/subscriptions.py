"""Subscriptions: GraphQL over a WebSocket at /graphql, protocol ``graphql-transport-ws``.

The protocol itself is Strawberry's. Here is what the platform adds: the origin is looked at before the handshake; the
token of ``connection_init`` is checked again while the connection lasts, which ends with it; limits for everybody, for
one caller, and small ones for those that have not said who they are; and clients that do not read, do not answer, say
too much or follow nothing are sent away.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing, suppress
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Final, cast

import orjson
from graphql import GraphQLError
from prometheus_client import Counter as Metric
from prometheus_client import Gauge
from starlette.types import Receive, Scope, Send
from starlette.websockets import WebSocket, WebSocketDisconnect, WebSocketState
from strawberry.exceptions import ConnectionRejectionError
from strawberry.http.exceptions import NonJsonMessageReceived, NonTextMessageReceived, WebSocketDisconnected
from strawberry.subscriptions import GRAPHQL_TRANSPORT_WS_PROTOCOL
from strawberry.subscriptions.protocols.graphql_transport_ws.handlers import BaseGraphQLTransportWSHandler
from strawberry.types.execution import ExecutionResult, PreExecutionError

from graph_crm import logs
from graph_crm.api import auditing
from graph_crm.api.edge.callers import address_of, headers_of
from graph_crm.api.edge.front import Edge
from graph_crm.api.edge.rates import Buckets, RateLimited
from graph_crm.api.execution import Executor, Request
from graph_crm.api.persisted import asked_identifier
from graph_crm.errors import CrmError, Unauthenticated
from graph_crm.security.keys import KeysUnavailable
from graph_crm.security.tokens import Admitted, Verifier
from graph_crm.settings import Settings

LARGEST_MESSAGE: Final = 64_000
"""Characters of a client's message at most."""
INIT_SECONDS: Final = 10.0
"""So long a client may take to say who it is."""
SEND_SECONDS: Final = 10.0
"""So long a client may take to read a message; then it is dropped."""
PING_SECONDS: Final = 15.0
SILENT_SECONDS: Final = 45.0
"""A client that answers no ping for so long is gone."""
IDLE_SECONDS: Final = 300.0
"""A client that has followed nothing for so long is sent away."""
MESSAGES_A_SECOND: Final = 20.0
"""Messages of one client; a burst of five seconds' worth is taken."""
UNKNOWN_OF_ADDRESS: Final = 20
"""Connections of one address at once that have not shown a token yet."""
SHORTEST_LOOK: Final = 0.05
UNAUTHORIZED, FORBIDDEN, SUBPROTOCOL, TRY_LATER, TOO_LARGE, SLOW = 4401, 4403, 4406, 1013, 1009, 1008
NORMAL: Final = 1000

CONNECTIONS: Final = Gauge("graph_crm_websocket_connections", "WebSocket connections that are open")
REFUSED: Final = Metric("graph_crm_websocket_refused_total", "WebSocket connections that were not taken", ["reason"])

log = logs.get(__name__)


@dataclass
class _Connection:
    """What a connection knows of its client; Strawberry puts the payload of connection_init in."""

    socket: _Socket
    address: str
    connection_params: dict[str, Any] | None = None
    token: str = ""
    admitted: Admitted | None = None
    known: asyncio.Event = field(default_factory=asyncio.Event)
    """Set once the client has said who it is."""


class _Socket:
    """The WebSocket as Strawberry's handler uses it: JSON in and out, with limits of size and time."""

    def __init__(self, websocket: WebSocket, *, send_seconds: float) -> None:
        self._websocket = websocket
        self._seconds = send_seconds
        self._messages = Buckets(MESSAGES_A_SECOND, burst=5.0)
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
                if self._messages.take(""):
                    await self.close(SLOW, "Too many messages")
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


class _Places:
    """Who has a connection of this server: everybody, each caller, and those who have not said who they are."""

    def __init__(self, settings: Settings) -> None:
        self._most = settings.websocket_connections
        self._most_of_caller = settings.websocket_per_caller
        self._most_unknown = settings.websocket_unknown
        self.taken = 0
        self._unknown: Counter[str] = Counter()
        self._callers: Counter[str] = Counter()

    def take(self, address: str) -> bool:
        """A place for somebody unknown at this address; False: there is none."""
        unknown = self._unknown
        if self.taken >= self._most or unknown[address] >= UNKNOWN_OF_ADDRESS or unknown.total() >= self._most_unknown:
            return False
        self.taken += 1
        unknown[address] += 1
        return True

    def name(self, connection: _Connection, admitted: Admitted) -> bool:
        """The connection's client is known now; False: this caller has too many connections already."""
        subject = admitted.caller.subject
        if self._callers[subject] >= self._most_of_caller:
            return False
        connection.admitted = admitted
        connection.known.set()
        self._callers[subject] += 1
        _less(self._unknown, connection.address)
        return True

    def leave(self, connection: _Connection) -> None:
        """The connection has ended."""
        self.taken -= 1
        if connection.admitted is None:
            _less(self._unknown, connection.address)
        else:
            _less(self._callers, connection.admitted.caller.subject)


def _less(counter: Counter[str], key: str) -> None:
    counter[key] -= 1
    if not counter[key]:
        del counter[key]


class SubscriptionEndpoint:
    """Serves the WebSocket connections of a process.

    ``ping``: seconds between two pings; ``send_seconds``: so long a client may take to read a message.
    """

    def __init__(
        self,
        executor: Executor,
        verifier: Verifier,
        edge: Edge,
        settings: Settings,
        *,
        ping: float = PING_SECONDS,
        send_seconds: float = SEND_SECONDS,
    ) -> None:
        self._executor = executor
        self._verifier = verifier
        self._edge = edge
        self._operations = settings.websocket_subscriptions
        self._ping = ping
        self._send_seconds = send_seconds
        self._places = _Places(settings)

    @property
    def taken(self) -> int:
        """How many connections there are."""
        return self._places.taken

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection until it ends."""
        websocket = WebSocket(scope, receive, send)
        if not self._may_connect(scope):
            await websocket.close()  # before the handshake: HTTP 403
            return
        if GRAPHQL_TRANSPORT_WS_PROTOCOL not in scope.get("subprotocols", ()):
            await websocket.accept()
            await websocket.close(SUBPROTOCOL, "Subprotocol not acceptable: use graphql-transport-ws")
            return
        await websocket.accept(subprotocol=GRAPHQL_TRANSPORT_WS_PROTOCOL)
        auditing.connect(scope)
        address = address_of(scope)
        if not self._places.take(address):
            REFUSED.labels("too many").inc()
            await websocket.close(TRY_LATER, "Too many connections")
            return
        connection = _Connection(_Socket(websocket, send_seconds=self._send_seconds), address)
        CONNECTIONS.inc()
        try:
            await self._serve(connection)
        finally:
            self._places.leave(connection)
            CONNECTIONS.dec()

    def _may_connect(self, scope: Scope) -> bool:
        """Whether the handshake names this server and an application that may call, from an address in bounds."""
        try:
            headers = headers_of(scope)
            self._edge.hosts.check(headers)
            self._edge.rates.check_address(address_of(scope))
        except CrmError as error:
            REFUSED.labels(error.code).inc()
            return False
        self._edge.rates.count_address(address_of(scope))
        if not self._edge.origins.may_connect(headers):
            REFUSED.labels("origin").inc()
            return False
        return True

    async def _serve(self, connection: _Connection) -> None:
        handler = _Handler(
            view=cast(Any, self),
            websocket=cast(Any, connection.socket),
            context=connection,
            root_value=None,
            schema=cast(Any, _Streams(self._executor, self._edge)),
            connection_init_wait_timeout=timedelta(seconds=INIT_SECONDS),
            max_subscriptions_per_connection=self._operations,
        )
        watch = asyncio.create_task(self._watch(connection, handler))
        try:
            await handler.handle()
        finally:
            watch.cancel()
            await asyncio.gather(watch, return_exceptions=True)

    async def on_ws_connect(self, context: _Connection) -> dict[str, Any]:
        """Check the token of ``connection_init``: ``{"authorization": "Bearer TOKEN"}``."""
        given = {name.lower(): value for name, value in (context.connection_params or {}).items()}
        header = given.get("authorization")
        header = header if isinstance(header, str) else ""
        try:
            await self._edge.admitted(context.address, header, self._verifier)
            context.token = header.split(" ", 1)[1].strip()
            admitted = await self._verifier.admit(context.token)
        except (KeysUnavailable, RateLimited) as error:
            await context.socket.close(TRY_LATER, error.message)
            raise ConnectionRejectionError({"message": error.message}) from error
        except CrmError as error:
            auditing.refuse(self._executor.audit, error)
            raise ConnectionRejectionError({"message": error.message}) from error
        await auditing.admit(self._executor.audit, header, admitted.caller)
        if not self._places.name(context, admitted):
            REFUSED.labels("too many of a caller").inc()
            await context.socket.close(TRY_LATER, "Too many connections of this caller")
            raise ConnectionRejectionError({"message": "Too many connections"})
        return {}

    async def _watch(self, connection: _Connection, handler: _Handler) -> None:
        """Ping the client, and end the connection with its token, or when the client is gone or wants nothing."""
        socket = connection.socket
        await connection.known.wait()
        busy = pinged = time.monotonic()
        try:
            while connection.admitted is not None:
                left = self._verifier.seconds_left(connection.admitted)
                await asyncio.sleep(max(min(self._ping, left), SHORTEST_LOOK))
                if not await self._still_valid(connection):
                    return
                now = time.monotonic()
                busy = now if handler.operations else busy
                if now - socket.heard > SILENT_SECONDS / PING_SECONDS * self._ping:
                    await socket.close(SLOW, "No answer to pings")
                    return
                if now - busy > IDLE_SECONDS:
                    await socket.close(NORMAL, "Nothing is followed")
                    return
                if now - pinged >= self._ping - SHORTEST_LOOK:
                    pinged = now
                    await socket.send_json({"type": "ping"})
        except WebSocketDisconnected:
            return

    async def _still_valid(self, connection: _Connection) -> bool:
        """Whether the token is valid still; where it is not, the connection is closed."""
        try:
            await self._verifier.admit(connection.token)
        except Unauthenticated:
            await connection.socket.close(FORBIDDEN, "The token has expired")
            return False
        except KeysUnavailable as error:
            await connection.socket.close(TRY_LATER, error.message)
            return False
        except CrmError as error:  # the database is away: what was known before holds until the token ends
            log.info("token_not_checked", code=error.code)
        return True


class _Handler(BaseGraphQLTransportWSHandler[_Connection, None]):
    """Strawberry's handler, which takes what is no message of the protocol as such."""

    async def handle_message(self, message: Any) -> None:
        """Handle one message of the client."""
        payload = message.get("payload", {}) if isinstance(message, dict) else None
        if isinstance(message, dict) and message.get("type") == "subscribe" and isinstance(payload, dict):
            try:
                self._persisted(payload)
            except CrmError as error:
                told = GraphQLError(error.message, extensions=error.extensions())
                if isinstance(message.get("id"), str):
                    await self.send_message({"id": message["id"], "type": "error", "payload": [told.formatted]})
                    return
        if not isinstance(message, dict) or not isinstance(message.get("type"), str):
            await self.handle_invalid_message("A message is an object with a type")
        elif message["type"] == "subscribe" and not _is_subscribe(message.get("id"), payload):
            await self.handle_invalid_message("subscribe needs an id and a payload with a query")
        else:
            await super().handle_message(cast(Any, message))

    async def handle_task_exception(self, error: Exception) -> None:
        """Write down what went wrong; that a client left while it was told something is no fault."""
        if not isinstance(error, WebSocketDisconnected):
            await super().handle_task_exception(error)

    def _persisted(self, payload: dict[str, Any]) -> None:
        """Put the text in the place of the hash that names a document. Raises as over POST."""
        extensions = payload.get("extensions") or {}
        identifier = asked_identifier(payload, extensions if isinstance(extensions, dict) else {})
        if identifier is not None and self.context.admitted is not None:
            query = payload.get("query") or ""
            executor = cast(_Streams, self.schema).executor
            payload["query"] = executor.text_of(str(query), identifier, self.context.admitted.caller.role)


@dataclass
class _Streams:
    """The executor in the shape in which Strawberry's handler asks a schema."""

    executor: Executor
    edge: Edge

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
        if context_value.admitted is None:  # Strawberry asks only after the acknowledgement
            raise Unauthenticated("No token came with the connection.")
        request = Request(query, context_value.admitted.caller, variable_values or {}, operation_name)
        return self._responses(request)

    async def _responses(self, request: Request) -> AsyncGenerator[ExecutionResult | PreExecutionError, None]:
        try:
            self.edge.rates.caller(request.caller)
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
        return orjson.loads(text)  # json takes NaN and halves of surrogates, which no answer could repeat
    except orjson.JSONDecodeError as error:
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
