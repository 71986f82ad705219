"""Batch upserts of agreements: a thousand rows in a handful of statements, each bad row refused alone."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from graph_crm.errors import CrmError
from graph_crm.graph.database import Database, Row, Transaction
from graph_crm.parties import checks
from graph_crm.parties.batch import check_batch, refused
from graph_crm.parties.writes import BatchResult, RefusedRow
from graph_crm.products import cypher
from graph_crm.products.agreements import (
    AgreementState,
    check_holders,
    holding,
    lock_holders,
    require_holder,
    state_of,
    status_history,
)
from graph_crm.products.commands import AgreementRow, check_currency, check_maturity, check_opening, terms
from graph_crm.products.kinds import AgreementStatus
from graph_crm.products.service import unknown_product


@dataclass(frozen=True)
class _Asked:
    """A row that passed the checks which need no look into the graph."""

    index: int
    terms: dict[str, Any]
    row: AgreementRow


@dataclass(frozen=True)
class _Change:
    """What a row does to the agreement that was found."""

    properties: dict[str, Any]
    holders: list[dict[str, Any]]
    new: bool


class AgreementBatch:
    """Upserts of many agreements at once: opened where missing, changed where different, left where equal."""

    def __init__(self, database: Database, *, now: checks.Clock = checks.utc_now) -> None:
        self._database = database
        self._now = now

    def _today(self) -> dt.date:
        return self._now().date()

    async def upsert(self, rows: Sequence[AgreementRow]) -> BatchResult:
        """Write up to 1,000 rows in one transaction; the same call again changes nothing.

        A row that can't be used is reported with its index and reason and does not hold up the rest.
        """
        check_batch(rows)
        asked, bad = self._checked(rows)

        async def work(tx: Transaction) -> BatchResult:
            return await self._write(tx, asked, bad)

        return await self._database.write(work, timeout=60)

    def _checked(self, rows: Sequence[AgreementRow]) -> tuple[dict[str, _Asked], list[RefusedRow]]:
        asked: dict[str, _Asked] = {}
        bad: list[RefusedRow] = []
        for index, row in enumerate(rows):
            try:
                identifier = checks.identifier("id", row.id)
                if identifier in asked:
                    first = asked[identifier].index
                    raise checks.refuse("id", f"is the id of row {first} too", "Send each agreement once.")
                if row.opened_on is not None:
                    checks.date("openedOn", row.opened_on)
                if row.status is not None:
                    checks.one_of("status", row.status, AgreementStatus)
                check_holders(row.holders, owner=False)
                asked[identifier] = _Asked(index, terms(row.details), row)
            except CrmError as error:
                bad.append(refused(index, error))
        return asked, bad

    async def _write(self, tx: Transaction, asked: Mapping[str, _Asked], before: list[RefusedRow]) -> BatchResult:
        bad = list(before)
        now = self._now()
        named = [holder.party_id for ask in asked.values() for holder in ask.row.holders]
        statuses = await lock_holders(tx, named)
        codes = sorted({ask.row.product_code for ask in asked.values()})
        products = {row["code"]: row for row in await tx.run(cypher.PRODUCTS, {"codes": codes})}
        found = await tx.run(cypher.LOCK_OR_CREATE_AGREEMENTS, {"ids": sorted(asked), "now": now})
        states = {row["id"]: state_of(row) for row in found}
        done: dict[str, _Change] = {}
        for identifier, ask in asked.items():
            try:
                for holder in ask.row.holders:
                    require_holder(statuses, holder.party_id)
                product = products.get(ask.row.product_code)
                if product is None:
                    raise unknown_product()
                done[identifier] = self._change(ask, states[identifier], product)
            except CrmError as error:
                bad.append(refused(ask.index, error))
        new_and_bad = [id_ for id_, state in states.items() if id_ not in done and state.version == 0]
        if new_and_bad:
            await tx.run(cypher.FORGET_NEW_AGREEMENTS, {"ids": new_and_bad})
        changed = {id_: change for id_, change in done.items() if change.new or change.properties or change.holders}
        await self._store(tx, asked, states, changed)
        created = sum(change.new for change in changed.values())
        return BatchResult(
            created=created,
            updated=len(changed) - created,
            unchanged=len(done) - len(changed),
            refused=tuple(sorted(bad, key=lambda each: each.index)),
            ids=tuple(done),
        )

    def _change(self, ask: _Asked, state: AgreementState, product: Row) -> _Change:
        new = state.version == 0
        wanted = self._opening(ask, product) if new else self._same(ask, state)
        opened = wanted.get("openedOn") or state.properties.get("openedOn")
        if not new:
            wanted = dict(ask.terms)
            status = ask.row.status
            if status is not None and status != state.status:
                on = ask.row.status_on or self._today()
                wanted |= status_history(state, AgreementStatus(status), on, self._today())
        check_currency({**state.properties, **wanted})
        check_maturity(opened, wanted.get("maturesOn", state.properties.get("maturesOn")))
        holders = []
        for holder in ask.row.holders:
            row = holding(state.id, holder, opened or self._today())
            if not state.open_holding(holder.party_id, holder.role, row["properties"]["since"]):
                holders.append(row)
        if holders and not new and state.status is AgreementStatus.CLOSED:
            raise checks.refuse("holders", "can't be added to a closed agreement", "Leave the new holders out.")
        different = {key: value for key, value in wanted.items() if state.properties.get(key) != value}
        return _Change(different, holders, new)

    def _opening(self, ask: _Asked, product: Row) -> dict[str, Any]:
        """The properties of an agreement that is not in the graph yet."""
        row = ask.row
        check_holders(row.holders, owner=True)
        if not product["active"]:
            raise checks.refuse("productCode", "names a product that is not sold now", "Choose an active product.")
        opened = row.opened_on or self._today()
        check_opening(opened, self._today())
        properties = {
            "currency": product["currency"],
            **{key: value for key, value in ask.terms.items() if value is not None},
            "productCode": product["code"],
            "familyCode": product["familyCode"],
            "openedOn": opened,
            "status": AgreementStatus.ACTIVE.value,
            "statusDates": [opened],
            "statusValues": [AgreementStatus.ACTIVE.value],
        }
        if row.status is not None and row.status != AgreementStatus.ACTIVE:
            opening = AgreementState(row.id, 0, properties, ())
            on = row.status_on or max(opened, self._today())
            properties |= status_history(opening, AgreementStatus(row.status), on, self._today())
        return {key: value for key, value in properties.items() if value is not None}

    def _same(self, ask: _Asked, state: AgreementState) -> dict[str, Any]:
        """Refuse a row that would turn an agreement into another one."""
        if ask.row.product_code != state.properties.get("productCode"):
            raise checks.refuse("productCode", "is not the product of the agreement", "Open a new agreement.")
        if ask.row.opened_on is not None and ask.row.opened_on != state.properties.get("openedOn"):
            raise checks.refuse("openedOn", "is not the day on which it was opened", "Leave the field out.")
        return {}

    async def _store(
        self,
        tx: Transaction,
        asked: Mapping[str, _Asked],
        states: Mapping[str, AgreementState],
        changed: Mapping[str, _Change],
    ) -> None:
        if not changed:
            return
        rows: list[dict[str, Any]] = [
            {
                "id": identifier,
                "version": states[identifier].version + 1,
                "properties": change.properties,
                "productCode": asked[identifier].row.product_code,
            }
            for identifier, change in changed.items()
        ]
        await tx.run(cypher.WRITE_AGREEMENTS, {"rows": rows, "now": self._now()})
        opened = [row for row in rows if changed[row["id"]].new]
        if opened:
            await tx.run(cypher.ATTACH_PRODUCTS, {"rows": opened})
        holders = [holder for change in changed.values() for holder in change.holders]
        if holders:
            await tx.run(cypher.ADD_HOLDERS, {"holders": holders})
        closed = {
            id_: change.properties["closedOn"] for id_, change in changed.items() if change.properties.get("closedOn")
        }
        for identifier, day in closed.items():
            await tx.run(cypher.END_OPEN_HOLDINGS, {"id": identifier, "until": day})
