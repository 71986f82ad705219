"""What an employee finds out while working on a complaint: how serious it is, which product, about whom."""

from __future__ import annotations

from dataclasses import dataclass

import orjson

from graph_crm.errors import NotFound
from graph_crm.graph.database import Database, Transaction
from graph_crm.parties import checks
from graph_crm.parties.service import new_id
from graph_crm.parties.writes import Written, expect_version, write_once
from graph_crm.requests.complaints import cypher
from graph_crm.requests.kinds import RequestKind, Severity
from graph_crm.requests.numbers import parse
from graph_crm.rules.snapshot import ticked


@dataclass(frozen=True, kw_only=True)
class Description:
    """What is known of a complaint now; None: nothing new. ``reason`` says how it is known."""

    reason: str
    severity: Severity | None = None
    product_code: str | None = None
    employee_id: str | None = None


class ComplaintService:
    """Keeps what employees find out; each change is an entry of the complaint's log that the customer does not see.

    ``clock`` replaces the database's clock, by which all entries of a log are written.
    """

    def __init__(self, database: Database, *, clock: checks.Clock | None = None) -> None:
        self._database = database
        self._clock = clock

    async def describe(
        self,
        number: str,
        description: Description,
        *,
        by: str,
        version: int | None = None,
        idempotency_key: str | None = None,
    ) -> Written:
        """Say how serious a complaint is, or which product or employee it is about. A product replaces the one before.

        Raises: NotFound for an unknown number, product or employee; InvalidInput for a request that is no complaint;
        VersionConflict.
        """
        checks.version(version)
        reason = checks.text("reason", description.reason, checks.NOTE_LIMIT, lines=True)
        if description.severity is description.product_code is description.employee_id is None:
            raise checks.refuse("input", "says nothing new", "Name a severity, a product or an employee.")
        known = parse(number[:40])

        async def work(tx: Transaction) -> Written:
            rows = await tx.run(cypher.LOCKED, {"number": known}) if known else []
            if not rows:
                raise NotFound("number: there is no such request", hint="A number looks like R-4F7K-2M9P.")
            row = rows[0]
            expect_version(row["version"], version, "complaint")
            if row["kind"] != RequestKind.COMPLAINT:
                raise checks.refuse("number", "is no complaint", "Put it into a category of complaints first.")
            told = {
                "severity": None if description.severity is None else description.severity.value,
                "productCode": description.product_code,
                "employeeId": description.employee_id,
            }
            properties = {"severityBy": "PERSON", "severity": told["severity"], "severityReasons": [reason]}
            found = await tx.run(
                cypher.DESCRIBE,
                {
                    "requestId": row["id"],
                    "product": description.product_code,
                    "employee": description.employee_id,
                    "properties": properties if description.severity else {},
                    "entryId": new_id("entry"),
                    "now": ticked(self._clock()) if self._clock else None,
                    "by": by,
                    "note": reason,
                    "data": orjson.dumps({name: value for name, value in told.items() if value}).decode(),
                },
            )
            if not found:
                raise NotFound(
                    "productCode or employeeId: there is none like it",
                    hint="Use a code that products lists, and an id that employees lists.",
                )
            return Written(row["id"], found[0]["version"])

        command = {"number": number, "description": description, "version": version}
        return await write_once(self._database, "describeComplaint", idempotency_key, command, work)
