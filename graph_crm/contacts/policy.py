"""The contact policy: how often, when and to whom the bank may speak, read from one file and never empty."""

from __future__ import annotations

import datetime as dt
import hashlib
import re
from collections.abc import Sequence
from dataclasses import fields
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any, Literal, Self

import orjson
from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    InstanceOf,
    PrivateAttr,
    field_validator,
    model_validator,
)

from graph_crm.errors import RuleError
from graph_crm.resources import folder
from graph_crm.rules.conditions.base import Needs
from graph_crm.rules.limits import ContactLimit
from graph_crm.rules.periods import days
from graph_crm.rules.snapshot import CHANNELS
from graph_crm.settings.files import read_settled

FILE = "contact_policy.toml"
Weekday = Literal["MON", "TUE", "WED", "THU", "FRI", "SAT", "SUN"]
WEEKDAYS: tuple[Weekday, ...] = ("MON", "TUE", "WED", "THU", "FRI", "SAT", "SUN")
RINGING = ("PHONE", "SMS")
"""Channels that wake people: a policy must say when they may be used."""
LONGEST_CALL_BACK_DAYS = 365
"""A day that a customer names for a call binds for so long after the answer."""
COMPLAINT = "complaint"
COMPLAINT_CLOSED = "complaint_closed"
COLLECTIONS = "collections_contact"
_HINT = "docs/contact-policy.md explains the file, seed/contact_policy.toml is a complete one."
_TIME = re.compile(r"([01][0-9]|2[0-3]):([0-5][0-9])|24:00")
_MINUTES_A_DAY = 24 * 60
_FIELDS = tuple(one.name for one in fields(ContactLimit))


def _limit(value: Any) -> Any:
    """A table of the file as a limit."""
    if not isinstance(value, dict):
        return value
    unknown = [name for name in value if name not in _FIELDS]
    if unknown:
        raise ValueError(f"{unknown[0]} is no part of a limit; known are {', '.join(_FIELDS)}")
    missing = [name for name in ("name", "count", "days") if name not in value]
    if missing:
        raise ValueError(f"{missing[0]} is missing")
    try:
        return ContactLimit(**value)
    except RuleError as error:
        # What is joined from several mistakes ends in one full stop, which the caller sets.
        hint = f" ({error.hint.rstrip('.')})" if error.hint else ""
        raise ValueError(f"{error.message.rstrip('.')}{hint}") from error


def _minutes(value: Any) -> int:
    """A time such as 09:00 as minutes since midnight."""
    if not isinstance(value, str) or not _TIME.fullmatch(value):
        raise ValueError('write a time as "09:00", the end of a day as "24:00"')
    hours, minutes = value.split(":")
    return int(hours) * 60 + int(minutes)


def _channel(value: str) -> str:
    if value not in CHANNELS:
        raise ValueError(f"{value!r} is no channel; known are {', '.join(CHANNELS)}")
    return value


Limit = Annotated[InstanceOf[ContactLimit], BeforeValidator(_limit)]
Minutes = Annotated[int, BeforeValidator(_minutes)]
Channel = Annotated[str, AfterValidator(_channel)]
Days = Annotated[float, Field(ge=0, le=3_660, allow_inf_nan=False)]


class _Part(BaseModel):
    """A table of the file: nothing in it changes, and nothing that is not known is in it."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class Times(_Part):
    """When some channels may be used, by the clock of the customer."""

    channels: tuple[Channel, ...] = Field(min_length=1)
    begins: Minutes = Field(alias="from")
    """Minutes since midnight."""
    ends: Minutes = Field(alias="until")
    """Minutes since midnight, the first that is too late; not after ``begins``: on the next day."""
    weekdays: tuple[Weekday, ...] = Field(default=WEEKDAYS, min_length=1)
    """The days on which it begins."""
    public_holidays: bool = False
    """Whether it holds on public holidays, too."""

    @field_validator("channels", "weekdays", mode="before")
    @classmethod
    def _listed(cls, value: Any) -> Any:
        return tuple(dict.fromkeys(value)) if isinstance(value, list) else value

    @model_validator(mode="after")
    def _some_time(self) -> Self:
        if self.begins in (self.ends, _MINUTES_A_DAY):
            raise ValueError('from and until must differ; the whole day is from "00:00" until "24:00"')
        return self

    @property
    def minutes(self) -> int:
        """How long it lasts by the clock."""
        return (self.ends - self.begins) % _MINUTES_A_DAY or _MINUTES_A_DAY

    @property
    def days(self) -> frozenset[int]:
        """The days on which it begins, Monday is 0."""
        return frozenset(WEEKDAYS.index(one) for one in self.weekdays)


class CoolOff(_Part):
    """Days of rest after an answer; 0: none."""

    product_days: Days = 180
    family_days: Days = 90
    refusals: int = Field(default=3, ge=1, le=1_000)
    refusals_within_days: Days = 90
    rest_days: Days = 180
    later_days: Days = 14
    no_answer_days: Days = 2
    ignored_days: Days = 7

    @property
    def memory(self) -> float:
        """How many days back answers matter."""
        rest = self.refusals_within_days + self.rest_days if self.rest_days else 0
        return max(
            self.product_days, self.family_days, rest, self.later_days, self.no_answer_days, self.ignored_days,
            LONGEST_CALL_BACK_DAYS,
        )  # fmt: skip


class Suppression(_Part):
    """What stops everything promotional as long as it lasts."""

    complaint: bool = True
    complaint_days: Days | None = None
    """An open complaint counts for so many days; not given: until it is closed."""
    arrears: bool = True
    vulnerable: bool = True
    collections_days: Days = 90
    collections_serious_days: Days = 365

    @property
    def collections_memory(self) -> float:
        """How many days back contacts of collections matter."""
        return max(self.collections_days, self.collections_serious_days)


class ContactPolicy(_Part):
    """All of it. Build it with `load`; `with_limits` adds those of plugins."""

    limits: tuple[Limit, ...] = Field(min_length=1)
    times: tuple[Times, ...] = Field(min_length=1)
    cool_off: CoolOff
    suppression: Suppression
    _limits_unknown: tuple[str, ...] = PrivateAttr(default=())

    @field_validator("limits", "times", mode="before")
    @classmethod
    def _listed(cls, value: Any) -> Any:
        return tuple(value) if isinstance(value, list) else value

    @model_validator(mode="after")
    def _whole(self) -> Self:
        names = [one.name for one in self.limits]
        twice = [name for name in names if names.count(name) > 1]
        if twice:
            raise ValueError(f"two limits are named {twice[0]}: give each a name of its own")
        for channel in RINGING:
            if not self.times_of(channel):
                raise ValueError(f'{channel} has no times: write [[times]] with channels = ["{channel}"]')
        return self

    @classmethod
    def load(cls, path: Path | None = None) -> ContactPolicy:
        """The policy in the file ``path``; not given: the shipped one, `seed/contact_policy.toml`.

        Raises ConfigurationError that names the place and what to write. A file that is missing or empty is an error:
        there is no bank without limits.
        """
        file = path or folder("seed") / FILE
        unread = "Correct GRAPH_CRM_CONTACT_POLICY, or unset it for the shipped policy."
        return read_settled(cls, file, "The contact policy", hint=_HINT, unread=unread)

    @property
    def limits_unknown(self) -> tuple[str, ...]:
        """Plugins that have limits and could not say them: as long as there is one, no promotion has room."""
        return self._limits_unknown

    def with_limits(self, extra: Sequence[ContactLimit], *, unknown: Sequence[str] = ()) -> ContactPolicy:
        """The policy with the limits of plugins: they add, they never remove or change one.

        ``unknown``: the plugins that could not say theirs. Raises RuleError for a name that is taken.
        """
        taken = {one.name for one in self.limits}
        for one in extra:
            if one.name in taken:
                raise RuleError(
                    f"There are two contact limits named {one.name}.",
                    hint="A plugin adds limits under names of its own; it can't change one of the policy.",
                )
            taken.add(one.name)
        if not extra and not unknown:
            return self
        # A copy would keep the version that was worked out before.
        made = type(self).model_construct(
            limits=(*self.limits, *extra), times=self.times, cool_off=self.cool_off, suppression=self.suppression
        )
        made._limits_unknown = tuple(unknown)  # noqa: SLF001 - one of its own class
        return made

    def limit(self, name: str) -> ContactLimit | None:
        """The limit of that name, if there is one."""
        return next((one for one in self.limits if one.name == name), None)

    def times_of(self, channel: str) -> tuple[Times, ...]:
        """When ``channel`` may be used; empty: at any time."""
        return tuple(one for one in self.times if channel in one.channels)

    @cached_property
    def version(self) -> str:
        """A digest of what the policy says, the limits of plugins included: it changes just when the policy does."""
        said = {
            "limits": sorted((one.as_json() for one in self.limits), key=lambda one: str(one["name"])),
            **self.model_dump(mode="json", exclude={"limits"}),
        }
        return hashlib.sha256(orjson.dumps(said, option=orjson.OPT_SORT_KEYS)).hexdigest()[:12]

    @cached_property
    def touches_memory(self) -> dt.timedelta:
        """How far back contacts and reservations matter: to the longest window, and a day more."""
        return max(one.window for one in self.limits) + dt.timedelta(days=1)

    @cached_property
    def answers_memory(self) -> dt.timedelta:
        """How far back answers to offers matter: to the longest rest, and a day more."""
        return dt.timedelta(days=self.cool_off.memory + 1)

    @cached_property
    def memory(self) -> dt.timedelta:
        """How far back anything matters."""
        kept = dt.timedelta(days=self.suppression.collections_memory + 1)
        return max(self.touches_memory, self.answers_memory, kept)

    @cached_property
    def needs(self) -> Needs:
        """What suppression reads of what the customer did."""
        complaints = self.suppression.complaint_days
        window = None if complaints is None else days(int(complaints) + 1)
        return Needs(
            events={
                COMPLAINT: window,
                COMPLAINT_CLOSED: window,
                COLLECTIONS: days(int(self.suppression.collections_memory) + 1),
            }
        )
