"""Finding the category of a request: plugins first, then the desk's keywords, then the classifier, at last a person."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from pathlib import Path

from graph_crm import logs
from graph_crm.errors import ConfigurationError
from graph_crm.requests.commands import Sorted
from graph_crm.requests.desk import Desk
from graph_crm.requests.kinds import SortedBy
from graph_crm.requests.sorting.folding import asked
from graph_crm.requests.sorting.keywords import Keywords
from graph_crm.requests.sorting.model import Proposed, SortingModel, train
from graph_crm.requests.sorting.training import shipped_examples
from graph_crm.rules.asked_of_intake import categorised
from graph_crm.rules.intake import RequestText
from graph_crm.rules.manager import RuleBook

log = logs.get(__name__)


class DeskSorter:
    """Sorts texts; to be called for each request that comes in without a category.

    ``model`` is the file of the trained classifier, read again when it changes; where there is none, the classifier is
    trained on the shipped examples in memory. ``threshold`` is the confidence from which on it decides by itself.
    """

    def __init__(
        self, desk: Desk, book: RuleBook | None = None, *, model: Path | None = None, threshold: float = 0.7
    ) -> None:
        self._codes = frozenset(one.code for one in desk.categories)
        self._keywords = Keywords.read(desk.sorting, self._codes)
        self._book = book
        self._file = model
        self._threshold = threshold
        self._shipped: SortingModel | None = None
        self._loaded: tuple[int, SortingModel] | None = None
        self._lock = threading.Lock()

    def __call__(self, subject: str, text: str, language: str | None) -> Sorted:
        """The category of a request. None, with the confidence of the best guess, where a person has to say."""
        if self._book is not None:
            named = categorised(self._book, RequestText(subject, text, language), self._codes.__contains__)
            if named is not None:
                return Sorted(category=named, by=SortedBy.RULE)
        whole = asked(subject, text)
        by_word = self._keywords.category(whole)
        if by_word is not None:
            return Sorted(category=by_word, by=SortedBy.RULE)
        found = self.proposals(whole, 1)
        if not found:
            return Sorted(category=None)
        (best,) = found
        if best.confidence >= self._threshold:
            return Sorted(category=best.category, confidence=best.confidence, by=SortedBy.MODEL)
        return Sorted(category=None, confidence=best.confidence)

    def proposals(self, text: str, most: int = 3) -> list[Proposed]:
        """What the classifier thinks, the likeliest first; categories that the desk has no longer are left out."""
        found = self.model().propose(text, most + 5)
        return [one for one in found if one.category in self._codes][:most]

    def model(self) -> SortingModel:
        """The classifier in force; the first call may take a second or two."""
        changed = self._changed()
        if changed is None:
            return self._from_shipped()
        if self._loaded is None or self._loaded[0] != changed:
            with self._lock:
                if self._loaded is None or self._loaded[0] != changed:
                    self._load(changed)
        return self._loaded[1] if self._loaded is not None else self._from_shipped()

    def _changed(self) -> int | None:
        """When the file was written, in nanoseconds; None: there is none."""
        try:
            return None if self._file is None else self._file.stat().st_mtime_ns
        except OSError:
            return None

    def _load(self, changed: int) -> None:
        assert self._file is not None  # noqa: S101 - it has a time
        try:
            self._loaded = (changed, SortingModel.load(self._file))
        except ConfigurationError as error:
            # What comes in is sorted worse with an old classifier, not refused; doctor and the log tell.
            log.warning("sorting_model", problem=error.message)
            self._loaded = (changed, self._loaded[1] if self._loaded is not None else self._from_shipped_unlocked())

    def _from_shipped(self) -> SortingModel:
        if self._shipped is None:
            with self._lock:
                return self._from_shipped_unlocked()
        return self._shipped

    def _from_shipped_unlocked(self) -> SortingModel:
        if self._shipped is None:
            self._shipped = train(shipped_examples(self._codes))
        return self._shipped

    @property
    def categories(self) -> Sequence[str]:
        """Codes of the desk's categories."""
        return sorted(self._codes)
