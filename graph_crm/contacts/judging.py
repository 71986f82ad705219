"""All gates of contact policy together: what speaks against an approach, and when it may be made first."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass

from graph_crm.contacts.approach import Approach, Finding, Override
from graph_crm.contacts.calendar import contact_times
from graph_crm.contacts.cool_off import cool_off
from graph_crm.contacts.limits import limits
from graph_crm.contacts.permission import permission
from graph_crm.contacts.policy import ContactPolicy
from graph_crm.contacts.suppression import suppression
from graph_crm.rules.snapshot import Snapshot

HORIZON = dt.timedelta(days=3_660)
"""What is further away than this is not foreseeable."""


@dataclass(frozen=True, slots=True)
class Earliest:
    """When an approach may be made first, and which rule says so."""

    at: dt.datetime | None
    """None: not foreseeable."""
    because: Finding
    """The finding that binds: the last one that moved it, or the one that forbids it; allowed when nothing does."""
    pushed: tuple[str, ...] = ()
    """The gates that moved it, each once."""


class Judge:
    """The gates for one customer under one policy, for many approaches.

    Only the cool-off looks at the product: what the others say is worked out once for all products. ``overrides``:
    the approved ones, in force or not.
    """

    def __init__(self, snapshot: Snapshot, policy: ContactPolicy, overrides: Sequence[Override] = ()) -> None:
        self.snapshot = snapshot
        self._policy = policy
        self._overrides = overrides
        self._said: dict[tuple[object, ...], tuple[Finding, Finding, Finding, Finding]] = {}

    def judge(self, approach: Approach) -> list[Finding]:
        """What every gate says, in order: consent, suppression, cool_off, contact_limits, contact_times.

        Allowed is what all of them allow.
        """
        key = (
            approach.channel, approach.at, approach.end, approach.direction, approach.action_class, approach.purpose,
            approach.point,
        )  # fmt: skip
        if key not in self._said:
            self._said[key] = (
                permission(self.snapshot, approach, self._policy),
                suppression(self.snapshot, approach, self._policy),
                limits(self.snapshot, approach, self._policy, self._overrides),
                contact_times(self.snapshot, approach, self._policy),
            )
        consent, situation, often, when = self._said[key]
        return [consent, situation, cool_off(self.snapshot, approach, self._policy), often, when]

    def earliest(self, approach: Approach) -> Earliest:
        """The first instant from ``approach.at`` on at which every gate allows the approach, as long as it is.

        Each gate gives the first instant that it allows itself; the latest of them is tried again until nothing moves
        it.
        """
        at, because = approach.at, Finding(True, "NOTHING_AGAINST", "nothing speaks against it now")
        pushed: dict[str, None] = {}
        while True:
            against = [one for one in self.judge(approach.moved(at)) if not one.allowed]
            if not against:
                return Earliest(at, because, tuple(pushed))
            for one in against:
                if one.earliest is None or not at < one.earliest <= approach.at + HORIZON:
                    return Earliest(None, one, tuple(pushed))
            because = max(against, key=lambda one: one.earliest or at)
            pushed |= dict.fromkeys(one.gate for one in against)
            at = because.earliest or at


def judge(
    snapshot: Snapshot, approach: Approach, policy: ContactPolicy, overrides: Sequence[Override] = ()
) -> list[Finding]:
    """What every gate says about one approach, see `Judge.judge`."""
    return Judge(snapshot, policy, overrides).judge(approach)


def earliest(
    snapshot: Snapshot, approach: Approach, policy: ContactPolicy, overrides: Sequence[Override] = ()
) -> Earliest:
    """When one approach may be made first, see `Judge.earliest`."""
    return Judge(snapshot, policy, overrides).earliest(approach)
