"""The HTTP application: POST /graphql, and what an operator's machines ask."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import orjson
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from graph_crm.api import auditing, callbacks, files, health, pages
from graph_crm.api.edge.bodies import (
    BODIES_OF_ONE,
    LARGEST_BODY,
    MOST_BODIES,
    BodyTooLarge,
    BodyTooSlow,
    check_json,
    read_body,
    request_of,
)
from graph_crm.api.edge.callers import Headers, headers_of
from graph_crm.api.edge.front import Edge, Front
from graph_crm.api.edge.headers import completed
from graph_crm.api.edge.rates import Places
from graph_crm.api.execution import Executor
from graph_crm.api.failures import incident
from graph_crm.api.leaving import leaving
from graph_crm.api.persisted import Persisted, read_manifests
from graph_crm.api.platform import Platform
from graph_crm.api.schema import platform_schema
from graph_crm.api.subscriptions import SubscriptionEndpoint
from graph_crm.api.unseen import Unseen, seconds_of
from graph_crm.api.visits import Visits
from graph_crm.audit.service import Audit
from graph_crm.errors import CrmError, InvalidInput, Unauthenticated
from graph_crm.security.budgets import Budgets

__all__ = ["LARGEST_BODY", "PATH", "Application", "GraphQLEndpoint", "create_app"]

PATH = "/graphql"
_JSON = (b"content-type", b"application/json; charset=utf-8")


class GraphQLEndpoint:
    """POST /graphql: a JSON object with ``query``, ``variables``, ``operationName``, ``extensions.explain``.

    Written against ASGI itself: it is the hot path of the platform.
    """

    def __init__(self, platform: Platform, edge: Edge) -> None:
        self._verifier = platform.verifier
        settings = platform.settings
        schema = platform_schema(settings.page_limit, settings.page_default)
        self._seconds = settings.request_timeout
        self._audit = platform.service(Audit)
        self.executor = Executor(
            schema,
            platform.database,
            platform.service,
            seconds=self._seconds,
            audit=self._audit,
            sights=platform.sights,
            budgets=Budgets(settings.query_cost, settings.query_cost_at_once),
            persisted=Persisted(
                read_manifests(settings.documents) if settings.documents else {}, settings.documents_only
            ),
            unseen=Unseen(seconds_of(settings.unseen_seconds)),
        )
        self._edge = edge
        self._bodies = Places(MOST_BODIES, BODIES_OF_ONE)
        self._always = completed([_JSON], edge.always)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        more: Headers = []
        try:
            headers = headers_of(scope)
            self._edge.hosts.check(headers)
            more = self._edge.origins.answer(headers)
            if scope["method"] == "OPTIONS":
                granted = self._edge.origins.preflight(headers)
                if granted is not None:
                    await _send(send, 204, b"", completed(granted, self._edge.always))
                    return
            status, body = 200, orjson.dumps(await self._response(scope, headers, receive))
        except CrmError as error:
            status, body, told = self._edge.failure(error)
            more = [*more, *told[1:]]
        except Exception as error:  # noqa: BLE001 - the last resort: an answer with a number, never a stack trace
            body = orjson.dumps({"errors": [incident(error)]})
            status = 500
        if status == Unauthenticated.http_status:
            more = [*more, (b"www-authenticate", b"Bearer")]
        if status in {BodyTooLarge.http_status, BodyTooSlow.http_status}:
            more = [*more, (b"connection", b"close")]  # what is left of the body is not waited for
        await _send(send, status, body, [*self._always, (b"content-length", str(len(body)).encode()), *more])

    async def _response(self, scope: Scope, headers: dict[bytes, bytes], receive: Receive) -> dict[str, Any]:
        if scope["method"] != "POST":
            raise _NotPosted("GraphQL is asked with POST.", hint='Send {"query": "..."} as JSON.')
        authorization = headers.get(b"authorization", b"").decode("latin-1")
        try:
            caller = await self._edge.known(scope, authorization, self._verifier)
        except Unauthenticated as error:
            self._audit.refused(error, auditing.nobody(scope))
            raise
        actor = auditing.actor_of(caller, self._audit, scope)
        await self._audit.first_use(authorization, actor)
        check_json(headers)
        body = await read_body(receive, self._seconds, self._bodies, caller.subject)
        return await self.executor.execute(replace(request_of(body, caller), actor=actor, gone=leaving(receive)))


class _NotPosted(InvalidInput):
    """The request came with another method than POST."""

    code = "METHOD_NOT_ALLOWED"
    http_status = 405


async def _send(send: Send, status: int, body: bytes, headers: Headers) -> None:
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


class Application:
    """The ASGI application: GraphQL first, without a router's detour, then Starlette for the rest."""

    def __init__(self, platform: Platform) -> None:
        edge = Edge(platform.settings)
        endpoint = GraphQLEndpoint(platform, edge)
        # The route is there for those who list the routes; requests take the short way.
        self.starlette = Starlette(
            routes=[
                Route(PATH, endpoint),
                *health.routes(platform),
                *files.routes(platform, edge.rates),
                *callbacks.routes(platform),
                *pages.routes(platform, endpoint.executor),
            ],
            middleware=[Middleware(health.Observed), Middleware(Visits, audit=platform.service(Audit))],
        )
        self._rest = Front(self.starlette, edge=edge)
        self._graphql = health.Observed(endpoint)
        self._subscriptions = SubscriptionEndpoint(endpoint.executor, platform.verifier, edge, platform.settings)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection."""
        if scope["type"] == "http" and scope["path"] == PATH:
            await self._graphql(scope, receive, send)
        elif scope["type"] == "websocket" and scope["path"] == PATH:
            await self._subscriptions(scope, receive, send)
        else:
            await self._rest(scope, receive, send)


def create_app(platform: Platform) -> Application:
    """The application over a wired platform."""
    return Application(platform)
