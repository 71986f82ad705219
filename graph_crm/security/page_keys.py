"""What a link to a page proves: which request it opens, for whom, and until when. Signed, and good for nothing else."""

from __future__ import annotations

import hashlib
import hmac
import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any, Final

from joserfc import jwt
from joserfc.errors import ExpiredTokenError, JoseError
from joserfc.jwk import OctKey

from graph_crm.errors import Unauthenticated

EMPLOYEE_LIFE: Final = timedelta(days=30)
"""So long an employee's link opens a request."""
CUSTOMER_LIFE: Final = timedelta(days=180)
LONGEST: Final = 2_000
"""Characters of a key."""
_ALGORITHM: Final = "HS256"
_USE: Final = b"graph-crm pages 1"
_EMPLOYEE, _CUSTOMER = "employee", "customer"


class PageKeys:
    """Makes and reads the keys in links. Their secret is made of the platform's, so that no key is a token of the API.

    An employee's key opens one request as that employee, a customer's shows one request.
    """

    def __init__(self, secret: str, *, clock: Callable[[], float] = time.time) -> None:
        self._key = OctKey.import_key(hmac.digest(secret.encode(), _USE, hashlib.sha256))
        self._clock = clock

    def employee(self, number: str, employee_id: str) -> str:
        """A key for one employee and one request."""
        return self._signed(_EMPLOYEE, number, employee_id, EMPLOYEE_LIFE)

    def customer(self, number: str, party_id: str | None) -> str:
        """A key for the customer of one request; None: for somebody who is no customer."""
        return self._signed(_CUSTOMER, number, party_id, CUSTOMER_LIFE)

    def read_employee(self, key: str | None, number: str) -> str:
        """The employee whom ``key`` lets open the request ``number``. Raises Unauthenticated."""
        found = self._read(key, _EMPLOYEE, number)
        if not isinstance(found, str) or not found:
            raise _unusable()
        return found

    def read_customer(self, key: str | None, number: str) -> str | None:
        """The customer of the request ``number``; None: somebody who is none. Raises Unauthenticated."""
        found = self._read(key, _CUSTOMER, number)
        if found is not None and not isinstance(found, str):
            raise _unusable()
        return found

    def _signed(self, use: str, number: str, subject: str | None, life: timedelta) -> str:
        claims = {"use": use, "n": number, "s": subject, "exp": int(self._clock() + life.total_seconds())}
        return jwt.encode({"alg": _ALGORITHM}, claims, self._key, algorithms=[_ALGORITHM])

    def _read(self, key: str | None, use: str, number: str) -> Any:
        if not key or len(key) > LONGEST:
            raise _unusable()
        try:
            claims = jwt.decode(key, self._key, algorithms=[_ALGORITHM]).claims
            jwt.JWTClaimsRegistry(now=lambda: int(self._clock()), exp={"essential": True}).validate(claims)
        except ExpiredTokenError as error:
            raise Unauthenticated("The link has expired.", hint="Ask for a new one, or log in.") from error
        except (JoseError, ValueError, RecursionError) as error:
            raise _unusable() from error
        if claims.get("use") != use or claims.get("n") != number:
            raise _unusable()
        return claims.get("s")


def _unusable() -> Unauthenticated:
    return Unauthenticated("The link is not complete, or not for this page.", hint="Open it from the message again.")
