"""The mutations that protect parties from the eyes of those who explore."""

from __future__ import annotations

from typing import cast

import strawberry
from strawberry.types import Info

from graph_crm.graph.context import RequestContext
from graph_crm.graph.mutation import mutation
from graph_crm.parties.protecting import PartyProtection
from graph_crm.parties.types import Party

MANAGE = "manage_access"
"""The permission of changing who may see whom."""


@strawberry.type
class PartyProtectionMutations:
    """Who is hidden from those who explore."""

    @mutation(
        "Protect a party: analysts, marketers and authors of rules see no more than an alias of it from now on.",
        permission=MANAGE,
    )
    async def protect_party(self, info: Info[RequestContext, None], party_id: strawberry.ID, reason: str) -> Party:
        """Protect a party and answer with it."""
        await info.context.service(PartyProtection).protect(str(party_id), reason)
        return cast(Party, await info.context.fetch("Party", party_id, info))

    @mutation("Show a protected party again to everybody who may see parties.", permission=MANAGE)
    async def unprotect_party(self, info: Info[RequestContext, None], party_id: strawberry.ID, reason: str) -> Party:
        """Show a party again and answer with it."""
        await info.context.service(PartyProtection).unprotect(str(party_id), reason)
        return cast(Party, await info.context.fetch("Party", party_id, info))
