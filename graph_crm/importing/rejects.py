"""What became of the rows: a tally per file, the reject file, and the report in which read = loaded + rejected."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO, Self

import orjson

MAX_TEXT = 4000
"""Characters of a rejected row that are kept in the reject file."""


@dataclass
class FileTally:
    """Rows of one file. ``repeated`` are those loaded rows that said again what an earlier row had said."""

    name: str
    read: int = 0
    loaded: int = 0
    rejected: int = 0
    repeated: int = 0

    @property
    def reconciled(self) -> bool:
        """Whether every row that was read is either in the graph or in the reject file."""
        return self.read == self.loaded + self.rejected


@dataclass
class ImportReport:
    """The outcome of an import: tallies in the order of loading, seconds, and where the rejects are (None: none)."""

    source: str
    files: list[FileTally] = field(default_factory=list)
    seconds: float = 0.0
    reject_file: Path | None = None

    def tally(self, name: str) -> FileTally:
        """The tally of the file ``name``, new when it was not seen before."""
        for file in self.files:
            if file.name == name:
                return file
        self.files.append(FileTally(name))
        return self.files[-1]

    @property
    def read(self) -> int:
        """Rows read in all files."""
        return sum(file.read for file in self.files)

    @property
    def loaded(self) -> int:
        """Rows that are in the graph."""
        return sum(file.loaded for file in self.files)

    @property
    def rejected(self) -> int:
        """Rows that are in the reject file."""
        return sum(file.rejected for file in self.files)

    @property
    def reconciled(self) -> bool:
        """Whether the counts of every file reconcile."""
        return all(file.reconciled for file in self.files)

    def as_json(self) -> dict[str, Any]:
        """The report as JSON-safe values."""
        return {
            "source": self.source,
            "files": [
                {
                    "file": file.name,
                    "read": file.read,
                    "loaded": file.loaded,
                    "rejected": file.rejected,
                    "repeated": file.repeated,
                }
                for file in self.files
            ],
            "read": self.read,
            "loaded": self.loaded,
            "rejected": self.rejected,
            "reconciled": self.reconciled,
            "seconds": round(self.seconds, 3),
            "rejectFile": str(self.reject_file) if self.reject_file else None,
        }


@dataclass(slots=True)
class Origin:
    """Where a record comes from, so that it can be counted and, when refused, reported."""

    tally: FileTally
    line: int
    text: str
    loaded: bool = False
    refused: bool = False


class RejectFile:
    """One JSON object a line: ``file``, ``line``, ``reason``, ``text``. Written only when something is rejected.

    The rows may hold personal data: the file is readable by its owner only. A file of an earlier run is replaced.
    """

    def __init__(self, path: Path | None) -> None:
        self.path = path
        self.count = 0
        self._stream: BinaryIO | None = None

    def __enter__(self) -> Self:
        if self.path is not None:
            self.path.unlink(missing_ok=True)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._stream is not None:
            self._stream.close()

    @property
    def written(self) -> Path | None:
        """The path when something was written."""
        return self.path if self._stream is not None else None

    def reject(self, origin: Origin, reason: str) -> None:
        """Count the row as rejected and write it with its reason; a row is rejected once, for its first reason."""
        if origin.refused:
            return
        origin.refused = True
        if origin.loaded:
            origin.tally.loaded -= 1
            reason = f"loaded in part: {reason}"
        origin.tally.rejected += 1
        self.count += 1
        if self.path is None:
            return
        if self._stream is None:
            descriptor = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
            self._stream = os.fdopen(descriptor, "wb")
        entry = {"file": origin.tally.name, "line": origin.line, "reason": reason, "text": origin.text[:MAX_TEXT]}
        self._stream.write(orjson.dumps(entry, default=str, option=orjson.OPT_APPEND_NEWLINE))
        self._stream.flush()
