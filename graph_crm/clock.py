"""What time it is: by this computer, for as long as its clock agrees with the database's.

Everything that is kept is written by the database's clock, and several processes share one database. So a computer
whose clock jumps (a virtual machine that was asleep, a wrong time server, a hand) must not be believed: what was just
said would lie in the future, what is to be kept would be removed too early. Each process compares its clock with the
database's (`graph_crm.graph.clock_watch`); between two looks the time since the last one is counted by the monotonic
clock, which does not jump. Where the two differ by more than `TOLERATED_SECONDS` the database's counts.
"""

from __future__ import annotations

import datetime as dt
import time
from collections.abc import Callable
from typing import Final

TOLERATED_SECONDS: Final = 5.0
"""Clocks that differ by less are equal: they are not read at the same instant."""
LONGEST_LOOK_SECONDS: Final = 2.0
"""An answer that took longer says too little about when it was true."""
ADVICE: Final = (
    "Set the clocks of this computer and of Neo4j's by a time server (chrony, systemd-timesyncd): until they agree the "
    "platform goes by Neo4j's, and a token is taken only while both say that it is valid."
)


class Clock:
    """The clock of one process; ``wall`` is seconds since 1970, ``ticks`` counts seconds and never jumps."""

    def __init__(self, *, wall: Callable[[], float] = time.time, ticks: Callable[[], float] = time.monotonic) -> None:
        self._wall = wall
        self._ticks = ticks
        self._told: tuple[float, float, float] | None = None
        """What the database said, when that was by the ticks, and what this computer's clock was ahead of the ticks."""

    def compare(self, told: float, *, asked: float, answered: float) -> None:
        """Note that the database's clock showed ``told`` (seconds since 1970) between two instants of the ticks."""
        if self._told is None or answered - asked <= LONGEST_LOOK_SECONDS:
            self._told = told, (asked + answered) / 2, self._wall() - self._ticks()

    def forget(self) -> None:
        """Go by this computer's clock, until it is compared again."""
        self._told = None

    @property
    def jumped(self) -> bool:
        """Whether this computer's clock was moved since it was compared: then it is to be compared again."""
        return self._told is not None and abs(self._wall() - self._ticks() - self._told[2]) > TOLERATED_SECONDS / 5

    @property
    def ahead(self) -> float | None:
        """The seconds that this computer's clock is ahead of the database's, negative: behind; None: not known."""
        return None if self._told is None else self._wall() - self._of_database(self._told)

    @property
    def wrong(self) -> bool:
        """Whether the two clocks differ by more than is tolerated."""
        ahead = self.ahead
        return ahead is not None and abs(ahead) > TOLERATED_SECONDS

    def seconds(self) -> float:
        """The time to go by, in seconds since 1970."""
        wall = self._wall()
        if self._told is None:
            return wall
        database = self._of_database(self._told)
        return database if abs(wall - database) > TOLERATED_SECONDS else wall

    def latest(self) -> float:
        """The later of both clocks where they differ, in seconds since 1970: what ends has ended once one says so."""
        return max(self.seconds(), self._wall())

    def earliest(self) -> float:
        """The earlier of both where they differ: what is to begin has begun once both say so."""
        return min(self.seconds(), self._wall())

    def _of_database(self, told: tuple[float, float, float]) -> float:
        return told[0] + self._ticks() - told[1]


CLOCK: Final = Clock()
"""The clock of this process."""


def utc_now() -> dt.datetime:
    """The present instant in UTC."""
    return dt.datetime.fromtimestamp(CLOCK.seconds(), dt.UTC)
