"""Links to a copy of everything that is held on a party: signed, good for minutes, and for nothing else."""

from __future__ import annotations

import hashlib
import hmac
import time
from collections.abc import Callable
from datetime import timedelta
from typing import Final

from joserfc import jwt
from joserfc.errors import ExpiredTokenError, JoseError
from joserfc.jwk import OctKey

from graph_crm.errors import Unauthenticated

PATH: Final = "/files/exports/{id}"
LONGEST: Final = 1_000
_ALGORITHM: Final = "HS256"
_USE: Final = b"graph-crm exports 1"


class ExportLinks:
    """Makes and reads the links. Their key is made of the platform's secret: it signs no token of the API."""

    def __init__(
        self, secret: str, public_url: str, *, life: timedelta, clock: Callable[[], float] = time.time
    ) -> None:
        self._key = OctKey.import_key(hmac.digest(secret.encode(), _USE, hashlib.sha256))
        self._base = public_url.rstrip("/")
        self._life = life
        self._clock = clock

    def link(self, export_id: str) -> str:
        """A link to the copy."""
        claims = {"x": export_id, "exp": int(self._clock() + self._life.total_seconds())}
        key = jwt.encode({"alg": _ALGORITHM}, claims, self._key, algorithms=[_ALGORITHM])
        return f"{self._base}{PATH.format(id=export_id)}?key={key}"

    def check(self, export_id: str, key: str | None) -> None:
        """Raise Unauthenticated unless ``key`` opens the copy now."""
        if not key or len(key) > LONGEST:
            raise _unusable()
        try:
            claims = jwt.decode(key, self._key, algorithms=[_ALGORITHM]).claims
            jwt.JWTClaimsRegistry(now=lambda: int(self._clock()), exp={"essential": True}).validate(claims)
        except ExpiredTokenError as error:
            raise Unauthenticated("The link has expired.", hint="Ask privacyExport for a new one.") from error
        except (JoseError, ValueError, RecursionError) as error:
            raise _unusable() from error
        if claims.get("x") != export_id:
            raise _unusable()


def _unusable() -> Unauthenticated:
    return Unauthenticated("The link is not complete, or not for this file.", hint="Ask privacyExport for a new one.")
