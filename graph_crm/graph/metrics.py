"""Counts and times of statements as plain numbers; the HTTP edge turns them into Prometheus text."""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass, field

BOUNDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
"""Upper bounds of the histogram's buckets in seconds; what is slower falls into one more bucket without a bound."""


@dataclass
class Histogram:
    """How many observations fell under each bound: ``buckets[i]`` counts those at most ``BOUNDS[i]`` seconds."""

    buckets: list[int] = field(default_factory=lambda: [0] * (len(BOUNDS) + 1))
    total: float = 0.0
    count: int = 0

    def observe(self, seconds: float) -> None:
        """Add one observation."""
        self.buckets[bisect_left(BOUNDS, seconds)] += 1
        self.total += seconds
        self.count += 1

    def cumulative(self) -> list[tuple[float, int]]:
        """The buckets as Prometheus wants them: bound and count of everything up to it, the last bound infinite."""
        reached = 0
        answer = []
        for bound, count in zip((*BOUNDS, float("inf")), self.buckets, strict=True):
            reached += count
            answer.append((bound, reached))
        return answer


@dataclass
class DatabaseMetrics:
    """What the database room did since the start of the process; every number only grows."""

    reads: Histogram = field(default_factory=Histogram)
    """Statements of `Database.read`, in seconds until the last row."""
    writes: Histogram = field(default_factory=Histogram)
    """Statements in write transactions and of `Database.execute`."""
    transactions: Histogram = field(default_factory=Histogram)
    """Whole `Database.write` calls with their retries and the commit."""
    retries: int = 0
    """Attempts that were repeated because Neo4j asked for it or the connection was lost before the commit."""
    failures: dict[str, int] = field(default_factory=dict)
    """Calls that ended in an error of the database, by the error's code."""

    def failed(self, code: str) -> None:
        """Add one failure under its code."""
        self.failures[code] = self.failures.get(code, 0) + 1
