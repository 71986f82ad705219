"""The course of a session, worked out from what is known of it, in whatever order that came in.

Instants are epoch milliseconds. Nothing here reads or writes: the same facts give the same session.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

from graph_crm.sessions.kinds import SessionKind, SessionState

MOST_STEPS = 1_000
"""So many tabs, and so many operations, are kept with a session, the first ones; its events are kept anyway."""


class Step(NamedTuple):
    """A tab that was opened, or an operation that was done."""

    at: int
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """What is known of a session."""

    id: str
    party_id: str
    kind: SessionKind
    state: SessionState = SessionState.OPEN
    started_at: int
    start_told: bool = False
    """Whether somebody told its start; otherwise it starts with the first thing seen."""
    last_seen_at: int
    ended_at: int | None = None
    channel: str | None = None
    place: str | None = None
    device: str | None = None
    source: str | None = None
    tabs: tuple[Step, ...] = ()
    operations: tuple[Step, ...] = ()
    events: int = 0
    """How many events it includes."""

    @property
    def seconds(self) -> int | None:
        """How long it lasted, in whole seconds; None while it is open."""
        return None if self.ended_at is None else max(0, self.ended_at - self.started_at) // 1000


def with_steps(session: Session, tabs: Iterable[Step], operations: Iterable[Step], *, idle: int, now: int) -> Session:
    """The session with more steps, each in its place; ``idle`` milliseconds without any end a session."""
    new_tabs, new_operations = tuple(tabs), tuple(operations)
    made = replace(
        session,
        tabs=session.tabs + new_tabs,
        operations=session.operations + new_operations,
        events=session.events + len(new_tabs) + len(new_operations),
    )
    # Judged with all of them: what is not kept of a long session has been seen nevertheless.
    made = judged(made, idle=idle, now=now)
    return replace(made, tabs=_first(made.tabs), operations=_first(made.operations))


def judged(session: Session, *, idle: int, now: int) -> Session:
    """The session with its start, its last sign of life and its state, by the steps that are known.

    A step after a pause of ``idle`` or more belongs to the session and extends nothing, and so does one after its end.
    """
    times = sorted(step.at for step in (*session.tabs, *session.operations))
    if not session.start_told:
        times = times or [session.started_at]
        session = replace(session, started_at=min(times[0], session.started_at) if _cut(session) else times[0])
    if session.state is SessionState.ENDED:
        end = session.started_at if session.ended_at is None else max(session.ended_at, session.started_at)
        seen = [at for at in times if session.started_at <= at <= end]
        return replace(session, last_seen_at=max(seen, default=session.started_at), ended_at=end)
    last = _last_seen(session, times, idle)
    if now - last >= idle:
        return replace(session, last_seen_at=last, state=SessionState.TIMED_OUT, ended_at=last)
    return replace(session, last_seen_at=last, state=SessionState.OPEN, ended_at=None)


def ended(session: Session, at: int) -> Session:
    """The session as somebody ends it; one that was ended before stays as it is."""
    if session.state is SessionState.ENDED:
        return session
    return judged(replace(session, state=SessionState.ENDED, ended_at=at), idle=0, now=at)


def _last_seen(session: Session, times: Sequence[int], idle: int) -> int:
    # Of a session with more steps than are kept, what was seen last stands for those that are not known any more.
    last = max(session.started_at, session.last_seen_at) if _cut(session) else session.started_at
    for at in times:
        if at - last >= idle:
            break
        last = max(last, at)
    return last


def _cut(session: Session) -> bool:
    return len(session.tabs) >= MOST_STEPS or len(session.operations) >= MOST_STEPS


def _first(steps: Sequence[Step]) -> tuple[Step, ...]:
    return tuple(sorted(steps)[:MOST_STEPS])
