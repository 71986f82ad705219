"""A withdrawal against everything that runs at the same time: afterwards nothing forbidden is left alive."""

from __future__ import annotations

import asyncio
import datetime as dt
from typing import Any

import pytest
from shared_phone import ANNAS, SHARED

from graph_crm import snapshots
from graph_crm.consent.kinds import ConsentStatus, Purpose
from graph_crm.consent.pending import WHAT_WAS_SAID
from graph_crm.consent.protection import ProtectionService
from graph_crm.consent.service import ConsentService, Statement
from graph_crm.contacts import ledger
from graph_crm.contacts.approach import Approach
from graph_crm.contacts.desk import ContactDesk
from graph_crm.contacts.permission import permission
from graph_crm.contacts.policy import ContactPolicy
from graph_crm.contacts.slots import Reserved
from graph_crm.contacts.suppression import closed
from graph_crm.graph.database import Database, Transaction
from graph_crm.rules.conditions.base import Needs

pytestmark = pytest.mark.lts

GRANTED, WITHDRAWN = ConsentStatus.GRANTED, ConsentStatus.WITHDRAWN
HOLD = """
MATCH (p:Party {id: $party})
CREATE (p)-[:RESERVED]->(v:Reservation {id: $id, key: $id, partyId: $party, state: 'HELD', channel: 'PHONE',
  direction: 'OUTBOUND', actionClass: 'PROMOTIONAL', purpose: 'MARKETING', pointKey: $point, createdAt: $now, at: $now,
  until: $now + duration({hours: 1}), offerId: 'offer:' + $id})
CREATE (p)<-[:FOR]-(:Decision {id: 'decision:' + $id})-[:PROPOSED]->(o:Offer {id: 'offer:' + $id, status: 'RESERVED',
  partyId: $party, actionClass: 'PROMOTIONAL', channel: 'PHONE', productCode: 'CREDIT_CARD', pointKey: $point})
CREATE (v)-[:FOR_OFFER]->(o)
"""
CONFIRM = "MATCH (v:Reservation {id: $id}) WHERE v.state = 'HELD' SET v.state = 'CONFIRMED', v.endedAt = $now"
LIVE = """
MATCH (p:Party)-[:RESERVED]->(v:Reservation)-[:FOR_OFFER]->(o:Offer)
RETURN p.id AS party, v.id AS id, v.pointKey AS point, v.state AS state, o.status AS offer
"""


async def call(
    database: Database,
    party: str,
    point: str,
    number: int,
    *,
    confirmed: bool = False,
    held: asyncio.Event | None = None,
) -> bool:
    """Decide and reserve a call as the protocol demands: lock, read, judge, write; whether it was allowed."""
    name = f"{party}:{number}"

    async def reserve(tx: Transaction) -> bool:
        locked = await ledger.lock(tx, ledger.keys(party, points=[SHARED, ANNAS] if party == "anna" else [SHARED]))
        (customer,) = await snapshots.load(tx.run, [party], now=locked.now, needs=Needs(), memory=WHAT_WAS_SAID)
        approach = Approach("PHONE", at=locked.now, point=point)
        if closed(customer, approach) or customer.party.vulnerable or not permission(customer, approach).allowed:
            return False
        await tx.run(HOLD, {"party": party, "id": name, "point": point, "now": locked.now})
        return True

    async def confirm(tx: Transaction) -> None:
        locked = await ledger.lock(tx, ledger.keys(party, points=[point]))
        await tx.run(CONFIRM, {"id": name, "now": locked.now})

    allowed = await database.write(reserve)
    if allowed and held is not None:
        held.set()
    if allowed and confirmed:
        await database.write(confirm)
    return allowed


async def left(database: Database) -> list[Any]:
    """What is still to happen, and offers whose slot is gone but which think that they have one."""
    rows = [dict(row) for row in await database.read(LIVE)]
    return [
        row
        for row in rows
        if row["state"] == "HELD" or (row["state"] == "CANCELLED" and row["offer"] not in ("CANCELLED", "WAITING"))
    ]


@pytest.mark.parametrize("how", ["everything", "marketing", "channel", "profiling", "flag"])
async def test_no_reservation_outlives_a_withdrawal_that_runs_at_the_same_time(
    bank: Database, consents: ConsentService, how: str
) -> None:
    await consents.record("anna", [Statement(purpose=Purpose.MARKETING, status=GRANTED)])

    held = asyncio.Event()  # the first call is reserved: now it is about something

    async def withdraw() -> None:
        await held.wait()
        if how == "everything":
            await consents.withdraw("anna")
        elif how == "marketing":
            await consents.withdraw("anna", Purpose.MARKETING)
        elif how == "channel":
            await consents.record("anna", [Statement(purpose=Purpose.MARKETING, status=WITHDRAWN, channel="PHONE")])  # type: ignore[arg-type]
        elif how == "profiling":
            await consents.object_to_profiling("anna")
        else:
            await ProtectionService(bank).flag_vulnerability("anna", "special care")

    calls = [
        call(bank, "anna", SHARED if number % 2 else ANNAS, number, confirmed=number % 5 == 0, held=held)
        for number in range(30)
    ]
    await asyncio.gather(*calls, withdraw())
    assert await left(bank) == []
    assert not await call(bank, "anna", ANNAS, 1000)


@pytest.mark.parametrize("how", ["stop", "block"])
async def test_no_reservation_of_anybody_outlives_the_stop_of_the_shared_phone(
    bank: Database, consents: ConsentService, how: str
) -> None:
    for party in ("anna", "jan"):
        await consents.record(party, [Statement(purpose=Purpose.MARKETING, status=GRANTED)])

    held = asyncio.Event()

    async def stop() -> None:
        await held.wait()
        if how == "stop":
            await consents.record("anna", [Statement(purpose=Purpose.MARKETING, status=WITHDRAWN, point_key=SHARED)])
        else:
            await ProtectionService(bank).block_contact_point(SHARED, "a stranger answers")

    calls = [
        call(bank, "jan" if number % 2 else "anna", SHARED if number % 4 else ANNAS, number, held=held)
        for number in range(32)
    ]
    await asyncio.gather(*calls, stop())
    assert [row for row in await left(bank) if row["point"] == SHARED] == []
    assert not await call(bank, "jan", SHARED, 1000)
    assert await call(bank, "anna", ANNAS, 1001), "her other phone is open"


async def test_withdrawals_and_grants_in_a_storm_leave_what_the_last_of_them_says(
    bank: Database, consents: ConsentService
) -> None:
    statements = [
        Statement(purpose=Purpose.MARKETING, status=GRANTED if number % 2 else WITHDRAWN, id=f"said:{number}")
        for number in range(16)
    ]
    await asyncio.gather(
        *[consents.record("anna", [one]) for one in statements],
        *[call(bank, "anna", ANNAS, number) for number in range(16)],
    )
    (row,) = await bank.read(
        "MATCH (c:Consent) WITH c ORDER BY c.at DESC, c.status DESC LIMIT 1 RETURN c.status AS status"
    )
    standing = await consents.standing("anna", Purpose.MARKETING, "PHONE", ANNAS)  # type: ignore[arg-type]
    assert standing.allowed == (row["status"] == "GRANTED")
    if not standing.allowed:
        assert await left(bank) == []
    (row,) = await bank.read("MATCH (c:Consent) RETURN count(c) AS n, count(DISTINCT c.id) AS ids")
    assert (row["n"], row["ids"]) == (16, 16)
    assert dt.datetime.now(dt.UTC) - standing.since < dt.timedelta(minutes=5)


async def test_no_slot_of_the_contact_desk_outlives_a_withdrawal_that_runs_at_the_same_time(
    bank: Database, consents: ConsentService
) -> None:
    await bank.execute("MATCH (p:Party {id: 'anna'}) SET p.timeZone = 'Europe/Prague', p.country = 'CZ'")
    desk = ContactDesk(bank, ContactPolicy.load)

    async def reserve(number: int) -> bool:
        found = await desk.reserve("anna", "LETTER", action_class="TRANSACTIONAL", key=f"letter:{number}")
        return isinstance(found, Reserved)

    assert await reserve(0)
    await asyncio.gather(*[reserve(number) for number in range(1, 7)], consents.withdraw("anna", Purpose.SERVICE))
    rows = await bank.read("MATCH (v:Reservation) RETURN v.state AS state, count(*) AS n")
    assert {row["state"] for row in rows} == {"CANCELLED"}
    assert not await reserve(7)
