"""What comes back after a message was sent: receipts of gateways, and bounces that arrive late."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final

from graph_crm.delivery import cypher
from graph_crm.delivery.kinds import DeliveryState
from graph_crm.delivery.message_ids import delivery_of
from graph_crm.delivery.moving_on import BOUNCED, MovingOn
from graph_crm.graph import outbox
from graph_crm.graph.database import Database, Row, Transaction
from graph_crm.graph.outbox import OutboxEntry
from graph_crm.rules.delivery import LONGEST_DIAGNOSTIC, Fate

CAME_BACK: Final = "delivery.bounced"
"""The topic of the outbox for bounces that arrive late: ``{deliveryId or messageId, permanent, failed, diagnostic}``.

``permanent``: the address is wrong for good. ``failed``: this message did not arrive and will not.
"""
NOT_DELIVERED: Final = "NOT_DELIVERED"
"""Why a message failed that its channel had taken: nothing is wrong with the address."""
_LOOKS: Final = 4
"""So often a bounce looks for its message, which it may have overtaken; then it names none of ours."""

_CAME_BACK: Final[Mapping[Fate, str]] = MappingProxyType(
    {Fate.BOUNCED: "the channel says that it can't arrive", Fate.FAILED: "the channel gave it up"}
)
"""What is said of a message that came back, where its channel says nothing."""

_logger = logging.getLogger(__name__)


class _NotSentYet(Exception):
    """The message that a bounce names is not there, or not known to be sent yet: it is looked for again."""


async def tell_bounced(
    tx: Transaction,
    *,
    delivery_id: str | None = None,
    message_id: str | None = None,
    channel: str | None = None,
    permanent: bool,
    failed: bool = False,
    diagnostic: str,
    key: str,
) -> None:
    """Put a bounce into the outbox, by the delivery or by what the far side calls it; ``key`` makes repeats one."""
    payload = {
        "deliveryId": delivery_id,
        "messageId": message_id,
        "channel": channel,
        "permanent": permanent,
        "failed": failed,
        "diagnostic": diagnostic[:LONGEST_DIAGNOSTIC],
    }
    named = delivery_id or message_id or key
    await outbox.put(tx, CAME_BACK, f"bounce:{named}", payload, f"{CAME_BACK}:{key}")


class DeliveryReceipts:
    """Takes what far sides tell of messages that they took."""

    def __init__(self, database: Database, moving_on: MovingOn) -> None:
        self._database = database
        self._moving_on = moving_on

    async def record(self, channel: str, provider_id: str, fate: Fate, diagnostic: str | None = None) -> bool:
        """What the far side of ``channel`` tells of a message; whether there is one that it names so.

        Told again, it changes nothing. What did not arrive goes the next way; a bounce marks the contact point, too.
        """
        rows = await self._database.read(cypher.BY_MESSAGE, {"message": provider_id, "channel": channel})
        if not rows:
            return False
        identifier = rows[0]["id"]

        async def work(tx: Transaction) -> None:
            if fate is Fate.DELIVERED:
                await tx.run(cypher.DELIVERED, {"id": identifier, "message": provider_id})
            elif fate in _CAME_BACK:
                told = diagnostic or _CAME_BACK[fate]
                bounced = fate is Fate.BOUNCED
                key = identifier if bounced else f"{identifier}:failed"
                await tell_bounced(tx, delivery_id=identifier, permanent=bounced, failed=True, diagnostic=told, key=key)

        await self._database.write(work, idempotent=True)
        return True

    async def came_back(self, tx: Transaction, entry: OutboxEntry) -> None:
        """Settle the bounce that ``entry`` names (topic `delivery.bounced`).

        A permanent one makes the message BOUNCED, marks its contact point and tries the next way; one that says that it
        failed makes it FAILED and tries the next way, and the contact point stays; any other is noted. One that
        overtook its message waits for it; one that names no message of ours is left alone.
        """
        found = await self._named(tx, entry.payload)
        if (found is None or found["state"] == DeliveryState.SENDING) and entry.attempts < _LOOKS:
            raise _NotSentYet(entry.id)
        if found is None:
            _logger.info("a bounce names no message that was sent from here")
            return
        identifier: str = found["id"]
        diagnostic = str(entry.payload.get("diagnostic") or "no reason was told")[:LONGEST_DIAGNOSTIC]
        state, reason = DeliveryState.BOUNCED, BOUNCED
        if entry.payload.get("permanent") is not True:
            if entry.payload.get("failed") is not True:
                await tx.run(cypher.NOTED, {"id": identifier, "diagnostic": diagnostic})
                return
            state, reason = DeliveryState.FAILED, NOT_DELIVERED
        await self._moving_on.failed(tx, identifier, state, reason, diagnostic, now=None, late=True)

    @staticmethod
    async def _named(tx: Transaction, payload: Mapping[str, Any]) -> Row | None:
        """The message that a bounce names: by its id, by what the far side calls it, or by its Message-ID."""
        identifier, message = payload.get("deliveryId"), payload.get("messageId")
        if isinstance(message, str) and not isinstance(identifier, str):
            named = message.strip().strip("<>")
            rows = await tx.run(cypher.BY_MESSAGE, {"message": named, "channel": payload.get("channel")})
            if rows:
                return rows[0]
            identifier = delivery_of(named)
        if not isinstance(identifier, str):
            return None
        rows = await tx.run(cypher.WHOSE, {"id": identifier})
        return rows[0] if rows else None
