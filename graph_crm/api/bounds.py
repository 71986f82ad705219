"""What a document may be made of: looked at before it is validated, whose time grows with the square of some of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from graphql import (
    DefinitionNode,
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    InlineFragmentNode,
    ListValueNode,
    ObjectValueNode,
    OperationDefinitionNode,
    SelectionSetNode,
    StringValueNode,
    ValueNode,
)

from graph_crm.errors import CrmError


class TooLarge(CrmError):
    """The document or its variables have more of something than a request may have."""

    code = "DOCUMENT_TOO_LARGE"

    def __init__(self, what: str, found: int, limit: int) -> None:
        super().__init__(
            f"The request has {what}: {found}, and may have {limit}.",
            hint="Split it into several requests; docs/limits.md lists the limits.",
            found=found,
            limit=limit,
        )


@dataclass(frozen=True)
class Bounds:
    """The most of each thing that a request may have."""

    tokens: int = 4_000
    """What validation takes grows with their square, and nobody else is served meanwhile."""
    operations: int = 10
    fragments: int = 50
    spreads: int = 100
    """Places where a fragment is used: validation compares them in pairs."""
    depth: int = 50
    """Levels of selections, with those of the fragments."""
    aliases: int = 200
    repeats: int = 10
    """The same response key in one selection: validation compares them in pairs."""
    comparisons: int = 10_000
    """Pairs of fields that go by one name in the answer, with the fragments: each takes some microseconds."""
    directives: int = 50
    variables: int = 100
    name: int = 128
    """Characters of a name or an alias."""
    text: int = 200_000
    """Characters of one text, in the document or in a variable."""
    items: int = 2_000
    """Items of one list, in the document or in a variable."""
    values: int = 50_000
    """Values in the document's arguments, or in the variables, in all."""
    nesting: int = 60
    """Levels of lists and objects in a value."""


BOUNDS: Final = Bounds()


def check_document(document: DocumentNode, bounds: Bounds = BOUNDS) -> None:
    """Raise TooLarge where a document has more of something than it may have.

    It looks at each node once: fragments are not spread. Circles of fragments are left to the validation.
    """
    _Counting(bounds).document(document)


class _Counting:
    """Counts what one document is made of."""

    def __init__(self, bounds: Bounds) -> None:
        self._bounds = bounds
        self._aliases = self._directives = self._spreads = self._values = self._compared = 0
        self._deepest: dict[str, int] = {}
        """By fragment: levels below its own selection, without those of fragments in it."""
        self._inner: dict[str, dict[str, int]] = {}
        """By fragment: the fragments that it spreads, and how deep in it."""

    def document(self, document: DocumentNode) -> None:
        """Count everything."""
        definitions = document.definitions
        operations = [each for each in definitions if isinstance(each, OperationDefinitionNode)]
        fragments = [each for each in definitions if isinstance(each, FragmentDefinitionNode)]
        self._most("operations", len(operations), self._bounds.operations)
        self._most("fragments", len(fragments), self._bounds.fragments)
        for fragment in fragments:
            self._definition(fragment, fragment.name.value)
        for operation in operations:
            variables = operation.variable_definitions or ()
            self._most("variables", len(variables), self._bounds.variables)
            for variable in variables:
                self._directed(variable.directives or ())
                if variable.default_value is not None:
                    self._value(variable.default_value, 0)
            self._definition(operation, "")
            self._most("levels of selections", self._depth("", ()), self._bounds.depth)
        spread = {each.name.value: each.selection_set for each in fragments}
        for definition in (*operations, *fragments):
            self._merged(definition.selection_set, spread)

    def _most(self, what: str, found: int, limit: int) -> None:
        if found > limit:
            raise TooLarge(what, found, limit)

    def _definition(self, node: DefinitionNode, name: str) -> None:
        self._name(name)
        self._deepest[name], self._inner[name] = 0, {}
        self._directed(getattr(node, "directives", None) or ())
        waiting: list[tuple[SelectionSetNode, int]] = [(node.selection_set, 1)]  # type: ignore[attr-defined]  # both
        while waiting:
            selections, level = waiting.pop()
            self._deepest[name] = max(self._deepest[name], level)
            keys: Counter[str] = Counter()
            for each in selections.selections:
                self._directed(each.directives or ())
                below = getattr(each, "selection_set", None)
                if below is not None:
                    waiting.append((below, level + 1))
                if isinstance(each, FieldNode):
                    keys[self._field(each)] += 1
                elif isinstance(each, FragmentSpreadNode):
                    self._spreads += 1
                    self._name(each.name.value)
                    spread = self._inner[name]
                    spread[each.name.value] = max(spread.get(each.name.value, 0), level)
            self._most("the same field several times", max(keys.values(), default=0), self._bounds.repeats)
        self._most("fragment spreads", self._spreads, self._bounds.spreads)

    def _field(self, field: FieldNode) -> str:
        if field.alias:
            self._aliases += 1
            self._most("aliases", self._aliases, self._bounds.aliases)
        for argument in field.arguments or ():
            self._value(argument.value, 0)
        key = (field.alias or field.name).value
        self._name(key)
        return key

    def _name(self, name: str) -> None:
        self._most("characters of a name", len(name), self._bounds.name)

    def _directed(self, directives: Iterable[Any]) -> None:
        for directive in directives:
            self._directives += 1
            for argument in directive.arguments or ():
                self._value(argument.value, 0)
        self._most("directives", self._directives, self._bounds.directives)

    def _merged(self, root: SelectionSetNode, fragments: Mapping[str, SelectionSetNode]) -> None:
        """Count the fields of a definition as they are merged, and the pairs of them that go by one name.

        Ten fields of one name with ten of one name in each are a hundred below: what one selection may hold says
        nothing of that, and inline fragments and fragments hide it. The same selections together count once.
        """
        waiting = [{id(root): root}]
        known: set[frozenset[int]] = set()
        while waiting:
            sets = waiting.pop()
            same = frozenset(sets)
            if same in known:
                continue
            known.add(same)
            for fields in _by_key(sets.values(), fragments).values():
                self._compared += len(fields) * (len(fields) + 1) // 2
                self._most("comparisons of fields of one name", self._compared, self._bounds.comparisons)
                below = {id(one.selection_set): one.selection_set for one in fields if one.selection_set is not None}
                if below:
                    waiting.append(below)

    def _value(self, node: ValueNode, level: int) -> None:
        self._values += 1
        self._most("levels of a value", level, self._bounds.nesting)
        if isinstance(node, StringValueNode):
            self._most("characters of a text", len(node.value), self._bounds.text)
        elif isinstance(node, ListValueNode):
            self._most("items of a list", len(node.values), self._bounds.items)
            for each in node.values:
                self._value(each, level + 1)
        elif isinstance(node, ObjectValueNode):
            for field in node.fields:
                self._value(field.value, level + 1)

    def _depth(self, name: str, above: tuple[str, ...]) -> int:
        """Levels of a definition with those of its fragments; a circle counts once, validation refuses it."""
        own, inner = self._deepest[name], self._inner[name]
        chain = (*above, name)
        self._most("fragments within each other", len(chain), self._bounds.depth)
        for each, level in inner.items():
            if each in self._deepest and each not in chain:
                own = max(own, level + self._depth(each, chain) - 1)
        # Known from here on: each definition is looked at once.
        self._deepest[name], self._inner[name] = own, {}
        return own


def _by_key(sets: Iterable[SelectionSetNode], fragments: Mapping[str, SelectionSetNode]) -> dict[str, list[FieldNode]]:
    """The fields of selections that are merged, by their key in the answer; each fragment counts once."""
    found: dict[str, list[FieldNode]] = {}
    spread: set[str] = set()
    waiting = list(sets)
    while waiting:
        for each in waiting.pop().selections:
            if isinstance(each, FieldNode):
                found.setdefault((each.alias or each.name).value, []).append(each)
            elif isinstance(each, InlineFragmentNode):
                waiting.append(each.selection_set)
            elif isinstance(each, FragmentSpreadNode) and each.name.value not in spread:
                spread.add(each.name.value)
                if each.name.value in fragments:
                    waiting.append(fragments[each.name.value])
    return found


def check_variables(variables: Mapping[str, Any], bounds: Bounds = BOUNDS) -> int:
    """How many values the variables have. Raises TooLarge where they have more of something than they may have."""
    counted = 0
    waiting: list[tuple[Any, int]] = [(variables, 0)]
    while waiting:
        value, level = waiting.pop()
        if isinstance(value, dict | list):
            if level > bounds.nesting:
                raise TooLarge("levels of a value", level, bounds.nesting)
            if isinstance(value, list):
                if len(value) > bounds.items:
                    raise TooLarge("items of a list", len(value), bounds.items)
                inner: Iterable[Any] = value
            else:
                inner = value.values()
            counted += len(value)
            if counted > bounds.values:
                raise TooLarge("values", counted, bounds.values)
            waiting.extend([(each, level + 1) for each in inner])
        elif isinstance(value, str) and len(value) > bounds.text:
            raise TooLarge("characters of a text", len(value), bounds.text)
    return counted
