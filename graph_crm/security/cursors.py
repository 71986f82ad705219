"""Cursors that tell nothing: sealed with a key of the platform, for one role."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import os
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from graph_crm.security.roles import Role

_USE: Final = b"graph-crm cursors 1"
_NONCE: Final = 12
_TAG: Final = 16


class CursorSeal:
    """Seals the cursors of one role (AES-256-GCM). Raises ValueError for what was not sealed with this key for it."""

    def __init__(self, secret: str, role: Role) -> None:
        self._cipher = AESGCM(hmac.digest(secret.encode(), _USE, hashlib.sha256))
        self._role = role.encode()

    def seal(self, content: bytes) -> str:
        """The content, unreadable, and another text each time."""
        nonce = os.urandom(_NONCE)
        return base64.urlsafe_b64encode(nonce + self._cipher.encrypt(nonce, content, self._role)).rstrip(b"=").decode()

    def open(self, sealed: str) -> bytes:
        """The content of a sealed text."""
        try:
            raw = base64.b64decode(sealed + "=" * (-len(sealed) % 4), altchars=b"-_", validate=True)
            if len(raw) < _NONCE + _TAG:
                raise ValueError("too short for a sealed cursor")
            return self._cipher.decrypt(raw[:_NONCE], raw[_NONCE:], self._role)
        except (binascii.Error, InvalidTag) as error:
            raise ValueError("not sealed here") from error
