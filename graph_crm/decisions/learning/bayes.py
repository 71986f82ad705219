"""Binned naive Bayes: the odds of a yes, times one multiplier for each thing known, each with the counts behind it.

The rate of a model is that of its own answers, pulled towards what was believed before by `STRENGTH` answers:

    rate = (yes + STRENGTH * before) / (yes + no + STRENGTH)

What was believed before is the rate of the product's other channels, and before that `FIRST_RATE`. The multiplier of a
bin is the odds of those in it over the odds of all, pulled towards what the product's other channels said of the bin,
and before that towards 1 (the m-estimate of Cestnik, "Estimating Probabilities: A Crucial Task in Machine Learning",
ECAI 1990). By Bayes it is P(bin | yes) / P(bin | no), so the product of the multipliers is naive Bayes. A bin that was
never seen multiplies by 1. `docs/arbitration.md` has an example.
"""

from __future__ import annotations

import math
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from types import MappingProxyType
from typing import Any

from graph_crm.decisions.learning.bins import Feature, binned

FIRST_RATE = 0.05
"""What a model believes that has seen nothing: one in twenty says yes."""
STRENGTH = 20.0
"""So many answers weigh as much as what was believed before them."""
MOST_KEPT = 10_000
"""Factors that a settled model keeps; values that nobody was seen with before could else fill the memory."""
ALMOST_NEVER = 1e-12
"""No rate in a bin is taken for less, nor for closer to 1."""
LARGEST_LOGIT = 12.0
"""Odds are kept within e^12: no count makes anything certain."""


@dataclass(slots=True)
class Tally:
    """Counted answers of one kind of offer; grows in place."""

    yes: int = 0
    no: int = 0
    cells: dict[tuple[str, str], tuple[int, int]] = field(default_factory=dict)
    """By feature and bin, how many said yes and no."""

    @property
    def answers(self) -> int:
        """How many answers were counted."""
        return self.yes + self.no

    def add(self, features: Mapping[str, Feature], *, accepted: bool) -> None:
        """Count one answer."""
        self.yes += accepted
        self.no += not accepted
        for cell in binned(features).items():
            yes, no = self.cells.get(cell, (0, 0))
            self.cells[cell] = (yes + accepted, no + (not accepted))

    def merge(self, other: Tally) -> None:
        """Count all answers of ``other`` too."""
        self.yes += other.yes
        self.no += other.no
        for cell, (yes, no) in other.cells.items():
            mine = self.cells.get(cell, (0, 0))
            self.cells[cell] = (mine[0] + yes, mine[1] + no)


@dataclass(frozen=True, slots=True)
class Factor:
    """What one thing known does to the odds."""

    feature: str
    bin: str
    multiplier: float
    """Above 1: it speaks for a yes."""
    yes: int
    no: int
    """How many answers in this bin said yes and no, in this model and those that it falls back on."""

    def as_json(self) -> dict[str, Any]:
        """As it is kept with an offer."""
        return {
            "feature": self.feature,
            "bin": self.bin,
            "multiplier": round(self.multiplier, 4),
            "yes": self.yes,
            "no": self.no,
        }


@dataclass(frozen=True, slots=True)
class Explained:
    """How likely a yes is, and why: ``odds(probability) = odds(prior) * product of the multipliers``."""

    probability: float
    prior: float
    """The rate of the model, before anything is known of the customer."""
    factors: tuple[Factor, ...] = ()
    """Every feature that was known, the strongest first."""
    model: str = ""
    """Name of the model; empty: a plugin said it."""
    yes: int = 0
    no: int = 0
    """The model's own answers."""
    strength: float = STRENGTH
    """So many answers the probability is worth in a draw: those of the model and `STRENGTH`."""

    def draw(self, seed: str) -> float:
        """One draw of what the probability may be (Thompson sampling); the same seed, the same draw.

        It is drawn from Beta(p k, (1 - p) k), p the probability and k the strength: with few answers far from p, with
        many close to it. (W. R. Thompson, Biometrika 25, 1933; Chapelle and Li, NIPS 2011.)
        """
        if not 0 < self.probability < 1:
            return self.probability
        chance = random.Random(seed)  # noqa: S311 - an experiment to repeat, not a secret
        return chance.betavariate(self.probability * self.strength, (1 - self.probability) * self.strength)

    def as_json(self) -> dict[str, Any]:
        """As it is kept with an offer."""
        return {
            "probability": round(self.probability, 6),
            "prior": round(self.prior, 6),
            "model": self.model,
            "yes": self.yes,
            "no": self.no,
            "factors": [one.as_json() for one in self.factors],
        }


@dataclass(frozen=True)
class Model:
    """What is believed of one kind of offer: its own answers, then those that it falls back on.

    A view: it holds no counts of its own and predicts from those in the tallies now. With ``settled`` the tallies
    change no more, and what was worked out for a bin is kept.
    """

    name: str
    levels: tuple[Tally, ...] = ()
    """The model's own tally first, then the more general ones, none of whose answers is counted twice."""
    settled: bool = False
    _kept: dict[tuple[str, str], tuple[float, Factor]] = field(default_factory=dict, compare=False, repr=False)

    def predict(self, features: Mapping[str, Feature]) -> Explained:
        """How likely a customer of whom this is known says yes. An unknown or new value changes nothing."""
        rates = self._rates()
        rate = rates[-1][1] if rates else FIRST_RATE
        found = [self._weighed(cell, rates) for cell in binned(features).items()]
        # The strongest first, and of equals by name.
        found.sort(key=lambda one: (-abs(one[0]), one[1].feature))
        logit = _logit(rate) + math.fsum(weight for weight, _ in found)
        logit = max(-LARGEST_LOGIT, min(LARGEST_LOGIT, logit))
        own = self.levels[0] if self.levels else Tally()
        return Explained(
            probability=1 / (1 + math.exp(-logit)),
            prior=rate,
            factors=tuple(factor for _, factor in found),
            model=self.name,
            yes=own.yes,
            no=own.no,
            strength=own.answers + STRENGTH,
        )

    def _rates(self) -> list[tuple[Tally, float]]:
        """Every level with its rate, the most general first."""
        rates, rate = [], FIRST_RATE
        for level in reversed(self.levels):
            rate = (level.yes + STRENGTH * rate) / (level.answers + STRENGTH)
            rates.append((level, rate))
        return rates

    def _weighed(self, cell: tuple[str, str], rates: Sequence[tuple[Tally, float]]) -> tuple[float, Factor]:
        """The factor of a bin with its logarithm."""
        found = self._kept.get(cell)
        if found is None:
            factor = self._factor(cell, rates)
            found = (math.log(factor.multiplier), factor)
            if self.settled and len(self._kept) < MOST_KEPT:
                self._kept[cell] = found
        return found

    @staticmethod
    def _factor(cell: tuple[str, str], rates: Sequence[tuple[Tally, float]]) -> Factor:
        multiplier, all_yes, all_no = 1.0, 0, 0
        for level, rate in rates:
            yes, no = level.cells.get(cell, (0, 0))
            if not yes + no:
                continue
            odds = rate / (1 - rate)
            before = multiplier * odds / (1 + multiplier * odds)
            inside = (yes + STRENGTH * before) / (yes + no + STRENGTH)
            inside = min(max(inside, ALMOST_NEVER), 1 - ALMOST_NEVER)  # 1 has no odds
            multiplier = inside / (1 - inside) / odds
            all_yes, all_no = all_yes + yes, all_no + no
        return Factor(*cell, multiplier, all_yes, all_no)


@dataclass(frozen=True)
class Learner:
    """Every model of the bank at one moment: one a product and channel, made from the answers to its offers."""

    tallies: Mapping[tuple[str, str], Tally] = field(default_factory=lambda: MappingProxyType({}))
    """By product and channel (empty: not known); not changed any more."""

    @cached_property
    def version(self) -> int:
        """How many answers were learned: it grows with each."""
        return sum(one.answers for one in self.tallies.values())

    @cached_property
    def _models(self) -> dict[tuple[str, str | None], Model]:
        return {}

    def model(self, product: str, channel: str | None) -> Model:
        """The model of a product on a channel; channel None: of the product on all channels."""
        found = self._models.get((product, channel))
        if found is None:
            own, others = Tally(), Tally()
            for (code, by), tally in self.tallies.items():
                if code == product:
                    (own if channel in (None, by) else others).merge(tally)
            levels = (own, others) if others.answers else (own,)
            found = Model(model_name(product, channel), levels, settled=True)
            self._models[product, channel] = found
        return found

    def predict(self, product: str, channel: str | None, features: Mapping[str, Feature]) -> Explained:
        """How likely a customer of whom this is known takes ``product`` when offered by ``channel``."""
        return self.model(product, channel).predict(features)


def model_name(product: str, channel: str | None) -> str:
    """``CARD|PHONE``; with an empty (not known) channel ``CARD|``; of all channels (None) ``CARD``."""
    return product if channel is None else f"{product}|{channel}"


def _logit(rate: float) -> float:
    return math.log(rate / (1 - rate))
