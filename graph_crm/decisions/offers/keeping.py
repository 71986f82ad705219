"""What time does to offers: their validity ends, and those that wait are judged again. Timers ask for both."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Any

from graph_crm.contacts import ledger
from graph_crm.decisions.offers import cypher
from graph_crm.decisions.offers.responses import tell
from graph_crm.decisions.offers.states import AGAIN, OPEN, SEEN
from graph_crm.graph.database import Database, Transaction
from graph_crm.graph.outbox import put
from graph_crm.graph.timers import Work
from graph_crm.parties import checks
from graph_crm.rules.snapshot import ticked

DUE = "offer.due"
"""The topic of the outbox under which an offer is put back to be judged; the payload holds ``offerId``."""
BATCH = 50
"""So many offers are changed in one transaction."""
EXPIRE_EVERY = 60.0
"""Seconds between two looks for offers whose validity ended."""
DUE_EVERY = 10.0
"""Seconds between two looks for offers whose time has come."""

_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)


class OfferKeeper:
    """Ends offers and puts them back. ``clock`` replaces the database's clock, which all processes share."""

    def __init__(self, database: Database, *, clock: checks.Clock | None = None) -> None:
        self._database = database
        self._clock = clock

    def timers(self) -> Mapping[str, tuple[float, Work]]:
        """What `graph_crm.graph.timers.Timers` is to do, and how often."""
        return {"offers.expire": (EXPIRE_EVERY, self.expire), "offers.due": (DUE_EVERY, self.put_back)}

    async def expire(self) -> int:
        """End open offers whose validity is over; how many.

        Whoever heard or saw one and said nothing until then has ignored it: that is recorded as a response, so that
        the learner hears of it too. While a contact slot is held for an offer, it waits.
        """
        ended = 0
        statuses = sorted(OPEN)
        while True:
            asked = {"statuses": statuses, "now": self._told(), "most": BATCH}
            rows = await self._database.read(cypher.OVER, asked)
            if not rows:
                return ended
            offers, parties = sorted(row["offer"] for row in rows), {row["party"] for row in rows}
            done = await self._database.write(lambda tx, o=offers, p=parties: self._expire(tx, o, p), idempotent=True)  # type: ignore[misc]  # mypy can't infer a lambda with defaults
            ended += done
            if not done:  # what was found was answered meanwhile
                return ended

    async def _expire(self, tx: Transaction, offers: list[str], parties: set[str]) -> int:
        locked = await ledger.lock_parties(tx, parties)
        if locked is None:
            return 0
        now = self._told() or locked.now
        asked = {"offers": offers, "statuses": sorted(OPEN), "seen": sorted(SEEN), "now": now}
        rows = await tx.run(cypher.EXPIRE, asked)
        for row in rows:
            for identifier in row["ignored"]:
                response = {
                    "outcome": "IGNORED",
                    "at": _EPOCH + dt.timedelta(milliseconds=row["at"]),
                    "channel": row["channel"],
                    "offerId": row["offer"],
                    "partyId": row["party"],
                    "productCode": row["product"],
                    "familyCode": row["family"],
                }
                await tell(tx, identifier, row["features"], row["channel"], response)
        return len(rows)

    async def put_back(self) -> int:
        """Put offers whose ``notBefore`` has come into the outbox, to be judged again; how many.

        Each offer comes once for each ``notBefore``: who judges it must move it on, or give it another one.
        """
        put_back = 0
        while True:
            asked = {"statuses": sorted(AGAIN), "now": self._told(), "most": BATCH}
            rows = await self._database.read(cypher.DUE, asked)
            if not rows:
                return put_back
            offers = sorted(row["offer"] for row in rows)
            done = await self._database.write(lambda tx, o=offers: self._put_back(tx, o), idempotent=True)  # type: ignore[misc]  # mypy can't infer a lambda with a default
            put_back += done
            if not done:
                return put_back

    async def _put_back(self, tx: Transaction, offers: list[str]) -> int:
        rows = await tx.run(cypher.ASK_AGAIN, {"offers": offers, "statuses": sorted(AGAIN), "now": self._told()})
        for row in rows:
            payload: dict[str, Any] = {"offerId": row["offer"], "partyId": row["party"]}
            await put(tx, DUE, row["party"], payload, f"{DUE}:{row['offer']}:{row['notBefore']}")
        return len(rows)

    def _told(self) -> dt.datetime | None:
        return None if self._clock is None else ticked(self._clock())
