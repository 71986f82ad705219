"""Birthdays: an event for every living customer on the day, by the calendar where the customer lives."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping
from zoneinfo import ZoneInfo

from graph_crm.contacts.calendar import time_zones
from graph_crm.events.service import EventService, RecordEvent
from graph_crm.graph.database import Database, Row
from graph_crm.graph.timers import Work
from graph_crm.interest import cypher
from graph_crm.parties import checks
from graph_crm.rules.snapshot import PartyFacts

LOOK_EVERY = 900.0
"""Seconds between two looks: days begin at quarters of an hour, too, somewhere in the world."""
BATCH = 500
"""So many customers are read at a time."""
AT_ONCE = 100
"""So many events are recorded in one transaction."""
LOOK_BACK_DAYS = 3
"""A birthday is recorded up to so many days later, where nobody could look on the day itself."""
OLDEST = 130
SOURCE = "birthdays"
_FARTHEST_WEST, _FARTHEST_EAST = dt.timedelta(hours=-12), dt.timedelta(hours=14)
_FEBRUARY, _LEAP_DAY = 2, 29


class BirthdayService:
    """Records the event ``birthday`` of each living customer, once a year whoever asks and however often.

    One of the last `LOOK_BACK_DAYS` that was missed is recorded with the last second of its day: after an outage of
    some hours it is not late yet, and rules answer it.

    Who was born on 29 February has the birthday on 28 February in a common year, as `age_between` counts it. A customer
    whose time zone is not known is judged by UTC. ``clock`` replaces the computer's clock.
    """

    def __init__(
        self, database: Database, events: EventService | None = None, *, clock: checks.Clock = checks.utc_now
    ) -> None:
        self._database = database
        self._events = events or EventService(database)
        self._clock = clock

    def timers(self) -> Mapping[str, tuple[float, Work]]:
        """What `graph_crm.graph.timers.Timers` is to do, and how often."""
        return {"customers.birthdays": (LOOK_EVERY, self.record)}

    async def record(self) -> int:
        """Record the birthdays of this instant; how many customers have one that was not recorded yet."""
        now = self._clock().astimezone(dt.UTC)
        days = [{"day": day, "born": born_for(day)} for day in _days(now)]
        after, recorded = "", 0
        while True:
            rows = await self._database.read(cypher.BIRTHDAYS, {"days": days, "after": after, "most": BATCH})
            due = [one for one in (_birthday(row, now) for row in rows) if one is not None]
            for start in range(0, len(due), AT_ONCE):
                batch = due[start : start + AT_ONCE]
                done = await self._events.record_many(batch)
                recorded += len(done.recorded)  # who is gone since is refused alone
            if len(rows) < BATCH:
                return recorded
            after = rows[-1]["id"]


def _birthday(row: Row, now: dt.datetime) -> RecordEvent | None:
    """The event; None where the day has not begun where the customer lives, or is over for too long."""
    day, zone = dt.date.fromisoformat(row["day"]), _zone(row)
    ago = (now.astimezone(zone).date() - day).days
    if not 0 <= ago <= LOOK_BACK_DAYS:
        return None
    at = dt.datetime.combine(day, dt.time(23, 59, 59), zone) if ago else None
    return RecordEvent(type="birthday", party_id=row["id"], at=at, id=f"birthday:{row['id']}:{day.year}", source=SOURCE)


def born_for(day: dt.date) -> list[dt.date]:
    """The dates of birth of those whose birthday is on ``day``."""
    return sorted(_born_for(day))


def _born_for(day: dt.date) -> Iterator[dt.date]:
    for year in range(day.year - OLDEST, day.year):
        try:
            yield day.replace(year=year)
        except ValueError:  # 29 February of a common year
            continue
        in_leap_year = (dt.date(year, 3, 1) - dt.timedelta(days=1)).day == _LEAP_DAY
        if (day + dt.timedelta(days=1)).month > _FEBRUARY >= day.month and day.day < _LEAP_DAY and in_leap_year:
            yield dt.date(year, _FEBRUARY, _LEAP_DAY)


def _days(now: dt.datetime) -> list[dt.date]:
    """The days that it is now, anywhere in the world, and those just before."""
    first, last = (now + _FARTHEST_WEST).date() - dt.timedelta(days=LOOK_BACK_DAYS), (now + _FARTHEST_EAST).date()
    return [first + dt.timedelta(days=number) for number in range((last - first).days + 1)]


def _zone(row: Row) -> dt.tzinfo:
    zones = time_zones(PartyFacts(row["id"], time_zone=row["timeZone"], country=row["country"]))
    return ZoneInfo(zones[0]) if zones else dt.UTC
