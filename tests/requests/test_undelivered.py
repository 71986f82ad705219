"""What was said about a request and reached nobody stands in its log."""

from __future__ import annotations

import json

import pytest
from desk_bank import DeskBank

from graph_crm.contacts.desk import ContactDesk
from graph_crm.contacts.overrides import shipped
from graph_crm.delivery.channels.book import Channels
from graph_crm.delivery.kinds import DeliveryState
from graph_crm.delivery.moving_on import UNDELIVERED, MovingOn
from graph_crm.graph.outbox import OutboxEntry
from graph_crm.requests.undelivered import noting

pytestmark = pytest.mark.lts


async def test_an_answer_whose_document_was_refused_is_noted_for_its_owner(desk: DeskBank) -> None:
    opened = await desk.open()
    (message,) = await desk.database.read("MATCH (d:Delivery {partyId: 'anna'}) RETURN d.id AS id")
    moving_on = MovingOn(
        ContactDesk(desk.database), Channels(), shipped, kept_out=None, hold=desk.time.now - desk.time.now
    )
    await desk.database.write(
        lambda tx: moving_on.failed(tx, message["id"], DeliveryState.FAILED, "ATTACHMENT", "refused", now=None)
    )
    row = await desk.one(
        "MATCH (e:OutboxEntry {topic: $topic}) RETURN e.id AS id, e.payload AS told", topic=UNDELIVERED
    )
    entry = OutboxEntry(row["id"], UNDELIVERED, "p", json.loads(row["told"]), 1, "test")
    for _ in range(2):
        await noting(desk.service)(entry)
    row = await desk.one("MATCH (e:RequestEntry {kind: 'NOTE'}) RETURN collect(e.text) AS texts")
    assert row["texts"] == [
        f"A message (request_acknowledged) reached nobody and has no other way: ATTACHMENT. It is {message['id']}."
    ]
    assert entry.payload["number"] == opened.number
