"""What a plugin imports to say who answers a service request, and what happens when it comes too late."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from graph_crm.errors import RuleError
from graph_crm.rules.results import CODE, LONGEST_SENTENCE

PRIORITIES = ("LOW", "NORMAL", "HIGH", "URGENT")
_NOTHING: Mapping[str, Any] = MappingProxyType({})


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestFacts:
    """A request as plugins see it."""

    id: str
    kind: str
    """REQUEST or COMPLAINT."""
    category: str | None
    """Code of the category; None: nobody could say."""
    team: str
    skill: str | None
    priority: str
    channel: str
    language: str
    country: str
    subject: str
    text: str
    source: str | None = None
    party: str | None = None
    """Identifier of the customer; None: somebody whom the bank does not know."""
    segment: str | None = None
    vulnerable: bool = False
    product: str | None = None
    severity: str | None = None
    owner: str | None = None
    """Identifier of the employee who answers for it, where there is one already."""
    opened_at: dt.datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """An employee who could be given a request: here now, and at work."""

    id: str
    team: str | None
    role: str
    """AGENT, SPECIALIST or SUPERVISOR."""
    skills: frozenset[str]
    languages: frozenset[str]
    load: float
    """Open requests over capacity: 1.0 is a full load."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """Where one request should go: to an employee, or to whoever has room in a team with a skill."""

    request: str
    """Identifier of the request (`RequestFacts.id`)."""
    employee: str | None = None
    team: str | None = None
    skill: str | None = None
    priority: str | None = None
    reason: str = ""
    """Why, in words; stands in the log of the request."""

    def __post_init__(self) -> None:
        for name, value in (("team", self.team), ("skill", self.skill)):
            if value is not None and not (isinstance(value, str) and CODE.match(value)):
                raise RuleError(f"Route: {name} must be a code, for example CARDS, not {value!r}.")
        _priority("Route", self.priority)
        _sentence("Route", self.reason)


@dataclass(frozen=True, slots=True, kw_only=True)
class Breach:
    """A target that was missed."""

    request: RequestFacts
    number: str
    clock: str
    """FIRST_RESPONSE or RESOLUTION."""
    due: dt.datetime
    """Until when it should have been."""
    at: dt.datetime
    data: Mapping[str, Any] = field(default_factory=lambda: _NOTHING)


@dataclass(frozen=True, slots=True, kw_only=True)
class BreachAction:
    """What is to be done about a breach, beside putting the request before the supervisor.

    ``note`` is written into the log, ``priority`` raises the request, ``tell`` are mail addresses of people of the
    bank who are told.
    """

    request: str
    note: str = ""
    priority: str | None = None
    tell: tuple[str, ...] | list[str] = ()

    def __post_init__(self) -> None:
        _priority("BreachAction", self.priority)
        _sentence("BreachAction", self.note)
        if isinstance(self.tell, str) or not all(isinstance(one, str) and "@" in one for one in self.tell):
            raise RuleError(f"BreachAction: tell must be a list of mail addresses, not {self.tell!r}.")
        object.__setattr__(self, "tell", tuple(self.tell))


def _priority(what: str, value: object) -> None:
    if value is not None and value not in PRIORITIES:
        raise RuleError(f"{what}: priority {value!r} is not known.", hint=f"One of: {', '.join(PRIORITIES)}.")


def _sentence(what: str, value: object) -> None:
    if not isinstance(value, str) or len(value) > LONGEST_SENTENCE or not value.isprintable():
        raise RuleError(f"{what}: words are one line of at most {LONGEST_SENTENCE} characters.")
