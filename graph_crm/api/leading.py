"""Whoever asks for a party that was merged into another one is told which party carries it on.

Looked up only where something was not found, so that it costs nothing otherwise.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from graph_crm.api.documents import Operation
from graph_crm.errors import NotFound
from graph_crm.graph.compiler.selection import Selections
from graph_crm.graph.database import Database
from graph_crm.parties import merged
from graph_crm.security.matrix import Rows
from graph_crm.security.roles import Caller
from graph_crm.security.sight import PARTY, RoleSight
from graph_crm.security.touching import named

ROOT: Final = "party"
PROTECTED: Final = "UNWIND $ids AS id MATCH (p:Party {id: id}) WHERE p.protected RETURN p.id AS id"


def missed(response: Mapping[str, Any]) -> bool:
    """Whether a part of the answer is null, so that something may have been looked for in vain."""
    data = response.get("data")
    return data is None or any(value is None for value in data.values())


def arguments(operation: Operation, variables: Mapping[str, Any]) -> list[tuple[str, str, dict[str, Any]]]:
    """The root fields of an operation: response key, name, and arguments as plain JSON."""
    selections = Selections(operation.fragments, dict(variables))
    root = frozenset({operation.kind.value.capitalize()})
    return [
        (key, nodes[0].name.value, {name: one.raw for name, one in selections.arguments(nodes[0]).items()})
        for key, nodes in selections.fields([operation.node.selection_set], root).items()
    ]


async def lead(
    database: Database,
    sight: RoleSight,
    caller: Caller,
    asked: Sequence[tuple[str, str, Mapping[str, Any]]],
    response: dict[str, Any],
) -> None:
    """Put the error PARTY_MERGED in the place of a party that is not there; ``asked``: key, field and arguments."""
    data, errors = response.get("data") or {}, response.get("errors", [])
    wanted: dict[str, list[tuple[str, str]]] = {}
    for key, name, arguments in asked:
        other = [one for one in errors if one.get("path", [None])[0] == key]
        if data.get(key) is None and all(one["extensions"].get("code") == NotFound.code for one in other):
            wanted[key] = list(_parties(name, arguments, sight, caller))
    kept = await merged.led(database.read, [one for found in wanted.values() for _, one in found])
    if kept and sight.rows is Rows.UNPROTECTED:
        hidden = {row["id"] for row in await database.read(PROTECTED, {"ids": sorted(set(kept.values()))})}
        kept = {old: new for old, new in kept.items() if new not in hidden}
    for key, found in wanted.items():
        for field, old in found:
            if old in kept:
                error = merged.told(field, kept[old])
                errors = [one for one in errors if one.get("path", [None])[0] != key]
                told = {"code": error.code, "hint": error.hint, **error.details}
                errors.append({"message": error.message, "path": [key], "extensions": told})
                response["errors"] = errors
                break


def _parties(name: str, arguments: Mapping[str, Any], sight: RoleSight, caller: Caller) -> list[tuple[str, str]]:
    """The parties that a root field names, with the argument that names each."""
    found = [
        (one.argument.rpartition(".")[2], one.key)
        for one in named(name, arguments, employee=False)
        if one.type_name == PARTY
    ]
    if name == ROOT and isinstance(arguments.get("id"), str):
        found.append(("id", arguments["id"]))
    if sight.rows is Rows.OWN:
        return [one for one in found if one[1] == caller.party_id]
    return found
