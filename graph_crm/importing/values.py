"""Text from files turned into the graph's values: money, dates, instants, numbers, keys. Each says what is wrong."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from datetime import UTC, date, datetime
from typing import Any

import orjson
from dateutil.relativedelta import relativedelta

_MONEY = re.compile(r"([+-]?)(\d{1,15})(?:\.(\d{1,2})0*)?", re.ASCII)
_INTEGER = re.compile(r"[+-]?\d{1,19}", re.ASCII)
_INTEGER_LIMIT = 2**63
_NUMBER = re.compile(r"[+-]?\d{1,18}(\.\d+)?([eE][+-]?\d{1,2})?", re.ASCII)
_YYMMDD = re.compile(r"\d{6}", re.ASCII)

WOMAN_MONTH_OFFSET = 50
"""Added to the month of a Czech birth number when it is a woman's."""


class RowProblem(ValueError):
    """A row can't be used; the text is the reason written to the reject file."""


def hundredths(text: str, column: str) -> int:
    """Money `"1234.5"` as 123450 hundredths of the currency unit; more than two decimals are refused."""
    match = _MONEY.fullmatch(text)
    if match is None:
        raise RowProblem(f"{column}: {shown(text)} is not an amount with at most two decimals")
    sign, whole, fraction = match.groups()
    value = int(whole) * 100 + (int(fraction.ljust(2, "0")) if fraction else 0)
    return -value if sign == "-" else value


def integer(text: str, column: str) -> int:
    """A whole number of at most 64 bits, as the database stores it."""
    if not _INTEGER.fullmatch(text) or abs(int(text)) >= _INTEGER_LIMIT:
        raise RowProblem(f"{column}: {shown(text)} is not a whole number")
    return int(text)


def key(text: str, column: str) -> int:
    """A whole number above zero that names a record."""
    value = integer(text, column)
    if value <= 0:
        raise RowProblem(f"{column}: {shown(text)} is not a key")
    return value


def number(text: str, column: str) -> float:
    """A finite number with or without decimals."""
    if not _NUMBER.fullmatch(text):
        raise RowProblem(f"{column}: {shown(text)} is not a number")
    return float(text)


def short_date(text: str, column: str) -> date:
    """A date `YYMMDD` of the twentieth century, as Berka writes it."""
    if not _YYMMDD.fullmatch(text):
        raise RowProblem(f"{column}: {shown(text)} is not a date YYMMDD")
    try:
        return date(1900 + int(text[:2]), int(text[2:4]), int(text[4:6]))
    except ValueError:
        raise RowProblem(f"{column}: {shown(text)} is no day of the calendar") from None


def birth_number(text: str, column: str) -> tuple[date, str]:
    """Birth date and sex from `YYMMDD`, 50 added to the month for women."""
    if not _YYMMDD.fullmatch(text):
        raise RowProblem(f"{column}: {shown(text)} is not a birth number YYMMDD")
    month = int(text[2:4])
    woman = month > WOMAN_MONTH_OFFSET
    try:
        born = date(1900 + int(text[:2]), month - WOMAN_MONTH_OFFSET if woman else month, int(text[4:6]))
    except ValueError:
        raise RowProblem(f"{column}: {shown(text)} holds no day of the calendar") from None
    return born, "FEMALE" if woman else "MALE"


def instant(text: str, column: str) -> datetime:
    """An instant in ISO form (`2020-01-10 06:22:20.222`); without an offset it is UTC."""
    try:
        value = datetime.fromisoformat(text)
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)
    except (ValueError, OverflowError):  # the latter: the ends of the calendar have no other time zone
        raise RowProblem(f"{column}: {shown(text)} is not a date and time") from None


def start_of_day(day: date) -> datetime:
    """The first instant of ``day`` in UTC, for events of which only the day is known."""
    return datetime(day.year, day.month, day.day, tzinfo=UTC)


def plus_months(day: date, months: int) -> date:
    """The same day ``months`` later, or the last day of a shorter month."""
    return day + relativedelta(months=months)


def one_of(text: str, column: str, meanings: Mapping[str, str]) -> str:
    """The meaning of a code of the source; an unknown code is refused."""
    try:
        return meanings[text]
    except KeyError:
        raise RowProblem(f"{column}: {shown(text)} is unknown (known: {', '.join(map(repr, meanings))})") from None


def shown(text: str, limit: int = 60) -> str:
    """The text as it is quoted in a reason: shortened, control characters visible."""
    return ascii(text) if len(text) <= limit else ascii(text[:limit]) + "..."


def digest(values: Mapping[str, Any]) -> str:
    """A short digest of a record's content, the same for the same content in every run."""
    return hashlib.blake2b(orjson.dumps(values, option=orjson.OPT_SORT_KEYS), digest_size=12).hexdigest()
