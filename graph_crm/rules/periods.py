"""Lengths of time that rules speak of, with calendar months done right: 31 January and one month is 28 February."""

from __future__ import annotations

import calendar
import datetime as dt
from dataclasses import dataclass
from functools import lru_cache

from dateutil.relativedelta import relativedelta

from graph_crm.errors import RuleError

MONTHS_A_YEAR = 12
DAYS_A_WEEK = 7


@dataclass(frozen=True, slots=True)
class Period:
    """A number of months and a number of days; `days`, `weeks`, `months` and `years` build one."""

    months: int = 0
    days: int = 0

    def __post_init__(self) -> None:
        for value in (self.months, self.days):
            if not isinstance(value, int) or isinstance(value, bool) or value < 0:
                raise RuleError(f"A period counts whole units from 0, not {value!r}.", hint="For example days(90).")

    def __str__(self) -> str:
        if self.months and self.months % MONTHS_A_YEAR == 0 and not self.days:
            return _counted(self.months // MONTHS_A_YEAR, "year")
        parts = [_counted(self.months, "month")] if self.months else []
        if self.days or not parts:
            parts.append(_counted(self.days, "day"))
        return " and ".join(parts)

    def after(self, day: dt.date) -> dt.date:
        """The day that lies this period after ``day``; a month's end is kept inside its month."""
        # Most periods are plain days, which need no calendar.
        start = day + relativedelta(months=self.months) if self.months else day
        return start + dt.timedelta(days=self.days)

    def before(self, moment: dt.datetime) -> dt.datetime:
        """The instant that lies this period before ``moment``, but not before the year 1."""
        try:
            end = moment - dt.timedelta(days=self.days)
            return end - relativedelta(months=self.months) if self.months else end
        except (OverflowError, ValueError):
            return dt.datetime.min.replace(tzinfo=moment.tzinfo)

    @lru_cache(maxsize=4096)  # noqa: B019 - of value objects: nothing is kept alive that matters
    def latest_start(self, day: dt.date) -> dt.date:
        """The latest start whose `after` is not later than ``day``: ``after(s) <= day`` just when ``s`` is not later.

        It is not ``day`` minus the period: one month after 31 January is 28 February, so on 28 February every start
        up to 31 January is a month old.
        """
        try:
            end = day - dt.timedelta(days=self.days)
            start = end - relativedelta(months=self.months)
        except (OverflowError, ValueError):
            return dt.date.min
        if self.months and end.day == calendar.monthrange(end.year, end.month)[1]:
            return start.replace(day=calendar.monthrange(start.year, start.month)[1])
        return start


def _counted(number: int, unit: str) -> str:
    return f"{number} {unit}" if number == 1 else f"{number} {unit}s"


def days(number: int) -> Period:
    """A period of ``number`` days."""
    return Period(days=number)


def weeks(number: int) -> Period:
    """A period of ``number`` weeks."""
    return Period(days=number * DAYS_A_WEEK)


def months(number: int) -> Period:
    """A period of ``number`` calendar months."""
    return Period(months=number)


def years(number: int) -> Period:
    """A period of ``number`` calendar years."""
    return Period(months=number * MONTHS_A_YEAR)
