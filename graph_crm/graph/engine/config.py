"""What the engine is told, and what it answers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

CURRENT_VERSION = "2026.04.0"
LTS_VERSION = "5.26.28"
DATABASE = "neo4j"
USER = "neo4j"

Progress: TypeAlias = Callable[[str, int, int], None]
"""Called with (what is done now, done, of how many); the unit is bytes for a transfer, steps for anything else."""


def no_progress(stage: str, done: int, total: int) -> None:
    """The progress callback of a caller who does not care."""
    del stage, done, total


@dataclass(frozen=True)
class EngineConfig:
    """Where the engine lives and how it runs.

    ``data_dir`` holds the store, its password and the log; one running engine per data folder. ``cache_dir`` holds the
    fetched program, shared by all data folders. ``repository`` is the address of a Maven repository (None: the public
    one), ``source`` a folder with the jars (then nothing is fetched). ``heap_mb`` and ``pagecache_mb`` are MiB (None:
    sized to the machine). ``port`` 0 means any free one. ``restart``: the owner starts an engine that died again.
    ``fast_start``: `install` prepares an archive of classes for later starts. Times are seconds.
    """

    data_dir: Path
    cache_dir: Path
    version: str = CURRENT_VERSION
    repository: str | None = None
    source: Path | None = None
    heap_mb: int | None = None
    pagecache_mb: int | None = None
    port: int = 0
    start_timeout: float = 120.0
    stop_timeout: float = 60.0
    restart: bool = True
    fast_start: bool = True


@dataclass(frozen=True)
class Address:
    """How to reach the running engine, and whether this `Engine` started it (then it has to stop it)."""

    uri: str
    user: str
    password: str
    database: str = DATABASE
    owned: bool = False

    def __repr__(self) -> str:
        """Without the password: an address ends up in logs."""
        return f"Address(uri={self.uri!r}, user={self.user!r}, database={self.database!r}, owned={self.owned})"


@dataclass(frozen=True)
class EngineStatus:
    """What is installed and what runs.

    ``owner`` is who stops the engine: "this process", "another process", "nobody" (started by `graph-crm engine
    start`, or left behind by a crash: see ``orphan``), None when it does not run. ``store_version`` is the Neo4j that
    wrote the data last; ``memory_mb`` the resident memory.
    """

    version: str
    installed: bool
    running: bool
    healthy: bool
    owner: str | None
    orphan: bool
    pid: int | None
    uri: str | None
    store_version: str | None
    heap_mb: int
    pagecache_mb: int
    memory_mb: int | None
    program: Path
    data: Path
    log: Path
