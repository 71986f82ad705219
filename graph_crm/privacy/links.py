"""Links to a copy of everything that is held on a party: signed, good for minutes, and for nothing else."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Final

from graph_crm.errors import Unauthenticated
from graph_crm.security.signed_keys import SignedKeys

PATH: Final = "/files/exports/{id}"
LONGEST: Final = 1_000
_AGAIN: Final = "Ask privacyExport for a new one."
_USE: Final = b"graph-crm exports 1"


class ExportLinks:
    """Makes and reads the links. Their key is made of the platform's secret: it signs no token of the API."""

    def __init__(
        self, secret: str, public_url: str, *, life: timedelta, clock: Callable[[], float] | None = None
    ) -> None:
        self._keys = SignedKeys(secret, _USE, unusable=_unusable, expired_hint=_AGAIN, longest=LONGEST, clock=clock)
        self._base = public_url.rstrip("/")
        self._life = life

    def link(self, export_id: str) -> str:
        """A link to the copy."""
        key = self._keys.sign({"x": export_id}, self._life)
        return f"{self._base}{PATH.format(id=export_id)}?key={key}"

    def check(self, export_id: str, key: str | None) -> None:
        """Raise Unauthenticated unless ``key`` opens the copy now."""
        if self._keys.read(key).get("x") != export_id:
            raise _unusable()


def _unusable() -> Unauthenticated:
    return Unauthenticated("The link is not complete, or not for this file.", hint=_AGAIN)
