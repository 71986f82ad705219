"""How an offer moves through its life: what each answer does to it, as pure functions.

What people did is recorded in the order in which it happened, whatever the order in which it is told: an answer that
happened earlier than what is known already is kept, and moves nothing. What ends an offer stays. Two things win over
an end that only time or the bank brought about: a refusal, which protects the customer, and a yes to what the bank
had really asked.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from enum import Enum, auto

from graph_crm.decisions.kinds import OfferStatus, ResponseOutcome

FINAL = frozenset({OfferStatus.ACCEPTED, OfferStatus.REJECTED, OfferStatus.CANCELLED, OfferStatus.EXPIRED})
"""Where the life of an offer ends."""
ANSWERS = frozenset({OfferStatus.ACCEPTED, OfferStatus.REJECTED})
"""The ends that the customer brings about."""
UNTOLD = frozenset({OfferStatus.PROPOSED, OfferStatus.WAITING, OfferStatus.RESERVED})
"""Before anything was heard of the customer."""
OPEN = frozenset(OfferStatus) - FINAL
"""Everything that can still be answered, and expires."""
SEEN = frozenset({OfferStatus.PRESENTED, OfferStatus.CLICKED})
"""The customer heard or saw it, and has not answered."""
AGAIN = frozenset({OfferStatus.WAITING, OfferStatus.LATER, OfferStatus.NO_ANSWER})
"""Judged again when notBefore has come."""

_WEIGHT = {OfferStatus.PRESENTED: 0, OfferStatus.CLICKED: 1}
_MOST = 2


class Step(Enum):
    """What an answer does."""

    MOVES = auto()
    """It is recorded, and the offer stands where the answer says."""
    STAYS = auto()
    """It is recorded, and the offer stands where it stood."""
    KNOWN = auto()
    """The customer has said so before: nothing is recorded."""
    CONTRADICTS = auto()
    """The customer has said the opposite before: it is refused."""
    ENDED = auto()
    """The offer had ended before it happened: it is refused."""


@dataclass(frozen=True, slots=True)
class Standing:
    """Where an offer stands, read under its lock."""

    status: OfferStatus
    since: dt.datetime | None = None
    """When what the status says happened; None: not known, so long ago."""
    contacted: bool = False
    """Whether the bank has shown or told it to the customer."""


def step(standing: Standing, outcome: ResponseOutcome, at: dt.datetime) -> Step:  # noqa: PLR0911 - one return a rule
    """What the answer ``outcome`` does that happened ``at``."""
    status, now = standing.status, OfferStatus(outcome.value)
    if status in UNTOLD:
        return Step.MOVES
    if status in OPEN:
        if now in ANSWERS:
            return Step.MOVES
        return Step.MOVES if _newer(standing, now, at) else Step.STAYS
    earlier = standing.since is not None and at <= standing.since
    if now not in ANSWERS:
        return Step.STAYS if earlier else Step.ENDED
    if status in ANSWERS:
        return Step.KNOWN if now is status else Step.CONTRADICTS
    if now is OfferStatus.REJECTED or earlier or standing.contacted:
        return Step.MOVES
    return Step.ENDED


def _newer(standing: Standing, now: OfferStatus, at: dt.datetime) -> bool:
    if now is OfferStatus.PRESENTED and standing.status is OfferStatus.CLICKED:
        return False  # shown again: that the customer looked closer says more
    if standing.since is None:
        return True
    return (at, _WEIGHT.get(now, _MOST)) >= (standing.since, _WEIGHT.get(standing.status, _MOST))
