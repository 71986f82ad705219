"""The question that contact policy answers - may the bank approach this customer in this way - and its answers."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import KW_ONLY, dataclass, field, replace
from types import MappingProxyType
from typing import Any

from graph_crm.errors import RuleError
from graph_crm.rules.conditions.base import one_of
from graph_crm.rules.snapshot import ACTION_CLASSES, CHANNELS, PURPOSES, PointFact, Snapshot, ticked

DIRECTIONS = ("OUTBOUND", "INBOUND")
PURPOSE_OF: Mapping[str, str] = MappingProxyType(
    {"PROMOTIONAL": "MARKETING", "TRANSACTIONAL": "SERVICE", "MANDATORY": "SERVICE"}
)
"""What a contact of a class is for when nothing else is said."""
POINT_KIND: Mapping[str, str] = MappingProxyType({"PHONE": "PHONE", "SMS": "PHONE", "EMAIL": "EMAIL", "PUSH": "PUSH"})
"""The kind of contact point that a channel needs; the other channels need none."""
_NOTHING: Mapping[str, Any] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Approach:
    """One contact that the bank thinks of: how, what for, about what, and when.

    It is an interval: the contact will be made at some instant from ``at`` to ``until``, both included (a reservation
    with its time to live); without ``until`` it is the one instant. Raises RuleError for words that are not known and
    ValueError for an instant without a time zone.
    """

    channel: str
    _: KW_ONLY
    at: dt.datetime
    until: dt.datetime | None = None
    direction: str = "OUTBOUND"
    action_class: str = "PROMOTIONAL"
    purpose: str | None = None
    """What consent is asked for; not given: what fits the class (`PURPOSE_OF`)."""
    product: str | None = None
    """None: it is about no product."""
    family: str | None = None
    """The product's family. Give it with every product: a family that is not known may be the refused one."""
    point: str | None = None
    """Key of the contact point. Not given though the channel needs one: any of the customer's may be used."""

    def __post_init__(self) -> None:
        one_of("Approach: channel", self.channel, CHANNELS)
        one_of("Approach: direction", self.direction, DIRECTIONS)
        one_of("Approach: action_class", self.action_class, ACTION_CLASSES)
        object.__setattr__(self, "purpose", self.purpose or PURPOSE_OF[self.action_class])
        one_of("Approach: purpose", self.purpose or "", PURPOSES)
        object.__setattr__(self, "at", ticked(self.at))
        object.__setattr__(self, "until", self.at if self.until is None else ticked(self.until))
        if self.length < dt.timedelta():
            raise RuleError("Approach: until is before at.")

    @property
    def end(self) -> dt.datetime:
        """The last instant at which it may become a contact."""
        return self.at if self.until is None else self.until

    @property
    def length(self) -> dt.timedelta:
        """How long it may take until it becomes a contact."""
        return self.end - self.at

    def moved(self, at: dt.datetime) -> Approach:
        """The same approach begun at ``at``, as long as this one."""
        return replace(self, at=at, until=at + self.length)

    @property
    def promotional(self) -> bool:
        """Whether the bank wants to sell."""
        return self.action_class == "PROMOTIONAL"

    @property
    def mandatory(self) -> bool:
        """Whether the law demands it: nothing is asked then."""
        return self.action_class == "MANDATORY"

    @property
    def inbound(self) -> bool:
        """Whether the customer came to the bank: it is advice, not a disturbance."""
        return self.direction == "INBOUND"


@dataclass(frozen=True, slots=True)
class Finding:
    """What one gate of contact policy says about one approach."""

    allowed: bool
    code: str
    """Stable upper-case code of the reason."""
    reason: str
    """The reason as an English sentence without a full stop."""
    numbers: Mapping[str, Any] = field(default_factory=lambda: _NOTHING)
    """The numbers in it, JSON-safe."""
    evidence: tuple[str, ...] = ()
    """Identifiers of what it rests on: consents, contacts, reservations, responses, events, agreements."""
    earliest: dt.datetime | None = None
    """When not allowed: the first instant from ``at`` on at which this gate allows it; None: not foreseeable."""
    overrides: tuple[str, ...] = ()
    """Identifiers of the limit overrides without which it would say something else."""
    gate: str = ""
    """consent, suppression, cool_off, contact_limits or contact_times."""

    def as_json(self) -> dict[str, Any]:
        """As it is kept in a decision's trace; what is empty is left out."""
        told: dict[str, Any] = {
            "gate": self.gate,
            "allowed": self.allowed,
            "code": self.code,
            "reason": self.reason,
        }
        if self.numbers:
            told["numbers"] = dict(self.numbers)
        if self.evidence:
            told["evidence"] = list(self.evidence)
        if self.earliest is not None:
            told["earliest"] = self.earliest.isoformat()
        if self.overrides:
            told["overrides"] = list(self.overrides)
        return told


@dataclass(frozen=True, slots=True)
class Override:
    """A limit shortened for some time, asked by one person and approved by another."""

    id: str
    limit: str
    """Name of the limit."""
    segment: str | None
    """Only customers of this segment; None: all."""
    days: float
    """The window's days instead of the limit's own; it never makes a window longer."""
    since: dt.datetime
    until: dt.datetime
    """The first instant at which it is no longer in force."""
    reason: str = ""

    def fits(self, limit: str, segment: str | None) -> bool:
        """Whether it is about this limit and customers of this segment."""
        return self.limit == limit and self.segment in (None, segment)

    def in_force(self, at: dt.datetime, until: dt.datetime) -> bool:
        """Whether it is in force for a contact made at any instant from ``at`` to ``until``."""
        return self.since <= at and until < self.until


def points_for(snapshot: Snapshot, channel: str) -> tuple[PointFact, ...]:
    """The customer's contact points that ``channel`` can use, the preferred first; none where it needs none."""
    kind = POINT_KIND.get(channel)
    return tuple(one for one in snapshot.points if one.kind == kind) if kind else ()


def meant_points(snapshot: Snapshot, approach: Approach) -> tuple[str, ...]:
    """Keys of the contact points that ``approach`` may go to: the one it names, else every one that fits."""
    if approach.point is not None:
        return (approach.point,)
    return tuple(one.key for one in points_for(snapshot, approach.channel))
