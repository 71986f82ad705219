"""The inventory: whose every record of the graph is, and of what kind each of its properties is.

It is read from `inventory.toml`, which explains its own words. Nothing in this slice knows a label that is not in it.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping
from functools import cache
from importlib import resources
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from graph_crm.privacy.kinds import Kind

FILE = "inventory.toml"
Names = tuple[str, ...]


class Held(BaseModel):
    """What is common to nodes and ties: whose they are, and what their properties are."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    whose: Literal["party", "staff", "bank"]
    what: str = Field(min_length=1)
    erase: Literal["clear", "delete", "keep", "own"] = "keep"
    key: Names = ()
    fact: Names = ()
    money: Names = ()
    evidence: Names = ()
    system: Names = ()
    identity: Names = ()
    contact: Names = ()
    text: Names = ()
    profile: Names = ()
    trace: Names = ()

    @model_validator(mode="after")
    def _once(self) -> Held:
        seen: set[str] = set()
        for name, _ in self.properties():
            if name in seen:
                raise ValueError(f"{name} is named twice")
            seen.add(name)
        if self.whose == "party" and "erase" not in self.model_fields_set:
            raise ValueError("what is about a party says what an erasure does with it")
        return self

    def properties(self) -> Iterator[tuple[str, Kind]]:
        """Every property with its kind."""
        for kind in Kind:
            for name in getattr(self, kind.value):
                yield name, kind

    def kind_of(self, name: str) -> Kind | None:
        """The kind of a property; None: the inventory does not know it. A name that ends with * stands for many."""
        for known, kind in self.properties():
            if known == name or (known.endswith("*") and name.startswith(known[:-1])):
                return kind
        return None

    def exported(self, found: Mapping[str, Any]) -> dict[str, Any]:
        """Of the properties of a record those that its person gets to see."""
        shown = ((name, self.kind_of(name)) for name in sorted(found))
        return {name: found[name] for name, kind in shown if kind is not None and kind.exported}

    def erased(self) -> Names:
        """The properties that an erasure takes away."""
        return tuple(name for name, kind in self.properties() if kind.erased)


class Node(Held):
    """What nodes of one label are."""

    also: Names = ()
    """Further labels that such nodes may bear."""
    of: Names = ()
    at: Names = ()
    near: Names = ()
    only: str = ""
    age: str = ""
    held: str = ""
    partitions: Names = ()
    instead: Mapping[str, Any] = Field(default_factory=dict)
    """What stands in the place of a property that must not be missing."""
    unless: Mapping[str, str] = Field(default_factory=dict)
    """When a property stays all the same."""


class Tie(Held):
    """What relationships of one type are."""

    of: str = ""


class Inventory(BaseModel):
    """Everything that the graph may hold."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    everywhere: Names
    """Properties that any record and any tie may carry; they tell nothing of anybody."""
    bare_ties: Names
    """Types of relationships that carry no properties: what they say is said by the records at their ends."""
    nodes: Mapping[str, Node]
    ties: Mapping[str, Tie]

    def node(self, labels: Iterator[str] | Names | list[str]) -> tuple[str, Node] | None:
        """The rule for a node with these labels."""
        for label in labels:
            if label in self.nodes:
                return label, self.nodes[label]
        return None

    def unknown(self, nodes: Mapping[tuple[str, ...], set[str]], ties: Mapping[str, set[str]]) -> list[str]:
        """What of a graph has no rule: by the labels of a node, and the type of a tie, the properties that they have.

        Each is told as ``Label``, ``Label.property``, ``-[:TYPE]-`` or ``-[:TYPE]-.property``.
        """
        found: set[str] = set()
        every = set(self.everywhere)
        for labels, names in nodes.items():
            known = self.node(labels)
            if known is None:
                found.add(":".join(labels) or "(no label)")
                continue
            label, rule = known
            found.update(f"{one} (also {label})" for one in labels if one != label and one not in rule.also)
            found.update(f"{label}.{name}" for name in names - every if rule.kind_of(name) is None)
        for kind, names in ties.items():
            tie = self.ties.get(kind)
            if tie is not None:
                found.update(f"-[:{kind}]-.{name}" for name in names - every if tie.kind_of(name) is None)
            elif kind not in self.bare_ties:
                found.add(f"-[:{kind}]-")
            else:
                found.update(f"-[:{kind}]-.{name}" for name in names - every)
        return sorted(found)


@cache
def inventory() -> Inventory:
    """The inventory of this version."""
    text = (resources.files(__package__) / FILE).read_text("utf-8")
    return Inventory.model_validate(tomllib.loads(text))
