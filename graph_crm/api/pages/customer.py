"""The customer's page of a request: where it stands, what was said, and a way to write again."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from typing import Final

from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from graph_crm.api.pages import web
from graph_crm.api.platform import Platform
from graph_crm.errors import CrmError, NotFound
from graph_crm.requests.service import RequestService
from graph_crm.requests.showing import RequestShowing, ShownRequest
from graph_crm.security.page_keys import PageKeys

PATH: Final = "/r/{number}"


@dataclass(frozen=True, slots=True)
class _Visit:
    """Who looks at which request."""

    party_id: str | None
    request: ShownRequest
    language: str


class CustomerPages:
    """The page and its form."""

    def __init__(self, platform: Platform) -> None:
        self._platform = platform

    async def show(self, request: Request) -> Response:
        """GET: the page."""
        return self._page(await self._visit(request), sent="sent" in request.query_params)

    async def write(self, request: Request) -> Response:
        """POST: what the customer writes; the clocks run again."""
        visit = await self._visit(request)
        sent = await web.form(request, largest=web.SMALL_FORM)
        nonce = web.field(sent, "nonce", 64)
        try:
            await self._platform.service(RequestService).customer_wrote(
                visit.request.number,
                web.field(sent, "text"),
                key=f"page:{visit.request.id}:{nonce}" if nonce else None,
                by=visit.party_id,
            )
        except CrmError as error:
            return self._page(visit, typed=sent, error=error)
        return web.again(request, sent="1")

    async def _visit(self, request: Request) -> _Visit:
        number = request.path_params["number"]
        party_id = self._platform.service(PageKeys).read_customer(request.query_params.get("k"), number)
        found = await self._platform.service(RequestShowing).request(number)
        if (found.customer.id if found.customer else None) != party_id:
            raise NotFound("number: there is no such request of yours")  # it went to somebody else since
        return _Visit(party_id, found, web.language([found.language, *web.accepted(request)]))

    @staticmethod
    def _page(
        visit: _Visit, *, sent: bool = False, typed: FormData | None = None, error: CrmError | None = None
    ) -> Response:
        found = visit.request
        return web.page(
            "customer.html",
            visit.language,
            status=200 if error is None else 400,
            zone=found.customer.time_zone if found.customer else None,
            request=found,
            sent=sent,
            error=error,
            text=web.field(typed or {}, "text"),
            nonce=web.field(typed or {}, "nonce", 64) or secrets.token_urlsafe(16),
        )


def routes(platform: Platform) -> list[Route]:
    """The routes of the customer's page."""
    pages = CustomerPages(platform)
    return [
        Route(PATH, web.told(pages.show), methods=["GET"]),
        Route(PATH, web.told(pages.write), methods=["POST"]),
    ]
