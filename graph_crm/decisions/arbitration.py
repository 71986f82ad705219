"""Which offers, in which order: priority = propensity x context x value x lever, each factor kept with its reason.

Pure: no database, no clock, no chance that is not named. `docs/arbitration.md` explains the formulas.
"""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Literal, TypeAlias

from graph_crm.decisions.control import draw
from graph_crm.decisions.learning.bayes import Explained
from graph_crm.rules.results import USUAL_PRIORITY

Mode: TypeAlias = Literal["EVENT", "SCAN", "INBOUND", "TIMER"]
"""What asks for a decision: something that just happened, a scan, the customer who is here now, or the time that an
offer waited for."""

FRESH_BONUS = 0.5
"""What just happened makes its offer half as good again; the bonus halves with every `FRESH_HOURS`."""
FRESH_HOURS = 24.0
HERE_BONUS = 0.2
"""An offer whose first channel is the one that the customer is using is better by a fifth."""
CENTS = 100
NO_VALUE = 1.0
"""Value of every product, in currency units, when the catalogue gives a value to none."""
FAMILY = "family:"
"""A lever on a family is written ``family:LOAN``: codes of families and products may be the same."""
_NOTHING: Mapping[str, Any] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Part:
    """One factor of a priority: its number, and why it is that."""

    name: str
    number: float
    reason: str
    numbers: Mapping[str, Any] = field(default_factory=lambda: _NOTHING)

    def as_json(self) -> dict[str, Any]:
        """As it is kept with an offer."""
        return {"number": self.number, "reason": self.reason, "numbers": dict(self.numbers)}


@dataclass(frozen=True, slots=True)
class Priority:
    """The product of its parts. Where the ranking explores, the propensity is a draw instead of the mean."""

    propensity: Part
    context: Part
    value: Part
    lever: Part
    drawn: float | None = None
    """The draw that the ranking used instead of the propensity; None: it used the propensity itself."""

    @property
    def parts(self) -> tuple[Part, ...]:
        """The four factors, in their order."""
        return (self.propensity, self.context, self.value, self.lever)

    @property
    def number(self) -> float:
        """The priority, in currency units: what the offer is worth on average."""
        used = self.propensity.number if self.drawn is None else self.drawn
        return used * self.context.number * self.value.number * self.lever.number

    @property
    def reason(self) -> str:
        """The calculation in one line."""
        drawn = "" if self.drawn is None else f", drawn {self.drawn:.4f} to explore"
        shown = " x ".join(f"{one.name} {one.number:.4g}" for one in self.parts)
        return f"{shown}{drawn} = {self.number:.4g}"

    def brief(self) -> dict[str, Any]:
        """As it is kept in a trace: the number, and each factor with its reason; the offer keeps what it rests on."""
        told: dict[str, Any] = {"priority": self.number}
        if self.drawn is not None:
            told["drawn"] = self.drawn
        return told | {one.name: {"number": one.number, "reason": one.reason} for one in self.parts}

    def as_json(self) -> dict[str, Any]:
        """As it is kept with an offer: the number, and each factor with what it rests on."""
        return {
            "priority": self.number,
            "drawn": self.drawn,
            **{one.name: one.as_json() for one in self.parts},
        }


@dataclass(frozen=True, slots=True)
class Policy:
    """What the bank decides about arbitration; see the settings of the same names."""

    exploration: float = 0.05
    levers: Mapping[str, float] = field(default_factory=lambda: _NOTHING)
    """By product code, or by ``family:CODE``; both multiply where both are there."""
    typical_value: float = NO_VALUE
    """What a product without a value is worth, in currency units; see `typical_value`."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """A proposal that passed the gates before, with all that its priority is made of."""

    rule: str
    product: str
    propensity: Explained
    family: str | None = None
    mode: str = "on"
    """Mode of its rule: shadow is weighed, never ranked."""
    priority: int = USUAL_PRIORITY
    """Priority of its rule, 0 to 1000."""
    value: int | None = None
    """Value of the product in hundredths; None: the catalogue gives none."""
    channels: Sequence[str] = ()
    """Channels that its rule allows, the favourite first."""
    fresh_hours: float | None = None
    """How long ago the event happened that its rule waits for; None: it waits for none, or it didn't happen."""
    scores: Mapping[str, float] = field(default_factory=lambda: _NOTHING)
    """What the plugins' ``score`` hooks gave it, by plugin."""
    propensity_from: str = ""
    """Name of the plugin that replaced the learner; empty: none did."""


@dataclass(frozen=True, slots=True)
class Standing:
    """What became of one candidate."""

    candidate: Candidate
    priority: Priority
    rank: int | None
    """1 for the best; None: not offered."""
    code: str
    """RANKED, SHADOW, SAME_PRODUCT or TOO_MANY."""
    reason: str


def typical_value(values: Iterable[int | None]) -> float:
    """The median of the values in the catalogue (hundredths), in currency units: what an unknown one is taken for.

    So a product without a value neither wins nor loses by that. `NO_VALUE` when there is none at all.
    """
    known = [one / CENTS for one in values if one is not None]
    return statistics.median(known) if known else NO_VALUE


def explores(key: str, share: float) -> bool:
    """Whether the decision ``key`` is one of the ``share`` that explore; the same key, the same answer."""
    return draw(key, "exploration") < share


def weigh(
    candidate: Candidate, policy: Policy, *, inbound: str | None = None, exploring: bool = False, key: str = ""
) -> Priority:
    """The priority of one candidate. ``inbound``: the channel that the customer is using now."""
    drawn = None
    if exploring and not candidate.propensity_from:
        drawn = candidate.propensity.draw(f"{key}\x1f{candidate.rule}\x1f{candidate.product}")
    parts = (_propensity(candidate), _context(candidate, inbound), _value(candidate, policy), _lever(candidate, policy))
    return Priority(*parts, drawn)


def arbitrate(
    candidates: Sequence[Candidate], policy: Policy, *, key: str, limit: int, inbound: str | None = None
) -> list[Standing]:
    """Rank the candidates of one decision; one `Standing` each, in their order.

    ``key`` names the decision: with a chance of ``policy.exploration``, settled by it, the ranking uses draws from what
    the propensities may be instead of the propensities. By priority, then by the rule's id; each product once, shadow
    rules never, at most ``limit``.
    """
    exploring = explores(key, policy.exploration)
    weighed = [weigh(one, policy, inbound=inbound, exploring=exploring, key=key) for one in candidates]
    order = sorted(
        range(len(candidates)), key=lambda at: (-weighed[at].number, candidates[at].rule, candidates[at].product)
    )
    found: dict[int, Standing] = {}
    offered: set[str] = set()
    for at in order:
        one, priority = candidates[at], weighed[at]
        said: tuple[int | None, str, str]
        if one.mode != "on":
            said = (None, "SHADOW", "the rule only watches: mode shadow")
        elif one.product in offered:
            said = (None, "SAME_PRODUCT", f"a better proposal offers {one.product}")
        elif len(offered) >= limit:
            said = (None, "TOO_MANY", f"{limit} better offers were found")
        else:
            offered.add(one.product)
            said = (len(offered), "RANKED", f"place {len(offered)}: {priority.reason}")
        found[at] = Standing(one, priority, *said)
    return [found[at] for at in range(len(candidates))]


def _propensity(candidate: Candidate) -> Part:
    found = candidate.propensity
    if candidate.propensity_from:
        return Part("propensity", found.probability, f"plugin {candidate.propensity_from} says so")
    answers = found.yes + found.no
    learned = f"learned from {answers} answers" if answers else "no answers yet"
    strongest = [f"{one.feature} {one.bin} x{one.multiplier:.2f}" for one in found.factors[:3]]
    because = f": {found.prior:.4g} for all, {', '.join(strongest)}" if strongest else ""
    return Part("propensity", found.probability, f"{learned}{because}", found.as_json())


def _context(candidate: Candidate, inbound: str | None) -> Part:
    numbers: dict[str, float] = {}
    if candidate.fresh_hours is not None:
        numbers["fresh"] = 1 + FRESH_BONUS * 2 ** (-max(0.0, candidate.fresh_hours) / FRESH_HOURS)
    if inbound is not None and candidate.channels and candidate.channels[0] == inbound:
        numbers["here"] = 1 + HERE_BONUS
    words = {"fresh": "its event has just happened", "here": f"{inbound} is its first channel"}
    reasons = [words[name] for name in numbers]
    for plugin, factor in sorted(candidate.scores.items()):
        numbers[f"plugin {plugin}"] = factor
        reasons.append(f"plugin {plugin} says x{factor:.4g}")
    number = 1.0
    for one in numbers.values():
        number *= one
    return Part("context", number, "; ".join(reasons) or "nothing special about the moment", numbers)


def _value(candidate: Candidate, policy: Policy) -> Part:
    if candidate.value is None:
        text = f"the catalogue gives {candidate.product} no value: the median of the others"
        return Part("value", policy.typical_value, text)
    return Part("value", candidate.value / CENTS, "expected margin of a year, from the catalogue")


def _lever(candidate: Candidate, policy: Policy) -> Part:
    numbers = {"rule": candidate.priority / USUAL_PRIORITY}
    for name in (candidate.product, f"{FAMILY}{candidate.family}"):
        if name in policy.levers:
            numbers[name] = policy.levers[name]
    number = 1.0
    for one in numbers.values():
        number *= one
    moved = [f"{name} x{one:.4g}" for name, one in numbers.items() if one != 1]
    return Part("lever", number, ", ".join(moved) or "the bank pulls no lever", numbers)
