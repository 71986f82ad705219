"""Objects within a leaf: what a selection asks of values that are stored as JSON or shaped in Python."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from graphql import FieldNode
from strawberry.utils.str_converters import to_camel_case

from graph_crm.graph.compiler.selection import Selections, sub_selections

Asked = Mapping[str, tuple[str, Any]]
"""Response key -> (name, what is asked below; or an empty name and a constant)."""


def selected(
    selections: Selections, nodes: Iterable[FieldNode], item: type | None, check: Callable[[str, str], None]
) -> Asked:
    """What the selections below ``nodes`` ask of an object of the class ``item``.

    ``check(type, field)`` raises `Forbidden` for what the caller may not see.
    """
    definition = getattr(item, "__strawberry_definition__", None)
    type_name = definition.name if definition else ""
    asked: dict[str, tuple[str, Any]] = {}
    for key, inner in selections.fields(sub_selections(nodes), frozenset({type_name})).items():
        name = inner[0].name.value
        if name == "__typename":
            asked[key] = ("", type_name)
            continue
        check(type_name, name)
        kind = _class_of(definition, name)
        below = selected(selections, inner, kind, check) if inner[0].selection_set else None
        asked[key] = (name, below)
    return asked


def picked(value: Any, asked: Asked) -> Any:
    """The selected fields of an object, or of each object of a list; null stays null."""
    if value is None:
        return None
    if isinstance(value, list):
        return [picked(each, asked) for each in value]
    made: dict[str, Any] = {}
    for key, (name, below) in asked.items():
        if not name:
            made[key] = below
            continue
        found = value.get(name)
        made[key] = picked(found, below) if isinstance(below, dict) else found
    return made


def _class_of(definition: Any, name: str) -> type | None:
    """The class of the object, or of the objects in the list, that the field ``name`` holds."""
    for field in definition.fields if definition else ():
        if to_camel_case(field.python_name) == name:
            kind = field.type
            while hasattr(kind, "of_type"):
                kind = kind.of_type
            return kind if isinstance(kind, type) else None
    return None
