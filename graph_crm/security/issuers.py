"""Whose tokens a server takes, as its settings say; what must not go together is refused before anything starts."""

from __future__ import annotations

from graph_crm.errors import ConfigurationError
from graph_crm.graph.database import Database
from graph_crm.security.accounts.directory import AccountDirectory
from graph_crm.security.accounts.service import AccountService
from graph_crm.security.claims import ClaimNames
from graph_crm.security.jwks import FetchedKeys, FileKeys
from graph_crm.security.keys import KeySource
from graph_crm.security.roles import Role
from graph_crm.security.tokens import Verifier
from graph_crm.settings import Settings


def verifier(settings: Settings, secret: str) -> Verifier:
    """Checks tokens as these settings say; those that ``secret`` signed only where the settings take them.

    Raises ConfigurationError.
    """
    return Verifier(
        secret if takes_hs256(settings) else None,
        issuer=settings.jwt_issuer,
        audience=settings.jwt_audience,
        audiences=settings.jwt_audiences,
        keys=_keys(settings),
        names=ClaimNames(settings.jwt_role_claim, settings.jwt_party_claim, _roles(settings)),
        skew=settings.jwt_skew_seconds,
        access_type=settings.jwt_access_type,
    )


def accounts(database: Database, check: Verifier) -> AccountService:
    """The use cases of service accounts, and ``check`` that heeds them: a change made here is in force here at once."""
    directory = AccountDirectory(database)
    check.accounts = directory

    def changed() -> None:
        directory.forget()
        check.forget()

    return AccountService(database, changed=changed)


def takes_hs256(settings: Settings) -> bool:
    """Whether whoever knows the secret may make tokens: in the demo, and where it is set for development."""
    return settings.demo or settings.jwt_hs256


def require_issuer(settings: Settings) -> None:
    """Raise ConfigurationError where nobody could ever call: no identity provider is named."""
    if settings.jwks_url is None and settings.jwks_file is None and not takes_hs256(settings):
        raise ConfigurationError(
            "No identity provider is named, and tokens signed with the shared secret are not taken.",
            hint="Set GRAPH_CRM_JWKS_URL or GRAPH_CRM_JWKS_FILE; for development GRAPH_CRM_JWT_HS256=true takes what "
            "`graph-crm token` makes.",
        )


def _keys(settings: Settings) -> KeySource | None:
    if settings.jwks_url is not None:
        return FetchedKeys(settings.jwks_url, fresh=settings.jwks_seconds, grace=settings.jwks_grace_seconds)
    return FileKeys(settings.jwks_file) if settings.jwks_file is not None else None


def _roles(settings: Settings) -> dict[str, Role]:
    try:
        return {group: Role(role) for group, role in settings.jwt_roles.items()}
    except ValueError as error:
        raise ConfigurationError(
            f"GRAPH_CRM_JWT_ROLES: {error}.", hint=f"The roles are {', '.join(sorted(Role))}."
        ) from None
