"""Which service accounts are in force, as of a few seconds ago: so soon an end is an end everywhere."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

import orjson

from graph_crm import logs
from graph_crm.errors import Unauthenticated
from graph_crm.graph.database import Database
from graph_crm.security.accounts import cypher
from graph_crm.security.claims import ACCOUNT_PREFIX
from graph_crm.security.keys import KeySource, PublicKey, read_key
from graph_crm.security.roles import Caller, Role

FRESH_SECONDS: Final = 10.0
"""So long what was read of the accounts is believed; after that nobody is let in on it."""

log = logs.get(__name__)


@dataclass(frozen=True)
class _Keys:
    """The keys of one account, sure until a reading of the monotonic clock."""

    keys: Mapping[str, PublicKey]
    until: float

    async def find(self, kid: str | None, algorithm: str) -> tuple[PublicKey, float]:
        """The key of this name, or the only one. Raises Unauthenticated."""
        fitting = [
            key for name, key in self.keys.items() if algorithm in key.algorithms and (kid is None or kid == name)
        ]
        if len(fitting) != 1:
            raise Unauthenticated(
                "The token was signed with a key that its account does not have.",
                hint="Name it in the header kid: `graph-crm account list` shows the names.",
            )
        return fitting[0], self.until


class AccountDirectory:
    """All accounts that are in force, read in one statement at most every ten seconds, and only when they are needed.

    A token of somebody unknown costs no statement of its own. While the database is away nobody is let in anew.
    """

    def __init__(self, database: Database, *, ticks: Callable[[], float] = time.monotonic) -> None:
        self._database = database
        self._ticks = ticks
        self._known: Mapping[str, tuple[KeySource, Caller]] = {}
        self._until = -1.0
        self._reading = asyncio.Lock()

    async def source(self, account_id: str) -> tuple[KeySource, Caller] | None:
        """The keys of an account that is in force, and who it is; None: there is no such account.

        Raises the errors of the database.
        """
        if self._ticks() >= self._until:
            async with self._reading:
                if self._ticks() >= self._until:
                    await self._read()
        return self._known.get(account_id)

    def forget(self) -> None:
        """Read them again for the next token: something was changed here."""
        self._until = -1.0

    async def _read(self) -> None:
        until = self._ticks() + FRESH_SECONDS  # from before: the answer may be older than its arrival
        rows = await self._database.read(cypher.IN_FORCE)
        self._known = {
            row["id"]: (
                _Keys(_usable(row["id"], row["keys"]), until),
                Caller(f"{ACCOUNT_PREFIX}{row['id']}", Role(row["role"])),
            )
            for row in rows
        }
        self._until = until


def _usable(account: str, texts: list[str]) -> dict[str, PublicKey]:
    found = {}
    for text in texts:
        try:
            key = read_key(orjson.loads(text))
        except (ValueError, TypeError):  # something wrote past the platform: this key serves nobody
            log.warning("account_key_unusable", of=account)
            continue
        found[str(key.kid)] = key
    return found
