"""Public keys that tokens are checked with, and what counts as one: RS256, ES256, EdDSA; nothing secret, nothing short.

A set of keys (JWKS, RFC 7517) comes from an identity provider: `jwks.py` keeps it. A key of a service account comes
from the graph: `accounts/`.
"""

from __future__ import annotations

import json
import warnings
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final, NoReturn, Protocol

from joserfc import jws
from joserfc.errors import JoseError, SecurityWarning
from joserfc.jwk import ECKey, JWKRegistry, OKPKey, RSAKey
from joserfc.jws import CompactSignature, JWSRegistry

from graph_crm.errors import CrmError

ALGORITHMS: Final = {"RS256": "RSA", "ES256": "P-256", "EdDSA": "Ed25519", "Ed25519": "Ed25519"}
"""The algorithms of signatures that are taken, each with the one kind of key that it goes with."""
SHORTEST_RSA, LONGEST_RSA = 2048, 8192
"""Bits; a longer key costs more time than a caller may take."""
MOST_KEYS: Final = 100
LONGEST_KID: Final = 200


class KeysUnavailable(CrmError):
    """The keys of the identity provider can't be had, and those that were known are too old to be trusted."""

    code = "KEYS_UNAVAILABLE"
    http_status = 503


@dataclass(frozen=True, slots=True)
class PublicKey:
    """One key; ``algorithms`` are those that it may be used with."""

    kid: str | None
    key: RSAKey | ECKey | OKPKey
    algorithms: frozenset[str]


class KeySource(Protocol):
    """Where the keys of an issuer come from."""

    async def find(self, kid: str | None, algorithm: str) -> tuple[PublicKey, float]:
        """The key of this name and the reading of the monotonic clock until which that is sure.

        Raises Unauthenticated where the issuer has no such key, KeysUnavailable where nobody can say.
        """
        ...


class _Signatures(JWSRegistry):
    """The algorithms of this platform, named one by one: nothing is taken because a library thinks well of it."""

    def get_alg(self, name: str) -> Any:
        if name not in ALGORITHMS:
            raise ValueError("the algorithm is not taken")
        return self.algorithms[name]


_signatures: Final = _Signatures()


def is_signed_by(token: CompactSignature, public: PublicKey) -> bool:
    """Whether ``token`` was signed with the private half of ``public``, by an algorithm that goes with it."""
    if token.protected.get("alg") not in public.algorithms:
        return False
    return jws.validate_compact(token, public.key, registry=_signatures)


def read_key(data: object) -> PublicKey:
    """A public key from its JWK. Raises ValueError that says why it can't be used, without the key."""
    if not isinstance(data, Mapping):
        raise TypeError("it is no object")
    if {"d", "k", "p", "q"} & set(data):
        raise ValueError("it is a secret key")
    if data.get("use", "sig") != "sig" or "verify" not in data.get("key_ops", ["verify"]):
        raise ValueError("it is not for signatures")
    kid = data.get("kid")
    if kid is not None and (not isinstance(kid, str) or not 0 < len(kid) <= LONGEST_KID):
        raise ValueError("its kid is no short text")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", SecurityWarning)  # a key that is too short is left out below
            key = JWKRegistry.import_key(dict(data))
        kind = _kind(key)
    except (JoseError, TypeError, KeyError, ArithmeticError) as error:
        raise ValueError("it can't be read") from error
    fitting = frozenset(name for name, wanted in ALGORITHMS.items() if wanted == kind)
    named = data.get("alg")
    algorithms = fitting if named is None else fitting & ({"EdDSA", "Ed25519"} if kind == "Ed25519" else {named})
    if not algorithms or not isinstance(key, RSAKey | ECKey | OKPKey):
        raise ValueError("it is of a kind that is not taken")
    return PublicKey(kid, key, algorithms)


def read_keys(text: bytes) -> list[PublicKey]:
    """The usable keys of a JWKS, the others are left out. Raises ValueError where it is none, or none is left."""
    try:
        found = strict_json(text)
    except RecursionError as error:
        raise ValueError("it is no JWKS") from error
    keys = found.get("keys") if isinstance(found, dict) else None
    if not isinstance(keys, list) or len(keys) > MOST_KEYS:
        raise ValueError(f"it is no JWKS of at most {MOST_KEYS} keys")
    usable = list(_usable(keys))
    names = [one.kid for one in usable]
    if len(usable) > 1 and (None in names or len(set(names)) < len(names)):
        raise ValueError("two keys can't be told apart: each needs a kid of its own")
    if not usable:
        raise ValueError("it holds no key for RS256, ES256 or EdDSA")
    return usable


def read_pem(text: bytes) -> PublicKey:
    """A public key from PEM or from a JWK in JSON; its kid is the thumbprint (RFC 7638). Raises ValueError."""
    stripped = text.strip()
    if stripped.startswith(b"{"):
        key = read_key(strict_json(stripped)).key
    else:
        if b"PRIVATE" in stripped:
            raise ValueError("it is a private key: keep that one, send the public half")
        key = read_key(_from_pem(stripped).as_dict(private=False)).key
    return named(key.as_dict(private=False))


def named(data: Mapping[str, Any]) -> PublicKey:
    """The key of a JWK under its thumbprint, whatever else it was called."""
    plain = {name: value for name, value in data.items() if name in {"kty", "n", "e", "crv", "x", "y"}}
    key = JWKRegistry.import_key(plain)
    return read_key({**plain, "kid": key.thumbprint()})


def strict_json(text: bytes | str) -> Any:
    """What a JSON text says, where it says it once. Raises ValueError.

    An object with a name twice means different things to different readers, and NaN compares with nothing.
    """
    return json.loads(text, object_pairs_hook=_unique, parse_constant=_no_number)


def _from_pem(text: bytes) -> RSAKey | ECKey | OKPKey:
    for kind in (RSAKey, ECKey, OKPKey):
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", SecurityWarning)
                return kind.import_key(text)
        except (JoseError, ValueError, TypeError):
            continue
    raise ValueError("it is no public key in PEM or JWK")


def _usable(keys: Iterable[object]) -> Iterable[PublicKey]:
    for data in keys:
        try:
            yield read_key(data)
        except (ValueError, TypeError):
            continue  # encryption keys and kinds of tomorrow stand beside ours: RFC 7517, section 5


def _kind(key: object) -> str:
    """The kind of a key in the words of ALGORITHMS; empty where it is none of them."""
    if isinstance(key, RSAKey):
        return "RSA" if SHORTEST_RSA <= key.public_key.key_size <= LONGEST_RSA else ""
    if isinstance(key, ECKey | OKPKey):
        return key.curve_name
    return ""


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("a name stands twice in one object")
    return found


def _no_number(text: str) -> NoReturn:
    raise ValueError(f"{text} is no number")
