"""What is known of a customer's call, and what follows from it: pure functions, the same in any order of telling.

A switchboard repeats itself, and its signals overtake each other. So a signal is kept as a fact of its own, the
earliest of its kind counts, and where the call stands is worked out from all of them.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import NamedTuple

from graph_crm.calls.kinds import CallEnd, CallState

_RANK = {CallEnd.SERVED: 0, CallEnd.CALLBACK: 1, CallEnd.REQUEST: 2}


class Said(NamedTuple):
    """One signal: when it happened, and the texts that came with it."""

    at: dt.datetime
    text: str | None = None
    other: str | None = None


_NO_ENDS: Mapping[CallEnd, Said] = MappingProxyType({})


@dataclass(frozen=True, kw_only=True, slots=True)
class CallFacts:
    """What was told of a call. Instants are in UTC; what nobody told is None."""

    arrival: Said | None = None
    """With the caller's number (None: withheld) and the queue."""
    answer: Said | None = None
    """With the agent who answered."""
    abandoned: Said | None = None
    """The customer hung up before anybody answered."""
    ends: Mapping[CallEnd, Said] = field(default_factory=lambda: _NO_ENDS)
    """Each end that was told, with the note of the one who answered."""
    silent: dt.datetime | None = None
    """When the platform gave up waiting for another signal."""

    def told(self, other: CallFacts) -> CallFacts:
        """These facts and those of another signal. The order of signals makes no difference, nor do repeats."""
        ends = {
            end: said for end in CallEnd if (said := _first(facts.ends.get(end) for facts in (self, other))) is not None
        }
        merged = CallFacts(
            arrival=_first((self.arrival, other.arrival)),
            answer=_first((self.answer, other.answer)),
            abandoned=_first((self.abandoned, other.abandoned)),
            ends=MappingProxyType(ends),
        )
        # What is told after all takes back that there was silence.
        return replace(merged, silent=self.silent) if merged == replace(self, silent=None) else merged

    @property
    def number(self) -> str | None:
        """The caller's number; None: withheld, or not told yet."""
        return None if self.arrival is None else self.arrival.text

    @property
    def queue(self) -> str | None:
        """The queue that the call came to."""
        return None if self.arrival is None else self.arrival.other

    @property
    def end(self) -> CallEnd | None:
        """The end that counts: the one that was told of the latest instant."""
        return max(self.ends, key=lambda one: (self.ends[one].at, _RANK[one]), default=None)

    @property
    def note(self) -> str | None:
        """What the one who answered wrote down."""
        end = self.end
        return None if end is None else self.ends[end].text

    @property
    def ended_at(self) -> dt.datetime | None:
        """When the call was over."""
        end = self.end
        if end is not None:
            return self.ends[end].at
        if self.answer is None and self.abandoned is not None:
            return self.abandoned.at
        return self.silent

    @property
    def begun(self) -> dt.datetime | None:
        """When the call came in, as far as it is known."""
        if self.arrival is not None:
            return self.arrival.at
        known = (self.answer, self.abandoned, *self.ends.values())
        return min((one.at for one in known if one is not None), default=None)

    @property
    def wait(self) -> float | None:
        """Seconds for which the customer waited, until somebody answered or the customer gave up."""
        if self.arrival is None:
            return None
        over = None if self.answer is None else self.answer.at
        if over is None and self.hung_up:
            over = self.ended_at
        return None if over is None else max((over - self.arrival.at).total_seconds(), 0.0)

    @property
    def hung_up(self) -> bool:
        """Whether nobody answered and the customer is gone."""
        return self.answer is None and not self.ends and (self.abandoned is not None or self.silent is not None)

    @property
    def state(self) -> CallState:
        """Where the call stands, when all that follows from it is done. Without a number nobody can call back."""
        back = CallState.REQUEST if self.number is None else CallState.CALLBACK
        end = self.end
        if end is not None:
            return {CallEnd.SERVED: CallState.ENDED, CallEnd.CALLBACK: back, CallEnd.REQUEST: CallState.REQUEST}[end]
        if self.answer is not None:
            return CallState.ANSWERED if self.silent is None else CallState.ENDED
        return back if self.hung_up else CallState.WAITING

    @property
    def over(self) -> bool:
        """Whether nothing more is to come."""
        return self.state not in (CallState.WAITING, CallState.ANSWERED)


def _first(told: Iterable[Said | None]) -> Said | None:
    """The earliest signal of a kind; of several of one instant the one whose texts come first, a text before none."""
    known = [one for one in told if one is not None]
    return min(known, key=lambda one: (one.at, *((text is None, text or "") for text in one[1:])), default=None)
