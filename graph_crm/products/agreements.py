"""The use cases of agreements: opened, changed, closed; who holds them; what they depend on."""

from __future__ import annotations

import datetime as dt
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from graph_crm.errors import AlreadyExists, NotFound
from graph_crm.graph.database import Database, Row, Transaction
from graph_crm.parties import checks
from graph_crm.parties.cypher import LOCK_PARTY_STATUS
from graph_crm.parties.kinds import PartyStatus
from graph_crm.parties.service import new_id
from graph_crm.parties.writes import Written, expect_version, write_once
from graph_crm.products import cypher
from graph_crm.products.commands import (
    AgreementDetails,
    NewAgreement,
    NewHolder,
    check_currency,
    check_maturity,
    check_opening,
    check_transition,
    terms,
)
from graph_crm.products.kinds import AgreementLinkKind, AgreementStatus, HoldingRole
from graph_crm.products.service import unknown_product

HOLDERS_LIMIT = 50
"""Holders named in one call."""

LINK_FAMILIES: Mapping[AgreementLinkKind, tuple[frozenset[str], frozenset[str]]] = {
    AgreementLinkKind.PAID_FROM: (frozenset({"LOAN", "MORTGAGE"}), frozenset({"CURRENT_ACCOUNT", "SAVINGS"})),
    AgreementLinkKind.ISSUED_ON: (frozenset({"CARD"}), frozenset({"CURRENT_ACCOUNT", "SAVINGS"})),
}
"""From which families to which a link may lead: a loan is paid from an account, a card issued on one."""


@dataclass(frozen=True)
class AgreementState:
    """What the graph holds of an agreement, read under its lock."""

    id: str
    version: int
    properties: Mapping[str, Any]
    holders: Sequence[Mapping[str, Any]]

    @property
    def status(self) -> AgreementStatus:
        """Where the agreement stands."""
        return AgreementStatus(self.properties.get("status") or AgreementStatus.ACTIVE)

    def open_holding(self, party_id: str, role: HoldingRole, since: dt.date) -> Mapping[str, Any] | None:
        """The party's holding in this role that is not over on ``since``."""
        for holder in self.holders:
            if holder["party"] == party_id and holder["role"] == role.value:
                until = holder["until"]
                if until is None or dt.date.fromisoformat(until) > since:
                    return holder
        return None


def state_of(row: Row) -> AgreementState:
    """A row of `LOCK_AGREEMENTS` with its dates as dates."""
    properties = {key: value for key, value in row["properties"].items() if value is not None}
    for day in ("openedOn", "closedOn", "maturesOn"):
        if day in properties:
            properties[day] = dt.date.fromisoformat(properties[day])
    properties["statusDates"] = [dt.date.fromisoformat(day) for day in properties.get("statusDates", [])]
    return AgreementState(row["id"], row["version"], properties, tuple(row["holders"]))


async def lock_holders(tx: Transaction, party_ids: Sequence[str]) -> Mapping[str, str]:
    """Lock parties in the order of their ids; their statuses by id, missing parties left out."""
    rows = await tx.run(LOCK_PARTY_STATUS, {"ids": sorted(set(party_ids))})
    return {row["id"]: row["status"] for row in rows}


def require_holder(statuses: Mapping[str, str], party_id: str) -> None:
    """Refuse a holder that does not exist or has ended."""
    if party_id not in statuses:
        raise NotFound("partyId: there is no such party", hint="Look the party up with searchParties.", field="partyId")
    if statuses[party_id] == PartyStatus.ENDED:
        raise checks.refuse("partyId", "names a party that has ended", "Name a party whose status is ACTIVE.")


def holding(agreement_id: str, holder: NewHolder, since: dt.date) -> dict[str, Any]:
    """The row of `ADD_HOLDERS` for a new holder."""
    return {
        "partyId": holder.party_id,
        "agreementId": agreement_id,
        "properties": {
            "id": new_id("holding"),
            "role": checks.one_of("role", holder.role, HoldingRole).value,
            "since": since if holder.since is None else checks.date("since", holder.since),
            "source": None if holder.source is None else checks.text("source", holder.source),
        },
    }


def check_holders(holders: Sequence[NewHolder], *, owner: bool) -> None:
    """Refuse too many holders, one named twice in a role, and none who owns a new agreement."""
    if len(holders) > HOLDERS_LIMIT:
        raise checks.refuse("holders", "has too many entries", f"Send at most {HOLDERS_LIMIT}.")
    if len({(holder.party_id, holder.role) for holder in holders}) < len(holders):
        raise checks.refuse("holders", "names a party twice in a role", "Name each holder once.")
    if owner and all(holder.role != HoldingRole.OWNER for holder in holders):
        raise checks.refuse("holders", "names no owner", "Name a party with the role OWNER.")


def status_history(state: AgreementState, status: AgreementStatus, on: dt.date, today: dt.date) -> dict[str, Any]:
    """The properties of a status that follows on a day: appended to the history, never inserted into it."""
    check_transition(state.status, status)
    checks.past_date("on", on, today)
    dates = state.properties["statusDates"]
    first = dates[-1] if dates else state.properties.get("openedOn")
    if first and on < first:
        raise checks.refuse("on", f"is before the last change ({first})", "Send that day or a later one.")
    changed: dict[str, Any] = {
        "status": status.value,
        "statusDates": [*dates, on],
        "statusValues": [*state.properties.get("statusValues", []), status.value],
    }
    if status is AgreementStatus.CLOSED:
        changed["closedOn"] = on
    return changed


class AgreementService:
    """The use cases of agreements. Every method is one transaction and raises `CrmError` only."""

    def __init__(self, database: Database, *, now: checks.Clock = checks.utc_now) -> None:
        self._database = database
        self._now = now

    def _today(self) -> dt.date:
        return self._now().date()

    async def open(
        self,
        agreement: NewAgreement,
        *,
        id: str | None = None,  # noqa: A002 - the name of the property
        idempotency_key: str | None = None,
    ) -> Written:
        """Open an agreement on a product that is sold, for parties that are active, one of them the owner.

        Without a currency it takes the product's; where the product has none, amounts need one.
        """
        identifier = new_id("agreement") if id is None else checks.identifier("id", id)
        command = {"id": id, "agreement": agreement}
        work = self._opening(agreement, identifier)
        return await write_once(self._database, "openAgreement", idempotency_key, command, work)

    async def open_within(self, tx: Transaction, agreement: NewAgreement) -> Written:
        """Open an agreement in the transaction of what led to it: an offer that was accepted."""
        return await self._opening(agreement, new_id("agreement"))(tx)

    async def lock_held(self, tx: Transaction, agreement_id: str, party_id: str, product_code: str) -> None:
        """Lock an agreement on the product that the party holds; refuse any other."""
        state = await self._lock(tx, agreement_id, None, "agreementId")
        if all(each["party"] != party_id for each in state.holders):
            raise checks.refuse("agreementId", "names an agreement of somebody else", "Read agreements of the party.")
        if state.properties.get("productCode") != product_code:
            raise checks.refuse("agreementId", "names an agreement on another product", "Name one on the same product.")

    def _opening(self, agreement: NewAgreement, identifier: str) -> Callable[[Transaction], Awaitable[Written]]:
        """What opens the agreement in a transaction; refuses at once what no graph could make right."""
        opened = self._today() if agreement.opened_on is None else checks.date("openedOn", agreement.opened_on)
        asked = {key: value for key, value in terms(agreement.details).items() if value is not None}
        check_opening(opened, self._today())
        check_maturity(opened, asked.get("maturesOn"))
        check_holders(agreement.holders, owner=True)
        holders = [holding(identifier, holder, opened) for holder in agreement.holders]

        async def work(tx: Transaction) -> Written:
            statuses = await lock_holders(tx, [holder.party_id for holder in agreement.holders])
            for holder in agreement.holders:
                require_holder(statuses, holder.party_id)
            products = await tx.run(cypher.PRODUCTS, {"codes": [agreement.product_code]})
            if not products:
                raise unknown_product()
            product = products[0]
            if not product["active"]:
                raise checks.refuse("productCode", "names a product that is not sold now", "Choose an active product.")
            rows = await tx.run(cypher.LOCK_OR_CREATE_AGREEMENTS, {"ids": [identifier], "now": self._now()})
            if rows[0]["version"] != 0:
                raise AlreadyExists("id: an agreement with this id exists", hint="Send another id.", field="id")
            properties = {
                "currency": product["currency"],
                **asked,
                "productCode": product["code"],
                "familyCode": product["familyCode"],
                "openedOn": opened,
                "status": AgreementStatus.ACTIVE.value,
                "statusDates": [opened],
                "statusValues": [AgreementStatus.ACTIVE.value],
            }
            row = {"id": identifier, "properties": properties, "version": 1, "productCode": product["code"]}
            check_currency(properties)
            await tx.run(cypher.WRITE_AGREEMENTS, {"rows": [row], "now": self._now()})
            await tx.run(cypher.ATTACH_PRODUCTS, {"rows": [row]})
            await tx.run(cypher.ADD_HOLDERS, {"holders": holders})
            return Written(identifier, 1)

        return work

    async def _lock(self, tx: Transaction, agreement_id: str, version: int | None, field: str = "id") -> AgreementState:
        rows = await tx.run(cypher.LOCK_AGREEMENTS, {"ids": [agreement_id]})
        if not rows:
            raise NotFound(f"{field}: there is no such agreement", hint="Read agreements of the party.", field=field)
        state = state_of(rows[0])
        expect_version(state.version, version, "agreement")
        return state

    async def _change(self, tx: Transaction, state: AgreementState, properties: Mapping[str, Any]) -> Written:
        row = {"id": state.id, "properties": properties, "version": state.version + 1}
        await tx.run(cypher.WRITE_AGREEMENTS, {"rows": [row], "now": self._now()})
        return Written(state.id, state.version + 1)

    async def update(
        self,
        id: str,  # noqa: A002 - the name of the property
        details: AgreementDetails,
        *,
        version: int | None = None,
        idempotency_key: str | None = None,
    ) -> Written:
        """Change the terms that the details give; the rest stays."""
        checks.version(version)
        asked = terms(details)

        async def work(tx: Transaction) -> Written:
            state = await self._lock(tx, id, version)
            check_maturity(state.properties.get("openedOn"), asked.get("maturesOn"))
            check_currency({**state.properties, **asked})
            return await self._change(tx, state, asked)

        command = {"id": id, "details": details, "version": version}
        return await write_once(self._database, "updateAgreement", idempotency_key, command, work)

    async def change_status(
        self,
        id: str,  # noqa: A002 - the name of the property
        status: AgreementStatus,
        *,
        on: dt.date | None = None,
        version: int | None = None,
        idempotency_key: str | None = None,
    ) -> Written:
        """Move the agreement to a status that may follow, on a day not before the last change and not in the future.

        CLOSED ends the open holdings that day.
        """
        checks.version(version)
        new = checks.one_of("status", status, AgreementStatus)
        day = self._today() if on is None else on

        async def work(tx: Transaction) -> Written:
            state = await self._lock(tx, id, version)
            changed = status_history(state, new, day, self._today())
            if new is AgreementStatus.CLOSED:
                await tx.run(cypher.END_OPEN_HOLDINGS, {"id": id, "until": day})
            return await self._change(tx, state, changed)

        command = {"id": id, "status": status, "on": on, "version": version}
        return await write_once(self._database, "changeAgreementStatus", idempotency_key, command, work)

    async def close(
        self,
        id: str,  # noqa: A002 - the name of the property
        *,
        closed_on: dt.date | None = None,
        version: int | None = None,
        idempotency_key: str | None = None,
    ) -> Written:
        """Close the agreement: it is over from ``closed_on`` (today) on, and so are its holdings."""
        status = AgreementStatus.CLOSED
        return await self.change_status(id, status, on=closed_on, version=version, idempotency_key=idempotency_key)

    async def add_holder(
        self,
        id: str,  # noqa: A002 - the name of the property
        holder: NewHolder,
        *,
        version: int | None = None,
        idempotency_key: str | None = None,
    ) -> Written:
        """Give the agreement another holder, once in each role at a time."""
        checks.version(version)
        row = holding(id, holder, self._today())

        async def work(tx: Transaction) -> Written:
            statuses = await lock_holders(tx, [holder.party_id])
            state = await self._lock(tx, id, version)
            require_holder(statuses, holder.party_id)
            if state.status is AgreementStatus.CLOSED:
                raise checks.refuse("id", "names an agreement that is closed", "Open a new one.")
            if state.open_holding(holder.party_id, holder.role, row["properties"]["since"]):
                raise AlreadyExists(
                    "partyId: the party holds the agreement in this role",
                    hint="End the holding first to change it.",
                    field="partyId",
                )
            await tx.run(cypher.ADD_HOLDERS, {"holders": [row]})
            return await self._change(tx, state, {})

        command = {"id": id, "holder": holder, "version": version}
        return await write_once(self._database, "addHolder", idempotency_key, command, work)

    async def end_holding(
        self,
        id: str,  # noqa: A002 - the name of the property
        party_id: str,
        role: HoldingRole = HoldingRole.OWNER,
        *,
        until: dt.date | None = None,
        version: int | None = None,
        idempotency_key: str | None = None,
    ) -> Written:
        """The party no longer holds the agreement in this role from ``until`` (today) on; an owner must be left."""
        checks.version(version)
        last = self._today() if until is None else checks.date("until", until)

        async def work(tx: Transaction) -> Written:
            state = await self._lock(tx, id, version)
            open_holdings = [each for each in state.holders if each["until"] is None]
            mine = [each for each in open_holdings if each["party"] == party_id and each["role"] == role.value]
            if not mine:
                raise NotFound(
                    "partyId: the party does not hold the agreement in this role",
                    hint="Read holders of the agreement.",
                    field="partyId",
                )
            owners = [each for each in open_holdings if each["role"] == HoldingRole.OWNER.value]
            if role is HoldingRole.OWNER and len(owners) == 1 and state.status is not AgreementStatus.CLOSED:
                raise checks.refuse("partyId", "is the last owner", "Add another owner first, or close the agreement.")
            if mine[0]["since"]:
                checks.period(dt.date.fromisoformat(mine[0]["since"]), last)
            parameters = {"id": id, "partyId": party_id, "holdingId": mine[0]["id"], "until": last}
            await tx.run(cypher.END_HOLDING, parameters)
            return await self._change(tx, state, {})

        command = {"id": id, "partyId": party_id, "role": role, "until": until, "version": version}
        return await write_once(self._database, "endHolding", idempotency_key, command, work)

    async def link(
        self, from_id: str, to_id: str, kind: AgreementLinkKind, *, idempotency_key: str | None = None
    ) -> Written:
        """Say from which account a loan is paid, or on which a card is issued; a new link replaces the old one."""
        checks.one_of("kind", kind, AgreementLinkKind)
        if from_id == to_id:
            raise checks.refuse("toId", "is the same agreement as fromId", "Name two agreements.")

        async def work(tx: Transaction) -> Written:
            rows = await tx.run(cypher.LOCK_AGREEMENTS, {"ids": sorted([from_id, to_id])})
            states = {row["id"]: state_of(row) for row in rows}
            for field, each, families in zip(("fromId", "toId"), (from_id, to_id), LINK_FAMILIES[kind], strict=True):
                if each not in states:
                    raise NotFound(f"{field}: there is no such agreement", hint="Read agreements of the party.")
                if states[each].properties.get("familyCode") not in families:
                    allowed = ", ".join(sorted(families))
                    raise checks.refuse(field, f"can't be that end of {kind.value}", f"Its family must be: {allowed}.")
            await tx.run(cypher.LINK_AGREEMENTS, {"from": from_id, "to": to_id, "kind": kind.value})
            return Written(from_id, states[from_id].version, (to_id,))

        command = {"from": from_id, "to": to_id, "kind": kind}
        return await write_once(self._database, "linkAgreements", idempotency_key, command, work)
