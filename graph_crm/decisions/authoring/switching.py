"""Switching rules off, into shadow or on while everything runs: who did it, when and why is kept for good.

The newest switch of a rule is stronger than the settings and than the rule's file. It is in force from the next
decision on, in every process: each decision reads `switches` in its own transaction.
"""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from graph_crm.decisions.authoring import cypher
from graph_crm.errors import NotFound
from graph_crm.graph.database import Database, Transaction
from graph_crm.parties import checks
from graph_crm.parties.writes import Written, write_once
from graph_crm.rules.manager import RuleBook
from graph_crm.rules.results import MODES, RULE_ID, Mode
from graph_crm.snapshots import Reader

REASON_LIMIT = 500


@dataclass(frozen=True, slots=True)
class Switch:
    """One change of a rule's mode: the entry of the audit."""

    id: str
    rule: str
    mode: Mode
    at: dt.datetime
    by: str
    """Who did it: the subject of the token, or ``cli:USER``."""
    reason: str


async def switches(read: Reader) -> dict[str, Mode]:
    """The modes that rules were switched to, by rule; `RuleBook.switched` puts them into force.

    A word that is no mode (written past the platform) counts as off: what nobody understands must not contact anybody.
    """
    rows = await read(cypher.SWITCHED)
    return modes_of([(row["rule"], row["mode"]) for row in rows])


def modes_of(found: Iterable[Sequence[str]]) -> dict[str, Mode]:
    """The modes by rule, from pairs of rule and stored word."""
    return {rule: _mode(stored) for rule, stored in found}


def _mode(stored: str) -> Mode:
    """The mode as rules spell it; in the graph it is a word of a list, in capitals."""
    return next((mode for mode in MODES if mode == stored.lower()), "off")


class RuleSwitching:
    """Changes the mode of rules and tells who did it."""

    def __init__(self, database: Database, book: RuleBook) -> None:
        self._database = database
        self._book = book

    async def switch(
        self, rule: str, mode: str, *, reason: str, by: str, idempotency_key: str | None = None
    ) -> Written:
        """Switch a rule; every later decision goes by it. Switching to the mode that it has is kept as well.

        Raises: InvalidInput for a mode that there is not or a missing reason; NotFound for a rule that no plugin has.
        """
        if mode not in MODES:
            raise checks.refuse("mode", f"{mode!r} is no mode", f"One of: {', '.join(MODES)}.")
        entry = {
            "id": f"switch:{uuid.uuid4().hex}",
            "rule": rule,
            "mode": mode.upper(),
            "by": by,
            "reason": checks.text("reason", reason, REASON_LIMIT),
        }

        async def work(tx: Transaction) -> Written:
            await self._must_exist(tx, rule)
            rows = await tx.run(cypher.SWITCH, entry)
            return Written(rows[0]["id"])

        command = {"rule": rule, "mode": mode, "reason": reason}
        return await write_once(self._database, "switchRule", idempotency_key, command, work)

    async def history(self, rule: str) -> list[Switch]:
        """Every switch of a rule, the newest first."""
        rows = await self._database.read(cypher.SWITCHES, {"rule": rule})
        return [
            Switch(
                id=row["id"],
                rule=row["rule"],
                mode=_mode(row["mode"]),
                at=dt.datetime.fromisoformat(row["at"]),
                by=row["by"],
                reason=row["reason"],
            )
            for row in rows
        ]

    async def _must_exist(self, tx: Transaction, rule: str) -> None:
        """A rule of the book, or one that a hook proposed under this name before."""
        booked = [one.rule.id for one in self._book.rules]
        if rule in booked:
            return
        if RULE_ID.match(rule) and (await tx.run(cypher.KNOWN, {"rule": rule}))[0]["known"]:
            return
        raise NotFound(
            f"rule: no plugin has a rule {rule[:80]!r}",
            hint=f"Rules: {', '.join(sorted(booked)) or 'none'}. What a hook proposes is known once it did so.",
            field="rule",
        )
