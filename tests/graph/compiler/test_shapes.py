"""Every shape of query has a statement that can be read, that runs, and that is the only one of its root field.

The statements are committed in `snapshots/`. After a wanted change write them anew with
``GRAPH_CRM_UPDATE_SNAPSHOTS=1 pytest tests/graph/compiler/test_shapes.py`` and read the difference.
"""

from __future__ import annotations

import json
import os
import re
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest
from reference import Reference
from shapes import SHAPES

from graph_crm.graph.database import Database

pytestmark = pytest.mark.lts
SNAPSHOTS = Path(__file__).parent / "snapshots"
UPDATE = os.environ.get("GRAPH_CRM_UPDATE_SNAPSHOTS") == "1"
NO_REFERENCE = {
    "search",
    "keyset_forwards",
    "keyset_forwards_nullable",
    "keyset_backwards",
    "page_with_nested_pages",
    "shaped_fields",
}
"""What the oracle does not model: ranks, cursors, what Python shapes. The tests of paging, search and why say what they
mean."""


def laid_out(statement: str) -> str:
    """The statement with a line for each subquery, as a reader wants it."""
    depth, lines = 0, [""]
    for piece in re.split(r"((?:COLLECT|COUNT|EXISTS) \{ | \})", statement):
        if piece.endswith("{ "):
            depth += 1
            lines[-1] += piece.rstrip()
            lines.append("  " * depth)
        elif piece == " }":
            depth -= 1
            lines.append("  " * depth + "}")
        else:
            lines[-1] += piece
    return "\n".join(lines)


def as_document(name: str, query: str, variables: dict[str, Any], response: dict[str, Any]) -> str:
    """The committed form."""
    parts = [f"# {name.replace('_', ' ')}", f"```graphql\n{dedent(query).strip()}\n```"]
    if variables:
        parts.append(f"Variables:\n```json\n{json.dumps(variables, indent=2, ensure_ascii=False)}\n```")
    for each in response["extensions"]["explain"]:
        parts.append(f"## `{each['field']}`\n```cypher\n{laid_out(each['statement'])}\n```")
        parts.append(f"```json\n{json.dumps(each['parameters'], ensure_ascii=False, sort_keys=True)}\n```")
    return "\n\n".join(parts) + "\n"


async def with_cursors(ask, variables: dict[str, Any]) -> dict[str, Any]:
    """Variables that name a cursor ("cursor of p2 by CITY_DESC") with the cursor that the platform gives out."""
    made = dict(variables)
    for name, value in variables.items():
        found = re.fullmatch(r"cursor of (\w+) by (.+)", str(value))
        if found:
            orders = found[2].replace(" ", ", ")
            page = await ask(f"{{ parties(orderBy: [{orders}]) {{ edges {{ cursor node {{ id }} }} }} }}")
            cursors = {edge["node"]["id"]: edge["cursor"] for edge in page["data"]["parties"]["edges"]}
            made[name] = cursors[found[1]]
    return made


@pytest.mark.parametrize("name", SHAPES)
async def test_a_shape_is_one_statement_a_root_field_as_committed(
    database: Database, reference: Reference, ask, name: str
):
    query, variables = SHAPES[name]
    variables = await with_cursors(ask, variables)
    with database.counting() as sent:
        response = await ask(query, explain=True, **variables)
    assert "errors" not in response, response
    roots = [key for key in response["data"] if key != "__typename"]
    assert len(sent) == len(roots)
    assert [each["field"] for each in response["extensions"]["explain"]] == roots
    assert sorted(sent.statements) == sorted(each["statement"] for each in response["extensions"]["explain"])
    if name not in NO_REFERENCE:
        expected = reference.answer(query, variables)
        assert json.dumps(response["data"]) == json.dumps(expected)
    told = as_document(name, query, variables, response)
    file = SNAPSHOTS / f"{name}.md"
    if UPDATE:
        SNAPSHOTS.mkdir(exist_ok=True)
        file.write_text(told, "utf-8")
    assert told == file.read_text("utf-8"), f"{file.name} tells another statement; see the top of this file"


def test_no_snapshot_is_left_over():
    assert {file.stem for file in SNAPSHOTS.glob("*.md")} == set(SHAPES)


async def test_statements_hold_names_of_the_mapping_only(ask):
    """Whatever the caller writes arrives as a parameter."""
    for name, (query, variables) in SHAPES.items():
        response = await ask(query, explain=True, **await with_cursors(ask, variables))
        for each in response["extensions"]["explain"]:
            literals = set(re.findall(r"'[^']*'|\"[^\"]*\"", each["statement"]))
            assert literals <= {"'party_search'"}, (name, literals)
