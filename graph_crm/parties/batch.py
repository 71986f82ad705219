"""Batch upserts of parties: a thousand rows in five statements, each bad row refused alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from graph_crm.audit.acting import about
from graph_crm.errors import CrmError
from graph_crm.graph.database import Database, Transaction
from graph_crm.parties import checks, cypher
from graph_crm.parties.commands import (
    CheckedContactPoint,
    PartyRow,
    PartyState,
    changes,
    check_contact_points,
    closes,
    index_text,
    kind_of,
    merged,
)
from graph_crm.parties.kinds import PartyKind
from graph_crm.parties.service import (
    CONTACT_POINTS_LIMIT,
    attach_contact_points,
    noted_change,
    require_kept,
    state_of,
)
from graph_crm.parties.writes import BATCH_LIMIT, BatchResult, RefusedRow, tell_closed


@dataclass(frozen=True)
class _Asked:
    """A row that passed the checks which need no look into the graph."""

    index: int
    id: str
    kind: PartyKind
    properties: dict[str, Any]
    row: PartyRow


@dataclass(frozen=True)
class _Change:
    """What a row does to the party that was found."""

    properties: dict[str, Any]
    points: list[CheckedContactPoint]
    new: bool


def refused(index: int, error: CrmError) -> RefusedRow:
    """The report of a row that was not written."""
    field = error.details.get("field")
    return RefusedRow(index, None if field is None else str(field), error.message, error.hint)


def check_batch(rows: Sequence[object]) -> None:
    """Refuse a batch that is too long as a whole."""
    if len(rows) > BATCH_LIMIT:
        hint = f"Send at most {BATCH_LIMIT} a call."
        raise checks.refuse("rows", f"has {len(rows)} entries", hint, limit=BATCH_LIMIT)


class PartyBatch:
    """Upserts of many parties at once: made where missing, changed where different, left where equal."""

    def __init__(self, database: Database, *, now: checks.Clock = checks.utc_now) -> None:
        self._database = database
        self._now = now

    async def upsert(self, rows: Sequence[PartyRow]) -> BatchResult:
        """Write up to 1,000 rows in one transaction; the same call again changes nothing.

        A row that can't be used is reported with its index and reason and does not hold up the rest.
        """
        check_batch(rows)
        asked, bad = self._checked(rows)

        async def work(tx: Transaction) -> BatchResult:
            return await self._write(tx, asked, bad)

        return await self._database.write(work, timeout=60)

    def _checked(self, rows: Sequence[PartyRow]) -> tuple[dict[str, _Asked], list[RefusedRow]]:
        asked: dict[str, _Asked] = {}
        bad: list[RefusedRow] = []
        today = self._now().date()
        for index, row in enumerate(rows):
            try:
                identifier = checks.identifier("id", row.id)
                if identifier in asked:
                    first = asked[identifier].index
                    raise checks.refuse("id", f"is the id of row {first} too", "Send each party once.")
                properties = changes(row.details, today)
                # The country may stand in the graph only: national numbers are looked at under the lock.
                if properties.get("country"):
                    check_contact_points(row.contact_points, properties["country"], today)
                asked[identifier] = _Asked(index, identifier, kind_of(row.details), properties, row)
            except CrmError as error:
                bad.append(refused(index, error))
        return asked, bad

    async def _write(self, tx: Transaction, asked: dict[str, _Asked], before: list[RefusedRow]) -> BatchResult:
        bad = list(before)
        now = self._now()
        asked = await self._led(tx, asked, bad)
        found = await tx.run(cypher.LOCK_OR_CREATE_PARTIES, {"ids": sorted(asked), "now": now})
        states = {row["id"]: state_of(row) for row in found}
        done: dict[str, _Change] = {}
        for identifier, ask in asked.items():
            try:
                done[identifier] = self._change(ask, states[identifier])
            except CrmError as error:
                bad.append(refused(ask.index, error))
        new_and_bad = [id_ for id_, state in states.items() if id_ not in done and state.version == 0]
        if new_and_bad:
            await tx.run(cypher.FORGET_NEW_PARTIES, {"ids": new_and_bad})
        changed = {id_: change for id_, change in done.items() if change.new or change.properties or change.points}
        about(*changed)
        await self._store(tx, asked, states, changed)
        created = sum(change.new for change in changed.values())
        return BatchResult(
            created=created,
            updated=len(changed) - created,
            unchanged=len(done) - len(changed),
            refused=tuple(sorted(bad, key=lambda each: each.index)),
            ids=tuple(done),
        )

    async def _led(self, tx: Transaction, asked: dict[str, _Asked], bad: list[RefusedRow]) -> dict[str, _Asked]:
        """Rows of parties that were merged are about the kept ones; what the merged one said already is no news."""
        rows = await tx.run(cypher.MERGED_PARTIES, {"ids": sorted(asked)})
        if not rows:
            return asked
        found = dict(asked)
        for row in rows:
            ask, before, kept = found.pop(row["id"]), state_of(row).properties, row["kept"]
            news = {name: value for name, value in ask.properties.items() if before.get(name) != value}
            if kept in found:
                hint = "Send the party that is kept, once."
                error = checks.refuse("id", f"was merged into the party of row {found[kept].index}", hint)
                bad.append(refused(ask.index, error))
            else:
                found[kept] = replace(ask, id=kept, properties=news)
        return found

    def _change(self, ask: _Asked, state: PartyState) -> _Change:
        new = state.version == 0
        require_kept(state, "id")
        if not new and state.kind is not ask.kind:
            raise checks.refuse("id", f"is of a party that is no {ask.kind.label.lower()}", "Send another id.")
        wanted = merged(ask.kind, state.properties, ask.properties)
        country = wanted.get("country", state.properties.get("country"))
        today = self._now().date()
        points = check_contact_points(ask.row.contact_points, country, today)
        fresh = {point.value.key: point for point in points if not state.has(point.value.key)}
        if len(fresh) + len(state.contact_points) > CONTACT_POINTS_LIMIT:
            raise checks.refuse("contactPoints", "has too many entries", f"Keep at most {CONTACT_POINTS_LIMIT}.")
        different = {key: value for key, value in wanted.items() if state.properties.get(key) != value}
        return _Change(different, list(fresh.values()), new)

    async def _store(
        self, tx: Transaction, asked: dict[str, _Asked], states: dict[str, PartyState], changed: dict[str, _Change]
    ) -> None:
        now = self._now()
        rows: list[dict[str, Any]] = []
        for identifier, change in changed.items():
            state = states[identifier]
            added = [{"kind": point.value.kind, "value": point.value.value} for point in change.points]
            stored = {**state.properties, **change.properties}
            if not change.new and closes(state.properties, stored):
                await tell_closed(tx, identifier, state.version + 1)
            text = index_text(identifier, stored, [*state.contact_points, *added])
            rows.append(
                {
                    "id": identifier,
                    "label": asked[identifier].kind.label,
                    "version": state.version + 1,
                    "properties": {**change.properties, "searchText": text},
                    "changes": [] if change.new else noted_change(change.properties, points=bool(change.points)),
                }
            )
        if rows:
            await tx.run(cypher.WRITE_PARTIES, {"rows": rows, "now": now})
        await attach_contact_points(tx, {id_: change.points for id_, change in changed.items()}, now)
