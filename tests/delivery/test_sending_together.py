"""Messages that are due together are begun and settled together, and each is judged as if it were alone."""

from __future__ import annotations

import pytest
from post_office import Bureau, Gateway, open_policy

from graph_crm.delivery.queueing import DUE
from graph_crm.events.worker import Worker
from graph_crm.graph.database import Database
from graph_crm.rules.delivery import Bounced, Outgoing
from graph_crm.rules.limits import ContactLimit

pytestmark = pytest.mark.lts
PEOPLE = [f"person{n}" for n in range(12)]


async def bureau_of(database: Database, gateway: Gateway, **more: object) -> Bureau:
    bureau = await Bureau(database, gateway, **more).people(*PEOPLE)  # type: ignore[arg-type]
    bureau.worker = Worker(
        database, bureau.parts.topics(), outside=bureau.parts.outside(), many={DUE: 50}, concurrency=50
    )
    return bureau


async def states(database: Database) -> dict[str, str]:
    rows = await database.read("MATCH (d:Delivery) RETURN d.partyId AS party, d.state AS state")
    return {row["party"]: row["state"] for row in rows}


async def test_many_messages_are_sent_with_few_transactions_and_each_is_a_contact(empty_database: Database) -> None:
    gateway = Gateway("EMAIL")
    bureau = await bureau_of(empty_database, gateway)
    for one in PEOPLE:
        await bureau.tell(one)
    before = empty_database.metrics.transactions.count
    await bureau.work()
    # A lease that finds them, one that finds no more, one that begins them, and one or two that settle them.
    assert empty_database.metrics.transactions.count - before <= 6
    assert sorted(one.to for one in gateway.given) == sorted(f"{one}@example.com" for one in PEOPLE)
    assert set((await states(empty_database)).values()) == {"SENT"}
    row = await bureau.row(
        "MATCH (p:Party)-[:HAD]->(i:Interaction)<-[:BECAME]-(d:Delivery {partyId: p.id})"
        " RETURN count(DISTINCT p) AS people, count(*) AS contacts"
    )
    assert (row["people"], row["contacts"]) == (12, 12)


async def test_of_many_each_gets_what_it_alone_would_get(empty_database: Database) -> None:
    async def bounces(message: Outgoing) -> None:
        if message.party_id == "person2":
            raise Bounced("no such box")

    gateway = Gateway("EMAIL")
    gateway.before = bounces
    bureau = await bureau_of(empty_database, gateway)
    for one in PEOPLE:
        await bureau.tell(one, variables={} if one == "person1" else {"number": "R-1"})
    await empty_database.execute("MATCH (c:ContactPoint {valueKey: 'EMAIL:person3@example.com'}) SET c.blocked = true")
    await empty_database.execute("MATCH (d:Delivery {partyId: 'person4'}) SET d.state = 'CANCELLED'")
    await bureau.work()
    found = await states(empty_database)
    odd = {"person1": "FAILED", "person2": "BOUNCED", "person3": "FAILED", "person4": "CANCELLED"}
    assert found == dict.fromkeys(PEOPLE, "SENT") | odd


async def test_promotion_keeps_its_limits_however_much_is_due_at_once(empty_database: Database) -> None:
    gateway = Gateway("EMAIL")
    policy = open_policy(ContactLimit(name="one", count=1, days=30))
    bureau = await bureau_of(empty_database, gateway, policy=policy)
    for one in PEOPLE[:3]:
        for _ in range(3):
            await bureau.promote(one)
        await bureau.tell(one)
    await bureau.work()
    promoted = [one.party_id for one in gateway.given if one.promotional]
    assert sorted(promoted) == ["person0", "person1", "person2"]
    assert len([one for one in gateway.given if not one.promotional]) == 3
