"""How often: sliding windows over contacts and reservations, each taken as the interval in which it may happen.

A contact at s and one at t, s < t, are closer than D days just when t - D < s: the intervals (s - D, s] and
(t - D, t] overlap then. A reservation that may become a contact from a to b covers (a - D, b]. At most N contacts in
any D days, whenever the reservations become contacts, means: no instant is covered by more than N intervals. A sweep
over the sorted ends finds how many cover each instant, in O(n log n).
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

from graph_crm.contacts.approach import Approach, Finding, Override, meant_points
from graph_crm.contacts.policy import ContactPolicy
from graph_crm.rules.limits import ContactLimit, window
from graph_crm.rules.snapshot import Snapshot, Touch

GATE = "contact_limits"
_Span: TypeAlias = tuple[dt.datetime, dt.datetime, Touch]
_WHOSE: Mapping[str, str] = {
    "customer": "",
    "household": " for the household",
    "contact_point": " for the contact point",
}


def limits(
    snapshot: Snapshot, approach: Approach, policy: ContactPolicy, overrides: Sequence[Override] = ()
) -> Finding:
    """Whether one more contact keeps every limit, whatever reservation becomes a contact and when.

    Of several limits without room the one that makes the approach wait longest is told; ``earliest`` is when all of
    them have room. An override that is in force for the whole approach shortens the window of its limit.
    """
    if not approach.promotional or approach.inbound:
        return Finding(True, "LIMITS_SKIPPED", "limits bind only promotion that the bank begins", gate=GATE)
    if policy.limits_unknown:
        names = ", ".join(policy.limits_unknown)
        return Finding(
            False, "LIMITS_UNKNOWN", f"plugin {names} could not say its contact limits", {"plugin": names}, gate=GATE
        )
    counted = [_counted(one, snapshot, approach, overrides) for one in policy.limits if binds(one, approach)]
    uses = [one.use(approach.at) for one in counted]
    if all(one.allowed for one in uses):
        return Finding(
            True,
            "WITHIN_LIMITS",
            "every contact limit has room",
            {"limits": [one.as_json() for one in uses]},
            _once(one for use in uses for one in use.evidence),
            overrides=_helpers(counted, approach.at),
            gate=GATE,
        )
    full = [(one.first(approach.at), use) for one, use in zip(counted, uses, strict=True) if not use.allowed]
    binding, use = max(full, key=lambda one: one[0])
    first = first_fit(counted, binding)
    return Finding(
        False,
        "CONTACT_LIMIT",
        f"the limit {use.limit.name} has no room: {use.used} of {use.limit.count} within {use.days:g} days"
        + _WHOSE[use.limit.scope],
        {**use.as_json(), "earliest": first.isoformat(), "limits": [one.as_json() for one in uses]},
        use.evidence,
        first,
        _helpers(counted, first),
        GATE,
    )


def binds(limit: ContactLimit, approach: Approach) -> bool:
    """Whether the limit is about contacts such as the approach."""
    return limit.covers(
        channel=approach.channel,
        direction=approach.direction,
        action_class=approach.action_class,
        purpose=approach.purpose,
    )


def counts(limit: ContactLimit, touch: Touch) -> bool:
    """Whether the limit counts contacts of this kind and with this outcome, whomever they reached."""
    # Only a call can miss the customer: a message or a letter that nobody answered has reached somebody.
    if limit.counts == "contacts" and touch.outcome == "NO_ANSWER" and touch.channel == "PHONE":
        return False
    return limit.covers(
        channel=touch.channel,
        direction=touch.direction,
        action_class=touch.action_class,
        purpose=touch.purpose,
    )


def in_scope(limit: ContactLimit, touch: Touch, points: Sequence[str]) -> bool:
    """Whether the contact reached whom the limit protects: the customer, its household, one of these points."""
    if limit.scope == "customer":
        return touch.own
    if limit.scope == "household":
        return touch.own or touch.household
    return any(one in touch.points for one in points)


@dataclass(frozen=True, slots=True)
class Use:
    """How far a limit is used where an approach needs it."""

    limit: ContactLimit
    days: float
    """The window's days in force: the limit's own, or those of an override."""
    evidence: tuple[str, ...]
    """The contacts and reservations that are counted: the most that cover one instant of those the approach covers."""

    @property
    def used(self) -> int:
        """How many are counted, without the approach itself."""
        return len(self.evidence)

    @property
    def allowed(self) -> bool:
        """Whether there is room for one more."""
        return self.used < self.limit.count

    def as_json(self) -> dict[str, Any]:
        """The numbers for a trace; ``usual_days`` where an override shortened the window."""
        told = {"limit": self.limit.name, "used": self.used, "count": self.limit.count, "days": self.days}
        return told if self.days == self.limit.days else {**told, "usual_days": self.limit.days}


@dataclass(frozen=True, slots=True)
class Counted:
    """A limit with what it counts for one customer, and what may shorten it."""

    limit: ContactLimit
    touches: tuple[Touch, ...]
    length: dt.timedelta
    """How long the approach may take until it becomes a contact."""
    overrides: tuple[Override, ...] = ()
    """Those that name the limit and fit the customer and shorten the window."""

    def override(self, at: dt.datetime) -> Override | None:
        """The override in force for an approach begun at ``at``: the one with the shortest window."""
        if not self.overrides:
            return None
        found = [one for one in self.overrides if one.in_force(at, at + self.length)]
        return min(found, key=lambda one: (one.days, one.id), default=None)

    def days(self, at: dt.datetime) -> float:
        """The window's days for an approach begun at ``at``."""
        found = self.override(at)
        return self.limit.days if found is None else found.days

    def plain(self) -> Counted:
        """The same without overrides."""
        return replace(self, overrides=())

    def use(self, at: dt.datetime) -> Use:
        """What is counted against an approach begun at ``at``."""
        days = self.days(at)
        begin, end = at - window(days), at + self.length
        spans = [
            (max(span[0], begin), span[1], span[2]) for span in self._spans(at) if span[0] < end and span[1] > begin
        ]
        if len(spans) > 1:
            _, where = max((depth, position) for position, depth in _depths(spans))
            spans = [span for span in spans if span[0] <= where < span[1]]
        return Use(self.limit, days, tuple(one.id for _, _, one in spans))

    def first(self, at: dt.datetime) -> dt.datetime:
        """The first instant from ``at`` on at which the approach, as long as it is, has room.

        What is counted, and in which window, changes at known instants only; between two of them the approach must
        keep clear of every stretch that is covered as often as the limit allows.
        """
        for turn in self._turns(at):
            found = self._clear_of_full(at)
            if found < turn:
                return found
            at = turn
        return self._clear_of_full(at)

    def _turns(self, at: dt.datetime) -> list[dt.datetime]:
        """When, after ``at``, the count or the window changes."""
        found = {one.call_back_at for one in self.touches if one.call_back_at is not None and one.outcome == "LATER"}
        for one in self.overrides:
            found |= {one.since, one.until - self.length}
        return sorted(one for one in found if one > at)

    def _spans(self, at: dt.datetime) -> list[_Span]:
        """What each contact covers, for an approach begun at ``at``: without its beginning, with its end.

        A customer who asked to be called again has no claim to rest from that day on: the contact is not counted. It
        stays a try, and it counts for whoever else the limit protects.
        """
        width = window(self.days(at))
        return [
            (one.at - width, max(one.at, one.until), one)
            for one in self.touches
            if one.call_back_at is None or one.call_back_at > at or not self._frees(one)
        ]

    def _frees(self, touch: Touch) -> bool:
        """Whether the contact stops counting on the day for which the customer asked to be called again."""
        return touch.outcome == "LATER" and touch.own and self.limit.counts == "contacts"

    def _clear_of_full(self, at: dt.datetime) -> dt.datetime:
        spans = self._spans(at)
        if len(spans) < self.limit.count:
            return at
        width = window(self.days(at))
        full_since = None
        for position, depth in _depths(spans):
            if depth >= self.limit.count:
                full_since = position if full_since is None else full_since
            elif full_since is not None:
                # Full from full_since (without) to position (with); the approach covers (at - width, at + length].
                if full_since < at + self.length and position > at - width:
                    at = position + width
                full_since = None
        return at


def first_fit(counted: Sequence[Counted], at: dt.datetime) -> dt.datetime:
    """The first instant from ``at`` on at which all of them have room."""
    while True:
        found = max((one.first(at) for one in counted), default=at)
        if found == at:
            return at
        at = found


def _counted(limit: ContactLimit, snapshot: Snapshot, approach: Approach, overrides: Sequence[Override]) -> Counted:
    points = meant_points(snapshot, approach)
    segment = snapshot.party.segment
    return Counted(
        limit,
        tuple(one for one in snapshot.touches if counts(limit, one) and in_scope(limit, one, points)),
        approach.length,
        tuple(one for one in overrides if one.fits(limit.name, segment) and 0 < one.days < limit.days),
    )


def _depths(spans: Sequence[_Span]) -> list[tuple[dt.datetime, int]]:
    """How many spans cover the instants just after each end of one, in order of time."""
    changes: dict[dt.datetime, int] = {}
    for start, end, _ in spans:
        changes[start] = changes.get(start, 0) + 1
        changes[end] = changes.get(end, 0) - 1
    depth, found = 0, []
    for position in sorted(changes):
        depth += changes[position]
        found.append((position, depth))
    return found


def _helpers(counted: Sequence[Counted], at: dt.datetime) -> tuple[str, ...]:
    """The overrides without which their limit would have no room at ``at``."""
    found = [(one, one.override(at)) for one in counted]
    return _once(used.id for one, used in found if used is not None and not one.plain().use(at).allowed)


def _once(items: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(items))
