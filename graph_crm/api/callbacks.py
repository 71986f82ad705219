"""What gateways tell the platform by HTTP: POST /callbacks/sms. A signature takes the place of a token."""

from __future__ import annotations

from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from graph_crm.api.platform import Platform
from graph_crm.delivery.channels.sms_receipts import SmsReceipts
from graph_crm.delivery.channels.webhook import SIGNATURE, TIMESTAMP
from graph_crm.errors import CrmError, InvalidInput

LARGEST = 262_144
"""Bytes of a callback at most."""


def routes(platform: Platform) -> list[Route]:
    """The routes of gateways."""

    async def sms(request: Request) -> Response:
        try:
            body = await _body(request)
            new = await platform.service(SmsReceipts).take(
                body,
                timestamp=request.headers.get(TIMESTAMP, ""),
                signature=request.headers.get(SIGNATURE, ""),
            )
        except ClientDisconnect:
            return Response(status_code=400)  # nobody reads it; nothing was kept, and the gateway tells it again
        except CrmError as error:
            status = error.http_status if error.http_status != 200 else 400  # noqa: PLR2004 - HTTP's own numbers
            return JSONResponse({"errors": [{"message": error.message, "extensions": error.extensions()}]}, status)
        return JSONResponse({"taken": new}, 202)

    return [Route("/callbacks/sms", sms, methods=["POST"])]


async def _body(request: Request) -> bytes:
    parts, size = [], 0
    async for part in request.stream():
        parts.append(part)
        size += len(part)
        if size > LARGEST:
            raise InvalidInput("The callback is too large.", hint=f"Send at most {LARGEST} bytes.", limit=LARGEST)
    return b"".join(parts)
