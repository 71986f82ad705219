"""How often the bank may contact somebody: at most so many contacts in any so many days."""

from __future__ import annotations

import datetime as dt
import math
import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from graph_crm.errors import RuleError
from graph_crm.rules.conditions.base import one_of
from graph_crm.rules.snapshot import ACTION_CLASSES, CHANNELS, PURPOSES

SCOPES = ("customer", "household", "contact_point")
"""Whose contacts are counted together."""
COUNTED = ("contacts", "attempts")
"""Contacts: what reached somebody. Attempts: every try, a call that nobody answered included."""
LONGEST_DAYS = 3_660
MOST = 1_000
_MILLISECONDS_A_DAY = 86_400_000
_NAME = re.compile(r"[a-z][a-z0-9_]{0,63}")
_DIRECTIONS = ("OUTBOUND", None)


@dataclass(frozen=True, slots=True, kw_only=True)
class ContactLimit:
    """At most ``count`` contacts in any ``days`` days, of the kinds that it names.

    The days are a sliding window of 24 hours each and may be fractional (0.5 are 12 hours); a contact exactly
    ``days`` after another one is allowed. A limit binds promotional contacts that the bank begins; it may count others
    with them. An empty list of channels, classes or purposes means all of them. Raises RuleError for what makes no
    sense.
    """

    name: str
    """lower_snake_case; decisions and overrides name the limit by it."""
    count: int
    days: float
    scope: str = "customer"
    channels: tuple[str, ...] = ()
    direction: str | None = "OUTBOUND"
    """OUTBOUND counts what the bank began; None counts what the customer began, too."""
    classes: tuple[str, ...] = ("PROMOTIONAL",)
    purposes: tuple[str, ...] = ()
    counts: str = "contacts"
    """``contacts``, or ``attempts``: calls that nobody answered count, too."""

    def __post_init__(self) -> None:
        if not isinstance(self.name, str) or not _NAME.fullmatch(self.name):
            raise RuleError(
                f"A contact limit's name must be lower_snake_case, for example promotional_call; it is {self.name!r}."
            )
        if not _whole(self.count) or not 1 <= self.count <= MOST:
            raise RuleError(
                f"Limit {self.name}: count must be a whole number from 1 to {MOST}, not {self.count!r}.",
                hint="To forbid a contact altogether use a veto.",
            )
        if not _number(self.days) or not 0 < self.days <= LONGEST_DAYS:
            raise RuleError(
                f"Limit {self.name}: days must be a number above 0, at most {LONGEST_DAYS}, not {self.days!r}.",
                hint="For example 45, or 0.5 for twelve hours.",
            )
        one_of(f"Limit {self.name}: scope", self.scope, SCOPES)
        one_of(f"Limit {self.name}: counts", self.counts, COUNTED)
        self._words("channels", CHANNELS)
        self._words("classes", ACTION_CLASSES)
        self._words("purposes", PURPOSES)
        if self.direction not in _DIRECTIONS:
            raise RuleError(
                f"Limit {self.name}: direction must be OUTBOUND or left out (None), not {self.direction!r}.",
                hint="No limit binds what the customer begins; without a direction such contacts are counted, too.",
            )
        if self.classes and "PROMOTIONAL" not in self.classes:
            raise RuleError(
                f"Limit {self.name}: classes must name PROMOTIONAL.",
                hint="Transactional and mandatory contacts skip limits: without it the limit would bind nothing.",
            )

    @property
    def window(self) -> dt.timedelta:
        """The length of the window, in whole milliseconds."""
        return window(self.days)

    def covers(
        self, *, channel: str | None, direction: str | None, action_class: str | None, purpose: str | None
    ) -> bool:
        """Whether a contact of this kind is counted. What is not known about it is no excuse: it counts."""
        return (
            _fits(channel, self.channels, CHANNELS)
            and (self.direction is None or direction in (self.direction, None))
            and (not self.classes or (action_class or "PROMOTIONAL") in self.classes)
            and _fits(purpose, self.purposes, PURPOSES)
        )

    def as_json(self) -> dict[str, Any]:
        """As it enters the version of a policy."""
        return {
            "name": self.name,
            "count": self.count,
            "days": self.days,
            "scope": self.scope,
            "channels": list(self.channels),
            "direction": self.direction,
            "classes": list(self.classes),
            "purposes": list(self.purposes),
            "counts": self.counts,
        }

    def _words(self, name: str, allowed: tuple[str, ...]) -> None:
        given = getattr(self, name)
        if not isinstance(given, list | tuple):
            raise RuleError(f"Limit {self.name}: {name} must be a list of words, not {given!r}.")
        for one in given:
            one_of(f"Limit {self.name}: {name}", one, allowed)
        object.__setattr__(self, name, tuple(dict.fromkeys(given)))


@lru_cache(maxsize=1_024)
def window(days: float) -> dt.timedelta:
    """So many days of 24 hours, rounded up to whole milliseconds."""
    # 7 / 24 of a day are 25,200,000.000000004 milliseconds: what is that small is no part of a millisecond.
    return dt.timedelta(milliseconds=math.ceil(round(days * _MILLISECONDS_A_DAY, 3)))


def _whole(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _fits(value: str | None, wanted: tuple[str, ...], known: tuple[str, ...]) -> bool:
    """Whether ``value`` is wanted, or may be: a word that the platform does not know can hide anything."""
    return not wanted or value in wanted or value not in known
