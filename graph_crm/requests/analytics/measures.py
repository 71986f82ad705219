"""What is counted of requests, as sums that take one request after the other and need little room. Pure functions."""

from __future__ import annotations

import datetime as dt
import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from graph_crm.requests.clocks import Calendars, Clock, LogEntry, measure, told_of
from graph_crm.requests.complaints.complaints import NOTHING_FOUND
from graph_crm.requests.kinds import EntryKind, RequestKind, RequestOutcome, RequestStatus

EXACT_SECONDS = 4 * 3600
"""Times up to this are kept in whole seconds, longer ones in whole minutes: so there are never many different ones."""
_FOLLOW_UP = frozenset({EntryKind.CUSTOMER_WROTE, EntryKind.WAITING, EntryKind.REOPENED})


@dataclass(frozen=True, kw_only=True)
class Fact:
    """One request with its log, as far as it is counted."""

    id: str
    opened_at: dt.datetime
    kind: RequestKind
    status: RequestStatus
    log: Sequence[LogEntry]
    category: str | None = None
    product: str | None = None
    party: str | None = None
    channel: str | None = None
    team: str | None = None
    owner: str | None = None
    severity: str | None = None
    outcome: RequestOutcome | None = None
    root_cause: str | None = None
    survey: int | None = None


@dataclass(frozen=True, slots=True)
class Summary:
    """Durations in words of statistics: seconds of business time. Percentiles are by the nearest rank."""

    count: int
    mean: float | None
    p50: int | None
    p90: int | None
    p95: int | None
    longest: int | None


class Durations:
    """Durations, counted by value: exact percentiles in room that does not grow with the number of requests."""

    def __init__(self) -> None:
        self._values: Counter[int] = Counter()
        self._sum = 0

    def add(self, span: dt.timedelta) -> None:
        """Count a duration."""
        seconds = round(span.total_seconds())
        if seconds > EXACT_SECONDS:
            seconds = round(seconds / 60) * 60
        self._values[seconds] += 1
        self._sum += seconds

    def summary(self) -> Summary:
        """What they come to; no numbers where there are none."""
        count = self._values.total()
        if not count:
            return Summary(0, None, None, None, None, None)
        ordered = sorted(self._values.items())
        p50, p90, p95 = (_nearest(ordered, math.ceil(count * percent / 100)) for percent in (50, 90, 95))
        return Summary(count, self._sum / count, p50, p90, p95, ordered[-1][0])


def _nearest(ordered: Sequence[tuple[int, int]], rank: int) -> int:
    for value, count in ordered:
        rank -= count
        if rank <= 0:
            return value
    return ordered[-1][0]


@dataclass(slots=True)
class Tally:
    """The sums of one group."""

    requests: int = 0
    complaints: int = 0
    open: int = 0
    """Of the requests, those that are not closed now."""
    settled: int = 0
    """Closed with something: not withdrawn, doubled, left unanswered or spam."""
    at_first_answer: int = 0
    """Of the settled ones, those whose first answer was the last word of everybody."""
    helped: int = 0
    """Problems that an article solved before a request was sent."""
    reopened: int = 0
    late_first_response: int = 0
    late_resolution: int = 0
    breached: int = 0
    """Requests that missed one of both targets."""
    surveys: int = 0
    survey_sum: int = 0
    first_response: Durations = field(default_factory=Durations)
    resolution: Durations = field(default_factory=Durations)

    @property
    def first_contact_share(self) -> float | None:
        """The part of all settled problems that were settled at first contact, by an article or the first answer."""
        all_of_them = self.settled + self.helped
        return (self.at_first_answer + self.helped) / all_of_them if all_of_them else None

    @property
    def survey_mean(self) -> float | None:
        """The mean score of the customers who answered."""
        return self.survey_sum / self.surveys if self.surveys else None

    def add(self, fact: Fact, counted: Counted) -> None:
        """Count a request."""
        self.requests += 1
        self.complaints += fact.kind is RequestKind.COMPLAINT
        self.open += fact.status is not RequestStatus.CLOSED
        self.settled += counted.settled
        self.at_first_answer += counted.at_first_answer
        self.reopened += counted.reopened
        self.late_first_response += counted.late_first_response
        self.late_resolution += counted.late_resolution
        self.breached += counted.late_first_response or counted.late_resolution
        if fact.survey is not None:
            self.surveys += 1
            self.survey_sum += fact.survey
        if counted.first_response is not None:
            self.first_response.add(counted.first_response)
        if counted.resolution is not None:
            self.resolution.add(counted.resolution)


@dataclass(frozen=True, slots=True)
class Counted:
    """What one request counts as: worked out once, however many groups it is counted in."""

    settled: bool
    at_first_answer: bool
    reopened: bool
    late_first_response: bool
    late_resolution: bool
    first_response: dt.timedelta | None
    """None: nobody has reacted yet."""
    resolution: dt.timedelta | None
    """None: it is not answered, or was opened again and is not answered since."""


def count(fact: Fact, calendars: Calendars, now: dt.datetime) -> Counted:
    """What a request counts as at ``now``, by the clocks of its log.

    A target is missed where more than it is used up, or where the log says so of an earlier round. Raises ValueError
    where the log does not begin with OPENED.
    """
    clocks = measure(fact.log, calendars, now)
    kinds = [one.kind for one in fact.log]
    reopened = EntryKind.REOPENED in kinds
    settled = fact.status is RequestStatus.CLOSED and fact.outcome not in NOTHING_FOUND
    answered = EntryKind.ANSWERED in kinds
    return Counted(
        settled=settled,
        at_first_answer=settled and kinds.count(EntryKind.ANSWERED) == 1 and _FOLLOW_UP.isdisjoint(kinds),
        reopened=reopened,
        late_first_response=_missed(fact, clocks.first_response),
        late_resolution=_missed(fact, clocks.resolution),
        # A request that was closed without a word has no response that anybody waited for.
        first_response=clocks.first_response.elapsed if answered or EntryKind.WAITING in kinds else None,
        resolution=clocks.resolution.elapsed if answered and clocks.resolution.ended_at is not None else None,
    )


def _missed(fact: Fact, clock: Clock) -> bool:
    return clock.late or any(one.kind is EntryKind.BREACHED for one in told_of(fact.log, clock.kind))
