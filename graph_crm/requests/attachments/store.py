"""Bytes of documents and mails outside the graph, by fsspec: a local folder, or any storage that fsspec knows.

A file is written before the graph refers to it, so that no reference ever leads to nothing. A file that nobody came to
refer to is an orphan, which housekeeping removes after a day. Which files there are stands in the graph
(`(:StoredFile)`), whose lock decides between who refers to a file and who removes it: the storage need not be listed.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import secrets
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fsspec.core import url_to_fs
from fsspec.implementations.local import LocalFileSystem

from graph_crm.errors import ConfigurationError, CrmError
from graph_crm.graph.database import Database, Transaction
from graph_crm.requests.attachments import cypher

DRAFTS = "drafts"
"""The folder of files that are being written; on the same disk, so that renaming is one step."""


class StorageUnavailable(CrmError):
    """The storage of documents can't be read or written now."""

    code = "STORAGE_UNAVAILABLE"
    http_status = 503


@dataclass(frozen=True, slots=True)
class StoredFile:
    """A file that was written and that the graph may refer to."""

    key: str
    sha256: str
    bytes: int


class Storage:
    """Reads and writes whole files under keys. ``url`` is a local folder or an address of fsspec (``s3://bucket/x``)."""

    def __init__(self, url: str) -> None:
        try:
            self._files, root = url_to_fs(url)
        except (ImportError, ValueError) as error:
            raise ConfigurationError(
                f"The storage of attachments can't be used: {error}",
                hint="GRAPH_CRM_ATTACHMENTS_URL is a folder or an address that fsspec knows; s3:// needs s3fs.",
            ) from error
        self._root = str(root).rstrip("/")
        self._local = isinstance(self._files, LocalFileSystem)

    async def write(self, key: str, content: bytes) -> None:
        """Write the file whole: a reader sees the old file or the new one. Raises StorageUnavailable."""
        await self._do(self._write, key, content)

    async def read(self, key: str) -> bytes:
        """The bytes of the file. Raises StorageUnavailable, also where the file is gone."""
        found: bytes = await self._do(self._files.cat_file, key)
        return found

    async def remove(self, key: str) -> None:
        """Remove the file; one that is not there is removed."""
        await self._do(self._remove, key)

    async def _do(self, work: Any, key: str, *arguments: Any) -> Any:
        try:
            return await asyncio.to_thread(work, f"{self._root}/{key}", *arguments)
        except OSError as error:
            raise StorageUnavailable(
                "The storage of documents can't be used now.", hint="The log of the server says what is wrong with it."
            ) from error

    def _write(self, path: str, content: bytes) -> None:
        if not self._local:
            self._files.makedirs(path.rsplit("/", 1)[0], exist_ok=True)
            self._files.pipe_file(path, content)
            return
        final = Path(path)
        drafts = Path(self._root, DRAFTS)
        for folder in (final.parent, drafts):
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        draft = drafts / f"{final.name}.{secrets.token_hex(4)}"
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())  # what the graph refers to must survive the machine as the graph does
            draft.replace(final)
            _settle(final.parent)
        except BaseException:
            draft.unlink(missing_ok=True)
            raise

    async def sweep(self, seconds: float) -> None:
        """Remove drafts that a process left behind that was killed ``seconds`` seconds ago or earlier."""
        if self._local:
            await self._do(_sweep, DRAFTS, seconds)

    def _remove(self, path: str) -> None:
        try:
            self._files.rm_file(path)
        except FileNotFoundError:
            return


class FileStore:
    """Files in a `Storage` that are known to the graph, addressed by their content: the same bytes are one file."""

    def __init__(self, database: Database, storage: Storage) -> None:
        self._database = database
        self._storage = storage

    async def put(self, contents: Sequence[bytes]) -> list[StoredFile]:
        """Write the files, ready to be referred to within a day (`hold`). Raises StorageUnavailable.

        A crash in between leaves orphans, nothing else.
        """
        files = [
            StoredFile(_key(sha), sha, len(content)) for sha, content in zip(map(_sha, contents), contents, strict=True)
        ]
        going = await self._announce(files)
        if going:  # housekeeping is about to remove such a file: this one gets a place of its own
            suffix = secrets.token_hex(4)
            files = [
                StoredFile(f"{one.key}-{suffix}", one.sha256, one.bytes) if one.key in going else one for one in files
            ]
            await self._announce(files)
        for one, content in {one.key: (one, content) for one, content in zip(files, contents, strict=True)}.values():
            await self._storage.write(one.key, content)
        return files

    async def _announce(self, files: Sequence[StoredFile]) -> set[str]:
        """Name the files to the graph before they are written; the keys of those that are being removed just now."""
        rows = [{"key": one.key, "sha256": one.sha256, "bytes": one.bytes} for one in sorted(set(files), key=_by_key)]
        found = await self._database.write(lambda tx: tx.run(cypher.ANNOUNCE, {"files": rows}), idempotent=True)
        return {row["key"] for row in found if row["going"]}

    async def read(self, key: str) -> bytes:
        """The bytes of a file. Raises StorageUnavailable."""
        return await self._storage.read(key)

    async def tidy(self, seconds: float) -> int:
        """Remove files that nothing referred to for ``seconds`` seconds; how many went. A crash does no harm."""
        await self._storage.sweep(seconds)
        gone = 0
        while True:
            rows = await self._database.write(
                lambda tx: tx.run(cypher.MARK_ORPHANS, {"milliseconds": round(seconds * 1000)}), idempotent=True
            )
            keys = [row["key"] for row in rows]
            if not keys:
                return gone
            for key in keys:
                await self._storage.remove(key)
            await self._forget(keys)
            gone += len(keys)

    async def _forget(self, keys: Sequence[str]) -> None:
        await self._database.write(lambda tx: tx.run(cypher.FORGET_FILES, {"keys": list(keys)}), idempotent=True)


async def hold(tx: Transaction, file: StoredFile) -> None:
    """Take the lock of a file that this transaction refers to, so that it stays.

    Raises StorageUnavailable where housekeeping was quicker: write it again.
    """
    if not await tx.run(cypher.HOLD, {"key": file.key}):
        raise StorageUnavailable("The document was removed before it was used.", hint="Send it again.")


def _settle(folder: Path) -> None:
    """Have the folder's own list of names on the disk: without it a file may be nameless after a power cut."""
    if os.name == "nt":  # Windows opens no folders, and keeps their names in its log
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _sweep(drafts: str, seconds: float) -> None:
    oldest = time.time() - seconds
    with suppress(FileNotFoundError):
        for draft in Path(drafts).iterdir():
            with suppress(FileNotFoundError):  # another process is sweeping
                if draft.stat().st_mtime < oldest:
                    draft.unlink()


def _by_key(file: StoredFile) -> str:
    return file.key


def _sha(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _key(sha: str) -> str:
    return f"{sha[:2]}/{sha}"
