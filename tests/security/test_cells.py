"""Cell by cell: each role and each field of the whole schema as the file says; in selections, filters, orderings."""

from __future__ import annotations

import tomllib
from collections import deque
from collections.abc import Iterator
from typing import Any, cast

import pytest
from graphql import (
    FieldNode,
    GraphQLObjectType,
    OperationDefinitionNode,
    get_named_type,
    is_leaf_type,
    is_required_argument,
    is_required_input_field,
    parse,
)
from strawberry.utils.str_converters import to_snake_case

from graph_crm.api.execution import Executor, Request
from graph_crm.api.schema import platform_schema
from graph_crm.errors import CrmError, Forbidden, InvalidInput
from graph_crm.graph.compiler import Compiler
from graph_crm.graph.compiler.filters import operators
from graph_crm.graph.database import Database
from graph_crm.graph.mapping import NodeMapping, Relation, Scalar
from graph_crm.security.matrix import FILE
from graph_crm.security.roles import Caller, Permission, Role, permissions
from graph_crm.security.sight import Sights

SCHEMA = platform_schema()
SIGHTS = Sights()
RAW: dict[str, Any] = tomllib.loads(FILE.read_text("utf-8"))
CELLS = {name: dict(zip(RAW["roles"], row.split(), strict=True)) for name, row in RAW["cells"].items()}
CLASSES = {
    (kind, field): name
    for kind, classes in RAW["fields"].items()
    for name, fields in classes.items()
    for field in fields
}
MASKED = "'...'"
ARGUMENTS = {"whyContacted": '(interactionId: "x")', "whyNot": '(productCode: "X")'}


def cell(role: Role, kind: str, field: str) -> str:
    """What the file says, read without the platform's own reader."""
    named = CLASSES.get((kind, field)) or CLASSES[("Party", field)]
    return CELLS[named][role.value]


def nodes(selection: str) -> list[FieldNode]:
    """The field nodes of ``x { selection }``."""
    (operation,) = parse(f"{{ x {{ {selection} }} }}").definitions
    assert isinstance(operation, OperationDefinitionNode)
    return [cast(FieldNode, each) for each in operation.selection_set.selections]


def compiled(role: Role, mapping: NodeMapping, selection: str) -> str:
    """The statement, or the code of the refusal."""
    compiler = Compiler(SCHEMA.registry, {}, {}, sight=SIGHTS.of(Caller("x", role, "p1")))
    try:
        return compiler.node(mapping, "x", nodes(selection)).text
    except CrmError as error:
        return error.code


def selected(mapping: NodeMapping, spec: Scalar | Relation) -> str:
    """The field with the least below it."""
    arguments = ARGUMENTS.get(spec.name, "")
    if isinstance(spec, Relation):
        return f"{spec.name} {{ {'totalCount' if spec.page else '__typename'} }}"
    kind = SCHEMA.core.type_map[mapping.name]
    assert isinstance(kind, GraphQLObjectType)
    below = "" if is_leaf_type(get_named_type(kind.fields[spec.name].type)) else " { __typename }"
    return f"{spec.name}{arguments}{below}"


CONCRETE = [mapping for mapping in SCHEMA.registry.nodes.values() if not mapping.implementers]


def judged(statement: str) -> str:
    """What became of a field: refused, masked or shown."""
    if statement == Forbidden.code:
        return "hide"
    return "mask" if MASKED in statement else "see"


@pytest.mark.parametrize("role", Role)
def test_a_role_selects_what_its_cells_say(role: Role) -> None:
    wrong = []
    for mapping in CONCRETE:
        for spec in mapping.fields.values():
            found, said = judged(compiled(role, mapping, selected(mapping, spec))), cell(role, mapping.name, spec.name)
            if found != said:
                wrong.append((mapping.name, spec.name, said, found))
    assert not wrong


def filtering(spec: Scalar | Relation) -> str | None:
    """A filter by the field; None where there is none."""
    if isinstance(spec, Relation):
        return f"{spec.name}: {'{some: {}}' if spec.page else '{}'}"
    return f"{spec.name}: {{isNull: false}}" if spec.filter and "isNull" in operators(spec) else None


def pages_to() -> dict[str, tuple[NodeMapping, Relation]]:
    """A page that leads to each type, by its name."""
    found: dict[str, tuple[NodeMapping, Relation]] = {}
    for mapping in CONCRETE:
        for spec in mapping.fields.values():
            if isinstance(spec, Relation) and spec.page:
                found.setdefault(SCHEMA.registry.of(spec.target).name, (mapping, spec))
    return found


@pytest.mark.parametrize("role", Role)
def test_a_role_filters_and_orders_by_what_it_sees_as_it_is(role: Role) -> None:
    """By what is masked nobody filters or orders: the answer would tell of it."""
    wrong = []
    for name, (mapping, relation) in pages_to().items():
        if cell(role, mapping.name, relation.name) != "see":
            continue
        for spec in SCHEMA.registry.nodes[name].fields.values():
            said = cell(role, name, spec.name)
            asked = []
            if by := filtering(spec):
                asked.append(f"where: {{{by}}}")
                asked.append(f"where: {{or: [{{not: {{{by}}}}}]}}")
            if isinstance(spec, Scalar) and spec.order:
                asked.append(f"orderBy: {to_snake_case(spec.name).upper()}_DESC")
            for argument in asked:
                found = compiled(role, mapping, f"{relation.name}({argument}) {{ totalCount }}")
                if (found == Forbidden.code) != (said != "see"):
                    wrong.append((name, spec.name, argument, said, found[:60]))
    assert not wrong


@pytest.mark.parametrize("role", Role)
def test_a_role_sees_of_relationships_what_its_cells_say(role: Role) -> None:
    wrong = []
    for mapping in CONCRETE:
        for relation in mapping.fields.values():
            if (
                not isinstance(relation, Relation)
                or not relation.edge
                or cell(role, mapping.name, relation.name) != "see"
            ):
                continue
            edge = SCHEMA.registry.edges[relation.edge]
            for name, spec in edge.fields.items():
                said = cell(role, edge.name, name)
                found = compiled(role, mapping, f"{relation.name} {{ edges {{ {name} }} }}")
                asked = [f"orderBy: {to_snake_case(edge.name)}_{to_snake_case(name)}_ASC".upper()] if spec.order else []
                asked = [f"orderBy: {each.partition(': ')[2]}" for each in asked]
                asked += [f"where: {{edge: {{{by}}}}}"] if (by := filtering(spec)) else []
                for argument in asked:
                    compared = compiled(role, mapping, f"{relation.name}({argument}) {{ totalCount }}")
                    if (compared == Forbidden.code) != (said != "see"):
                        wrong.append((edge.name, name, argument, said))
                if judged(found) != said:
                    wrong.append((edge.name, name, said, found[:80]))
    assert not wrong


class Reached(InvalidInput):
    """The caller got as far as the service."""

    code = "REACHED"


def refuse(_service: type[Any]) -> Any:
    raise Reached("a service was asked for")


class AllSeen:
    """A database in which every record that a request names belongs to a customer of the caller."""

    async def read(self, _statement: str, parameters: dict[str, Any]) -> list[Any]:
        keys = [value for name, value in sorted(parameters.items()) if name.startswith("keys")]
        return [[[each for pair in keys for each in (pair, pair)]]]


WORDS = {"Boolean": "true", "DateTime": '"2026-11-23T10:00:00Z"', "Date": '"2026-11-23"', "Int": "1", "Float": "1.5"}


def literal(kind: Any) -> str:
    text = str(kind).rstrip("!")
    if text.startswith("["):
        return f"[{literal(kind.of_type.of_type if str(kind).endswith('!') else kind.of_type)}]"
    named = get_named_type(kind)
    if hasattr(named, "values"):
        return str(next(iter(named.values)))
    if hasattr(named, "fields"):
        given = {name: each.type for name, each in named.fields.items() if is_required_input_field(each)}
        return f"{{{', '.join(f'{name}: {literal(each)}' for name, each in given.items())}}}"
    return WORDS.get(named.name, '"x"')


def plain() -> Iterator[tuple[str, str, str, str]]:
    """Every field of the plain answers of services: permission, document, type and field; each on one way."""
    seen: set[tuple[str, str]] = set()
    for operation, root in (("query", SCHEMA.core.query_type), ("mutation", SCHEMA.core.mutation_type)):
        assert root is not None
        for name, field in root.fields.items():
            if operation == "query" and name in SCHEMA.registry.roots:
                continue
            declared = field.extensions["strawberry-definition"]
            given = ", ".join(
                f"{key}: {literal(one.type)}" for key, one in field.args.items() if is_required_argument(one)
            )
            start = f"{name}{f'({given})' if given else ''}"
            waiting = deque([(get_named_type(field.type), "@")])
            while waiting:
                kind, shape = waiting.popleft()
                if kind.name in SCHEMA.registry.nodes or not isinstance(kind, GraphQLObjectType):
                    continue
                for key, below in kind.fields.items():
                    if (kind.name, key) in seen:
                        continue
                    seen.add((kind.name, key))
                    inner = get_named_type(below.type)
                    leaf = is_leaf_type(inner)
                    text = shape.replace("@", key if leaf else f"{key} {{ __typename }}")
                    yield declared.metadata["permission"], f"{operation} {{ {start} {{ {text} }} }}", kind.name, key
                    if not leaf:
                        waiting.append((inner, shape.replace("@", f"{key} {{ @ }}")))


PLAIN = list(plain())


@pytest.mark.parametrize("role", Role)
async def test_a_role_reads_of_services_answers_what_its_cells_say(role: Role) -> None:
    """What would have to be masked is refused: no statement of ours masks it."""
    executor = Executor(SCHEMA, cast(Database, AllSeen()), refuse)
    wrong = []
    for permission, document, kind, field in PLAIN:
        if Permission(permission) not in permissions(role):
            continue
        answer = await executor.execute(Request(document, Caller("x", role, "x")))
        code = answer["errors"][0]["extensions"]["code"]
        if code != ("REACHED" if cell(role, kind, field) == "see" else Forbidden.code):
            wrong.append((document, code, answer["errors"][0]["message"]))
    assert not wrong


def test_there_are_cells_to_try() -> None:
    assert sum(len(mapping.fields) for mapping in CONCRETE) > 400
    assert len(PLAIN) > 200
