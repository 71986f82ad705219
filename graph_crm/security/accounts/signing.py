"""The other end of a service account: making its keys, and signing its tokens as its own system would."""

from __future__ import annotations

import time
from typing import Final

from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, OKPKey, RSAKey

from graph_crm.errors import InvalidInput
from graph_crm.security.keys import named

_ALGORITHMS: Final = ((ECKey, "ES256"), (RSAKey, "RS256"), (OKPKey, "Ed25519"))


def new_pair() -> tuple[bytes, bytes]:
    """A new key pair for ES256, which every library knows: private and public half as PEM."""
    key = ECKey.generate_key("P-256")
    return key.as_pem(private=True), key.as_pem(private=False)


def sign(account_id: str, private_key: bytes, *, audience: str, seconds: int) -> str:
    """A token of the account, valid for ``seconds`` from now. Raises InvalidInput for what is no private key."""
    for kind, algorithm in _ALGORITHMS:
        try:
            key = kind.import_key(private_key)
        except (JoseError, ValueError, TypeError):
            continue
        if not key.is_private:
            break
        now = int(time.time())
        claims = {"iss": account_id, "sub": account_id, "aud": audience, "iat": now, "exp": now + seconds}
        header = {"alg": algorithm, "typ": "at+jwt", "kid": named(key.as_dict(private=False)).kid}
        return jwt.encode(header, claims, key, algorithms=[algorithm])
    raise InvalidInput(
        "The file holds no private key that can sign.",
        hint="Name the PEM that `graph-crm account add --generate` wrote.",
    )
