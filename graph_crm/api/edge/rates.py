"""How often somebody may ask: token buckets in this process, one a caller, one an address that shows no valid token.

Each server counts for itself: with three servers behind a balancer a caller gets up to three times as much. That is
meant: a limit keeps one caller from taking a server from the others, it is no price list.
"""

from __future__ import annotations

import math
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Final

from graph_crm.errors import ConfigurationError, CrmError
from graph_crm.security.roles import Caller, Role

BURST_SECONDS: Final = 10.0
"""What is not used is saved for so long: that is the largest burst."""
MOST_KEPT: Final = 100_000
"""Buckets kept; a full one is not kept at all."""
PLACE_SECONDS: Final = 2.0
"""After so many seconds who found no place may ask again."""
DEFAULT_RATES: Final[Mapping[Role, float]] = {
    Role.CUSTOMER: 20.0,
    Role.AGENT: 100.0,
    Role.RELATIONSHIP_MANAGER: 100.0,
    Role.MARKETER: 100.0,
    Role.RULE_AUTHOR: 100.0,
    Role.ANALYST: 100.0,
    Role.AUDITOR: 100.0,
    Role.ADMINISTRATOR: 100.0,
    Role.SERVICE: 5000.0,
}
"""Requests a second of one caller, by role."""

Ticks = Callable[[], float]


class RateLimited(CrmError):
    """The caller, or the address, asked more often than it may."""

    code = "RATE_LIMITED"
    http_status = 429

    def __init__(self, wait: float) -> None:
        self.retry_after = max(1, math.ceil(wait))
        """Seconds after which it may ask again."""
        super().__init__(
            "There were too many requests.",
            hint=f"Ask again in {self.retry_after} s; see docs/identity.md.",
            retryAfterSeconds=self.retry_after,
        )


class Buckets:
    """Token buckets by key, each of ``rate`` tokens a second and at most ``burst`` seconds' worth; 0: no limit.

    Of each bucket only the instant is kept at which it is full again (the generic cell rate algorithm).
    """

    def __init__(
        self, rate: float, *, burst: float = BURST_SECONDS, most: int = MOST_KEPT, ticks: Ticks = time.monotonic
    ) -> None:
        self._each = 1.0 / rate if rate else 0.0
        self._room = max(burst - self._each, 0.0)
        """So many seconds before it is full a bucket still has a token; one token fits into every bucket."""
        self._most = most
        self._ticks = ticks
        self._full_at: dict[str, float] = {}

    def take(self, key: str, tokens: float = 1.0) -> float:
        """Take ``tokens``; 0.0 where they were there, else the seconds until one is, and nothing was taken."""
        lacking = self.wait(key)
        if not lacking:
            self.owe(key, tokens)
        return lacking

    def owe(self, key: str, tokens: float) -> None:
        """Take ``tokens`` whether they are there or not: what has been used already."""
        if not self._each:
            return
        now = self._ticks()
        if key not in self._full_at and len(self._full_at) >= self._most:
            self._drop(now)
        self._full_at[key] = max(self._full_at.get(key, now), now) + self._each * tokens

    def wait(self, key: str) -> float:
        """The seconds until a token is there, without taking one; 0.0: it is."""
        if not self._each:
            return 0.0
        now = self._ticks()
        return max(0.0, max(self._full_at.get(key, now), now) - now - self._room)

    def _drop(self, now: float) -> None:
        """Forget full buckets; where there are none, the half that was begun first."""
        kept = {key: full_at for key, full_at in self._full_at.items() if full_at > now}
        if len(kept) >= self._most:
            kept = dict(list(kept.items())[len(kept) // 2 :])
        self._full_at = kept


class Places:
    """How much is held in memory at once: so many of one caller, so many in all; one more is refused."""

    def __init__(self, most: int, of_one: int) -> None:
        self._most = most
        self._of_one = of_one
        self._taken: Counter[str] = Counter()

    def take(self, key: str) -> Callable[[], None]:
        """Take a place; what gives it back, once. Raises RateLimited."""
        if self._taken[key] >= self._of_one or self._taken.total() >= self._most:
            raise RateLimited(PLACE_SECONDS)
        self._taken[key] += 1
        held = [key]

        def leave() -> None:
            if held:
                self._taken[held.pop()] -= 1
                self._taken += Counter()  # forgets who has none

        return leave

    @contextmanager
    def place(self, key: str) -> Iterator[None]:
        """A place while the block runs. Raises RateLimited."""
        leave = self.take(key)
        try:
            yield
        finally:
            leave()


class Rates:
    """The limits of a server: by role for callers, one for addresses. Raises ConfigurationError for an unknown role."""

    def __init__(self, wanted: Mapping[str, float], addresses: float, *, ticks: Ticks = time.monotonic) -> None:
        unknown = set(wanted) - set(Role)
        if unknown:
            raise ConfigurationError(
                f"GRAPH_CRM_REQUESTS_PER_SECOND names {min(unknown)}, which is no role.",
                hint=f"The roles are {', '.join(sorted(Role))}.",
            )
        self._callers = {
            role: Buckets(wanted.get(role.value, rate), ticks=ticks) for role, rate in DEFAULT_RATES.items()
        }
        self._addresses = Buckets(addresses, ticks=ticks)

    def caller(self, caller: Caller) -> None:
        """Count a request of ``caller``. Raises RateLimited."""
        wait = self._callers[caller.role].take(caller.subject)
        if wait:
            raise RateLimited(wait)

    def check_address(self, address: str) -> None:
        """Raise RateLimited where the address has asked in vain, or without a token, too often; nothing is counted."""
        wait = self._addresses.wait(address)
        if wait:
            raise RateLimited(wait)

    def count_address(self, address: str) -> None:
        """Count a request of ``address`` that showed no valid token."""
        self._addresses.take(address)
