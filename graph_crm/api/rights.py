"""What of a request that resolvers answer a caller may ask: each field of each plain answer, before anything is done.

Answers over the mapping are judged where they are compiled. What a service answers with is judged here, by the same
matrix; where a service answers with a node, its selection is compiled on trial.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, Final

from graphql import FieldNode, GraphQLObjectType, SelectionSetNode, get_named_type

from graph_crm.graph.compiler import Sight
from graph_crm.graph.compiler.selection import Selections
from graph_crm.graph.mapping import NodeMapping, Registry
from graph_crm.requests.numbers import parse

READING: Final = {"ServiceRequest.number": lambda written: parse(written) or written}
"""What makes the stored key of what people write."""
Trial = Callable[[NodeMapping, list[FieldNode]], None]
"""Compiles the selection of a node on trial; raises what compiling raises."""


class AnswerCheck:
    """Checks what is asked of the answers of one operation."""

    def __init__(self, registry: Registry, selections: Selections, sight: Sight, trial: Trial) -> None:
        self._registry = registry
        self._selections = selections
        self._sight = sight
        self._trial = trial

    def root(self, sets: Iterable[SelectionSetNode | None], kind: GraphQLObjectType | None) -> None:
        """Raise Forbidden where a root field's answer may not be read; mapped root fields are judged by themselves."""
        if kind is None:
            return
        for nodes in self._selections.fields(sets, frozenset({kind.name})).values():
            name = nodes[0].name.value
            field = kind.fields.get(name)
            if field is not None and not (kind.name == "Query" and name in self._registry.roots):
                self._below(nodes, get_named_type(field.type))

    def _below(self, nodes: list[FieldNode], kind: Any) -> None:
        mapping = self._registry.nodes.get(kind.name)
        if mapping is not None:
            self._trial(mapping, nodes)
            return
        if not isinstance(kind, GraphQLObjectType):
            return
        sets = [node.selection_set for node in nodes]
        for inner in self._selections.fields(sets, frozenset({kind.name})).values():
            name = inner[0].name.value
            field = kind.fields.get(name)
            if field is not None:
                self._sight.check_plain(kind.name, name)
                self._below(inner, get_named_type(field.type))
