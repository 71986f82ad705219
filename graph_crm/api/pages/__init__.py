"""The few pages that links in messages lead to: plain HTML from this server, without scripts and without cookies."""

from __future__ import annotations

from starlette.routing import Route

from graph_crm.api.execution import Executor
from graph_crm.api.pages import customer, desk, form, survey, unsubscribe, web
from graph_crm.api.platform import Platform

__all__ = ["routes"]


def routes(platform: Platform, executor: Executor) -> list[Route]:
    """The routes of all pages, for the application to mount beside ``/graphql``."""
    return [
        *desk.routes(platform, executor),
        *customer.routes(platform),
        *unsubscribe.routes(platform),
        *survey.routes(platform),
        *form.routes(platform),
        Route(web.STYLE_PATH, web.style, methods=["GET"]),
    ]
