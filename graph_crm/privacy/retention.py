"""What time does to personal data: by sort of record, what tells whose it is goes when its time is over."""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import orjson

from graph_crm import logs
from graph_crm.audit.entries import Entry
from graph_crm.audit.journal import record
from graph_crm.audit.kinds import AuditKind
from graph_crm.errors import DatabaseBusy, NotFound
from graph_crm.graph.database import Database, Transaction
from graph_crm.graph.timers import Work
from graph_crm.parties import checks
from graph_crm.parties.checks import Clock, utc_now
from graph_crm.privacy import retention_cypher as statements
from graph_crm.privacy.erasure import SINCE_EVER, ErasureRefused, ErasureService
from graph_crm.privacy.export import ExportService
from graph_crm.privacy.inventory import Inventory, inventory
from graph_crm.privacy.kinds import LegalBasis
from graph_crm.privacy.rules import PrivacyRules
from graph_crm.requests.attachments.store import FileStore

EVERY: Final = 24 * 3600.0
"""Seconds between two runs."""
SECONDS: Final = 600.0
"""One statement may take so long."""
MOST_REPORTS: Final = 100
MOST_PARTIES: Final = 1_000
"""Former customers that are erased in one run; the others wait for the next."""
LOT: Final = 50_000
"""Records that are looked up at once."""
BATCH: Final = 500
"""Records of one transaction."""
NOBODYS_POINTS: Final = "ContactPoint"
_EPOCH: Final = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)

log = logs.get(__name__)


@dataclass(frozen=True)
class LetGo:
    """What became of one sort of record."""

    type: str
    days: int | None
    """For so many days it keeps whose it is."""
    records: int
    """Records that were cleared or removed, or would be."""


@dataclass(frozen=True)
class RetentionReport:
    """What a run let go."""

    id: str
    at: dt.datetime
    counts: Mapping[str, int]


class PrivacyRetention:
    """Lets personal data go whose time is over. ``clock`` replaces this machine's clock."""

    def __init__(
        self,
        database: Database,
        rules: PrivacyRules,
        erasing: ErasureService,
        *,
        exports: ExportService | None = None,
        files: FileStore | None = None,
        clock: Clock = utc_now,
        known: Inventory | None = None,
    ) -> None:
        self._database = database
        self.rules = rules
        self._erasing = erasing
        self._exports = exports
        self._files = files
        self._clock = clock
        self._inventory = known or inventory()

    def timers(self) -> Mapping[str, tuple[float, Work]]:
        """What `graph_crm.graph.timers.Timers` is to do, and how often."""
        return {"privacy.retention": (EVERY, self.run), "privacy.exports": (3600.0, self._tidy)}

    async def _tidy(self) -> None:
        if self._exports is not None:
            await self._exports.tidy()

    async def run(self, *, dry_run: bool = False) -> list[LetGo]:
        """Let go of what is older than it is kept; by sort of record, what went. ``dry_run``: what would go.

        Safe to be cut anywhere and begun again: what was let go is not found again. What a run let go is kept as a
        report.
        """
        now = self._clock()
        done = []
        for label, days in sorted(self.rules.keep.items()):
            until = round((now - dt.timedelta(days=days)).timestamp() * 1000)
            done.append(LetGo(label, days, await self._old(label, until, dry_run=dry_run)))
        done.append(LetGo(NOBODYS_POINTS, None, await self._nobodys_points(dry_run=dry_run)))
        done.append(LetGo("Party", self.rules.former_customers_days, await self._former(now, dry_run=dry_run)))
        if not dry_run:
            if self._files is not None:
                await self._files.tidy(SINCE_EVER)
            late = await self._erasing.look_again()
            done.append(LetGo("Erasure", self.rules.erasure.look_again_days, late))
            await self._report(done)
        return done

    async def reports(self, most: int = 20) -> list[RetentionReport]:
        """What the last runs let go, the latest first. Raises: InvalidInput."""
        if not 1 <= most <= MOST_REPORTS:
            raise checks.refuse("first", "is out of range", f"Ask for 1 to {MOST_REPORTS} reports.")
        rows = await self._database.read(statements.REPORTS, {"most": most})
        return [
            RetentionReport(
                row["id"], _EPOCH + dt.timedelta(milliseconds=row["at"]), orjson.loads(row["counts"] or "{}")
            )
            for row in rows
        ]

    async def _old(self, label: str, until: int, *, dry_run: bool) -> int:
        """Let go of the records of a label whose time was over before ``until`` (epoch milliseconds); how many."""
        node = self._inventory.nodes[label]
        asked: dict[str, object] = {"until": until, "instead": dict(node.instead)}
        if dry_run:
            return int((await self._database.read(statements.count(node, label), asked, timeout=SECONDS))[0]["records"])
        gone = 0
        asked = {**asked, "most": LOT}
        before: list[str] = []
        while True:
            rows = await self._database.read(statements.places(node, label), asked, timeout=SECONDS)
            places: list[str] = rows[0]["places"]
            if not places or places == before:  # what is found again can't be let go: nobody waits for it
                break
            for some in batched(places, BATCH):
                gone += await self._step(statements.let_go(node), {**asked, "places": some})
            before = places
        return gone

    async def _nobodys_points(self, *, dry_run: bool) -> int:
        if dry_run:
            return int((await self._database.read(statements.OLD_POINTS, timeout=SECONDS))[0]["records"])
        gone = 0
        while some := await self._step(statements.FORGET_POINTS, {"most": BATCH}):
            gone += some
        return gone

    async def _step(self, statement: str, asked: Mapping[str, object]) -> int:
        rows = await self._database.write(lambda tx: tx.run(statement, asked), timeout=SECONDS, idempotent=True)
        return int(rows[0]["records"])

    async def _former(self, now: dt.datetime, *, dry_run: bool) -> int:
        """Erase customers with whom the bank has not dealt for so long, where nothing speaks against it."""
        days = self.rules.former_customers_days
        if days is None:
            return 0
        asked = {"before": now.date() - dt.timedelta(days=days), "most": MOST_PARTIES, "after": ""}
        gone = 0
        while rows := await self._database.read(statements.FORMER, asked):
            for row in rows:
                try:
                    if dry_run:
                        gone += not (await self._erasing.outlook(row["id"])).against
                        continue
                    await self._erasing.erase(
                        row["id"], basis=LegalBasis.RETENTION, reason="former customer", by="retention"
                    )
                    gone += 1
                except (ErasureRefused, NotFound, DatabaseBusy):
                    continue  # a duty to keep goes on, somebody was quicker, or it is being merged
            asked["after"] = rows[-1]["id"]
            if gone >= MOST_PARTIES:
                break
        return gone

    async def _report(self, done: list[LetGo]) -> None:
        counts = {one.type: one.records for one in done if one.records}
        told = {"id": f"retention:{uuid.uuid4().hex}", "counts": orjson.dumps(counts).decode()}

        async def work(tx: Transaction) -> None:
            record(tx, Entry(AuditKind.PRIVACY, "retention.done", [told["id"]], details=counts))
            await tx.run(statements.REPORT, told)

        await self._database.write(work)
        log.info("retention_done", records=sum(counts.values()))


def batched(places: Sequence[str], most: int) -> Iterator[Sequence[str]]:
    """The places in parts of at most ``most``."""
    return (places[start : start + most] for start in range(0, len(places), most))
