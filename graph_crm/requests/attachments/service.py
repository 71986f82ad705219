"""The use cases of documents: take one in, put it into a request, have it scanned, open it."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Awaitable, Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Any

from graph_crm.errors import Forbidden, InvalidInput, NotFound
from graph_crm.graph import outbox
from graph_crm.graph.database import Database, Transaction
from graph_crm.graph.outbox import OutboxEntry
from graph_crm.graph.timers import Work
from graph_crm.parties.service import new_id
from graph_crm.parties.writes import digest
from graph_crm.requests.attachments import cypher
from graph_crm.requests.attachments.content import DEFAULT_TYPES, OCTETS, accepted
from graph_crm.requests.attachments.kinds import AttachmentState
from graph_crm.requests.attachments.naming import safe_name
from graph_crm.requests.attachments.store import FileStore, StoredFile, hold
from graph_crm.rules import asked_of_intake as scanners
from graph_crm.rules.intake import Document
from graph_crm.rules.manager import RuleBook
from graph_crm.security.roles import Caller, Permission

SCAN = "attachment.scan"
"""The topic of the outbox under which a document is scanned; its payload is ``{attachmentId}``."""
IDLE_SECONDS = 86_400.0
"""So long a document waits to be put into a request, and a file to be referred to."""
MOST = 20
"""Documents of one entry of a request."""
TIDY_SECONDS = 3_600.0


class AttachmentTooLarge(InvalidInput):
    """The document is larger than the bank takes."""

    code = "ATTACHMENT_TOO_LARGE"
    http_status = 413


class AttachmentRefused(InvalidInput):
    """The document is of a kind that the bank does not take, or a scanner refused it."""

    code = "ATTACHMENT_REFUSED"


@dataclass(frozen=True, slots=True)
class Upload:
    """A document as it was sent: nothing of it is believed."""

    name: str | None
    content: bytes


@dataclass(frozen=True, slots=True)
class Taken:
    """A document that is in the graph; ``reason`` says why one that is REFUSED is."""

    id: str
    name: str
    media_type: str
    bytes: int
    state: AttachmentState
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class Prepared:
    """A document that was looked at and whose file is written, to be created in a transaction (`create`)."""

    taken: Taken
    file: StoredFile | None
    """None for a refused one: its bytes are not kept."""
    sha256: str


@dataclass(frozen=True, slots=True)
class Opened:
    """A document with its bytes, for somebody who may read it."""

    name: str
    media_type: str
    content: bytes


class AttachmentService:
    """Documents of requests. ``largest`` in bytes; ``types`` are the media types that are taken."""

    def __init__(
        self,
        database: Database,
        files: FileStore | None = None,
        book: RuleBook | None = None,
        *,
        largest: int = 20_000_000,
        types: Collection[str] = DEFAULT_TYPES,
    ) -> None:
        self._database = database
        self._files = files
        self._book = book
        self.largest = largest
        self.types = frozenset(types)

    @property
    def files(self) -> FileStore:
        """Where the bytes are."""
        if self._files is None:
            raise RuntimeError("The attachments of this platform have no storage")
        return self._files

    async def upload(self, upload: Upload, caller: Caller) -> Taken:
        """Take in one document, to be named in a mutation within a day.

        Raises: Forbidden, AttachmentTooLarge, AttachmentRefused, StorageUnavailable.
        """
        caller.require(Permission.OWN_REQUESTS)
        (prepared,) = await self.prepare([upload])
        if prepared.taken.state is AttachmentState.REFUSED:
            if prepared.taken.bytes > self.largest:
                raise AttachmentTooLarge(
                    f"The document is larger than {self.largest} bytes.", hint="Send a smaller one.", limit=self.largest
                )
            raise AttachmentRefused(
                f"Documents of the type {prepared.taken.media_type} are not taken.",
                hint=f"Send one of: {', '.join(sorted(self.types))}.",
                mediaType=prepared.taken.media_type,
            )
        outside = not caller.may(Permission.SERVE_REQUESTS)

        async def work(tx: Transaction) -> None:
            await self.create(tx, [prepared], by=caller.subject, party_id=caller.party_id, outside=outside)

        await self._database.write(work)
        return prepared.taken

    async def prepare(self, uploads: Sequence[Upload], *, seed: str | None = None) -> list[Prepared]:
        """Look at documents and write their files. What is not taken comes back REFUSED, without a file.

        With ``seed`` their identifiers are made from it and from what they are: the same form or mail taken twice names
        the same documents, and another document in the same place is another one.
        """
        taken = [self._look(one, _identifier(seed, place, one)) for place, one in enumerate(uploads)]
        kept = [place for place, one in enumerate(taken) if one.state is not AttachmentState.REFUSED]
        stored = await self.files.put([uploads[place].content for place in kept]) if kept else []
        files = dict(zip(kept, stored, strict=True))
        return [
            Prepared(
                one,
                files.get(place),
                files[place].sha256 if place in files else hashlib.sha256(uploads[place].content).hexdigest(),
            )
            for place, one in enumerate(taken)
        ]

    def _look(self, upload: Upload, identifier: str) -> Taken:
        name, size = safe_name(upload.name), len(upload.content)
        if size > self.largest:
            return Taken(identifier, name, OCTETS, size, AttachmentState.REFUSED, f"larger than {self.largest} bytes")
        if not size:
            return Taken(identifier, name, OCTETS, size, AttachmentState.REFUSED, "empty")
        found, fits = accepted(upload.content, self.types)
        if not fits:
            return Taken(
                identifier, name, found, size, AttachmentState.REFUSED, f"documents of the type {found} are not taken"
            )
        scanning = self._book is not None and scanners.scans(self._book)
        return Taken(identifier, name, found, size, AttachmentState.SCANNING if scanning else AttachmentState.UNSCANNED)

    async def create(
        self, tx: Transaction, documents: Sequence[Prepared], *, by: str | None, party_id: str | None, outside: bool
    ) -> list[str]:
        """Write the nodes of prepared documents in the caller's transaction; their identifiers.

        One that is there already stays as it is, and hides none of the others.
        """
        for file in sorted({one.file for one in documents if one.file is not None}, key=lambda file: file.key):
            await hold(tx, file)
        rows = [
            {
                "id": one.taken.id,
                "properties": {
                    "name": one.taken.name,
                    "mediaType": one.taken.media_type,
                    "bytes": one.taken.bytes,
                    "sha256": one.sha256,
                    "storedAt": None if one.file is None else one.file.key,
                    "state": one.taken.state.value,
                    "stateReason": one.taken.reason,
                    "uploadedBy": by,
                    "partyId": party_id,
                    "fromOutside": outside,
                },
            }
            for one in documents
        ]
        if rows:
            await tx.run(cypher.CREATE, {"attachments": rows})
        for one in documents:
            if one.taken.state is AttachmentState.SCANNING:
                key = f"{SCAN}:{one.taken.id}"
                await outbox.put(tx, SCAN, one.taken.id, {"attachmentId": one.taken.id}, key)
        return [one.taken.id for one in documents]

    async def scan(self, entry: OutboxEntry) -> Callable[[Transaction], Awaitable[None]] | None:
        """Outside handler of `SCAN`: ask the scanners, with no transaction open.

        Raises ScanFailed where a scanner can't say: the document stays SCANNING, and the work comes back.
        """
        identifier = entry.payload["attachmentId"]
        rows = await self._database.read(cypher.OPEN, {"id": identifier})
        if not rows or rows[0]["state"] != AttachmentState.SCANNING:
            return None
        if self._book is None:
            raise scanners.ScanFailed("no plugins are loaded")
        row = rows[0]
        document = Document(row["name"], row["mediaType"], await self.files.read(row["storedAt"]))
        found = await asyncio.to_thread(scanners.scanned, self._book, document)
        state = AttachmentState.CLEAN if found.clean else AttachmentState.REFUSED
        parameters = {"id": identifier, "state": state.value, "reason": None if found.clean else found.reason}

        async def effect(tx: Transaction) -> None:
            await tx.run(cypher.SCANNED, parameters)

        return effect

    async def open(self, identifier: str, caller: Caller) -> Opened:
        """The document, for staff who serve, for who sent it, and for the customer to whose request it belongs.

        Raises: NotFound where there is none for this caller, Forbidden for one that may not be opened,
        StorageUnavailable.
        """
        rows = await self._database.read(cypher.OPEN, {"id": identifier})
        row = rows[0] if rows else None
        if row is None or not _may_read(row, caller):
            raise NotFound("There is no such document.", hint="Ask with the id that the request names.")
        _check_state(row, staff=caller.may(Permission.SERVE_REQUESTS))
        return Opened(row["name"], row["mediaType"], await self.files.read(row["storedAt"]))

    async def open_of_request(self, identifier: str, request_id: str) -> Opened:
        """A document that who asked may see in the request ``request_id``; that it is theirs was checked before.

        Raises: NotFound where that request shows no such document, Forbidden for one that may not be opened,
        StorageUnavailable.
        """
        rows = await self._database.read(cypher.OPEN, {"id": identifier})
        if not rows or request_id not in rows[0]["requests"]:
            raise NotFound("There is no such document.", hint="Open the page again.")
        _check_state(rows[0], staff=False)
        return Opened(rows[0]["name"], rows[0]["mediaType"], await self.files.read(rows[0]["storedAt"]))

    async def tidy(self) -> int:
        """Forget documents that nobody put into a request, and remove files that nothing refers to; how many files."""
        parameters = {"milliseconds": round(IDLE_SECONDS * 1000)}
        while (await self._database.write(lambda tx: tx.run(cypher.FORGET_UNUSED, parameters)))[0]["forgotten"]:
            pass
        return await self.files.tidy(IDLE_SECONDS)

    def timers(self) -> dict[str, tuple[float, Work]]:
        """What comes back by the clock."""
        return {"attachments.tidy": (TIDY_SECONDS, self.tidy)}


async def carry(tx: Transaction, entry_id: str, ids: Sequence[str], *, by: str | None) -> None:
    """Put documents into an entry of a request, in its transaction; done again for the same entry it changes nothing.

    ``by``: the subject who sent them, which only may put them anywhere; None: the platform itself.

    Raises: InvalidInput for too many, NotFound for unknown ones and for those of somebody else, AttachmentRefused.
    """
    wanted = list(dict.fromkeys(ids))
    if not wanted:
        return
    if len(wanted) > MOST:
        raise InvalidInput(f"attachments: at most {MOST}.", hint="Send fewer, or several entries.", field="attachments")
    rows = {row["id"]: row for row in await tx.run(cypher.LOCK, {"ids": sorted(wanted)})}
    for identifier in wanted:
        row = rows.get(identifier)
        if row is None or (by is not None and row["uploadedBy"] != by):
            raise NotFound(
                "attachments: there is no such document of yours.", hint="POST it first.", field="attachments"
            )
        if row["entries"] and entry_id not in row["entries"]:
            raise InvalidInput(
                "attachments: a document belongs to one entry.", hint="POST it again for another.", field="attachments"
            )
        if by is not None and row["state"] == AttachmentState.REFUSED:
            raise AttachmentRefused("attachments: a document was refused.", hint="Leave it out.", field="attachments")
    await tx.run(cypher.CARRY, {"entryId": entry_id, "ids": wanted})


def _identifier(seed: str | None, place: int, upload: Upload) -> str:
    if seed is None:
        return new_id("attachment")
    told = [seed, place, upload.name, hashlib.sha256(upload.content).hexdigest()]
    return f"attachment:{digest(told)[:32]}"


def _may_read(row: Any, caller: Caller) -> bool:
    if caller.may(Permission.SERVE_REQUESTS):
        return True
    if not caller.may(Permission.OWN_REQUESTS) or caller.party_id is None:
        return False
    return row["partyId"] == caller.party_id or caller.party_id in row["readers"]


def _check_state(row: Any, *, staff: bool) -> None:
    state = row["state"]
    if state == AttachmentState.CLEAN:
        return
    if state == AttachmentState.UNSCANNED:
        # What an employee sent is not held back from the customer for want of a scanner; what came from outside is.
        if staff or not row["fromOutside"]:
            return
        raise Forbidden("No scanner has looked at this document.", hint="Staff may open it.", state=state)
    if state == AttachmentState.SCANNING:
        raise Forbidden("The document is being scanned.", hint="Try again later.", state=state)
    reason = row["stateReason"] if staff else None
    told = "The document was refused" + (f": {reason}." if reason else ".")
    raise Forbidden(told, hint="It can't be opened.", state=AttachmentState.REFUSED.value)
