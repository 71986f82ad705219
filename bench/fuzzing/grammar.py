"""Documents by the real schema: valid ones, nearly valid ones and broken ones, with variables, from one seed."""

from __future__ import annotations

import random
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import orjson
from fuzzing import values
from graphql import (
    GraphQLEnumType,
    GraphQLField,
    GraphQLInputObjectType,
    GraphQLInterfaceType,
    GraphQLList,
    GraphQLNonNull,
    GraphQLObjectType,
    GraphQLSchema,
    GraphQLUnionType,
    get_named_type,
    is_leaf_type,
    is_required_argument,
    is_required_input_field,
)

DEEPEST = 4
_NARROW = (4, 10, 24)
_KEY = re.compile(r"(^id$|Ids?$|^number$|^pointKey$|^code$|^key$)")
_SLICED, _CURSORS = ("first", "last"), ("after", "before")

Keys = Callable[[str, str], str]
"""(root field, argument) -> a key that the bank has, or one that it has not."""


@dataclass
class Document:
    """What is sent: the document, its variables, the name of the operation."""

    text: str
    variables: Any
    operation_name: Any = None
    kind: str = "query"

    def body(self) -> bytes:
        """As JSON; lone surrogates travel escaped."""
        made = {"query": self.text, "variables": self.variables, "operationName": self.operation_name}
        try:
            return orjson.dumps(made)
        except TypeError:  # numbers beyond 64 bits, lone surrogates: only the slow writer takes them
            import json  # noqa: PLC0415

            return json.dumps(made).encode()


@dataclass
class Grammar:
    """Makes documents. ``shown``: (type, field) -> whether the role may see it; asked for most of the documents."""

    schema: GraphQLSchema
    rng: random.Random
    keys: Keys
    shown: Callable[[str, str], bool]
    may: Callable[[str, str], bool]
    """(kind of operation, root field) -> whether the role has the permission for it."""
    spice: random.Random
    """Chooses values, where ``rng`` chooses shapes: documents of one shape share their plan in the database."""
    small: bool = False
    """Whether documents are to be cheap: fewer fields, no pages in pages."""
    _variables: dict[str, Any] = field(default_factory=dict)
    _declared: list[str] = field(default_factory=list)
    _fragments: list[str] = field(default_factory=list)
    _aliases: int = 0
    _hostile: float = 0.0
    _careful: bool = True
    _root: str = ""
    _budget: int = 0

    def document(self, kind: str) -> Document:
        """One operation of ``kind``: query, mutation or subscription."""
        rng = self.rng
        self._variables, self._declared, self._fragments, self._aliases = {}, [], [], 0
        self._hostile = self.spice.choice((0.0, 0.0, 0.02, 0.1, 0.5))
        self._careful = rng.random() < 0.75  # noqa: PLR2004
        self._budget = rng.choice(_NARROW) if not self.small else 3
        parent = {"query": self.schema.query_type, "mutation": self.schema.mutation_type}.get(
            kind, self.schema.subscription_type
        )
        assert parent is not None  # noqa: S101 - the schema has all three
        names = list(parent.fields)
        if self._careful:
            names = [each for each in names if self.may(kind, each)] or names
        count = 1 if kind == "subscription" or self.small else rng.choice((1, 1, 1, 2, 3))
        chosen = [rng.choice(names) for _ in range(count)]
        parts = [self._field(name, parent.fields[name], 0) for name in chosen]
        if kind == "query" and rng.random() < 0.02:  # noqa: PLR2004
            parts.append(rng.choice(("__typename", "__schema { types { name } }", '__type(name: "Party") { name }')))
        name = rng.choice(("", "", "Ask"))
        declared = f"({', '.join(self._declared)})" if self._declared else ""
        text = f"{kind} {name}{declared} {{ {' '.join(parts)} }} {' '.join(self._fragments)}"
        return Document(text, self._variables, rng.choice((None, None, name or None)), kind)

    def broken(self, document: Document) -> Document:
        """The same, damaged in one place."""
        rng, text = self.spice, document.text
        place = rng.randrange(len(text))
        how = rng.randrange(9)
        if how == 0:
            document.text = text[:place] + text[place + 1 :]
        elif how == 1:
            document.text = text[:place]
        elif how == 2:  # noqa: PLR2004
            document.text = text[:place] + rng.choice("{}()[]:!$@\"'\\#,|&=\x00\ufeff\u2028 é") + text[place:]
        elif how == 3:  # noqa: PLR2004
            document.text = re.sub(r"\b(\w+)(?= \{)", "nothingSuch", text, count=1)
        elif how == 4:  # noqa: PLR2004
            words = text.split(" ")
            words.insert(rng.randrange(len(words)), rng.choice(words))
            document.text = " ".join(words)
        elif how == 5:  # noqa: PLR2004
            document.variables = rng.choice((None, [], "x", 1, {"v0": {}}, {"": 1}, {"v0": [[[[]]]]}))
        elif how == 6:  # noqa: PLR2004
            document.operation_name = rng.choice(("Nobody", "", 5, [], "x" * 5000))
        elif how == 7:  # noqa: PLR2004
            document.text = rng.choice((text * 2, f"{text} fragment Z on Party {{ ...Z }}", f"{{ a }} {text}"))
        elif document.variables:
            name = rng.choice(sorted(document.variables))
            document.variables = {**document.variables, name: rng.choice(values.WRONG)}
        return document

    # Selections

    def _field(self, name: str, spec: GraphQLField, depth: int) -> str:
        if depth == 0:
            self._root = name
        self._budget -= 1
        given = self._arguments(spec, depth)
        alias = ""
        if self.rng.random() < 0.3 or depth == 0:  # noqa: PLR2004
            self._aliases += 1
            alias = f"a{self._aliases}: "
        inner = get_named_type(spec.type)
        below = "" if is_leaf_type(inner) else f" {{ {self._selection(inner, depth + 1)} }}"
        return f"{alias}{name}{given}{self._directive()}{below}"

    def _selection(self, kind: Any, depth: int) -> str:
        rng = self.rng
        if isinstance(kind, GraphQLUnionType):
            chosen = rng.choice(kind.types)
            return f"__typename ... on {chosen.name} {{ {self._selection(chosen, depth)} }}"
        assert isinstance(kind, GraphQLObjectType | GraphQLInterfaceType)  # noqa: S101
        names = [
            name
            for name, spec in kind.fields.items()
            if (depth < (2 if self.small else DEEPEST) or is_leaf_type(get_named_type(spec.type)))
            and (not self._careful or self._seen(kind.name, name))
        ]
        wide = rng.choice((1, 2, 4, 9)) if self._budget > 0 else 1
        parts = [self._field(each, kind.fields[each], depth) for each in rng.sample(names, min(wide, len(names)))]
        if isinstance(kind, GraphQLInterfaceType) and rng.random() < 0.4:  # noqa: PLR2004
            narrow = rng.choice(self.schema.get_implementations(kind).objects)
            parts.append(f"... on {narrow.name} {{ {self._selection(narrow, depth + 1)} }}")
        if not parts or rng.random() < 0.1:  # noqa: PLR2004
            parts.append("__typename")
        text = " ".join(parts)
        how = rng.random()
        if how < 0.05:  # noqa: PLR2004
            return f"... on {kind.name}{self._directive()} {{ {text} }}"
        if how < 0.1:  # noqa: PLR2004
            fragment = f"F{len(self._fragments)}"
            self._fragments.append(f"fragment {fragment} on {kind.name} {{ {text} }}")
            return f"...{fragment}{self._directive()}"
        return text

    def _seen(self, kind: str, name: str) -> bool:
        structural = kind.endswith(("Connection", "Edge")) or kind == "PageInfo"
        return structural or self.shown(kind, name)

    def _directive(self) -> str:
        if self.rng.random() > 0.03:  # noqa: PLR2004
            return ""
        flag = self._written(GraphQLNonNull(self.schema.type_map["Boolean"]), "flag")
        return f" @{self.rng.choice(('skip', 'include'))}(if: {flag})"

    # Arguments

    def _arguments(self, spec: GraphQLField, depth: int) -> str:
        rng, parts = self.rng, []
        # A page is read in one direction, but for a few.
        left_out = rng.choice((("last", "before"), ("last", "before"), ("first", "after")))
        if self.spice.random() < self._hostile / 10:
            left_out = ("", "")
        for name, argument in spec.args.items():
            needed = is_required_argument(argument)
            if name in left_out or (name in _CURSORS and self.spice.random() > self._hostile / 2):
                continue
            if name in _SLICED:
                size = self.spice.choice((0, 1, 2, 5))
                if self.spice.random() < self._hostile:
                    size = self.spice.choice(values.NUMBERS)
                parts.append(f"{name}: {_literal(size)}")
            elif needed or rng.random() < (0.25 if depth else 0.35):
                parts.append(f"{name}: {self._written(argument.type, name)}")
        if parts and self.spice.random() < self._hostile / 10:
            parts.append(rng.choice(("unknownThing: 1", parts[0])))
        return f"({', '.join(parts)})" if parts else ""

    def _written(self, kind: Any, name: str) -> str:
        """A value as it stands in the document: as a literal, or by a variable."""
        made = self._value(kind, name, 0)
        if self.rng.random() < 0.4:  # noqa: PLR2004
            variable = f"v{len(self._declared)}"
            declared = kind
            if self.spice.random() < self._hostile / 5:
                declared = self.rng.choice(("String", "Int!", "[ID]", "Nothing", "Party"))
            self._declared.append(f"${variable}: {declared}")
            if self.spice.random() > self._hostile / 10:
                self._variables[variable] = _plain(made)
            return f"${variable}"
        return _literal(made)

    def _value(self, kind: Any, name: str, depth: int) -> Any:  # noqa: PLR0911 - one answer a kind
        rng, spice = self.rng, self.spice
        if spice.random() < self._hostile / 8:
            return spice.choice(values.WRONG)
        if isinstance(kind, GraphQLNonNull):
            return self._value(kind.of_type, name, depth)
        if isinstance(kind, GraphQLList):
            if spice.random() < self._hostile / 4:
                return [self._value(kind.of_type, name, depth + 1)] * spice.choice((0, 30, 200))
            return [self._value(kind.of_type, name, depth + 1) for _ in range(rng.choice((0, 1, 1, 2)))]
        if isinstance(kind, GraphQLEnumType):
            return _Word(spice.choice(list(kind.values)) if spice.random() > self._hostile / 4 else "NOTHING_SUCH")
        if isinstance(kind, GraphQLInputObjectType):
            given = {}
            for key, spec in kind.fields.items():
                wanted = 0.4 if len(kind.fields) < 12 else 0.12  # noqa: PLR2004
                if is_required_input_field(spec) or (depth < 3 and rng.random() < wanted):  # noqa: PLR2004
                    given[key] = self._value(spec.type, key, depth + 1)
            if spice.random() < self._hostile / 10:
                given["unknownThing"] = 1
            return given
        return self._leaf(kind.name, name)

    def _leaf(self, kind: str, name: str) -> Any:  # noqa: PLR0911 - one answer a kind
        rng, hostile = self.spice, self.spice.random() < self._hostile
        if kind == "Boolean":
            return rng.random() < 0.5 if not hostile else rng.choice(("true", 0, None))  # noqa: PLR2004
        if kind in {"Int", "Float"}:
            return rng.choice((0, 1, 5, 30)) if not hostile else rng.choice(values.NUMBERS)
        if kind == "Date":
            return f"202{rng.randrange(7)}-0{rng.randrange(1, 10)}-15" if not hostile else rng.choice(values.DAYS)
        if kind == "DateTime":
            year = f"202{rng.randrange(7)}-0{rng.randrange(1, 10)}-15T10:00:00Z"
            return year if not hostile else rng.choice(values.INSTANTS)
        if kind == "Decimal":
            return f"{rng.randrange(5000)}.50" if not hostile else rng.choice(values.AMOUNTS)
        if kind == "JSON":
            return rng.choice(
                ({"a": 1}, [1, "x"], "text", None, {"deep": {"n": [None, {"x": rng.choice(values.TEXTS)}]}})
            )
        if hostile:
            return rng.choice(values.CURSORS if name in _CURSORS else values.TEXTS)
        if _KEY.search(name) or kind == "ID":
            return self.keys(self._root, name)
        return rng.choice(("anna", "Novák", "a text", "x", "cs", "PHONE", "2026"))


class _Word(str):
    """A word of the language itself: it is written without quotes."""

    __slots__ = ()


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _plain(each) for key, each in value.items()}
    if isinstance(value, list):
        return [_plain(each) for each in value]
    return str(value) if isinstance(value, _Word) else value


def _literal(value: Any) -> str:
    if isinstance(value, _Word):
        return str(value)
    if isinstance(value, dict):
        return f"{{{', '.join(f'{key}: {_literal(each)}' for key, each in value.items())}}}"
    if isinstance(value, list):
        return f"[{', '.join(_literal(each) for each in value)}]"
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    if isinstance(value, int | float):
        return str(value) if not isinstance(value, int) or value.bit_length() < 3000 else "9" * 400  # noqa: PLR2004
    return _quoted(value)


def _quoted(text: str) -> str:
    made = ['"']
    for each in text:
        code = ord(each)
        if each in {'"', "\\"}:
            made.append(f"\\{each}")
        elif code < 32 or 0xD800 <= code < 0xE000:  # noqa: PLR2004
            made.append(f"\\u{code:04x}")
        else:
            made.append(each)
    return "".join([*made, '"'])
