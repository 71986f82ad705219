"""Keys in links: signed for one use with a secret made of the platform's, good until an instant, and nothing else."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any, Final

from joserfc import jwt
from joserfc.errors import ExpiredTokenError, JoseError
from joserfc.jwk import OctKey

from graph_crm.clock import CLOCK
from graph_crm.errors import Unauthenticated

_ALGORITHM: Final = "HS256"


class SignedKeys:
    """Signs and reads the keys of one ``use``: no key of one use is a key of another, or a token of the API.

    ``unusable`` makes the error for a key that is none, ``expired_hint`` says what to do with one whose time is over;
    a key longer than ``longest`` characters is not looked at. ``clock`` (seconds since 1970)
    replaces the process's.
    """

    def __init__(
        self,
        secret: str,
        use: bytes,
        *,
        unusable: Callable[[], Unauthenticated],
        expired_hint: str,
        longest: int,
        clock: Callable[[], float] | None = None,
    ) -> None:
        self._key = OctKey.import_key(hmac.digest(secret.encode(), use, hashlib.sha256))
        self._unusable = unusable
        self._expired_hint = expired_hint
        self._longest = longest
        self._now = clock or CLOCK.seconds
        self._latest = clock or CLOCK.latest

    def sign(self, claims: Mapping[str, Any], life: timedelta) -> str:
        """A key that says ``claims`` for so long."""
        said = {**claims, "exp": int(self._now() + life.total_seconds())}
        return jwt.encode({"alg": _ALGORITHM}, said, self._key, algorithms=[_ALGORITHM])

    def read(self, key: str | None) -> dict[str, Any]:
        """What ``key`` says. Raises Unauthenticated."""
        if not key or len(key) > self._longest:
            raise self._unusable()
        try:
            claims = jwt.decode(key, self._key, algorithms=[_ALGORITHM]).claims
            jwt.JWTClaimsRegistry(now=lambda: int(self._latest()), exp={"essential": True}).validate(claims)
        except ExpiredTokenError as error:
            raise Unauthenticated("The link has expired.", hint=self._expired_hint) from error
        except (JoseError, ValueError, RecursionError) as error:
            raise self._unusable() from error
        return claims
