"""The server's port, taken before anything else is started: a port that is in use is told before a database runs."""

from __future__ import annotations

import errno
import socket
import sys

from graph_crm.errors import ConfigurationError


def listen(host: str, port: int) -> list[socket.socket]:
    """Sockets bound to ``port`` (0: any free one) on every address of ``host``; nobody is served through them yet.

    Raises ConfigurationError when the port is in use or can't be had, or when the host is no address of this machine.
    """
    bound: list[socket.socket] = []
    refused: OSError | None = None
    try:
        for family, address in _addresses(host, port):
            try:
                bound.append(_bind(family, address, bound[0].getsockname()[1] if bound else port))
            except OSError as error:
                # `localhost` has two addresses, and a machine without IPv6 can only have the first.
                if error.errno not in (errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT):
                    raise
                refused = error
        if not bound:
            raise refused or OSError(errno.EADDRNOTAVAIL, "no address")
    except OSError as error:
        for one in bound:
            one.close()
        raise refusal(host, port, error) from None
    return bound


def _addresses(host: str, port: int) -> list[tuple[int, str]]:
    found = socket.getaddrinfo(host or None, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    return list(dict.fromkeys((int(family), str(address[0])) for family, _, _, _, address in found))


def _bind(family: int, address: str, port: int) -> socket.socket:
    one = socket.socket(family, socket.SOCK_STREAM)
    try:
        if sys.platform != "win32":  # there it would take a port away from its owner
            one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            one.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        one.bind((address, port))
    except OSError:
        one.close()
        raise
    return one


def refusal(host: str, port: int, error: OSError) -> ConfigurationError:
    """What to tell of a port that can't be had."""
    advice = "`graph-crm serve --port` or GRAPH_CRM_PORT names another; 0 takes any free one."
    if isinstance(error, socket.gaierror):
        return ConfigurationError(f"The host {host} is unknown.", hint="Correct --host or GRAPH_CRM_HOST.")
    if error.errno == errno.EADDRINUSE:
        return ConfigurationError(f"Port {port} of {host} is taken by another program.", hint=advice)
    if error.errno in (errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT):
        return ConfigurationError(f"{host} is no address of this machine.", hint="Correct --host or GRAPH_CRM_HOST.")
    return ConfigurationError(f"Port {port} of {host} can't be had: {error.strerror}.", hint=advice)
