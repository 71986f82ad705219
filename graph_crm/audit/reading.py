"""Reads, logins and refusals: kept in the process for less than a second and written together.

A read costs a line in a list. Twice a second, or sooner when there are many, the lines become one entry, in which what
they have in common stands once. Nobody is answered faster than the entries can be written: where too many wait, the
next read waits as well. Refusals are counted by caller and second, so that a flood of them fills no disk.
"""

from __future__ import annotations

import asyncio
import contextvars
import logging
import time
from collections import Counter as Counts
from collections.abc import Callable, Sequence
from typing import Any, Final

from prometheus_client import Counter, Gauge

from graph_crm.audit import acting, cypher
from graph_crm.audit.acting import MOST_IDS, Actor
from graph_crm.audit.entries import NOTHING, Shown, context
from graph_crm.audit.journal import Batch, Journal
from graph_crm.audit.kinds import AuditKind
from graph_crm.errors import CrmError
from graph_crm.graph.database import Database, Transaction
from graph_crm.security.roles import Role

WINDOW_SECONDS: Final = 0.5
"""So long reads are kept before they are written: with the time that this takes it stays below one second."""
ENTRY_RECORDS: Final = 500
"""Records of one entry at most; so many that wait are written at once."""
ENTRY_SECONDS: Final = 60.0
"""Between the first and the last record of one entry at most, also after an outage."""
ROOM: Final = 5_000
"""Records that may wait: beyond, readers wait for them to be written."""
ROOM_SECONDS: Final = 10.0
"""So long readers wait for room, and so long is read on while the database takes no change."""
ENTRY_IDS: Final = 20_000
"""Ids of one entry, give or take those of one read: more go into the next one."""
DENIALS_A_MINUTE: Final = 300
"""Different refusals of a minute without a valid token that are told one by one; the others are counted together."""
DENIALS_OF_ONE: Final = 60
"""The same of one caller with a token: no flood of others hides who was refused."""
CALLERS_A_MINUTE: Final = 300
"""Callers that are told apart in a minute."""
AGAIN_SECONDS: Final = 1.0
CLOSING_SECONDS: Final = 5.0
CASES: Final = 10
"""Cases that one record names at most."""
_WITH_CASES: Final = frozenset({Role.AGENT.value, Role.RELATIONSHIP_MANAGER.value})
"""Roles that see customers because of a case, or of a portfolio."""
MANY: Final = Actor("many", "unknown")
"""To whom refusals are put down when there are too many to tell them apart."""
NO_ROLE: Final = "none"
"""The role of who is not known (yet)."""
NOBODY: Final = ("nobody", NO_ROLE)
"""Subject and role of who has no valid token."""

WAITING: Final = Gauge("graph_crm_audit_waiting", "Reads and refusals that are not written down yet")
FAILURES: Final = Counter("graph_crm_audit_failures_total", "Attempts to write reads and refusals down that failed")
_Key = tuple[AuditKind, str, Actor, str, str, Shown]
_Line = tuple[float, _Key, Sequence[str], int]
_logger = logging.getLogger(__name__)


class AuditFull(CrmError):
    """What is to be shown can't be written down, so it is not shown."""

    code = "AUDIT_FULL"
    http_status = 503


class Readings:
    """Collects what was shown and refused, and writes it. Belongs to one event loop."""

    def __init__(
        self,
        database: Database,
        journal: Journal,
        *,
        window: float = WINDOW_SECONDS,
        room: int = ROOM,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._database = database
        self._journal = journal
        self._window = window
        self._room = room
        self._clock = clock
        self._lines: list[_Line] = []
        self._denials: dict[tuple[int, _Key], tuple[float, int]] = {}
        """By second and what they have in common: when the first was, and how many."""
        self._told: Counts[tuple[str, str]] = Counts()
        """By subject and role: different refusals of this minute."""
        self._failing: float | None = None
        """Since when nothing could be written; None: the last attempt did."""
        self._minute = 0
        self._writing: asyncio.Task[None] | None = None
        self._hurry = asyncio.Event()
        self._roomy = asyncio.Event()
        self._roomy.set()
        self._turn = asyncio.Lock()
        """Held by who writes: two would write the same, and forget what neither has written."""
        self._draining = False
        self._closed = False
        self.written = 0
        """Records written so far."""
        self.failures = 0
        """Attempts to write that failed; what they were to write is kept and tried again."""

    @property
    def waiting(self) -> int:
        """Records that are not written yet."""
        return len(self._lines) + len(self._denials)

    async def shown(
        self,
        what: str,
        ids: Sequence[str],
        fields: Shown = NOTHING,
        *,
        made: acting.Acting | None = None,
        kind: AuditKind = AuditKind.READ,
    ) -> None:
        """Keep that data of these records are about to be shown to who acts. Waits while too much is not written.

        Raises AuditFull where nothing could be written for `ROOM_SECONDS`: then nothing may be shown either.
        """
        by = made or acting.current()
        if by is None:
            return
        self._lines.append((self._clock(), (kind, what, by.actor, by.operation, by.document, fields), ids, 1))
        if len(self._lines) >= ENTRY_RECORDS:
            self._hurry.set()
        if self._writing is None:
            self._begin()
        if len(self._lines) >= self._room:
            await self._until_roomy()
        elif self._stuck():
            raise full()

    def _stuck(self) -> bool:
        """Whether the database has answered for a while and taken nothing: what it shows would go with this process."""
        late = self._failing is not None and self._clock() - self._failing >= ROOM_SECONDS
        return late and self._database.writes_fail

    def denied(self, code: str, actor: Actor, what: str = "", *, operation: str = "", document: str = "") -> None:
        """Count a refusal. Equal ones of a second are one record; too many different ones become one without names."""
        second = int(self._clock())
        if second // 60 != self._minute:
            self._minute = second // 60
            self._told.clear()
        key: tuple[int, _Key] = (
            second,
            (AuditKind.DENIAL, f"{code} {what}".strip(), actor, operation, document, NOTHING),
        )
        if key not in self._denials and (by := self._folded(actor)) is not None:
            key = (second, (AuditKind.DENIAL, code, by, "", "", NOTHING))
        first, times = self._denials.get(key, (self._clock(), 0))
        self._denials[key] = (first, times + 1)
        if self._writing is None:
            self._begin()

    def _folded(self, actor: Actor) -> Actor | None:
        """By whom one more different refusal is counted together with others; None: it is told by itself."""
        caller = (actor.subject, actor.role)
        if caller not in self._told and len(self._told) >= CALLERS_A_MINUTE:
            return MANY
        most = DENIALS_A_MINUTE if caller == NOBODY else DENIALS_OF_ONE
        if self._told[caller] >= most:
            return Actor(*caller)
        self._told[caller] += 1
        return None

    async def logged_in(self, actor: Actor, token: str) -> None:
        """Keep that a token is used for the first time; ``token`` is the beginning of its hash."""
        by = acting.Acting(actor)
        await self.shown(f"token {token}", (), made=by, kind=AuditKind.LOGIN)

    async def drain(self) -> None:
        """Write all that waits, now, and what comes meanwhile."""
        self._draining = True
        self._hurry.set()
        try:
            while self._writing is not None:
                await asyncio.shield(self._writing)
            if self.waiting:
                await self._flush()
        finally:
            self._draining = False

    async def close(self) -> bool:
        """Write what waits and take nothing more; whether all of it was written. What was not is told in the log."""
        self._closed = True
        try:
            async with asyncio.timeout(CLOSING_SECONDS):
                await self.drain()
        except (TimeoutError, CrmError) as error:
            _logger.critical("%d records of the audit could not be written: %s", self.waiting, error)
        finally:
            if self._writing is not None:
                self._writing.cancel()
        return not self.waiting

    def _begin(self) -> None:
        task = asyncio.get_running_loop().create_task(self._keep(), context=contextvars.Context())  # of nobody
        task.add_done_callback(_ended)
        self._writing = task

    async def _keep(self) -> None:
        """Write until nothing waits; a task of its own for as long as something does."""
        now = asyncio.get_running_loop().time
        begun = now()
        try:
            while self.waiting:
                if not self._hurry.is_set():
                    try:
                        # Since the last ones were taken, so that the time of their writing is not waited for as well.
                        async with asyncio.timeout_at(begun + self._window):
                            await self._hurry.wait()
                    except TimeoutError:
                        pass
                if not self._draining:
                    self._hurry.clear()
                begun = now()
                WAITING.set(self.waiting)
                try:
                    await self._flush()
                    self._failing = None
                except CrmError as error:
                    self.failures += 1
                    FAILURES.inc()
                    self._failing = self._clock() if self._failing is None else self._failing
                    _logger.warning("the audit can't be written now: %s", error.message)
                    if self._closed:
                        return
                    await asyncio.sleep(AGAIN_SECONDS)
        finally:
            self._writing = None
            if not self._lines:
                self._roomy.set()

    async def _flush(self) -> None:
        async with self._turn:
            await self._write_all()

    async def _write_all(self) -> None:
        """Write what waits now. What comes meanwhile has its own turn: an entry costs much more than a line in it."""
        left = len(self._lines)
        done = not self.waiting
        while not done:
            lines = self._first_lines(left)
            left -= len(lines)
            done = not left
            denials: dict[tuple[int, _Key], tuple[float, int]] = {}
            if done:
                denials, self._denials = self._denials, {}
            refused: list[_Line] = [(at, key, (), times) for (_, key), (at, times) in denials.items()]
            try:
                await self._write([*lines, *refused])
            except BaseException:
                for key, (at, times) in denials.items():
                    first, more = self._denials.get(key, (at, 0))
                    self._denials[key] = (min(first, at), more + times)
                raise
            del self._lines[: len(lines)]
            self.written += len(lines) + len(refused)
            WAITING.set(self.waiting)
            if len(self._lines) < self._room:
                self._roomy.set()

    def _first_lines(self, most: int) -> list[_Line]:
        """The first lines that wait, as many as one entry takes and at most ``most``."""
        lines: list[_Line] = []
        ids = 0
        for line in self._lines[: min(most, ENTRY_RECORDS)]:
            if lines and (line[0] > lines[0][0] + ENTRY_SECONDS or ids + len(line[2]) > ENTRY_IDS):
                break
            lines.append(line)
            ids += len(line[2])
        return lines

    async def _write(self, lines: Sequence[_Line]) -> None:
        contexts: list[dict[str, Any]] = []
        places: dict[_Key, int] = {}
        records: list[list[Any]] = []
        hidden = self._journal.hidden()
        reasons = await self._reasons(lines)
        for at, key, ids, times in lines:
            place = places.get(key)
            if place is None:
                place = places[key] = len(contexts)
                kind, what, actor, operation, document, shown = key
                contexts.append(context(kind, what, actor, hidden, operation=operation, document=document, shown=shown))
            # Whose data were shown is told of all of them, however many they are.
            for part in parts(ids, MOST_IDS):
                told = {each: None for one in part for each in reasons.get((key[2].subject, one), ())}
                cases = {"cases": [*told][:CASES]} if told else None
                records.append([round(at * 1000), place, hidden.ids(part), times, cases])

        async def work(tx: Transaction) -> None:
            tx.notes.append(Batch(contexts, records))

        await self._database.write(work)

    async def _reasons(self, lines: Sequence[_Line]) -> dict[tuple[str, str], list[str]]:
        """Why employees who gave no reason may have looked: by subject and party the cases that are open."""
        asked: dict[str, dict[str, None]] = {}
        for _, (kind, _, actor, *_), ids, _ in lines:
            if kind is AuditKind.READ and actor.reason is None and actor.role in _WITH_CASES:
                asked.setdefault(actor.subject, {}).update(dict.fromkeys(ids))
        if not asked:
            return {}
        rows = await self._database.read(
            cypher.CASES, {"asked": [{"who": who, "ids": list(ids)} for who, ids in asked.items()]}
        )
        found: dict[tuple[str, str], list[str]] = {}
        for who, party, reason in rows[0]["found"]:
            found.setdefault((who, party), []).append(reason)
        return found

    async def _until_roomy(self) -> None:
        self._roomy.clear()
        self._hurry.set()
        try:
            async with asyncio.timeout(ROOM_SECONDS):
                await self._roomy.wait()
        except TimeoutError:
            raise full() from None


def parts(ids: Sequence[str], most: int) -> list[Sequence[str]]:
    """The ids in parts of at most ``most``; one part where there are none."""
    return [ids[start : start + most] for start in range(0, len(ids), most)] or [ids]


def full() -> AuditFull:
    """What is to be shown can't be written down."""
    return AuditFull("What is shown can't be written down now, so nothing is shown.", hint="Repeat the request later.")


def _ended(task: asyncio.Task[None]) -> None:
    """What ended the writing against all expectation is told here: nobody awaits the task of a loop that is closed."""
    error = None if task.cancelled() else task.exception()
    if error is not None:
        _logger.critical("the audit stopped writing what was read", exc_info=error)
