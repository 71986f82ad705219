"""The keys that the chains are made with. Each has an id made of itself, which stands with every entry."""

from __future__ import annotations

import hashlib
import hmac
import os
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from graph_crm.errors import ConfigurationError

KEY_FILE: Final = "audit-key"
_DERIVED: Final = b"graph-crm audit 1"
_NAMED: Final = b"graph-crm audit key id"


class AuditKeyMissing(ConfigurationError):
    """There is no key to keep the audit with, and nothing is done without it."""

    code = "AUDIT_KEY_MISSING"


@dataclass(frozen=True, slots=True)
class AuditKey:
    """One secret and its id."""

    id: str
    secret: bytes

    @classmethod
    def of(cls, text: str) -> AuditKey:
        """The key of a configured secret."""
        secret = text.encode()
        return cls(hmac.new(secret, _NAMED, hashlib.sha256).hexdigest()[:12], secret)

    def mac(self, text: str) -> str:
        """The keyed hash (HMAC-SHA-256, hexadecimal) of a text."""
        return hmac.digest(self.secret, text.encode(), "sha256").hex()

    def __repr__(self) -> str:
        """Its id alone: keys come to no log."""
        return f"AuditKey({self.id})"


class Keyring:
    """The key that is written with, and those that entries may have been written with before, the oldest first."""

    def __init__(self, current: AuditKey, before: Sequence[AuditKey] = (), *, beside: Sequence[AuditKey] = ()) -> None:
        self.current = current
        self.known = {one.id: one for one in (*beside, *before, current)}
        self._ages = {one.id: place for place, one in enumerate((*before, current))}
        """Keys in the order of their use. One that stands ``beside`` has none: the demo has several, by turns."""

    def find(self, identifier: str) -> AuditKey | None:
        """The key of this id; None: it is not known here."""
        return self.known.get(identifier)

    def retired(self, identifier: str, after: str) -> bool:
        """Whether a key was used although a newer one had been in use before it."""
        own, newest = self._ages.get(identifier), self._ages.get(after)
        return own is not None and newest is not None and own < newest


def keyring(
    configured: str | None,
    before: Sequence[str],
    *,
    provider: bool,
    jwt_secret: str | None,
    demo_secret: str | None,
    data_dir: Path,
) -> Keyring:
    """The keys of an installation.

    Without a configured one, and only where no identity provider is set up (the demo, development), the key is derived
    from the secret of the tokens; before there is one, from a file of the data folder that the first user makes.

    Raises AuditKeyMissing.
    """
    old = [AuditKey.of(one) for one in before]
    own = [_derived(one) for one in (jwt_secret, demo_secret) if one]
    file = data_dir / KEY_FILE
    if file.exists():
        own.append(_derived(file.read_text("ascii").strip()))
    if configured is not None:
        # What the demo wrote before it became the bank's stays readable.
        return Keyring(AuditKey.of(configured), old, beside=() if provider else own)
    if provider:
        raise AuditKeyMissing(
            "No key is set to keep the audit with.",
            hint="Set GRAPH_CRM_AUDIT_KEY to 32 random characters or more; only the demo makes one by itself.",
        )
    if not own:
        own.append(_derived(_made(file)))
    return Keyring(own[0], old, beside=own[1:])


def _derived(secret: str) -> AuditKey:
    return AuditKey.of(hmac.digest(secret.encode(), _DERIVED, "sha256").hex())


def _made(file: Path) -> str:
    """A new secret in the file, readable by its owner alone; of two processes that make it the first one wins."""
    file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    draft = file.with_name(f".{file.name}.{secrets.token_hex(4)}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="ascii") as stream:
        stream.write(secrets.token_urlsafe(48))
    try:
        os.link(draft, file)  # atomic, and refuses to replace
    except FileExistsError:
        pass
    finally:
        draft.unlink()
    return file.read_text("ascii").strip()
