"""Where a request comes from, and whether it names this server: address, host, origin, headers that stand twice."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import lru_cache
from ipaddress import IPv4Address, ip_address, ip_network
from typing import Final
from urllib.parse import urlsplit

from starlette.types import Scope

from graph_crm.errors import InvalidInput

Headers = list[tuple[bytes, bytes]]
_ONCE: Final = frozenset({b"host", b"authorization", b"content-type", b"content-length", b"origin"})
UNKNOWN: Final = "unknown"


class WrongHost(InvalidInput):
    """The request names a host that this server is not."""

    code = "WRONG_HOST"
    http_status = 421


def headers_of(scope: Scope) -> dict[bytes, bytes]:
    """The headers by name. Raises InvalidInput where one stands twice that two readers would understand differently."""
    found: dict[bytes, bytes] = dict(scope["headers"])
    if len(found) < len(scope["headers"]):
        seen: set[bytes] = set()
        for name, _ in scope["headers"]:
            if name in _ONCE and name in seen:
                raise InvalidInput("A header stands twice.", hint="Send each once.", header=name.decode("latin-1"))
            seen.add(name)
    return found


def address_of(scope: Scope) -> str:
    """The address that a request is counted for: of IPv6 the network of 64 bits, for one customer has all of it.

    Behind a proxy that is trusted it is the one that the proxy tells (uvicorn puts it in).
    """
    client = scope.get("client")
    return _counted(client[0]) if client else UNKNOWN


def is_loopback(scope: Scope) -> bool:
    """Whether the request comes from this machine itself and was not passed on by a proxy on it."""
    client = scope.get("client")
    if not client or any(name in _PASSED_ON for name, _ in scope["headers"]):
        return False
    try:
        address = ip_address(client[0])
    except ValueError:
        return False
    mapped = getattr(address, "ipv4_mapped", None)
    return bool(address.is_loopback or (isinstance(mapped, IPv4Address) and mapped.is_loopback))


_PASSED_ON: Final = frozenset({b"x-forwarded-for", b"forwarded", b"via", b"x-real-ip"})


@lru_cache(maxsize=4096)
def _counted(host: str) -> str:
    try:
        address = ip_address(host)
    except ValueError:
        return UNKNOWN  # a proxy that tells nonsense: all of it counts together
    if isinstance(address, IPv4Address):
        return str(address)
    mapped = address.ipv4_mapped
    return str(mapped) if mapped is not None else str(ip_network((int(address), 64), strict=False))


class Hosts:
    """The names that a server answers to; ``*.bank.example`` stands for every name below it; none: any name."""

    def __init__(self, names: Iterable[str]) -> None:
        names = list(names)
        self._any = not names
        self._names = frozenset(name for name in names if not name.startswith("*."))
        self._endings = tuple(name[1:] for name in names if name.startswith("*."))

    def check(self, headers: dict[bytes, bytes]) -> None:
        """Raise WrongHost where the Host header names another server."""
        if self._any:
            return
        host = _name(headers.get(b"host", b"").decode("latin-1").lower())
        if host not in self._names and not (self._endings and host.endswith(self._endings)):
            raise WrongHost("This server does not answer to that name.", hint="Is GRAPH_CRM_ALLOWED_HOSTS complete?")


def _name(host: str) -> str:
    """The name without the port; an address of IPv6 without its brackets."""
    if host.startswith("["):
        return host[1:].partition("]")[0]
    return host.partition(":")[0]


class Origins:
    """The web applications that may call from a browser: those that are allowed, and pages of this server itself."""

    def __init__(self, allowed: Sequence[str], public_url: str) -> None:
        parts = urlsplit(public_url)
        self._allowed = frozenset(one.encode("latin-1", "ignore") for one in allowed)
        self._own = f"{parts.scheme}://{parts.netloc}".lower().encode("latin-1", "ignore")

    def answer(self, headers: dict[bytes, bytes]) -> Headers:
        """What the answer tells the browser: that the application may read it, if so."""
        origin = headers.get(b"origin")
        if origin is None or origin.lower() not in self._allowed:
            return [(b"vary", b"origin")] if self._allowed else []
        return [
            (b"access-control-allow-origin", origin),
            (b"access-control-expose-headers", b"retry-after"),
            (b"vary", b"origin"),
        ]

    def preflight(self, headers: dict[bytes, bytes]) -> Headers | None:
        """The headers of the answer to a question before a request (CORS); None: not for this application."""
        origin = headers.get(b"origin")
        if origin is None or origin.lower() not in self._allowed or b"access-control-request-method" not in headers:
            return None
        return [
            *self.answer(headers),
            (b"access-control-allow-methods", b"GET, POST"),
            (b"access-control-allow-headers", b"authorization, content-type, x-reason"),
            (b"access-control-max-age", b"600"),
            (b"content-length", b"0"),
        ]

    def may_connect(self, headers: dict[bytes, bytes]) -> bool:
        """Whether a WebSocket may be opened: browsers always name the origin, other programs have none."""
        origin = headers.get(b"origin")
        return origin is None or origin.lower() in self._allowed or origin.lower() == self._own
