"""What comes back after a message was sent: receipts of gateways, and bounces that arrive late."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any, Final

from graph_crm.delivery import cypher
from graph_crm.delivery.kinds import DeliveryState
from graph_crm.delivery.moving_on import BOUNCED, MovingOn
from graph_crm.graph import outbox
from graph_crm.graph.database import Database, Transaction
from graph_crm.graph.outbox import OutboxEntry
from graph_crm.rules.delivery import LONGEST_DIAGNOSTIC, Fate

CAME_BACK: Final = "delivery.bounced"
"""The topic of the outbox for bounces that arrive late: ``{deliveryId or messageId, permanent, diagnostic}``."""

_logger = logging.getLogger(__name__)


async def tell_bounced(
    tx: Transaction,
    *,
    delivery_id: str | None = None,
    message_id: str | None = None,
    channel: str | None = None,
    permanent: bool,
    diagnostic: str,
    key: str,
) -> None:
    """Put a bounce into the outbox, by the delivery or by what the far side calls it; ``key`` makes repeats one."""
    payload = {
        "deliveryId": delivery_id,
        "messageId": message_id,
        "channel": channel,
        "permanent": permanent,
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

        Told again, it changes nothing. A bounce marks the contact point and goes the next way.
        """
        rows = await self._database.read(cypher.BY_MESSAGE, {"message": provider_id, "channel": channel})
        if not rows:
            return False
        identifier = rows[0]["id"]

        async def work(tx: Transaction) -> None:
            if fate is Fate.DELIVERED:
                await tx.run(cypher.DELIVERED, {"id": identifier, "message": provider_id})
            elif fate is Fate.BOUNCED:
                told = diagnostic or "the channel says that it can't arrive"
                await tell_bounced(tx, delivery_id=identifier, permanent=True, diagnostic=told, key=identifier)

        await self._database.write(work, idempotent=True)
        return True

    async def came_back(self, tx: Transaction, entry: OutboxEntry) -> None:
        """Settle the bounce that ``entry`` names (topic `delivery.bounced`).

        A permanent one makes the message BOUNCED, marks its contact point and tries the next way; any other is noted.
        One that names no message of ours is left alone.
        """
        identifier = await self._named(tx, entry.payload)
        if identifier is None:
            _logger.info("a bounce names no message that was sent from here")
            return
        diagnostic = str(entry.payload.get("diagnostic") or "no reason was told")[:LONGEST_DIAGNOSTIC]
        if entry.payload.get("permanent") is not True:
            await tx.run(cypher.NOTED, {"id": identifier, "diagnostic": diagnostic})
            return
        await self._moving_on.failed(tx, identifier, DeliveryState.BOUNCED, BOUNCED, diagnostic, now=None, late=True)

    @staticmethod
    async def _named(tx: Transaction, payload: Mapping[str, Any]) -> str | None:
        identifier, message = payload.get("deliveryId"), payload.get("messageId")
        if isinstance(identifier, str):
            rows = await tx.run(cypher.WHOSE, {"id": identifier})
            return identifier if rows else None
        if not isinstance(message, str):
            return None
        asked = {"message": message.strip().strip("<>"), "channel": payload.get("channel")}
        rows = await tx.run(cypher.BY_MESSAGE, asked)
        return rows[0]["id"] if rows else None
