"""What a caller may cost with queries that this server has not seen: they are parsed, compiled, and planned by Neo4j.

A price tells what reading costs, and a query that reads next to nothing can take seconds to plan: its statement is
long, and another order of its fields makes it another one. So each caller has some seconds of such work a minute. What
is known, a front-end's own documents above all, costs nothing of it and is answered whoever has used them up.
"""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Final

from graph_crm.api.edge.rates import Buckets, RateLimited, Ticks
from graph_crm.errors import ConfigurationError
from graph_crm.security.roles import Caller, Role

UNSEEN_SECONDS: Final[Mapping[Role, float]] = {
    Role.CUSTOMER: 5.0,
    Role.AGENT: 30.0,
    Role.RELATIONSHIP_MANAGER: 30.0,
    Role.MARKETER: 30.0,
    Role.RULE_AUTHOR: 30.0,
    Role.ANALYST: 30.0,
    Role.AUDITOR: 30.0,
    Role.SERVICE: 60.0,
    Role.ADMINISTRATOR: 60.0,
}
"""Seconds of work that one caller may cause a minute, by role."""
PLANNED: Final = 10_000.0
"""Characters of a statement that Neo4j plans in a second; measured: 60 relations, 7,600 characters, 0.7 to 3.8 s."""
LIGHT: Final = 0.005
"""Seconds of computing before a request runs that count for nothing: the rate of requests bounds them."""
MANY_VALUES: Final = 1_000
"""A request with more values in its variables is work, though its document is known."""
STATEMENTS_KNOWN: Final = 5_000
"""Statements that are remembered as planned; Neo4j itself keeps a thousand plans unless it is told another number."""
_MINUTE: Final = 60.0


def seconds_of(wanted: Mapping[str, float]) -> dict[Role, float]:
    """The seconds a minute by role, with those that the settings change.

    Raises ConfigurationError where a role is named that there is none of.
    """
    unknown = set(wanted) - set(Role)
    if unknown:
        raise ConfigurationError(
            f"GRAPH_CRM_UNSEEN_SECONDS names {min(unknown)}, which is no role.",
            hint=f"The roles are {', '.join(sorted(Role))}.",
        )
    return {role: wanted.get(role.value, usual) for role, usual in UNSEEN_SECONDS.items()}


class Unseen:
    """Counts that work by caller. ``seconds`` by role, 0 or no word of a role: no limit. Belongs to one event loop."""

    def __init__(
        self,
        seconds: Mapping[Role, float] | None = None,
        *,
        ticks: Ticks = time.monotonic,
        working: Ticks = time.thread_time,
    ) -> None:
        self._callers = {
            role: Buckets(each / _MINUTE, burst=_MINUTE, ticks=ticks) for role, each in (seconds or {}).items()
        }
        self._working = working
        self._planned: OrderedDict[int, None] = OrderedDict()
        """By their hash: the texts are long, and one that is taken for another costs a plan."""

    @property
    def remembered(self) -> int:
        """How many statements are remembered as planned."""
        return len(self._planned)

    def admit(self, caller: Caller) -> None:
        """Raise RateLimited where the caller has used up its seconds."""
        seconds = self._callers.get(caller.role)
        if seconds is not None and (wait := seconds.wait(caller.subject)):
            raise RateLimited(wait)

    def expect(self, caller: Caller, statement: str) -> None:
        """The same where Neo4j would have to plan ``statement`` first."""
        if hash(statement) not in self._planned:
            self.admit(caller)

    @contextmanager
    def timed(self, caller: Caller) -> Iterator[None]:
        """Count what the block takes: making a request ready, which nobody else is served beside."""
        begun = self._working()
        try:
            yield
        finally:
            seconds = self._working() - begun
            if seconds > LIGHT:
                self._count(caller, seconds)

    def sent(self, caller: Caller, statement: str) -> None:
        """Count a statement that Neo4j has to plan: once, whoever sends it."""
        known = hash(statement)
        if known in self._planned:
            self._planned.move_to_end(known)
            return
        self._planned[known] = None
        if len(self._planned) > STATEMENTS_KNOWN:
            self._planned.popitem(last=False)
        self._count(caller, len(statement) / PLANNED)

    def _count(self, caller: Caller, seconds: float) -> None:
        own = self._callers.get(caller.role)
        if own is not None:
            own.owe(caller.subject, seconds)
