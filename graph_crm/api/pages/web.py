"""What all pages share: templates, languages, headers that keep a browser from doing anything else, errors as pages."""

from __future__ import annotations

import datetime as dt
import hashlib
import re
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
from graph_crm.requests.attachments.naming import disposition
from graph_crm.requests.attachments.service import Opened

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
LONGEST_NUMBER: Final = 18
"""Digits of a whole number that a form or a header may hold."""
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
    """A page from its template; what it shows is escaped. An ``error`` is said in the language of the page."""
    headers = HEADERS
    if isinstance(error := values.get("error"), CrmError):
        headers = headers_with(error)
        values["error"] = problem(error, tongue)
    text = _templates.get_template(template).render(
        say=said(tongue, zone),
        language=tongue,
        style=f"{STYLE_PATH}?v={_VERSION}",
        now=dt.datetime.now(dt.UTC),
        **values,
    )
    return HTMLResponse(text, status_code=status, headers=headers)


def problem(error: CrmError, tongue: str) -> str:
    """What went wrong, as people read it: by the error's code and by what it names, in the language of the page.

    Where there is no such text an English page says what the error says, any other that it did not work.
    """
    plain = f"page-error-{_slug(error.code)}"
    named = [str(error.details[one]) for one in ("field", "state") if error.details.get(one)]
    known = texts.current()
    for name in (*(f"{plain}-{_slug(one)}" for one in named), plain):
        found = known.message(name, error.details, tongue)
        if found is not None:
            return found
    if tongue == texts.ENGLISH:
        return f"{error.message} {error.hint}" if error.hint else error.message
    return known.say("page-error", {}, tongue)


def _slug(name: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", re.sub(r"(?<=[a-z])(?=[A-Z])", "-", name).lower())


def status_of(error: CrmError | None) -> int:
    """The status of a page that shows its form again because of ``error``; None: all is well."""
    if error is None:
        return 200
    return error.http_status if error.http_status != 200 else 400  # noqa: PLR2004 - HTTP's own number


def http_status(error: CrmError) -> int:
    """The status of an answer that is nothing but ``error``."""
    return next((code for kind, code in _STATUS if isinstance(error, kind)), status_of(error))


def headers_with(error: CrmError | None) -> dict[str, str]:
    """The headers of a page, with when to try again where the error says that."""
    wait = error.details.get("retryAfterSeconds") if error is not None else None
    return HEADERS if wait is None else {**HEADERS, "retry-after": str(wait)}


def document(found: Opened) -> Response:
    """A document that the browser saves and never shows."""
    headers = {
        **HEADERS,
        "content-security-policy": "default-src 'none'; sandbox",
        "content-disposition": disposition(found.name),
        "content-type": found.media_type,
    }
    return Response(found.content, headers=headers)


def told(endpoint: Endpoint) -> Endpoint:
    """The endpoint with the platform's errors as pages."""

    async def answer(request: Request) -> Response:
        try:
            return await endpoint(request)
        except ClientDisconnect:
            return Response(status_code=400)  # nobody reads it
        except CrmError as error:
            tongue = language(accepted(request))
            return page("problem.html", tongue, status=http_status(error), kind=_kind(error), error=error)

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
    length = whole(request.headers.get("content-length", ""))
    if length is None:
        raise InvalidInput("The form came without its length.", hint="Use a browser.")
    if length > largest:
        raise InvalidInput(f"The form is larger than {largest} bytes.", hint="Send less at once.", field="file")
    try:
        return await request.form(max_files=files, max_fields=MOST_FIELDS, max_part_size=SMALL_FORM)
    except HTTPException as error:
        raise InvalidInput("The form can't be read.", hint="Open the page again.") from error


def field(sent: FormData | Mapping[str, Any], name: str, limit: int = SMALL_FORM) -> str:
    """A text of the form, without carriage returns; empty where it was not sent."""
    value = sent.get(name)
    return value[:limit].replace("\r\n", "\n") if isinstance(value, str) else ""


def whole(text: str) -> int | None:
    """The whole number that the text is, written in the digits of ASCII (others look like numbers and are none)."""
    return int(text) if text.isascii() and text.isdecimal() and len(text) <= LONGEST_NUMBER else None


async def style(_request: Request) -> Response:
    """The style of all pages."""
    headers = {"cache-control": "public, max-age=31536000, immutable", "x-content-type-options": "nosniff"}
    return Response(_STYLE, media_type="text/css", headers=headers)
