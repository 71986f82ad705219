"""Keys seen during an import, on disk when they are many: duplicates and references are checked in constant memory."""

from __future__ import annotations

import hashlib
import sqlite3
from types import TracebackType
from typing import Literal, Self


class KeyIndex:
    """What each key of each space said, and values remembered under keys, for the length of one import.

    A private temporary SQLite database: it stays in memory while it is small and spills to disk when it grows, so the
    memory of an import does not depend on the size of the files.
    """

    def __init__(self) -> None:
        self._db = sqlite3.connect("", isolation_level=None)
        self._db.executescript(
            "PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; PRAGMA cache_size = -32000;"
            "CREATE TABLE seen (space TEXT, key TEXT, digest BLOB, PRIMARY KEY (space, key)) WITHOUT ROWID;"
            "CREATE TABLE kept (space TEXT, key TEXT, value TEXT, PRIMARY KEY (space, key, value)) WITHOUT ROWID;"
            "BEGIN"
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._db.close()

    def claim(self, space: str, key: str, content: str) -> Literal["new", "same", "other"]:
        """Whether ``key`` is new, was there with the same content, or was there with other content."""
        mark = hashlib.blake2b(content.encode("utf-8", "surrogatepass"), digest_size=12).digest()
        added = self._db.execute("INSERT OR IGNORE INTO seen VALUES (?, ?, ?)", (space, key, mark)).rowcount
        if added:
            return "new"
        row = self._db.execute("SELECT digest FROM seen WHERE space = ? AND key = ?", (space, key)).fetchone()
        return "same" if row[0] == mark else "other"

    def keep(self, space: str, key: str, value: str) -> None:
        """Remember ``value`` under ``key``; a key can have several."""
        self._db.execute("INSERT OR IGNORE INTO kept VALUES (?, ?, ?)", (space, key, value))

    def values(self, space: str, key: str) -> list[str]:
        """What was kept under ``key``, in a stable order; empty for an unknown key."""
        rows = self._db.execute("SELECT value FROM kept WHERE space = ? AND key = ? ORDER BY value", (space, key))
        return [row[0] for row in rows]
