"""Keys and tokens for tests of who may call: an identity provider by hand."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import time
from functools import cache
from typing import Any

from joserfc.jwk import ECKey, OctKey, OKPKey, RSAKey
from joserfc.jws import JWSRegistry

Key = RSAKey | ECKey | OKPKey | OctKey
ISSUER, AUDIENCE = "https://id.bank.example", "crm"


@cache
def rsa(kid: str) -> RSAKey:
    """An RSA key; made once a run, for making one takes time."""
    return RSAKey.generate_key(2048, {"kid": kid})


@cache
def ec(kid: str, curve: str = "P-256") -> ECKey:
    return ECKey.generate_key(curve, {"kid": kid})


@cache
def ed(kid: str) -> OKPKey:
    return OKPKey.generate_key("Ed25519", {"kid": kid})


def jwks(*keys: Key) -> bytes:
    """The public halves as an identity provider shows them."""
    return json.dumps({"keys": [key.as_dict(private=False) for key in keys]}).encode()


def claims(**more: Any) -> dict[str, Any]:
    """Claims of a good token of an agent; None leaves one out."""
    now = int(time.time())
    whole = {"iss": ISSUER, "aud": AUDIENCE, "sub": "jana", "iat": now, "exp": now + 300, "role": "agent", **more}
    return {name: value for name, value in whole.items() if value is not None}


def signed(key: Key, algorithm: str, said: dict[str, Any] | None = None, **header: Any) -> str:
    """A token over these claims, with the key's kid unless ``header`` says otherwise."""
    whole = {"alg": algorithm, "typ": "at+jwt", "kid": key.kid, **header}
    kept = {name: value for name, value in whole.items() if value is not None}
    return raw(json.dumps(kept), json.dumps(said if said is not None else claims()), key, algorithm)


def raw(header: str, said: str, key: Key, algorithm: str) -> str:
    """A token over these very texts, well signed."""
    text = f"{part(header)}.{part(said)}"
    signature = JWSRegistry.algorithms[algorithm].sign(text.encode(), key)
    return f"{text}.{base64.urlsafe_b64encode(signature).rstrip(b'=').decode()}"


def hs256(secret: bytes, kid: str | None) -> str:
    """A token of an administrator that whoever knows ``secret`` can make; the library refuses to make some of them."""
    header = {"alg": "HS256", "typ": "JWT", **({"kid": kid} if kid else {})}
    text = f"{part(header)}.{part(claims(role='administrator'))}"
    signature = hmac.digest(secret, text.encode(), hashlib.sha256)
    return f"{text}.{base64.urlsafe_b64encode(signature).rstrip(b'=').decode()}"


def part(value: Any) -> str:
    """A part of a token as it is written; a text stands as it is."""
    text = value if isinstance(value, str) else json.dumps(value)
    return base64.urlsafe_b64encode(text.encode()).rstrip(b"=").decode()
