"""The customer's page of a request: where it stands, what was said, and a way to write again."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from typing import Final
from urllib.parse import quote, urlencode

from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from graph_crm.api.pages import web
from graph_crm.api.platform import Platform
from graph_crm.audit import acting
from graph_crm.errors import CrmError, NotFound
from graph_crm.requests.attachments.service import AttachmentService
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
    key: str

    def document_link(self, identifier: str) -> str:
        """The address of a document of the request, for who has this page."""
        number, document = quote(self.request.number), quote(identifier, safe="")
        return f"/r/{number}/documents/{document}?{urlencode({'k': self.key})}"


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
                paced=True,
            )
        except CrmError as error:
            return self._page(visit, typed=sent, error=error)
        return web.again(request, sent="1")

    async def document(self, request: Request) -> Response:
        """GET: a document of this request that customer and bank sent each other."""
        visit = await self._visit(request)
        service = self._platform.service(AttachmentService)
        return web.document(await service.open_of_request(request.path_params["id"], visit.request.id))

    async def _visit(self, request: Request) -> _Visit:
        number = request.path_params["number"]
        party_id = self._platform.service(PageKeys).read_customer(request.query_params.get("k"), number)
        acting.known("customer link", "customer link", party_id)
        found = await self._platform.service(RequestShowing).request(number)
        if (found.customer.id if found.customer else None) != party_id:
            raise NotFound("number: there is no such request of yours")  # it went to somebody else since
        tongue = web.language([found.language, *web.accepted(request)])
        return _Visit(party_id, found, tongue, request.query_params.get("k", ""))

    @staticmethod
    def _page(
        visit: _Visit, *, sent: bool = False, typed: FormData | None = None, error: CrmError | None = None
    ) -> Response:
        found = visit.request
        return web.page(
            "customer.html",
            visit.language,
            status=web.status_of(error),
            zone=found.customer.time_zone if found.customer else None,
            request=found,
            sent=sent,
            error=error,
            text=web.field(typed or {}, "text"),
            nonce=web.field(typed or {}, "nonce", 64) or secrets.token_urlsafe(16),
            document_link=visit.document_link,
        )


def routes(platform: Platform) -> list[Route]:
    """The routes of the customer's page."""
    pages = CustomerPages(platform)
    return [
        Route(PATH, web.told(pages.show), methods=["GET"]),
        Route(PATH, web.told(pages.write), methods=["POST"]),
        Route(f"{PATH}/documents/{{id}}", web.told(pages.document), methods=["GET"]),
    ]
