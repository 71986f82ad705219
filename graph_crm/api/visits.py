"""What the audit is told of what is no GraphQL: documents, pages, forms and callbacks.

Each request runs for somebody: at first for nobody at an address, then for whom its token or link names
(`graph_crm.audit.acting.known`). What it changes is written down with the change, what it shows before it is shown.
"""

from __future__ import annotations

import re
from typing import Final

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from graph_crm.api import auditing
from graph_crm.audit import acting
from graph_crm.audit.reading import NO_ROLE
from graph_crm.audit.service import Audit
from graph_crm.errors import Forbidden, Unauthenticated

_OF_MACHINES: Final = frozenset({"/healthz", "/livez", "/readyz", "/metrics", "/graphql"})
_REFUSALS: Final = {401: Unauthenticated.code, 403: Forbidden.code}
_LOOKS: Final = frozenset({"GET", "HEAD"})
_WRONG: Final = 400
_WORD: Final = re.compile(r"[a-z]{1,20}")


class Visits:
    """Middleware in front of the routes."""

    def __init__(self, app: ASGIApp, *, audit: Audit) -> None:
        self._app = app
        self._audit = audit

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request (ASGI)."""
        if scope["type"] != "http" or scope["path"] in _OF_MACHINES:
            await self._app(scope, receive, send)
            return

        async def told(message: Message) -> None:
            if message["type"] == "http.response.start":
                await self._tell(scope, message["status"], made)
            await send(message)

        with acting.acting(auditing.nobody(scope), "page") as made:
            if scope["method"] not in _LOOKS:
                made.begin(f"{scope['method']} {_template(scope)}")
            await self._app(scope, receive, told)

    async def _tell(self, scope: Scope, status: int, made: acting.Acting) -> None:
        what = f"{scope['method']} {_template(scope)}"
        if status in _REFUSALS:
            self._audit.refused(_REFUSALS[status], made.actor, what)
        elif scope.get("path_params") and _shows(scope["method"], status, made):
            ids = [str(one) for one in scope["path_params"].values()]
            await self._audit.readings.shown(what, [*ids, *made.about], made=made)


def _shows(method: str, status: int, made: acting.Acting) -> bool:
    """Whether the answer shows what the address names: a form that went wrong comes back with the whole page."""
    if method in _LOOKS:
        return status < _WRONG
    return status >= _WRONG and made.actor.role != NO_ROLE


def _template(scope: Scope) -> str:
    """The path, with a colon for whatever is no plain word of it: no number and no id stands there."""
    parts = scope["path"][:200].split("/")[1:5]
    return "/" + "/".join(part if _WORD.fullmatch(part) else ":" for part in parts)
