"""How: the first channel and contact point of a proposal by which the customer may be approached."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from graph_crm.contacts.approach import POINT_KIND, Approach, Finding, Override, points_for
from graph_crm.contacts.calendar import GATE as TIMES
from graph_crm.contacts.judging import Judge
from graph_crm.contacts.policy import ContactPolicy
from graph_crm.rules.snapshot import Snapshot


@dataclass(frozen=True, slots=True)
class Try:
    """One way by which the customer might be approached."""

    channel: str
    point: str | None
    at: dt.datetime | None
    """When it may be used first; None: not foreseeable."""
    findings: tuple[Finding, ...]
    """What each gate says about the approach at the time that was asked about."""
    because: Finding
    """The finding that binds, see `Earliest`."""
    pushed: tuple[str, ...] = ()
    """The gates that moved it away from the time that was asked about."""

    @property
    def allowed(self) -> bool:
        """Whether it may be used now, or as soon as the hours allow."""
        return self.at is not None and set(self.pushed) <= {TIMES}

    def as_json(self) -> dict[str, Any]:
        """As it is kept in a decision's trace."""
        return {
            "channel": self.channel,
            "point": self.point,
            "at": None if self.at is None else self.at.isoformat(),
            "allowed": self.allowed,
            "findings": [one.as_json() for one in self.findings],
            "because": self.because.as_json(),
            "pushed": list(self.pushed),
        }


@dataclass(frozen=True, slots=True)
class Way:
    """The way that was chosen, and all that were tried."""

    chosen: Try
    tried: tuple[Try, ...]

    @property
    def channel(self) -> str:
        """The channel that was chosen."""
        return self.chosen.channel

    @property
    def point(self) -> str | None:
        """Key of the contact point that was chosen; None: the channel needs none, or there is none."""
        return self.chosen.point

    @property
    def at(self) -> dt.datetime | None:
        """When it may be used first; None: not foreseeable."""
        return self.chosen.at

    @property
    def findings(self) -> tuple[Finding, ...]:
        """What each gate says about it."""
        return self.chosen.findings

    @property
    def because(self) -> Finding:
        """The finding that binds it."""
        return self.chosen.because

    @property
    def allowed(self) -> bool:
        """Whether it may be used now, or as soon as the hours allow."""
        return self.chosen.allowed


def best_way(
    snapshot: Snapshot,
    channels: Sequence[str],
    approach: Approach,
    policy: ContactPolicy,
    overrides: Sequence[Override] = (),
    *,
    judge: Judge | None = None,
) -> Way:
    """The first way by which ``approach`` may be made: its channel and point are replaced by each of the ways in turn.

    Ways are the channels in order, each with the customer's contact points, the preferred first. The first that is
    allowed now, or only has to wait for its hours, is taken; if there is none, the one that may be used first; if none
    is foreseeable, the first. ``channels`` must not be empty. ``judge``: that of the customer, where there is one.
    """
    by = judge or Judge(snapshot, policy, overrides)
    tried = tuple(
        _try(by, replace(approach, channel=channel, point=point))
        for channel in channels
        for point in _points(snapshot, channel, approach)
    )
    chosen = next((one for one in tried if one.allowed), None)
    if chosen is None:
        foreseeable = [one for one in tried if one.at is not None]
        chosen = min(foreseeable, key=lambda one: one.at or approach.at, default=tried[0])
    return Way(chosen, tried)


def _points(snapshot: Snapshot, channel: str, approach: Approach) -> Sequence[str | None]:
    if approach.inbound or channel not in POINT_KIND:
        return (None,)
    return [one.key for one in points_for(snapshot, channel)] or (None,)


def _try(judge: Judge, approach: Approach) -> Try:
    first = judge.earliest(approach)
    findings = tuple(judge.judge(approach))
    return Try(approach.channel, approach.point, first.at, findings, first.because, first.pushed)
