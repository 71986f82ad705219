"""The service desk as the bank has set it up: categories with their targets, calendars, teams; read from one file."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any, Self

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from graph_crm.contacts.calendar import public_holidays
from graph_crm.contacts.policy import WEEKDAYS, Weekday
from graph_crm.errors import CrmError
from graph_crm.parties import checks
from graph_crm.requests.hours import BusinessCalendar, round_the_clock
from graph_crm.requests.kinds import RequestKind, RequestPriority
from graph_crm.resources import folder
from graph_crm.settings.files import read_settled

FILE = "service_desk.toml"
_HINT = "docs/requests.md explains the file, seed/service_desk.toml is a complete one."


def _minutes(value: Any) -> int:
    """A time such as 09:00 as minutes since midnight."""
    if not isinstance(value, str) or len(value) != len("09:00") or not (value[:2] + value[3:]).isdigit():
        raise ValueError('write a time as "09:00", the end of a day as "24:00"')
    hours, minutes = int(value[:2]), int(value[3:])
    if value[2] != ":" or minutes > 59 or hours * 60 + minutes > 24 * 60:  # noqa: PLR2004 - minutes of an hour
        raise ValueError('write a time as "09:00", the end of a day as "24:00"')
    return hours * 60 + minutes


def _checked_by(check: Any, field: str) -> AfterValidator:
    def validate(value: str) -> str:
        try:
            return str(check(field, value))
        except CrmError as error:
            raise ValueError(f"{error.message}. {error.hint or ''}".strip()) from error

    return AfterValidator(validate)


Code = Annotated[str, _checked_by(checks.code, "code")]
Country = Annotated[str, _checked_by(checks.country, "country")]
Language = Annotated[str, _checked_by(checks.language, "language")]
Zone = Annotated[str, _checked_by(checks.time_zone, "time_zone")]
Minutes = Annotated[int, BeforeValidator(_minutes)]
Hours = Annotated[float, Field(gt=0, le=10_000, allow_inf_nan=False)]


class _Part(BaseModel):
    """A table of the file: nothing in it changes, and nothing that is not known is in it."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Targets(_Part):
    """How soon a request is answered, in business hours."""

    first_response_hours: Hours
    resolution_hours: Hours

    @property
    def first_response(self) -> dt.timedelta:
        """Business time until the first reaction; whole minutes."""
        return dt.timedelta(minutes=round(self.first_response_hours * 60))

    @property
    def resolution(self) -> dt.timedelta:
        """Business time until the answer; whole minutes."""
        return dt.timedelta(minutes=round(self.resolution_hours * 60))


class Category(Targets):
    """A kind of request: who answers it, and how soon."""

    code: Code
    team: Code
    skill: Code | None = None
    kind: RequestKind = RequestKind.REQUEST
    priority: RequestPriority = RequestPriority.NORMAL
    round_the_clock: bool = False
    names: Mapping[Language, str] = Field(default_factory=dict)
    """What customers call it, by language."""

    def name(self, language: str | None) -> str:
        """Its name in a language, else in English, else its code."""
        short = (language or "").split("-")[0]
        return self.names.get(short) or self.names.get("en") or self.code


class DayHours(_Part):
    """Hours of some days of the week."""

    weekdays: tuple[Weekday, ...] = Field(default=WEEKDAYS, min_length=1)
    begins: Minutes = Field(alias="from")
    ends: Minutes = Field(alias="until")

    @model_validator(mode="after")
    def _some_time(self) -> Self:
        if self.begins >= self.ends:
            raise ValueError("from is before until, both on one day")
        return self


class Calendar(_Part):
    """When the desk works in a country."""

    time_zone: Zone
    hours: tuple[DayHours, ...] = Field(min_length=1)
    public_holidays: bool = False
    """Whether it works on public holidays, too."""
    region: str | None = None
    """A part of the country with holidays of its own, in the words of the library holidays."""


class Desk(_Part):
    """All of it. Build it with `load`."""

    language: Language
    country: Country
    sorting_team: Code
    warn_at: float = Field(default=0.75, gt=0, lt=1)
    reopen_days: float = Field(default=30, ge=0, le=3_650)
    close_answered_days: float = Field(default=14, gt=0, le=3_650)
    close_waiting_days: float = Field(default=30, gt=0, le=3_650)
    unsorted: Targets
    calendars: Mapping[Country, Calendar]
    categories: tuple[Category, ...] = Field(min_length=1)
    sorting: Mapping[str, Any] = Field(default_factory=dict)
    """Keyword rules of the sorting room, which reads and checks them itself."""

    @model_validator(mode="after")
    def _whole(self) -> Self:
        codes = [one.code for one in self.categories]
        twice = [code for code in codes if codes.count(code) > 1]
        if twice:
            raise ValueError(f"two categories have the code {twice[0]}")
        if self.country not in self.calendars:
            raise ValueError(f"country {self.country} has no calendar: write [calendars.{self.country}]")
        for country, calendar in self.calendars.items():
            try:
                self._built(country, calendar)
            except ValueError as error:
                raise ValueError(f"calendars.{country}: {error}") from error
        return self

    @classmethod
    def load(cls, path: Path | None = None) -> Desk:
        """The desk of the file ``path``; not given: the shipped one, `seed/service_desk.toml`.

        Raises ConfigurationError that names the place and what to write.
        """
        file = path or folder("seed") / FILE
        unread = "Correct GRAPH_CRM_SERVICE_DESK, or unset it for the shipped one."
        return read_settled(cls, file, "The service desk", hint=_HINT, unread=unread)

    def category(self, code: str) -> Category | None:
        """The category of that code, if there is one."""
        return self._by_code.get(code)

    def known(self, field: str, code: str) -> Category:
        """The category of that code. Raises InvalidInput naming ``field`` and what there is."""
        found = self._by_code.get(code)
        if found is None:
            raise checks.refuse(field, "there is no such category", f"Use one of: {', '.join(sorted(self._by_code))}.")
        return found

    def targets(self, category: str | None) -> Targets:
        """The targets of a category; of what is not sorted, or in a category that is gone, those of `unsorted`."""
        return self._by_code.get(category or "") or self.unsorted

    def country_of(self, country: str | None) -> str:
        """The country whose calendar holds for a customer of ``country``."""
        return country if country is not None and country in self.calendars else self.country

    def calendar(self, country: str | None, *, always: bool = False) -> BusinessCalendar:
        """The business hours of a country, else those of the bank's own; ``always``: they never end."""
        place = self.country_of(country)
        return self._always[place] if always else self._calendars[place]

    @cached_property
    def _by_code(self) -> Mapping[str, Category]:
        return {one.code: one for one in self.categories}

    @cached_property
    def _calendars(self) -> Mapping[str, BusinessCalendar]:
        return {country: self._built(country, one) for country, one in self.calendars.items()}

    @cached_property
    def _always(self) -> Mapping[str, BusinessCalendar]:
        return {country: round_the_clock(one.time_zone) for country, one in self.calendars.items()}

    @staticmethod
    def _built(country: str, calendar: Calendar) -> BusinessCalendar:
        def free(day: dt.date) -> bool:
            return day in (public_holidays(country, calendar.region, day.year) or {})

        hours: dict[int, list[tuple[int, int]]] = {}
        for one in calendar.hours:
            for weekday in one.weekdays:
                hours.setdefault(WEEKDAYS.index(weekday), []).append((one.begins, one.ends))
        return BusinessCalendar(calendar.time_zone, hours, None if calendar.public_holidays else free)
