"""Restricting what is done with a party's data (GDPR, art. 18): they are kept, and nothing is done with them.

While it lasts the bank contacts the party only where the law demands it, decides nothing about it and does not score
what it looks at, and roles that only explore see no more than that somebody is there (`Party.protected`).
"""

from __future__ import annotations

import uuid
from typing import Any

from graph_crm.consent.pending import cancel
from graph_crm.contacts import ledger
from graph_crm.contacts.suppression import closed
from graph_crm.errors import NotFound
from graph_crm.graph.database import Database, Transaction
from graph_crm.parties import checks
from graph_crm.parties.writes import Written, write_once
from graph_crm.privacy import cypher


class RestrictionService:
    """Restricts and lifts. Every method is one transaction; what is pending and forbidden by it is cancelled there."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def restrict(self, party_id: str, reason: str, *, idempotency_key: str | None = None) -> Written:
        """From now on the party's data are only kept. Restricted again, the first day stays and the reason is new.

        Raises: NotFound.
        """
        kept = checks.text("reason", reason)

        async def work(tx: Transaction) -> Written:
            locked = await _locked(tx, party_id)
            asked = {"id": party_id, "reason": kept, "now": locked.now, "alias": f"party-{uuid.uuid4().hex[:12]}"}
            rows = await tx.run(cypher.RESTRICT, asked)
            if not rows:
                raise _unknown()
            await cancel(tx, closed, locked.now, party_id=party_id)
            return Written(party_id, rows[0]["version"])

        command = {"partyId": party_id, "reason": reason}
        return await write_once(self._database, "restrictProcessing", idempotency_key, command, work)

    async def lift(self, party_id: str, *, idempotency_key: str | None = None) -> Written:
        """The party's data may be used again. Where nothing was restricted nothing changes but the version.

        Raises: NotFound.
        """

        async def work(tx: Transaction) -> Written:
            locked = await _locked(tx, party_id)
            rows = await tx.run(cypher.LIFT, {"id": party_id, "now": locked.now})
            if not rows:
                raise _unknown()
            return Written(party_id, rows[0]["version"])

        command: dict[str, Any] = {"partyId": party_id}
        return await write_once(self._database, "liftRestriction", idempotency_key, command, work)


async def _locked(tx: Transaction, party_id: str) -> ledger.Locked:
    locked = await ledger.lock_parties(tx, [party_id])
    if locked is None:
        raise _unknown()
    return locked


def _unknown() -> NotFound:
    return NotFound("partyId: there is no such party", hint="Look the party up with searchParties.", field="partyId")
