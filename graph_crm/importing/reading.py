"""Delimited text files read row by row in constant memory, each row with its line number or with what is wrong."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from graph_crm.errors import InvalidInput

MAX_LINE_BYTES = 1_000_000
"""A longer line is refused: it is a damaged file, not a row."""
KEPT_OF_LONG_LINE = 10_000
"""Bytes of such a line that are kept to report it."""


def physical_lines(stream: BinaryIO) -> Iterator[tuple[bytes, int, str | None]]:
    """The lines of a file, each with its length in bytes and what is wrong with it; of a too long one the beginning.

    A file without line ends is not taken into memory.
    """
    while raw := stream.readline(MAX_LINE_BYTES + 1):
        size = len(raw)
        if size <= MAX_LINE_BYTES:
            yield raw, size, None
            continue
        rest = raw
        while rest and not rest.endswith(b"\n"):
            rest = stream.readline(MAX_LINE_BYTES)
            size += len(rest)
        yield raw[:KEPT_OF_LONG_LINE], size, f"a line of {size} bytes, more than {MAX_LINE_BYTES}"


def check_folder(folder: Path, files: Sequence[str]) -> None:
    """InvalidInput when there is no such folder; ``files`` are those that it should hold."""
    if folder.is_dir():
        return
    message = f"{folder} is not a folder" if folder.exists() else f"There is no folder {folder}"
    raise InvalidInput(message, hint=f"Name the folder that holds {', '.join(files)}")


@dataclass(frozen=True, slots=True)
class Row:
    """One row: its line number (the header is line 1), its text, its values by column or the problem."""

    line: int
    text: str
    values: dict[str, str]
    problem: str | None
    end: int
    """Bytes of the file read so far, for the progress bar."""


@dataclass(frozen=True)
class DelimitedFile:
    """A file with a header row. Each physical line is one row, so one damaged quote spoils one row, not the rest.

    ``columns`` are required in the header, in any order; ``exact`` refuses others. ``quoted`` is False where the
    source writes quotes as plain characters.
    """

    path: Path
    columns: Sequence[str]
    delimiter: str = ";"
    quoted: bool = True
    encoding: str = "utf-8"
    exact: bool = True

    @property
    def name(self) -> str:
        """The name of the file without its folder, as reports show it."""
        return self.path.name

    @property
    def size(self) -> int:
        """Bytes of the file."""
        return self.path.stat().st_size

    def check(self) -> list[str]:
        """The column names of the header; InvalidInput when the file is missing or the header is another."""
        if not self.path.is_file():
            raise InvalidInput(f"The file {self.name} is missing", hint=f"Expected it in {self.path.parent}")
        try:
            with self.path.open("rb") as stream:
                line = stream.readline(MAX_LINE_BYTES).decode(self.encoding).lstrip("\ufeff")
        except OSError as error:
            raise InvalidInput(f"The file {self.name} can't be read: {error.strerror}") from error
        except UnicodeDecodeError as error:
            raise InvalidInput(f"The header of {self.name} is not {self.encoding} text") from error
        try:
            header = self._split(line.rstrip("\r\n"))
        except csv.Error as error:
            raise InvalidInput(f"The header of {self.name} can't be read: {error}") from error
        missing = [column for column in self.columns if column not in header]
        unknown = [column for column in header if column not in self.columns] if self.exact else []
        twice = sorted({column for column in header if header.count(column) > 1})
        problems = [
            f"{problem} {', '.join(columns)}"
            for problem, columns in (
                ("no column", missing),
                ("the unknown column", unknown),
                ("twice the column", twice),
            )
            if columns
        ]
        if problems:
            raise InvalidInput(
                f"The header of {self.name} has {', and '.join(problems)}",
                hint=f"Separated by {self.delimiter!r} it has: {', '.join(header) or 'nothing'}",
                missing=missing,
                unknown=unknown,
            )
        return header

    def rows(self) -> Iterator[Row]:
        """All rows after the header; blank lines are no rows."""
        header = self.check()
        width = len(header)
        end = 0
        with self.path.open("rb") as stream:
            for line, (raw, size, too_long) in enumerate(physical_lines(stream), start=1):
                end += size
                if line == 1 or not raw.strip():
                    continue
                if too_long:
                    yield Row(line, raw.decode(self.encoding, "backslashreplace"), {}, too_long, end)
                    continue
                try:
                    text = raw.decode(self.encoding).rstrip("\r\n")
                except UnicodeDecodeError:
                    text = raw.decode(self.encoding, "backslashreplace").rstrip("\r\n")
                    yield Row(line, text, {}, f"bytes that are not {self.encoding} text", end)
                    continue
                problem = None
                fields: list[str] = []
                try:
                    fields = self._split(text)
                except csv.Error as error:
                    problem = f"damaged quotes: {error}"
                if "\x00" in text:
                    problem = "a NUL character"
                elif problem is None and len(fields) != width:
                    problem = f"{len(fields)} fields instead of {width}"
                values = {} if problem else dict(zip(header, fields, strict=True))
                yield Row(line, text, values, problem, end)

    def _split(self, line: str) -> list[str]:
        if not self.quoted:
            return line.split(self.delimiter)
        return next(csv.reader((line,), delimiter=self.delimiter, strict=True), [])
