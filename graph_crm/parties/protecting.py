"""Protected parties: staff of the bank and others whom nobody is to look at out of curiosity.

Roles that explore see of a protected party no more than an alias where a path leads through it
(`graph_crm.security.sight`). An alias is random and stays: it tells nothing, and does not change while people work.
"""

from __future__ import annotations

import uuid
from typing import Final

from graph_crm.errors import NotFound
from graph_crm.graph.database import Database, Transaction
from graph_crm.parties import checks

LONGEST_REASON: Final = 500

PROTECT: Final = """
MATCH (p:Party {id: $id})
SET p.protectedBefore = CASE WHEN p.restrictedAt IS NULL THEN p.protectedBefore ELSE true END,
  p.version = CASE WHEN coalesce(p.protected, false) AND p.protectedReason = $reason THEN p.version
    ELSE p.version + 1 END,
  p.protected = true, p.alias = coalesce(p.alias, $alias), p.protectedReason = $reason,
  p.updatedAt = datetime.realtime()
RETURN p.id AS id
"""
UNPROTECT: Final = """
MATCH (p:Party {id: $id})
SET p.protectedBefore = CASE WHEN p.restrictedAt IS NULL THEN p.protectedBefore ELSE false END,
  p.version = p.version + 1, p.updatedAt = datetime.realtime(), p.protectedReason = null,
  p.protected = CASE WHEN p.restrictedAt IS NULL THEN null ELSE p.protected END
RETURN p.id AS id
"""
"""A party whose data may not be used stays protected for that."""


class PartyProtection:
    """Protects parties from the eyes of those who explore, and takes that back."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def protect(self, party_id: str, reason: str) -> None:
        """Protect a party. The same again changes nothing but the reason. Raises: InvalidInput, NotFound."""
        kept = checks.text("reason", reason, LONGEST_REASON)
        await self._change(PROTECT, party_id, reason=kept, alias=f"party-{uuid.uuid4().hex[:12]}")

    async def unprotect(self, party_id: str, reason: str) -> None:
        """Show a party again to everybody who may see parties; why is in the audit. Raises: InvalidInput, NotFound."""
        checks.text("reason", reason, LONGEST_REASON)
        await self._change(UNPROTECT, party_id)

    async def _change(self, statement: str, party_id: str, **parameters: str) -> None:
        async def work(tx: Transaction) -> bool:
            return bool(await tx.run(statement, {"id": party_id, **parameters}))

        if not await self._database.write(work, idempotent=True):
            raise NotFound("partyId: there is no such party", hint="Look it up with searchParties.", field="partyId")
