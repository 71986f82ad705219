"""The audit of one running process: what writes entries, and what keeps reads until they are written."""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from collections.abc import Callable, Collection, Sequence
from typing import Final

from graph_crm.audit import acting
from graph_crm.audit.acting import Actor
from graph_crm.audit.chains import Chains
from graph_crm.audit.entries import NOTHING
from graph_crm.audit.journal import Journal
from graph_crm.audit.keys import AuditKeyMissing, Keyring
from graph_crm.audit.reading import WINDOW_SECONDS, Readings
from graph_crm.clock import CLOCK
from graph_crm.errors import CrmError
from graph_crm.graph.database import Database, Settle, Transaction

TOKENS_KNOWN: Final = 20_000
"""Tokens whose first use is remembered; one that was forgotten counts as new."""


class Audit:
    """Writes down who changed, saw and was refused what. One of each process; belongs to one event loop."""

    def __init__(
        self,
        database: Database,
        keys: Callable[[], Keyring] | None = None,
        *,
        settings: object = None,
        clock: Callable[[], float] = CLOCK.seconds,
        window: float = WINDOW_SECONDS,
    ) -> None:
        self._find_keys = keys or _no_keys
        self._keys: Keyring | None = None
        self.settings = settings
        """What it was made of."""
        self.changes = 0
        """Changes written down by this process."""
        self.database = database
        self.chains = Chains(self.keys)
        self.journal = Journal(self.chains, self.keys, clock=clock)
        self.readings = Readings(database, self.journal, clock=clock, window=window)
        self._tokens: OrderedDict[bytes, None] = OrderedDict()

    def keys(self) -> Keyring:
        """The keys. Raises AuditKeyMissing."""
        if self._keys is None:
            self._keys = self._find_keys()
        return self._keys

    def attach(self) -> None:
        """From now on every change that somebody makes through the database is written down."""
        self.database.journal = self

    def wanted(self) -> bool:
        """Whether what this context changes is to be written down."""
        return self.journal.wanted()

    async def append(self, tx: Transaction) -> Settle:
        """Write down what ``tx`` changed, as the last thing that it does; then be told how it ended."""
        self.changes += 1
        return await self.journal.append(tx)

    async def close(self) -> bool:
        """Write what waits; whether all of it could be."""
        return await self.readings.close()

    async def seen(self, key: str, ids: Collection[str], asked: object = None) -> None:
        """Keep that the answer under this response key is about to be shown, with data of the parties ``ids``.

        Where none are named it is the record that was ``asked`` for by its key.
        """
        made = acting.current()
        fields = made.shows.get(key) if made is not None else None
        if made is not None and fields is not None:
            named = list(ids) or ([str(asked)] if asked else [])
            await self.readings.shown(made.writes or made.roots.get(key, key), named, fields, made=made)

    async def also_shown(self, what: str, key: str, ids: Sequence[str]) -> None:
        """Keep whom the answer of a service shows beside those that it was asked about."""
        made = acting.current()
        if made is not None and ids:
            await self.readings.shown(what, ids, made.shows.get(key, NOTHING), made=made)

    async def first_use(self, token: str, actor: Actor) -> None:
        """Keep the first use of a token with this process, by its hash."""
        mark = hashlib.blake2b(token.encode("utf-8", "replace"), digest_size=16).digest()
        if mark in self._tokens:
            return
        self._tokens[mark] = None
        if len(self._tokens) > TOKENS_KNOWN:
            self._tokens.popitem(last=False)
        await self.readings.logged_in(actor, hashlib.sha256(token.encode("utf-8", "replace")).hexdigest()[:16])

    def refused(self, error: CrmError | str, actor: Actor, what: str = "") -> None:
        """Count that something was refused to ``actor``."""
        made = acting.current()
        self.readings.denied(
            error if isinstance(error, str) else error.code,
            actor,
            what,
            operation=made.operation if made else "",
            document=made.document if made else "",
        )


def _no_keys() -> Keyring:
    raise AuditKeyMissing("No key is set to keep the audit with.", hint="Set GRAPH_CRM_AUDIT_KEY.")
