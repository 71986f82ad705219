"""GraphQL documents, parsed and validated once, and the statements that their operations were compiled to."""

from __future__ import annotations

import re
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    GraphQLEnumType,
    GraphQLError,
    GraphQLSchema,
    GraphQLSyntaxError,
    NamedTypeNode,
    NonNullTypeNode,
    OperationDefinitionNode,
    OperationType,
    get_variable_values,
    parse,
    validate,
)

from graph_crm.api.bounds import BOUNDS, TooLarge, check_document
from graph_crm.api.keeping import Kept, parts
from graph_crm.api.schema import MappedSchema
from graph_crm.errors import CrmError, InvalidInput
from graph_crm.graph.compiler import Statement
from graph_crm.graph.compiler.arguments import Value, structure, value_of

MOST_TOKENS = BOUNDS.tokens
"""Tokens of a document."""
_TEXTS = frozenset({"ID", "String"})
_SUGGESTION = re.compile(r"\s*Did you mean .*", re.DOTALL)
LONGEST_MESSAGE = 500
"""Characters of an error: graphql-core repeats what was sent."""
INTROSPECTION = frozenset({"__schema", "__type"})
"""Root fields that tell of the schema itself."""
_UNKNOWN_VALUE = re.compile(r"does not exist in '(\w+)' enum")
"""How graphql-core says that a value is none of an enum."""
DOCUMENTS_KEPT = 1_000_000
"""What parsed documents may weigh together, in units of about 100 bytes (measured: a document of 42 characters takes
13 KB with what is compiled of it, one of 290 takes 30 KB)."""
PLANS_KEPT = 2_000_000
"""What compiled documents may weigh together, in the same units: each counts its document, which lives as long."""
PRICES_KEPT = 2_000_000
"""What prices may weigh together, in the same units: each counts its document, which lives as long."""
_DOCUMENT = 100
"""What a document of no length weighs."""
_PART = 2
"""What a part of a key weighs."""
_CHARACTERS = 10
"""So many characters of a statement weigh one unit, with what reads its rows."""


class Unparsable(CrmError):
    """The document is not GraphQL."""

    code = "GRAPHQL_PARSE_FAILED"


class Invalid(CrmError):
    """The document does not fit the schema."""

    code = "GRAPHQL_VALIDATION_FAILED"


@dataclass
class Problem:
    """What is wrong with a request before it runs."""

    errors: list[dict[str, Any]]

    def for_outsiders(self) -> list[dict[str, Any]]:
        """The errors without what they tell of the schema: suggestions, and the values of an enum."""
        return [
            {
                **error,
                "message": _SUGGESTION.sub("", error["message"]),
                "extensions": {name: value for name, value in error["extensions"].items() if name != "hint"},
            }
            for error in self.errors
        ]


@dataclass
class Planned:
    """One root field of a compiled operation: the response key, and the statement, a constant or a refusal."""

    key: str
    statement: Statement | None
    name: str
    constant: Any = None
    refused: CrmError | None = None
    asked: Value | None = None
    """The key of the one node that is asked for."""


@dataclass(eq=False)
class Operation:
    """One operation of a document."""

    document: DocumentNode
    node: OperationDefinitionNode
    fragments: dict[str, FragmentDefinitionNode]
    orderings: frozenset[str]
    """The variables whose texts decide the statement: orderings."""
    mapped: bool
    """Whether the mapping alone can answer it: a query of root fields over the graph."""
    described: bool
    """Whether it asks for the description of the schema alone."""
    texts: frozenset[str]
    """The variables, where all of them are texts (ID and String)."""
    weight: int
    """What its document weighs (see `DOCUMENTS_KEPT`)."""
    told: Any = None
    """How the audit names it (`graph_crm.api.auditing`)."""

    @property
    def kind(self) -> OperationType:
        """Query, mutation or subscription."""
        return self.node.operation

    def variables(self, schema: MappedSchema, given: Mapping[str, Any]) -> dict[str, Any] | Problem:
        """The given variables with the defaults, as plain JSON; or what is wrong with them."""
        definitions = self.node.variable_definitions or ()
        if not definitions:
            return {}
        if self.texts and given.keys() == self.texts and all(type(value) is str for value in given.values()):
            # The common case, a key or two: nothing to coerce, and nothing that could be wrong.
            return dict(given)
        checked = get_variable_values(schema.core, definitions, dict(given), max_errors=10)
        if isinstance(checked, list):
            return Problem([shown(error, InvalidInput.code, schema.core) for error in checked])
        complete: dict[str, Any] = {}
        for definition in definitions:
            name = definition.variable.name.value
            if name in given:
                complete[name] = given[name]
            elif definition.default_value is not None:
                default = value_of(definition.default_value, {})
                complete[name] = default.raw if default else None
        return complete

    def shape_of(self, variables: Mapping[str, Any]) -> Any:
        """What of the variables decides the statements."""
        return tuple([(name, structure(value, names=name in self.orderings)) for name, value in variables.items()])


class Documents:
    """Documents by their text."""

    def __init__(self, schema: MappedSchema, *, kept: int = DOCUMENTS_KEPT, most_tokens: int = MOST_TOKENS) -> None:
        self._schema = schema
        self._mapped = frozenset(schema.registry.roots) | {"__typename"}
        self._most_tokens = most_tokens
        self._loaded: OrderedDict[str, dict[str, Operation] | Problem] = OrderedDict()
        self._kept = kept
        self._weight = 0
        self._plans: Kept[list[Planned]] = Kept(PLANS_KEPT)

    def plan(self, operation: Operation, shape: Any) -> list[Planned] | None:
        """The statements of an operation for variables of this shape, if they are known."""
        return self._plans.get((operation, shape))

    def keep(self, operation: Operation, shape: Any, plan: list[Planned]) -> None:
        """Remember the statements of an operation."""
        text = sum(len(each.statement.text) for each in plan if each.statement)
        weight = operation.weight + text // _CHARACTERS + _PART * parts(shape)
        self._plans.keep((operation, shape), plan, weight)

    def knows(self, source: str) -> bool:
        """Whether a document was loaded before, and is kept."""
        return source in self._loaded

    def load(self, source: str) -> dict[str, Operation] | Problem:
        """The operations of a document by name (an anonymous one is ``""``), or what is wrong with it.

        Documents are kept, ``kept`` units in all: a parsed one takes about a hundred times its text.
        """
        found = self._loaded.get(source)
        if found is not None:
            self._loaded.move_to_end(source)
            return found
        made = self._loaded[source] = self._load(source)
        self._weight += _weight(source)
        while self._weight > self._kept:
            self._weight -= _weight(self._loaded.popitem(last=False)[0])
        return made

    def _load(self, source: str) -> dict[str, Operation] | Problem:
        try:
            document = parse(source, max_tokens=self._most_tokens)
        except GraphQLSyntaxError as error:
            return Problem([shown(error, Unparsable.code)])
        except RecursionError:
            return Problem([{"message": "The document nests too deeply.", "extensions": {"code": Unparsable.code}}])
        try:
            check_document(document)
        except TooLarge as error:
            return Problem([{"message": error.message, "extensions": error.extensions()}])
        errors = validate(self._schema.core, document, max_errors=20)
        if errors:
            return Problem([shown(error, Invalid.code, self._schema.core) for error in errors])
        fragments = {each.name.value: each for each in document.definitions if isinstance(each, FragmentDefinitionNode)}
        return {
            each.name.value if each.name else "": self._operation(document, each, fragments, _weight(source))
            for each in document.definitions
            if isinstance(each, OperationDefinitionNode)
        }

    def _operation(
        self,
        document: DocumentNode,
        node: OperationDefinitionNode,
        fragments: dict[str, FragmentDefinitionNode],
        weight: int,
    ) -> Operation:
        orderings = frozenset(
            definition.variable.name.value
            for definition in node.variable_definitions or ()
            if _type_name(definition.type).endswith("OrderBy")
        )
        query = node.operation is OperationType.QUERY
        mapped = query and _only(self._mapped, node.selection_set, fragments)
        described = query and not mapped and _only(INTROSPECTION | {"__typename"}, node.selection_set, fragments)
        types = [(each.variable.name.value, _named_type(each.type)) for each in node.variable_definitions or ()]
        texts = frozenset(name for name, kind in types) if {kind for _, kind in types} <= _TEXTS else frozenset()
        return Operation(document, node, fragments, orderings, mapped, described, texts, weight)


def _weight(source: str) -> int:
    return len(source) + _DOCUMENT


def _only(names: frozenset[str], selections: Any, fragments: Mapping[str, FragmentDefinitionNode]) -> bool:
    """Whether a selection asks, with its fragments, for fields of these names alone."""
    for each in selections.selections:
        if isinstance(each, FieldNode):
            if each.name.value not in names:
                return False
        else:
            below = each.selection_set if hasattr(each, "selection_set") else fragments[each.name.value].selection_set
            if not _only(names, below, fragments):
                return False
    return True


def _named_type(node: Any) -> str:
    """The type of a variable that is no list, ``!`` or not; empty for a list."""
    while isinstance(node, NonNullTypeNode):
        node = node.type
    return str(node.name.value) if isinstance(node, NamedTypeNode) else ""


def _type_name(node: Any) -> str:
    while hasattr(node, "type"):
        node = node.type
    return str(node.name.value)


def shown(error: GraphQLError, code: str, schema: GraphQLSchema | None = None) -> dict[str, Any]:
    """An error of graphql-core in the response's form, with a stable code; of a wrong enum value the right ones."""
    formatted: dict[str, Any] = {**error.formatted}
    if len(error.message) > LONGEST_MESSAGE:
        formatted["message"] = f"{error.message[:LONGEST_MESSAGE]}..."
    extensions = {"code": code, **(formatted.get("extensions") or {})}
    unknown = _UNKNOWN_VALUE.search(error.message)
    kind = schema.get_type(unknown[1]) if schema and unknown else None
    if isinstance(kind, GraphQLEnumType):
        extensions["hint"] = f"{kind.name} is one of {', '.join(kind.values)}."
    formatted["extensions"] = extensions
    return formatted
