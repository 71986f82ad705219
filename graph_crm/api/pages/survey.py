"""The page that asks how content a customer is with how a complaint was dealt with: five choices and a few words."""

from __future__ import annotations

from typing import Final

from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from graph_crm.api.pages import web
from graph_crm.api.platform import Platform
from graph_crm.errors import CrmError, InvalidInput
from graph_crm.requests.complaints.survey import BEST, WORST, SurveyService

PATH: Final = "/survey"


class SurveyPages:
    """The page and its form; the link in the message is all that is needed."""

    def __init__(self, platform: Platform) -> None:
        self._platform = platform

    async def show(self, request: Request) -> Response:
        """GET: the question. It looks the same whatever the link: whether it is good is told with the answer."""
        if not request.query_params.get("k"):
            raise InvalidInput("The link is not complete.", hint="Open it from the message again, all of it.")
        return self._page(request)

    async def answer(self, request: Request) -> Response:
        """POST: the answer."""
        sent = await web.form(request, largest=web.SMALL_FORM)
        score = web.whole(web.field(sent, "score", 2))
        try:
            await self._platform.service(SurveyService).answer(
                request.query_params.get("k", ""), score or 0, web.field(sent, "text") or None
            )
        except CrmError as error:
            return self._page(request, typed=sent, error=error)
        return self._page(request, done=True)

    @staticmethod
    def _page(
        request: Request, *, done: bool = False, typed: FormData | None = None, error: CrmError | None = None
    ) -> Response:
        tongue = web.language(web.accepted(request))
        return web.page(
            "survey.html",
            tongue,
            status=web.status_of(error),
            done=done,
            error=error,
            text=web.field(typed or {}, "text"),
            scores=range(BEST, WORST - 1, -1),
        )


def routes(platform: Platform) -> list[Route]:
    """The routes of the page."""
    pages = SurveyPages(platform)
    return [
        Route(PATH, web.told(pages.show), methods=["GET"]),
        Route(PATH, web.told(pages.answer), methods=["POST"]),
    ]
