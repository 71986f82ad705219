"""What a checked token says about its caller: which claim is the role, which the party, what the bank's groups mean."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from graph_crm.errors import Unauthenticated
from graph_crm.security.roles import Caller, Role

LONGEST_SUBJECT: Final = 255
LONGEST_PARTY: Final = 200
ACCOUNT_PREFIX: Final = "account:"
"""Begins the subject of a service account; no token of an identity provider may begin so."""


@dataclass(frozen=True)
class ClaimNames:
    """How the issuer calls things. ``roles`` are its groups with the roles that they mean; empty: it names roles."""

    role: str = "role"
    party: str = "party"
    roles: Mapping[str, Role] = field(default_factory=dict)

    def caller(self, claims: Mapping[str, Any]) -> Caller:
        """Who the claims name. Raises Unauthenticated."""
        subject = claims["sub"]
        if not _plain(subject, LONGEST_SUBJECT) or subject.startswith(ACCOUNT_PREFIX):
            raise Unauthenticated("The token's subject can't be used as a name.")
        party = _claim(claims, self.party)
        if party is not None and (not isinstance(party, str) or not _plain(party, LONGEST_PARTY)):
            raise Unauthenticated("The token's party is no text, or too long.")
        role = self._role(_claim(claims, self.role))
        if role is Role.CUSTOMER and not party:
            raise Unauthenticated("The token of a customer names no party.")
        return Caller(subject=subject, role=role, party_id=party)

    def _role(self, named: object) -> Role:
        """The one role that the claim means: of several nobody says which one is meant."""
        names = [named] if isinstance(named, str) else named if isinstance(named, list) else []
        found = {role for name in names if isinstance(name, str) and (role := self._meant(name)) is not None}
        if len(found) > 1:
            raise Unauthenticated("The token names more than one role of this platform.", hint="Ask for one of them.")
        if not found:
            raise Unauthenticated("The token names no role that this platform knows.")
        return found.pop()

    def _meant(self, name: str) -> Role | None:
        if self.roles:
            return self.roles.get(name)
        return Role(name) if name in _ROLES else None


_ROLES: Final = frozenset(role.value for role in Role)


def _claim(claims: Mapping[str, Any], name: str) -> object:
    """A claim by its whole name, else by the path that dots make of it."""
    if name in claims:
        return claims[name]
    found: object = claims
    for part in name.split("."):
        if not isinstance(found, Mapping):
            return None
        found = found.get(part)
    return found


def _plain(value: str, longest: int) -> bool:
    """Whether it is a short text without control characters: it comes to stand in logs and in the audit."""
    return 0 < len(value) <= longest and value.isprintable()
