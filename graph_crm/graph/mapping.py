"""The mapping: what a GraphQL type is in the graph.

A slice declares each of its types once::

    @graph.interface(label="Party")
    class Party:
        \"\"\"A person or an organisation that the bank knows.\"\"\"

        id: strawberry.ID = prop("The bank's identifier of the party.")
        display_name: str = prop("The name as people write it.", text="nameKey", order=True)

    @graph.extend(Party)
    class _PartyAgreements:
        agreements: Agreement = many("Everything that the party holds.", "HOLDS", Agreement, edge=Holding, as_of=True)

From that the platform derives the GraphQL type with its connections, filters and orderings
(`graph_crm.api.generated`) and the Cypher of every selection (`graph_crm.graph.compiler`). Names in statements come
from here and nowhere else.
"""

from __future__ import annotations

import enum
import inspect
import re
import types
import typing
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal, NewType, TypeVar, Union, get_args, get_origin, get_type_hints

import strawberry
from strawberry.annotation import StrawberryAnnotation
from strawberry.scalars import JSON
from strawberry.types.field import StrawberryField
from strawberry.utils.str_converters import to_camel_case

Direction = Literal["out", "in", "both"]
FAN = 10.0
"""Nodes along a relation, if nothing else is said of it."""
C = TypeVar("C", bound=type)
_PLACE = re.compile(r"\{(\w+)\}")
E = TypeVar("E", bound=enum.EnumMeta)

JsonText = NewType("JsonText", str)
"""A property that holds JSON text; GraphQL shows the value itself (scalar ``JSON``)."""


@dataclass(frozen=True)
class Argument:
    """An argument of a computed field or of a root field: its GraphQL type, meaning and, if any, what is done to it."""

    type: Any
    description: str
    convert: Callable[[Any], Any] | None = None
    """Turns the value that the caller sent into the parameter of the statement; raises `InvalidInput`."""
    required: bool = False
    """Whether a call must give it."""

    @property
    def annotation(self) -> Any:
        """Its type as GraphQL shows it."""
        return self.type if self.required else self.type | None


Shaping = Callable[[Any, Mapping[str, Any]], Any]
"""(value of the row, the field's arguments by name; what was not given is not in it) -> the part of the response."""


@dataclass(frozen=True, kw_only=True)
class Scalar:
    """A leaf: a stored property, or a Cypher expression over it (``cypher``).

    In ``cypher``, ``{n}`` stands for the node, ``{e}`` for the relationship, ``{o}`` for the node that
    it was reached from, ``{sight}`` for how much of the node the caller sees, and ``{name}`` for the parameter of the
    argument or constant ``name``.
    """

    name: str
    description: str
    type: Any
    stored: str = ""
    """The property that holds it; empty for an expression."""
    nullable: bool = True
    filter: bool = True
    order: bool = False
    text: str = ""
    """The property with the normalised text, where there is one: makes contains and startsWith possible."""
    normalise: Callable[[str], str] | None = None
    """How the text property was normalised; the caller's text is normalised the same way."""
    cypher: str = ""
    """The expression. Where there is ``stored`` too, it answers when an argument is given (or ``asOf`` in force)."""
    arguments: Mapping[str, Argument] = field(default_factory=dict)
    constants: Mapping[str, Any] = field(default_factory=dict)
    """Named constants of the expression, sent as parameters."""
    item: type | None = None
    """The class of the object, or of the items of the list, that the value is; a stored one is JSON text."""
    shape: Shaping | None = None
    """Makes the response's value from the row's (null too) where Cypher alone can't."""
    weight: float | None = None
    """What it costs (`graph_crm.graph.compiler.cost`), in rows; None: what its expression looks like."""

    @property
    def is_list(self) -> bool:
        """Whether the value is a list."""
        return get_origin(self.type) is list


@dataclass(frozen=True, kw_only=True)
class Relation:
    """Another node, or a page of other nodes, along relationships of some types."""

    name: str
    description: str
    types: tuple[str, ...]
    target: type
    direction: Direction
    page: bool
    edge: type | None = None
    as_of: bool = False
    nullable: bool = True
    order: str = ""
    """The ordering where the caller names none, for example ``OPENED_ON_DESC``; the key alone when empty."""
    fan: float = FAN
    """How many there usually are for one node, where there are many: what a page has to look at."""


FieldSpec = Scalar | Relation


@dataclass
class NodeMapping:
    """A GraphQL object or interface and its label."""

    name: str
    label: str
    description: str
    cls: type
    key: str = "id"
    key_order: str = "id"
    as_of: str = ""
    """A predicate over ``{n}`` and ``{asOf}``: did this node count on that day?"""
    interface: NodeMapping | None = None
    implementers: list[NodeMapping] = field(default_factory=list)
    fields: dict[str, FieldSpec] = field(default_factory=dict)

    @property
    def concrete(self) -> list[NodeMapping]:
        """The object types that a node of this mapping can be."""
        return self.implementers or [self]

    def scalar(self, name: str) -> Scalar:
        """The leaf ``name`` (GraphQL name)."""
        spec = self.fields[name]
        if not isinstance(spec, Scalar):
            raise TypeError(f"{self.name}.{name} is not a leaf")
        return spec


@dataclass
class EdgeMapping:
    """The properties of a relationship, shown on the edge of a connection."""

    name: str
    description: str
    cls: type
    fields: dict[str, Scalar] = field(default_factory=dict)


@dataclass(frozen=True)
class NarrowStart:
    """The start of a root for who does not see every row in full, which tells nothing of what is dimmed.

    ``place`` in it is filled with what ``convert`` makes of the ``argument`` for who may know it whole, with
    ``nothing`` for others.
    """

    start: str
    argument: str
    place: str
    convert: Callable[[Any], Any]
    nothing: Any


@dataclass(frozen=True, kw_only=True)
class Root:
    """A root query field over the mapping: one node by its key, or a page of nodes.

    ``start`` replaces the label scan of a page: Cypher that binds ``n`` and ``e`` (its row, for ``edge``), with the
    ``arguments`` as parameters. ``rank`` then ranks, an expression over ``n`` and ``e``, and there is the first page
    only; without it the page is ordered and continued as any other.
    """

    name: str
    node: type
    description: str
    page: bool = False
    by: str = "id"
    start: str = ""
    narrow: NarrowStart | None = None
    """What takes the place of ``start`` for who does not see every row in full."""
    rank: str = ""
    edge: type | None = None
    order: str = ""
    arguments: Mapping[str, Argument] = field(default_factory=dict)
    check: Callable[[Mapping[str, Any]], None] | None = None
    """Looks at the arguments of a call together, as the caller sent them, by name; raises `InvalidInput`."""


class _Declared:
    """What `prop` and its siblings leave in the class body until the decorator reads it."""

    def __init__(self, make: Callable[[str, Any, bool], FieldSpec]) -> None:
        self.make = make


def prop(
    description: str,
    *,
    stored: str = "",
    filter: bool = True,  # noqa: A002 - GraphQL's own word
    order: bool = False,
    text: str = "",
    normalise: Callable[[str], str] | None = None,
    item: type | None = None,
    cypher: str = "",
    arguments: Mapping[str, Argument] | None = None,
    shape: Shaping | None = None,
) -> Any:
    """A stored property (``stored`` where its name differs).

    ``text`` names the property with the normalised text (``normalise`` makes it), ``item`` the class of JSON items,
    ``cypher`` with ``arguments`` the expression that answers when an argument is given. ``shape`` makes the response's
    value from the stored one (JSON read) and the arguments.
    """

    def make(name: str, annotation: Any, nullable: bool) -> FieldSpec:  # noqa: FBT001 - called by the decorator only
        return Scalar(
            name=name,
            description=description,
            type=annotation,
            stored=stored or name,
            nullable=nullable,
            filter=filter and item is None and annotation is not JsonText,
            order=order,
            text=text,
            normalise=normalise,
            item=item,
            cypher=cypher,
            arguments=arguments or {},
            shape=shape,
        )

    return _Declared(make)


def computed(
    description: str,
    cypher: str,
    *,
    arguments: Mapping[str, Argument] | None = None,
    constants: Mapping[str, Any] | None = None,
    filter: bool = False,  # noqa: A002 - GraphQL's own word
    item: type | None = None,
    shape: Shaping | None = None,
    weight: float | None = None,
) -> Any:
    """A Cypher expression over ``{n}`` (and ``{e}`` on edges) with arguments as parameters.

    With ``filter`` it can be filtered by; it must then need neither arguments nor constants nor the origin. ``shape``
    makes the response's value from what the expression gives and from the arguments, in Python: an object of the class
    ``item`` (a dict by GraphQL names) or a list of them. It sees null too, and gives leaves as the response has them.
    ``weight`` is what it costs, in rows read; without it an expression that walks relationships counts as ten.
    """

    def make(name: str, annotation: Any, nullable: bool) -> FieldSpec:  # noqa: FBT001 - called by the decorator only
        return Scalar(
            name=name,
            description=description,
            type=annotation,
            nullable=nullable,
            filter=filter,
            cypher=cypher,
            arguments=arguments or {},
            constants=constants or {},
            item=item,
            shape=shape,
            weight=weight,
        )

    return _Declared(make)


def many(
    description: str,
    relationship: str | tuple[str, ...],
    target: type,
    *,
    direction: Direction = "out",
    edge: type | None = None,
    as_of: bool = False,
    order: str = "",
    fan: float = FAN,
) -> Any:
    """A page of other nodes. With ``as_of`` the page can be asked as it was on a day (``since`` and ``until``).

    ``fan`` tells how many there usually are where there are many: a page is found among them (its cost grows with it).
    """
    names = (relationship,) if isinstance(relationship, str) else tuple(relationship)

    def make(name: str, _annotation: Any, _nullable: bool) -> FieldSpec:  # noqa: FBT001 - called by the decorator only
        return Relation(
            name=name,
            description=description,
            types=names,
            target=target,
            direction=direction,
            page=True,
            edge=edge,
            as_of=as_of,
            order=order,
            fan=fan,
        )

    return _Declared(make)


def one(description: str, relationship: str, target: type, *, direction: Direction = "out") -> Any:
    """The one other node along a relationship; null where there is none."""

    def make(name: str, _annotation: Any, nullable: bool) -> FieldSpec:  # noqa: FBT001 - called by the decorator only
        return Relation(
            name=name,
            description=description,
            types=(relationship,),
            target=target,
            direction=direction,
            page=False,
            nullable=nullable,
        )

    return _Declared(make)


def _plain(annotation: Any) -> tuple[Any, bool]:
    """The annotation without ``| None``, and whether it had one."""
    if get_origin(annotation) in {Union, types.UnionType}:
        rest = [part for part in get_args(annotation) if part is not types.NoneType]
        if len(rest) == 1:
            return rest[0], True
    return annotation, False


def word_list(description: str, **meanings: str) -> Callable[[E], E]:
    """Declare a GraphQL enum; ``meanings`` says of each of its values what it means."""

    def decorate(cls: E) -> E:
        made: Any = strawberry.enum(cls, description=description)
        values = {value.name: value for value in made.__strawberry_definition__.values}
        if set(values) != set(meanings):
            raise TypeError(f"{cls.__name__}: not described or not there: {sorted(set(values) ^ set(meanings))}")
        for name, value in values.items():
            value.description = meanings[name]
        return typing.cast(E, made)

    return decorate


class Registry:
    """All mapped types of a platform, by GraphQL name."""

    def __init__(self) -> None:
        self.nodes: dict[str, NodeMapping] = {}
        self.edges: dict[type, EdgeMapping] = {}
        self.roots: dict[str, Root] = {}
        self._of: dict[type, NodeMapping] = {}

    def of(self, cls: type) -> NodeMapping:
        """The mapping of a declared class."""
        return self._of[cls]

    def interface(self, *, label: str, key: str = "id") -> Callable[[C], C]:
        """Declare an interface, the shared part of several object types; its name and meaning are the class's."""
        return self._node(label, key, "", interface=True)

    def node(self, *, label: str, key: str = "id", as_of: str = "") -> Callable[[C], C]:
        """Declare an object type; a class that inherits from an interface's class implements it."""
        return self._node(label, key, as_of, interface=False)

    def _node(self, label: str, key: str, as_of: str, *, interface: bool) -> Callable[[C], C]:
        def decorate(cls: C) -> C:
            description = inspect.cleandoc(cls.__doc__ or "")
            parent = next((self._of[base] for base in cls.__bases__ if base in self._of), None)
            mapping = NodeMapping(cls.__name__, label, description, cls, key, key, as_of, parent)
            own = self._declared(cls)
            mapping.fields = {**(parent.fields if parent else {}), **own}
            if parent:
                parent.implementers.append(mapping)
            made = self._strawberry(cls, own, interface=interface, description=description)
            mapping.cls = made
            self.nodes[mapping.name] = mapping
            self._of[made] = mapping
            return typing.cast(C, made)

        return decorate

    def edge(self, cls: C) -> C:
        """Declare the properties of a relationship."""
        own = {name: spec for name, spec in self._declared(cls).items() if isinstance(spec, Scalar)}
        self.edges[cls] = EdgeMapping(cls.__name__, inspect.cleandoc(cls.__doc__ or ""), cls, own)
        return cls

    def extend(self, node: type) -> Callable[[C], C]:
        """Add fields to a type of an earlier slice, and to all that implement it."""

        def decorate(cls: C) -> C:
            own = self._declared(cls)
            mapping = self._of[node]
            for each in (mapping, *mapping.implementers):
                each.fields.update(own)
                scalars = {name: spec for name, spec in own.items() if isinstance(spec, Scalar)}
                definition = each.cls.__strawberry_definition__  # type: ignore[attr-defined]  # set by strawberry
                definition.fields.extend(_strawberry_leaf(spec, each.cls) for spec in scalars.values())
            return cls

        return decorate

    def root(self, root: Root) -> None:
        """Declare a root query field."""
        self.roots[root.name] = root

    def _declared(self, cls: type) -> dict[str, FieldSpec]:
        hints = get_type_hints(cls, vars(inspect.getmodule(cls) or types.ModuleType("")))
        found: dict[str, FieldSpec] = {}
        for python_name, declared in list(vars(cls).items()):
            if not isinstance(declared, _Declared):
                continue
            annotation, nullable = _plain(hints[python_name])
            spec = declared.make(to_camel_case(python_name), annotation, nullable)
            found[spec.name] = spec
            delattr(cls, python_name)
        cls.__annotations__ = {}
        return found

    def _strawberry(self, cls: type, own: dict[str, FieldSpec], *, interface: bool, description: str) -> type:
        make = strawberry.interface if interface else strawberry.type
        made: type = make(cls, name=cls.__name__, description=description)
        definition = made.__strawberry_definition__  # type: ignore[attr-defined]  # set by strawberry
        definition.fields.extend(_strawberry_leaf(spec, made) for spec in own.values() if isinstance(spec, Scalar))
        return made


def _strawberry_leaf(spec: Scalar, origin: type) -> StrawberryField:
    annotation = spec.item or (JSON if spec.type is JsonText else spec.type)
    if spec.item and spec.is_list:
        annotation = list[spec.item]  # type: ignore[name-defined]  # a class known at run time
    return strawberry_field(
        spec.name,
        annotation | None if spec.nullable else annotation,
        spec.description,
        origin,
        {name: (argument.annotation, argument.description) for name, argument in spec.arguments.items()},
    )


def strawberry_field(
    name: str,
    annotation: Any,
    description: str,
    origin: type,
    arguments: Mapping[str, tuple[Any, str]] | None = None,
) -> StrawberryField:
    """A field of a generated GraphQL type. Its value is copied from the row, so it has no resolver of its own."""
    from strawberry.types.arguments import StrawberryArgument  # noqa: PLC0415 - strawberry imports in a circle here

    made = StrawberryField(
        python_name=name,
        graphql_name=name,
        type_annotation=StrawberryAnnotation(annotation),
        origin=origin,
        description=description,
        default=strawberry.UNSET,
    )
    made.name = name
    made.arguments = [
        StrawberryArgument(key, key, StrawberryAnnotation(kind), description=text)
        for key, (kind, text) in (arguments or {}).items()
    ]
    return made


def fill(template: str, **names: str) -> str:
    """A Cypher template of the mapping with its ``{name}`` places filled; other braces are Cypher's own."""
    return _PLACE.sub(lambda match: names.get(match.group(1), match.group()), template)


graph = Registry()
"""The platform's own registry: the slices declare their types here."""

__all__ = [
    "Argument",
    "EdgeMapping",
    "JsonText",
    "NarrowStart",
    "NodeMapping",
    "Registry",
    "Relation",
    "Root",
    "Scalar",
    "computed",
    "fill",
    "graph",
    "many",
    "one",
    "prop",
    "replace",
    "word_list",
]
