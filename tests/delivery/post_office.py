"""A mail server that a test can make refuse, a gateway that keeps what it was given, and Anna who gets messages."""

from __future__ import annotations

import asyncio
import datetime as dt
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from pathlib import Path
from typing import Any

from aiosmtpd.smtp import SMTP, Envelope, Session

from graph_crm.contacts.desk import ContactDesk
from graph_crm.contacts.kinds import ActionClass, Channel, ContactPurpose
from graph_crm.contacts.policy import ContactPolicy
from graph_crm.contacts.slots import Slot
from graph_crm.decisions.offers.placing import tell_reserved
from graph_crm.delivery.queueing import Message, queue
from graph_crm.delivery.templates.library import Templates
from graph_crm.delivery.unsubscribe import Unsubscriber
from graph_crm.delivery.wiring import DeliveryParts
from graph_crm.events.worker import Worker
from graph_crm.graph.database import Database, Row
from graph_crm.graph.database import Transaction as Tx
from graph_crm.resources import folder
from graph_crm.rules.delivery import Capability, DeliveryChannel, Outgoing, Sent
from graph_crm.rules.limits import ContactLimit

SECRET = "a-secret-of-more-than-thirty-two-characters"
MAIL = "EMAIL:anna@example.com"
PHONE = "PHONE:+420602123456"
DAY = dt.timedelta(days=1)
HOUR = dt.timedelta(hours=1)
MINUTE = dt.timedelta(minutes=1)

BANK = """
UNWIND $people AS name
CREATE (p:Party:Person {id: name, displayName: toUpper(left(name, 1)) + substring(name, 1), status: 'ACTIVE',
  version: 1, language: 'en', country: 'CZ', timeZone: 'Europe/Prague', street: 'Dlouhá 1', city: 'Praha',
  postalCode: '110 00'})
CREATE (p)-[:REACHABLE_AT {id: 'm:' + name, since: date('2020-01-01'), preferred: true}]->(:ContactPoint {
  id: 'EMAIL:' + name + '@example.com', valueKey: 'EMAIL:' + name + '@example.com', kind: 'EMAIL', blocked: false})
CREATE (p)-[:REACHABLE_AT {id: 't:' + name, since: date('2020-01-01')}]->(:ContactPoint {
  id: 'PHONE:' + coalesce($phones[name], name), valueKey: 'PHONE:' + coalesce($phones[name], name), kind: 'PHONE',
  blocked: false})
CREATE (p)-[:GAVE]->(:Consent {id: 'consent:' + name, partyId: name, purpose: 'MARKETING', status: 'GRANTED',
  at: datetime('2020-01-01T00:00:00Z'), recordedAt: datetime('2020-01-01T00:00:00Z')})
"""
OFFER = """
MATCH (p:Party {id: $party})
MERGE (x:Product {code: 'SMALL_LOAN'}) ON CREATE SET x.familyCode = 'LOANS', x.name = 'Small loan', x.active = true
CREATE (p)<-[:FOR]-(d:Decision {id: 'decision:' + $id, key: 'decision:' + $id})-[:PROPOSED {rank: 1}]->
  (o:Offer {id: $id})-[:OFFERED_TO]->(p)
CREATE (o)-[:ABOUT]->(x)
SET o += {partyId: $party, productCode: 'SMALL_LOAN', familyCode: 'LOANS', status: 'PROPOSED', channels: $channels,
  actionClass: 'PROMOTIONAL', reasons: ['Your balance was low.'], script: 'A small loan?', createdAt: $now,
  statusAt: $now, validUntil: $now + duration({days: 30})}
"""


class PostOffice:
    """A real SMTP server. ``refuse`` answers an address, ``answer`` every mail; what it took lies in ``mails``."""

    def __init__(self) -> None:
        self.mails: list[EmailMessage] = []
        self.refuse: dict[str, str] = {}
        self.answer: str | None = None
        self.hangs_up = False
        self.port = 0

    async def handle_RCPT(  # noqa: N802 - aiosmtpd's name
        self, server: SMTP, session: Session, envelope: Envelope, address: str, rcpt_options: list[str]
    ) -> str:
        if address in self.refuse:
            return self.refuse[address]
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802
        if self.answer is not None:
            return self.answer
        assert isinstance(envelope.content, bytes)
        mail = message_from_bytes(envelope.content, policy=default)
        self.mails.append(mail)  # type: ignore[arg-type]
        if self.hangs_up:  # it took the mail, and its answer gets lost
            assert server.transport is not None
            server.transport.close()
        return "250 OK"

    @asynccontextmanager
    async def open(self) -> AsyncIterator[PostOffice]:
        loop = asyncio.get_running_loop()
        made = await loop.create_server(
            lambda: SMTP(self, loop=loop, enable_SMTPUTF8=True, hostname="post.example"), "127.0.0.1", 0
        )
        self.port = made.sockets[0].getsockname()[1]
        async with made:
            yield self


class Gateway(DeliveryChannel):
    """A channel in the test's hand: it keeps what it was given, and answers what the test wants."""

    def __init__(self, channel: str, *, idempotent: bool = False, **capability: Any) -> None:
        self.name = f"test-{channel.lower()}"
        self.channel = channel
        self.capability = Capability(idempotent=idempotent, **capability)
        self.given: list[Outgoing] = []
        self.failure: Exception | None = None
        self.before: Callable[[Outgoing], Any] | None = None

    async def send(self, message: Outgoing) -> Sent:
        if self.before is not None:
            await self.before(message)
        if self.failure is not None:
            raise self.failure
        self.given.append(message)
        return Sent(provider_id=f"{self.channel}-{message.key}")


def open_policy(*limits: ContactLimit, night: bool = False) -> ContactPolicy:
    """By day and night, unless ``night`` keeps mails, messages and calls to 9:00 to 20:00."""
    hours = {"from": "09:00", "until": "20:00"} if night else {"from": "00:00", "until": "24:00"}
    return ContactPolicy.model_validate(
        {
            "limits": list(limits) or [ContactLimit(name="any", count=3, days=30)],
            "times": [{"channels": ["PHONE", "SMS", "EMAIL"], "public_holidays": True, **hours}],
            "cool_off": {},
            "suppression": {},
        }
    )


class Bureau:
    """Everything that sends messages, over a bank with some people, with a clock that a test may move."""

    def __init__(
        self,
        database: Database,
        *channels: DeliveryChannel,
        policy: ContactPolicy | None = None,
        now: dt.datetime | None = None,
        attempts: int = 3,
        templates: Path | None = None,
        kept_out: bool = False,
    ) -> None:
        self.database = database
        self.policy = policy or open_policy()
        self.time = now
        clock = None if now is None else (lambda: self.time or dt.datetime.now(dt.UTC))
        self.desk = ContactDesk(database, lambda: self.policy, clock=clock)
        self.unsubscriber = Unsubscriber(database, SECRET, "https://bank.example")
        self.parts = DeliveryParts.made(
            database,
            channels,
            Templates.load(folder("seed") / "templates", templates),
            self.unsubscriber,
            desk=self.desk,
            policy=lambda: self.policy,
            kept_out=(lambda _party: True) if kept_out else None,
            attempts=attempts,
            hold=DAY,
        )
        self.parts.sending._clock = clock
        self.worker = Worker(database, self.parts.topics(), outside=self.parts.outside())

    async def people(self, *names: str, phones: dict[str, str] | None = None) -> Bureau:
        await self.database.execute(BANK, {"people": names, "phones": phones or {"anna": PHONE[6:]}})
        return self

    async def tell(self, party: str | None = "anna", **more: Any) -> str:
        """Queue a message: an acknowledgement, unless the test says otherwise."""
        given: dict[str, Any] = {
            "key": f"k{len(more)}:{party}:{dt.datetime.now(dt.UTC).timestamp()}",
            "template": "request_acknowledged",
            "party_id": party,
            "variables": {"number": "R-1"},
            **more,
        }
        return await self.database.write(lambda tx: queue(tx, Message(**given)))

    async def promote(self, party: str = "anna", **more: Any) -> str:
        """Queue a promotional mail."""
        given = {
            "template": "offer_mail",
            "channel": Channel.EMAIL,
            "action_class": ActionClass.PROMOTIONAL,
            "purpose": ContactPurpose.MARKETING,
            "variables": {"product": "Small loan"},
            **more,
        }
        return await self.tell(party, **given)

    async def offer(
        self, name: str = "o1", *, party: str = "anna", channel: str = "EMAIL", channels: tuple[str, ...] = ("EMAIL",)
    ) -> str:
        """An offer that got its slot from a decision, told to the outbox; answers with the slot."""
        now = self.time or dt.datetime.now(dt.UTC)
        await self.database.execute(
            OFFER, {"party": party, "id": name, "channels": list(channels), "now": now - MINUTE}
        )
        point = f"EMAIL:{party}@example.com" if channel == "EMAIL" else PHONE if channel in ("SMS", "PHONE") else None
        slot = Slot(
            party_id=party,
            channel=channel,
            at=now,
            until=now + DAY,
            product="SMALL_LOAN",
            point=point,
            offer_id=name,
        )

        async def work(tx: Tx) -> str:
            held = await self.desk.hold(tx, [slot], now=now)
            await tell_reserved(tx, [slot], held)
            return held[0]

        return await self.database.write(work)

    async def work(self) -> int:
        """Handle what is due; how many entries."""
        return await self.worker.drain()

    async def wake(self) -> None:
        """Let everything that waits for its time be due."""
        await self.database.execute(
            "WITH datetime.realtime() AS now MATCH (e:OutboxEntry {state: 'PENDING'})"
            " SET e.at = now, e.availableAt = now"
        )
        await self.database.execute("MATCH (d:Delivery {state: 'QUEUED'}) REMOVE d.notBefore")

    async def one(self, identifier: str) -> dict[str, Any]:
        (row,) = await self.database.read("MATCH (d:Delivery {id: $id}) RETURN properties(d) AS d", {"id": identifier})
        return dict(row["d"])

    async def all(self) -> list[dict[str, Any]]:
        rows = await self.database.read("MATCH (d:Delivery) RETURN properties(d) AS d ORDER BY d.createdAt, d.id")
        return [dict(row["d"]) for row in rows]

    async def row(self, text: str, **parameters: Any) -> Row:
        (row,) = await self.database.read(text, parameters)
        return row
