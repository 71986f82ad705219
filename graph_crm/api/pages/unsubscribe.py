"""The page that withdraws a consent: with one button, or by the mail program itself with one POST (RFC 8058)."""

from __future__ import annotations

from typing import Final

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from graph_crm.api.pages import web
from graph_crm.api.platform import Platform
from graph_crm.delivery.unsubscribe import Unsubscriber

PATH: Final = "/unsubscribe"
ONE_CLICK: Final = "List-Unsubscribe"


class UnsubscribePages:
    """The page and its form. A GET changes nothing: mail scanners follow every link."""

    def __init__(self, platform: Platform) -> None:
        self._platform = platform

    @property
    def _service(self) -> Unsubscriber:
        found: Unsubscriber = self._platform.service(Unsubscriber)
        return found

    async def show(self, request: Request) -> Response:
        """GET: what would be withdrawn, and the button."""
        named = self._service.named(request.query_params.get("k", ""))
        tongue = web.language(web.accepted(request))
        return web.page("unsubscribe.html", tongue, named=named, done=False)

    async def withdraw(self, request: Request) -> Response:
        """POST: withdraw. A mail program gets a line of text, a person a page."""
        sent = await web.form(request, largest=web.SMALL_FORM)
        done = await self._service.withdraw(request.query_params.get("k", ""))
        if sent.get(ONE_CLICK) == "One-Click":
            return PlainTextResponse("Unsubscribed.\n", headers=web.HEADERS)
        return web.page("unsubscribe.html", web.language(web.accepted(request)), named=done.named, done=True)


def routes(platform: Platform) -> list[Route]:
    """The routes of the page."""
    pages = UnsubscribePages(platform)
    return [
        Route(PATH, web.told(pages.show), methods=["GET"]),
        Route(PATH, web.told(pages.withdraw), methods=["POST"]),
    ]
