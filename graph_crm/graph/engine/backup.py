"""Backup and restore of the embedded database, as one file.

The file is a zip, not compressed again, of a dump that any `neo4j-admin database load` reads, and of a description with
the dump's sha256 and the Neo4j that wrote it.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import tempfile
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import IO

from graph_crm.errors import EngineError
from graph_crm.graph.engine import launch, process
from graph_crm.graph.engine.config import DATABASE, USER, Address, Progress, no_progress
from graph_crm.graph.engine.home import RESTORING, Home, version_order
from graph_crm.graph.engine.program import Program

_FORMAT = 1
_DUMP = f"{DATABASE}.dump"
_DESCRIPTION = "backup.json"
_CHUNK = 1 << 20
_TRIAL_SECONDS = 300


@dataclass(frozen=True)
class Backup:
    """What a backup file holds: the Neo4j that wrote it, when (ISO 8601, UTC), the dump's sha256 and bytes."""

    neo4j: str
    taken_at: str
    sha256: str
    size: int
    format: int = _FORMAT


def check_target(file: Path, *, overwrite: bool) -> None:
    """Raise EngineError when no backup could be written to ``file``; asked before a database is stopped for it.

    A file that is there is refused unless ``overwrite``; folders are never made: a wrong path is a typing error.
    """
    target = file.expanduser().absolute()
    if target.is_dir():
        raise EngineError(f"{target} is a folder.", hint="Name the file to write.")
    if target.exists() and not overwrite:
        raise EngineError(
            f"{target} is there already.",
            hint="Name another file, or overwrite it with --force once the backup is made.",
        )
    if not target.parent.is_dir():
        raise EngineError(f"The folder {target.parent} is not there.", hint="Make it first, or correct the path.")
    try:
        with tempfile.TemporaryFile(dir=target.parent):
            pass
    except OSError as error:
        raise EngineError(
            f"Nothing can be written to the folder {target.parent}: {error.strerror}.",
            hint="Name another folder, or change its rights.",
        ) from None


def write(program: Program, home: Home, file: Path, *, progress: Progress = no_progress) -> Backup:
    """Dump the stopped database of ``home`` into ``file``, which appears whole or not at all.

    The folder of ``file`` must be there; a file that is there is replaced, see `check_target`.
    """
    if not home.has_store:
        raise EngineError("There is no database yet, so nothing to back up.")
    target = file.expanduser().absolute()
    try:
        with tempfile.TemporaryDirectory(prefix=".backup-", dir=target.parent) as folder:
            progress("Writing the backup", 0, 2)
            launch.run_admin(program, home, "database", "dump", DATABASE, f"--to-path={folder}")
            dump = Path(folder) / _DUMP
            progress("Writing the backup", 1, 2)
            with dump.open("rb") as content:
                digest = hashlib.file_digest(content, "sha256").hexdigest()
            description = Backup(
                home.store_version or program.version, datetime.now(UTC).isoformat(), digest, dump.stat().st_size
            )
            new = Path(folder) / "new"
            # Customers' data: for this user alone, whatever the umask says.
            with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as out:
                with zipfile.ZipFile(out, "w", zipfile.ZIP_STORED) as archive:
                    archive.writestr(_DESCRIPTION, json.dumps(asdict(description), indent=2))
                    archive.write(dump, _DUMP)
                out.flush()
                os.fsync(out.fileno())
            new.replace(target)
    except OSError as error:
        raise EngineError(f"The backup can't be written to {target}: {error}") from error
    progress("Writing the backup", 2, 2)
    return description


def verify(file: Path, version: str) -> Backup:
    """Read the description and compare the sha256 of the dump; raises EngineError when ``version`` can't use it."""
    with _open(file) as (archive, description):
        if version_order(description.neo4j) > version_order(version):
            raise EngineError(
                f"{file} was written by Neo4j {description.neo4j}; {version} can't read it.",
                hint=f"Set GRAPH_CRM_ENGINE_VERSION={description.neo4j}.",
            )
        digest = hashlib.sha256()
        with archive.open(_DUMP) as content:
            while chunk := content.read(_CHUNK):
                digest.update(chunk)
        if digest.hexdigest() != description.sha256:
            raise EngineError(f"{file} is damaged: the dump is not the one that was written.")
    return description


@contextmanager
def _open(file: Path) -> Iterator[tuple[zipfile.ZipFile, Backup]]:
    try:
        with zipfile.ZipFile(file) as archive:
            description = Backup(**json.loads(archive.read(_DESCRIPTION)))
            if description.format != _FORMAT:
                raise EngineError(f"{file} has format {description.format}; this release reads {_FORMAT}.")
            yield archive, description
    except FileNotFoundError as error:
        raise EngineError(f"{file} is not there.") from error
    except (OSError, zipfile.BadZipFile, KeyError, ValueError, TypeError) as error:
        raise EngineError(f"{file} is no backup of graph-crm, or is damaged: {error}") from error


@dataclass(frozen=True)
class Staged:
    """A restored home that was started once and lies ready beside the present one."""

    home: Home
    target: Home

    def take_place(self) -> None:
        """Put the restored home in the place of the present one, which must be stopped, and delete that."""
        old = self.target.before
        shutil.rmtree(old, ignore_errors=True)
        if self.target.home.exists():
            self.target.home.replace(old)
        try:
            self.home.home.replace(self.target.home)
        except OSError as error:
            old.replace(self.target.home)
            raise EngineError(f"The restored data can't be moved to {self.target.home}: {error}") from error
        shutil.rmtree(old, ignore_errors=True)


@contextmanager
def staged(
    program: Program, home: Home, file: Path, *, heap_mb: int, pagecache_mb: int, progress: Progress = no_progress
) -> Iterator[Staged]:
    """Load ``file`` into a new home beside ``home``, start that once to see that it opens, and stop it."""
    with tempfile.TemporaryDirectory(prefix=RESTORING, dir=home.folder, ignore_cleanup_errors=True) as folder:
        new = Home(Path(folder))
        new.create()
        new.lay_out()
        port = process.free_port()
        new.configure(port=port, heap_mb=heap_mb, pagecache_mb=pagecache_mb)
        progress("Loading the backup", 0, 3)
        password = home.password()
        launch.set_password(program, new, password)
        dumps = Path(folder) / "dump"
        dumps.mkdir()
        with _open(file) as (archive, _):
            _extract(archive.open(_DUMP), dumps / _DUMP)
        progress("Loading the backup", 1, 3)
        launch.run_admin(
            program, new, "database", "load", DATABASE, f"--from-path={dumps}", "--overwrite-destination=true"
        )
        shutil.rmtree(dumps)
        progress("Loading the backup", 2, 3)
        child = launch.spawn(program, new, heap_mb=heap_mb, with_parent=True)
        launch.wait(new, child, Address(f"bolt://127.0.0.1:{port}", USER, password), _TRIAL_SECONDS)
        process.stop_child(child, timeout=_TRIAL_SECONDS)
        progress("Loading the backup", 3, 3)
        yield Staged(new, home)


def _extract(content: IO[bytes], target: Path) -> None:
    with content, target.open("wb") as out:
        shutil.copyfileobj(content, out, _CHUNK)
