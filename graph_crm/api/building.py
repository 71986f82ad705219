"""Builds a manifest of persisted documents from a folder of GraphQL files, as front-end teams keep them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import orjson
from graphql import (
    DirectiveNode,
    DocumentNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLSyntaxError,
    Node,
    OperationDefinitionNode,
    VariableNode,
    Visitor,
    parse,
    print_ast,
    visit,
)

from graph_crm.api.documents import Documents, Operation, Problem
from graph_crm.api.persisted import FORMAT, VERSION, digest
from graph_crm.api.pricing import Price, Pricing
from graph_crm.api.schema import MappedSchema
from graph_crm.errors import InvalidInput
from graph_crm.security.budgets import told

ENDINGS: Final = frozenset({".graphql", ".gql"})


class DocumentsRefused(InvalidInput):
    """Documents can't be built: one is no GraphQL, does not fit the schema, or has no name of its own."""

    code = "DOCUMENTS_REFUSED"


@dataclass(frozen=True)
class Built:
    """One operation with the fragments that it needs."""

    name: str
    kind: str
    text: str
    cost: float

    @property
    def identifier(self) -> str:
        """By which it is asked for."""
        return digest(self.text)


def build(schema: MappedSchema, folder: Path, *, unnamed: bool = False) -> list[Built]:
    """The operations of all GraphQL files below ``folder``, by name.

    Fragments may stand in other files than the operations that use them. The text is as GraphQL tools print it, so
    that a client that prints its document gets the same hash. With ``unnamed``, one that has no name goes by that of
    its file. Raises DocumentsRefused with everything that is wrong.
    """
    files = [folder] if folder.is_file() else sorted(path for path in folder.rglob("*") if path.suffix in ENDINGS)
    if not files:
        raise DocumentsRefused(f"{folder} has no GraphQL files.", hint="They end in .graphql or .gql.")
    wrong: list[str] = []
    operations: dict[str, tuple[Path, OperationDefinitionNode]] = {}
    fragments: dict[str, tuple[Path, FragmentDefinitionNode]] = {}
    for file in files:
        called = file.name if folder.is_file() else file.relative_to(folder).as_posix()
        _collect(file, operations, fragments, wrong, called=called if unnamed else "")
    found = [_built(schema, name, *operations[name], fragments, wrong) for name in sorted(operations)]
    if wrong:
        raise DocumentsRefused(
            f"{len(wrong)} of the documents can't be used:\n" + "\n".join(wrong), hint="Nothing was written."
        )
    return [each for each in found if each is not None]


def _collect(
    file: Path,
    operations: dict[str, tuple[Path, OperationDefinitionNode]],
    fragments: dict[str, tuple[Path, FragmentDefinitionNode]],
    wrong: list[str],
    *,
    called: str,
) -> None:
    try:
        document = parse(file.read_text("utf-8"), no_location=True)
    except (GraphQLSyntaxError, UnicodeDecodeError) as error:
        wrong.append(f"{file}: {error.message if isinstance(error, GraphQLSyntaxError) else 'no UTF-8'}")
        return
    for node in document.definitions:
        known: dict[str, Any] = operations if isinstance(node, OperationDefinitionNode) else fragments
        if not isinstance(node, OperationDefinitionNode | FragmentDefinitionNode):
            wrong.append(f"{file}: a {node.kind} is neither an operation nor a fragment")
            continue
        name = node.name.value if node.name else called
        if not name:
            wrong.append(f"{file}: an operation has no name: query NAME {{ ... }}")
        elif name in known:
            wrong.append(f"{file}: {name} stands in {known[name][0]} as well")
        else:
            known[name] = (file, node)


def _built(
    schema: MappedSchema,
    name: str,
    file: Path,
    node: OperationDefinitionNode,
    fragments: Mapping[str, tuple[Path, FragmentDefinitionNode]],
    wrong: list[str],
) -> Built | None:
    needed: dict[str, FragmentDefinitionNode] = {}
    _need(node, fragments, needed)
    text = print_ast(DocumentNode(definitions=(node, *(needed[each] for each in sorted(needed)))))
    loaded = Documents(schema).load(text)
    if isinstance(loaded, Problem):
        wrong.extend(f"{file}: {name}: {error['message']}" for error in loaded.errors)
        return None
    try:
        cost = at_most(schema, loaded[node.name.value if node.name else ""]).total
    except InvalidInput as error:
        wrong.append(f"{file}: {name}: {error.message}")
        return None
    return Built(name, node.operation.value, text, cost)


def _need(
    node: Node,
    fragments: Mapping[str, tuple[Path, FragmentDefinitionNode]],
    needed: dict[str, FragmentDefinitionNode],
) -> None:
    """Add the fragments that a definition uses, with those that they use."""
    for name in _spreads(node):
        if name in fragments and name not in needed:
            needed[name] = fragments[name][1]
            _need(needed[name], fragments, needed)


def _spreads(node: Node) -> list[str]:
    found: list[str] = []

    class Spreads(Visitor):
        def enter_fragment_spread(self, spread: FragmentSpreadNode, *_: Any) -> None:
            found.append(spread.name.value)

    visit(node, Spreads())
    return found


def at_most(schema: MappedSchema, operation: Operation, variables: Mapping[str, Any] | None = None) -> Price:
    """What an operation costs at most: pages whose size comes with the call are as large as pages may be.

    What ``variables`` give is taken as it is. A filter that comes with the call is not known, and not counted.
    """
    given = dict(variables or {})
    flags = _flags(operation)
    for definition in operation.node.variable_definitions or ():
        name = definition.variable.name.value
        kind = print_ast(definition.type).rstrip("!")
        if name in given:
            continue
        if name in flags:
            given[name] = flags[name]
        elif kind == "Int":
            given[name] = schema.limits.largest_page
    return Pricing(schema).of(operation, given)


def _flags(operation: Operation) -> dict[str, bool]:
    """The variables of @include and @skip, so that most is asked for."""
    found: dict[str, bool] = {}

    class Flags(Visitor):
        def enter_directive(self, directive: DirectiveNode, *_: Any) -> None:
            for argument in directive.arguments or ():
                if isinstance(argument.value, VariableNode) and directive.name.value in {"skip", "include"}:
                    name = argument.value.name.value
                    found[name] = found.get(name, False) or directive.name.value == "include"

    visit(operation.document, Flags())
    return found


def manifest(built: Iterable[Built]) -> bytes:
    """The manifest of operations, as it is kept in a repository: the same operations make the same bytes."""
    operations = [
        {"id": each.identifier, "name": each.name, "type": each.kind, "cost": told(each.cost), "body": each.text}
        for each in built
    ]
    content = {"format": FORMAT, "version": VERSION, "operations": operations}
    return orjson.dumps(content, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)
