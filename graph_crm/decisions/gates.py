"""The gates that every proposal passes: each a small pure function over one customer, with a verdict that is kept."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType
from typing import Any, TypeAlias

from graph_crm.rules.conditions import age_between, in_default
from graph_crm.rules.results import Proposal, Veto
from graph_crm.rules.snapshot import Snapshot

ADULT = 18
CREDIT_FAMILIES = ("LOAN", "MORTGAGE")


class Effect(StrEnum):
    """What a verdict does to the proposal."""

    PASS = "PASS"  # noqa: S105 - a word, not a password
    DROP = "DROP"
    """The proposal goes no further."""
    HOLD = "HOLD"
    """The offer is kept, but nobody may be contacted with it."""


@dataclass(frozen=True, slots=True)
class Sold:
    """A product as the bank sells it."""

    code: str
    family: str | None
    name: str
    active: bool


Catalogue: TypeAlias = Mapping[str, Sold]


@dataclass(frozen=True, slots=True)
class GateVerdict:
    """What one gate said about one proposal."""

    name: str
    effect: Effect
    reason_code: str
    reason: str
    numbers: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))
    evidence: tuple[str, ...] = ()

    @property
    def passed(self) -> bool:
        """Whether the proposal goes on and may be acted on."""
        return self.effect is Effect.PASS

    def as_json(self) -> dict[str, Any]:
        """As it is kept in a decision's trace."""
        return {
            "name": self.name,
            "passed": self.passed,
            "effect": self.effect.value,
            "reasonCode": self.reason_code,
            "reason": self.reason,
            "numbers": dict(self.numbers),
            "evidence": list(self.evidence),
        }


@dataclass(frozen=True, slots=True)
class Question:
    """What a gate is asked: this proposal, for this customer, of this catalogue, against these vetoes."""

    snapshot: Snapshot
    proposal: Proposal
    catalogue: Catalogue
    vetoes: Sequence[tuple[str, Veto]] = ()
    """Name of the plugin and its veto, those that stop this proposal only."""


Gate: TypeAlias = Callable[[Question], GateVerdict]


def eligibility(question: Question) -> GateVerdict:
    """May the bank offer it to this customer at all: a living, active, unblocked one, of age for credit."""
    party = question.snapshot.party
    if party.died is not None:
        return _drop("eligibility", "DECEASED", f"the customer died on {party.died}", evidence=(party.id,))
    if party.status == "ENDED":
        return _drop("eligibility", "PARTY_ENDED", "the bank no longer deals with the customer", evidence=(party.id,))
    if party.blocked:
        return _drop("eligibility", "PARTY_BLOCKED", "the customer is blocked", evidence=(party.id,))
    sold = question.catalogue.get(question.proposal.offer)
    if sold is not None and sold.family in CREDIT_FAMILIES and party.kind == "PERSON":
        of_age = age_between(ADULT).check(question.snapshot)
        if of_age.truth is False:
            return _drop("eligibility", "MINOR", "credit is for adults", numbers=of_age.numbers)
    return _pass("eligibility", "ELIGIBLE", "an active customer")


def applicability(question: Question) -> GateVerdict:
    """Does it make sense: the product is sold, and the customer does not own it already."""
    offer = question.proposal.offer
    sold = question.catalogue.get(offer)
    if sold is None:
        return _drop("applicability", "PRODUCT_UNKNOWN", f"the catalogue has no product {offer}")
    if not sold.active:
        return _drop("applicability", "PRODUCT_NOT_SOLD", f"{offer} is no longer sold")
    owned = [one for one in question.snapshot.held() if one.product == offer and one.role == "OWNER"]
    if owned:
        return _drop(
            "applicability",
            "OWNED_ALREADY",
            f"the customer has {offer} since {owned[0].since}",
            evidence=tuple(one.agreement_id for one in owned),
        )
    return _pass("applicability", "APPLICABLE", f"{offer} is sold and not yet owned")


def suitability(question: Question) -> GateVerdict:
    """Is it right for this customer: nothing in default, no veto of a plugin."""
    for plugin, veto in question.vetoes:
        return _drop("suitability", veto.code, f"{plugin}: {veto.reason}", numbers=veto.numbers, evidence=veto.evidence)
    default = in_default().check(question.snapshot)
    if default.truth is not False:
        return _drop("suitability", default.code, default.reason, evidence=default.evidence)
    return _pass("suitability", "SUITABLE", default.reason)


def consent(question: Question) -> GateVerdict:
    """Did the customer agree to be contacted: unknown is no, and nobody has been asked yet."""
    del question
    return GateVerdict("consent", Effect.HOLD, "CONSENT_NOT_ASKED", "consent was not asked yet: contact nobody")


def contact_policy(question: Question) -> GateVerdict:
    """May the bank contact the customer now: without consent there is no contact whose limits could be counted."""
    del question
    return GateVerdict("contact_policy", Effect.HOLD, "NO_CONTACT_ALLOWED", "no contact is allowed without consent")


GATES: tuple[Gate, ...] = (eligibility, applicability, suitability, consent, contact_policy)
"""In the order in which they are asked; the first that drops a proposal ends the questions."""


def passed_through(question: Question) -> list[GateVerdict]:
    """The verdicts of all gates in order, up to the first that drops the proposal."""
    found = []
    for gate in GATES:
        verdict = gate(question)
        found.append(verdict)
        if verdict.effect is Effect.DROP:
            break
    return found


def _pass(name: str, code: str, reason: str) -> GateVerdict:
    return GateVerdict(name, Effect.PASS, code, reason)


def _drop(
    name: str, code: str, reason: str, *, numbers: Mapping[str, Any] | None = None, evidence: tuple[str, ...] = ()
) -> GateVerdict:
    return GateVerdict(name, Effect.DROP, code, reason, numbers or MappingProxyType({}), evidence)
