"""A few entries, and a look at what is stored of them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import orjson

from graph_crm.audit import acting
from graph_crm.audit.acting import Actor
from graph_crm.audit.chains import Chains
from graph_crm.audit.entries import Record, records_of
from graph_crm.audit.service import Audit
from graph_crm.graph.database import Database, Transaction

KEY = "the-key-of-these-tests-is-long-enough"
ANNA = Actor("anna", "agent", "192.0.2.7", "Desk/1.0", "case:SR-1")


class Ledger:
    """Writes through the audit and reads it back."""

    def __init__(self, database: Database, audit: Audit) -> None:
        self.database = database
        self.audit = audit

    async def change(self, name: str = "createPerson", *ids: str, actor: Actor = ANNA) -> None:
        """One change by ``actor``: a node named Probe, and its entry."""

        async def work(tx: Transaction) -> None:
            await tx.run("CREATE (:Probe {name: $name})", {"name": name})

        with acting.acting(actor, "mutation Make", document="d0c") as made:
            made.begin(name, ids)
            await self.database.write(work)

    def hidden(self, subject: str) -> str:
        """What stands in the place of a customer's name."""
        return self.audit.journal.hidden().hash(subject)

    async def fill(self, changes: int, shards: int = 1) -> None:
        """So many changes, in so many chains."""
        self.audit.chains = self.audit.journal._chains = Chains(self.audit.keys, shards=shards)
        for number in range(changes):
            if shards > 1:
                self.audit.chains._free.rotate()
            await self.change("createPerson", f"party-{number}")

    async def records(self) -> list[Record]:
        """Every record that is stored, chain by chain."""
        rows = await self.database.read("MATCH (e:AuditEntry) RETURN e.body AS body ORDER BY e.shard, e.seq")
        return [record for row in rows for record in records_of(orjson.loads(row["body"]))]

    async def probes(self) -> list[str]:
        """What the changes left behind."""
        rows = await self.database.read("MATCH (p:Probe) RETURN p.name AS name ORDER BY name")
        return [row["name"] for row in rows]


def whats(records: Iterable[Record]) -> list[Any]:
    """What the records are about, sorted."""
    return sorted(record.what for record in records)
