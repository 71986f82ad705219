"""What the rule book holds: plugins and rules with their counters, and what they said."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from functools import cached_property
from typing import Generic, TypeVar

from graph_crm.rules.results import Mode, Proposal, Rule
from graph_crm.rules.verdicts import Verdict

_OWN_CONDITIONS = "graph_crm.rules.conditions."
T = TypeVar("T")


@dataclass
class RuleCounters:
    """What happened to one rule in this process."""

    evaluated: int = 0
    passed: int = 0
    unknown: int = 0
    """Neither passed nor failed: a fact was missing."""
    failed: int = 0
    """Raised an error."""
    seconds: float = 0.0
    proposed: int = 0
    """Proposals that began the way through the gates."""
    offers: int = 0
    """Proposals that passed every gate; of a rule in shadow those that nothing but the shadow stopped."""
    held: int = 0
    """Offers that wait: nobody may be contacted with them yet."""
    stopped: Counter[tuple[str, str]] = field(default_factory=Counter)
    """How many proposals each gate dropped, by the gate's name and its reason's code."""


@dataclass
class Plugin:
    """A plugin and how it fares."""

    name: str
    origin: str
    hooks: tuple[str, ...] = ()
    problem: str | None = None
    """Why it is not in force: it could not be loaded, or keeps failing."""
    suspended: bool = False
    calls: int = 0
    failures: int = 0
    failures_in_a_row: Counter[str] = field(default_factory=Counter)
    """By hook, and for all rules together: what one hook does right excuses nothing of another."""

    @property
    def state(self) -> str:
        """``loaded``, ``suspended`` or ``broken``."""
        if self.suspended:
            return "suspended"
        return "broken" if self.problem and not self.hooks else "loaded"


@dataclass
class BookedRule:
    """A rule in the book: who brought it, its mode in force, its counters in this mode."""

    rule: Rule
    plugin: Plugin
    mode: Mode
    counters: RuleCounters = field(default_factory=RuleCounters)

    @cached_property
    def version(self) -> str:
        """The rule's version, computed once."""
        return self.rule.version

    @cached_property
    def foreign(self) -> bool:
        """Whether a condition of the author's own is in it: what it says is looked at before it is kept."""
        return any(not type(one).__module__.startswith(_OWN_CONDITIONS) for one in self.rule.when.atoms())


@dataclass(frozen=True, slots=True)
class Judgement:
    """What one rule said about one customer."""

    booked: BookedRule
    party: str
    verdict: Verdict
    proposal: Proposal | None
    """The proposal, when the verdict is a plain yes."""


@dataclass(frozen=True, slots=True)
class Named(Generic[T]):
    """A hook's result with the plugin that gave it."""

    plugin: str
    value: T
