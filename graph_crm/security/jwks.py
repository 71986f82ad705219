"""Keeps the keys of one identity provider: fetched from its JWKS address, or read from a file.

What holds, with ``fresh`` (GRAPH_CRM_JWKS_SECONDS) and ``grace`` (GRAPH_CRM_JWKS_GRACE_SECONDS):

- A key is used for ``fresh`` seconds after the last answer that held it. Four fifths in, the set is fetched again
  beside the requests, so that nobody waits for it.
- A token that names an unknown key has the set fetched at once, but at most every ten seconds for everybody together:
  a new key works at the first request, and an attacker who makes up names of keys can't have the provider flooded.
- A key that a new answer leaves out is used until its own time is over: tokens made shortly before stay good.
- While the provider is away the keys of its last answer are used for ``grace`` seconds more; then nobody is let in.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import httpx

from graph_crm import logs
from graph_crm.errors import ConfigurationError, Unauthenticated
from graph_crm.security.keys import KeysUnavailable, PublicKey, read_keys

BETWEEN_FETCHES: Final = 10.0
"""Seconds between two attempts to fetch, whatever is asked for."""
FETCH_SECONDS: Final = 5.0
LARGEST: Final = 500_000
"""Bytes of a JWKS."""
EARLY: Final = 0.8
LOOK_SECONDS: Final = 10.0
"""Seconds between two looks at a file."""

log = logs.get(__name__)


@dataclass(frozen=True, slots=True)
class _Kept:
    """A key that the provider named, until when (monotonic) it is fresh, and whether it is named still."""

    key: PublicKey
    until: float
    current: bool


class FetchedKeys:
    """The keys behind an address. ``ticks`` is a monotonic clock; ``transport`` replaces the network in tests."""

    def __init__(
        self,
        url: str,
        *,
        fresh: float = 600.0,
        grace: float = 3600.0,
        ticks: Callable[[], float] = time.monotonic,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        self._url = url
        self._fresh = fresh
        self._grace = grace
        self._ticks = ticks
        self._transport = transport
        self._keys: dict[str | None, _Kept] = {}
        self._fetching: asyncio.Task[None] | None = None
        self._tried: float | None = None
        """When it was asked last; None: never."""
        self._failed: float | None = None
        """When that failed, if it did."""

    async def find(self, kid: str | None, algorithm: str) -> tuple[PublicKey, float]:
        """The key named ``kid``; without a name the only one that goes with ``algorithm``.

        Raises Unauthenticated, KeysUnavailable.
        """
        now = self._ticks()
        kept = self._named(kid, algorithm)
        if kept is None or now >= self._last(kept):
            await self._fetch()
            kept = self._named(kid, algorithm)
        elif now >= kept.until - self._fresh * (1 - EARLY):
            self._start()
        if kept is None:
            if self._failed is not None:
                raise _unavailable()
            raise Unauthenticated("The token was signed with a key that its issuer does not name.", hint=_HINT)
        now = self._ticks()
        if now >= self._last(kept):
            raise _unavailable()
        if now < kept.until:
            return kept.key, kept.until
        return kept.key, min(now + BETWEEN_FETCHES, self._last(kept))

    def _named(self, kid: str | None, algorithm: str) -> _Kept | None:
        if kid is not None:
            return self._keys.get(kid)
        fitting = [one for one in self._keys.values() if one.current and algorithm in one.key.algorithms]
        return fitting[0] if len(fitting) == 1 else None

    def _last(self, kept: _Kept) -> float:
        """Until when the key is used, as things stand: longer only where the provider was asked and did not answer."""
        away = self._failed is not None and self._failed >= kept.until - BETWEEN_FETCHES
        return kept.until + self._grace if away and kept.current else kept.until

    def _start(self) -> asyncio.Task[None] | None:
        """The fetch that is under way, or a new one; None where the last attempt is too young for another."""
        if self._fetching is None or self._fetching.done():
            now = self._ticks()
            if self._tried is not None and now < self._tried + BETWEEN_FETCHES:
                return None
            self._tried = now
            self._fetching = asyncio.get_running_loop().create_task(self._fetched())
        return self._fetching

    async def _fetch(self) -> None:
        under_way = self._start()
        if under_way is not None:
            await asyncio.shield(under_way)  # a caller who leaves must not stop it for the others

    async def _fetched(self) -> None:
        try:
            async with asyncio.timeout(FETCH_SECONDS):
                found = read_keys(await self._answer())
        except (httpx.HTTPError, httpx.InvalidURL, TimeoutError, ValueError, OSError) as error:
            self._failed = self._ticks()
            log.warning("jwks_not_fetched", reason=type(error).__name__, known=len(self._keys))
            return
        now = self._ticks()
        left = {kid: _Kept(one.key, one.until, current=False) for kid, one in self._keys.items() if now < one.until}
        new = {one.kid: _Kept(one, now + self._fresh, current=True) for one in found}
        if set(new) != {kid for kid, one in self._keys.items() if one.current}:
            log.info("jwks_changed", keys=len(new), kept=len(set(left) - set(new)))
        self._keys = {**left, **new}
        self._failed = None

    async def _answer(self) -> bytes:
        """The provider's answer. Redirects are not followed: the address is the bank's word for whom it trusts."""
        parts, size = [], 0
        async with (
            httpx.AsyncClient(transport=self._transport, timeout=FETCH_SECONDS, follow_redirects=False) as client,
            client.stream("GET", self._url, headers={"accept": "application/json"}) as answer,
        ):
            if answer.status_code != httpx.codes.OK:
                raise ValueError(f"status {answer.status_code}")
            async for part in answer.aiter_bytes():
                parts.append(part)
                size += len(part)
                if size > LARGEST:
                    raise ValueError("too large")
        return b"".join(parts)


class FileKeys:
    """The keys in a file; a new one is seen within LOOK_SECONDS. One that can't be read leaves the last in force.

    Raises ConfigurationError where the file can't be used at the start.
    """

    def __init__(self, path: Path, *, ticks: Callable[[], float] = time.monotonic) -> None:
        self._path = path
        self._ticks = ticks
        self._looked = ticks()
        self._seen: tuple[int, int] | None = None
        try:
            self._keys: Mapping[str | None, PublicKey] = self._read()
        except (OSError, ValueError) as error:
            raise ConfigurationError(
                f"The keys in {path} can't be used: {getattr(error, 'strerror', None) or error}.",
                hint="GRAPH_CRM_JWKS_FILE names a JWKS (RFC 7517): the public keys of your identity provider.",
            ) from error

    async def find(self, kid: str | None, algorithm: str) -> tuple[PublicKey, float]:
        """The key named ``kid``; without a name the only one that goes with ``algorithm``. Raises Unauthenticated."""
        now = self._ticks()
        if now >= self._looked + LOOK_SECONDS:
            self._looked = now
            try:
                self._keys = self._read()
            except (OSError, ValueError) as error:
                log.warning("jwks_file_not_read", reason=type(error).__name__)
        found = self._keys.get(kid)
        if kid is None:
            fitting = [one for one in self._keys.values() if algorithm in one.algorithms]
            found = fitting[0] if len(fitting) == 1 else None
        if found is None:
            raise Unauthenticated("The token was signed with a key that its issuer does not name.", hint=_HINT)
        return found, self._looked + LOOK_SECONDS

    def _read(self) -> Mapping[str | None, PublicKey]:
        stat = self._path.stat()
        seen = (stat.st_mtime_ns, stat.st_size)
        if seen == self._seen:
            return self._keys
        found = {one.kid: one for one in read_keys(self._path.read_bytes())}
        self._seen = seen
        return found


_HINT: Final = "Ask for a new token; is it of the right issuer?"


def _unavailable() -> KeysUnavailable:
    return KeysUnavailable("The keys of the identity provider can't be had.", hint="Repeat the request later.")
