"""The gates that every proposal passes: each a small pure function over one customer, with a verdict that is kept.

In order: rule, eligibility, applicability, suitability, control_group, consent, suppression, cool_off, contact_limits,
contact_times, arbitration, treatment, reservation. Those of contact policy are `graph_crm.contacts`' own; this module
asks them and keeps what they say.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType
from typing import Any, TypeAlias

from graph_crm.contacts.approach import Finding, Override
from graph_crm.contacts.policy import ContactPolicy
from graph_crm.decisions import arbitration, control
from graph_crm.decisions.learning.bayes import Learner
from graph_crm.rules.conditions import age_between, in_default
from graph_crm.rules.results import Proposal, Veto
from graph_crm.rules.snapshot import Snapshot
from graph_crm.rules.verdicts import Reason

ADULT = 18
CREDIT_FAMILIES = ("LOAN", "MORTGAGE")


class Effect(StrEnum):
    """What a verdict does to the proposal."""

    PASS = "PASS"  # noqa: S105 - a word, not a password
    DROP = "DROP"
    """The proposal goes no further."""
    HOLD = "HOLD"
    """The offer is made, but the customer may not be contacted with it yet."""


@dataclass(frozen=True, slots=True)
class Sold:
    """A product as the bank sells it."""

    code: str
    family: str | None
    name: str
    active: bool
    value: int | None = None
    """Expected margin of a year, in hundredths; None: not known."""


Catalogue: TypeAlias = Mapping[str, Sold]


@dataclass(frozen=True, slots=True)
class ControlGroup:
    """Which share of the customers is kept out, and the salt of the draw; see `graph_crm.decisions.control`."""

    share: float = 0.0
    salt: str = "graph-crm"


@dataclass(frozen=True)
class BankState:
    """The bank's side of a decision at one moment: what it sells and allows, and what it has learned."""

    catalogue: Catalogue
    policy: ContactPolicy
    overrides: tuple[Override, ...] = ()
    learner: Learner = field(default_factory=Learner)
    arbitration: arbitration.Policy = field(default_factory=arbitration.Policy)
    control: ControlGroup = field(default_factory=ControlGroup)
    hold: dt.timedelta = dt.timedelta(hours=72)
    """How long a contact is reserved for whoever is to make it."""
    offer_life: dt.timedelta = dt.timedelta(days=30)
    """How long an offer can be made to the customer."""


@dataclass(frozen=True, slots=True)
class GateVerdict:
    """What one gate said about one proposal."""

    name: str
    effect: Effect
    reason_code: str
    reason: str
    numbers: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))
    evidence: tuple[str, ...] = ()
    earliest: dt.datetime | None = None
    """When the gate would let it pass; None: it does, or nobody can say."""
    facts: tuple[Reason, ...] = ()
    """Where the reason is several: each by itself, so that it can be told in another language."""

    @property
    def passed(self) -> bool:
        """Whether the proposal goes on and may be acted on now."""
        return self.effect is Effect.PASS

    def as_json(self) -> dict[str, Any]:
        """As it is kept in a decision's trace; what is empty is left out."""
        told: dict[str, Any] = {
            "name": self.name,
            "verdict": self.effect.value,
            "reasonCode": self.reason_code,
            "reason": self.reason,
        }
        if self.numbers:
            told["numbers"] = dict(self.numbers)
        if self.evidence:
            told["evidence"] = list(self.evidence)
        if self.earliest is not None:
            told["earliest"] = self.earliest.isoformat()
        if self.facts:
            told["facts"] = [one.as_json() for one in self.facts]
        return told


@dataclass(frozen=True, slots=True)
class Question:
    """What a gate is asked: this proposal, for this customer, of this bank, against these vetoes."""

    snapshot: Snapshot
    proposal: Proposal
    bank: BankState
    vetoes: Mapping[str, Sequence[tuple[str, Veto]]] = field(default_factory=lambda: MappingProxyType({}))
    """By hook: the plugin's name and its veto, those that stop this proposal only."""
    episode: GateVerdict | None = None
    """That a scan has offered it for the same reason before; None: it has not."""

    @property
    def sold(self) -> Sold | None:
        """The product of the proposal, if the catalogue has it."""
        return self.bank.catalogue.get(self.proposal.offer)


Gate: TypeAlias = Callable[[Question], GateVerdict]


def eligibility(question: Question) -> GateVerdict:
    """May the bank offer it to this customer at all: a living, active, unblocked one, of age for credit."""
    party = question.snapshot.party
    if party.died is not None:
        return _drop(
            "eligibility",
            "DECEASED",
            f"the customer died on {party.died}",
            numbers={"on": party.died.isoformat()},
            evidence=(party.id,),
        )
    if party.status == "ENDED":
        return _drop("eligibility", "PARTY_ENDED", "the bank no longer deals with the customer", evidence=(party.id,))
    if party.blocked:
        return _drop("eligibility", "PARTY_BLOCKED", "the customer is blocked", evidence=(party.id,))
    if party.restricted:
        return _drop("eligibility", "PARTY_RESTRICTED", "the customer's data are only kept", evidence=(party.id,))
    sold = question.sold
    if sold is not None and sold.family in CREDIT_FAMILIES and party.kind == "PERSON":
        of_age = age_between(ADULT).check(question.snapshot)
        if of_age.truth is False:
            return _drop("eligibility", "MINOR", "credit is for adults", numbers=of_age.numbers)
    return _vetoed("eligibility", question, "eligibility") or _pass("eligibility", "ELIGIBLE", "an active customer")


def applicability(question: Question) -> GateVerdict:
    """Does it make sense: the product is sold, the customer does not own it, and it is not on its way already."""
    offer = question.proposal.offer
    sold = question.sold
    if sold is None:
        return _drop(
            "applicability", "PRODUCT_UNKNOWN", f"the catalogue has no product {offer}", numbers={"product": offer}
        )
    if not sold.active:
        return _drop("applicability", "PRODUCT_NOT_SOLD", f"{offer} is no longer sold", numbers={"product": offer})
    owned = [one for one in question.snapshot.held() if one.product == offer and one.role == "OWNER"]
    if owned:
        return _drop(
            "applicability",
            "OWNED_ALREADY",
            f"the customer has {offer} since {owned[0].since}",
            numbers={"product": offer, "since": owned[0].since.isoformat()},
            evidence=tuple(one.agreement_id for one in owned),
        )
    # To the customer who is here now an offer that waits for a call can be made at once.
    on_its_way = [one for one in question.snapshot.open_offers if one.product == offer]
    if on_its_way and question.snapshot.channel is None:
        return _drop(
            "applicability",
            "OFFERED_ALREADY",
            f"an offer of {offer} waits for its contact",
            numbers={"product": offer, "since": on_its_way[0].made_at.isoformat()},
            evidence=tuple(one.id for one in on_its_way),
        )
    if question.episode is not None:
        return question.episode
    return _pass("applicability", "APPLICABLE", f"{offer} is sold and not yet owned", numbers={"product": offer})


def suitability(question: Question) -> GateVerdict:
    """Is it right for this customer: nothing in default, no veto of a plugin."""
    against = _vetoed("suitability", question, "suitability") or _vetoed("suitability", question, "veto")
    if against is not None:
        return against
    default = in_default().check(question.snapshot)
    if default.truth is not False:
        return _drop("suitability", default.code, default.reason, evidence=default.evidence)
    return _pass("suitability", "SUITABLE", default.reason)


def control_group(question: Question) -> GateVerdict:
    """Is the customer kept out, to see what promotion is worth."""
    if question.proposal.action_class != "PROMOTIONAL":
        return _pass("control_group", "NOT_PROMOTIONAL", "the control group is kept from promotion only")
    group = question.bank.control
    found = control.membership(question.snapshot.party, share=group.share, salt=group.salt)
    if found.inside:
        return _drop(
            "control_group",
            "IN_CONTROL_GROUP",
            "the customer's household is in the control group",
            numbers=found.as_json(),
        )
    return _pass("control_group", "NOT_IN_CONTROL_GROUP", "not in the control group", numbers=found.as_json())


GATES: tuple[Gate, ...] = (eligibility, applicability, suitability, control_group)
"""In the order in which they are asked, before the contact policy; the first that drops a proposal ends it."""


def passed_through(question: Question) -> list[GateVerdict]:
    """The verdicts of `GATES` in order, up to the first that drops the proposal."""
    found = []
    for gate in GATES:
        verdict = gate(question)
        found.append(verdict)
        if verdict.effect is Effect.DROP:
            break
    return found


def of_finding(finding: Finding, *, latest: dt.datetime, channel: str) -> GateVerdict:
    """What a gate of contact policy said, as a verdict: it holds the offer back until ``latest`` at most."""
    effect = Effect.PASS
    if not finding.allowed:
        effect = Effect.HOLD if finding.earliest is not None and finding.earliest <= latest else Effect.DROP
    numbers = {**finding.numbers, "channel": channel}
    if finding.overrides:
        numbers["overrides"] = list(finding.overrides)
    evidence = (*finding.evidence, *finding.overrides)
    return GateVerdict(finding.gate, effect, finding.code, finding.reason, numbers, evidence, finding.earliest)


def _vetoed(name: str, question: Question, hook: str) -> GateVerdict | None:
    for plugin, veto in question.vetoes.get(hook, ()):
        numbers = {**veto.numbers, "plugin": plugin}
        return _drop(name, veto.code, f"{plugin}: {veto.reason}", numbers=numbers, evidence=veto.evidence)
    return None


def _pass(name: str, code: str, reason: str, *, numbers: Mapping[str, Any] | None = None) -> GateVerdict:
    return GateVerdict(name, Effect.PASS, code, reason, numbers or MappingProxyType({}))


def _drop(
    name: str, code: str, reason: str, *, numbers: Mapping[str, Any] | None = None, evidence: tuple[str, ...] = ()
) -> GateVerdict:
    return GateVerdict(name, Effect.DROP, code, reason, numbers or MappingProxyType({}), evidence)
