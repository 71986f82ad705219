"""POST /forms/request: the form of the bank's public site, and the page that says thank you with the number."""

from __future__ import annotations

from typing import Final
from urllib.parse import urlencode

from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import Route

from graph_crm.api.edge.callers import address_of
from graph_crm.api.pages import web
from graph_crm.api.platform import Platform
from graph_crm.errors import CrmError, NotFound
from graph_crm.requests.numbers import parse
from graph_crm.requests.web_form import FilledForm, WebForm

PATH: Final = "/forms/request"
THANKS: Final = f"{PATH}/thanks"
TRAP: Final = "website"
"""The field that people leave empty, for they do not see it."""
LARGEST: Final = 200_000
"""Bytes of the form: the longest text in a script of which every letter takes many."""


class FormPages:
    """What takes the form, and the page after it."""

    def __init__(self, platform: Platform) -> None:
        self._platform = platform

    async def take(self, request: Request) -> Response:
        """POST: the form. 303 to the page that says the number; JSON for who asks for JSON."""
        if not _wants_json(request):
            return await web.told(self._take)(request)
        try:
            return await self._take(request)
        except CrmError as error:
            body = {"errors": [{"message": error.message, "extensions": error.extensions()}]}
            return JSONResponse(body, status_code=web.http_status(error), headers=web.headers_with(error))
        except ClientDisconnect:
            return Response(status_code=400)  # nobody reads it

    async def _take(self, request: Request) -> Response:
        service = self._service()
        sent = await web.form(request, largest=LARGEST)
        filled = FilledForm(
            subject=web.field(sent, "subject"),
            text=web.field(sent, "text"),
            name=web.field(sent, "name"),
            email=web.field(sent, "email"),
            category=web.field(sent, "category", 64),
            language=web.field(sent, "language", 40),
            nonce=web.field(sent, "nonce", 100),
            trap=web.field(sent, TRAP),
        )
        opened = await service.take(filled, address=address_of(request.scope))
        if _wants_json(request):
            body = {"number": opened.number, "due": opened.due.isoformat()}
            return JSONResponse(body, status_code=201, headers=web.HEADERS)
        query = {"number": opened.number, **({"language": filled.language} if filled.language else {})}
        return RedirectResponse(f"{THANKS}?{urlencode(query)}", status_code=303, headers=web.HEADERS)

    async def thanks(self, request: Request) -> Response:
        """GET: thank you. The page says the number and nothing else: anybody can ask for it."""
        self._service()
        number = parse(request.query_params.get("number", "")[:40])
        if number is None:
            raise NotFound("number: there is no such request", hint="The acknowledgement says it.", field="number")
        tongue = web.language([request.query_params.get("language"), *web.accepted(request)])
        return web.page("thanks.html", tongue, number=number)

    def _service(self) -> WebForm:
        service: WebForm = self._platform.service(WebForm)
        if not service.allowed:
            raise NotFound("There is no form here.", hint="GRAPH_CRM_WEB_FORM allows it.")
        return service


def _wants_json(request: Request) -> bool:
    accepted = request.headers.get("accept", "")[:500].lower()
    return "application/json" in accepted and "text/html" not in accepted


def routes(platform: Platform) -> list[Route]:
    """The routes of the form."""
    pages = FormPages(platform)
    return [
        Route(PATH, pages.take, methods=["POST"]),
        Route(THANKS, web.told(pages.thanks), methods=["GET"]),
    ]
