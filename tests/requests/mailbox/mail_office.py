"""A post office: the desk of the other tests, with a mailbox and a folder of documents."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from desk_bank import DeskBank

from graph_crm.graph.database import Database
from graph_crm.requests.attachments.service import AttachmentService
from graph_crm.requests.attachments.store import FileStore, Storage
from graph_crm.requests.mailbox.intake import MailIntake, MailPolicy, Receipt
from graph_crm.requests.mailbox.reading import MailArchive


class PostOffice(DeskBank):
    """The desk, its mailbox and what the graph says of both."""

    def __init__(self, database: Database, folder: Path, **policy: Any) -> None:
        super().__init__(database)
        self.folder = folder
        self.files = FileStore(database, Storage(str(folder)))
        self.attachments = AttachmentService(database, self.files, largest=100_000)
        given = {"own": frozenset({"service@bank.example"}), "trusted": "mx.bank.example", **policy}
        self.policy = MailPolicy(**given)
        self.intake = MailIntake(database, self.service, self.attachments, self.policy)
        self.archive = MailArchive(database, self.files)

    def another(self, **services: Any) -> MailIntake:
        """The mailbox as another process sees it."""
        given = {"requests": self.service, "attachments": self.attachments, "policy": self.policy, **services}
        return MailIntake(self.database, **given)

    async def take(self, raw: bytes, **more: Any) -> Receipt:
        return await self.intake.take(raw, **more)

    async def mail(self, mail_id: str) -> dict[str, Any]:
        return (await self.one("MATCH (m:MailReceived {id: $id}) RETURN m {.*} AS m", id=mail_id))["m"]

    async def count(self, label: str) -> int:
        (row,) = await self.database.read("MATCH (n:$($label)) RETURN count(n) AS n", {"label": label})
        return int(row["n"])

    async def said(self, number: str) -> list[tuple[str, str | None]]:
        """What the customer wrote, in order."""
        rows = await self.database.read(
            "MATCH (r:ServiceRequest {number: $number})-[:LOGGED]->(e:RequestEntry) "
            "WHERE e.kind IN ['OPENED', 'CUSTOMER_WROTE'] RETURN e.kind AS kind, coalesce(e.text, r.text) AS text "
            "ORDER BY e.seq",
            {"number": number},
        )
        return [(row["kind"], row["text"]) for row in rows]
