"""What time does to raw events: old ones are counted by day and removed, in one transaction, in small batches."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import structlog

from graph_crm import snapshots
from graph_crm.contacts.policy import COMPLAINT, COMPLAINT_CLOSED
from graph_crm.contacts.suppression import open_complaints
from graph_crm.events import retention_cypher as cypher
from graph_crm.events.keeping import RetentionPolicy
from graph_crm.graph.database import Database, Row, Transaction
from graph_crm.graph.timers import Work
from graph_crm.parties import checks
from graph_crm.rules.conditions.base import Needs
from graph_crm.rules.snapshot import epoch_milliseconds

RETENTION_EVERY = 6 * 3600.0
"""Seconds between two looks for events that are older than they are kept."""
BATCH = 500
"""So many events are looked at, and removed, in one transaction."""
OTHERS = None
"""Stands for all types without days of their own."""

_NEEDS = Needs(events={COMPLAINT: None, COMPLAINT_CLOSED: None})

_log = structlog.stdlib.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Kept:
    """What became of the old events of one type."""

    type: str
    days: int
    """For so many days raw events of it are kept."""
    removed: int
    """Events that were removed, or would be."""
    held: int
    """Older events that stay because something still goes by them."""


class EventRetention:
    """Removes raw events that are older than the policy keeps them. ``clock`` replaces this machine's clock."""

    def __init__(
        self, database: Database, policy: RetentionPolicy | None = None, *, clock: checks.Clock = checks.utc_now
    ) -> None:
        self._database = database
        self.policy = policy or RetentionPolicy.load()
        self._clock = clock

    def timers(self) -> Mapping[str, tuple[float, Work]]:
        """What `graph_crm.graph.timers.Timers` is to do, and how often."""
        return {"events.retention": (RETENTION_EVERY, self.run)}

    async def run(self, *, dry_run: bool = False) -> list[Kept]:
        """Count by day and remove what is older than it is kept; by type, what went. ``dry_run``: what would go.

        Safe to be cut anywhere and begun again: an event is counted in the transaction that removes it.
        """
        now = self._clock()
        seen: Counter[str] = Counter()
        removed: Counter[str] = Counter()
        for kind in (OTHERS, *sorted(self.policy.named())):
            await self._old_ones(kind, now, seen, removed, dry_run=dry_run)
        if removed and not dry_run:
            _log.info("events_removed", events=removed.total(), types=len(removed))
        return [Kept(kind, self.policy.days(kind), removed[kind], seen[kind] - removed[kind]) for kind in sorted(seen)]

    async def _old_ones(
        self, kind: str | None, now: dt.datetime, seen: Counter[str], removed: Counter[str], *, dry_run: bool
    ) -> None:
        """Go through the old events of one type, the oldest first."""
        until = self.policy.first_kept(kind or "", now)
        statement = cypher.OLD_OTHERS if kind is None else cypher.OLD_OF_TYPE
        start: int = cypher.BEGINNING
        behind: list[str] = []
        while True:
            asked = {
                "type": kind,
                "named": sorted(self.policy.named()),
                "from": start,
                "until": epoch_milliseconds(until),
                "seen": behind,
                "most": BATCH,
            }
            rows = await self._database.read(statement, asked)
            if not rows:
                return
            seen.update(row["type"] for row in rows)
            last = rows[-1]["at"]
            behind = [*(behind if last == start else ()), *(row["id"] for row in rows if row["at"] == last)]
            start = last
            complaints = [row for row in rows if row["type"] == COMPLAINT]
            told = {
                "ids": [row["id"] for row in rows],
                "open": await self._open(complaints, now) if complaints else [],
                "ended": list(cypher.ENDED),
            }
            found = await (self._database.read(cypher.REMOVABLE, told) if dry_run else self._removed(told))
            removed.update({row["type"]: row["events"] for row in found})
            if len(rows) < BATCH:
                return

    async def _open(self, complaints: Sequence[Mapping[str, Any]], now: dt.datetime) -> list[str]:
        """Which of these complaints are not closed, as the contact policy sees it."""
        parties = sorted({row["partyId"] for row in complaints if row["partyId"]})
        customers = await snapshots.load(self._database.read, parties, now=now, needs=_NEEDS)
        return [one.id for customer in customers for one in open_complaints(customer)]

    async def _removed(self, told: Mapping[str, Any]) -> list[Row]:
        async def work(tx: Transaction) -> list[Row]:
            await tx.run(cypher.TAKE_TURN)
            return await tx.run(cypher.REMOVE, told)

        # What was removed is not found again: a second commit counts nothing twice.
        return await self._database.write(work, idempotent=True)
