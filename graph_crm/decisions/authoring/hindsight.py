"""A rule tried on the past: what it would have proposed, what those customers did afterwards, and what others did.

At every step day the rule is asked with the knowledge of that day. A customer counts on the first day on which a new
episode (`episodes_of`) fits; what the customer did in the days after is compared with the customers of the same day to
whom the rule would have proposed nothing and who did not own the product either. The comparison shows who buys anyway,
not what an offer would have changed: nobody was contacted. A window that the recorded past does not cover to its end is
not counted.
"""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from graph_crm.decisions.authoring import simulation_cypher as cypher
from graph_crm.decisions.authoring.simulation import SCAN_SECONDS, Progress, Simulator, Trial, no_progress
from graph_crm.decisions.gates import Effect
from graph_crm.decisions.pipeline import Considered, episodes_of
from graph_crm.errors import InvalidInput
from graph_crm.graph.database import Database, Row
from graph_crm.rules.manager import RuleBook
from graph_crm.rules.snapshot import end_of

WINDOWS = (30, 90, 180)
"""Days after a proposal in which something is looked for."""
STEP = 30
MOST_STEPS = 1000
ABOUT_THE_OFFER = ("rule", "eligibility", "applicability", "suitability")
"""The gates that the past knows of. Whom the bank may contact depends on consents and contacts recorded then."""


@dataclass(frozen=True, slots=True)
class Afterwards:
    """How many of some customers did something within a window."""

    customers: int = 0
    """Those whose window the past covers."""
    product: int = 0
    """Opened the offered product."""
    family: int = 0
    """Opened a product of its family, the offered one included."""
    default: int = 0
    """Had an agreement fall into arrears or default."""

    def __add__(self, other: Afterwards) -> Afterwards:
        return Afterwards(
            self.customers + other.customers,
            self.product + other.product,
            self.family + other.family,
            self.default + other.default,
        )


@dataclass(frozen=True, slots=True)
class Window:
    """What happened within so many days of one step: after the proposals, and to the others."""

    days: int
    proposed: Afterwards
    others: Afterwards


@dataclass(frozen=True, slots=True)
class Step:
    """One day of the past."""

    day: dt.date
    found: int
    """Customers whom the rule's search finds."""
    proposed: int
    """Of them those to whom it would have proposed something for the first time, or anew."""
    reachable: int
    """Of the proposed, those whom the bank could have contacted then, by the consents and contacts recorded then."""
    windows: tuple[Window, ...]
    """Windows that the past covers, the shortest first."""


@dataclass(frozen=True, slots=True)
class Rates:
    """Shares of customers, 0 to 1."""

    product: float
    family: float
    default: float


@dataclass(frozen=True, slots=True)
class Lift:
    """All steps together, for one window."""

    days: int
    customers: int
    """Proposals whose window the past covers."""
    proposed: Rates
    base: Rates
    """The others: each day counts as often as there were proposals on it."""

    def of(self, name: str) -> float | None:
        """How many times as often the proposed customers did it; None: the others never did."""
        base: float = getattr(self.base, name)
        return getattr(self.proposed, name) / base if base else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Hindsight:
    """What a rule would have done in the past, and what happened then."""

    rule: str
    title: str
    product: str
    family: str | None
    version: str
    first: dt.date
    """The first day that was asked about; not before the first agreement of the bank."""
    last: dt.date
    step: int
    known_until: dt.date
    """The last day of which the graph knows anything was opened."""
    steps: tuple[Step, ...]
    stopped: dict[str, int]
    """Proposals stopped at the gates about the offer, as GATE CODE."""
    customers: int
    """Different customers to whom something would have been proposed."""

    @property
    def proposed(self) -> int:
        """Proposals over all days."""
        return sum(one.proposed for one in self.steps)

    @property
    def reachable(self) -> int:
        """Proposals to customers whom the bank could have contacted, by what was recorded then."""
        return sum(one.reachable for one in self.steps)

    @property
    def lifts(self) -> tuple[Lift, ...]:
        """For every window, the proposed customers beside the others of the same days."""
        found = (_lift(days, self.steps) for days in WINDOWS)
        return tuple(one for one in found if one is not None)


def _lift(days: int, steps: Sequence[Step]) -> Lift | None:
    windows = [one for step in steps for one in step.windows if one.days == days and one.proposed.customers]
    if not windows:
        return None
    proposed = sum((one.proposed for one in windows), Afterwards())
    weights = [one.proposed.customers if one.others.customers else 0 for one in windows]

    def share(name: str) -> float:
        return float(getattr(proposed, name)) / proposed.customers

    def base(name: str) -> float:
        weighed = (
            weight * getattr(one.others, name) / one.others.customers
            for weight, one in zip(weights, windows, strict=True)
            if weight
        )
        return sum(weighed) / sum(weights) if any(weights) else 0.0

    return Lift(
        days,
        proposed.customers,
        Rates(share("product"), share("family"), share("default")),
        Rates(base("product"), base("family"), base("default")),
    )


class Past:
    """Tries rules on the past. Reads only."""

    def __init__(self, database: Database, simulator: Simulator, book: RuleBook) -> None:
        self._database = database
        self._simulator = simulator
        self._book = book

    async def replay(
        self, rule_id: str, first: dt.date, last: dt.date, *, step: int = STEP, progress: Progress = no_progress
    ) -> Hindsight:
        """Ask the rule every ``step`` days from ``first`` to ``last``; not before the bank's first agreement.

        Raises RuleError for a rule that there is not, InvalidInput for days in the wrong order or too many steps.
        """
        rule = self._book.rule(rule_id).rule
        rows = await self._database.read(cypher.FIRST_DAY)
        if rows and first < (begins := dt.date.fromisoformat(rows[0]["day"])):
            if last < begins:
                raise InvalidInput(
                    f"The first agreement was opened on {begins}: there is nothing before it.",
                    hint=f"Ask about days from {begins} on.",
                )
            first = begins
        days = _days(first, last, step)
        rows = await self._database.read(cypher.LAST_DAY, {"today": self._simulator.today})
        known_until = dt.date.fromisoformat(rows[0]["day"]) if rows else first
        seen: set[str] = set()
        customers: set[str] = set()
        stopped: Counter[str] = Counter()
        steps: list[Step] = []
        family: str | None = None
        progress(rule_id, 0, len(days))
        for day in days:
            trial = await self._simulator.trial(rule_id, end_of(day))
            sold = trial.state.catalogue.get(rule.offer)
            family = sold.family if sold else None
            ids = await trial.search()
            fresh, reachable = await _fresh(trial, ids, seen, stopped)
            customers |= set(fresh)
            windows = await self._windows(day, known_until, fresh, customers, rule.offer, family)
            steps.append(Step(day, len(ids), len(fresh), reachable, windows))
            progress(rule_id, len(steps), len(days))
        return Hindsight(
            rule=rule_id,
            title=rule.title,
            product=rule.offer,
            family=family,
            version=rule.version,
            first=first,
            last=last,
            step=step,
            known_until=known_until,
            steps=tuple(steps),
            stopped=dict(stopped.most_common()),
            customers=len(customers),
        )

    async def _windows(
        self,
        day: dt.date,
        known_until: dt.date,
        fresh: Sequence[str],
        customers: set[str],
        product: str,
        family: str | None,
    ) -> tuple[Window, ...]:
        covered = [days for days in WINDOWS if day + dt.timedelta(days=days) <= known_until]
        if not covered or not fresh:
            return ()
        asked = {"day": day, "windows": covered, "product": product, "family": family}
        alike = await self._database.read(
            cypher.ALIKE, {"day": day, "family": family, "parties": list(fresh)}, timeout=SCAN_SECONDS
        )
        theirs = await self._database.read(
            cypher.AFTER_PROPOSAL, {**asked, "parties": list(fresh)}, timeout=SCAN_SECONDS
        )
        others = await self._database.read(
            cypher.AFTER_NO_PROPOSAL,
            {**asked, **alike[0], "proposed": sorted(customers)},
            timeout=SCAN_SECONDS,
        )
        base = {row["window"]: _afterwards(row) for row in others}
        return tuple(Window(row["window"], _afterwards(row), base.get(row["window"], Afterwards())) for row in theirs)


def _days(first: dt.date, last: dt.date, step: int) -> list[dt.date]:
    if last < first:
        raise InvalidInput("The last day lies before the first.", hint="Give --from and --to in their order.")
    if step < 1:
        raise InvalidInput("A step is a day or more.", hint="For example --step 30.")
    count = (last - first).days // step + 1
    if count > MOST_STEPS:
        raise InvalidInput(
            f"{count} steps are more than {MOST_STEPS}.", hint="Make the steps longer or the time shorter."
        )
    return [first + dt.timedelta(days=step * number) for number in range(count)]


async def _fresh(trial: Trial, ids: Sequence[str], seen: set[str], stopped: Counter[str]) -> tuple[list[str], int]:
    """The customers with a new episode, and how many of them could be contacted; ``seen`` remembers the episodes."""
    fresh, reachable = [], 0
    async for outcomes in trial.outcomes(ids, others=False):
        for outcome in outcomes:
            party = outcome.snapshot.id
            for one in outcome.considered:
                against = _against(one)
                if against is not None:
                    stopped[against] += 1
                    continue
                episodes = set(episodes_of(one, party))
                if episodes <= seen:
                    continue
                seen |= episodes
                fresh.append(party)
                reachable += one.rank is not None
    return fresh, reachable


def _against(one: Considered) -> str | None:
    """What the gates about the offer say against it, as GATE CODE."""
    for verdict in one.gates:
        if verdict.name in ABOUT_THE_OFFER and verdict.effect is Effect.DROP:
            return f"{verdict.name} {verdict.reason_code}"
    return None


def _afterwards(row: Row) -> Afterwards:
    return Afterwards(row["customers"], row["product"], row["family"], row["default"])
