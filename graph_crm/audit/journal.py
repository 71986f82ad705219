"""What every change writes down in its own transaction: `graph_crm.graph.database` calls it, no use case has to."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from graph_crm.audit import acting
from graph_crm.audit.chains import Chains, Settle
from graph_crm.audit.entries import Entry, Hidden
from graph_crm.audit.keys import Keyring
from graph_crm.audit.kinds import kind_of
from graph_crm.graph.database import Transaction


@dataclass(frozen=True, slots=True)
class Batch:
    """Contexts and records that are ready, as `graph_crm.audit.entries.body` takes them."""

    contexts: Sequence[dict[str, Any]]
    records: Sequence[list[Any]]


def record(tx: Transaction, entry: Entry) -> None:
    """Write ``entry`` down with the change that ``tx`` makes: both are there, or neither is."""
    tx.notes.append(entry)


class Journal:
    """Adds the entry of a change at the end of its transaction: what somebody does, and what was told with `record`."""

    def __init__(self, chains: Chains, keys: Callable[[], Keyring], *, clock: Callable[[], float] = time.time) -> None:
        self._chains = chains
        self._keys = keys
        self._clock = clock

    def wanted(self) -> bool:
        """Whether somebody acts: then every change of this context is written down."""
        made = acting.current()
        return made is not None and bool(made.writes)

    async def append(self, tx: Transaction) -> Settle:
        """Add the entry of this transaction, as the last thing it does."""
        contexts: list[dict[str, Any]] = []
        records: list[list[Any]] = []
        hidden = self.hidden()
        now = self._clock()
        made = acting.current()
        for entry in self._entries(tx, made):
            if isinstance(entry, Batch):
                behind = len(contexts)
                contexts += entry.contexts
                records += [[at, place + behind, *rest] for at, place, *rest in entry.records]
                continue
            contexts.append(entry.context(made, hidden))
            at = round((now if entry.at is None else entry.at) * 1000)
            details = dict(entry.details) or None
            records.append([at, len(contexts) - 1, hidden.ids(entry.ids), entry.times, details])
        return await self._chains.append(tx, contexts, records)

    def hidden(self) -> Hidden:
        """What makes keyed hashes of what is no id."""
        return Hidden(self._keys().current.secret)

    @staticmethod
    def _entries(tx: Transaction, made: acting.Acting | None) -> list[Entry | Batch]:
        told: list[Entry | Batch] = list(tx.notes)
        if made is None or not made.writes:
            return told
        return [Entry(kind_of(made.writes), made.writes, made.about), *told]
