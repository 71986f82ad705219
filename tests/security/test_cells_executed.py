"""The cells, read from the database: a value of each class that records hold, as each role sees it.

What each role may ask of each field at all is compiled in test_cells.py; here the answers themselves are compared.
"""

from __future__ import annotations

import datetime as dt
import enum
from collections.abc import AsyncIterator
from decimal import Decimal
from typing import Any

import pytest
from graphql import FieldNode, OperationDefinitionNode, parse

from graph_crm.api.schema import platform_schema
from graph_crm.graph.compiler import Compiler
from graph_crm.graph.compiler.sight import EVERYTHING, Sight
from graph_crm.graph.database import Database
from graph_crm.graph.mapping import NodeMapping, Scalar
from graph_crm.security.matrix import Cell, matrix
from graph_crm.security.roles import Caller, Role
from graph_crm.security.sight import Sights

pytestmark = pytest.mark.lts
REGISTRY = platform_schema().registry
KEY = "the record"
ME = "the caller"
TEXT = "someone@mail.example"


def value(kind: Any) -> Any:
    """A stored value of a property's type; None where it is none that can be made up."""
    if getattr(kind, "__origin__", None) is list:
        return [TEXT]
    if isinstance(kind, type) and issubclass(kind, enum.Enum):
        return str(next(iter(kind)).value)
    made = {bool: True, int: 7, float: 1.5, Decimal: 77, dt.date: dt.date(2020, 2, 3)}
    made[dt.datetime] = dt.datetime(2020, 2, 3, tzinfo=dt.UTC)
    return made.get(kind, TEXT if kind is str or getattr(kind, "__name__", "") == "ID" else None)


def plain(mapping: NodeMapping) -> dict[str, Scalar]:
    """The stored fields of a type that Python shapes no further."""
    return {
        spec.name: spec
        for spec in mapping.fields.values()
        if isinstance(spec, Scalar)
        and spec.stored
        and not spec.item
        and not spec.shape
        and value(spec.type) is not None
    }


def chosen() -> list[NodeMapping]:
    """As few types as together have a value of each class that any of them has."""
    types = [mapping for mapping in REGISTRY.nodes.values() if not mapping.implementers]
    held = {kind.name: {matrix().class_of(kind.name, name) for name in plain(kind)} for kind in types}
    left, found = set().union(*held.values()), []
    while left:
        best = max(types, key=lambda kind: len(held[kind.name] & left))
        found.append(best)
        left -= held[best.name]
    return found


CHOSEN = chosen()
LINKS = """
MATCH (record {marked: $key})
MERGE (p:Party {id: $key}) SET p.displayName = coalesce(p.displayName, 'x'), p.status = 'ACTIVE', p.protected = false
MERGE (e:Employee {id: $me}) MERGE (e)-[:LOOKS_AFTER]->(p)
MERGE (:Session {id: 'opened', openedBy: $me, state: 'OPEN'})<-[:HAD_SESSION]-(p)
"""


@pytest.fixture(scope="module")
async def records(bank) -> AsyncIterator[Database]:
    """A record of each chosen type, and the customer, whom the employees serve, full of values."""
    for mapping in CHOSEN:
        labels = ":".join(dict.fromkeys([*([mapping.interface.label] if mapping.interface else []), mapping.label]))
        stored = {spec.stored: value(spec.type) for spec in plain(mapping).values()}
        given = {**stored, mapping.key: KEY, "marked": KEY}
        await bank.database.execute(f"CREATE (n:{labels}) SET n = $given", {"given": given})
    await bank.database.execute(LINKS, {"key": KEY, "me": ME})
    yield bank.database
    await bank.database.execute(
        "MATCH (n) WHERE n.marked = $key OR n.id IN [$key, $me, 'opened'] DETACH DELETE n", {"key": KEY, "me": ME}
    )


async def shown(database: Database, mapping: NodeMapping, fields: list[str], sight: Sight, caller: Caller) -> Any:
    """What the fields of the record look like."""
    (operation,) = parse(f"{{ x {{ {' '.join(fields)} }} }}").definitions
    assert isinstance(operation, OperationDefinitionNode)
    (node,) = operation.selection_set.selections
    assert isinstance(node, FieldNode)
    statement = Compiler(REGISTRY, {}, {}, sight=sight).node(mapping, KEY, [node])
    given = statement.parameters.bind({})
    bound = Sights().of(caller).bound(caller, given) if sight is not EVERYTHING else given
    return statement.shape(await database.read(statement.text, bound), bound)


@pytest.mark.parametrize("role", Role)
async def test_a_value_of_each_class_is_shown_as_its_cell_says(records: Database, role: Role) -> None:
    caller = Caller(ME, role, KEY)
    sight = Sights().of(caller)
    looked: set[tuple[str, Cell]] = set()
    for mapping in CHOSEN:
        cells = {name: matrix().cell(role, mapping.name, name) for name in plain(mapping)}
        fields = [name for name, cell in cells.items() if cell is not Cell.HIDE]
        if not fields:
            continue
        everything = await shown(records, mapping, fields, EVERYTHING, caller)
        found = await shown(records, mapping, fields, sight, caller)
        for name in fields:
            said = everything[name]
            assert said is not None, (mapping.name, name)
            if cells[name] is Cell.SEE:
                assert found[name] == said, (mapping.name, name)
            elif said == [TEXT]:
                assert found[name] == ["s...@mail.example"], (mapping.name, name)
            elif said == TEXT:
                assert found[name] == "s...@mail.example", (mapping.name, name)
            else:
                assert found[name] != said, (mapping.name, name)
            looked.add((str(matrix().class_of(mapping.name, name)), cells[name]))
    held = {matrix().class_of(kind.name, name) for kind in CHOSEN for name in plain(kind)}
    wanted = {(name, matrix().cells[str(name)][role]) for name in held}
    assert looked == {(name, cell) for name, cell in wanted if cell is not Cell.HIDE}


def test_classes_of_records_are_nearly_all() -> None:
    """Those that are left out stand on answers of services, root fields and ways, which are compiled."""
    held = {matrix().class_of(kind.name, name) for kind in CHOSEN for name in plain(kind)}
    left = {"answers", "audit", "insight", "lists", "numbers"}
    assert set(matrix().cells) - held <= left, set(matrix().cells) - held
