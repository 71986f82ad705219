"""Whether a caller may touch what the arguments of a request name: the one place that asks it, before anything is done.

Which arguments name a record is in the matrix. One statement looks at all of a request's; roles that see every customer
send none.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from graph_crm.errors import CrmError, Forbidden, NotFound
from graph_crm.graph.database import Database
from graph_crm.graph.mapping import fill, graph
from graph_crm.security.matrix import Rows, matrix
from graph_crm.security.roles import Caller
from graph_crm.security.sight import PARTY, RoleSight

TIE: Final = "Tie"
TIES: Final = "SPOUSE_OF|PARENT_OF|GUARANTEES|OWNS|DIRECTS|EMPLOYS|REFERRED"
_EMPLOYEES: Final = frozenset({Rows.CASES, Rows.PORTFOLIO})
_LONGEST: Final = 400
"""Characters of a key; no record has a longer one."""


@dataclass(frozen=True)
class Named:
    """A record that an argument names."""

    argument: str
    type_name: str
    property: str
    key: str
    new: bool
    """Whether it may be one that is not there yet."""
    free: str = ""
    """When it is nobody's, and may be named for that (a predicate); empty: never."""


Reading = Mapping[str, Callable[[str], str]]
"""`Type.property` -> what makes the stored key of what people write."""


def named(
    operation: str, arguments: Mapping[str, Any], *, employee: bool, reading: Reading | None = None
) -> Iterator[Named]:
    """The records that the arguments of a root field name; without those by which an employee opens a case."""
    rules = matrix()
    for argument, kind in _of(operation):
        if employee and argument in rules.opening:
            continue
        type_name, _, prop = kind.rstrip("?").partition(".")
        read = (reading or {}).get(kind.rstrip("?"), str)
        for key in _values(arguments, argument.split(".")[1:]):
            found = prop or (graph.nodes[type_name].key if type_name in graph.nodes else "id")
            free = rules.free.get(argument, "") if employee else ""
            yield Named(argument, type_name, found, read(str(key)[:_LONGEST]), kind.endswith("?"), free)


def _of(operation: str) -> Iterator[tuple[str, str]]:
    return ((key, kind) for key, kind in matrix().arguments.items() if key.partition(".")[0] == operation)


def _values(value: Any, path: Sequence[str]) -> Iterator[Any]:
    """What stands at a path of names in the arguments; of a list, in each of its items."""
    if isinstance(value, list):
        for each in value:
            yield from _values(each, path)
    elif value is None or not path:
        if value is not None:
            yield value
    elif isinstance(value, Mapping):
        yield from _values(value.get(path[0]), path[1:])


async def check(
    database: Database,
    sight: RoleSight,
    caller: Caller,
    operations: Iterable[tuple[str, Mapping[str, Any]]],
    reading: Reading | None = None,
) -> None:
    """Raise Forbidden or NotFound where the caller may not touch what an operation's arguments name.

    ``operations``: the root fields of a request with their arguments as plain JSON. That a record is there is not told
    to a caller who may not see its customer; that a customer is there, employees may know.
    """
    if sight.rows is Rows.ALL:
        return
    employee = sight.rows in _EMPLOYEES
    asked = [each for name, given in operations for each in named(name, given, employee=employee, reading=reading)]
    if not asked:
        return
    groups: dict[tuple[str, str, str], set[str]] = {}
    for each in asked:
        groups.setdefault((each.type_name, each.property, each.free), set()).add(each.key)
    columns, parameters = [], {}
    for index, ((type_name, prop, free), keys) in enumerate(groups.items()):
        parameters[f"keys{index}"] = sorted(keys)
        columns += [_found(sight, type_name, prop, index, visible=visible, free=free) for visible in (True, False)]
    statement = f"{sight.head}RETURN [{', '.join(columns)}]"
    (row,) = await database.read(statement, sight.bound(caller, parameters))
    for index, group in enumerate(groups):
        visible, there = set(row[0][2 * index]), set(row[0][2 * index + 1])
        for each in asked:
            if (each.type_name, each.property, each.free) == group and each.key not in visible:
                _refuse(each, sight.rows, there=each.key in there)


async def visible(
    database: Database, sight: RoleSight, caller: Caller, type_name: str, prop: str, keys: Iterable[str]
) -> set[str]:
    """Which of the records with these keys are there and belong to a customer whom the caller sees."""
    statement = f"{sight.head}RETURN {_found(sight, type_name, prop, 0, visible=True)}"
    (row,) = await database.read(statement, sight.bound(caller, {"keys0": sorted(set(keys))}))
    return set(row[0])


async def customers(database: Database, caller: Caller, keys: Iterable[str]) -> set[str]:
    """Which of these customers the caller sees in full."""
    sight = RoleSight(caller.role, matrix(), None)
    return set(keys) if sight.rows is Rows.ALL else await visible(database, sight, caller, PARTY, "id", keys)


def _found(sight: RoleSight, type_name: str, prop: str, index: int, *, visible: bool, free: str = "") -> str:
    """The keys of those that are there, or of those among them that the caller sees."""
    if type_name == TIE:
        seen = sight.visible(PARTY, "end")
        start = f"UNWIND mine AS own MATCH (end:Party {{id: own}})-[tie:{TIES}]-() WHERE tie.id IN $keys{index}"
        if sight.rows not in _EMPLOYEES:
            start = f"MATCH (end:Party)-[tie:{TIES}]-() WHERE tie.id IN $keys{index} AND {seen}"
        return f"COLLECT {{ {start} RETURN DISTINCT tie.id }}"
    where = sight.visible(type_name, "named") if visible else ""
    if where and free:
        where = f"({where} OR {fill(free, n='named')})"
    label = graph.nodes[type_name].label
    return (
        f"COLLECT {{ UNWIND $keys{index} AS key MATCH (named:{label} {{{prop}: key}})"
        f"{f' WHERE {where}' if where else ''} RETURN key }}"
    )


def _refuse(each: Named, rows: Rows, *, there: bool) -> None:
    field = each.argument.rpartition(".")[2]
    if each.type_name == PARTY and rows is Rows.OWN:
        raise Forbidden(f"{field}: a customer may name the own party only.", hint="Leave it out.", field=field)
    if each.type_name == PARTY and rows in _EMPLOYEES:
        if there:
            raise _outside(field)
        return  # the service says that there is none
    if each.new and not there:
        return
    raise _none(field, rows)


def _outside(field: str) -> CrmError:
    return Forbidden(
        f"{field}: you have no open case with this customer.",
        hint="Answer the call, open a request, start a session, or have the customer given to you.",
        field=field,
    )


def _none(field: str, rows: Rows) -> CrmError:
    whose = "Name one of your own." if rows is Rows.OWN else "Name one of a customer whom you see in full."
    return NotFound(f"{field}: there is none that you may see.", hint=whose, field=field)
