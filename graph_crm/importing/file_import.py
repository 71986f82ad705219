"""The walk over files that every source shares: read, convert, check for repetition, hand to the loader, count."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from graph_crm.graph.database import Database
from graph_crm.importing.cypher import Kind
from graph_crm.importing.keys import KeyIndex
from graph_crm.importing.loader import Loader, Progress, Record, no_progress
from graph_crm.importing.reading import Row
from graph_crm.importing.rejects import ImportReport, Origin, RejectFile
from graph_crm.importing.values import RowProblem


@dataclass(slots=True)
class Converted:
    """What a row becomes: its own record first, then those that hang on it.

    ``identity`` names the row: another row of the same identity with other text is refused. ``keeps`` are (space,
    key, value) to remember for later files.
    """

    identity: str
    records: Sequence[tuple[Kind, Record]]
    keeps: Sequence[tuple[str, str, str]] = field(default_factory=tuple)


class RowFile(Protocol):
    """A file of rows: delimited or JSON lines."""

    @property
    def name(self) -> str:
        """The name shown in reports."""

    @property
    def size(self) -> int:
        """Bytes of the file."""

    def rows(self) -> Iterable[Row]:
        """The rows, each with its values or its problem."""


class FileImport:
    """One running import: its loader, keys, rejects, report and progress."""

    def __init__(
        self, loader: Loader, keys: KeyIndex, rejects: RejectFile, report: ImportReport, progress: Progress
    ) -> None:
        self.loader = loader
        self.keys = keys
        self._rejects = rejects
        self._report = report
        self._progress = progress

    def known(self, space: str, key: int | str, column: str) -> str:
        """The value kept under ``key``; a row that refers to an unknown key is refused."""
        values = self.keys.values(space, str(key))
        if not values:
            raise RowProblem(f"{column}: unknown {space} {key}")
        return values[0]

    async def load(self, file: RowFile, convert: Callable[[dict[str, str]], Converted], *, label: str = "") -> None:
        """Load all rows of ``file`` through ``convert``, which raises RowProblem for a row that can't be used."""
        tally = self._report.tally(label or file.name)
        size = file.size
        reported = 0
        self._progress(tally.name, 0, size)
        for row in file.rows():
            tally.read += 1
            origin = Origin(tally, row.line, row.text)
            if row.problem is not None:
                self._rejects.reject(origin, row.problem)
                continue
            try:
                converted = convert(row.values)
            except RowProblem as problem:
                self._rejects.reject(origin, str(problem))
                continue
            claim = self.keys.claim(tally.name, converted.identity, row.text)
            if claim == "other":
                self._rejects.reject(origin, f"duplicate key {converted.identity} with different content")
                continue
            if claim == "same":
                tally.repeated += 1
            for space, key, value in converted.keeps:
                self.keys.keep(space, key, value)
            if not converted.records:
                tally.loaded += 1  # it is on the records of other files
            for kind, record in converted.records:
                await self.loader.add(kind, record, origin)
            if row.end - reported > size // 100:
                reported = row.end
                self._progress(tally.name, reported, size)
        await self.loader.flush()
        self._progress(tally.name, size, size)


async def run_import(
    source: str,
    database: Database,
    steps: Callable[[FileImport], Awaitable[None]],
    *,
    reject_path: Path | None = None,
    progress: Progress = no_progress,
    batch_rows: int = 2000,
) -> ImportReport:
    """Run ``steps`` with a loader and a reject file and return the report with its counts and seconds."""
    started = time.perf_counter()
    report = ImportReport(source)
    with RejectFile(reject_path) as rejects, KeyIndex() as keys:
        async with Loader(database, rejects=rejects, batch_rows=batch_rows) as loader:
            await loader.look()
            await steps(FileImport(loader, keys, rejects, report, progress))
        report.reject_file = rejects.written
    report.seconds = time.perf_counter() - started
    return report
