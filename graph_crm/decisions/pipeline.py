"""From customers to decisions, without a database: judgements, gates, arbitration, and a trace of all of it.

Trigger -> snapshot -> proposals -> eligibility -> applicability -> suitability -> consent -> contact policy ->
arbitration -> decision. Treatment per channel and the reservation of a contact follow once consent can say yes.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from graph_crm.decisions.gates import Catalogue, Effect, GateVerdict, Question, passed_through
from graph_crm.rules.manager import BookedRule, Judgement, RuleBook
from graph_crm.rules.results import Proposal
from graph_crm.rules.snapshot import Snapshot
from graph_crm.rules.verdicts import Reason, Verdict

MOST_OFFERS = 3
"""A decision proposes at most so many offers."""


@dataclass
class Considered:
    """One rule's thought about one customer, with every verdict on its way."""

    rule: str
    plugin: str
    product: str
    mode: str
    version: str
    gates: list[GateVerdict]
    proposal: Proposal | None
    factors: dict[str, float] = field(default_factory=dict)
    """What its priority was multiplied by, by the name of the plugin that weighed."""
    rank: int | None = None
    """1 for the best; None: not offered."""

    @property
    def alive(self) -> bool:
        """Whether no gate dropped it."""
        return self.proposal is not None and all(one.effect is not Effect.DROP for one in self.gates)

    @property
    def weight(self) -> float:
        """Priority times all factors."""
        weight = float(self.proposal.priority) if self.proposal else 0.0
        for factor in self.factors.values():
            weight *= factor
        return weight

    def as_json(self) -> dict[str, Any]:
        """As it is kept in a decision's trace."""
        return {
            "rule": self.rule,
            "plugin": self.plugin,
            "productCode": self.product,
            "mode": self.mode,
            "weight": self.weight,
            "factors": self.factors,
            "rank": self.rank,
            "gates": [one.as_json() for one in self.gates],
        }


@dataclass
class Outcome:
    """What was decided for one customer: everything considered, and what is offered, the best first."""

    snapshot: Snapshot
    considered: list[Considered]

    @property
    def offers(self) -> list[Considered]:
        """What is offered, the best first."""
        return sorted((one for one in self.considered if one.rank), key=lambda one: one.rank or 0)


def decide(
    book: RuleBook, rules: Sequence[BookedRule], snapshots: Sequence[Snapshot], catalogue: Catalogue, *, hooks: bool
) -> list[Outcome]:
    """Decide for a batch of customers; one `Outcome` each, in their order.

    ``rules``: the declarative rules that are asked. ``hooks``: whether the plugins' own proposals are asked as well.
    """
    considered: dict[str, list[Considered]] = defaultdict(list)
    for booked in rules:
        for judgement in book.judge(booked, snapshots):
            considered[judgement.party].append(_of_rule(judgement))
    if hooks:
        for named in book.propose(snapshots):
            considered[named.value.party].append(_of_hook(named.plugin, named.value))
    _through_gates(book, snapshots, considered, catalogue)
    _weigh(book, snapshots, considered)
    for found in considered.values():
        _arbitrate(found)
    return [Outcome(one, considered.get(one.id, [])) for one in snapshots]


def _of_rule(judgement: Judgement) -> Considered:
    booked = judgement.booked
    return Considered(
        rule=booked.rule.id,
        plugin=booked.plugin.name,
        product=booked.rule.offer,
        mode=booked.mode,
        version=booked.rule.version,
        gates=[_rule_gate(judgement.verdict)],
        proposal=judgement.proposal,
    )


def _of_hook(plugin: str, proposal: Proposal) -> Considered:
    facts = tuple(proposal.facts) or tuple(Reason("PROPOSED", text) for text in proposal.reasons)
    return Considered(
        rule=proposal.rule,
        plugin=plugin,
        product=proposal.offer,
        mode=proposal.mode,
        version=proposal.version,
        gates=[_rule_gate(Verdict(True, facts))],
        proposal=proposal,
    )


def _rule_gate(verdict: Verdict) -> GateVerdict:
    effect = Effect.PASS if verdict.passed else Effect.DROP
    return GateVerdict("rule", effect, verdict.code, verdict.reason, verdict.numbers, verdict.evidence)


def _through_gates(
    book: RuleBook, snapshots: Sequence[Snapshot], considered: dict[str, list[Considered]], catalogue: Catalogue
) -> None:
    proposals = [one.proposal for found in considered.values() for one in found if one.proposal]
    if not proposals:
        return
    vetoes = book.veto([one for one in snapshots if one.id in considered], proposals)
    for snapshot in snapshots:
        for one in considered.get(snapshot.id, ()):
            if one.proposal is None:
                continue
            against = [(named.plugin, named.value) for named in vetoes if named.value.stops(one.proposal)]
            one.gates += passed_through(Question(snapshot, one.proposal, catalogue, against))


def _weigh(book: RuleBook, snapshots: Sequence[Snapshot], considered: dict[str, list[Considered]]) -> None:
    alive = [one for found in considered.values() for one in found if one.alive]
    proposals = [one.proposal for one in alive if one.proposal]
    if not proposals:
        return
    for one, factors in zip(alive, book.score(snapshots, proposals), strict=True):
        one.factors = factors


def _arbitrate(found: list[Considered]) -> None:
    """Rank what is left: by weight, then by the rule's id; each product once, shadow rules never."""
    offered: set[str] = set()
    best_first = sorted((one for one in found if one.alive), key=lambda one: (-one.weight, one.rule))
    for one in best_first:
        if one.mode != "on":
            one.gates.append(GateVerdict("arbitration", Effect.DROP, "SHADOW", "the rule only watches: mode shadow"))
        elif one.product in offered:
            one.gates.append(
                GateVerdict("arbitration", Effect.DROP, "SAME_PRODUCT", f"a better proposal offers {one.product}")
            )
        elif len(offered) >= MOST_OFFERS:
            one.gates.append(
                GateVerdict("arbitration", Effect.DROP, "TOO_MANY", f"{MOST_OFFERS} better offers were found")
            )
        else:
            offered.add(one.product)
            one.rank = len(offered)
            one.gates.append(
                GateVerdict(
                    "arbitration", Effect.PASS, "RANKED", f"place {one.rank}", {"weight": one.weight, "rank": one.rank}
                )
            )
