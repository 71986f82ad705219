"""What becomes of events that show interest: scores and counts, written in the transaction of the events."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from graph_crm.errors import InvalidInput
from graph_crm.events.service import RecordedEvent
from graph_crm.graph.database import Database, Transaction
from graph_crm.interest import cypher
from graph_crm.interest.kinds import InterestGroup
from graph_crm.parties import checks
from graph_crm.rules.interest import HALF_LIFE_DAYS, LOOKS_A_DAY, Counted, counted
from graph_crm.rules.snapshot import epoch_milliseconds, ticked

LONGEST_PERIOD_DAYS = 1100
"""A question covers so many days at most: three years."""
MOST_GROUPS = 1000
UNKNOWN_CHANNEL = "UNKNOWN"
"""The channel of looks whose event named none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class InterestTotal:
    """What customers looked at in a period, of one group."""

    key: str | None
    """The product, family, day, month, segment or channel; None: not known."""
    views: int
    customers: int
    started: int | None
    """Applications begun; None where they are not counted by this grouping."""
    abandoned: int | None


class InterestKeeper:
    """Writes interest with the events that show it. ``half_life_days``: when half of a look is left in the score."""

    def __init__(self, half_life_days: int = HALF_LIFE_DAYS) -> None:
        self._half_life_days = half_life_days

    async def note(self, tx: Transaction, events: Sequence[RecordedEvent]) -> None:
        """Add what new events say about interest, in their transaction: exactly once, in whatever order they come."""
        rows = _rows(events)
        if rows:
            await tx.run(cypher.NOTE, {"rows": rows, "halfLifeDays": self._half_life_days, "most": LOOKS_A_DAY})


class InterestService:
    """Answers what customers looked at."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def totals(
        self,
        first_day: dt.date,
        last_day: dt.date,
        group_by: InterestGroup,
        *,
        product: str | None = None,
        family: str | None = None,
        first: int = 100,
    ) -> list[InterestTotal]:
        """Interest from ``first_day`` to ``last_day`` (both included, days in UTC), the largest group first.

        Groups of time come in their order. A customer who looked at several products is counted once in each group.

        Raises: InvalidInput for a period that is turned round or too long, for a code that can't be one.
        """
        check_period(first_day, last_day)
        if not 1 <= first <= MOST_GROUPS:
            raise checks.refuse("first", f"is not from 1 to {MOST_GROUPS}", "Ask for fewer groups.")
        parameters = {"from": first_day, "to": last_day, "product": product, "family": family, "first": first}
        statement = cypher.totals(group_by.value, of_one_product=product is not None)
        return [
            InterestTotal(
                key=row["key"],
                views=row["views"],
                customers=row["customers"],
                started=row["started"],
                abandoned=row["abandoned"],
            )
            for row in await self._database.read(statement, parameters)
        ]


def check_period(first_day: dt.date, last_day: dt.date) -> None:
    """Refuse a period that is turned round or longer than three years."""
    check_order(first_day, last_day)
    if (last_day - first_day).days >= LONGEST_PERIOD_DAYS:
        raise InvalidInput(
            f"to: the period has more than {LONGEST_PERIOD_DAYS} days", hint="Ask for less at once.", field="to"
        )


def check_order(first_day: dt.date, last_day: dt.date) -> None:
    """Refuse a period that is turned round."""
    if last_day < first_day:
        raise InvalidInput("to: lies before from", hint="Turn the two days round.", field="to")


@dataclass
class _Day:
    """What a customer looked at on one day, of one product."""

    day: dt.date
    looks: list[tuple[int, float]] = field(default_factory=list)
    kinds: dict[str, int] = field(default_factory=dict)
    channels: dict[str, int] = field(default_factory=dict)

    def add(self, event: RecordedEvent, found: Counted) -> None:
        self.looks.append((epoch_milliseconds(ticked(event.at)), found.weight))
        self.kinds[found.kind] = self.kinds.get(found.kind, 0) + 1
        if found.kind == "VIEW":
            channel = event.channel or UNKNOWN_CHANNEL
            self.channels[channel] = self.channels.get(channel, 0) + 1


def _rows(events: Iterable[RecordedEvent]) -> list[dict[str, Any]]:
    """A row for each customer and product, in the order of their keys: every transaction locks in the same order."""
    found: dict[tuple[str, str], dict[dt.date, _Day]] = {}
    for event in events:
        said = counted(event.type, event.payload)
        if said is not None:
            days = found.setdefault((event.party_id, said.code), {})
            day = event.at.astimezone(dt.UTC).date()
            days.setdefault(day, _Day(day)).add(event, said)
    return [_row(party, code, days) for (party, code), days in sorted(found.items())]


def _row(party: str, code: str, days: Mapping[dt.date, _Day]) -> dict[str, Any]:
    moments = [moment for one in days.values() for moment, _ in one.looks]
    return {
        "key": f"{party}|{code}",
        "partyId": party,
        "productCode": code,
        "first": _instant(min(moments)),
        "last": _instant(max(moments)),
        **_kinds(days.values()),
        "days": [
            {
                "key": f"{day}|{code}|{party}",
                "day": day,
                "moments": [moment for moment, _ in sorted(one.looks)],
                "weights": [weight for _, weight in sorted(one.looks)],
                "channels": one.channels,
                **_kinds([one]),
            }
            for day, one in sorted(days.items())
        ],
    }


def _kinds(days: Iterable[_Day]) -> dict[str, int]:
    names = {"VIEW": "views", "STARTED": "started", "ABANDONED": "abandoned"}
    all_days = list(days)
    return {name: sum(one.kinds.get(kind, 0) for one in all_days) for kind, name in names.items()}


def _instant(milliseconds: int) -> dt.datetime:
    return dt.datetime.fromtimestamp(0, dt.UTC) + dt.timedelta(milliseconds=milliseconds)
