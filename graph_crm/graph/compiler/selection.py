"""Which fields a selection asks of a type: fragments, type conditions, @skip and @include resolved."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from graphql import (
    DirectiveNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    InlineFragmentNode,
    SelectionSetNode,
    VariableNode,
)

from graph_crm.errors import InvalidInput
from graph_crm.graph.compiler.arguments import Value, Variables, value_of

Fields = dict[str, list[FieldNode]]
"""Response key -> the field nodes to merge under it."""


class Selections:
    """Reads selections of one document with the variables of one call."""

    def __init__(self, fragments: Mapping[str, FragmentDefinitionNode], variables: Variables) -> None:
        self._fragments = fragments
        self.variables = variables

    def fields(self, sets: Iterable[SelectionSetNode | None], type_names: frozenset[str]) -> Fields:
        """The fields that the selection sets ask of an object that goes by any of ``type_names``.

        A fragment that several of the sets spread counts once: otherwise fragments within fragments would double what
        is collected at every level.
        """
        found: Fields = {}
        seen: set[str] = set()
        for each in sets:
            if each is not None:
                self._collect(each, type_names, found, seen)
        return found

    def _collect(self, selections: SelectionSetNode, names: frozenset[str], found: Fields, seen: set[str]) -> None:
        for each in selections.selections:
            if not self._included(each.directives or ()):
                continue
            if isinstance(each, FieldNode):
                key = each.alias.value if each.alias else each.name.value
                found.setdefault(key, []).append(each)
            elif isinstance(each, InlineFragmentNode):
                if each.type_condition is None or each.type_condition.name.value in names:
                    self._collect(each.selection_set, names, found, seen)
            elif isinstance(each, FragmentSpreadNode) and each.name.value not in seen:
                seen.add(each.name.value)
                fragment = self._fragments[each.name.value]
                if fragment.type_condition.name.value in names:
                    self._collect(fragment.selection_set, names, found, seen)

    def _included(self, directives: Iterable[DirectiveNode]) -> bool:
        for directive in directives:
            name = directive.name.value
            if name in {"skip", "include"} and self._flag(directive) is (name == "skip"):
                return False
        return True

    def _flag(self, directive: DirectiveNode) -> bool:
        node = next(argument.value for argument in directive.arguments or () if argument.name.value == "if")
        flag = self.variables.get(node.name.value) if isinstance(node, VariableNode) else getattr(node, "value", None)
        if flag is None:
            raise InvalidInput(f"@{directive.name.value}(if:) is null.", hint="Send true or false.")
        return bool(flag)

    def arguments(self, field: FieldNode) -> dict[str, Value]:
        """The arguments that the call gives; null counts as left out."""
        given: dict[str, Value] = {}
        for argument in field.arguments or ():
            value = value_of(argument.value, self.variables)
            if value is not None and value.raw is not None:
                given[argument.name.value] = value
        return given


def sub_selections(nodes: Iterable[FieldNode]) -> list[Any]:
    """The selection sets below field nodes that are merged under one response key."""
    return [node.selection_set for node in nodes]
