"""The caller's values: read from the document, bound to the statement as parameters, never written into it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from graphql import (
    BooleanValueNode,
    EnumValueNode,
    FloatValueNode,
    IntValueNode,
    ListValueNode,
    NullValueNode,
    ObjectValueNode,
    StringValueNode,
    ValueNode,
    VariableNode,
)

from graph_crm.errors import InvalidInput

LONGEST_NUMBER = 400
"""Digits of a whole number in the document at most: Python reads no more than some thousands."""

Variables = Mapping[str, Any]
Convert = Callable[[Any], Any]


@dataclass(frozen=True)
class Value:
    """A value that the caller sent, and how to fetch its counterpart from the variables of the next call.

    ``raw`` is the plain JSON value of this call. ``path`` leads to it inside the variables; a value written into the
    document has none and is the same in every call. ``parts`` holds the items of a list or object from the document.
    """

    raw: Any
    path: tuple[str | int, ...] = ()
    parts: Mapping[str | int, Value] = field(default_factory=dict)

    def fetch(self, variables: Variables) -> Any:
        """The value in a call with these variables; the shape of the variables is the same as in this call."""
        if self.path:
            found: Any = variables
            for step in self.path:
                found = found[step]
            return found
        if self.parts:
            fetched = {key: part.fetch(variables) for key, part in self.parts.items()}
            return fetched if isinstance(self.raw, dict) else list(fetched.values())
        return self.raw

    @property
    def constant(self) -> bool:
        """Whether no variable takes part."""
        return not self.path and all(part.constant for part in self.parts.values())

    def child(self, key: str | int) -> Value:
        """The item ``key`` of an object or list."""
        if key in self.parts:
            return self.parts[key]
        return Value(self.raw[key], (*self.path, key) if self.path else ())

    def entries(self) -> Iterator[tuple[str, Value]]:
        """The fields of an object."""
        for key in self.raw:
            yield key, self.child(key)

    def elements(self) -> Iterator[Value]:
        """The items of a list; a single value counts as a list of one, as GraphQL has it."""
        if not isinstance(self.raw, list):
            yield self
            return
        for index in range(len(self.raw)):
            yield self.child(index)


def value_of(node: ValueNode, variables: Variables) -> Value | None:
    """The value of an AST node; None where it is a variable that the call leaves out."""
    if isinstance(node, VariableNode):
        name = node.name.value
        return Value(variables[name], (name,)) if name in variables else None
    if isinstance(node, ListValueNode):
        items = [item for item in (value_of(each, variables) for each in node.values) if item is not None]
        return Value([item.raw for item in items], (), dict(enumerate(items)))
    if isinstance(node, ObjectValueNode):
        fields = {each.name.value: value_of(each.value, variables) for each in node.fields}
        present: dict[str | int, Value] = {name: each for name, each in fields.items() if each is not None}
        return Value({name: each.raw for name, each in present.items()}, (), present)
    return Value(_literal(node))


def _literal(node: ValueNode) -> Any:
    if isinstance(node, NullValueNode):
        return None
    if isinstance(node, IntValueNode):
        if len(node.value) > LONGEST_NUMBER:
            raise InvalidInput("The number is too large.", hint="Numbers are 64 bits wide.")
        return int(node.value)
    if isinstance(node, FloatValueNode):
        return float(node.value)
    if isinstance(node, StringValueNode | EnumValueNode | BooleanValueNode):
        return node.value
    raise InvalidInput(f"A value of kind {node.kind} can't be used here.")


def structure(value: Any, *, names: bool = False) -> Any:
    """What of a variable's value decides the statement's text: presence, nulls, booleans, keys; not the values.

    With ``names`` strings count too (orderings are named by them).
    """
    if value is None or value is True or value is False:
        return value
    if isinstance(value, dict):
        return tuple([(key, structure(value[key], names=names)) for key in value])
    if isinstance(value, list):
        if names or (value and isinstance(value[0], dict | list)):
            return (list, *[structure(each, names=names) for each in value])
        return list
    if names and isinstance(value, str):
        return value
    return "*"


@dataclass
class Parameters:
    """The parameters of a statement: constants, and values that are fetched anew for each call."""

    constants: dict[str, Any] = field(default_factory=dict)
    fetched: list[tuple[str, Value, Convert | None]] = field(default_factory=list)
    _known: dict[Any, str] = field(default_factory=dict)
    _kept: list[Value] = field(default_factory=list)

    def add(self, value: Value, convert: Convert | None = None) -> str:
        """The placeholder of a caller's value, for example ``$p3``. Raises what ``convert`` raises."""
        key = (value.path, convert) if value.path else (id(value), convert)
        if key in self._known:
            return self._known[key]
        name = f"p{len(self._known)}"
        if value.constant:
            self.constants[name] = convert(value.raw) if convert else value.raw
        else:
            self.fetched.append((name, value, convert))
        self._known[key] = f"${name}"
        self._kept.append(value)  # alive as long as its id is a key
        return f"${name}"

    def constant(self, raw: Any) -> str:
        """The placeholder of a value that comes from the mapping."""
        key = ("constant", repr(raw))
        if key not in self._known:
            name = f"p{len(self._known)}"
            self.constants[name] = raw
            self._known[key] = f"${name}"
        return self._known[key]

    def bind(self, variables: Variables) -> dict[str, Any]:
        """The parameters of one call."""
        if not self.fetched:
            return self.constants
        bound = dict(self.constants)
        for name, value, convert in self.fetched:
            raw = value.fetch(variables)
            bound[name] = convert(raw) if convert else raw
        return bound
