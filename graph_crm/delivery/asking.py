"""Asking far sides what became of messages, where they can be asked and tell nothing by themselves."""

from __future__ import annotations

import logging
from typing import Final

from graph_crm.delivery import cypher
from graph_crm.delivery.channels.book import Channels
from graph_crm.delivery.receipts import DeliveryReceipts
from graph_crm.graph.database import Database
from graph_crm.rules.delivery import DeliveryChannel, Fate

ASK_EVERY: Final = 60.0
"""Seconds between two rounds."""
FOR_DAYS: Final = 3
"""A message is asked after for so long."""
PAUSE_MINUTES: Final = 10
"""Between two questions about the same message."""
BATCH: Final = 200

_logger = logging.getLogger(__name__)


class StatusAsking:
    """Asks every channel that answers about its messages."""

    def __init__(self, database: Database, channels: Channels, receipts: DeliveryReceipts) -> None:
        self._database = database
        self._channels = channels
        self._receipts = receipts

    async def ask(self) -> int:
        """Ask about messages that were sent and of which nothing is known; of how many something was told."""
        words = [str(one.channel) for one in self._channels.all if _answers(one)]
        if not words:
            return 0
        asked = {"channels": words, "days": FOR_DAYS, "minutes": PAUSE_MINUTES, "most": BATCH}
        rows = await self._database.write(lambda tx: tx.run(cypher.ASKED_AGAIN, asked), idempotent=True)
        told = 0
        for row in rows:
            channel = self._channels.get(row["channel"])
            if channel is None:
                continue
            try:
                receipt = await channel.status(row["provider"])
            except Exception as error:  # a far side that is down, or a plugin's fault: the next round asks again
                _logger.warning("channel %s can't say what became of a message", channel.name, exc_info=error)
                continue
            if receipt is not None and receipt.fate is not Fate.SENT:
                told += await self._receipts.record(row["channel"], row["provider"], receipt.fate, receipt.diagnostic)
        return told


def _answers(channel: DeliveryChannel) -> bool:
    return type(channel).status is not DeliveryChannel.status
