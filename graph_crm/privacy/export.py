"""A copy of everything that is held on a party: JSON for machines, a page for people, and the documents, in one ZIP."""

from __future__ import annotations

import asyncio
import datetime as dt
import tempfile
import uuid
import zipfile
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from jinja2 import Environment, PackageLoader, StrictUndefined

from graph_crm import logs
from graph_crm.audit.entries import Entry
from graph_crm.audit.journal import record
from graph_crm.audit.kinds import AuditKind
from graph_crm.errors import Forbidden, NotFound
from graph_crm.graph import outbox
from graph_crm.graph.database import Database, Row, Transaction
from graph_crm.graph.outbox import OutboxEntry
from graph_crm.parties.checks import Clock, utc_now
from graph_crm.privacy import export_cypher as statements
from graph_crm.privacy.collecting import Holdings, collect
from graph_crm.privacy.erasure import SINCE_EVER
from graph_crm.privacy.kinds import ExportState
from graph_crm.privacy.links import ExportLinks
from graph_crm.privacy.rules import PrivacyRules
from graph_crm.requests.attachments.naming import safe_name
from graph_crm.requests.attachments.store import FileStore, StorageUnavailable, hold
from graph_crm.security.roles import Caller, Permission

TOPIC: Final = "privacy.export"
FRESH_MINUTES: Final = 60
"""Who asks again within this time gets the same copy."""
IN_MEMORY: Final = 8_000_000
"""Bytes of a ZIP that is made in memory; a larger one is made on disk."""
_EPOCH: Final = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)

log = logs.get(__name__)

_pages = Environment(
    loader=PackageLoader("graph_crm.privacy"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)


@dataclass(frozen=True)
class Export:
    """A copy, made or to be made."""

    id: str
    party_id: str
    state: ExportState
    requested_at: dt.datetime
    ready_at: dt.datetime | None
    expires_at: dt.datetime | None
    bytes: int | None
    url: str | None
    """Where it can be fetched, for some minutes."""


class ExportService:
    """Makes copies, hands them out, and lets go of them."""

    def __init__(
        self, database: Database, rules: PrivacyRules, files: FileStore, links: ExportLinks, *, now: Clock = utc_now
    ) -> None:
        self._database = database
        self._rules = rules
        self._files = files
        self._links = links
        self._now = now
        self._making = asyncio.Lock()
        """Held while a copy is made: of somebody with a long history it takes much memory, and once is enough."""

    async def want(self, party_id: str, caller: Caller) -> Export:
        """Have a copy made by a worker; asked again while it is being made, or is fresh, it is the same one.

        A customer may have the own one. Raises: Forbidden, NotFound.
        """
        _require(caller, party_id)
        asked = {"party": party_id, "id": f"export:{uuid.uuid4().hex}", "by": caller.subject, "fresh": FRESH_MINUTES}

        async def work(tx: Transaction) -> str:
            rows = await tx.run(statements.WANT, asked)
            if not rows:
                raise NotFound(
                    "partyId: there is no such party", hint="Look the party up with searchParties.", field="partyId"
                )
            identifier: str = rows[0]["id"]
            if rows[0]["isNew"]:
                payload = {"exportId": identifier, "partyId": party_id}
                await outbox.put(tx, TOPIC, f"{TOPIC}:{party_id}", payload, f"{TOPIC}:{identifier}")
            return identifier

        return await self.show(await self._database.write(work), caller)

    async def show(self, export_id: str, caller: Caller) -> Export:
        """A copy as it stands, with a link where it is ready. Raises: NotFound where there is none for this caller."""
        row = await self._one(export_id)
        if row is None or not _may(caller, row["party"]):
            raise NotFound("id: there is no such export", hint="Ask for one with requestPrivacyExport.", field="id")
        state = ExportState(row["state"])
        return Export(
            id=row["id"],
            party_id=row["party"],
            state=state,
            requested_at=_instant(row["requestedAt"]) or _EPOCH,
            ready_at=_instant(row["readyAt"]),
            expires_at=_instant(row["expiresAt"]),
            bytes=row["bytes"],
            url=self._links.link(row["id"]) if state is ExportState.READY else None,
        )

    async def fetch(self, export_id: str, key: str | None) -> bytes:
        """The ZIP, for whoever has a link that is good now. Raises: Unauthenticated, NotFound."""
        self._links.check(export_id, key)
        row = await self._one(export_id)
        if row is None or row["file"] is None:
            raise _let_go()
        content = await self._files.read(row["file"])
        await self.handed_out(row["party"], export_id)
        return content

    async def handed_out(self, party_id: str, export_id: str | None = None) -> None:
        """Write down in the audit that a copy left the bank, before it does. Raises: NotFound for one taken back."""

        async def work(tx: Transaction) -> None:
            if export_id is not None and not await tx.run(statements.FETCHED, {"id": export_id}):
                raise _let_go()
            record(tx, Entry(AuditKind.PRIVACY, "export.handed_out", [party_id]))

        await self._database.write(work)

    async def _one(self, export_id: str) -> Row | None:
        rows = await self._database.read(statements.ONE, {"id": export_id})
        return rows[0] if rows else None

    async def carry_out(self, entry: OutboxEntry) -> Callable[[Transaction], Awaitable[None]] | None:
        """Make a copy that was asked for (an outside handler of topic `TOPIC`); safe to be repeated."""
        identifier, party_id = str(entry.payload["exportId"]), str(entry.payload["partyId"])
        row = await self._one(identifier)
        if row is None or row["state"] != ExportState.WANTED:
            return None
        content = await self.packed(party_id)
        (file,) = await self._files.put([content])
        ready = {"id": identifier, "file": file.key, "bytes": file.bytes, "hours": self._rules.export.keep_hours}

        async def effect(tx: Transaction) -> None:
            if await tx.run(statements.READY, ready):
                await hold(tx, file)
            else:  # taken back meanwhile: the party was erased, or a merge was
                await tx.run(statements.NOT_WANTED, ready)

        return effect

    async def holdings(self, party_id: str) -> Holdings:
        """Everything that is held on the party. Raises: NotFound."""
        return await collect(self._database, party_id, at=self._now())

    async def packed(self, party_id: str) -> bytes:
        """The ZIP: ``data.json``, ``index.html``, and what documents and mails there are; one at a time of a process.

        Raises: NotFound.
        """
        async with self._making:
            return await self._packed(party_id)

    async def _packed(self, party_id: str) -> bytes:
        found = await self.holdings(party_id)
        documents = await self._documents(found)
        with tempfile.SpooledTemporaryFile(max_size=IN_MEMORY) as file:
            with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
                await asyncio.to_thread(archive.writestr, "data.json", found.as_json())
                await asyncio.to_thread(archive.writestr, "index.html", page(found, documents))
                for name, key in documents.items():
                    try:
                        content = await self._files.read(key)
                    except StorageUnavailable:
                        # A document that is lost must not keep the party from all the rest.
                        log.warning("export_without_document", party_id=party_id, file=key)
                        continue
                    await asyncio.to_thread(archive.writestr, name, content)
            file.seek(0)
            return file.read()

    async def _documents(self, found: Holdings) -> dict[str, str]:
        """By its place in the ZIP, the stored file of each document and mail."""
        ids = {one.name: [str(record["id"]) for record in one.records if "id" in record] for one in found.sections}
        named: dict[str, str] = {}
        rows = await self._database.read(statements.DOCUMENTS, {"ids": ids.get("Attachment", [])})
        for place, row in enumerate(rows, 1):
            named[f"documents/{place:04d}-{safe_name(row['name'])}"] = row["file"]
        rows = await self._database.read(statements.MAILS, {"ids": ids.get("MailReceived", [])})
        for place, row in enumerate(rows, 1):
            named[f"mails/{place:04d}-{row['day']}.eml"] = row["file"]
        return named

    async def tidy(self, now: dt.datetime | None = None) -> int:
        """Let go of copies whose time is over; how many."""
        gone = 0
        while True:
            rows = await self._database.write(lambda tx: tx.run(statements.LET_GO, {"now": now}), idempotent=True)
            if not rows[0]["records"]:
                break
            gone += rows[0]["records"]
        if gone:
            await self._files.tidy(SINCE_EVER)
        return gone


def page(found: Holdings, documents: Mapping[str, str] | None = None) -> str:
    """The same for people: one page that needs nothing else."""
    sections = [
        {"name": one.name, "what": one.what, "columns": _columns(one.records), "records": one.records}
        for one in found.sections
    ]
    return _pages.get_template("export.html").render(
        party=found.party_id, at=found.at.isoformat(timespec="seconds"), sections=sections, documents=documents or {}
    )


def _columns(records: tuple[Mapping[str, Any], ...]) -> list[str]:
    return list(dict.fromkeys(name for one in records for name in one))


def _may(caller: Caller, party_id: str) -> bool:
    return caller.may(Permission.PRIVACY) or (caller.party_id is not None and caller.party_id == party_id)


def _require(caller: Caller, party_id: str) -> None:
    if not _may(caller, party_id):
        raise Forbidden("This copy is for the party itself, and for who looks after privacy.", hint="Ask for your own.")


def _let_go() -> NotFound:
    return NotFound("The export is kept no longer.", hint="Ask for another one.")


def _instant(milliseconds: int | None) -> dt.datetime | None:
    return None if milliseconds is None else _EPOCH + dt.timedelta(milliseconds=milliseconds)
