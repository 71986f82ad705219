"""A server of the platform without its guards, for one comparison only; bench/security_cost.py starts it.

    python bench/unguarded.py PORT

No token is checked, nobody is limited, every field of every row is seen, no query is priced, nothing is audited. It
listens on 127.0.0.1 and is no part of the platform. Settings come from the environment, as for `graph-crm serve`.
"""

from __future__ import annotations

import gc
import socket
import sys
from collections.abc import Mapping
from typing import Any, cast

import orjson
import uvloop
from starlette.types import Receive, Scope, Send

from graph_crm import logs
from graph_crm.api.documents import Operation
from graph_crm.api.edge.bodies import read_body, request_of
from graph_crm.api.edge.rates import Places
from graph_crm.api.edge.serving import server_of
from graph_crm.api.execution import Executor
from graph_crm.api.health import Observed
from graph_crm.api.platform import Platform
from graph_crm.api.pricing import Price
from graph_crm.api.schema import platform_schema
from graph_crm.bootstrap import running
from graph_crm.graph.compiler.sight import Sight
from graph_crm.security.roles import Caller, Role
from graph_crm.security.sight import Sights
from graph_crm.settings import load

ANYBODY = Caller("anybody", Role.ADMINISTRATOR)
FREE = Price(0.0, {})
JSON = [(b"content-type", b"application/json; charset=utf-8")]


class Open(Sight):
    """Sees everything, and binds nothing of who asks."""

    def bound(self, _caller: Caller, parameters: Mapping[str, Any]) -> dict[str, Any]:
        """The parameters as they are."""
        return dict(parameters)


class EverythingSeen:
    """Sights that see everything and add nothing to any statement."""

    def __init__(self) -> None:
        self._sight = Open()

    def of(self, _caller: Caller) -> Open:
        """The same for everybody."""
        return self._sight


class Unpriced(Executor):
    """Asks for no price."""

    def __init__(self, *given: Any, **named: Any) -> None:
        super().__init__(*given, **named)
        # The executor makes its own preparation, and only the price of it is left out here.
        self._preparation.priced = _free  # type: ignore[method-assign]


def _free(operation: Operation, variables: dict[str, Any], caller: Caller) -> Price:
    del operation, variables, caller
    return FREE


class Unguarded:
    """POST /graphql for anybody."""

    def __init__(self, platform: Platform) -> None:
        settings = platform.settings
        self._seconds = settings.request_timeout
        self._bodies = Places(sys.maxsize, sys.maxsize)
        self._executor = Unpriced(
            platform_schema(settings.page_limit, settings.page_default),
            platform.database,
            platform.service,
            seconds=self._seconds,
            sights=cast(Sights, EverythingSeen()),
        )

    async def __call__(self, _scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        asked = await read_body(receive, self._seconds, self._bodies, ANYBODY.subject)
        request = request_of(asked, ANYBODY)
        body = orjson.dumps(await self._executor.execute(request))
        length = (b"content-length", str(len(body)).encode())
        await send({"type": "http.response.start", "status": 200, "headers": [*JSON, length]})
        await send({"type": "http.response.body", "body": body})


async def main(port: int) -> None:
    """Serve until stopped."""
    settings = load()
    logs.configure(level=settings.log_level)
    with socket.socket() as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(("127.0.0.1", port))
        async with running(settings) as platform:
            server = server_of(Observed(Unguarded(platform)), settings)
            gc.collect()
            gc.freeze()
            await server.serve(sockets=[listener])


if __name__ == "__main__":
    uvloop.run(main(int(sys.argv[1])))
