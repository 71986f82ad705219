"""Disks that are full: nothing is half written, it is noticed, and work goes on once there is room, without a restart.

Folders are on a real file system of half a megabyte that is filled up. What a full Neo4j answers is told by a stand-in.
"""

from __future__ import annotations

import errno
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from neo4j.exceptions import DatabaseError

from graph_crm.audit.anchors import Anchor, Anchors, read
from graph_crm.audit.keys import AuditKey, Keyring
from graph_crm.contacts.kinds import Channel
from graph_crm.delivery.channels.folder import FolderChannel
from graph_crm.errors import DatabaseUnavailable
from graph_crm.graph.database import Database, Transaction
from graph_crm.requests.attachments.store import Storage, StorageUnavailable
from graph_crm.rules.delivery import Capability, Outgoing, TryLater

pytestmark = pytest.mark.lts

SIZE = 512 * 1024
DOCUMENT = os.urandom(64 * 1024)


class Disk:
    """A small file system of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._ballast = folder / "ballast"

    def fill(self, *, leave: int = 0) -> None:
        """Leave so many bytes of room, in whole pages."""
        with self._ballast.open("wb", buffering=0) as file:
            try:
                while True:
                    file.write(bytes(4096))
            except OSError:
                pass
            file.truncate(max(0, file.tell() - leave))

    def make_room(self) -> None:
        """Remove what fills it."""
        self._ballast.unlink()

    def files(self) -> set[str]:
        """Every file there is but the ballast, drafts and hidden ones too."""
        return {one.name for one in self.folder.rglob("*") if one.is_file() and one != self._ballast}


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Disk]:
    """A file system of half a megabyte; skips where this user may mount none."""
    folder = tmp_path / "disk"
    folder.mkdir()
    made = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={SIZE}", "tmpfs", str(folder)],
        capture_output=True,
        text=True,
        check=False,
    )
    if made.returncode:
        pytest.skip(f"needs the right to mount a tmpfs (root on Linux): {made.stderr.strip()}")
    try:
        yield Disk(folder)
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


async def test_a_document_is_stored_whole_or_refused_with_a_code(disk: Disk):
    storage = Storage(str(disk.folder))
    await storage.write("aa/kept", DOCUMENT)
    disk.fill(leave=len(DOCUMENT) // 2)
    with pytest.raises(StorageUnavailable) as refused:
        await storage.write("bb/refused", DOCUMENT)
    assert refused.value.code == "STORAGE_UNAVAILABLE"
    assert disk.files() == {"kept"}
    assert await storage.read("aa/kept") == DOCUMENT, "what is there is read on"
    disk.make_room()
    await storage.write("bb/refused", DOCUMENT)
    assert await storage.read("bb/refused") == DOCUMENT


async def test_a_message_for_a_full_folder_is_tried_again_later_and_is_there_once(disk: Disk):
    channel = FolderChannel(
        disk.folder, Channel.SMS, ".txt", lambda message: message.text.encode(), Capability(idempotent=True)
    )
    text = "x" * 20_000
    message = Outgoing(id="1", key="1", channel="SMS", to="+420602123456", text=text)
    disk.fill(leave=8192)
    with pytest.raises(TryLater, match="can't be written"):
        await channel.send(message)
    assert disk.files() == set()
    disk.make_room()
    sent = await channel.send(Outgoing(id="1", key="1", channel="SMS", to="+420602123456", text=text, attempt=2))
    assert disk.files() == {sent.provider_id}
    assert (disk.folder / str(sent.provider_id)).read_text("utf-8") == text


def appended(anchors: Anchors, heads: dict[int, tuple[int, str]]) -> bool:
    """Whether the disk took one more line."""
    try:
        anchors._append(heads)
    except OSError as error:
        if error.errno != errno.ENOSPC:
            raise
        return False
    return True


def test_an_anchor_that_was_cut_by_a_full_disk_is_written_anew_and_the_file_stays_whole(disk: Disk):
    file = disk.folder / "anchors.jsonl"
    keys = Keyring(AuditKey.of("k" * 40))
    anchors = Anchors(None, lambda: keys, file)  # type: ignore[arg-type]  # it asks the database for nothing here
    many = dict.fromkeys(range(30), (1, "a" * 64))
    anchors._append(many)
    disk.fill()
    for seq in range(2, 20):  # what is left of the last page takes one, perhaps
        if not appended(anchors, dict.fromkeys(many, (seq, "b" * 64))):
            break
    else:
        pytest.fail("the disk is not full")
    disk.make_room()
    assert anchors._append(dict.fromkeys(many, (seq, "b" * 64))) is not None
    lines = list(read(file))
    assert all(isinstance(one, Anchor) for one in lines)
    assert [one.number for one in lines if isinstance(one, Anchor)] == list(range(1, len(lines) + 1))
    assert lines[-1].heads[0] == (seq, "b" * 64)  # type: ignore[union-attr]


async def full(tx: Transaction) -> None:
    """What Neo4j says at a commit when its disk is full."""
    raise DatabaseError._hydrate_neo4j(code="Neo.DatabaseError.Transaction.TransactionCommitFailed", message="")


async def test_after_a_refused_change_the_database_is_not_trusted_until_one_is_stored(
    database: Database, monkeypatch: pytest.MonkeyPatch
):
    assert await database.can_write(timeout=5)
    with pytest.raises(DatabaseUnavailable):
        await database.write(full)
    assert database.writes_fail

    async def refused(*_: object, **__: object) -> None:
        raise DatabaseUnavailable("still full")

    with monkeypatch.context() as patch:
        patch.setattr(database, "execute", refused)
        assert not await database.can_write(timeout=5)
    assert await database.can_write(timeout=5), "the trial itself was stored"
    assert not database.writes_fail
