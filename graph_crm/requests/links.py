"""The links that stand in mails: the employee's page of a request, and the customer's."""

from __future__ import annotations

from typing import Protocol
from urllib.parse import quote, urlencode


class LinkSigner(Protocol):
    """Makes what a link proves with: who may open which request, and until when."""

    def employee(self, number: str, employee_id: str) -> str:
        """For one employee and one request."""

    def customer(self, number: str, party_id: str | None) -> str:
        """For the customer of one request, or for the somebody who is no customer."""


class RequestLinks:
    """Builds links under ``public_url``, the address that browsers reach the server by.

    Without a signer the links lead to the page, which then asks who is there.
    """

    def __init__(self, public_url: str, signer: LinkSigner | None = None) -> None:
        self._base = public_url.rstrip("/")
        self._signer = signer

    def for_employee(self, number: str, employee_id: str | None) -> str:
        """Where the employee answers the request; who is not known has to say first who is there."""
        token = None if self._signer is None or employee_id is None else self._signer.employee(number, employee_id)
        return self._link(f"/desk/requests/{quote(number)}", token)

    def for_customer(self, number: str, party_id: str | None) -> str:
        """Where the customer sees how the request stands."""
        token = None if self._signer is None else self._signer.customer(number, party_id)
        return self._link(f"/r/{quote(number)}", token)

    def _link(self, path: str, token: str | None) -> str:
        return f"{self._base}{path}" + (f"?{urlencode({'k': token})}" if token else "")
