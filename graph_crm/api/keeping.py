"""What is kept of requests that were seen before: as much as there is room for, whoever asks, the oldest goes first."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable
from typing import Any, Generic, TypeVar

V = TypeVar("V")


class Kept(Generic[V]):
    """Values by key, up to a sum of weights. A value that alone weighs more than ``share`` of it is not kept."""

    def __init__(self, most: int, *, share: float = 0.05) -> None:
        self._most = most
        self._heaviest = int(most * share)
        self._values: OrderedDict[Hashable, tuple[V, int]] = OrderedDict()
        self.weight = 0
        """Of all that is kept now."""

    def __len__(self) -> int:
        return len(self._values)

    def get(self, key: Hashable) -> V | None:
        """The value of a key, if it is kept."""
        found = self._values.get(key)
        if found is None:
            return None
        self._values.move_to_end(key)
        return found[0]

    def keep(self, key: Hashable, value: V, weight: int) -> None:
        """Keep a value, which others may have to leave for."""
        if weight > self._heaviest:
            return
        before = self._values.pop(key, None)
        self.weight += weight - (before[1] if before else 0)
        self._values[key] = (value, weight)
        while self.weight > self._most:
            self.weight -= self._values.popitem(last=False)[1][1]


def parts(key: Any) -> int:
    """How many parts a nested tuple has in all: what it takes to keep it."""
    counted = 0
    waiting = [key]
    while waiting:
        found = waiting.pop()
        counted += 1
        if isinstance(found, tuple):
            waiting.extend(found)
    return counted
