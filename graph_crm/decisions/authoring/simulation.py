"""Trying a rule on the whole bank before it touches anyone: who passes each gate, who would be contacted, and when.

Nothing is written. The rule is tried as if it were on, beside every other rule that is; exploration is left out, so
that the same bank gives the same answer. `graph_crm.decisions.authoring.hindsight` does the same on the past.
"""

from __future__ import annotations

import datetime as dt
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TypeAlias

from graph_crm import snapshots
from graph_crm.decisions import cypher
from graph_crm.decisions.bank import Bank
from graph_crm.decisions.gates import BankState, Effect, GateVerdict
from graph_crm.decisions.pipeline import PUSH, Asked, Considered, Outcome, decide
from graph_crm.errors import InvalidInput
from graph_crm.graph.database import Database
from graph_crm.rules.booked import BookedRule
from graph_crm.rules.conditions import any_did, scan
from graph_crm.rules.manager import RuleBook
from graph_crm.rules.periods import days
from graph_crm.rules.snapshot import EventFact, Snapshot, end_of, ticked

BATCH = 500
"""So many customers are read and judged at a time."""
SCAN_SECONDS = 300.0
JUST_NOW = days(1)
"""A rule with ``on_event`` is tried on those who did such a thing so long ago at most."""
GATES = (
    "rule", "eligibility", "applicability", "suitability", "control_group", "consent", "suppression", "cool_off",
    "contact_limits", "contact_times", "arbitration", "treatment", "reservation",
)  # fmt: skip
"""In the order in which they are asked."""

Progress: TypeAlias = Callable[[str, int, int], None]
"""(what, done, of how many)"""


def no_progress(what: str, done: int, total: int) -> None:
    """Show nothing."""
    del what, done, total


@dataclass(slots=True)
class GateCount:
    """How many of the customers who came to a gate got through."""

    gate: str
    asked: int = 0
    passed: int = 0
    """Those that it holds back for some time included: their offer is made later."""
    held: int = 0
    """Of the passed: nobody may contact them yet."""
    stopped: Counter[str] = field(default_factory=Counter)
    """By reason code."""


@dataclass(frozen=True, slots=True)
class Planned:
    """One customer to whom the rule would offer its product."""

    party: str
    channel: str
    at: dt.datetime | None
    """When the bank may first contact the customer; None: it waits until the customer comes to the channel."""
    rank: int
    """Place among all offers to this customer."""
    contact: bool
    """Whether the bank would contact the customer for it; a better offer may have the contact."""
    reason: str


@dataclass(frozen=True, slots=True)
class Overlap:
    """Another rule that proposes something to the same customers."""

    rule: str
    product: str
    same_product: bool
    customers: int
    """To whom both propose."""
    ranked: int
    """Of them, those in whose case both reach arbitration."""


@dataclass(frozen=True, slots=True)
class Conflict:
    """Customers for whom the rule and another one want the same: the product, a place among the offers, the contact."""

    rule: str
    product: str
    about: str
    """SAME_PRODUCT, TOO_MANY (no place left) or CONTACT (the better offer has the only contact)."""
    lost: int
    """Customers for whom the other rule wins."""
    won: int
    """Customers for whom the simulated rule wins."""


@dataclass(frozen=True, slots=True)
class ChannelVolume:
    """How many customers the rule would contact by a channel on a day; the day of the first instant that is allowed."""

    day: dt.date
    channel: str
    contacts: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Simulation:
    """What a rule would do on one day, if it were on."""

    rule: str
    title: str
    product: str
    version: str
    mode: str
    """The mode in force: the simulation acts as if it were on."""
    events: tuple[str, ...]
    """Only customers who did such a thing in the last day are considered; empty: all are."""
    as_of: dt.datetime
    parties: int
    """In the whole bank."""
    found: int
    """By the rule's search."""
    funnel: tuple[GateCount, ...]
    planned: tuple[Planned, ...]
    overlaps: tuple[Overlap, ...]
    conflicts: tuple[Conflict, ...]
    volume: tuple[ChannelVolume, ...]

    @property
    def channels(self) -> dict[str, int]:
        """To how many customers the product would be offered, by channel."""
        return dict(Counter(one.channel for one in self.planned).most_common())

    @property
    def contacts(self) -> int:
        """So many customers the bank would contact; the others see the offer when they come."""
        return sum(one.contact for one in self.planned)


class Simulator:
    """Tries rules on the bank as it is, or as it was on a day. Reads only."""

    def __init__(
        self,
        database: Database,
        bank: Bank,
        book: RuleBook,
        *,
        clock: Callable[[], dt.datetime] = lambda: dt.datetime.now(dt.UTC),
    ) -> None:
        self._database = database
        self._bank = bank
        self._book = book
        self._clock = clock

    @property
    def today(self) -> dt.date:
        """The present day in UTC."""
        return self._clock().date()

    async def simulate(
        self, rule_id: str, as_of: dt.date | None = None, *, progress: Progress = no_progress
    ) -> Simulation:
        """Try a rule as of the end of a day; now when none is given.

        Raises RuleError for a rule that there is not, InvalidInput for a day that is not here yet.
        """
        self._book.rule(rule_id)
        if as_of is not None and as_of > self.today:
            raise InvalidInput(
                f"{as_of} is not here yet: nobody knows what customers will have by then.",
                hint=f"Ask about a day until {self.today}, or leave the day out for now.",
            )
        now = ticked(self._clock()) if as_of is None else end_of(as_of)
        trial = await self.trial(rule_id, now)
        ids = await trial.search()
        counted = _Counted(rule_id)
        progress(rule_id, 0, len(ids))
        async for outcomes in trial.outcomes(ids, others=True):
            for outcome in outcomes:
                counted.add(outcome)
            progress(rule_id, counted.customers, len(ids))
        rows = await self._database.read("MATCH (p:Party) RETURN count(p) AS parties")
        rule = trial.rule
        return Simulation(
            rule=rule_id,
            title=rule.rule.title,
            product=rule.rule.offer,
            version=rule.rule.version,
            mode=trial.mode,
            events=rule.rule.events,
            as_of=now,
            parties=rows[0]["parties"],
            found=len(ids),
            funnel=counted.funnel(),
            planned=tuple(counted.planned),
            overlaps=counted.overlaps(),
            conflicts=counted.found_conflicts(),
            volume=counted.volume(),
        )

    async def trial(self, rule_id: str, now: dt.datetime) -> Trial:
        """A rule ready to be tried as of ``now``, as if it were on."""
        state, book = await self._bank.now(self._database.read, now)
        mode = book.rule(rule_id).mode
        state = replace(state, arbitration=replace(state.arbitration, exploration=0.0))
        return Trial(self._database, self._bank, state, book.switched({rule_id: "on"}), rule_id, now, mode)


@dataclass(frozen=True)
class Trial:
    """One rule on one day: finds its customers and decides about them, beside the other rules or alone."""

    database: Database
    bank: Bank
    state: BankState
    book: RuleBook
    rule_id: str
    now: dt.datetime
    mode: str
    """The mode in force of the rule."""

    @property
    def rule(self) -> BookedRule:
        """The rule, on."""
        return self.book.rule(self.rule_id)

    async def search(self) -> list[str]:
        """The customers whom the rule's own search finds."""
        events, when = self.rule.rule.events, self.rule.rule.when
        fragment = scan(when & any_did(events, within=JUST_NOW) if events else when, self.now)
        rows = await self.database.read(fragment.text, fragment.parameters, timeout=SCAN_SECONDS)
        return [row["id"] for row in rows]

    async def outcomes(self, ids: Sequence[str], *, others: bool) -> AsyncIterator[list[Outcome]]:
        """The decisions about ``ids``, batch by batch; ``others``: all rules that are on are asked, not this one only.

        What was acted upon before (until the day of the trial) counts as in a real scan.
        """
        events = self.rule.rule.events
        needs = self.bank.needs
        if events:
            needs = needs | any_did(events, within=JUST_NOW).needs()
        for start in range(0, len(ids), BATCH):
            batch = ids[start : start + BATCH]
            customers = await snapshots.load(
                self.database.read, batch, now=self.now, needs=needs, memory=self.bank.memory
            )
            fired = {} if events else await self._fired(batch)
            found: list[Outcome] = []
            for kind, group in _by_trigger(customers, events).items():
                found += self._decided(group, kind, fired, others=others)
            yield found

    def _decided(
        self, customers: list[Snapshot], event: str | None, fired: Mapping[str, dt.datetime], *, others: bool
    ) -> list[Outcome]:
        keys = {one.id: f"simulate:{self.rule_id}:{self.now.date()}:{one.id}" for one in customers}
        rules = [self.rule]
        if others:
            rules += [one for one in self.book.rules if one.rule.id != self.rule_id and _beside(one, event)]
        # Of the others only what they would offer is counted.
        only_yes = frozenset(one.rule.id for one in rules if one is not self.rule)
        asked = Asked(
            mode="EVENT" if event else "SCAN", hooks=others and event is not None, only_yes=only_yes, fired=fired
        )
        return decide(self.book, rules, customers, self.state, asked=asked, keys=keys)

    async def _fired(self, ids: Sequence[str]) -> dict[str, dt.datetime]:
        rows = await self.database.read(cypher.EPISODES, {"ids": list(ids)})
        found = {row["key"]: dt.datetime.fromtimestamp(row["at"] / 1000, dt.UTC) for row in rows}
        return {key: at for key, at in found.items() if at <= self.now}


def _beside(one: BookedRule, event: str | None) -> bool:
    """Whether a rule is asked at the same moment."""
    return one.mode == "on" and (event in one.rule.events if event else not one.rule.events)


def _by_trigger(customers: Iterable[Snapshot], events: Sequence[str]) -> dict[str | None, list[Snapshot]]:
    """The customers by the type of the last event that a rule waits for; without such a rule all of them as one."""
    found: dict[str | None, list[Snapshot]] = defaultdict(list)
    for one in customers:
        last: EventFact | None = max(
            (event for event in one.events if event.type in events), key=lambda event: event.at, default=None
        )
        found[last.type if last else None].append(replace(one, trigger=last))
    return found


class _Counted:
    """Adds up the decisions about one rule."""

    def __init__(self, rule: str) -> None:
        self._rule = rule
        self._gates = {name: GateCount(name) for name in GATES}
        self._overlaps: dict[tuple[str, str], list[int]] = defaultdict(lambda: [0, 0])
        self._conflicts: dict[tuple[str, str, str], list[int]] = defaultdict(lambda: [0, 0])
        self._product = ""
        self.customers = 0
        self.planned: list[Planned] = []

    def add(self, outcome: Outcome) -> None:
        """One customer more."""
        self.customers += 1
        mine = next((one for one in outcome.considered if one.rule == self._rule), None)
        if mine is None:
            return
        self._product = mine.product
        self._through(mine)
        if mine.proposal is None:
            return
        others = [one for one in outcome.considered if one.rule != self._rule and one.proposal is not None]
        for other in others:
            counts = self._overlaps[other.rule, other.product]
            counts[0] += 1
            counts[1] += _ranked(mine) and _ranked(other)
            about = _about(mine, other)
            if about is not None:
                self._conflicts[other.rule, other.product, about[0]][about[1]] += 1
        way = mine.way
        if mine.rank is not None and way is not None:
            contact = mine.status != "PROPOSED"
            at = way.at if way.channel in PUSH else None
            reason = mine.proposal.reasons[0]
            self.planned.append(Planned(outcome.snapshot.id, way.channel, at, mine.rank, contact, reason))

    def _through(self, one: Considered) -> None:
        verdicts: dict[str, GateVerdict] = {}
        for verdict in one.gates:
            if verdict.name not in verdicts or verdict.effect is Effect.DROP:
                verdicts[verdict.name] = verdict
        for verdict in verdicts.values():
            count = self._gates.setdefault(verdict.name, GateCount(verdict.name))
            count.asked += 1
            if verdict.effect is Effect.DROP:
                count.stopped[verdict.reason_code] += 1
            else:
                count.passed += 1
                count.held += verdict.effect is Effect.HOLD

    def funnel(self) -> tuple[GateCount, ...]:
        """Every gate in order."""
        return tuple(self._gates.values())

    def overlaps(self) -> tuple[Overlap, ...]:
        """The other rules, those with the most customers in common first."""
        found = [
            Overlap(rule, product, product == self._product, both, ranked)
            for (rule, product), (both, ranked) in self._overlaps.items()
        ]
        return tuple(sorted(found, key=lambda one: (-one.customers, one.rule, one.product)))

    def found_conflicts(self) -> tuple[Conflict, ...]:
        """The other rules that win or lose, those to which most is lost first."""
        found = [Conflict(*key, lost, won) for key, (lost, won) in self._conflicts.items()]
        return tuple(sorted(found, key=lambda one: (-one.lost, -one.won, one.rule, one.about)))

    def volume(self) -> tuple[ChannelVolume, ...]:
        """Contacts by day and channel."""
        days = Counter((one.at.date(), one.channel) for one in self.planned if one.contact and one.at is not None)
        return tuple(ChannelVolume(day, channel, count) for (day, channel), count in sorted(days.items()))


def _ranked(one: Considered) -> bool:
    """Whether it came as far as arbitration."""
    return any(verdict.name == "arbitration" for verdict in one.gates)


def _about(mine: Considered, other: Considered) -> tuple[str, int] | None:
    """What both want and only one gets: the word for it, and 0 when it is lost, 1 when it is won."""
    if not (_ranked(mine) and _ranked(other)):
        return None
    for place, (loser, winner) in enumerate(((mine, other), (other, mine))):
        code = next(verdict.reason_code for verdict in loser.gates if verdict.name == "arbitration")
        if winner.rank is None:
            continue
        if code == "TOO_MANY" or (code == "SAME_PRODUCT" and winner.product == loser.product):
            return code, place
        if winner.status == "RESERVED" and loser.gates[-1].reason_code == "BETTER_OFFER_FIRST":
            return "CONTACT", place
    return None
