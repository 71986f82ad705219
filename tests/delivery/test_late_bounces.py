"""What comes back after a message was sent: late bounces, receipts, and far sides that are asked."""

from __future__ import annotations

from typing import Any

import pytest
from post_office import MAIL, Bureau, Gateway

from graph_crm.contacts.kinds import Channel
from graph_crm.delivery.message_ids import message_id
from graph_crm.delivery.receipts import tell_bounced
from graph_crm.graph.database import Database
from graph_crm.rules.delivery import Fate, Receipt

pytestmark = pytest.mark.lts


class Told(Gateway):
    """A far side that can be asked."""

    fate = Fate.SENT
    broken = False

    async def status(self, provider_id: str) -> Receipt | None:
        if self.broken:
            raise OSError("down")
        return Receipt(self.fate, "a full line")


async def came_back(bureau: Bureau, key: str = "b1", **named: Any) -> None:
    async def work(tx: Any) -> None:
        await tell_bounced(tx, **{"permanent": True, "diagnostic": "550 5.1.1 gone", **named}, key=key)

    await bureau.database.write(work)
    await bureau.work()


@pytest.mark.parametrize("by", ["delivery", "message"])
async def test_a_late_bounce_marks_the_address_and_the_message_goes_another_way(
    empty_database: Database, by: str
) -> None:
    text = Gateway("SMS")
    bureau = await Bureau(empty_database, Gateway("EMAIL"), text).people("anna")
    identifier = await bureau.tell()
    await bureau.work()
    named = {"delivery_id": identifier} if by == "delivery" else {"message_id": f"<EMAIL-{identifier}>"}
    await came_back(bureau, **named)
    await came_back(bureau, key="the same again", **named)
    first, second = await bureau.all()
    assert (first["state"], first["diagnostic"]) == ("BOUNCED", "550 5.1.1 gone")
    assert (second["state"], second["channel"], len(text.given)) == ("SENT", "SMS", 1)
    row = await bureau.row("MATCH (c:ContactPoint {valueKey: $p}) RETURN c.blockedReason AS why", p=MAIL)
    assert row["why"] == "BOUNCED"


async def test_an_offer_that_nobody_got_is_offered_by_the_next_channel(empty_database: Database) -> None:
    text = Gateway("SMS", idempotent=True)
    bureau = await Bureau(empty_database, Gateway("EMAIL"), text).people("anna")
    await bureau.offer(channels=("EMAIL", "SMS"))
    await bureau.work()
    (mail,) = await bureau.all()
    await came_back(bureau, delivery_id=mail["id"])
    row = await bureau.row("MATCH (o:Offer) RETURN o.status AS status, o.channel AS channel")
    assert (row["status"], row["channel"], len(text.given)) == ("PRESENTED", "SMS", 1)


async def test_a_passing_trouble_is_noted_and_changes_nothing(empty_database: Database) -> None:
    bureau = await Bureau(empty_database, Gateway("EMAIL"), Gateway("SMS")).people("anna")
    identifier = await bureau.tell()
    await bureau.work()
    await came_back(bureau, delivery_id=identifier, permanent=False, diagnostic="452 full")
    (told,) = await bureau.all()
    assert (told["state"], told["diagnostic"]) == ("SENT", "452 full")


async def test_what_came_back_for_no_fault_of_the_address_goes_another_way_and_the_address_stays(
    empty_database: Database,
) -> None:
    text = Gateway("SMS")
    bureau = await Bureau(empty_database, Gateway("EMAIL"), text).people("anna")
    identifier = await bureau.tell()
    await bureau.work()
    full = {"delivery_id": identifier, "permanent": False, "failed": True, "diagnostic": "552 5.2.2 mailbox full"}
    await came_back(bureau, **full)
    await came_back(bureau, key="again", **full)
    first, second = await bureau.all()
    assert (first["state"], first["stateReason"], first["diagnostic"]) == (
        "FAILED",
        "NOT_DELIVERED",
        "552 5.2.2 mailbox full",
    )
    assert (second["state"], second["channel"], len(text.given)) == ("SENT", "SMS", 1)
    row = await bureau.row("MATCH (c:ContactPoint {valueKey: $p}) RETURN c.blocked AS blocked", p=MAIL)
    assert row["blocked"] is False


async def test_a_bounce_that_overtakes_its_message_waits_for_it(empty_database: Database) -> None:
    text = Gateway("SMS")
    bureau = await Bureau(empty_database, Gateway("EMAIL"), text).people("anna")
    identifier = await bureau.tell()
    await empty_database.execute("MATCH (d:Delivery) SET d.state = 'SENDING', d.sendingBy = 'a worker'")
    await empty_database.execute("MATCH (e:OutboxEntry {topic: 'delivery.due'}) DELETE e")
    await came_back(bureau, delivery_id=identifier)
    assert (await bureau.one(identifier))["state"] == "SENDING"
    sent = "MATCH (d:Delivery) SET d.state = 'SENT', d.channel = 'EMAIL', d.pointKey = $p"
    await empty_database.execute(sent, {"p": MAIL})
    await bureau.wake()
    await bureau.work()
    assert (await bureau.one(identifier))["state"] == "BOUNCED"
    assert len(text.given) == 1


async def test_a_bounce_finds_its_message_by_the_message_id_that_was_made_for_it(empty_database: Database) -> None:
    bureau = await Bureau(empty_database, Gateway("EMAIL")).people("anna")
    identifier = await bureau.tell()
    await bureau.work()
    await empty_database.execute("MATCH (d:Delivery) REMOVE d.providerId")  # whoever sent it died before the answer
    await came_back(bureau, message_id=f"<{message_id(identifier, 'bank.example')}>")
    assert (await bureau.one(identifier))["state"] == "BOUNCED"


async def test_a_bounce_of_something_that_was_never_sent_from_here_is_left_alone(empty_database: Database) -> None:
    bureau = await Bureau(empty_database, Gateway("EMAIL")).people("anna")
    await came_back(bureau, message_id="<stranger@example.com>")
    await came_back(bureau, key="b2", delivery_id="delivery:none")
    for _ in range(3):
        await bureau.wake()
        await bureau.work()
    assert await bureau.all() == []
    row = await bureau.row("MATCH (e:OutboxEntry) WHERE e.state <> 'DONE' RETURN count(e) AS n")
    assert row["n"] == 0


async def test_receipts_say_that_a_message_arrived_or_did_not(empty_database: Database) -> None:
    bureau = await Bureau(empty_database, Gateway("SMS"), Gateway("EMAIL")).people("anna", "jan")
    arrived = await bureau.tell("anna", channel=Channel.SMS)
    lost = await bureau.tell("jan", channel=Channel.SMS)
    await bureau.work()
    receipts = bureau.parts.receipts
    assert await receipts.record("SMS", f"SMS-{arrived}", Fate.DELIVERED)
    assert await receipts.record("SMS", f"SMS-{lost}", Fate.BOUNCED, "no such number")
    assert await receipts.record("SMS", f"SMS-{lost}", Fate.BOUNCED, "told again")
    assert not await receipts.record("SMS", "nobody knows this", Fate.DELIVERED)
    assert not await receipts.record("EMAIL", f"SMS-{arrived}", Fate.DELIVERED), "of another channel"
    await bureau.work()
    states = {one["id"]: (one["state"], one.get("diagnostic")) for one in await bureau.all()}
    assert states[arrived] == ("DELIVERED", None)
    assert states[lost] == ("BOUNCED", "no such number")
    row = await bureau.row("MATCH (d:Delivery {channel: 'EMAIL'})-[:REPLACES]->(x) RETURN x.id AS id, d.state AS state")
    assert (row["id"], row["state"]) == (lost, "SENT")


async def test_a_text_message_that_the_gateway_gave_up_goes_another_way_and_the_number_stays(
    empty_database: Database,
) -> None:
    bureau = await Bureau(empty_database, Gateway("SMS"), Gateway("EMAIL")).people("anna", "jan")
    lost = await bureau.tell("anna", channel=Channel.SMS)
    arrived = await bureau.tell("jan", channel=Channel.SMS)
    await bureau.work()
    receipts = bureau.parts.receipts
    await receipts.record("SMS", f"SMS-{lost}", Fate.FAILED)
    await receipts.record("SMS", f"SMS-{arrived}", Fate.DELIVERED)
    await receipts.record("SMS", f"SMS-{arrived}", Fate.FAILED, "told in the wrong order")
    await bureau.work()
    told = await bureau.one(lost)
    assert (told["state"], told["stateReason"], told["diagnostic"]) == (
        "FAILED",
        "NOT_DELIVERED",
        "the channel gave it up",
    )
    assert (await bureau.one(arrived))["state"] == "DELIVERED"
    row = await bureau.row("MATCH (d:Delivery {channel: 'EMAIL'})-[:REPLACES]->(x) RETURN x.id AS id, d.state AS state")
    assert (row["id"], row["state"]) == (lost, "SENT")
    row = await bureau.row("MATCH (c:ContactPoint {blocked: true}) RETURN count(c) AS n")
    assert row["n"] == 0


async def test_a_far_side_that_can_be_asked_is_asked_until_it_knows(empty_database: Database) -> None:
    gateway = Told("SMS")
    bureau = await Bureau(empty_database, gateway).people("anna")
    identifier = await bureau.tell(channel=Channel.SMS)
    await bureau.work()
    again = "MATCH (d:Delivery) REMOVE d.askedAt"
    gateway.broken = True
    assert await bureau.parts.asking.ask() == 0
    assert await bureau.parts.asking.ask() == 0, "not at once again"
    gateway.broken = False
    await empty_database.execute(again)
    assert await bureau.parts.asking.ask() == 0
    await empty_database.execute(again)
    gateway.fate = Fate.DELIVERED
    assert await bureau.parts.asking.ask() == 1
    assert (await bureau.one(identifier))["state"] == "DELIVERED"
