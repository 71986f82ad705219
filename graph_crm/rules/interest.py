"""Interest: what counts as a look at a product or service, and how a look fades. Rules and recorders share it.

A look weighs so much when it happens and half of it after a half-life. The score of a customer at an instant is the sum
of what is left of the looks until then; looks older than ten half-lives (less than a thousandth is left) count no more.
Because sums of fading looks do not depend on the order in which looks arrive, neither does a score.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

HALF_LIFE_DAYS = 30
"""After so many days half of a look is left, where nobody says otherwise."""
HALF_LIVES = 10
"""A look older than so many half-lives counts no more."""
LOOKS_A_DAY = 100
"""So many looks of a customer at one product weigh in a day; further ones (a robot's) are counted only."""
NEAR = 1e-9
"""Two scores so near are equal: the database and Python may round the last digit of a power differently."""

_VIEW, _STARTED, _ABANDONED = "VIEW", "STARTED", "ABANDONED"
_KINDS: Mapping[str, tuple[str, str, float]] = MappingProxyType(
    {
        "product_page_view": ("productCode", _VIEW, 1.0),
        "page_view": ("serviceCode", _VIEW, 1.0),
        "application_started": ("productCode", _STARTED, 3.0),
        "application_abandoned": ("productCode", _ABANDONED, 1.0),
    }
)
"""By type of event: where the payload names the product or service, what kind of look it is, what it weighs."""

EVENTS = tuple(_KINDS)
"""The types of events that may be looks."""


@dataclass(frozen=True, slots=True)
class Look:
    """One time that the customer showed interest in a product or service."""

    product: str
    """Code of the product or service."""
    family: str | None
    """Code of its family; None: the catalogue does not have it."""
    at: dt.datetime
    weight: float = 1.0
    """What it counted when it happened."""


@dataclass(frozen=True, slots=True)
class Counted:
    """What an event says about interest: the code, VIEW, STARTED or ABANDONED, and the weight."""

    code: str
    kind: str
    weight: float


def counted(event_type: str, payload: Mapping[str, Any]) -> Counted | None:
    """What an event counts as; None: it says nothing about interest (a page that belongs to no service)."""
    found = _KINDS.get(event_type)
    if found is None:
        return None
    name, kind, weight = found
    code = payload.get(name)
    return Counted(code, kind, weight) if isinstance(code, str) and code else None


def window(half_life_days: int) -> dt.timedelta:
    """How far back looks count."""
    return dt.timedelta(days=HALF_LIVES * half_life_days)


def score(looks: Iterable[Look], now: dt.datetime, half_life_days: int) -> float:
    """What is left at ``now`` of the looks until then."""
    half_life = dt.timedelta(days=half_life_days)
    earliest = now - window(half_life_days)
    return float(sum(one.weight * 2.0 ** ((one.at - now) / half_life) for one in looks if earliest <= one.at <= now))
