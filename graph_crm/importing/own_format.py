"""Import of a bank's own CSV and JSON-lines files, described by a mapping file (TOML). See docs/importing.md."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

from graph_crm.errors import InvalidInput
from graph_crm.graph.database import Database
from graph_crm.importing.catalogue import ensure_products
from graph_crm.importing.file_import import Converted, FileImport, RowFile, run_import
from graph_crm.importing.loader import Progress, no_progress
from graph_crm.importing.own_fields import FIELDS
from graph_crm.importing.own_mapping import FileMapping, Mapping, plain, read_mapping, reading_of
from graph_crm.importing.own_records import RECORDS, Context
from graph_crm.importing.reading import DelimitedFile, Row, physical_lines
from graph_crm.importing.rejects import ImportReport
from graph_crm.importing.values import RowProblem


@dataclass(frozen=True)
class JsonLines:
    """A file with one JSON object a line. Nested objects are reached by dots, lists are joined by the separator."""

    path: Path
    encoding: str
    list_separator: str

    @property
    def name(self) -> str:
        """The name of the file without its folder."""
        return self.path.name

    @property
    def size(self) -> int:
        """Bytes of the file."""
        return self.path.stat().st_size

    def check(self) -> None:
        """InvalidInput when the file is missing."""
        if not self.path.is_file():
            raise InvalidInput(f"The file {self.name} is missing", hint=f"Expected it in {self.path.parent}")

    def rows(self) -> Iterator[Row]:
        """The rows, each with its values as text."""
        self.check()
        end = 0
        with self.path.open("rb") as stream:
            for line, (raw, size, too_long) in enumerate(physical_lines(stream), start=1):
                end += size
                if not raw.strip():
                    continue
                text = raw.decode(self.encoding, "backslashreplace").rstrip("\r\n").lstrip("\ufeff")
                if too_long:
                    yield Row(line, text, {}, too_long, end)
                    continue
                try:
                    content = orjson.loads(raw.decode(self.encoding).lstrip("\ufeff"))
                except UnicodeDecodeError:
                    yield Row(line, text, {}, f"bytes that are not {self.encoding} text", end)
                    continue
                except orjson.JSONDecodeError as error:
                    yield Row(line, text, {}, f"not JSON: {error}", end)
                    continue
                if not isinstance(content, dict):
                    yield Row(line, text, {}, "not a JSON object", end)
                    continue
                yield Row(line, text, dict(self._flat(content, "")), None, end)

    def _flat(self, content: dict[str, Any], prefix: str) -> Iterator[tuple[str, str]]:
        for name, value in content.items():
            if isinstance(value, dict):
                yield from self._flat(value, f"{prefix}{name}.")
            elif isinstance(value, list):
                yield f"{prefix}{name}", self.list_separator.join(map(plain, value))
            else:
                yield f"{prefix}{name}", plain(value)


def _opened(folder: Path, file: FileMapping) -> RowFile:
    path = folder / file.path
    if (file.format or ("jsonl" if path.suffix in {".jsonl", ".ndjson"} else "csv")) == "jsonl":
        lines = JsonLines(path, file.encoding, file.list_separator)
        lines.check()
        return lines
    columns = tuple(dict.fromkeys(file.columns.values()))
    delimited = DelimitedFile(path, columns, file.delimiter, file.quoted, file.encoding, exact=False)
    delimited.check()
    return delimited


def prepared(mapping_path: Path) -> tuple[Mapping, list[tuple[FileMapping, RowFile]]]:
    """The mapping and its files in the order of loading, all of them checked; InvalidInput says what is wrong."""
    mapping = read_mapping(mapping_path)
    order = list(FIELDS)
    found = [(file, _opened(mapping_path.parent, file)) for file in mapping.file]
    return mapping, sorted(found, key=lambda entry: order.index(entry[0].kind))


async def import_files(
    database: Database, mapping_path: Path, *, reject_path: Path | None = None, progress: Progress = no_progress
) -> ImportReport:
    """Load the files of a mapping, whose paths are relative to it; what a file refers to is loaded before it.

    Rows that can't be used go to the reject file and do not stop the rest; the same files twice give the same graph.
    Raises InvalidInput for a wrong mapping, a missing file or a missing column, before anything is written.
    """
    mapping, found = prepared(mapping_path)
    await ensure_products(database, {"CURRENT_ACCOUNT"})

    async def steps(run: FileImport) -> None:
        for file, rows in found:
            await run.loader.look()  # two files may tell of the same record, each with other ends
            await run.load(rows, _converter(mapping, file), label=f"{file.path} ({file.kind})")

    return await run_import(mapping.source, database, steps, reject_path=reject_path, progress=progress)


def _converter(mapping: Mapping, file: FileMapping) -> Callable[[dict[str, str]], Converted]:
    reading = reading_of(mapping, file)
    context = Context(mapping.source, mapping.currency, mapping.country)
    fields = FIELDS[file.kind]
    constants = {name: plain(value) for name, value in file.constants.items()}
    record = RECORDS[file.kind]

    def convert(row: dict[str, str]) -> Converted:
        values: dict[str, Any] = {}
        for name, field in fields.items():
            column = file.columns.get(name)
            text = row.get(column, "").strip() if column else ""
            if column and name in file.values and text:
                meanings = file.values[name]
                if text not in meanings:
                    raise RowProblem(f"{name}: {text!a} is unknown (known: {', '.join(meanings)})")
                text = meanings[text]
            text = text or constants.get(name, "")
            if not text:
                if field.required:
                    raise RowProblem(f"{name}: a value is missing")
                if column:
                    values[name] = None
                continue
            try:
                values[name] = field.read(text, name, reading)
            except InvalidInput as error:
                raise RowProblem(error.message) from None
        try:
            return record(values, context)
        except InvalidInput as error:
            raise RowProblem(error.message) from None

    return convert
