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


def judge(
    snapshot: Snapshot, approach: Approach, policy: ContactPolicy, overrides: Sequence[Override] = ()
) -> list[Finding]:
    """What every gate says, in order: consent, suppression, cool_off, contact_limits, contact_times.

    Allowed is what all of them allow. ``overrides``: the approved ones, in force or not.
    """
    return [
        permission(snapshot, approach, policy),
        suppression(snapshot, approach, policy),
        cool_off(snapshot, approach, policy),
        limits(snapshot, approach, policy, overrides),
        contact_times(snapshot, approach, policy),
    ]


def earliest(
    snapshot: Snapshot, approach: Approach, policy: ContactPolicy, overrides: Sequence[Override] = ()
) -> Earliest:
    """The first instant from ``approach.at`` on at which every gate allows the approach, as long as it is.

    Each gate gives the first instant that it allows itself; the latest of them is tried again until nothing moves it.
    """
    at, because = approach.at, Finding(True, "NOTHING_AGAINST", "nothing speaks against it now")
    pushed: list[str] = []
    while True:
        against = [one for one in judge(snapshot, approach.moved(at), policy, overrides) if not one.allowed]
        for one in against:
            if one.earliest is None or not at < one.earliest <= approach.at + HORIZON:
                return Earliest(None, one, tuple(dict.fromkeys(pushed)))
        if not against:
            return Earliest(at, because, tuple(dict.fromkeys(pushed)))
        because = max(against, key=lambda one: one.earliest or at)
        pushed += [one.gate for one in against]
        at = because.earliest or at
