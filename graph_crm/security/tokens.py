"""Signed tokens (JWT, HS256): made by `graph-crm token`, checked on every request."""

from __future__ import annotations

import math
import os
import secrets
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

from joserfc import jwt
from joserfc.errors import ExpiredTokenError, JoseError
from joserfc.jwk import OctKey

from graph_crm.errors import ConfigurationError, InvalidInput, Unauthenticated
from graph_crm.security.roles import Caller, Role

ALGORITHM: Final = "HS256"
ISSUER: Final = "graph-crm"
AUDIENCE: Final = "graph-crm"
CACHED_TOKENS: Final = 10_000
LONGEST_TOKEN: Final = 4_096
DEMO_SECRET_FILE: Final = "demo-jwt-secret"  # noqa: S105 - the name of a file
_BEARER: Final = "bearer "


def issue(
    secret: str,
    role: Role,
    *,
    subject: str | None = None,
    party_id: str | None = None,
    lifetime: timedelta = timedelta(hours=12),
    issuer: str = ISSUER,
    audience: str = AUDIENCE,
) -> str:
    """A signed token for ``role``, valid for ``lifetime`` from now; ``subject`` defaults to ``demo:<role>``.

    Raises InvalidInput when a customer's token is asked for without the party that the customer is.
    """
    if role is Role.CUSTOMER and not party_id:
        raise InvalidInput(
            "A token of the role customer needs a party.", hint="Name the party that the customer is: --party ID."
        )
    now = int(time.time())
    claims: dict[str, Any] = {
        "iss": issuer,
        "aud": audience,
        "sub": subject or f"demo:{role}",
        "iat": now,
        "exp": now + math.ceil(lifetime.total_seconds()),
        "role": role.value,
    }
    if party_id:
        claims["party"] = party_id
    return jwt.encode({"alg": ALGORITHM}, claims, OctKey.import_key(secret), algorithms=[ALGORITHM])


class Verifier:
    """Checks tokens: signature, algorithm, issuer, audience, expiry, role.

    A token that was checked once is found in a bounded cache until it expires, so that a request costs a look-up.
    Safe to share between the tasks of one event loop.
    """

    def __init__(
        self,
        secret: str,
        *,
        issuer: str = ISSUER,
        audience: str = AUDIENCE,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._key = OctKey.import_key(secret)
        self._claims = jwt.JWTClaimsRegistry(
            now=lambda: int(clock()),
            iss={"essential": True, "value": issuer},
            aud={"essential": True, "value": audience},
            sub={"essential": True, "allow_blank": False},
            exp={"essential": True},
        )
        self._clock = clock
        self._known: dict[str, tuple[Caller, float]] = {}

    def verify(self, token: str) -> Caller:
        """The caller that ``token`` names. Raises Unauthenticated, saying what is wrong but never the token."""
        known = self._known.get(token)
        if known is not None and self._clock() < known[1]:
            return known[0]
        return self._verify(token)

    def verify_header(self, authorization: str | None) -> Caller:
        """The caller that an ``Authorization: Bearer ...`` header names. Raises Unauthenticated."""
        if not authorization or authorization[: len(_BEARER)].lower() != _BEARER:
            raise Unauthenticated(
                "No token came with the request.",
                hint="Send the header `Authorization: Bearer TOKEN`; `graph-crm token --role agent` makes one.",
            )
        return self.verify(authorization[len(_BEARER) :].strip())

    def _verify(self, token: str) -> Caller:
        self._known.pop(token, None)
        if len(token) > LONGEST_TOKEN:
            raise Unauthenticated("The token is too long.")
        try:
            claims = jwt.decode(token, self._key, algorithms=[ALGORITHM]).claims
            self._claims.validate(claims)
        except ExpiredTokenError as error:
            raise Unauthenticated("The token has expired.", hint="Ask for a new one.") from error
        except (JoseError, ValueError, RecursionError) as error:  # the last two: what is no JWT at all
            raise Unauthenticated(
                "The token is not valid here.", hint="Was it made with this server's secret?"
            ) from error
        caller = _caller(claims)
        if len(self._known) >= CACHED_TOKENS:
            self._known.pop(next(iter(self._known)))
        self._known[token] = (caller, float(claims["exp"]))
        return caller


def _caller(claims: dict[str, Any]) -> Caller:
    party = claims.get("party")
    try:
        role = Role(claims.get("role", ""))
    except ValueError as error:
        raise Unauthenticated("The token names no role that this platform knows.") from error
    if party is not None and not isinstance(party, str):
        raise Unauthenticated("The token's party is no text.")
    if role is Role.CUSTOMER and not party:
        raise Unauthenticated("The token of a customer names no party.")
    return Caller(subject=claims["sub"], role=role, party_id=party)


def demo_secret(data_dir: Path, *, create: bool) -> str | None:
    """The secret that the demo made for ``data_dir`` (its file is readable by the owner alone), or None.

    With ``create`` it is made when it is not there; two processes that start together get the same one.
    """
    path = data_dir / DEMO_SECRET_FILE
    if create and not path.exists():
        data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
        draft = data_dir / f".{DEMO_SECRET_FILE}.{secrets.token_hex(4)}"
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w", encoding="ascii") as file:
            file.write(secrets.token_urlsafe(48))
        try:
            os.link(draft, path)  # atomic, and refuses to replace: the first process wins
        except FileExistsError:
            pass
        finally:
            draft.unlink()
    return path.read_text("ascii").strip() if path.exists() else None


def signing_secret(configured: str | None, data_dir: Path, *, demo: bool) -> str:
    """The secret to sign and check with: the configured one, or the demo's where ``demo`` allows it.

    Raises ConfigurationError when there is none.
    """
    secret = configured or (demo_secret(data_dir, create=False) if demo else None)
    if secret is None:
        raise ConfigurationError(
            "No secret is set to check tokens with.",
            hint="Set GRAPH_CRM_JWT_SECRET to 32 random characters or more; only the demo makes one by itself.",
        )
    return secret
