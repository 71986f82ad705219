"""Portfolios: the customers whom an employee looks after, and whom a relationship manager therefore sees in full."""

from __future__ import annotations

from typing import Final

from graph_crm.errors import NotFound
from graph_crm.graph.database import Database, Transaction
from graph_crm.parties import checks

MOST: Final = 1_000
"""Customers that one call gives to an employee or takes away."""

ASSIGN: Final = """
MATCH (e:Employee {id: $employee})
SET e.lock = coalesce(e.lock, 0) + 1
WITH e
UNWIND $parties AS id
OPTIONAL MATCH (p:Party {id: id})
WITH e, collect(p) AS found, collect(CASE WHEN p IS NULL THEN id END) AS unknown
FOREACH (p IN CASE WHEN unknown = [] THEN found ELSE [] END |
  MERGE (e)-[of:LOOKS_AFTER]->(p) ON CREATE SET of.since = date(), of.assignedBy = $by)
RETURN unknown
"""
END: Final = """
MATCH (e:Employee {id: $employee})
SET e.lock = coalesce(e.lock, 0) + 1
WITH e
UNWIND $parties AS id
OPTIONAL MATCH (p:Party {id: id})
OPTIONAL MATCH (e)-[of:LOOKS_AFTER]->(p)
DELETE of
RETURN collect(CASE WHEN p IS NULL THEN id END) AS unknown
"""


class Portfolios:
    """Gives customers to employees. What was changed, by whom and when, is in the audit."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def assign(self, employee_id: str, party_ids: list[str], *, by: str) -> None:
        """Give customers to an employee, all or none; those that are there stay. Raises: InvalidInput, NotFound."""
        await self._change(ASSIGN, employee_id, party_ids, by)

    async def end(self, employee_id: str, party_ids: list[str], *, by: str) -> None:
        """Take customers from an employee; the others stay. Raises: InvalidInput, NotFound."""
        await self._change(END, employee_id, party_ids, by)

    async def _change(self, statement: str, employee_id: str, party_ids: list[str], by: str) -> None:
        if not 0 < len(party_ids) <= MOST:
            raise checks.refuse("partyIds", f"are {len(party_ids)}", f"Send 1 to {MOST} in a call.", limit=MOST)
        wanted = sorted(set(party_ids))

        async def work(tx: Transaction) -> list[str] | None:
            rows = await tx.run(statement, {"employee": employee_id, "parties": wanted, "by": by})
            if rows and rows[0]["unknown"]:
                raise NotFound("partyIds: names a party that is not there", hint="Send others.", field="partyIds")
            return rows[0]["unknown"] if rows else None

        if await self._database.write(work, idempotent=True) is None:
            raise NotFound(
                "employeeId: nobody with this identifier works here", hint="See employees.", field="employeeId"
            )
