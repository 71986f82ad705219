"""When: quiet hours, weekdays and public holidays, by the clock on the customer's wall.

What is not known forbids: a customer without a time zone is called at no time; where a country has several zones, the
hours must be right in all of them; where a policy leaves out public holidays and those of the country are not known,
every day may be one.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from importlib.resources import files
from typing import NamedTuple
from zoneinfo import ZoneInfo

import holidays

from graph_crm.contacts.approach import Approach, Finding
from graph_crm.contacts.policy import ContactPolicy, Times
from graph_crm.rules.snapshot import PartyFacts, Snapshot

GATE = "contact_times"
Span = tuple[dt.datetime, dt.datetime]
"""From the first instant to the first that is too late."""
_MONDAY = dt.datetime(1970, 1, 5, tzinfo=dt.UTC)
_WEEK = dt.timedelta(days=7)
_WEEKS_AHEAD = 60
"""So far ahead an allowed time is looked for."""
_STEP = dt.timedelta(hours=6)
"""Clocks are not changed twice in so short a time."""
_SECOND = dt.timedelta(seconds=1)
_DAY = dt.timedelta(days=1)


def contact_times(snapshot: Snapshot, approach: Approach, policy: ContactPolicy) -> Finding:
    """Whether it is a time for this channel where the customer lives; ``earliest`` is the next such time.

    The beginning of the approach is judged. Who makes the contact later asks again then; `open_until` says how long
    that is not needed.
    """
    if approach.mandatory or approach.inbound:
        return Finding(True, "TIMES_SKIPPED", "quiet hours don't bind it", gate=GATE)
    times = policy.times_of(approach.channel)
    if not times:
        return Finding(True, "ANY_TIME", f"{approach.channel} may be used at any time", gate=GATE)
    party = snapshot.party
    zones = time_zones(party)
    if not zones:
        reason = "the customer's time zone is not known: any time may be night"
        return Finding(False, "TIME_ZONE_UNKNOWN", reason, gate=GATE)
    clock = approach.at.astimezone(ZoneInfo(zones[0]))
    numbers = {"clock": clock.strftime("%Y-%m-%d %H:%M"), "zone": zones[0], "zones": len(zones)}
    found = next(_open(times, zones, party, approach.at), None)
    if found is not None and found[0] <= approach.at:
        return Finding(True, "CONTACT_TIME", f"{approach.channel} may be used at this time", numbers, gate=GATE)
    code, reason = _why_not(times, zones, party, approach)
    return Finding(False, code, reason, numbers, earliest=found[0] if found else None, gate=GATE)


def open_until(snapshot: Snapshot, approach: Approach, policy: ContactPolicy) -> dt.datetime | None:
    """The first instant after ``approach.at`` at which `contact_times` no longer allows it; None: there is no such one.

    ``approach.at`` itself where it is not allowed even then.
    """
    if not contact_times(snapshot, approach, policy).allowed:
        return approach.at
    times = policy.times_of(approach.channel)
    if approach.mandatory or approach.inbound or not times:
        return None
    end = approach.at
    for start, until in _open(times, time_zones(snapshot.party), snapshot.party, approach.at):
        if start > end:
            return end
        end = until
    return None


def time_zones(party: PartyFacts) -> tuple[str, ...]:
    """Names of the time zones that the customer may live in: the stated one, else all of the country; none: unknown.

    A stated name that no table knows is unknown, too: guessing from the country might be wrong where it was not.
    """
    if party.time_zone is not None:
        return (party.time_zone,) if _is_zone(party.time_zone) else ()
    return _zones_by_country().get(party.country or "", ())


def public_holidays(country: str | None, region: str | None, year: int) -> Mapping[dt.date, str] | None:
    """The public holidays of a year by day, with those of the region where the library knows it; None: not known."""
    return _holidays_at(_place(country, region), year)


class _Place(NamedTuple):
    """Where holidays are the same: a country, and a part of it that has holidays of its own."""

    country: str
    part: str | None


@lru_cache(maxsize=16_384)
def _place(country: str | None, region: str | None) -> _Place | None:
    """Where a customer lives; None: nobody knows the holidays there. A region that is only a name makes no place."""
    if country not in _countries_with_holidays():
        return None
    known = holidays.country_holidays(country)
    return _Place(country, region if region in known.subdivisions or region in known.subdivisions_aliases else None)


@lru_cache(maxsize=4_096)
def _holidays_at(place: _Place | None, year: int) -> Mapping[dt.date, str] | None:
    if place is None:
        return None
    found = holidays.country_holidays(place.country, subdiv=place.part, years=year)
    return dict(found.items()) or None  # a year that the library knows nothing of


@lru_cache(maxsize=1)
def _countries_with_holidays() -> frozenset[str]:
    return frozenset(holidays.list_supported_countries(include_aliases=False))


@lru_cache(maxsize=1_024)
def _is_zone(name: str) -> bool:
    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError):  # not there, no name of a zone, the name of a folder
        return False
    return True


@lru_cache(maxsize=1)
def _zones_by_country() -> Mapping[str, tuple[str, ...]]:
    """The zones of each country, from the table of the time zone database."""
    found: dict[str, list[str]] = {}
    for line in files("tzdata").joinpath("zoneinfo", "zone.tab").read_text("utf-8").splitlines():
        if line and not line.startswith("#"):
            country, _, zone = line.split("\t")[:3]
            found.setdefault(country, []).append(zone)
    return {country: tuple(zones) for country, zones in found.items()}


def _open(times: Sequence[Times], zones: tuple[str, ...], party: PartyFacts, at: dt.datetime) -> Iterator[Span]:
    """The open spans that are not over at ``at``, in order; one may go on where the one before ends."""
    week, place = (at - _MONDAY) // _WEEK, _place(party.country, party.region)
    for number in range(week, week + _WEEKS_AHEAD):
        for start, end in _open_in_week(tuple(times), zones, place, number):
            if end > at:
                yield start, end


@lru_cache(maxsize=16_384)
def _open_in_week(
    times: tuple[Times, ...], zones: tuple[str, ...], place: _Place | None, week: int
) -> tuple[Span, ...]:
    begin = _MONDAY + week * _WEEK
    found = [(begin, begin + _WEEK)]
    for zone in zones:
        local = _Local(ZoneInfo(zone), place)
        found = _both(found, _merged(span for one in times for span in local.open(one, begin, begin + _WEEK)))
    return tuple(found)


class _Local:
    """The clock and the holidays of one place."""

    def __init__(self, zone: ZoneInfo, place: _Place | None) -> None:
        self._zone = zone
        self._place = place

    def open(self, times: Times, begin: dt.datetime, end: dt.datetime) -> Iterator[Span]:
        """When, between two instants, the clock shows a time of ``times``."""
        for start, until in self._pieces(begin, end):
            offset = self._offset(start)
            # Inside a piece the clock runs evenly: local times and instants differ by the offset only.
            first, last = ((one + offset).replace(tzinfo=None) for one in (start, until))
            day = first.date() - _DAY  # its night may reach into the first day
            while day <= last.date():
                for opens, closes in self._on(times, day):
                    if opens < last and closes > first:
                        here = [one.replace(tzinfo=dt.UTC) - offset for one in (max(opens, first), min(closes, last))]
                        yield here[0], here[1]
                day += _DAY

    def is_holiday(self, day: dt.date) -> bool:
        """Whether it is a public holiday, or may be one."""
        known = _holidays_at(self._place, day.year)
        return known is None or day in known

    def _on(self, times: Times, day: dt.date) -> Iterator[tuple[dt.datetime, dt.datetime]]:
        """When ``times`` that begin on ``day`` hold, by the clock; a night ends where a holiday begins."""
        if day.weekday() not in times.days or (not times.public_holidays and self.is_holiday(day)):
            return
        midnight = dt.datetime.combine(day, dt.time.min)
        opens = midnight + dt.timedelta(minutes=times.begins)
        closes = opens + dt.timedelta(minutes=times.minutes)
        if closes > midnight + _DAY and not times.public_holidays and self.is_holiday(day + _DAY):
            closes = midnight + _DAY
        yield opens, closes

    def _pieces(self, begin: dt.datetime, end: dt.datetime) -> Iterator[Span]:
        """The time between two instants, cut where the clocks are changed."""
        start, at = begin, begin
        while at < end:
            then = min(at + _STEP, end)
            if self._offset(then) != self._offset(at):
                low, high = at, then
                while high - low > _SECOND:
                    middle = low + (high - low) // _SECOND // 2 * _SECOND
                    low, high = (middle, high) if self._offset(middle) == self._offset(at) else (low, middle)
                if high < end:
                    yield start, high
                    start = high
            at = then
        yield start, end

    def _offset(self, at: dt.datetime) -> dt.timedelta:
        return at.astimezone(self._zone).utcoffset() or dt.timedelta()


def _why_not(times: Sequence[Times], zones: tuple[str, ...], party: PartyFacts, approach: Approach) -> tuple[str, str]:
    """Code and reason, for the first zone where it is no time."""
    place = _place(party.country, party.region)
    week = (approach.at - _MONDAY) // _WEEK

    def shut(zone: str) -> bool:
        spans = _open_in_week(tuple(times), (zone,), place, week)
        return not any(start <= approach.at < end for start, end in spans)

    zone = next(filter(shut, zones))
    clock = approach.at.astimezone(ZoneInfo(zone))
    here = f"it is {clock:%H:%M} on {clock:%Y-%m-%d} in {zone}"
    if not any(one.public_holidays for one in times):
        known = _holidays_at(place, clock.year)
        if known is None:
            return "HOLIDAYS_UNKNOWN", "the public holidays where the customer lives are not known: any day may be one"
        if clock.date() in known:
            return "PUBLIC_HOLIDAY", f"{here}, a public holiday: {known[clock.date()]}"
    if not any(clock.weekday() in one.days for one in times):
        return "CLOSED_DAY", f"{here}: {approach.channel} is not used on this day of the week"
    return "QUIET_HOURS", f"{here}: outside the hours for {approach.channel}"


def _merged(spans: Iterable[Span]) -> list[Span]:
    """The same time as spans that don't touch, in order."""
    found: list[Span] = []
    for start, end in sorted(spans):
        if found and start <= found[-1][1]:
            found[-1] = (found[-1][0], max(found[-1][1], end))
        else:
            found.append((start, end))
    return found


def _both(left: Sequence[Span], right: Sequence[Span]) -> list[Span]:
    """The time that is in both."""
    found = []
    one, other = 0, 0
    while one < len(left) and other < len(right):
        start, end = max(left[one][0], right[other][0]), min(left[one][1], right[other][1])
        if start < end:
            found.append((start, end))
        if left[one][1] < right[other][1]:
            one += 1
        else:
            other += 1
    return found
