"""Documents: what they are is seen from their bytes, who may open them from the request; nothing dangles."""

from __future__ import annotations

import asyncio
import io
import os
import unicodedata
import zipfile
from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx
import pytest
from desk_bank import DeskBank
from hypothesis import example, given
from hypothesis import strategies as st
from starlette.applications import Starlette

from graph_crm.api import files as routes
from graph_crm.api.edge.rates import Rates
from graph_crm.api.platform import Platform
from graph_crm.contacts.kinds import Channel
from graph_crm.errors import ConfigurationError, Forbidden, InvalidInput, NotFound
from graph_crm.events.worker import Worker
from graph_crm.graph.database import Database
from graph_crm.requests.attachments.content import DEFAULT_TYPES, media_type
from graph_crm.requests.attachments.kinds import AttachmentState
from graph_crm.requests.attachments.naming import BYTES_LIMIT, NAME_LIMIT, disposition, safe_name
from graph_crm.requests.attachments.service import (
    SCAN,
    AttachmentRefused,
    AttachmentService,
    AttachmentTooLarge,
    Upload,
)
from graph_crm.requests.attachments.store import DRAFTS, FileStore, Storage, StorageUnavailable
from graph_crm.requests.commands import NewRequest
from graph_crm.rules.hookspecs import hookimpl
from graph_crm.rules.intake import Document, Scan
from graph_crm.rules.loader import Found
from graph_crm.rules.manager import RuleBook
from graph_crm.security.roles import Caller, Role
from graph_crm.security.tokens import Verifier, issue
from graph_crm.settings import Settings

PDF = b"%PDF-1.7 a contract"
ANNA = Caller("anna-online", Role.CUSTOMER, "anna")
BEN = Caller("ben-online", Role.CUSTOMER, "ben")
EVA = Caller("eva", Role.AGENT)
SECRET = "a-secret-of-more-than-thirty-two-characters"


def archive(*names: str, mimetype: str | None = None) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as made:
        if mimetype is not None:
            made.writestr("mimetype", mimetype)
        for name in names:
            made.writestr(name, "x")
    return buffer.getvalue()


def broken_archive() -> bytes:
    """An archive whose first entry says that it is deflated, and is not."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as made:
        made.writestr("mimetype", "application/vnd.oasis.opendocument.text")
    content = bytearray(buffer.getvalue())
    start = content.index(b"mimetype") + len("mimetype")
    content[start : start + 8] = b"\xff" * 8
    return bytes(content)


WORD = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"


def test_a_document_of_blanks_is_judged_at_once() -> None:
    blanks = b" \n" * 5_000_000
    assert media_type(blanks + b"x") == "text/plain"
    assert media_type(blanks + b"<script>") == "text/html"


@pytest.mark.parametrize(
    ("content", "found"),
    [
        (PDF, "application/pdf"),
        (b"\x89PNG\r\n\x1a\n" + b"\x00" * 20, "image/png"),
        (b"\xff\xd8\xff\xe0" + b"\x00" * 20, "image/jpeg"),
        ("Zażółć gęślą jaźń\n".encode(), "text/plain"),
        ("Gdzie jest moja żółta karta?\n".encode("iso-8859-2"), "text/plain"),
        (b"From: a\r\nTo: b\r\nSubject: c\r\n\r\nx", "message/rfc822"),
        (archive("[Content_Types].xml", "word/document.xml"), WORD),
        (archive(mimetype="application/vnd.oasis.opendocument.text"), "application/vnd.oasis.opendocument.text"),
        (archive("[Content_Types].xml", "word/vbaProject.bin"), "application/vnd.ms-office.macro-enabled"),
        (archive("a.exe"), "application/zip"),
        (b"PK\x03\x04 broken", "application/zip"),
        (broken_archive(), "application/zip"),
        (b"MZ\x90\x00", "application/vnd.microsoft.portable-executable"),
        (b"<html><script>x()</script>", "text/html"),
        (b"\xef\xbb\xbf  <svg onload='x()'>", "text/html"),
        (b"#!/bin/sh\nrm -rf /", "text/x-script"),
    ],
)
def test_a_document_is_what_its_bytes_say(content: bytes, found: str) -> None:
    assert media_type(content) == found


@given(st.binary(max_size=300))
def test_any_bytes_are_of_some_type(content: bytes) -> None:
    assert "/" in media_type(content)


@given(st.text(max_size=400))
@example("../../etc/passwd")
@example("C:\\Windows\\CON.txt")
@example("\u202egnp.exe")
@example("a\r\nSet-Cookie: x=1.pdf")
@example("ž" * 400 + ".pdf")
@example("." * 50)
def test_no_name_does_more_than_name(name: str) -> None:
    safe = safe_name(name)
    assert 0 < len(safe) <= NAME_LIMIT + 1
    assert len(safe.encode()) <= BYTES_LIMIT + 1
    assert not set(safe) & set('/\\:*?"<>|\r\n\x00')
    assert not any(unicodedata.category(one) in {"Cc", "Cf", "Cs"} for one in safe)
    assert safe not in {".", ".."}
    header = disposition(name)
    assert header.isascii()
    assert header.startswith('attachment; filename="')
    assert "\r" not in header
    assert "\n" not in header


def test_a_long_name_keeps_its_ending() -> None:
    assert safe_name("x" * 300 + ".pdf").endswith("xx.pdf")


def book_of(answer: Any) -> RuleBook:
    @hookimpl
    def scan_attachment(documents: Sequence[Document]) -> Any:
        return answer(documents)

    module: Any = SimpleNamespace(scan_attachment=scan_attachment, __name__="scanner")
    return RuleBook([Found("scanner", "scanner", module)])


class Archive(DeskBank):
    """The desk and its documents."""

    def __init__(self, database: Database, folder: Path, **more: Any) -> None:
        super().__init__(database)
        self.folder = folder
        self.files = FileStore(database, Storage(str(folder)))
        self.documents = AttachmentService(database, self.files, largest=10_000, **more)

    def on_disk(self) -> int:
        return sum(1 for one in self.folder.rglob("*") if one.is_file())

    async def grow_old(self) -> None:
        await self.database.execute("MATCH (s:StoredFile) SET s.idleSince = s.idleSince - duration({days: 2})")
        await self.database.execute("MATCH (a:Attachment) SET a.waitingSince = a.waitingSince - duration({days: 2})")


@pytest.fixture
async def archived(desk: DeskBank, tmp_path: Path) -> Archive:
    return Archive(desk.database, tmp_path / "files")


async def asked(archived: Archive, *ids: str, by: Caller = ANNA) -> str:
    request = NewRequest(text="My card.", channel=Channel.ONLINE, party_id="anna", category="CARD", attachments=ids)
    return (await archived.service.open(request, by=by.subject)).number


@pytest.mark.lts
async def test_the_customer_and_who_serves_read_a_document_and_nobody_else(archived: Archive) -> None:
    taken = await archived.documents.upload(Upload("answer.pdf", PDF), EVA)
    number = await asked(archived)
    await archived.service.answer(number, "Here it is.", by="eva", attachments=[taken.id])
    for caller in (ANNA, EVA):
        assert (await archived.documents.open(taken.id, caller)).content == PDF
    for caller in (BEN, Caller("m", Role.MARKETER), Caller("a", Role.ANALYST)):
        with pytest.raises(NotFound):
            await archived.documents.open(taken.id, caller)
    with pytest.raises(NotFound):
        await archived.documents.open("attachment:none", EVA)


@pytest.mark.lts
async def test_what_came_from_outside_and_nobody_scanned_is_for_staff(archived: Archive) -> None:
    taken = await archived.documents.upload(Upload("a.pdf", PDF), ANNA)
    assert taken.state is AttachmentState.UNSCANNED
    await asked(archived, taken.id)
    assert (await archived.documents.open(taken.id, EVA)).media_type == "application/pdf"
    with pytest.raises(Forbidden):
        await archived.documents.open(taken.id, ANNA)


@pytest.mark.lts
async def test_what_is_no_document_or_too_large_is_refused_and_leaves_nothing(archived: Archive) -> None:
    with pytest.raises(AttachmentTooLarge):
        await archived.documents.upload(Upload("a.pdf", PDF * 1_000), ANNA)
    for content in (b"MZ\x90", b"", b"<html>", archive("a.exe")):
        with pytest.raises(AttachmentRefused):
            await archived.documents.upload(Upload("a.pdf", content), ANNA)
    with pytest.raises(Forbidden):
        await archived.documents.upload(Upload("a.pdf", PDF), Caller("m", Role.MARKETER))
    assert archived.on_disk() == 0


@pytest.mark.lts
async def test_a_document_goes_into_one_entry_and_only_by_who_sent_it(archived: Archive) -> None:
    taken = await archived.documents.upload(Upload("a.pdf", PDF), ANNA)
    with pytest.raises(NotFound):
        await asked(archived, taken.id, by=BEN)
    with pytest.raises(NotFound):
        await asked(archived, "attachment:none")
    await asked(archived, taken.id)
    with pytest.raises(InvalidInput):
        await asked(archived, taken.id)


@pytest.mark.lts
async def test_another_document_under_the_same_seed_is_another_one(archived: Archive) -> None:
    first, second = Upload("a.pdf", PDF), Upload("a.pdf", PDF + b" another")
    seen: list[list[str]] = []
    for uploads in ([first], [first], [second], [first, second], [Upload("b.pdf", PDF)]):
        prepared = await archived.documents.prepare(uploads, seed="form 1")
        seen.append([one.taken.id for one in prepared])
        await archived.database.write(
            lambda tx, one=prepared: archived.documents.create(tx, one, by="eva", party_id=None, outside=False)
        )
    assert seen[0] == seen[1]
    assert len({one for ids in seen for one in ids}) == 4, "the second has another place in the fourth form"
    for ids, content in ((seen[0], PDF), (seen[2], second.content), (seen[3][1:], second.content)):
        assert (await archived.documents.open(ids[0], EVA)).content == content


@pytest.mark.lts
async def test_a_document_of_the_bank_is_open_to_who_was_shown_the_request(archived: Archive) -> None:
    sent = await archived.documents.upload(Upload("answer.pdf", PDF), EVA)
    number = await asked(archived)
    other = await asked(archived)
    await archived.service.answer(number, "Here it is.", by="eva", attachments=[sent.id])
    ids = {}
    for one in (number, other):
        row = await archived.one("MATCH (r:ServiceRequest {number: $number}) RETURN r.id AS id", number=one)
        ids[one] = row["id"]
    assert (await archived.documents.open_of_request(sent.id, ids[number])).content == PDF
    with pytest.raises(NotFound):
        await archived.documents.open_of_request(sent.id, ids[other])
    await archived.database.execute("MATCH (e:RequestEntry {kind: 'ANSWERED'}) SET e.visible = false")
    with pytest.raises(NotFound):
        await archived.documents.open_of_request(sent.id, ids[number])


@pytest.mark.lts
async def test_what_a_killed_process_was_writing_goes_after_a_day(archived: Archive) -> None:
    await archived.files.put([PDF])
    drafts = archived.folder / DRAFTS
    left, under_way = drafts / "left", drafts / "under-way"
    for draft in (left, under_way):
        draft.write_bytes(b"half a docu")
    os.utime(left, (1, 1))
    await archived.documents.tidy()
    assert [one.name for one in drafts.iterdir()] == ["under-way"]


@pytest.mark.lts
async def test_the_same_bytes_are_one_file(archived: Archive) -> None:
    for name in ("a.pdf", "b.pdf", "c.pdf"):
        await archived.documents.upload(Upload(name, PDF), ANNA)
    assert archived.on_disk() == 1


@pytest.mark.lts
async def test_what_nobody_came_to_use_goes_after_a_day_and_what_is_used_stays(archived: Archive) -> None:
    used = await archived.documents.upload(Upload("a.pdf", PDF), ANNA)
    await asked(archived, used.id)
    unused = await archived.documents.upload(Upload("b.pdf", PDF + b"b"), ANNA)
    await archived.files.put([b"a crash came before the graph referred to it"])
    assert await archived.documents.tidy() == 0
    await archived.grow_old()
    assert await archived.documents.tidy() == 1  # the file that nothing ever referred to
    assert (await archived.documents.open(used.id, EVA)).content == PDF
    with pytest.raises(NotFound):
        await archived.documents.open(unused.id, EVA)
    await archived.grow_old()
    assert await archived.documents.tidy() == 1  # and the one that nothing refers to any more
    assert archived.on_disk() == 1


@pytest.mark.lts
async def test_a_file_that_is_sent_again_while_it_is_removed_is_there_afterwards(archived: Archive) -> None:
    for _ in range(10):
        await archived.files.put([PDF])
        await archived.grow_old()
        sent, _ = await asyncio.gather(
            archived.documents.upload(Upload("a.pdf", PDF), ANNA), archived.documents.tidy(), return_exceptions=True
        )
        if isinstance(sent, StorageUnavailable):
            continue  # told, and nothing refers to anything
        assert not isinstance(sent, BaseException)
        assert (await archived.documents.open(sent.id, EVA)).content == PDF
        await archived.database.execute("MATCH (a:Attachment) DETACH DELETE a")


@pytest.mark.lts
async def test_a_removal_that_was_cut_off_is_done_again(archived: Archive, monkeypatch: pytest.MonkeyPatch) -> None:
    await archived.files.put([PDF])
    await archived.grow_old()

    async def dies(_key: str) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(archived.files._storage, "remove", dies)
        with pytest.raises(KeyboardInterrupt):
            await archived.documents.tidy()
    taken = await archived.documents.upload(Upload("a.pdf", PDF), ANNA)  # in the middle of it
    await archived.database.execute(
        "MATCH (s:StoredFile {state: 'GOING'}) SET s.idleSince = datetime('2020-01-01T00:00:00Z')"
    )
    assert await archived.documents.tidy() == 1
    assert (await archived.documents.open(taken.id, EVA)).content == PDF


async def scanned(archived: Archive) -> str:
    taken = await archived.documents.upload(Upload("a.pdf", PDF), ANNA)
    assert taken.state is AttachmentState.SCANNING
    with pytest.raises(Forbidden, match="being scanned"):
        await archived.documents.open(taken.id, EVA)
    await Worker(archived.database, {}, outside={SCAN: archived.documents.scan}).drain()
    return taken.id


@pytest.mark.lts
async def test_a_document_that_scanners_let_pass_may_be_opened(desk: DeskBank, tmp_path: Path) -> None:
    seen: list[Document] = []

    def clean(documents: Sequence[Document]) -> list[Scan]:
        seen.extend(documents)
        return [Scan(clean=True) for _ in documents]

    archived = Archive(desk.database, tmp_path, book=book_of(clean))
    identifier = await scanned(archived)
    assert seen == [Document("a.pdf", "application/pdf", PDF)]
    assert (await archived.documents.open(identifier, ANNA)).content == PDF


@pytest.mark.lts
async def test_a_document_that_a_scanner_refuses_is_opened_by_nobody(desk: DeskBank, tmp_path: Path) -> None:
    archived = Archive(desk.database, tmp_path, book=book_of(lambda _: [Scan(clean=False, reason="EICAR")]))
    identifier = await scanned(archived)
    with pytest.raises(Forbidden, match="EICAR"):
        await archived.documents.open(identifier, EVA)
    with pytest.raises(Forbidden) as told:
        await archived.documents.open(identifier, ANNA)
    assert "EICAR" not in told.value.message


@pytest.mark.lts
@pytest.mark.parametrize("answer", [lambda _: 1 / 0, lambda _: [], lambda _: None, lambda _: ["clean"]])
async def test_a_scanner_that_fails_lets_nothing_pass(desk: DeskBank, tmp_path: Path, answer: Any) -> None:
    archived = Archive(desk.database, tmp_path, book=book_of(answer))
    identifier = await scanned(archived)
    with pytest.raises(Forbidden, match="being scanned"):
        await archived.documents.open(identifier, EVA)
    waits = await archived.one("MATCH (e:OutboxEntry {topic: 'attachment.scan'}) RETURN e.state AS s, e.error AS e")
    assert waits["s"] == "PENDING"
    assert "ScanFailed" in waits["e"]


@pytest.mark.lts
async def test_documents_over_http(archived: Archive) -> None:
    platform = Platform(
        settings=Settings(neo4j_uri=None), database=archived.database, verifier=Verifier(SECRET), rules=RuleBook([])
    )
    platform.provide(archived.documents)
    transport = httpx.ASGITransport(Starlette(routes=routes.routes(platform, Rates({}, 0))))
    token = issue(SECRET, Role.AGENT)
    async with httpx.AsyncClient(transport=transport, base_url="http://bank") as client:
        assert (await client.post("/attachments", content=PDF)).status_code == 401
        client.headers["Authorization"] = f"Bearer {token}"
        made = await client.post("/attachments", params={"name": '../ž"x.pdf'}, content=PDF)
        assert (made.status_code, made.json()["state"]) == (201, "UNSCANNED")
        found = await client.get(f"/attachments/{made.json()['id']}")
        assert (found.content, found.headers["content-type"]) == (PDF, "application/pdf")
        assert found.headers["content-disposition"].startswith("attachment; ")
        assert found.headers["x-content-type-options"] == "nosniff"
        assert "sandbox" in found.headers["content-security-policy"]
        assert (await client.get("/attachments/attachment:none")).status_code == 404
        assert (await client.get("/mails/<none@x>")).status_code == 404
        refused = await client.post("/attachments", content=b"MZ\x90")
        assert refused.json()["errors"][0]["extensions"]["code"] == "ATTACHMENT_REFUSED"
        large = await client.post("/attachments", content=PDF * 1_000)
        assert (large.status_code, large.json()["errors"][0]["extensions"]["limit"]) == (413, 10_000)


async def test_a_storage_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError):
        Storage("nosuchprotocol://bucket")
    (tmp_path / "file").write_text("x")
    with pytest.raises(StorageUnavailable):
        await Storage(str(tmp_path / "file")).write("aa/key", PDF)


async def test_any_storage_of_fsspec_serves() -> None:
    storage = Storage("memory://bank")
    await storage.write("aa/key", PDF)
    assert await storage.read("aa/key") == PDF
    await storage.remove("aa/key")
    await storage.remove("aa/key")
    with pytest.raises(StorageUnavailable):
        await storage.read("aa/key")


def test_the_types_that_are_taken_hold_nothing_that_runs() -> None:
    assert not {"text/html", "image/svg+xml", "application/zip"} & set(DEFAULT_TYPES)
