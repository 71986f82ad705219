"""Access tokens (JWT): checked on every request, whoever signed them; made here for the demo and for development only.

Three may sign. The bank's identity provider with its private keys (`keys.py`, `jwks.py`); a service account with its
own (`accounts/`); and, where the settings take that, whoever knows the shared secret (HS256). Which one may have signed
a token is settled by its algorithm and its issuer before a key is looked for, so that no key is tried on a token of
another kind.
"""

from __future__ import annotations

import math
import os
import secrets
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any, Final, Protocol

from joserfc import jws, jwt
from joserfc.errors import ExpiredTokenError, JoseError
from joserfc.jwk import OctKey
from joserfc.jws import CompactSignature
from joserfc.util import urlsafe_b64decode

from graph_crm.clock import CLOCK
from graph_crm.errors import ConfigurationError, InvalidInput, Unauthenticated
from graph_crm.security.claims import ClaimNames
from graph_crm.security.keys import ALGORITHMS, LONGEST_KID, KeySource, is_signed_by, strict_json
from graph_crm.security.roles import Caller, Role

ALGORITHM: Final = "HS256"
ISSUER: Final = "graph-crm"
AUDIENCE: Final = "graph-crm"
CACHED_TOKENS: Final = 10_000
LONGEST_TOKEN: Final = 4_096
ACCOUNT_TOKEN_SECONDS: Final = 600
"""A service account's token is valid for so long at most."""
DEMO_SECRET_FILE: Final = "demo-jwt-secret"  # noqa: S105 - the name of a file
_BEARER: Final = "bearer "
_TYPES: Final = frozenset({"at+jwt", "application/at+jwt"})
_ANY_TYPE: Final = _TYPES | {"", "jwt"}
_LATEST: Final = 2.0**53
"""No instant lies behind this one; a number beyond it would be compared wrongly, or not at all."""


@dataclass(frozen=True, slots=True)
class Admitted:
    """A caller, and the second (Unix time) at which the token that named the caller ends."""

    caller: Caller
    expires: float


class Accounts(Protocol):
    """Where service accounts are known."""

    async def source(self, account_id: str) -> tuple[KeySource, Caller] | None:
        """The keys of an account that is in force, and who it is; None where there is no such account."""
        ...


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
    now = int(CLOCK.seconds())
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
    return jwt.encode({"alg": ALGORITHM, "typ": "at+jwt"}, claims, OctKey.import_key(secret), algorithms=[ALGORITHM])


class Verifier:
    """Checks tokens: type, algorithm, signature, issuer, audience, times, role.

    ``secret`` takes HS256, ``keys`` those of the identity provider; None: such tokens are refused. ``skew`` are the
    seconds that two clocks may differ. A token that was checked once is found in a bounded cache for as long as what it
    was checked with is sure, so that a request costs a look-up. Safe to share between the tasks of one event loop.
    """

    def __init__(
        self,
        secret: str | None = None,
        *,
        issuer: str = ISSUER,
        audience: str = AUDIENCE,
        audiences: Sequence[str] = (),
        keys: KeySource | None = None,
        names: ClaimNames | None = None,
        skew: float = 0,
        access_type: bool = False,
        clock: Callable[[], float] | None = None,
        ticks: Callable[[], float] = time.monotonic,
    ) -> None:
        self._secret = OctKey.import_key(secret) if secret is not None else None
        self._keys = keys
        self._names = names or ClaimNames()
        self._issuer = issuer
        self._audiences = [audience, *audiences]
        self._skew = math.ceil(skew)
        self._types = _TYPES if access_type else _ANY_TYPE
        # Where this computer's clock and the database's differ, a token must be valid by both.
        self._clock = clock or CLOCK.latest
        self._earliest = clock or CLOCK.earliest
        self._ticks = ticks
        self._known: dict[str, tuple[Admitted, float, float]] = {}
        """By token: who, until when by the clock, until when by the monotonic one."""
        self.accounts: Accounts | None = None
        """Service accounts; set when the database is there."""

    async def authenticate(self, authorization: str | None) -> Caller:
        """The caller that an ``Authorization: Bearer ...`` header names. Raises Unauthenticated, KeysUnavailable."""
        return (await self.admit(_bearer(authorization))).caller

    def remembered(self, authorization: str) -> Caller | None:
        """The caller of a header whose token was checked before, and is still sure; None: it has to be checked."""
        known = self._remembered(authorization[len(_BEARER) :].strip())
        return known.caller if known is not None and authorization[: len(_BEARER)].lower() == _BEARER else None

    async def admit(self, token: str) -> Admitted:
        """The caller that ``token`` names. Raises Unauthenticated, which says what is wrong but never the token.

        KeysUnavailable or an error of the database where nobody can say whether it is valid.
        """
        return self._remembered(token) or await self._checked(token)

    def verify(self, token: str) -> Caller:
        """The caller of a token that the shared secret signed, or that was checked before. Raises Unauthenticated."""
        known = self._remembered(token)
        return known.caller if known is not None else self._by_secret(token, _opened(token)).caller

    def verify_header(self, authorization: str | None) -> Caller:
        """The same for a header. Raises Unauthenticated."""
        return self.verify(_bearer(authorization))

    def seconds_left(self, admitted: Admitted) -> float:
        """The seconds until the token ends that named this caller; negative: it has ended."""
        return admitted.expires - self._clock()

    def forget(self) -> None:
        """Check every token anew: keys or accounts have changed."""
        self._known.clear()

    def _remembered(self, token: str) -> Admitted | None:
        known = self._known.get(token)
        if known is None:
            return None
        if self._clock() < known[1] and self._ticks() < known[2]:
            return known[0]
        del self._known[token]
        return None

    async def _checked(self, token: str) -> Admitted:
        opened = _opened(token)
        if opened.algorithm == ALGORITHM:
            return self._by_secret(token, opened)
        if opened.algorithm not in ALGORITHMS:
            raise _unusable("The token's algorithm is not taken.")
        account = opened.account
        if account is not None and account != self._issuer:
            return await self._by_account(token, opened, account)
        if self._keys is None:
            raise _unusable()
        until = await self._signed(opened, self._keys)
        claims = self._validated(opened)
        return self._remember(token, Admitted(self._names.caller(claims), self._ends(claims)), until)

    def _by_secret(self, token: str, opened: _Opened) -> Admitted:
        if self._secret is None or opened.algorithm != ALGORITHM:
            raise _unusable(
                "Tokens that a shared secret signed are not taken here." if opened.algorithm == ALGORITHM else None
            )
        try:
            jwt.decode(token, self._secret, algorithms=[ALGORITHM])
        except (JoseError, ValueError) as error:
            raise _unusable() from error
        claims = self._validated(opened)
        return self._remember(token, Admitted(self._names.caller(claims), self._ends(claims)), math.inf)

    async def _by_account(self, token: str, opened: _Opened, account_id: str) -> Admitted:
        """A service account's own token: RFC 7523 in shape, for ten minutes at most."""
        found = await self.accounts.source(account_id) if self.accounts is not None else None
        if found is None:
            raise _unusable()
        source, caller = found
        until = await self._signed(opened, source)
        claims = self._validated(opened, issuer=account_id)
        if claims["exp"] - claims["iat"] > ACCOUNT_TOKEN_SECONDS:
            raise Unauthenticated(
                "The token of a service account is valid for too long.",
                hint=f"Make a new one at least every {ACCOUNT_TOKEN_SECONDS} seconds.",
            )
        return self._remember(token, Admitted(caller, self._ends(claims)), until)

    async def _signed(self, opened: _Opened, source: KeySource) -> float:
        """Until when (monotonic) it is sure that the source's key signed this. Raises Unauthenticated."""
        public, until = await source.find(opened.kid, opened.algorithm)
        try:
            if is_signed_by(opened.signature, public):
                return until
        except (JoseError, ValueError) as error:
            raise _unusable() from error
        raise _unusable()

    def _validated(self, opened: _Opened, *, issuer: str | None = None) -> dict[str, Any]:
        """The claims, once the signature is right; ``issuer``: the account that made them. Raises Unauthenticated."""
        if opened.type not in (self._types if issuer is None else _ANY_TYPE):
            raise _unusable("The token is no access token.")
        claims = opened.claims
        for name in ("exp", "nbf", "iat"):
            value = claims.get(name)
            if isinstance(value, int | float) and abs(value) > _LATEST:
                raise _unusable("A time in the token is none.")
        begins = claims.get("nbf")
        if isinstance(begins, int | float) and begins > self._earliest() + self._skew:
            raise _unusable()
        registry = jwt.JWTClaimsRegistry(
            now=lambda: int(self._clock()),
            leeway=self._skew,
            iss={"essential": True, "value": issuer or self._issuer},
            aud={"essential": True, "values": self._audiences},
            sub={"essential": True, "allow_blank": False},
            exp={"essential": True},
            iat={"essential": issuer is not None},
        )
        try:
            registry.validate(claims)
        except ExpiredTokenError as error:
            raise Unauthenticated("The token has expired.", hint="Ask for a new one.") from error
        except JoseError as error:
            raise _unusable() from error
        return claims

    def _ends(self, claims: dict[str, Any]) -> float:
        return float(claims["exp"]) + self._skew

    def _remember(self, token: str, admitted: Admitted, until: float) -> Admitted:
        if len(self._known) >= CACHED_TOKENS:
            self._known.pop(next(iter(self._known)))
        self._known[token] = (admitted, admitted.expires, until)
        return admitted


@dataclass(frozen=True, slots=True)
class _Opened:
    """A token as it came: nothing in it is believed yet."""

    signature: CompactSignature
    algorithm: str
    kid: str | None
    type: str
    claims: dict[str, Any]

    @property
    def account(self) -> str | None:
        """The service account that says that it made the token for itself; None: it looks like no such token."""
        issuer = self.claims.get("iss")
        return issuer if isinstance(issuer, str) and issuer and issuer == self.claims.get("sub") else None


def _opened(token: str) -> _Opened:
    """Take a token apart. Raises Unauthenticated for what is none, or says something twice."""
    if len(token) > LONGEST_TOKEN:
        raise Unauthenticated("The token is too long.")
    try:
        signature = jws.extract_compact(token.encode("ascii"))
        header = strict_json(urlsafe_b64decode(signature.segments["header"]))
        claims = strict_json(signature.payload)
    except (JoseError, ValueError, TypeError, AttributeError, RecursionError) as error:
        raise _unusable() from error
    if not isinstance(header, dict) or not isinstance(claims, dict) or {"crit", "b64", "zip", "enc"} & set(header):
        raise _unusable()
    algorithm, kid, kind = header.get("alg"), header.get("kid"), header.get("typ", "")
    if not isinstance(algorithm, str) or not isinstance(kind, str):
        raise _unusable()
    if kid is not None and (not isinstance(kid, str) or not 0 < len(kid) <= LONGEST_KID):
        raise _unusable()
    return _Opened(signature, algorithm, kid, kind.lower(), claims)


def _bearer(authorization: str | None) -> str:
    if not authorization or authorization[: len(_BEARER)].lower() != _BEARER:
        raise Unauthenticated(
            "No token came with the request.",
            hint="Send the header `Authorization: Bearer TOKEN`; see docs/identity.md.",
        )
    return authorization[len(_BEARER) :].strip()


def _unusable(why: str | None = None) -> Unauthenticated:
    """One answer for all that is wrong with a token: which check failed is of use to an attacker only."""
    return Unauthenticated(why or "The token is not valid here.", hint="Is it of the issuer that this server knows?")


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
            f"No secret is set to check tokens with, and no demo has made one in {data_dir}.",
            hint="Of a demo that runs, name its folder in GRAPH_CRM_DATA_DIR. Otherwise set GRAPH_CRM_JWT_SECRET to 32"
            " random characters or more.",
        )
    return secret
