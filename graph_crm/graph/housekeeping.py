"""What is kept for a time only: done outbox entries, and the keys by which a repeated write is known."""

from __future__ import annotations

import asyncio
import logging

from graph_crm.errors import CrmError
from graph_crm.graph.database import Database
from graph_crm.graph.outbox import Outbox

EVERY_SECONDS = 3600.0

FORGET_KEYS = """
MATCH (k:IdempotencyKey) WHERE k.at < datetime.realtime() - duration({days: $days})
WITH k LIMIT 5000
DELETE k
RETURN count(*) AS deleted
"""

_logger = logging.getLogger(__name__)


class Housekeeping:
    """Deletes what is older than ``days`` days, hourly; several processes may do it at once."""

    def __init__(self, database: Database, *, days: int) -> None:
        self._database = database
        self._outbox = Outbox(database)
        self._days = days

    async def tidy(self) -> int:
        """Delete what is too old now, in short transactions; how much went."""
        deleted = await self._outbox.prune(self._days)
        while batch := await self._forget_keys():
            deleted += batch
        return deleted

    async def _forget_keys(self) -> int:
        rows = await self._database.write(lambda tx: tx.run(FORGET_KEYS, {"days": self._days}))
        return int(rows[0]["deleted"])

    async def keep(self) -> None:
        """Tidy until cancelled; an outage of the database is waited out."""
        while True:
            try:
                if deleted := await self.tidy():
                    _logger.info("housekeeping deleted %d entries and keys", deleted)
            except CrmError as error:
                _logger.warning("housekeeping can't tidy now: %s", error.message)
            await asyncio.sleep(EVERY_SECONDS)
