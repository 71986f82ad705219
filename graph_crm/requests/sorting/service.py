"""The use cases of sorting: propose categories, train the classifier."""

from __future__ import annotations

import asyncio
from pathlib import Path

from graph_crm.errors import ConfigurationError
from graph_crm.graph.database import Database
from graph_crm.requests.sorting.model import Proposed, Quality, train
from graph_crm.requests.sorting.sorter import DeskSorter
from graph_crm.requests.sorting.training import shipped_examples, sorted_by_people


class SortingService:
    """Proposes categories and trains the classifier."""

    def __init__(self, database: Database, sorter: DeskSorter | None = None) -> None:
        self._database = database
        self._sorter = sorter

    async def proposals(self, text: str, most: int) -> list[Proposed]:
        """The likeliest categories of ``text``."""
        return await asyncio.to_thread(self._known().proposals, text, most)

    async def train(self, path: Path, *, shipped: bool = True) -> Quality:
        """Learn from what people sorted, and from the shipped examples unless ``shipped`` is False; write ``path``.

        Raises InvalidInput where there is too little to learn from.
        """
        codes = self._known().categories
        examples = await sorted_by_people(self._database, codes)
        if shipped:
            examples += shipped_examples(codes)
        model = await asyncio.to_thread(train, examples)
        await asyncio.to_thread(model.save, path)
        return model.quality

    async def warm_up(self) -> None:
        """Have the classifier ready, so that the first request does not wait for it."""
        if self._sorter is not None:
            await asyncio.to_thread(self._sorter.model)

    def _known(self) -> DeskSorter:
        if self._sorter is None:
            raise ConfigurationError("No service desk is set up to sort for.")
        return self._sorter
