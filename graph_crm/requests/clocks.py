"""The clocks of a request, computed from its log and never stored as a sum. Pure functions.

Two clocks run in business time. FIRST_RESPONSE begins with the request and ends when the bank answers or asks the
customer something; a request that was closed without a word and opened again still owes it, without the time in which
it was closed. RESOLUTION begins with the request, or anew when it is opened again; it stands still from an answer
or a question on until the log says RESUMED or REOPENED, and so it ends with the last answer. Targets are those of the
category: the newest entry that carries them holds for the whole clock, and what was told of a shorter one before is
not told of it.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Protocol

from graph_crm.requests.hours import BusinessCalendar
from graph_crm.requests.kinds import ClockKind, EntryKind

_RUN = frozenset({EntryKind.OPENED, EntryKind.RESUMED, EntryKind.REOPENED})
_STAND = frozenset({EntryKind.WAITING, EntryKind.ANSWERED, EntryKind.CLOSED})
_BEGIN = frozenset({EntryKind.OPENED, EntryKind.REOPENED})
_RESPOND = frozenset({EntryKind.WAITING, EntryKind.ANSWERED})
_NOTHING: Mapping[str, Any] = MappingProxyType({})


@dataclass(frozen=True, kw_only=True)
class LogEntry:
    """One entry of a log, as far as clocks look at it: what, when, and the data that it carries."""

    kind: EntryKind
    at: dt.datetime
    data: Mapping[str, Any] = field(default_factory=lambda: _NOTHING)


@dataclass(frozen=True, kw_only=True)
class Clock:
    """One clock at one instant. All times are business time of the request's calendar."""

    kind: ClockKind
    round: int
    """How often the request had been opened again when this clock began."""
    target: dt.timedelta
    elapsed: dt.timedelta
    running: bool
    ended_at: dt.datetime | None
    """When it stopped; None while it runs. A clock of RESOLUTION may go on after it."""
    due: dt.datetime
    """When the target is used up: as it runs on, or would if it ran on now."""
    warn_at: dt.datetime
    """When it is time to warn, in the same sense."""
    warned: bool
    """Whether the log says that a warning was given, of this target or a longer one."""
    breached: bool
    """Whether the log says that this target, or a longer one, was missed."""

    @property
    def late(self) -> bool:
        """Whether more than the target is used up."""
        return self.elapsed > self.target


@dataclass(frozen=True, kw_only=True)
class Clocks:
    """Both clocks of a request at one instant."""

    first_response: Clock
    resolution: Clock

    @property
    def both(self) -> tuple[Clock, Clock]:
        """The clocks, the first response first."""
        return self.first_response, self.resolution

    def next_alarm(self) -> dt.datetime | None:
        """When a running clock will have to be warned of, or be breached, next; None: no clock runs towards it."""
        wanted = [
            at
            for clock in self.both
            if clock.running and not clock.breached
            for at in ([clock.due] if clock.warned else [clock.warn_at, clock.due])
        ]
        return min(wanted, default=None)

    def alarms(self, now: dt.datetime) -> list[tuple[EntryKind, Clock]]:
        """What is to be logged at ``now``: BREACHED, or else WARNED, once for each clock."""
        found: list[tuple[EntryKind, Clock]] = []
        for clock in self.both:
            if not clock.running or clock.breached:
                continue
            if now >= clock.due:
                found.append((EntryKind.BREACHED, clock))
            elif now >= clock.warn_at and not clock.warned:
                found.append((EntryKind.WARNED, clock))
        return found


class Calendars(Protocol):
    """Where business hours come from: `graph_crm.requests.desk.Desk`."""

    @property
    def warn_at(self) -> float:
        """The part of a target after which it is time to warn."""

    def calendar(self, country: str | None, *, always: bool = False) -> BusinessCalendar:
        """The business hours of a country."""


def targets_data(first_response: dt.timedelta, resolution: dt.timedelta, *, always: bool) -> dict[str, Any]:
    """What an entry OPENED or SORTED carries of its targets; minutes of business time."""
    return {
        "firstResponse": round(first_response / dt.timedelta(minutes=1)),
        "resolution": round(resolution / dt.timedelta(minutes=1)),
        "always": always,
    }


def alarm_data(clock: Clock) -> dict[str, Any]:
    """What an entry WARNED or BREACHED carries: which clock it is about."""
    return {"clock": clock.kind.value, "round": clock.round, "due": clock.due.isoformat()}


def measure(log: Sequence[LogEntry], calendars: Calendars, now: dt.datetime) -> Clocks:
    """Both clocks of a request at ``now``, from its whole log in order.

    Raises ValueError where the log does not begin with OPENED.
    """
    if not log or log[0].kind is not EntryKind.OPENED:
        raise ValueError("the log of a request begins with OPENED")
    targets = _targets(log)
    calendar = calendars.calendar(log[0].data.get("country"), always=bool(targets.get("always")))
    last_round = sum(one.kind is EntryKind.REOPENED for one in log)
    begin = max(place for place, one in enumerate(log) if one.kind in _BEGIN)

    def clock(kind: ClockKind, round_: int, minutes: float, spans: list[_Span], over: dt.datetime | None) -> Clock:
        target = dt.timedelta(minutes=minutes)
        elapsed = sum((calendar.between(start, end) for start, end in spans), dt.timedelta())
        told = {one.kind for one in told_of(log, kind) if one.data.get("round") == round_}
        running = over is None
        # A clock that runs is projected from where it began to run last, so that the instant does not wander with now.
        since, before = (spans[-1][0], elapsed - calendar.between(*spans[-1])) if running else (now, elapsed)
        return Clock(
            kind=kind,
            round=round_,
            target=target,
            elapsed=elapsed,
            running=running,
            ended_at=over,
            due=calendar.after(since, target - before),
            warn_at=calendar.after(since, target * calendars.warn_at - before),
            warned=EntryKind.WARNED in told,
            breached=EntryKind.BREACHED in told,
        )

    first, ended = _running(_to_first_response(log), now)
    spans, over = _running(log[begin:], now)
    return Clocks(
        first_response=clock(
            ClockKind.FIRST_RESPONSE, 0, targets.get(_TARGET[ClockKind.FIRST_RESPONSE], 0), first, ended
        ),
        resolution=clock(ClockKind.RESOLUTION, last_round, targets.get(_TARGET[ClockKind.RESOLUTION], 0), spans, over),
    )


def told_of(log: Sequence[LogEntry], kind: ClockKind) -> list[LogEntry]:
    """What the log tells of a clock (WARNED, BREACHED, of any round) that holds for the target of now.

    What was told of a shorter target, before the request came into another category, does not.
    """
    now = _targets(log)
    name = _TARGET[kind]
    then: Mapping[str, Any] = _NOTHING
    found = []
    for one in log:
        then = _targets([one]) or then
        if one.data.get("clock") == kind.value and (
            bool(then.get("always")) == bool(now.get("always")) and then.get(name, 0) >= now.get(name, 0)
        ):
            found.append(one)
    return found


_Span = tuple[dt.datetime, dt.datetime]
_TARGET: Mapping[ClockKind, str] = MappingProxyType(
    {ClockKind.FIRST_RESPONSE: "firstResponse", ClockKind.RESOLUTION: "resolution"}
)


def _to_first_response(log: Sequence[LogEntry]) -> Iterable[LogEntry]:
    """The entries by which the first response is measured: to the bank's first word, RESUMED has no part in it."""
    for one in log:
        if one.kind is not EntryKind.RESUMED:
            yield one
        if one.kind in _RESPOND:
            return


def _targets(log: Iterable[LogEntry]) -> Mapping[str, Any]:
    found: Mapping[str, Any] = _NOTHING
    for one in log:
        if "resolution" in one.data and "firstResponse" in one.data:
            found = one.data
    return found


def _running(log: Iterable[LogEntry], now: dt.datetime) -> tuple[list[_Span], dt.datetime | None]:
    """When the resolution clock ran, and when it stopped; None: it runs still."""
    spans: list[_Span] = []
    since: dt.datetime | None = None
    over: dt.datetime | None = None
    for one in log:
        if one.kind in _RUN and since is None:
            since, over = one.at, None
        elif one.kind in _STAND and since is not None:
            spans.append((since, one.at))
            since, over = None, one.at
    if since is not None:
        spans.append((since, now))
    return spans, over
