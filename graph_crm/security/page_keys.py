"""What a link to a page proves: which request it opens, for whom, and until when. Signed, and good for nothing else."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any, Final

from graph_crm.errors import Unauthenticated
from graph_crm.security.signed_keys import SignedKeys

EMPLOYEE_LIFE: Final = timedelta(days=30)
"""So long an employee's link opens a request."""
CUSTOMER_LIFE: Final = timedelta(days=180)
LONGEST: Final = 2_000
"""Characters of a key."""
_USE: Final = b"graph-crm pages 1"
_EMPLOYEE, _CUSTOMER = "employee", "customer"


class PageKeys:
    """Makes and reads the keys in links. Their secret is made of the platform's, so that no key is a token of the API.

    An employee's key opens one request as that employee, a customer's shows one request.
    """

    def __init__(self, secret: str, *, clock: Callable[[], float] | None = None) -> None:
        self._keys = SignedKeys(
            secret, _USE, unusable=_unusable, expired_hint="Ask for a new one, or log in.", longest=LONGEST, clock=clock
        )

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
        return self._keys.sign({"use": use, "n": number, "s": subject}, life)

    def _read(self, key: str | None, use: str, number: str) -> Any:
        claims = self._keys.read(key)
        if claims.get("use") != use or claims.get("n") != number:
            raise _unusable()
        return claims.get("s")


def _unusable() -> Unauthenticated:
    return Unauthenticated("The link is not complete, or not for this page.", hint="Open it from the message again.")
