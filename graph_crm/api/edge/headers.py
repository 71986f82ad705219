"""The headers of every answer: what a browser must not do with it, unless the answer says so itself."""

from __future__ import annotations

from typing import Final

from graph_crm.settings import Settings

Headers = list[tuple[bytes, bytes]]
_ALWAYS: Final = (
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"x-frame-options", b"DENY"),
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"permissions-policy", b"camera=(), microphone=(), geolocation=()"),
    (b"cache-control", b"no-store"),
)


def headers_of_answers(settings: Settings) -> Headers:
    """What every answer carries. HSTS only where browsers come by https: elsewhere it would lock them out."""
    hsts = settings.public_url.lower().startswith("https://") and settings.hsts_days
    always = list(_ALWAYS)
    if hsts:
        always.append((b"strict-transport-security", b"max-age=%d" % (settings.hsts_days * 86_400)))
    return always


def completed(given: Headers, always: Headers) -> Headers:
    """The headers of an answer with those that it does not set itself."""
    named = {name.lower() for name, _ in given}
    return [*given, *(one for one in always if one[0] not in named)]
