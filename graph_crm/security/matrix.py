"""The matrix: who sees what, read from `matrix.toml` and checked when the platform starts."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from pathlib import Path
from typing import Any, Final

from graph_crm.errors import ConfigurationError
from graph_crm.graph.mapping import graph
from graph_crm.security.roles import Role

FILE: Final = Path(__file__).with_name("matrix.toml")
_WAY: Final = re.compile(r"(?P<side>[<>])(?P<relationship>[A-Z_]+) (?P<target>[A-Za-z]+)")
_FIELD: Final = re.compile(r"(?P<type>[A-Za-z]+)\.(?P<field>[A-Za-z]+)")


class Cell(StrEnum):
    """What a role sees of a class of data."""

    SEE = "see"
    MASK = "mask"
    HIDE = "hide"


class Rows(StrEnum):
    """Which customers a role sees."""

    ALL = "all"
    UNPROTECTED = "unprotected"
    PORTFOLIO = "portfolio"
    CASES = "cases"
    OWN = "own"


@dataclass(frozen=True)
class Way:
    """One step from a type towards the parties that it belongs to."""

    relationship: str
    inwards: bool
    """Whether the relationship leads to the type."""
    target: str

    @property
    def pattern(self) -> str:
        """The relationship in a pattern, from the type on."""
        return f"<-[:{self.relationship}]-" if self.inwards else f"-[:{self.relationship}]->"


@dataclass(frozen=True)
class Matrix:
    """The checked content of the file."""

    cells: Mapping[str, Mapping[Role, Cell]]
    """By class of data."""
    meaning: Mapping[str, str]
    rows: Mapping[Role, Rows]
    recognised: Mapping[str, Cell]
    """What is left of a customer outside of the rows of an employee, by class."""
    through: frozenset[tuple[str, str]]
    """The fields (type, field) of a protected customer that a path may lead through."""
    named: frozenset[tuple[str, str]]
    """The fields (type, field) that may be called after a customer."""
    shared: frozenset[str]
    """The types of which a record is shown although one of its customers is protected."""
    on_edges: frozenset[str]
    """Classes that the relationship to a customer shows whoever it is."""
    belongs: Mapping[str, tuple[Way, ...]]
    """The ways from a type to its parties; empty: it belongs to nobody."""
    mine: Mapping[str, str]
    """What belongs to the employee who asks: a predicate over ``{n}``."""
    arguments: Mapping[str, str]
    """The argument that names a record (`operation.path`) -> its type, or `Type.property`."""
    opening: frozenset[str]
    """Those of them by which an employee opens a case with a customer."""
    free: Mapping[str, str]
    """Those that may name a record of nobody, too -> when it is nobody's: a predicate over ``{n}``."""
    unchecked: frozenset[str]
    """Arguments that look as if they named a customer's record and are judged by the service alone."""
    classes: Mapping[str, Mapping[str, str]]
    """Type -> field -> class."""

    def class_of(self, type_name: str, field: str) -> str | None:
        """The class of a field; None where the file has none. What an interface declares counts for its types."""
        found = self.classes.get(type_name, {}).get(field)
        if found is None:
            mapping = graph.nodes.get(type_name)
            if mapping is not None and mapping.interface is not None:
                found = self.classes.get(mapping.interface.name, {}).get(field)
        return found

    def cell(self, role: Role, type_name: str, field: str) -> Cell:
        """What ``role`` sees of a field; nothing of one without a class."""
        found = self.class_of(type_name, field)
        return Cell.HIDE if found is None else self.cells[found][role]


@cache
def matrix() -> Matrix:
    """The matrix of the platform. Raises ConfigurationError where the file is wrong."""
    return read(FILE.read_text("utf-8"))


def read(text: str) -> Matrix:
    """The matrix of a file's text. Raises ConfigurationError for what is wrong or missing in it."""
    try:
        found = tomllib.loads(text)
        return _checked(found)
    except (tomllib.TOMLDecodeError, KeyError, TypeError, ValueError) as error:
        raise ConfigurationError(f"The matrix of permissions is wrong: {error}", hint=f"Repair {FILE.name}.") from error


def _checked(found: dict[str, Any]) -> Matrix:
    roles = [Role(name) for name in found["roles"]]
    if sorted(roles) != sorted(Role):
        raise ValueError("roles does not name each role once")
    cells = {name: dict(zip(roles, _row(name, row, len(roles)), strict=True)) for name, row in found["cells"].items()}
    if set(found["meaning"]) != set(cells):
        raise ValueError("meaning and cells name different classes")
    rows = {Role(name): Rows(kind) for name, kind in found["rows"].items()}
    if set(rows) != set(Role):
        raise ValueError("rows does not name each role")
    outside = found["outside"]
    recognised = {
        **dict.fromkeys(outside["recognised"]["see"], Cell.SEE),
        **dict.fromkeys(outside["recognised"]["mask"], Cell.MASK),
    }
    classes: dict[str, dict[str, str]] = {}
    for type_name, by_class in found["fields"].items():
        for name, fields in by_class.items():
            for field in fields:
                if classes.setdefault(type_name, {}).setdefault(field, name) != name:
                    raise ValueError(f"{type_name}.{field} has two classes")
    used = {name for fields in classes.values() for name in fields.values()}
    for name in (*used, *recognised, *outside["edges"]):
        if name not in cells:
            raise ValueError(f"{name} is no class")
    belongs = {
        name: () if ways == "nobody" else tuple(_way(name, way) for way in ways)
        for name, ways in found["belongs"].items()
    }
    return Matrix(
        cells=cells,
        meaning=found["meaning"],
        rows=rows,
        recognised=recognised,
        through=_fields(outside["protected"]["fields"]),
        named=_fields(outside["named"]),
        shared=frozenset(outside["shared"]),
        on_edges=frozenset(outside["edges"]),
        belongs=belongs,
        mine=found["mine"],
        arguments=found.get("arguments", {}),
        opening=frozenset(found.get("opening", {}).get("arguments", ())),
        free=found.get("free", {}),
        unchecked=frozenset(found.get("unchecked", {}).get("arguments", ())),
        classes=classes,
    )


def _row(name: str, row: str, count: int) -> list[Cell]:
    cells = [Cell(each) for each in row.split()]
    if len(cells) != count:
        raise ValueError(f"the row of {name} has {len(cells)} cells instead of {count}")
    return cells


def _fields(names: list[str]) -> frozenset[tuple[str, str]]:
    found = [_FIELD.fullmatch(each) for each in names]
    if not all(found):
        raise ValueError(f"{names} are no fields Type.field")
    return frozenset((each["type"], each["field"]) for each in found if each)


def _way(name: str, text: str) -> Way:
    found = _WAY.fullmatch(text)
    if found is None:
        raise ValueError(f"{text!r} is no way from {name} to its parties")
    return Way(found["relationship"], found["side"] == "<", found["target"])
