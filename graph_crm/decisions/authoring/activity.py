"""What each rule did, summed over every process: they count in memory, and add what has grown to the graph.

A rule's counters are kept by mode: what it does in shadow stands beside what it did when it was on. They are for
looking at, not for deciding: a process killed by force loses those of its last seconds. With the counters each process
reports its plugins that are out of force, so that somebody hears of it.
"""

from __future__ import annotations

import asyncio
import os
import socket
import time
from collections.abc import Iterable, Mapping
from contextlib import suppress
from copy import deepcopy
from dataclasses import dataclass, fields
from typing import Any

import structlog

from graph_crm.decisions.authoring import cypher
from graph_crm.decisions.gates import Effect
from graph_crm.decisions.pipeline import Considered, Outcome
from graph_crm.errors import CrmError
from graph_crm.graph.database import Database, Transaction
from graph_crm.rules.booked import RuleCounters
from graph_crm.rules.manager import RuleBook
from graph_crm.rules.results import Mode

FLUSH_SECONDS = 5.0
REPORT_SECONDS = 30.0
"""A process says anew so often which plugins are out of force."""
FORGOTTEN_SECONDS = 300
"""What a process reported counts no more when it has not said it anew for so long: it was killed."""
SHADOW = "SHADOW"
"""The reason code of arbitration for a proposal that nothing but the rule's mode stopped."""

_NUMBERS = tuple(one.name for one in fields(RuleCounters) if one.name != "stopped")
_log = structlog.stdlib.get_logger(__name__)


def tally(book: RuleBook, outcomes: Iterable[Outcome]) -> None:
    """Count what became of the proposals of decisions that were made; not to be called for a preview."""
    for outcome in outcomes:
        for one in outcome.considered:
            if one.proposal is not None:
                _tally(book.counters(one.rule, _mode(one)), one)


def _mode(considered: Considered) -> Mode:
    return considered.proposal.mode if considered.proposal is not None else "on"


def _tally(counters: RuleCounters, one: Considered) -> None:
    counters.proposed += 1
    stopped = next((gate for gate in one.gates if gate.effect is Effect.DROP), None)
    if stopped is not None and stopped.reason_code != SHADOW:
        counters.stopped[stopped.name, stopped.reason_code] += 1
        return
    counters.offers += 1
    counters.held += any(gate.effect is Effect.HOLD for gate in one.gates)


@dataclass(frozen=True, slots=True)
class PluginProblem:
    """A plugin that is out of force in a process."""

    plugin: str
    process: str
    """Machine and process id."""
    state: str
    """``suspended`` or ``broken``."""
    problem: str
    since: str
    at: str
    """When the process said so last; ISO instants."""


class ActivityLog:
    """Adds the growth of a rule book's counters to the graph, every few seconds and at the end."""

    def __init__(self, database: Database, book: RuleBook, *, process: str | None = None) -> None:
        self._database = database
        self._book = book
        self._process = process or f"{socket.gethostname()}:{os.getpid()}"
        self._written: dict[tuple[str, Mode], RuleCounters] = {}
        self._reported: Mapping[str, Any] | None = None
        # None: nothing was said yet, and one of the same name may have left a report behind when it was killed.
        self._reported_at = -REPORT_SECONDS

    async def keep(self) -> None:
        """Write until cancelled, and once more then; who ends takes its report of plugins along."""
        try:
            while True:
                with suppress(CrmError):  # an outage: what was not written now is written the next time
                    await self.flush()
                await asyncio.sleep(FLUSH_SECONDS)
        finally:
            try:
                await self.flush()
                await self._report([])
            except CrmError as error:
                _log.warning("rule_activity_lost", code=error.code)

    async def flush(self) -> None:
        """Write what has grown since the last time, in one statement, and which plugins are out of force."""
        await self._flush_counters()
        problems = [
            {"plugin": one.name, "state": one.state, "problem": one.problem or one.state}
            for one in self._book.plugins
            if one.state != "loaded"
        ]
        now = {one["plugin"]: (one["state"], one["problem"]) for one in problems}
        if now != self._reported or (now and time.monotonic() - self._reported_at >= REPORT_SECONDS):
            await self._report(problems)
            self._reported, self._reported_at = now, time.monotonic()

    async def _flush_counters(self) -> None:
        current = deepcopy(self._book.counted())
        counts, drops = [], []
        for (rule, mode), counters in sorted(current.items()):
            before = self._written.get((rule, mode), RuleCounters())
            grown = {name: getattr(counters, name) - getattr(before, name) for name in _NUMBERS}
            if any(grown.values()):
                plugin, version = self._of(rule)
                counts.append({"rule": rule, "mode": mode, "plugin": plugin, "version": version, **grown})
            for (gate, code), count in sorted((counters.stopped - before.stopped).items()):
                drops.append({"rule": rule, "mode": mode, "gate": gate, "code": code, "count": count})
        if not counts:
            return

        async def work(tx: Transaction) -> None:
            await tx.run(cypher.ADD_COUNTS, {"counts": counts, "drops": drops})

        await self._database.write(work)
        self._written = current

    def _of(self, rule: str) -> tuple[str | None, str | None]:
        """Plugin and version of a declarative rule; what a hook proposes has neither here."""
        booked = next((one for one in self._book.rules if one.rule.id == rule), None)
        return (booked.plugin.name, booked.rule.version) if booked else (None, None)

    async def _report(self, problems: list[dict[str, Any]]) -> None:
        parameters = {"problems": problems, "process": self._process, "forgotten": FORGOTTEN_SECONDS}

        async def work(tx: Transaction) -> None:
            await tx.run(cypher.REPORT_PLUGINS, parameters)

        await self._database.write(work, idempotent=True)


async def plugin_problems(database: Database) -> list[PluginProblem]:
    """The plugins that are out of force in some process that runs."""
    rows = await database.read(cypher.PLUGIN_REPORTS, {"forgotten": FORGOTTEN_SECONDS})
    return [PluginProblem(**row["report"]) for row in rows]
