"""What is no GraphQL: documents of requests, and mails as they came, byte for byte.

``POST /attachments?name=NAME`` takes one document as its body and answers with its id, which a mutation then names.
``GET /attachments/{id}`` and ``GET /mails/{id}`` give the bytes to who may read them, to be saved and never shown.
``GET /files/exports/{id}?key=KEY`` gives the copy of everything that is held on a party to who has a link to it.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from typing import Final

from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from graph_crm.api.edge.rates import Places, RateLimited, Rates
from graph_crm.api.platform import Platform
from graph_crm.audit import acting
from graph_crm.errors import CrmError, Forbidden, InvalidInput, NotFound, Unauthenticated
from graph_crm.privacy.export import ExportService
from graph_crm.privacy.links import PATH as EXPORT_PATH
from graph_crm.requests.attachments.naming import disposition
from graph_crm.requests.attachments.service import AttachmentService, AttachmentTooLarge, Upload
from graph_crm.requests.mailbox.reading import MailArchive
from graph_crm.security import touching
from graph_crm.security.roles import Caller, Role
from graph_crm.security.sight import Sights

_STATUS: Final = {NotFound: 404, Forbidden: 403, InvalidInput: 400}
_HEADERS: Final = {
    "cache-control": "no-store",
    "content-security-policy": "default-src 'none'; sandbox",
    "x-content-type-options": "nosniff",
}
MOST_FILES, FILES_OF_ONE = 30, 4
"""Documents on their way at once, in all and of one caller: each is in memory while it is."""
Endpoint = Callable[[Request], Awaitable[Response]]


def routes(platform: Platform, rates: Rates) -> list[Route]:
    """The routes, for the application to mount beside ``/graphql``; callers are counted as there."""

    async def known(request: Request) -> Caller:
        caller = await platform.verifier.authenticate(request.headers.get("authorization"))
        acting.known(caller.subject, caller.role.value, caller.party_id)
        rates.caller(caller)
        return caller

    async def upload(request: Request) -> Response:
        service = platform.service(AttachmentService)
        caller = await known(request)
        with places.place(caller.subject):
            content = await _body(request, service.largest)
            taken = await service.upload(Upload(request.query_params.get("name"), content), caller)
        return JSONResponse(asdict(taken), status_code=201, headers=_HEADERS)

    places = Places(MOST_FILES, FILES_OF_ONE)
    sights = platform.sights or Sights()

    async def seen(caller: Caller, argument: str, identifier: str) -> None:
        """Refuse staff what belongs to customers whom they do not see; of customers the service asks itself."""
        if caller.role is not Role.CUSTOMER:
            sights.of(caller).check_plain("Attachment", "name")
            await touching.check(platform.database, sights.of(caller), caller, [(argument, {"id": identifier})])

    async def download(request: Request) -> Response:
        caller = await known(request)
        await seen(caller, "GET /attachments", request.path_params["id"])
        with _kept(places.take(caller.subject)) as leave:
            found = await platform.service(AttachmentService).open(request.path_params["id"], caller)
            return _file(found.name, found.media_type, found.content, leave)

    async def mail(request: Request) -> Response:
        caller = await known(request)
        await seen(caller, "GET /mails", request.path_params["id"])
        with _kept(places.take(caller.subject)) as leave:
            content = await platform.service(MailArchive).original(request.path_params["id"], caller)
            return _file("mail.eml", "message/rfc822", content, leave)

    async def export(request: Request) -> Response:
        key = request.query_params.get("key")
        content = await platform.service(ExportService).fetch(request.path_params["id"], key)
        return _file("bank-data.zip", "application/zip", content)

    return [
        Route(EXPORT_PATH, _told(export), methods=["GET"]),
        Route("/attachments", _told(upload), methods=["POST"]),
        Route("/attachments/{id}", _told(download), methods=["GET"]),
        Route("/mails/{id:path}", _told(mail), methods=["GET"]),
    ]


def _told(endpoint: Endpoint) -> Endpoint:
    """The endpoint with the platform's errors as JSON, in the form of GraphQL's."""

    async def answer(request: Request) -> Response:
        try:
            return await endpoint(request)
        except CrmError as error:
            status = next((code for kind, code in _STATUS.items() if isinstance(error, kind)), 400)
            status = error.http_status if error.http_status != 200 else status  # noqa: PLR2004 - HTTP's own numbers
            headers = _HEADERS | ({"www-authenticate": "Bearer"} if isinstance(error, Unauthenticated) else {})
            if isinstance(error, RateLimited):
                headers |= {"retry-after": str(error.retry_after)}
            body = {"errors": [{"message": error.message, "extensions": error.extensions()}]}
            return JSONResponse(body, status_code=status, headers=headers)
        except ClientDisconnect:
            return Response(status_code=400)  # nobody reads it

    return answer


async def _body(request: Request, largest: int) -> bytes:
    parts, size = [], 0
    async for part in request.stream():
        size += len(part)
        if size > largest:
            raise AttachmentTooLarge(
                f"The document is larger than {largest} bytes.", hint="Send a smaller one.", limit=largest
            )
        parts.append(part)
    return b"".join(parts)


@contextmanager
def _kept(leave: Callable[[], None]) -> Iterator[Callable[[], None]]:
    """A place that the answer of the block gives back when it is sent; the block itself where there is none."""
    try:
        yield leave
    except BaseException:
        leave()
        raise


class _Sent(Response):
    """A document that is held in memory until it is sent, or until nobody reads it any more."""

    leave: Callable[[], None]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send it (ASGI)."""
        try:
            await super().__call__(scope, receive, send)
        finally:
            self.leave()


def _file(name: str, media_type: str, content: bytes, leave: Callable[[], None] = lambda: None) -> Response:
    headers = {**_HEADERS, "content-disposition": disposition(name), "content-type": media_type}
    sent = _Sent(content, headers=headers)
    sent.leave = leave
    return sent
