"""What all pages share: templates, languages, headers that keep a browser from doing anything else, errors as pages."""

from __future__ import annotations

import datetime as dt
import hashlib
from collections.abc import Awaitable, Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, Final

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.datastructures import FormData
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from graph_crm import logs, texts
from graph_crm.errors import CrmError, Forbidden, InvalidInput, NotFound, Unauthenticated

Endpoint = Callable[[Request], Awaitable[Response]]
HERE: Final = Path(__file__).parent
STYLE_PATH: Final = "/pages/style.css"
HEADERS: Final = {
    "content-security-policy": "default-src 'none'; style-src 'self'; form-action 'self'; base-uri 'none';"
    " frame-ancestors 'none'",
    "cache-control": "no-store",
    "referrer-policy": "no-referrer",  # the address holds the key
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "x-robots-tag": "noindex, nofollow",
    "cross-origin-opener-policy": "same-origin",
    "permissions-policy": "camera=(), microphone=(), geolocation=()",
}
SMALL_FORM: Final = 100_000
"""Bytes of a form without documents."""
MOST_FIELDS: Final = 60
_STATUS: Final = ((Unauthenticated, 403), (Forbidden, 403), (NotFound, 404))
_STYLE: Final = (HERE / "style.css").read_text("utf-8")
_VERSION: Final = hashlib.sha256(_STYLE.encode()).hexdigest()[:12]

log = logs.get(__name__)

_templates = Environment(
    loader=FileSystemLoader(HERE / "templates"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)


def language(wanted: Iterable[str | None]) -> str:
    """The first of these languages that the platform speaks; English where it speaks none."""
    for one in wanted:
        found = texts.current().language(one) if one else None
        if found is not None:
            return found
    return texts.ENGLISH


def accepted(request: Request) -> list[str]:
    """The languages that the browser asks for, the first first."""
    header = request.headers.get("accept-language", "")[:200]
    return [part.split(";")[0].strip() for part in header.split(",") if part.strip()]


def said(tongue: str, zone: str | None = None) -> Callable[..., str]:
    """What a template says texts with: ``say("page-status", status="NEW")``."""

    def say(name: str, /, **values: Any) -> str:
        return texts.current().say(name, values, tongue, zone)

    return say


def page(template: str, tongue: str, *, status: int = 200, zone: str | None = None, **values: Any) -> HTMLResponse:
    """A page from its template; what it shows is escaped."""
    text = _templates.get_template(template).render(
        say=said(tongue, zone),
        language=tongue,
        style=f"{STYLE_PATH}?v={_VERSION}",
        now=dt.datetime.now(dt.UTC),
        **values,
    )
    return HTMLResponse(text, status_code=status, headers=HEADERS)


def told(endpoint: Endpoint) -> Endpoint:
    """The endpoint with the platform's errors as pages."""

    async def answer(request: Request) -> Response:
        try:
            return await endpoint(request)
        except ClientDisconnect:
            return Response(status_code=400)  # nobody reads it
        except CrmError as error:
            status = next((code for kind, code in _STATUS if isinstance(error, kind)), None)
            if status is None:
                status = error.http_status if error.http_status != 200 else 400  # noqa: PLR2004 - HTTP's own number
            tongue = language(accepted(request))
            return page("problem.html", tongue, status=status, kind=_kind(error), message=error.message)

    return answer


def _kind(error: CrmError) -> str:
    if isinstance(error, Unauthenticated):
        return "link"
    return "missing" if isinstance(error, NotFound) else "other"


def again(request: Request, **query: str) -> RedirectResponse:
    """Back to the same page with GET, so that reloading it sends nothing twice."""
    url = request.url.include_query_params(**query)
    return RedirectResponse(f"{url.path}?{url.query}", status_code=303, headers=HEADERS)


async def form(request: Request, *, largest: int, files: int = 0) -> FormData:
    """The form that was sent. Raises InvalidInput for one that is none, too large, or has too many parts."""
    length = request.headers.get("content-length", "")
    if not length.isdigit():
        raise InvalidInput("The form came without its length.", hint="Use a browser.")
    if int(length) > largest:
        raise InvalidInput(f"The form is larger than {largest} bytes.", hint="Send less at once.", field="file")
    try:
        return await request.form(max_files=files, max_fields=MOST_FIELDS, max_part_size=SMALL_FORM)
    except HTTPException as error:
        raise InvalidInput("The form can't be read.", hint="Open the page again.") from error


def field(sent: FormData | Mapping[str, Any], name: str, limit: int = SMALL_FORM) -> str:
    """A text of the form, without carriage returns; empty where it was not sent."""
    value = sent.get(name)
    return value[:limit].replace("\r\n", "\n") if isinstance(value, str) else ""


async def style(_request: Request) -> Response:
    """The style of all pages."""
    headers = {"cache-control": "public, max-age=31536000, immutable", "x-content-type-options": "nosniff"}
    return Response(_STYLE, media_type="text/css", headers=headers)
