"""Queueing a message in the transaction of its cause: what was decided to be said is never lost, nor said twice."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

import orjson

from graph_crm.contacts.kinds import ActionClass, Channel, ContactPurpose
from graph_crm.delivery import cypher
from graph_crm.delivery.kinds import DeliveryState
from graph_crm.errors import NotFound
from graph_crm.graph import outbox
from graph_crm.graph.database import Transaction
from graph_crm.parties.service import new_id

DUE = "delivery.due"
"""The topic of the outbox under which a message is sent; its payload is ``{deliveryId, partyId, alone}``."""

_NOTHING: Mapping[str, Any] = MappingProxyType({})


@dataclass(frozen=True, kw_only=True)
class Message:
    """What is to be said to whom.

    ``key`` is unique: queued again under it, a message is the same one. ``party_id`` is the customer; who is none (an
    employee, a sender of a mail whom the bank does not know) is named by the address ``to``. ``channel`` None: the
    customer's preferred one of those that are allowed. ``variables`` are what the template needs, as JSON.
    """

    key: str
    template: str
    party_id: str | None = None
    to: str | None = None
    channel: Channel | None = None
    point: str | None = None
    """The contact point to use, for example EMAIL:jan@example.com; the first that is allowed when not given."""
    action_class: ActionClass = ActionClass.TRANSACTIONAL
    purpose: ContactPurpose = ContactPurpose.SERVICE
    language: str | None = None
    """An ISO 639-1 code; the customer's own language when not given."""
    variables: Mapping[str, Any] = field(default_factory=lambda: _NOTHING)
    not_before: dt.datetime | None = None
    expires_at: dt.datetime | None = None
    """When it need not be sent any more."""
    reservation_id: str | None = None
    offer_id: str | None = None
    request_id: str | None = None
    attachments: tuple[str, ...] = ()
    """Identifiers of attachments that go with it."""


async def queue(tx: Transaction, message: Message) -> str:
    """Queue ``message`` in the caller's transaction; the id of its delivery, the same for the same key.

    Raises: NotFound for an unknown party.
    """
    return (await queue_many(tx, [message]))[0]


async def queue_many(
    tx: Transaction, messages: Sequence[Message], *, also: Sequence[outbox.NewEntry] = ()
) -> list[str]:
    """Queue several messages at once; the ids of their deliveries, in their order.

    ``also`` are other entries of the outbox, put in the same statement: who has to be quick saves a round trip.

    Raises: NotFound for an unknown party.
    """
    rows = [_row(new_id("delivery"), one) for one in messages]
    found = {row["key"]: row["id"] for row in await tx.run(cypher.QUEUE, {"rows": rows})} if rows else {}
    if any(one.key not in found for one in messages):
        raise NotFound("partyId: there is no such party", hint="Look the party up with searchParties.", field="partyId")
    stored: list[str] = [found[one.key] for one in messages]
    entries = [
        outbox.NewEntry(DUE, one, _payload(one, message), f"{DUE}:{one}", message.not_before)
        for one, row, message in zip(stored, rows, messages, strict=True)
        if one == row["properties"]["id"]
    ]
    await outbox.put_many(tx, [*entries, *also])
    return stored


def _payload(identifier: str, message: Message) -> dict[str, Any]:
    """``alone``: to begin it more than itself may have to be written, a slot above all."""
    alone = message.action_class is ActionClass.PROMOTIONAL or message.reservation_id or message.offer_id
    told: dict[str, Any] = {"deliveryId": identifier, "partyId": message.party_id}
    return told | {"alone": True} if alone else told


def _row(identifier: str, message: Message) -> dict[str, Any]:
    properties = {
        "id": identifier,
        "partyId": message.party_id,
        "to": message.to,
        "channel": None if message.channel is None else message.channel.value,
        "pointKey": message.point,
        "wantedChannel": None if message.channel is None else message.channel.value,
        "wantedPoint": message.point,
        "actionClass": message.action_class.value,
        "purpose": message.purpose.value,
        "template": message.template,
        "language": message.language,
        "variables": orjson.dumps(dict(message.variables), option=orjson.OPT_SORT_KEYS).decode(),
        "state": DeliveryState.QUEUED.value,
        "attempts": 0,
        "notBefore": message.not_before,
        "expiresAt": message.expires_at,
        "reservationId": message.reservation_id,
        "offerId": message.offer_id,
        "requestId": message.request_id,
        "attachments": list(message.attachments),
    }
    return {"key": message.key, "partyId": message.party_id, "properties": properties}
