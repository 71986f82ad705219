"""Idempotency keys of callers, apart from those of others and of the platform."""

from __future__ import annotations

from graph_crm.parties import checks
from graph_crm.parties.writes import digest


def own_key(subject: str, key: str | None) -> str | None:
    """The key as it is kept for this caller: the same as nobody else's, and as none of the platform's own.

    Those are ``call:...`` and ``mail:...``. Raises InvalidInput for a key that is none.
    """
    if key is None:
        return None
    return f"own:{digest([subject, checks.text('idempotencyKey', key, checks.ID_LIMIT)])}"
