"""How much of a customer's writing a request takes in an hour, and when its owner is told of more."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import Final

from graph_crm.errors import CrmError
from graph_crm.requests.clocks import LogEntry
from graph_crm.requests.kinds import EntryKind

MOST_AN_HOUR: Final = 30
"""Entries that a customer may add to one request within an hour, on the page and by the API."""
HOUR: Final = dt.timedelta(hours=1)
_BANK_ACTED: Final = frozenset(
    {
        EntryKind.ANSWERED,
        EntryKind.WAITING,
        EntryKind.NOTE,
        EntryKind.ASSIGNED,
        EntryKind.ESCALATED,
        EntryKind.SORTED,
        EntryKind.CLOSED,
    }
)


class TooOften(CrmError):
    """More was sent in this time than one sender may send, or all of them together."""

    code = "TOO_OFTEN"
    http_status = 429

    def __init__(self, message: str, *, hint: str, limit: int) -> None:
        super().__init__(message, hint=hint, limit=limit, retryAfterSeconds=round(HOUR.total_seconds()))


def check_pace(log: Sequence[LogEntry], now: dt.datetime, most: int = MOST_AN_HOUR) -> None:
    """Raise TooOften where the customer wrote ``most`` entries of this log within the last hour."""
    if sum(one.kind is EntryKind.CUSTOMER_WROTE and now - one.at < HOUR for one in log) >= most:
        raise TooOften(
            "There are too many messages to this request within an hour.", hint="Send the next one later.", limit=most
        )


def news_to_owner(log: Sequence[LogEntry], now: dt.datetime) -> bool:
    """Whether the owner is to be told that the customer wrote: not again while nobody has done anything about it.

    After an hour it is told again: the first mail may have been overlooked.
    """
    for one in reversed(log):
        if one.kind in _BANK_ACTED:
            return True
        if one.kind is EntryKind.CUSTOMER_WROTE:
            return now - one.at >= HOUR
    return True
