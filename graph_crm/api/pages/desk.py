"""The employee's page of a request: what was said, who asked, what may help; the answer with one button."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import quote, urlencode

from starlette.datastructures import FormData, UploadFile
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from graph_crm.api import execution
from graph_crm.api.execution import Executor
from graph_crm.api.pages import web
from graph_crm.api.platform import Platform
from graph_crm.audit import acting
from graph_crm.errors import CrmError, Forbidden, NotFound, Unauthenticated, VersionConflict
from graph_crm.graph.database import Database
from graph_crm.requests.attachments.kinds import AttachmentState
from graph_crm.requests.attachments.service import AttachmentRefused, AttachmentService, Upload
from graph_crm.requests.complaints.kinds import RootCause
from graph_crm.requests.kinds import RequestOutcome, RequestStatus
from graph_crm.requests.service import RequestService
from graph_crm.requests.showing import RequestShowing, ShownEmployee, ShownRequest
from graph_crm.security import touching
from graph_crm.security.page_keys import PageKeys
from graph_crm.security.roles import Caller, Role
from graph_crm.security.sight import GRACE_MINUTES, Sights

FILES: Final = 5
"""Documents with one answer."""
SUGGESTIONS: Final = 5
PATH: Final = "/desk/requests/{number}"
_OUTCOMES: Final = (RequestOutcome.UPHELD, RequestOutcome.PARTLY_UPHELD, RequestOutcome.REJECTED)
_SUGGEST: Final = """query ($text: String!, $language: String, $product: String, $first: Int) {
  suggestArticles(text: $text, language: $language, productCode: $product, first: $first) {
    nodes { id title text }
  }
}"""


@dataclass(frozen=True, slots=True)
class _Visit:
    """Who looks at which request."""

    employee: ShownEmployee
    request: ShownRequest
    language: str
    key: str

    def document_link(self, identifier: str) -> str:
        """The address of a document of the request, for who has this page."""
        number, document = quote(self.request.number), quote(identifier, safe="")
        return f"/desk/requests/{number}/documents/{document}?{urlencode({'k': self.key})}"

    @property
    def caller(self) -> Caller:
        """The employee as the services know callers."""
        return Caller(self.employee.id, Role.AGENT)


class DeskPages:
    """The page, its form and its documents."""

    def __init__(self, platform: Platform, executor: Executor) -> None:
        self._database: Database = platform.database
        self._platform = platform
        self._executor = executor
        self._sights = platform.sights or Sights()

    async def show(self, request: Request) -> Response:
        """GET: the page."""
        visit = await self._visit(request)
        return await self._page(visit, sent="sent" in request.query_params)

    async def answer(self, request: Request) -> Response:
        """POST: the answer. What goes wrong is told on the page, with what was typed."""
        visit = await self._visit(request)
        attachments = self._platform.service(AttachmentService)
        sent = await web.form(request, largest=attachments.largest + web.SMALL_FORM, files=FILES)
        try:
            await self._send(visit, sent, attachments)
        except CrmError as error:
            if isinstance(error, VersionConflict):
                visit = await self._visit(request)  # what happened meanwhile is shown
            return await self._page(visit, sent_form=sent, error=error)
        finally:
            await sent.close()
        return web.again(request, sent="1")

    async def document(self, request: Request) -> Response:
        """GET: a document of this request."""
        visit = await self._visit(request)
        wanted = request.path_params["id"]
        if not any(wanted == one.id for entry in visit.request.log for one in entry.documents):
            raise NotFound("There is no such document.", hint="Open the page again.")
        found = await self._platform.service(AttachmentService).open(wanted, visit.caller)
        return web.document(found)

    async def _visit(self, request: Request) -> _Visit:
        """Who is there, by the key in the address. Raises Unauthenticated, Forbidden, NotFound."""
        number = request.path_params["number"]
        key = request.query_params.get("k")
        employee_id = self._platform.service(PageKeys).read_employee(key, number)
        showing = self._platform.service(RequestShowing)
        employee = await showing.employee(employee_id)
        if employee is None:
            raise Unauthenticated("The link is of somebody who does not work here any more.")
        acting.known(employee.id, "employee link")
        found = await showing.request(number)
        await self._require_case(employee.id, found.number)
        acting.about(found.customer.id if found.customer else None)
        return _Visit(employee, found, web.language([*employee.languages, *web.accepted(request)]), key or "")

    async def _require_case(self, employee_id: str, number: str) -> None:
        """Refuse a link to a request that somebody else answers for by now, as the API would.

        What the link proves is who is there, not that the case is still theirs.
        """
        if await self._platform.service(RequestShowing).owned(number, employee_id, minutes=GRACE_MINUTES):
            return
        caller = Caller(employee_id, Role.RELATIONSHIP_MANAGER)  # portfolio, of who has one, and open cases
        sight = self._sights.of(caller)
        if not await touching.visible(self._database, sight, caller, "ServiceRequest", "number", [number]):
            raise Forbidden(
                "The request is not yours any more.", hint="Somebody else answers for it, or it was closed a while ago."
            )

    async def _send(self, visit: _Visit, sent: FormData, attachments: AttachmentService) -> None:
        """The same as the mutation ``answerRequest``; a form that is sent twice is one answer."""
        nonce = web.field(sent, "nonce", 64)
        outcome = web.field(sent, "outcome", 40)
        uploads = [
            Upload(one.filename, await one.read())
            for one in sent.getlist("file")
            if isinstance(one, UploadFile) and one.filename
        ]
        ids = await self._taken(visit, attachments, uploads, nonce)
        await self._platform.service(RequestService).answer(
            visit.request.number,
            web.field(sent, "text"),
            by=visit.employee.id,
            attachments=ids,
            articles=[one for one in sent.getlist("article") if isinstance(one, str)],
            close=web.field(sent, "close", 8) == "1",
            outcome=RequestOutcome(outcome) if outcome in set(_OUTCOMES) else None,
            root_cause=web.field(sent, "cause", 64) or None,
            version=web.whole(web.field(sent, "version", 12)),
            key=f"page:{visit.request.id}:{nonce}" if nonce else None,
        )

    async def _taken(
        self, visit: _Visit, attachments: AttachmentService, uploads: list[Upload], nonce: str
    ) -> list[str]:
        """Store the documents; those of a form that is sent again are the same ones, others are others."""
        if not uploads:
            return []
        seed = f"page:{visit.request.id}:{nonce}" if nonce else secrets.token_hex(16)
        prepared = await attachments.prepare(uploads, seed=seed)
        for one in prepared:
            if one.taken.state is AttachmentState.REFUSED:
                raise AttachmentRefused(
                    f"{one.taken.name}: {one.taken.reason}.",
                    hint="Leave it out, or send another one.",
                    field="file",
                    name=one.taken.name,
                )
        by = visit.employee.id
        await self._database.write(lambda tx: attachments.create(tx, prepared, by=by, party_id=None, outside=False))
        return [one.taken.id for one in prepared]

    async def _page(
        self, visit: _Visit, *, sent: bool = False, sent_form: FormData | None = None, error: CrmError | None = None
    ) -> Response:
        found = visit.request
        typed: Mapping[str, Any] = sent_form or {}
        status = 409 if isinstance(error, VersionConflict) else web.status_of(error)
        zone = found.customer.time_zone if found.customer else None
        return web.page(
            "desk.html",
            visit.language,
            status=status,
            zone=zone,
            request=found,
            employee=visit.employee,
            articles=await self._articles(visit),
            sent=sent,
            error=error,
            text=web.field(typed, "text"),
            nonce=web.field(typed, "nonce", 64) if error is not None else secrets.token_urlsafe(16),
            closed=found.status is RequestStatus.CLOSED,
            outcomes=_OUTCOMES if found.kind == "COMPLAINT" else (),
            causes=tuple(RootCause),
            files=FILES,
            document_link=visit.document_link,
        )

    async def _articles(self, visit: _Visit) -> list[dict[str, Any]]:
        """What of the knowledge base may help; nothing where it can't say, for the page is needed all the same."""
        found = visit.request
        asked = next((one.text for one in reversed(found.log) if one.asks and one.text), found.subject)
        if not asked or found.status is RequestStatus.CLOSED:
            return []
        variables = {
            "text": asked[:1000],
            "language": found.language,
            "product": found.product,
            "first": SUGGESTIONS,
        }
        answer = await self._executor.execute(execution.Request(_SUGGEST, visit.caller, variables, internal=True))
        if answer.get("errors"):
            web.log.info("no_suggestions", reason=answer["errors"][0]["message"])
            return []
        nodes: list[dict[str, Any]] = answer["data"]["suggestArticles"]["nodes"]
        return nodes


def routes(platform: Platform, executor: Executor) -> list[Route]:
    """The routes of the employee's page."""
    pages = DeskPages(platform, executor)
    return [
        Route(PATH, web.told(pages.show), methods=["GET"]),
        Route(PATH, web.told(pages.answer), methods=["POST"]),
        Route(f"{PATH}/documents/{{id}}", web.told(pages.document), methods=["GET"]),
    ]
