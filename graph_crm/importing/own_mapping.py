"""The mapping file of the own format: what it may say, and what is wrong with one, before anything is written."""

from __future__ import annotations

from collections.abc import Mapping as Table
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, Literal

import orjson
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from graph_crm.errors import ConfigurationError, InvalidInput
from graph_crm.importing.own_fields import FIELDS, Reading
from graph_crm.importing.values import RowProblem, shown
from graph_crm.parties import checks
from graph_crm.products import money
from graph_crm.settings.files import read_toml

WHAT: Final = "The mapping"
DOCS: Final = "docs/importing.md explains the file."
AMOUNTS: Final[Table[str, frozenset[str]]] = {
    "agreement": frozenset({"amount", "balance", "payment"}),
    "movement": frozenset({"amount", "balance"}),
}
"""The properties of a kind that mean nothing without a currency."""


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class FileMapping(_Strict):
    """One entry `[[file]]`: a file, what its rows are, and which column is which property."""

    path: str
    kind: Literal[
        "person",
        "organization",
        "household",
        "product",
        "membership",
        "contact_point",
        "agreement",
        "holding",
        "tie",
        "movement",
        "event",
        "interaction",
        "consent",
    ]
    format: Literal["csv", "jsonl"] | None = None
    delimiter: str = Field(default=",", min_length=1, max_length=1)
    quoted: bool = True
    encoding: str = "utf-8"
    date_format: str = "%Y-%m-%d"
    time_format: str = ""
    decimal_comma: bool = False
    list_separator: str = Field(default="|", min_length=1)
    id_prefix: str | None = None
    columns: dict[str, str]
    constants: dict[str, str | int | float | bool] = Field(default_factory=dict)
    values: dict[str, dict[str, str]] = Field(default_factory=dict)


class Mapping(_Strict):
    """A mapping file: the name of the source, defaults, and its files."""

    format: Literal[1]
    source: str = Field(min_length=1, max_length=100)
    id_prefix: str = ""
    currency: str | None = None
    country: str | None = None
    file: list[FileMapping] = Field(min_length=1)


def read_mapping(path: Path) -> Mapping:
    """The checked mapping of ``path``; InvalidInput names the file, the place of a mistake and what to write."""
    if not path.exists():
        raise InvalidInput(f"There is no mapping file {path}.", hint=DOCS)
    try:
        content = read_toml(path, WHAT, hint=DOCS)
    except ConfigurationError as error:
        raise InvalidInput(error.message, hint=error.hint) from error
    try:
        mapping = Mapping.model_validate(content)
        _check_top(mapping)
        for number, file in enumerate(mapping.file, start=1):
            _check_file(f"file {number} ({file.path})", mapping, file)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        what, hint = _in_words(first)
        raise InvalidInput(f"{WHAT} {path}: {_place(content, first['loc'])}{what}.", hint=hint) from error
    except InvalidInput as error:
        raise InvalidInput(f"{WHAT} {path}: {error.message.rstrip('.')}.", hint=error.hint) from None
    return mapping


def _place(content: Table[str, Any], where: tuple[int | str, ...]) -> str:
    """Where a mistake is, in the words of the file: `file 1 (customers.csv), columns.id: `; files count from 1."""
    names = [str(part) for part in where]
    if names[-1] in {"str", "int", "float", "bool"}:  # one of the types that a constant may have
        names.pop()
    place = ""
    if len(where) > 1 and where[0] == "file" and isinstance(where[1], int):
        entry = content["file"][where[1]]
        path = entry.get("path") if isinstance(entry, dict) else None
        place = f"file {where[1] + 1}" + (f" ({shown(path).strip(chr(39))})" if isinstance(path, str) else "")
        names = names[2:]
        place += ", " if names else ""
    return f"{place}{'.'.join(names)}: "


_TYPES: Final = {
    "string_type": "must be a text in quotes",
    "bool_type": "must be true or false",
    "bool_parsing": "must be true or false",
    "dict_type": "must be a table { ... }",
    "model_type": "must be a table",
    "list_type": "must be written as [[file]]",
    "too_short": "there must be at least one",
    "string_too_short": "is empty",
    "string_too_long": "is too long",
}


def _in_words(error: Any) -> tuple[str, str]:
    """What is wrong, and what to write instead."""
    kind, where = error["type"], error["loc"]
    inside = Mapping if where[0] != "file" or len(where) == 1 else FileMapping
    if kind == "missing":
        return "is missing", DOCS
    if kind == "extra_forbidden":
        return "is no key that is known here", f"There is: {', '.join(inside.model_fields)}."
    if kind == "literal_error":
        return f"{shown(str(error['input']))} is not known", f"Use {error['ctx']['expected']}."
    if kind in _TYPES:
        return _TYPES[kind], DOCS
    return "can't be used", DOCS


def _check_top(mapping: Mapping) -> None:
    for check, key, value in (
        (money.currency, "currency", mapping.currency),
        (checks.country, "country", mapping.country),
        (_prefix, "id_prefix", mapping.id_prefix or None),
    ):
        if value is not None:
            check(key, value)


def _prefix(field: str, value: str) -> str:
    return checks.identifier(field, f"{value}1")


def _check_file(place: str, mapping: Mapping, file: FileMapping) -> None:
    known = FIELDS[file.kind]
    named = {*file.columns, *file.constants}
    unknown = sorted((named | set(file.values)) - set(known))
    if unknown:
        raise InvalidInput(
            f"{place}: a {file.kind} has no property {', '.join(unknown)}", hint=f"It has: {', '.join(known)}."
        )
    missing = [name for name, field in known.items() if field.required and name not in named]
    if missing:
        raise InvalidInput(f"{place}: a {file.kind} needs {', '.join(missing)}", hint="Name a column or a constant.")
    if file.kind == "person" and not named & {"displayName", "familyName", "givenName"}:
        raise InvalidInput(
            f"{place}: a person needs displayName, or givenName and familyName", hint="Name a column or a constant."
        )
    amounts = sorted(named & AMOUNTS.get(file.kind, frozenset()))
    if amounts and "currency" not in named and mapping.currency is None:
        raise InvalidInput(
            f"{place}: {', '.join(amounts)} needs a currency",
            hint='Write currency = "EUR" at the top of the mapping, or name a column or a constant for it.',
        )
    try:
        "".encode(file.encoding)
    except LookupError:
        raise InvalidInput(f"{place}: the encoding {file.encoding} is unknown", hint="For example utf-8.") from None
    for key, form in (("date_format", file.date_format), ("time_format", file.time_format)):
        try:
            datetime.strptime(datetime(2000, 1, 31, tzinfo=UTC).strftime(form), form)  # noqa: DTZ007 - only tried
        except ValueError:
            raise InvalidInput(f"{place}, {key}: {form!a} is no format", hint="For example %Y-%m-%d.") from None
    if file.id_prefix:
        try:
            _prefix("id_prefix", file.id_prefix)
        except InvalidInput as error:
            raise InvalidInput(f"{place}, {error.message}", hint=error.hint) from None
    _check_texts(place, mapping, file)


def _check_texts(place: str, mapping: Mapping, file: FileMapping) -> None:
    """Refuse constants and meanings of codes that their properties can't take."""
    reading = reading_of(mapping, file)
    texts = [(f"constants.{name}", name, plain(value)) for name, value in file.constants.items()]
    texts += [
        (f"values.{name}.{code}", name, meaning)
        for name, codes in file.values.items()
        for code, meaning in codes.items()
    ]
    for where, name, text in texts:
        try:
            if text:
                FIELDS[file.kind][name].read(text, name, reading)
        except (InvalidInput, RowProblem) as error:
            reason = error.message if isinstance(error, InvalidInput) else str(error)
            hint = error.hint if isinstance(error, InvalidInput) else FIELDS[file.kind][name].meaning
            raise InvalidInput(f"{place}, {where}: {reason.removeprefix(f'{name}: ')}", hint=hint) from None


def reading_of(mapping: Mapping, file: FileMapping) -> Reading:
    """How the texts of ``file`` are read."""
    return Reading(
        date_format=file.date_format,
        time_format=file.time_format,
        decimal_comma=file.decimal_comma,
        list_separator=file.list_separator,
        id_prefix=mapping.id_prefix if file.id_prefix is None else file.id_prefix,
    )


def plain(value: Any) -> str:
    """A value of JSON or TOML as the text that a CSV file would hold."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    return value if isinstance(value, str) else orjson.dumps(value).decode()
