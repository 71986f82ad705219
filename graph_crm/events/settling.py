"""Effects of what was done outside, written together: one transaction for all that ended at about the same time."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, TypeAlias

from graph_crm.errors import DatabaseUnavailable
from graph_crm.graph.database import Transaction
from graph_crm.graph.gathering import Gathering
from graph_crm.graph.outbox import OutboxEntry

SETTLED: Final = 50
"""At most so many effects are written together."""
SETTLE_SECONDS: Final = 0.05
"""Between two such transactions, where many end; one alone waits for nothing."""

Effect: TypeAlias = Callable[[Transaction], Awaitable[None]]
Commit: TypeAlias = Callable[[Sequence[OutboxEntry], Effect], Awaitable[None]]
"""Writes an effect, and that its entries are done, in one transaction."""

_logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Joint:
    """An effect that can be written together with others of the same ``write``."""

    write: Callable[[Transaction, Sequence[Any]], Awaitable[None]]
    items: tuple[Any, ...]

    async def __call__(self, tx: Transaction) -> None:
        """Write it."""
        await self.write(tx, self.items)


class Settling:
    """Gathers joint effects. One that can't be written takes no other with it."""

    def __init__(self, commit: Commit) -> None:
        self._commit = commit
        self._gathering: Gathering[tuple[OutboxEntry, Joint], None] = Gathering(
            self._settle, most=SETTLED, at_once=2, gap=SETTLE_SECONDS
        )

    async def settle(self, entry: OutboxEntry, effect: Joint) -> None:
        """Write the effect of ``entry`` and that it is done. Raises what its transaction raises."""
        await self._gathering.ask((entry, effect))

    async def _settle(self, ended: Sequence[tuple[OutboxEntry, Joint]]) -> Sequence[Exception | None]:
        """A transaction for each kind of effect; for each entry None, or why its effect is not written."""
        kinds: dict[Any, list[tuple[OutboxEntry, Joint]]] = {}
        for entry, effect in ended:
            kinds.setdefault(effect.write, []).append((entry, effect))
        answers: dict[str, Exception | None] = {}
        for each in kinds.values():
            answers |= await self._written(each)
        return [answers[entry.id] for entry, _ in ended]

    async def _written(self, ended: Sequence[tuple[OutboxEntry, Joint]]) -> dict[str, Exception | None]:
        entries = [entry for entry, _ in ended]
        effect = replace(ended[0][1], items=tuple(item for _, one in ended for item in one.items))
        answer: Exception | None = None
        try:
            await self._commit(entries, effect)
        except Exception as error:  # noqa: BLE001 - whatever it is, it goes to the entry that it is about
            if len(entries) > 1 and not isinstance(error, DatabaseUnavailable):
                _logger.info("%d effects are written one by one: %s", len(entries), type(error).__name__)
                return {key: one for each in ended for key, one in (await self._written([each])).items()}
            answer = error
        return dict.fromkeys((entry.id for entry in entries), answer)
