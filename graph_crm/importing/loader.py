"""The one loader: records in, batches of UNWIND out, several in flight where they can't wait for each other."""

from __future__ import annotations

import asyncio
import zlib
from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from types import TracebackType
from typing import Any, Self, TypeAlias

from graph_crm.consent.kinds import REFUSALS
from graph_crm.consent.pending import cancel_refused
from graph_crm.graph.database import Database, Transaction
from graph_crm.importing.cypher import (
    ABSENT,
    CONSENT,
    MERGED_PARTIES,
    PARTIES_TO_SEARCH,
    WRITE_SEARCH_TEXT,
    Kind,
    missing_statement,
)
from graph_crm.importing.merged_parties import led_rows
from graph_crm.importing.rejects import Origin, RejectFile
from graph_crm.importing.values import shown
from graph_crm.parties.commands import index_text

Record: TypeAlias = dict[str, Any]
Progress: TypeAlias = Callable[[str, int, int], None]
"""Called with what is being loaded, how much of it is done, and how much there is."""

BATCH_SECONDS = 120.0
"""Time limit of one batch with its retries."""


def no_progress(label: str, done: int, total: int) -> None:
    """Show no progress."""


@dataclass
class _Batch:
    rows: list[Record] = field(default_factory=list)
    origins: list[Origin] = field(default_factory=list)


class Loader:
    """Collects records per kind and writes them in batches of ``batch_rows``; memory is bounded by the batches.

    `add` gives back control when a batch had to wait; `flush` waits until everything added is in the graph. The row
    that a record comes from is counted as loaded when the record's batch was committed, or rejected when something it
    refers to does not exist. A row may become several records: it is loaded when none of them was refused.

    Batches are written at least once and each is an upsert: an import that was stopped anywhere is simply repeated.
    """

    def __init__(
        self,
        database: Database,
        *,
        rejects: RejectFile | None = None,
        batch_rows: int = 2000,
        lanes: int = 3,
        now: datetime | None = None,
    ) -> None:
        self._database = database
        self._rejects = rejects or RejectFile(None)
        self._batch_rows = batch_rows
        self._lanes = lanes
        self._now = now or datetime.now(UTC)
        self._batches: dict[tuple[int, str, int], _Batch] = {}
        self._kinds: dict[str, Kind] = {}
        self._running: dict[tuple[str, int], asyncio.Task[None]] = {}
        self._stages: dict[tuple[str, int], int] = {}
        self._turn = 0
        self._absent: frozenset[str] = frozenset()
        self.written: dict[str, int] = defaultdict(int)
        """Records committed so far, by kind."""

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is None:
            await self.flush()
            return
        for task in self._running.values():
            task.cancel()
        await asyncio.gather(*self._running.values(), return_exceptions=True)

    async def look(self) -> None:
        """See what the graph has none of: as long as it holds, nothing of that kind can have moved to other ends.

        Call it when nothing is waiting, before records among which no id comes twice with other ends:
        those of a data set, or of one file.
        """
        self._absent = frozenset(row["pattern"] for row in await self._database.read(ABSENT))

    async def add(self, kind: Kind, record: Record, origin: Origin) -> None:
        """Put one record into its batch; writes the batch when it is full."""
        lane = zlib.crc32(str(record[kind.lock_key]).encode()) % self._lanes if kind.lock_key else 0
        place = (kind.stage, kind.name, lane)
        batch = self._batches.get(place)
        if batch is None:
            self._kinds[kind.name] = kind
            batch = self._batches[place] = _Batch()
        batch.rows.append(record)
        batch.origins.append(origin)
        if len(batch.rows) >= self._batch_rows:
            await self._flush_below(kind.stage)
            await self._send(place)

    async def flush(self) -> None:
        """Write everything that was added and wait for it."""
        await self._flush_below(None)
        await self._settle(list(self._running))

    async def _flush_below(self, stage: int | None) -> None:
        """Write the batches of lower stages, and wait for them: a later kind refers to their records."""
        waiting = sorted(place for place in self._batches if stage is None or place[0] < stage)
        current: int | None = None
        for place in waiting:
            if current is not None and place[0] != current:
                await self._settle([lane for lane, running in self._stages.items() if running < place[0]])
            current = place[0]
            await self._send(place)
        if stage is not None:
            await self._settle([lane for lane, running in self._stages.items() if running < stage])

    async def _send(self, place: tuple[int, str, int]) -> None:
        """Start writing the batch at ``place``, after the batch that uses the same lane."""
        batch = self._batches.pop(place, None)
        if batch is None or not batch.rows:
            return
        kind = self._kinds[place[1]]
        if kind.lock_key:
            lane = ("locked", place[2])
        elif kind.parallel:
            self._turn += 1
            lane = ("free", self._turn % self._lanes)
        else:
            lane = ("serial", 0)
        await self._settle([lane])
        self._running[lane] = asyncio.create_task(self._write(kind, batch))
        self._stages[lane] = kind.stage
        await asyncio.sleep(0)  # let the batch leave before the next rows are read

    async def _settle(self, lanes: list[tuple[str, int]]) -> None:
        for lane in lanes:
            task = self._running.get(lane)
            if task is not None:
                await task
                self._running.pop(lane, None)
                self._stages.pop(lane, None)

    async def _write(self, kind: Kind, batch: _Batch) -> None:
        absent = self._absent

        async def work(transaction: Transaction) -> dict[int, str]:
            rows, places, told = batch.rows, list(range(len(batch.rows))), set[str]()
            if MERGED_PARTIES not in absent:
                rows, places, told = await led_rows(transaction, kind, batch.rows, self._now)
            if kind.before and kind.counted not in absent:
                await transaction.run(kind.before, {"rows": [_ends(row) for row in rows]})
            found = await transaction.run(kind.statement, {"rows": rows, "now": self._now})
            refused: dict[int, str] = {}
            if found[0]["loaded"] != len(rows):
                refused = await self._refused(transaction, kind, rows)
            if kind.searchable:
                await _refresh_search(transaction, sorted({row[kind.searchable] for row in rows} | told))
            if kind is CONSENT:
                await cancel_refused(transaction, [_refusal(row) for row in rows if _refuses(row)])
            return {places[index]: reason for index, reason in refused.items()}

        refused = await self._database.write(work, timeout=BATCH_SECONDS)
        for index, origin in enumerate(batch.origins):
            reason = refused.get(index)
            if reason is None:
                self.written[kind.name] += 1
                if not origin.loaded and not origin.refused:
                    origin.loaded = True
                    origin.tally.loaded += 1
            else:
                self._rejects.reject(origin, reason)

    @staticmethod
    async def _refused(transaction: Transaction, kind: Kind, rows: list[Record]) -> dict[int, str]:
        """Which rows refer to something that does not exist, and to what."""
        refused: dict[int, str] = {}
        checks: list[tuple[str, str, str]] = [(name, label, key) for name, (label, key) in kind.references.items()]
        if kind.label:
            checks.append(("id", kind.label, "id"))
        for name, label, key in checks:
            wanted = sorted({row[name] for row in rows if row.get(name) is not None})
            missing = {row["key"] for row in await transaction.run(missing_statement(label, key), {"keys": wanted})}
            for index, row in enumerate(rows):
                if row.get(name) in missing:
                    reason = (
                        f"{shown(row[name])} exists and is not a {label}"
                        if name == "id"
                        else f"unknown {label} {shown(row[name])}"
                    )
                    refused.setdefault(index, reason)
        if kind.unfit:
            numbered = [{**row, "index": index} for index, row in enumerate(rows)]
            for found in await transaction.run(kind.unfit, {"rows": numbered}):
                refused.setdefault(found["index"], found["reason"])
        return refused


def _refuses(row: Record) -> bool:
    return row["props"]["status"] in REFUSALS


def _refusal(row: Record) -> tuple[str, str | None]:
    return row["partyId"], row["pointKey"]


def _ends(row: Record) -> Record:
    """The row without its properties: its id and what it refers to."""
    return {name: value for name, value in row.items() if name != "props"}


async def _refresh_search(transaction: Transaction, ids: list[str]) -> None:
    """Bring the search text of parties up to date."""
    texts: list[Mapping[str, str]] = []
    for row in await transaction.run(PARTIES_TO_SEARCH, {"ids": ids}):
        text = index_text(row["id"], row["properties"], row["points"])
        if text != row["text"]:
            texts.append({"id": row["id"], "text": text})
    if texts:
        await transaction.run(WRITE_SEARCH_TEXT, {"rows": texts})
