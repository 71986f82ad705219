"""Business hours: how much working time lies between two instants, and when so much of it will be over. Pure functions.

Hours are read from a wall clock; the days on which clocks are changed are as long as they are.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import lru_cache
from itertools import pairwise
from zoneinfo import ZoneInfo

_DAY = dt.timedelta(days=1)
_ZERO = dt.timedelta()
_YEARS_AHEAD = 30
"""A span that is not over after so many years has no end that anybody waits for."""

Span = tuple[dt.datetime, dt.datetime]
"""From the first instant to the first that is outside, in UTC."""
Minutes = tuple[int, int]
"""Minutes of a day: the first, and the first after; 1440 is midnight."""


class BusinessCalendar:
    """When a desk works.

    ``hours`` by weekday (Monday is 0) are minutes of the local day, in order and apart; ``holidays`` says whether a day
    is free.
    """

    def __init__(
        self, zone: str, hours: Mapping[int, Sequence[Minutes]], holidays: Callable[[dt.date], bool] | None = None
    ) -> None:
        self.zone = zone
        self._zone = ZoneInfo(zone)
        self._hours = {day: tuple(sorted(spans)) for day, spans in hours.items() if spans}
        if not self._hours:
            raise ValueError("a desk that never works has no due dates")
        for spans in self._hours.values():
            if any(not 0 <= start < end <= 24 * 60 for start, end in spans):
                raise ValueError("hours lie inside one day")
            if any(before[1] > after[0] for before, after in pairwise(spans)):
                raise ValueError("hours of a day don't overlap")
        self._holidays = holidays or (lambda _day: False)
        self._of = lru_cache(maxsize=4_096)(self._on)

    def between(self, begin: dt.datetime, end: dt.datetime) -> dt.timedelta:
        """The working time from ``begin`` to ``end``; none where ``end`` is not later."""
        total = _ZERO
        for start, until in self._spans(begin):
            if start >= end:
                break
            total += min(until, end) - max(start, begin)
        return total

    def after(self, begin: dt.datetime, span: dt.timedelta) -> dt.datetime:
        """The first instant from ``begin`` on at which ``span`` of working time is over; UTC."""
        begin = begin.astimezone(dt.UTC)
        left = span
        if left <= _ZERO:
            return begin
        latest = begin + _DAY * 366 * _YEARS_AHEAD
        for start, until in self._spans(begin):
            here = until - max(start, begin)
            if here >= left:
                return max(start, begin) + left
            left -= here
            if start > latest:
                break
        return latest

    def is_open(self, at: dt.datetime) -> bool:
        """Whether the desk works at this instant."""
        return self.between(at, at + dt.timedelta(microseconds=1)) > _ZERO

    def _spans(self, begin: dt.datetime) -> Iterator[Span]:
        """The working spans that are not over at ``begin``, in order, without end."""
        day = begin.astimezone(self._zone).date() - _DAY
        while True:
            for start, until in self._of(day):
                if until > begin:
                    yield start, until
            if day >= dt.date.max - _DAY:
                return
            day += _DAY

    def _on(self, day: dt.date) -> tuple[Span, ...]:
        spans = self._hours.get(day.weekday(), ())
        if not spans or self._holidays(day):
            return ()
        found = ((self._instant(day, start), self._instant(day, end)) for start, end in spans)
        return tuple((start, end) for start, end in found if start < end)

    def _instant(self, day: dt.date, minutes: int) -> dt.datetime:
        wall = dt.datetime.combine(day, dt.time.min) + dt.timedelta(minutes=minutes)
        return wall.replace(tzinfo=self._zone).astimezone(dt.UTC)


def round_the_clock(zone: str) -> BusinessCalendar:
    """A desk that always works."""
    return BusinessCalendar(zone, {day: [(0, 24 * 60)] for day in range(7)})
