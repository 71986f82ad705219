"""What each rule did, summed over every worker: workers count in memory, and add what has grown to the graph.

The counters are for looking at, not for deciding: a worker killed by force loses those of its last seconds.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from typing import Any

import structlog

from graph_crm.decisions import cypher
from graph_crm.errors import CrmError
from graph_crm.graph.database import Database, Transaction
from graph_crm.rules.manager import RuleBook, RuleCounters

FLUSH_SECONDS = 5.0

_log = structlog.stdlib.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class RuleActivity:
    """What one rule did, in all workers since the graph was made."""

    evaluated: int = 0
    """Snapshots that its condition was asked about."""
    passed: int = 0
    unknown: int = 0
    """Neither passed nor failed: a fact was missing."""
    failed: int = 0
    """Raised an error."""
    seconds: float = 0.0
    """Spent in its condition."""
    offers: int = 0
    """Offers in the graph that it proposed."""


class ActivityLog:
    """Adds the growth of a rule book's counters to the graph, every few seconds and at the end."""

    def __init__(self, database: Database, book: RuleBook) -> None:
        self._database = database
        self._book = book
        self._written: dict[str, RuleCounters] = {}

    async def keep(self) -> None:
        """Write until cancelled, and once more then."""
        try:
            while True:
                await asyncio.sleep(FLUSH_SECONDS)
                with suppress(CrmError):  # an outage: what was not written now is written the next time
                    await self.flush()
        finally:
            try:
                await self.flush()
            except CrmError as error:
                _log.warning("rule_activity_lost", code=error.code)

    async def flush(self) -> None:
        """Write what has grown since the last time, in one statement."""
        current = {one.rule.id: replace(one.counters) for one in self._book.rules}
        rows = [
            {"rule": rule, **grown} for rule, counters in current.items() if (grown := self._growth(rule, counters))
        ]
        if not rows:
            return

        async def work(tx: Transaction) -> None:
            await tx.run(cypher.ADD_ACTIVITY, {"rows": rows})

        await self._database.write(work)
        self._written = current

    def _growth(self, rule: str, counters: RuleCounters) -> dict[str, Any]:
        before = asdict(self._written.get(rule, RuleCounters()))
        grown = {name: value - before[name] for name, value in asdict(counters).items()}
        return grown if grown["evaluated"] else {}


async def read_activity(database: Database, book: RuleBook) -> dict[str, RuleActivity]:
    """What every rule of the book did, by rule."""
    rows = await database.read(cypher.ACTIVITY, {"rules": [one.rule.id for one in book.rules]})
    return {row["rule"]: RuleActivity(**row["activity"]) for row in rows}
