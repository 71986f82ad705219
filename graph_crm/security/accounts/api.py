"""Service accounts over GraphQL, for administrators. No business logic: a service does the work."""

from __future__ import annotations

import datetime as dt
from typing import Self

import strawberry
from strawberry.types import Info

from graph_crm.graph.context import RequestContext
from graph_crm.graph.mutation import mutation, query
from graph_crm.security.accounts import service
from graph_crm.security.accounts.service import KEEP_OLD_HOURS, AccountService
from graph_crm.security.roles import Role

MANAGE = "manage_access"
"""The permission of saying who may call."""


@strawberry.type(description="A key that a service account signs its tokens with.")
class AccountKey:
    """A key as administrators see it."""

    kid: strawberry.ID = strawberry.field(description="Its name, which tokens carry in the header kid (RFC 7638).")
    added_at: dt.datetime = strawberry.field(description="When it was added.")
    added_by: str = strawberry.field(description="Who added it.")
    until: dt.datetime | None = strawberry.field(description="When it ends; null: it does not.")


@strawberry.type(description="Another system of the bank that may call, with tokens that it signs itself.")
class ServiceAccount:
    """An account as administrators see it."""

    id: strawberry.ID = strawberry.field(description="Its name, which its tokens carry in iss and sub.")
    role: str = strawberry.field(description="What it may do.")
    description: str | None = strawberry.field(description="What it is for.")
    active: bool = strawberry.field(description="Whether its tokens are taken.")
    created_at: dt.datetime = strawberry.field(description="When it was made.")
    created_by: str = strawberry.field(description="Who made it.")
    disabled_at: dt.datetime | None = strawberry.field(description="When it was ended.")
    disabled_by: str | None = strawberry.field(description="Who ended it.")
    keys: list[AccountKey] = strawberry.field(description="Its keys, ended ones too, the first first.")

    @classmethod
    def of(cls, account: service.ServiceAccount) -> Self:
        """As the service tells it."""
        return cls(
            id=strawberry.ID(account.id),
            role=account.role.value,
            description=account.description,
            active=account.active,
            created_at=account.created_at,
            created_by=account.created_by,
            disabled_at=account.disabled_at,
            disabled_by=account.disabled_by,
            keys=[
                AccountKey(kid=strawberry.ID(key.kid), added_at=key.added_at, added_by=key.added_by, until=key.until)
                for key in account.keys
            ],
        )


@strawberry.type
class AccountQueries:
    """Service accounts."""

    @query("All service accounts, ended ones too, by id.", permission=MANAGE)
    async def service_accounts(self, info: Info[RequestContext, None]) -> list[ServiceAccount]:
        """Everybody who signs tokens, beside the identity provider."""
        return [ServiceAccount.of(one) for one in await info.context.service(AccountService).all()]


@strawberry.type
class AccountMutations:
    """Who else may call."""

    @mutation("Make a service account with its first key; the same once more changes nothing.", permission=MANAGE)
    async def add_service_account(
        self,
        info: Info[RequestContext, None],
        id: strawberry.ID,  # noqa: A002 - the schema's word
        public_key: str,
        role: str = Role.SERVICE.value,
        description: str | None = None,
    ) -> ServiceAccount:
        """Make an account and answer with it."""
        made = await info.context.service(AccountService).add(
            id, public_key, by=info.context.caller.subject, role=role, description=description
        )
        return ServiceAccount.of(made)

    @mutation(
        "Give a service account another key. Those that it has are taken for so many hours more; 0: they end now.",
        permission=MANAGE,
    )
    async def rotate_service_account(
        self,
        info: Info[RequestContext, None],
        id: strawberry.ID,  # noqa: A002 - the schema's word
        public_key: str,
        keep_old_hours: float = KEEP_OLD_HOURS,
    ) -> ServiceAccount:
        """Change its key and answer with it."""
        changed = await info.context.service(AccountService).rotate(
            id, public_key, by=info.context.caller.subject, keep_hours=keep_old_hours
        )
        return ServiceAccount.of(changed)

    @mutation(
        "End a service account for good. Its tokens are refused within ten seconds everywhere.", permission=MANAGE
    )
    async def disable_service_account(
        self,
        info: Info[RequestContext, None],
        id: strawberry.ID,  # noqa: A002 - the schema's word
    ) -> ServiceAccount:
        """End it and answer with it."""
        ended = await info.context.service(AccountService).disable(id, by=info.context.caller.subject)
        return ServiceAccount.of(ended)
