"""The server under the application: uvicorn with this platform's bounds on connections, heads, bodies and readers."""

from __future__ import annotations

import uvicorn
from starlette.types import ASGIApp

from graph_crm.api.edge.connections import Bounds, guarded
from graph_crm.api.subscriptions import LARGEST_MESSAGE
from graph_crm.settings import Settings


def server_of(app: ASGIApp, settings: Settings) -> uvicorn.Server:
    """A server for ``app``, which its caller runs over sockets of its own.

    uvicorn by itself believes any proxy on the same machine; here nobody's X-Forwarded-For is believed unless
    GRAPH_CRM_TRUSTED_PROXIES names the proxy.
    """
    http, websocket = guarded(
        Bounds(
            connections=settings.connections,
            per_address=settings.connections_per_address,
            header_seconds=settings.header_seconds,
        )
    )
    return uvicorn.Server(
        uvicorn.Config(
            app,
            log_config=None,
            access_log=False,
            server_header=False,
            timeout_graceful_shutdown=round(settings.shutdown_timeout),
            timeout_keep_alive=round(settings.keep_alive_seconds) or 1,
            http=http,
            ws=websocket,
            ws_max_size=LARGEST_MESSAGE,
            ws_per_message_deflate=False,
            proxy_headers=bool(settings.trusted_proxies),
            forwarded_allow_ips=settings.trusted_proxies,
            lifespan="off",
        )
    )
