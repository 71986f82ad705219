"""Where the learner's counts lie in the graph: read when they changed, counted up with each answer exactly once.

One `LearnedCount` a model, feature and bin; the one without feature and bin counts all answers of the model. They hold
no customer and no response.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, Protocol

import structlog

from graph_crm.decisions.learning.bayes import Learner, Tally, model_name
from graph_crm.decisions.learning.bins import Feature, binned
from graph_crm.errors import InvalidInput
from graph_crm.graph.database import Database, Transaction

TOPIC = "response.recorded"
YES = frozenset({"ACCEPTED"})
NO = frozenset({"REJECTED", "IGNORED"})
"""What counts as an answer. PRESENTED, CLICKED and LATER are on the way to one, and after NO_ANSWER nobody knows what
the customer would have said: that a phone is not picked up says nothing about the product."""
LARGEST_COUNT = 10**12
"""More answers of one kind than any bank gets; with more a rate is no longer told from 1."""
REFRESH_SECONDS = 5.0

_LEARN = """
UNWIND $rows AS row
MERGE (c:LearnedCount {key: row.key})
ON CREATE SET c.model = $model, c.feature = row.feature, c.bin = row.bin, c.yes = 0, c.no = 0
SET c.yes = c.yes + $yes, c.no = c.no + $no
"""

_TOTALS = "MATCH (c:LearnedCount) WHERE c.feature = '' RETURN c.model AS model, c.yes AS yes, c.no AS no"

_CELLS = """
MATCH (c:LearnedCount) WHERE c.model IN $models AND c.feature <> ''
RETURN c.model AS model, c.feature AS feature, c.bin AS bin, c.yes AS yes, c.no AS no
"""

_log = structlog.stdlib.get_logger(__name__)


class Entry(Protocol):
    """What an outbox entry of topic ``response.recorded`` tells the handler."""

    @property
    def payload(self) -> Mapping[str, Any]:
        """Holds ``productCode``, ``channel``, ``outcome`` and ``features``."""
        ...


def partition(product: str, channel: str | None) -> str:
    """The outbox partition of the answers that one model learns from: they are counted one after the other."""
    return f"model:{model_name(product, channel or '')}"


async def learn(tx: Transaction, entry: Entry) -> None:
    """Count the answer that ``entry`` names, in the transaction that completes the entry: once, whatever runs twice.

    An outcome that is no answer, and an answer to no product, are passed over. Raises InvalidInput for a payload that
    can't be read.
    """
    product, channel, outcome, known = _read(entry.payload)
    if product is None or outcome not in YES | NO:
        return
    model = model_name(product, channel)
    cells = [("", ""), *binned(known).items()]
    rows = [{"key": f"{model}|{feature}|{name}", "feature": feature, "bin": name} for feature, name in cells]
    rows.sort(key=lambda row: row["key"])
    yes = int(outcome in YES)
    await tx.run(_LEARN, {"rows": rows, "model": model, "yes": yes, "no": 1 - yes})


class LearnerStore:
    """The bank's learner as of a few seconds ago; safe to ask from many tasks at once."""

    def __init__(
        self,
        database: Database,
        *,
        refresh: float = REFRESH_SECONDS,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """``refresh``: so many seconds old an answer may be; ``clock``: seconds that never go back."""
        self._database = database
        self._refresh = refresh
        self._clock = clock
        self._learner = Learner()
        self._read_at: float | None = None
        self._reading = asyncio.Lock()

    async def current(self) -> Learner:
        """The learner. Only the models that learned something since the last reading are read again."""
        if self._fresh():
            return self._learner
        async with self._reading:
            if not self._fresh():
                # The clock is looked at first: what is committed while this reads is not missed for another period.
                started = self._clock()
                self._learner = await self._changed(self._learner)
                self._read_at = started
        return self._learner

    def _fresh(self) -> bool:
        return self._read_at is not None and self._clock() - self._read_at < self._refresh

    async def _changed(self, known: Learner) -> Learner:
        # The totals are read before the counts: what is learned in between makes them differ at the next reading.
        totals = {_pair(row["model"]): _counts(row) for row in await self._database.read(_TOTALS)}
        before = {pair: (tally.yes, tally.no) for pair, tally in known.tallies.items()}
        if totals == before:
            return known
        changed = {pair for pair, counts in totals.items() if before.get(pair) != counts}
        tallies = {pair: tally for pair, tally in known.tallies.items() if pair in totals and pair not in changed}
        tallies |= {pair: Tally(*totals[pair]) for pair in changed}
        names = sorted(model_name(*pair) for pair in changed)
        for row in await self._database.read(_CELLS, {"models": names}):
            tallies[_pair(row["model"])].cells[row["feature"], row["bin"]] = _counts(row)
        learner = Learner(MappingProxyType(tallies))
        _log.debug("learner_read", models=len(tallies), changed=len(changed), version=learner.version)
        return learner


def _counts(row: Mapping[str, Any]) -> tuple[int, int]:
    """The counts of a row, as far as they can be counts: one written past the platform must not stop every decision."""
    yes, no = (min(max(0, each), LARGEST_COUNT) if isinstance(each, int) else 0 for each in (row["yes"], row["no"]))
    return yes, no


def _pair(model: str) -> tuple[str, str]:
    product, _, channel = model.partition("|")
    return product, channel


def _read(payload: Mapping[str, Any]) -> tuple[str | None, str, str, dict[str, Feature]]:
    product, channel, outcome = (payload.get(name) for name in ("productCode", "channel", "outcome"))
    known = payload.get("features") or {}
    fits = isinstance(outcome, str) and isinstance(product, str | None) and isinstance(channel, str | None)
    if not fits or not isinstance(known, dict) or not all(map(_is_feature, known.items())):
        raise InvalidInput(
            f"An outbox entry of topic {TOPIC} can't be read.",
            hint="It needs productCode, channel, outcome and features: words and numbers by name.",
        )
    return product or None, channel or "", str(outcome), known


def _is_feature(item: tuple[object, object]) -> bool:
    name, value = item
    return isinstance(name, str) and bool(name) and isinstance(value, str | int | float)
