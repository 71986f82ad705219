"""What the SMS gateway tells: signed, of now, each once; a message that is not there yet is waited for."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any, cast

import httpx
import pytest
from starlette.applications import Starlette

from graph_crm.api.callbacks import LARGEST, routes
from graph_crm.api.platform import Platform
from graph_crm.delivery.channels.sms_receipts import FATES, TOPIC, WINDOW_SECONDS, SmsReceipts
from graph_crm.delivery.channels.webhook import sign
from graph_crm.delivery.moving_on import MovingOn
from graph_crm.delivery.receipts import CAME_BACK, DeliveryReceipts
from graph_crm.graph.database import Database
from graph_crm.graph.outbox import Outbox, OutboxEntry
from graph_crm.rules.manager import RuleBook
from graph_crm.security.tokens import Verifier
from graph_crm.settings import Settings

SECRET = "a-secret-of-more-than-thirty-two-characters"
NOW = 1_795_000_000.0


class Phone:
    """The server and the worker, as far as receipts go."""

    def __init__(self, database: Database, client: httpx.AsyncClient, receipts: SmsReceipts, app: Starlette) -> None:
        self.app = app
        self.database = database
        self.client = client
        self.receipts = receipts

    async def tell(self, told: Any, *, at: float = NOW, **headers: str) -> httpx.Response:
        body = told if isinstance(told, bytes) else json.dumps(told).encode()
        stamp = str(int(at))
        signed = {"X-Timestamp": stamp, "X-Signature": sign(SECRET, stamp, body), **headers}
        return await self.client.post("/callbacks/sms", content=body, headers=signed)

    async def sent(self, message: str) -> None:
        await self.database.execute(
            "CREATE (:Delivery {id: $id, key: $id, channel: 'SMS', state: 'SENT', providerId: $message,"
            " createdAt: datetime()})",
            {"id": f"delivery of {message}", "message": message},
        )

    async def leased(self) -> list[OutboxEntry]:
        return await Outbox(self.database).lease(50, "test", 60.0, [TOPIC])

    async def settle(self) -> None:
        for entry in await self.leased():
            await self.receipts.settle(entry)

    async def states(self) -> dict[str, str]:
        rows = await self.database.read("MATCH (d:Delivery) RETURN d.providerId AS id, d.state AS state")
        return {row["id"]: row["state"] for row in rows}

    async def bounces(self) -> list[dict[str, Any]]:
        rows = await self.database.read(
            "MATCH (e:OutboxEntry {topic: $topic}) RETURN e.payload AS payload ORDER BY e.id", {"topic": CAME_BACK}
        )
        return [json.loads(row["payload"]) for row in rows]


@pytest.fixture
async def phone(empty_database: Database) -> AsyncIterator[Phone]:
    moving_on = cast(MovingOn, None)  # the outbox takes bounces from here; nothing is moved on
    receipts = SmsReceipts(empty_database, SECRET, DeliveryReceipts(empty_database, moving_on), clock=lambda: NOW)
    settings = Settings()
    verifier = Verifier(SECRET, issuer="test", audience="test")
    platform = Platform(settings=settings, database=empty_database, verifier=verifier, rules=RuleBook.load([]))
    platform.provide(receipts)
    app = Starlette(routes=routes(platform))
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://bank.test") as client:
        yield Phone(empty_database, client, receipts, app)


async def test_a_receipt_makes_a_message_delivered(phone: Phone):
    await phone.sent("m-1")
    answer = await phone.tell({"id": "m-1", "status": "delivered"})
    assert (answer.status_code, answer.json()) == (202, {"taken": 1})
    await phone.settle()
    assert await phone.states() == {"m-1": "DELIVERED"}


async def test_many_receipts_come_at_once(phone: Phone):
    for message in ("m-1", "m-2", "m-3"):
        await phone.sent(message)
    told = [
        {"id": "m-1", "status": "DELIVERED"},
        {"id": "m-2", "status": "undeliverable", "diagnostic": "no such subscriber"},
        {"id": "m-3", "status": "expired"},
    ]
    assert (await phone.tell(told)).json() == {"taken": 3}
    await phone.settle()
    assert [(one["permanent"], one["failed"], one["diagnostic"]) for one in await phone.bounces()] == [
        (True, True, "no such subscriber"),
        (False, True, "the channel gave it up"),
    ]


async def test_the_same_callback_again_is_nothing_new(phone: Phone):
    await phone.sent("m-1")
    told = {"id": "m-1", "status": "delivered"}
    assert (await phone.tell(told)).json() == {"taken": 1}
    assert (await phone.tell(told)).json() == {"taken": 0}
    assert len(await phone.leased()) == 1


async def test_a_receipt_that_overtakes_its_message_waits_for_it(phone: Phone):
    await phone.tell({"id": "m-9", "status": "delivered"})
    (entry,) = await phone.leased()
    with pytest.raises(Exception, match="m-9"):
        await phone.receipts.settle(entry)
    await phone.sent("m-9")
    await phone.receipts.settle(entry)
    assert await phone.states() == {"m-9": "DELIVERED"}


async def test_a_receipt_of_no_message_of_ours_is_given_up_in_the_end(phone: Phone):
    await phone.tell({"id": "m-9", "status": "delivered"})
    (entry,) = await phone.leased()
    last = OutboxEntry(entry.id, entry.topic, entry.partition_key, entry.payload, 4, entry.worker)
    await phone.receipts.settle(last)
    assert await phone.bounces() == []


@pytest.mark.parametrize(
    ("headers", "at"),
    [
        ({"X-Signature": "00"}, NOW),
        ({"X-Signature": "\u017e"}, NOW),
        ({"X-Timestamp": str(int(NOW) + 1)}, NOW),
        ({"X-Timestamp": ""}, NOW),
        ({}, NOW - WINDOW_SECONDS - 1),
        ({}, NOW + WINDOW_SECONDS + 1),
    ],
)
async def test_what_is_not_signed_or_not_of_now_is_refused(phone: Phone, headers: dict[str, str], at: float):
    raw = {name: value.encode("utf-8") for name, value in headers.items()}
    answer = await phone.tell({"id": "m-1", "status": "delivered"}, at=at, **cast(dict[str, str], raw))
    assert answer.status_code == 401
    assert answer.json()["errors"][0]["extensions"]["code"] == "CALLBACK_REFUSED"
    assert await phone.leased() == []


@pytest.mark.parametrize(
    ("body", "told"),
    [
        (b"{", "is not JSON"),
        (b"[]", "holds 1 to"),
        (b"7", r"\[0\].id: is no name"),
        (b'{"id": "m-1", "status": "lost"}', r"\[0\].status: is not known"),
        (b'[{"id": "m-1", "status": "sent"}, {"id": 7, "status": "sent"}]', r"\[1\].id: is no name"),
        (b" " * (LARGEST + 1), "too large"),
    ],
)
async def test_a_callback_that_can_not_be_read_is_refused_as_a_whole(phone: Phone, body: bytes, told: str):
    import re  # noqa: PLC0415 - only here

    answer = await phone.tell(body)
    assert answer.status_code == 400
    assert re.search(told, answer.json()["errors"][0]["message"])
    assert await phone.leased() == []


async def test_a_gateway_that_hangs_up_in_the_middle_is_no_fault_of_the_platform(phone: Phone):
    answers: list[Any] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.disconnect"}

    async def send(message: Any) -> None:
        answers.append(message)

    scope = {"type": "http", "method": "POST", "path": "/callbacks/sms", "headers": [], "query_string": b""}
    await phone.app(scope, receive, send)
    assert answers[0]["status"] == 400
    assert await phone.leased() == []


async def test_without_a_secret_no_callback_is_taken(phone: Phone):
    phone.receipts._secret = None
    assert (await phone.tell({"id": "m-1", "status": "delivered"})).status_code == 401


def test_every_word_of_a_gateway_has_a_meaning():
    assert set(FATES.values()) == {"SENT", "DELIVERED", "BOUNCED", "FAILED"}
