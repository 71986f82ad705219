"""What every text, date and code must satisfy before it may enter the graph.

Each check returns the value as it is stored, or raises `InvalidInput` with the field's GraphQL name in
`details["field"]` and a hint that says what to send. Messages never repeat the value: it may be personal.
"""

from __future__ import annotations

import datetime as dt
import re
import unicodedata
import zoneinfo
from collections.abc import Callable
from enum import StrEnum
from functools import cache
from typing import TypeVar

import phonenumbers

from graph_crm import clock
from graph_crm.errors import InvalidInput

E = TypeVar("E", bound=StrEnum)
Clock = Callable[[], dt.datetime]

NAME_LIMIT = 200
"""Characters of a name."""
ID_LIMIT = 128
"""Characters of an identifier."""
TEXT_LIMIT = 500
"""Characters of a short text such as a purpose or a street."""
NOTE_LIMIT = 10_000
"""Characters of a note."""
IDENTIFIERS_LIMIT = 20
"""Identifiers of one party."""
EARLIEST = dt.date(1850, 1, 1)
"""No date of a living bank's records is earlier."""
LATEST = dt.date(2200, 1, 1)
"""No maturity or end is later."""

_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9:._/\-]*")
_LANGUAGE = re.compile(r"[a-z]{2,3}(-[A-Za-z0-9]{2,8})*")
_CODE = re.compile(r"[A-Z][A-Z0-9_]*")
# ISO 3166-1 codes without telephone numbers of their own, so phonenumbers does not list them.
_WITHOUT_PHONES = frozenset({"AQ", "BV", "GS", "HM", "PN", "TF", "UM"})
COUNTRIES = frozenset(phonenumbers.SUPPORTED_REGIONS) | _WITHOUT_PHONES


def utc_now() -> dt.datetime:
    """The present instant in UTC, by the clock that `graph_crm.clock` trusts."""
    return clock.utc_now()


def refuse(field: str, message: str, hint: str, **details: object) -> InvalidInput:
    """The error for a value that can't be used, naming the field and what to do."""
    return InvalidInput(f"{field}: {message}", hint=hint, field=field, **details)


def text(field: str, value: str, limit: int = TEXT_LIMIT, *, lines: bool = False) -> str:
    """The text trimmed and composed (NFC); ``lines`` allows line breaks and tabs.

    Refuses empty texts, more than ``limit`` characters, control characters, NUL and halves of surrogate pairs.
    """
    if len(value) > limit * 4:  # before any work on it
        raise refuse(field, f"is too long ({len(value)} characters)", f"Send at most {limit} characters.", limit=limit)
    for character in value:
        category = unicodedata.category(character)
        if category == "Cs" or (category == "Cc" and not (lines and character in "\n\r\t")):
            raise refuse(
                field,
                f"holds a character that can't be stored (U+{ord(character):04X})",
                "Remove control characters and halves of surrogate pairs.",
            )
    stored = unicodedata.normalize("NFC", value).strip()
    if not stored:
        raise refuse(field, "is empty", "Send a text, or leave the field out.")
    if len(stored) > limit:
        raise refuse(field, f"is too long ({len(stored)} characters)", f"Send at most {limit} characters.", limit=limit)
    return stored


def name(field: str, value: str) -> str:
    """A name: a text of at most `NAME_LIMIT` characters with a letter or a digit in it, its spaces collapsed."""
    stored = " ".join(text(field, value, NAME_LIMIT).split())
    if not any(character.isalnum() for character in stored):
        raise refuse(field, "holds no letter", "Send the name as people write it.")
    return stored


def identifier(field: str, value: str) -> str:
    """An id: letters, digits and ``: . _ / -``, starting with a letter or digit, at most `ID_LIMIT` characters."""
    if len(value) > ID_LIMIT or not _ID.fullmatch(value):
        raise refuse(
            field,
            "is no usable identifier",
            f"Use at most {ID_LIMIT} letters, digits and : . _ / - and start with a letter or digit.",
        )
    return value


def code(field: str, value: str) -> str:
    """A code such as `CREDIT_CARD`: capitals, digits and underscores."""
    if len(value) > ID_LIMIT or not _CODE.fullmatch(value):
        raise refuse(field, "is no code", "Use capital letters, digits and underscores, for example CREDIT_CARD.")
    return value


def one_of(field: str, value: str, kinds: type[E]) -> E:
    """The member of ``kinds`` with this value."""
    try:
        return kinds(value)
    except ValueError:
        raise refuse(field, "is not one of the known values", f"Use one of: {', '.join(kinds)}.") from None


def country(field: str, value: str) -> str:
    """An ISO 3166-1 alpha-2 code in capitals."""
    stored = value.strip().upper() if len(value) <= TEXT_LIMIT else ""
    if stored not in COUNTRIES:
        raise refuse(field, "is no country", "Use an ISO 3166-1 code of two letters, for example CZ.")
    return stored


def language(field: str, value: str) -> str:
    """A BCP 47 language tag such as `cs` or `pt-BR`."""
    if len(value) > 35 or not _LANGUAGE.fullmatch(value):  # noqa: PLR2004 - the longest tag by BCP 47
        raise refuse(field, "is no language tag", "Use a BCP 47 tag, for example cs or pt-BR.")
    return value


@cache
def _time_zones() -> frozenset[str]:
    return frozenset(zoneinfo.available_timezones())


def time_zone(field: str, value: str) -> str:
    """A name of the IANA time zone database."""
    if value not in _time_zones():
        raise refuse(field, "is no time zone", "Use an IANA name, for example Europe/Prague.")
    return value


def date(field: str, value: dt.date, *, latest: dt.date = LATEST, hint: str = "") -> dt.date:
    """A day from 1850 up to ``latest``."""
    if isinstance(value, dt.datetime):
        value = value.date()
    if value < EARLIEST or value > latest:
        raise refuse(field, "is out of range", hint or f"Use a date from {EARLIEST} to {latest}.")
    return value


def past_date(field: str, value: dt.date, today: dt.date) -> dt.date:
    """A day that is not in the future."""
    # A day of tolerance: it is tomorrow already in the east of the bank.
    latest = today + dt.timedelta(days=1)
    return date(field, value, latest=latest, hint="Use a date that is not in the future (and not before 1850).")


def period(since: dt.date | None, until: dt.date | None) -> None:
    """``until`` is exclusive and comes after ``since``."""
    if since is not None and until is not None and until <= since:
        raise refuse("until", "is not after since", "The end is exclusive: send a day after the first one, or none.")


def in_utc(value: dt.datetime) -> dt.datetime:
    """The instant in UTC; one of the first or last day of the calendar that has none there is the last of all."""
    try:
        return value.astimezone(dt.UTC)
    except OverflowError:
        return dt.datetime.max.replace(tzinfo=dt.UTC)


def instant(field: str, value: dt.datetime, now: dt.datetime) -> dt.datetime:
    """An instant in UTC, not in the future (five minutes of clock difference are accepted)."""
    if value.tzinfo is None:
        raise refuse(field, "has no time zone", "Send an offset, for example 2026-11-23T10:00:00Z.")
    stored = in_utc(value)
    if stored.date() < EARLIEST or stored > now + dt.timedelta(minutes=5):
        raise refuse(field, "is out of range", "Send the instant at which it happened, not one in the future.")
    return stored


def version(value: int | None) -> int | None:
    """A version that the caller expects: 1 or more."""
    if value is not None and value < 1:
        raise refuse("version", "is no version", "Send the version that you read with the record.")
    return value
