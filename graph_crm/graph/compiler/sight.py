"""What the compiler asks about a caller: which fields and rows may be seen, and how what is dimmed looks.

The compiler knows no roles. It is given a `Sight`; the one here, of the platform itself, sees everything and adds
nothing to any statement.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, auto
from typing import Protocol

from graph_crm.graph.mapping import NodeMapping, Relation, Root

SEEN = "seen"
"""The name among a statement's bound values under which shapes collect the keys of what they show."""


class Dim(Enum):
    """How a field of a node looks that the caller does not see in full."""

    SHOWN = auto()
    """As it is."""
    MASKED = auto()
    """So that it can be recognised."""
    ALIAS = auto()
    """The node's alias instead."""
    ZERO = auto()
    """0: for numbers that an answer must have."""
    NOTHING = auto()
    """Null, or an empty page."""


@dataclass(frozen=True)
class View:
    """Which rows of a place there are, and which of them are seen in full: Cypher predicates, empty for all.

    ``clear`` is never null: what is not clear is dimmed.
    """

    where: str = ""
    clear: str = ""


class Seal(Protocol):
    """Makes cursors that tell nothing."""

    def seal(self, content: bytes) -> str:
        """The content, unreadable and unchangeable."""

    def open(self, sealed: str) -> bytes:
        """The content again; raises ValueError for what was not sealed here."""


class Sight:
    """What one role sees; this one sees everything. Statements are shared by all callers with the same ``key``."""

    key = ""
    head = ""
    """Cypher that a statement begins with, for example to bind the customers of the caller."""
    head_name = ""
    """The name that ``head`` binds."""
    seal: Seal | None = None
    """Seals cursors; None: they can be read."""
    narrow = False
    """Whether some rows are dimmed, so that nothing may be found by what is dimmed."""
    knows = True
    """Whether what is dimmed may be found by who knows it whole."""
    shown, unclear = "FULL", "RECOGNISED"
    """What a node is called that is clear, and one that is not, where a field asks for it (``{sight}``)."""

    def check(self, type_name: str, field_name: str) -> None:
        """Raise `Forbidden` for a field that the caller may not see."""

    def check_plain(self, type_name: str, field_name: str) -> None:
        """The same for a field that Cypher does not write: what would have to be masked is refused, too."""

    def check_compared(self, type_name: str, field_name: str) -> None:
        """The same for a field that rows are filtered or ordered by: by what is masked they are not."""

    def masked(self, _type_name: str, _field_name: str) -> bool:
        """Whether the caller sees the field masked in every row."""
        return False

    def dim(self, _type_name: str, _field_name: str) -> Dim:
        """How the field looks on a node that is not clear."""
        return Dim.SHOWN

    def dim_edge(self, _type_name: str, _field_name: str) -> Dim:
        """How the field of a relationship looks one of whose ends is not clear."""
        return Dim.SHOWN

    def root(self, _mapping: NodeMapping, _var: str, _root: Root | None = None) -> View:
        """The rows of a root field."""
        return View()

    def given(self, _mapping: NodeMapping, _var: str) -> View:
        """The same for a node that a service answers with: it has asked whether the caller may touch it."""
        return View()

    def needs_head(self, _text: str) -> bool:
        """Whether a part of a statement names what `head` binds."""
        return bool(self.head)

    def alone(self, _mapping: NodeMapping, _var: str) -> str:
        """When the one row of a statement is seen in full, without what `head` binds; empty: as its view says."""
        return ""

    def start(self, _mapping: NodeMapping, _var: str) -> str:
        """What finds the rows of a root page faster than a look at all nodes of the label; empty: nothing does.

        It begins with ``CALL (`` and ends with ``WITH *``.
        """
        return ""

    def surplus(self, _mapping: NodeMapping) -> str:
        """How many rows more a limited root must look for, because some of them are not shown (Cypher)."""
        return ""

    def related(self, _parent: NodeMapping, _clear: str, _relation: Relation, _target: NodeMapping, _var: str) -> View:
        """The rows along a relation; ``clear`` says when the node it starts from is clear."""
        return View()

    def noted(self, _mapping: NodeMapping, _var: str, *, root: bool) -> str:  # noqa: ARG002 - here for others
        """The expression of the keys to collect when a node is shown; empty: none are."""
        return ""


EVERYTHING = Sight()
"""The sight of the platform itself."""
