"""Who is at work, what they can do and what they carry: one small read for many requests.

The load is counted from the requests themselves, by index, and never kept in a counter: a counter of each employee
would be a lock that every request waits for, and would drift. A process reads it at most once a second and adds what it
gives out itself in between, so that several processes differ by a second's work at most.
"""

from __future__ import annotations

import asyncio
import datetime as dt
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from graph_crm.graph.database import Database
from graph_crm.staff import cypher
from graph_crm.staff.kinds import EmployeeRole

FRESH_SECONDS = 1.0
"""So long a roster that was read is used."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Colleague:
    """Somebody who works at the desk."""

    id: str
    name: str
    email: str | None
    team: str | None
    role: EmployeeRole
    skills: frozenset[str]
    languages: tuple[str, ...]
    capacity: int
    open: int
    """Requests that they answer for, as far as is known."""
    absences: Sequence[tuple[int, int]]
    """From and until, in milliseconds since 1970."""

    def away(self, at: dt.datetime) -> bool:
        """Whether they are away at that instant."""
        now = at.timestamp() * 1000
        return any(start <= now < end for start, end in self.absences)

    @property
    def load(self) -> float:
        """Open requests over capacity: 1.0 is a full load."""
        return self.open / self.capacity if self.capacity else float("inf")


class Roster:
    """The people of the desk. One for each process; `forget` after something of them was changed."""

    def __init__(self, database: Database, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._database = database
        self._clock = clock
        self._people: dict[str, Colleague] = {}
        """By id, with what they carry as far as it is known."""
        self._given: Counter[str] = Counter()
        self._read_at: float | None = None
        self._reading = asyncio.Lock()

    async def people(self) -> list[Colleague]:
        """Everybody who works at the desk, whether away or not, with what they carry now."""
        if not self._fresh():
            async with self._reading:
                if not self._fresh():
                    await self._read()
        return list(self._people.values())

    def given(self, employee_id: str, count: int = 1) -> None:
        """Count a request that is just being given to somebody; -1 takes back one that was not given after all."""
        self._given[employee_id] += count
        if (one := self._people.get(employee_id)) is not None:
            self._people[employee_id] = replace(one, open=one.open + count)

    def forget(self) -> None:
        """Read anew the next time."""
        self._read_at = None

    def _fresh(self) -> bool:
        return self._read_at is not None and self._clock() - self._read_at < FRESH_SECONDS

    async def _read(self) -> None:
        before = dict(self._given)
        rows = await self._database.read(cypher.ROSTER)
        found = [
            Colleague(
                id=row["id"],
                name=row["name"],
                email=row["email"],
                team=row["team"],
                role=EmployeeRole(row["role"]),
                skills=frozenset(row["skills"]),
                languages=tuple(row["languages"]),
                capacity=row["capacity"],
                open=row["open"],
                absences=tuple((start, end) for start, end in row["absences"]),
            )
            for row in rows
        ]
        # What was given out while it was read may be in the count or not: rather once too often than not at all.
        for employee_id, count in before.items():
            self._given[employee_id] -= count
        self._people = {one.id: replace(one, open=one.open + self._given[one.id]) for one in found}
        self._read_at = self._clock()
