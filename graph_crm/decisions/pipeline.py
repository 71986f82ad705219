"""From customers to decisions, without a database: judgements, gates, arbitration, treatment, and a trace of all of it.

Trigger -> snapshot -> proposals -> eligibility -> applicability -> suitability -> control group -> consent ->
suppression -> cool-off -> contact limits -> contact times -> arbitration -> treatment. What is to be reserved is said
here, and held by the service in the transaction that stores the decision.
"""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any

from graph_crm.contacts.approach import Approach
from graph_crm.contacts.judging import Judge
from graph_crm.contacts.treatment import Try, best_way
from graph_crm.decisions import arbitration
from graph_crm.decisions.gates import BankState, Effect, GateVerdict, Question, of_finding, passed_through
from graph_crm.decisions.learning.bayes import Explained
from graph_crm.decisions.learning.bins import Feature
from graph_crm.decisions.learning.features import features
from graph_crm.rules.booked import BookedRule, Judgement, Named
from graph_crm.rules.manager import VETO_HOOKS, RuleBook
from graph_crm.rules.periods import Period
from graph_crm.rules.results import Proposal, Treatment, Veto
from graph_crm.rules.snapshot import Snapshot
from graph_crm.rules.verdicts import Reason, Verdict

MOST_OFFERS = 3
"""A decision proposes at most so many offers when nobody asks for more or fewer."""
PUSH = ("PHONE", "SMS", "EMAIL", "LETTER", "PUSH")
"""Channels by which the bank comes to the customer: they need a reservation. On the others the customer comes."""


@dataclass
class Considered:
    """One rule's thought about one customer, with every verdict on its way."""

    rule: str
    plugin: str
    product: str
    mode: str
    version: str
    title: str
    gates: list[GateVerdict]
    proposal: Proposal | None
    repeat_after: Period | None = None
    """When the same episode may lead to another offer; None: never."""
    ways: list[Try] = field(default_factory=list)
    """The ways to the customer that were looked at, the chosen one first."""
    priority: arbitration.Priority | None = None
    rank: int | None = None
    """1 for the best; None: not offered."""
    script: str | None = None
    scripts: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    """What plugins say on each channel, by channel."""
    skill: str | None = None
    """What the agent who calls has to be able to do; None: anybody calls."""
    reserve: bool = False
    """Whether a contact is to be reserved for it."""
    status: str = "PROPOSED"
    """Status of the offer that it becomes: PROPOSED, WAITING or RESERVED."""

    @property
    def alive(self) -> bool:
        """Whether no gate dropped it."""
        return self.proposal is not None and all(one.effect is not Effect.DROP for one in self.gates)

    @property
    def way(self) -> Try | None:
        """The way to the customer that was chosen."""
        return self.ways[0] if self.ways else None

    def reached(self, gate: str) -> bool:
        """Whether it came as far as ``gate`` and was not dropped there."""
        return any(one.name == gate and one.effect is not Effect.DROP for one in self.gates)

    @property
    def evidence(self) -> tuple[str, ...]:
        """What the rule's yes rests on: the circumstances that a scan acts upon once."""
        return self.gates[0].evidence

    @property
    def last(self) -> GateVerdict:
        """The verdict that settled it: the one that dropped it, the first that held it back, or the last of all."""
        dropped = next((one for one in self.gates if one.effect is Effect.DROP), None)
        held = next((one for one in self.gates if one.effect is Effect.HOLD), None)
        return dropped or held or self.gates[-1]

    def as_json(self) -> dict[str, Any]:
        """As it is kept in a decision's trace; what is empty is left out."""
        told: dict[str, Any] = {
            "rule": self.rule,
            "plugin": self.plugin,
            "productCode": self.product,
            "mode": self.mode,
            "version": self.version,
            "title": self.title,
            "gates": [one.as_json() for one in self.gates],
        }
        if self.rank:
            told |= {"rank": self.rank, "status": self.status}
        if self.priority:
            told["factors"] = self.priority.brief()
        if self.ways:
            told["ways"] = [one.as_json() for one in self.ways]
        return told


@dataclass
class Outcome:
    """What was decided for one customer: everything considered, and what is offered, the best first."""

    snapshot: Snapshot
    considered: list[Considered]
    key: str
    features: Mapping[str, Feature] = field(default_factory=dict)
    """What the learner saw of the customer; kept with each offer."""

    @property
    def offers(self) -> list[Considered]:
        """What is offered, the best first."""
        return sorted((one for one in self.considered if one.rank), key=lambda one: one.rank or 0)

    @property
    def in_control(self) -> bool:
        """Whether something was left out because the customer is in the control group."""
        return any(one.last.reason_code == "IN_CONTROL_GROUP" for one in self.considered)

    @property
    def overrides(self) -> tuple[str, ...]:
        """Identifiers of the limit overrides without which the decision would be another one."""
        found = [
            override
            for one in self.considered
            for way in one.ways
            for finding in way.findings
            for override in finding.overrides
        ]
        return tuple(sorted(set(found)))


@dataclass(frozen=True, slots=True)
class Asked:
    """How the question was put: it is kept with the decision, so that it can be put again."""

    mode: arbitration.Mode
    limit: int = MOST_OFFERS
    hooks: bool = False
    """Whether the plugins' own proposals are asked as well."""
    only_yes: frozenset[str] = frozenset()
    """Rules whose no is of no interest, by id: a no of theirs is found without its reasons, and left out."""
    fired: Mapping[str, dt.datetime] = field(default_factory=dict)
    """Episodes that an offer was made for, and when: a scan acts upon each once. See `episodes_of`."""


def decide(
    book: RuleBook,
    rules: Sequence[BookedRule],
    snapshots: Sequence[Snapshot],
    bank: BankState,
    *,
    asked: Asked,
    keys: Mapping[str, str],
) -> list[Outcome]:
    """Decide for a batch of customers; one `Outcome` each, in their order.

    ``rules``: the declarative rules that are asked. ``keys``: the name of each customer's decision; what is left to
    chance (exploration) is settled by it, so that the same question has the same answer.
    """
    considered: dict[str, list[Considered]] = defaultdict(list)
    # Of whom the data are only kept no rule hears.
    everybody, snapshots = snapshots, [one for one in snapshots if not one.party.restricted]
    fitting = book.fitting([one for one in rules if one.rule.id in asked.only_yes], snapshots)
    for booked in rules:
        for judgement in book.judge(booked, fitting.get(booked.rule.id, snapshots)):
            considered[judgement.party].append(_of_rule(judgement))
    if asked.hooks:
        for named in book.propose(snapshots):
            considered[named.value.party].append(_of_hook(named.plugin, named.value))
    outcomes = [Outcome(one, considered.get(one.id, []), keys[one.id], _features(one, bank)) for one in everybody]
    _settle(book, outcomes, bank, asked)
    return outcomes


def decide_proposals(
    book: RuleBook, proposals: Sequence[Proposal], snapshot: Snapshot, bank: BankState, *, asked: Asked, key: str
) -> Outcome:
    """Decide about proposals that were made before; which hook made them is no longer known."""
    considered = [_of_hook("", one) for one in proposals]
    outcome = Outcome(snapshot, considered, key, _features(snapshot, bank))
    _settle(book, [outcome], bank, asked)
    return outcome


def _features(snapshot: Snapshot, bank: BankState) -> Mapping[str, Feature]:
    """What the learner is told of the customer: always with every family that the bank sells, held or not."""
    families = sorted({one.family for one in bank.catalogue.values() if one.family})
    return features(snapshot, families, inbound=snapshot.channel)


def _settle(book: RuleBook, outcomes: Sequence[Outcome], bank: BankState, asked: Asked) -> None:
    _through_gates(book, outcomes, bank, asked)
    for outcome in outcomes:
        _to_customer(outcome, bank, book)
    _arbitrate(book, outcomes, bank, asked)
    _treat(book, outcomes)


def _of_rule(judgement: Judgement) -> Considered:
    booked = judgement.booked
    return Considered(
        rule=booked.rule.id,
        plugin=booked.plugin.name,
        product=booked.rule.offer,
        mode=booked.mode,
        version=booked.version,
        title=booked.rule.title,
        gates=[_rule_gate(judgement.verdict)],
        proposal=judgement.proposal,
        repeat_after=booked.rule.repeat_after,
    )


def _of_hook(plugin: str, proposal: Proposal) -> Considered:
    facts = tuple(proposal.facts) or tuple(Reason("PROPOSED", text) for text in proposal.reasons)
    return Considered(
        rule=proposal.rule,
        plugin=plugin,
        product=proposal.offer,
        mode=proposal.mode,
        version=proposal.version,
        title=proposal.rule.replace("_", " "),
        gates=[_rule_gate(Verdict(True, facts))],
        proposal=proposal,
    )


def _rule_gate(verdict: Verdict) -> GateVerdict:
    effect = Effect.PASS if verdict.passed else Effect.DROP
    numbers, facts = verdict.numbers, verdict.reasons
    return GateVerdict("rule", effect, verdict.code, verdict.reason, numbers, verdict.evidence, facts=facts)


def episodes_of(one: Considered, party: str) -> tuple[str, ...]:
    """The names of the circumstances that the rule's yes rests on: one for each piece of evidence, or one for all.

    A scan offers again when a new piece has come, for example another loan. A rule in shadow has episodes of its own:
    what it would have done takes nothing away from the day on which it is switched on.
    """
    kind = "shadow:" if one.mode == "shadow" else ""
    return tuple(f"{kind}{one.rule}|{party}|{each}" for each in sorted(one.evidence) or ("once",))


def _fired(one: Considered, snapshot: Snapshot, asked: Asked) -> GateVerdict | None:
    """That a scan has made this offer for the same reason before; None: it has not, or may again."""
    names = episodes_of(one, snapshot.id) if asked.mode == "SCAN" else ()
    when = [asked.fired[name] for name in names if name in asked.fired]
    if not when or len(when) < len(names):
        return None
    last = max(when).date()
    again = one.repeat_after.after(last) if one.repeat_after else None
    if again is not None and again <= snapshot.as_of:
        return None
    text = f"this was offered on {last} for the same reason"
    numbers = {"on": last.isoformat(), "again": again.isoformat() if again else None}
    earliest = dt.datetime.combine(again, dt.time(), dt.UTC) if again else None
    return GateVerdict("applicability", Effect.DROP, "OFFERED_IN_EPISODE", text, numbers, names, earliest)


def _alive(outcomes: Sequence[Outcome]) -> list[tuple[Outcome, Considered, Proposal]]:
    return [
        (outcome, one, one.proposal)
        for outcome in outcomes
        for one in outcome.considered
        if one.proposal is not None and one.alive
    ]


def _through_gates(book: RuleBook, outcomes: Sequence[Outcome], bank: BankState, asked: Asked) -> None:
    alive = _alive(outcomes)
    if not alive:
        return
    proposals = [proposal for _, _, proposal in alive]
    parties = {proposal.party for proposal in proposals}
    snapshots = [one.snapshot for one in outcomes if one.snapshot.id in parties]
    vetoes = {hook: book.veto(snapshots, proposals, hook) for hook in VETO_HOOKS}
    for outcome, one, proposal in alive:
        against = {hook: _stopping(found, proposal) for hook, found in vetoes.items()}
        episode = _fired(one, outcome.snapshot, asked)
        one.gates += passed_through(Question(outcome.snapshot, proposal, bank, against, episode))


def _stopping(vetoes: Sequence[Named[Veto]], proposal: Proposal) -> list[tuple[str, Veto]]:
    return [(named.plugin, named.value) for named in vetoes if named.value.stops(proposal)]


def _to_customer(outcome: Outcome, bank: BankState, book: RuleBook) -> None:
    """Through the gates of contact policy: by which way may this be said to the customer, and when."""
    snapshot = outcome.snapshot
    latest = snapshot.now + bank.offer_life
    judge = Judge(snapshot, bank.policy, bank.overrides)
    for one in outcome.considered:
        if one.proposal is None or not one.alive:
            continue
        if book.limits_unknown and one.proposal.action_class == "PROMOTIONAL" and snapshot.channel is None:
            names = ", ".join(book.limits_unknown)
            text = f"plugin {names} could not say its contact limits"
            one.gates.append(GateVerdict("contact_limits", Effect.DROP, "LIMITS_UNKNOWN", text, {"plugin": names}))
            continue
        one.ways = _ways(snapshot, one.proposal, bank, judge)
        chosen = one.ways[0]
        for finding in chosen.findings:
            one.gates.append(_shifted(of_finding(finding, latest=latest, channel=chosen.channel), chosen))
            if one.gates[-1].effect is Effect.DROP:
                break
        else:
            if chosen.at is None or chosen.at > latest:
                one.gates.append(_never_together(chosen))


def _shifted(verdict: GateVerdict, way: Try) -> GateVerdict:
    """Night and holidays only put a contact off: the slot is reserved for the next morning."""
    if verdict.name != "contact_times" or verdict.effect is not Effect.HOLD or way.at is None or not way.allowed:
        return verdict
    numbers = {**verdict.numbers, "notBefore": way.at.isoformat()}
    return replace(verdict, effect=Effect.PASS, numbers=numbers, earliest=way.at)


def _never_together(way: Try) -> GateVerdict:
    """Each gate allows it some day, but not all on one day that the offer lives to see."""
    numbers = {**way.because.numbers, "channel": way.channel}
    because = way.because
    return GateVerdict(because.gate, Effect.DROP, because.code, because.reason, numbers, because.evidence, way.at)


def _ways(snapshot: Snapshot, proposal: Proposal, bank: BankState, judge: Judge) -> list[Try]:
    """The ways to the customer, the chosen one first."""
    approach = Approach(
        snapshot.channel or proposal.channels[0],
        at=snapshot.now,
        direction="INBOUND",
        action_class=proposal.action_class,
        product=proposal.offer,
        family=bank.catalogue[proposal.offer].family,
    )
    if snapshot.channel is not None:
        return list(best_way(snapshot, [snapshot.channel], approach, bank.policy, bank.overrides, judge=judge).tried)
    chosen, tried = [], []
    pushing = replace(approach, direction="OUTBOUND", until=snapshot.now + bank.hold)
    for kind, channels in (
        (pushing, [one for one in proposal.channels if one in PUSH]),
        (approach, [one for one in proposal.channels if one not in PUSH]),
    ):
        if channels:
            way = best_way(snapshot, channels, kind, bank.policy, bank.overrides, judge=judge)
            chosen.append(way.chosen)
            tried += [one for one in way.tried if one is not way.chosen]
    latest = snapshot.now + bank.offer_life
    # A contact that may be made, now or later, comes before a screen that the customer may or may not look at.
    chosen.sort(key=lambda one: one.at is None or one.at > latest)
    return [*chosen, *tried]


def _arbitrate(book: RuleBook, outcomes: Sequence[Outcome], bank: BankState, asked: Asked) -> None:
    alive = _alive(outcomes)
    if not alive:
        return
    proposals = [proposal for _, _, proposal in alive]
    snapshots = [one.snapshot for one in outcomes]
    scores = book.score(snapshots, proposals)
    estimates = book.propensity(snapshots, proposals)
    candidates: dict[int, list[tuple[Considered, arbitration.Candidate]]] = defaultdict(list)
    for (outcome, one, proposal), score, estimate in zip(alive, scores, estimates, strict=True):
        candidate = _candidate(outcome, one, proposal, bank, score, estimate)
        candidates[id(outcome)].append((one, candidate))
    for outcome in outcomes:
        found = candidates.get(id(outcome), [])
        standings = arbitration.arbitrate(
            [candidate for _, candidate in found],
            bank.arbitration,
            key=outcome.key,
            limit=asked.limit,
            inbound=outcome.snapshot.channel,
        )
        for (one, _), standing in zip(found, standings, strict=True):
            one.priority, one.rank = standing.priority, standing.rank
            effect = Effect.PASS if standing.rank else Effect.DROP
            numbers: dict[str, Any] = {"priority": standing.priority.number}
            if standing.rank:
                numbers["rank"] = standing.rank
            one.gates.append(GateVerdict("arbitration", effect, standing.code, standing.reason, numbers))


def _candidate(
    outcome: Outcome,
    one: Considered,
    proposal: Proposal,
    bank: BankState,
    scores: Mapping[str, float],
    estimate: Named[float] | None,
) -> arbitration.Candidate:
    sold = bank.catalogue[proposal.offer]
    channel = one.way.channel if one.way else None
    if estimate is not None:
        propensity = Explained(estimate.value, estimate.value)
    else:
        propensity = bank.learner.predict(proposal.offer, channel, outcome.features)
    trigger = outcome.snapshot.trigger
    return arbitration.Candidate(
        rule=one.rule,
        product=proposal.offer,
        propensity=propensity,
        family=sold.family,
        mode=one.mode,
        priority=proposal.priority,
        value=sold.value,
        channels=proposal.channels,
        fresh_hours=(outcome.snapshot.now - trigger.at).total_seconds() / 3600 if trigger else None,
        scores=scores,
        propensity_from=estimate.plugin if estimate else "",
    )


def _treat(book: RuleBook, outcomes: Sequence[Outcome]) -> None:
    """What is said on the channel, and for which offer the contact is reserved: one a decision, the best that may."""
    offered = [(outcome, one, one.proposal) for outcome in outcomes for one in outcome.offers if one.proposal]
    if not offered:
        return
    proposals = [proposal for _, _, proposal in offered]
    words: dict[tuple[str, str], dict[str, Named[Treatment]]] = {}
    for named in book.treatments([one.snapshot for one in outcomes if one.offers], proposals):
        words.setdefault((named.value.party, named.value.offer), {}).setdefault(named.value.channel, named)
    taken: set[str] = set()
    for outcome, one, proposal in offered:
        way = one.way
        if way is None:
            continue
        own = words.get((proposal.party, proposal.offer), {})
        said, call = own.get(way.channel), own.get("PHONE")
        one.script = said.value.script if said else " ".join(proposal.reasons)
        one.scripts = {channel: named.value.script for channel, named in own.items()}
        one.skill = (call.value.skill if call else None) or proposal.skill
        numbers: dict[str, Any] = {"channel": way.channel}
        if said:
            numbers["plugin"] = said.plugin
        text = f"by {way.channel}" + (f", in the words of plugin {said.plugin}" if said else "")
        one.gates.append(GateVerdict("treatment", Effect.PASS, "CHANNEL_CHOSEN", text, numbers))
        one.gates.append(_reservation(outcome, one, way, taken))


def _reservation(outcome: Outcome, one: Considered, way: Try, taken: set[str]) -> GateVerdict:
    party = outcome.snapshot.id
    if outcome.snapshot.channel is not None:
        return GateVerdict("reservation", Effect.PASS, "CUSTOMER_IS_HERE", "the customer is here: nothing to reserve")
    if way.channel not in PUSH:
        return GateVerdict(
            "reservation", Effect.PASS, "CUSTOMER_COMES", f"shown when the customer comes to {way.channel}"
        )
    held = next((verdict for verdict in one.gates if verdict.effect is Effect.HOLD), None)
    if held is not None:
        one.status = "WAITING"
        numbers = {"notBefore": way.at.isoformat()} if way.at else {}
        return GateVerdict(
            "reservation", Effect.HOLD, "WAITS", f"waits because of {held.name}", numbers, earliest=way.at
        )
    if party in taken:
        return GateVerdict("reservation", Effect.PASS, "BETTER_OFFER_FIRST", "a better offer has the contact")
    taken.add(party)
    one.status, one.reserve = "RESERVED", True
    numbers = {"at": way.at.isoformat()} if way.at else {}
    return GateVerdict("reservation", Effect.PASS, "RESERVED", f"a contact by {way.channel} is reserved", numbers)
