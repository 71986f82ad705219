"""Where a selection stands, and the bounds of what one query may ask."""

from __future__ import annotations

from dataclasses import dataclass

from graph_crm.graph.compiler.arguments import Value
from graph_crm.graph.mapping import EdgeMapping, NodeMapping


@dataclass(frozen=True)
class Limits:
    """Bounds of what one query may ask."""

    default_page: int = 20
    """Rows of a page when ``first`` is left out."""
    largest_page: int = 100
    deepest: int = 12
    """Levels of nested relations."""
    most_fields: int = 3_000
    """Fields of one root field with all that is below it, fragments spread."""
    most_relations: int = 60
    """Relations (pages or single nodes) of one root field with all that is below it; Neo4j plans each of them."""
    most_conditions: int = 150
    """Conditions in all filters of one root field."""
    most_roots: int = 30
    """Root fields of one query: each is a statement."""


@dataclass(frozen=True)
class Place:
    """Where a selection stands: the node, the relationship that led there, the node it led from, the day in force."""

    node: NodeMapping
    var: str
    edge: EdgeMapping | None = None
    edge_var: str = ""
    origin: str = ""
    as_of: Value | None = None
    depth: int = 0
    clear: str = ""
    """The predicate that says whether the caller sees the node in full; empty: always."""
    tie_clear: str = ""
    """The same for both ends of the relationship."""


def both(*predicates: str) -> str:
    """The predicates that are there, all together."""
    return " AND ".join(dict.fromkeys(each for each in predicates if each))
