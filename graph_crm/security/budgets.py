"""What the queries of each role may cost: one at a time, and all that one caller has running at once.

The unit is about one row that Neo4j reads: ten thousand of them take some tenths of a second. `docs/limits.md` says how
a cost comes about.
"""

from __future__ import annotations

import asyncio
import math
from collections import OrderedDict
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Final

from graph_crm.errors import ConfigurationError, CrmError
from graph_crm.security.roles import Caller, Role


@dataclass(frozen=True)
class Budget:
    """What a caller of a role may ask; 0 is no limit."""

    request: float
    """Cost of one request at most."""
    at_once: float
    """Cost of all requests of one caller that run at the same time."""


BUDGETS: Final[Mapping[Role, Budget]] = {
    Role.CUSTOMER: Budget(5_000, 10_000),
    Role.AGENT: Budget(20_000, 60_000),
    Role.RELATIONSHIP_MANAGER: Budget(20_000, 60_000),
    Role.MARKETER: Budget(20_000, 60_000),
    Role.RULE_AUTHOR: Budget(50_000, 100_000),
    Role.ANALYST: Budget(50_000, 100_000),
    Role.AUDITOR: Budget(50_000, 100_000),
    Role.SERVICE: Budget(50_000, 1_000_000),
    Role.ADMINISTRATOR: Budget(100_000, 200_000),
}
"""By role. GRAPH_CRM_QUERY_COST and GRAPH_CRM_QUERY_COST_AT_ONCE change them."""
MOST_WAITING: Final = 200
"""Requests of one caller that wait for others of the same caller to end; those beyond are refused at once."""
LONGEST_WAIT: Final = 5.0
"""Seconds that a request waits for others of the same caller."""


class QueryTooExpensive(CrmError):
    """The query would cost more than the caller's role may ask for in one request; nothing was read."""

    code = "QUERY_TOO_EXPENSIVE"


class TooMuchAtOnce(CrmError):
    """The caller has so much running already that this has to wait."""

    code = "TOO_MUCH_AT_ONCE"


class _Running:
    """What one caller has running."""

    __slots__ = ("cost", "waiting")

    def __init__(self) -> None:
        self.cost = 0.0
        self.waiting: OrderedDict[asyncio.Future[None], float] = OrderedDict()


class Budgets:
    """The budgets of a server, and what its callers have running. Belongs to one event loop.

    Raises ConfigurationError where a setting names a role that there is none of.
    """

    def __init__(
        self,
        request: Mapping[str, float] | None = None,
        at_once: Mapping[str, float] | None = None,
        *,
        longest_wait: float = LONGEST_WAIT,
    ) -> None:
        request, at_once = request or {}, at_once or {}
        for name, given in (("QUERY_COST", request), ("QUERY_COST_AT_ONCE", at_once)):
            unknown = set(given) - set(Role)
            if unknown:
                raise ConfigurationError(
                    f"GRAPH_CRM_{name} names {min(unknown)}, which is no role.",
                    hint=f"The roles are {', '.join(sorted(Role))}.",
                )
        self._budgets = {
            role: Budget(request.get(role.value, usual.request), at_once.get(role.value, usual.at_once))
            for role, usual in BUDGETS.items()
        }
        self._longest = longest_wait
        self._running: dict[str, _Running] = {}

    def of(self, role: Role) -> Budget:
        """What a role may ask."""
        return self._budgets[role]

    def check(self, caller: Caller, cost: float) -> None:
        """Raise QueryTooExpensive where one request costs more than the caller's role may ask."""
        limit = self._budgets[caller.role].request
        if limit and cost > limit:
            raise too_expensive("The query", cost, limit, f"the role {caller.role}")

    @asynccontextmanager
    async def running(self, caller: Caller, cost: float) -> AsyncIterator[None]:
        """Count a request while it runs; it waits its turn behind others of the same caller.

        Raises TooMuchAtOnce where they do not end in time, or where too many wait already.
        """
        limit = self._budgets[caller.role].at_once
        if not limit:
            yield
            return
        cost = math.ceil(min(cost, limit))  # what may run at all may run alone; whole numbers add up
        mine = self._running.setdefault(caller.subject, _Running())
        if mine.waiting or mine.cost + cost > limit:
            await self._wait(caller, mine, cost, limit)
        else:
            mine.cost += cost
        try:
            yield
        finally:
            mine.cost -= cost
            self._admit(caller, mine, limit)

    async def _wait(self, caller: Caller, mine: _Running, cost: float, limit: float) -> None:
        if len(mine.waiting) >= MOST_WAITING:
            raise self._refused(limit)
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        mine.waiting[turn] = cost
        try:
            async with asyncio.timeout(self._longest):
                await turn
        except BaseException as error:
            if turn.done() and not turn.cancelled():
                mine.cost -= cost  # it was let in at the very moment
            with suppress(KeyError):
                del mine.waiting[turn]
            self._admit(caller, mine, limit)
            if isinstance(error, TimeoutError):
                raise self._refused(limit) from None
            raise

    def _admit(self, caller: Caller, mine: _Running, limit: float) -> None:
        """Let in whoever comes first and fits."""
        while mine.waiting:
            turn, cost = next(iter(mine.waiting.items()))
            if mine.cost and mine.cost + cost > limit:
                return
            del mine.waiting[turn]
            if not turn.done():
                mine.cost += cost
                turn.set_result(None)
        if mine.cost <= 0 and self._running.get(caller.subject) is mine:
            del self._running[caller.subject]

    @staticmethod
    def _refused(limit: float) -> TooMuchAtOnce:
        return TooMuchAtOnce(
            "You have too much running at once.",
            hint="Wait for the answers, then ask again; docs/limits.md.",
            limit=told(limit),
        )


def too_expensive(what: str, cost: float, limit: float, who: str = "a request") -> QueryTooExpensive:
    """The refusal that says what it would cost and what it may."""
    return QueryTooExpensive(
        f"{what} costs {told(cost)}, and {who} may ask for {told(limit)} at a time.",
        hint="Ask for smaller pages (`first`), fewer levels or fewer fields; docs/limits.md.",
        cost=told(cost),
        limit=told(limit),
    )


def told(cost: float) -> float | int:
    """A cost as people read it."""
    return round(cost) if cost >= 1 else round(cost, 2)
