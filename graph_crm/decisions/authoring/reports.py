"""A rule's own report: what it did in each mode, where its proposals were stopped, what became of its offers."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from graph_crm.decisions.authoring import cypher
from graph_crm.decisions.authoring.activity import PluginProblem, plugin_problems
from graph_crm.decisions.authoring.switching import switches
from graph_crm.errors import RuleError
from graph_crm.graph.database import Database
from graph_crm.rules.manager import RuleBook
from graph_crm.rules.results import MODES, Mode


@dataclass(frozen=True, slots=True)
class Stop:
    """How often a gate stopped proposals of a rule for one reason."""

    gate: str
    code: str
    count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ModeReport:
    """What a rule did in one mode, in all processes."""

    mode: Mode
    evaluated: int = 0
    """Customers that its condition was asked about; a preview counts here."""
    passed: int = 0
    unknown: int = 0
    """Neither passed nor failed: a fact was missing."""
    failed: int = 0
    """Raised an error."""
    proposed: int = 0
    """Proposals that were led through the gates of decisions."""
    offers: int = 0
    """Proposals that passed every gate; in shadow: that would have been offered."""
    held: int = 0
    """Offers among them with which nobody could be contacted at once."""
    seconds: float = 0.0
    """Spent in its condition."""
    stopped: tuple[Stop, ...] = ()
    """By gate and reason, the most frequent of each gate first."""

    @property
    def microseconds(self) -> float | None:
        """What one evaluation took on average; None: there was none."""
        return self.seconds / self.evaluated * 1_000_000 if self.evaluated else None


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleReport:
    """All that is known of a rule's work."""

    rule: str
    title: str | None
    """None: no plugin has it now, or a hook proposes it."""
    product: str | None
    plugin: str | None
    plugin_state: str | None
    """``loaded``, ``suspended`` or ``broken`` in this process; `problems` tells of the others."""
    version: str | None
    mode: Mode
    """The mode in force: the newest switch, else the settings, else the file."""
    modes: tuple[ModeReport, ...]
    """What it did in each mode, those without any work left out: shadow stands beside on."""
    offers: Mapping[str, int]
    """Offers in the graph by status."""
    reserved: int
    """Offers for which a contact was reserved."""
    contacted: int
    """Offers that were delivered to a customer."""
    answers: Mapping[str, int]
    """Responses by outcome."""
    sales: int
    """Offers that became an agreement."""
    problems: tuple[PluginProblem, ...]
    """In which processes its plugin is out of force."""


class RuleReports:
    """Tells what rules did, from the counters of all processes and from the offers in the graph."""

    def __init__(self, database: Database, book: RuleBook) -> None:
        self._database = database
        self._book = book

    async def read(self, rule: str | None = None) -> list[RuleReport]:
        """The report of ``rule``, or of every rule that the book has or that did anything, by name.

        Raises RuleError for a rule that nobody has heard of.
        """
        counted: dict[str, list[ModeReport]] = defaultdict(list)
        told: dict[str, Mapping[str, Any]] = {}
        for row in await self._database.read(cypher.COUNTS):
            counts = row["counts"]
            counted[counts["rule"]].append(_of_mode(counts, row["drops"]))
            told[counts["rule"]] = counts
        names = sorted({one.rule.id for one in self._book.rules} | counted.keys())
        if rule is not None:
            if rule not in names:
                raise RuleError(f"There is no rule {rule[:80]}.", hint=f"Rules: {', '.join(names) or 'none'}.")
            names = [rule]
        became = {row["rule"]: row for row in await self._database.read(cypher.BECAME, {"rules": names})}
        problems = await plugin_problems(self._database)
        in_force = self._book.switched(await switches(self._database.read))
        return [
            self._report(in_force, name, told.get(name, {}), counted[name], became[name], problems) for name in names
        ]

    @staticmethod
    def _report(
        book: RuleBook,
        rule: str,
        told: Mapping[str, Any],
        modes: Iterable[ModeReport],
        became: Mapping[str, Any],
        problems: Iterable[PluginProblem],
    ) -> RuleReport:
        booked = next((one for one in book.rules if one.rule.id == rule), None)
        plugin = booked.plugin.name if booked else told.get("plugin")
        return RuleReport(
            rule=rule,
            title=booked.rule.title if booked else None,
            product=booked.rule.offer if booked else None,
            plugin=plugin,
            plugin_state=booked.plugin.state if booked else None,
            version=booked.rule.version if booked else told.get("version"),
            mode=book.mode(rule),
            modes=tuple(sorted(modes, key=lambda one: -MODES.index(one.mode))),
            offers=dict(became["offers"]),
            reserved=became["reserved"],
            contacted=became["contacted"],
            answers=dict(became["answers"]),
            sales=became["sales"],
            problems=tuple(one for one in problems if one.plugin == plugin),
        )


def _of_mode(counts: Mapping[str, Any], drops: Iterable[tuple[str, str, int]]) -> ModeReport:
    names = ("mode", "evaluated", "passed", "unknown", "failed", "proposed", "offers", "held", "seconds")
    known = {name: counts[name] for name in names if counts[name] is not None}
    return ModeReport(**known, stopped=tuple(Stop(*each) for each in drops))
