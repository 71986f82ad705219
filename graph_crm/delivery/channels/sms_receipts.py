"""What the SMS gateway tells of messages that it took: signed, in time, and each told once.

A receipt may overtake the answer that names its message. So it is taken in first, and found its message by the worker.
"""

from __future__ import annotations

import hmac
import logging
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any, Final

import orjson

from graph_crm.clock import CLOCK
from graph_crm.delivery.channels.webhook import sign
from graph_crm.delivery.receipts import DeliveryReceipts
from graph_crm.errors import CallbackRefused, InvalidInput
from graph_crm.graph import outbox
from graph_crm.graph.database import Database, Transaction
from graph_crm.graph.idempotency import claim, remember
from graph_crm.graph.outbox import OutboxEntry
from graph_crm.rules.delivery import LONGEST_DIAGNOSTIC, Fate

TOPIC: Final = "sms.receipt"
"""The topic of the outbox for receipts; the payload is ``{messageId, fate, diagnostic}``."""
WINDOW_SECONDS: Final = 300
"""So far a callback's time may be from now."""
MOST: Final = 1000
"""Receipts in one callback."""
_LOOKS: Final = 4
"""So often a receipt looks for its message; then it names none of ours."""
_SCOPE: Final = "callback:sms"

FATES: Final[Mapping[str, str]] = MappingProxyType(
    {
        "accepted": "SENT",
        "sent": "SENT",
        "delivered": "DELIVERED",
        "undeliverable": "BOUNCED",
        "rejected": "FAILED",
        "failed": "FAILED",
        "expired": "FAILED",
    }
)
"""What a gateway says, and what it means: BOUNCED marks the number; what FAILED goes another way, the number stays."""

_logger = logging.getLogger(__name__)


class _NotFoundYet(Exception):
    """The message that a receipt names is not there yet: it is looked for again."""


class SmsReceipts:
    """Takes in callbacks, and settles the receipts in them. ``clock``: seconds since 1970."""

    def __init__(
        self,
        database: Database,
        secret: str | None,
        receipts: DeliveryReceipts,
        *,
        clock: Callable[[], float] = CLOCK.seconds,
    ) -> None:
        self._database = database
        self._secret = secret
        self._receipts = receipts
        self._clock = clock

    async def take(self, body: bytes, *, timestamp: str, signature: str) -> int:
        """Keep the receipts of one callback; how many are new. None is lost once this returns.

        The same callback again is nothing new. Raises: CallbackRefused where it is not signed with the secret, or not
        of now; InvalidInput for a body that can't be read: it is refused as a whole, with the place.
        """
        self._require_signed(body, timestamp, signature)
        told = _told(body)

        async def work(tx: Transaction) -> int:
            if await claim(tx, _SCOPE, signature, signature) is not None:
                return 0
            for index, one in enumerate(told):
                key = f"{TOPIC}:{signature}:{index}"
                await outbox.put(tx, TOPIC, f"sms:{one['messageId']}", one, key)
            await remember(tx, _SCOPE, signature, len(told))
            return len(told)

        return await self._database.write(work, idempotent=True)

    def _require_signed(self, body: bytes, timestamp: str, signature: str) -> None:
        if self._secret is None:
            raise CallbackRefused(
                "No callbacks are expected", hint="Set GRAPH_CRM_SMS_CALLBACK_SECRET to the secret of your gateway."
            )
        # compare_digest takes no text beyond ASCII.
        expected = sign(self._secret, timestamp, body).encode()
        if not hmac.compare_digest(expected, signature.encode("utf-8", "replace")):
            raise CallbackRefused("The signature does not fit", hint="Sign timestamp.body with the shared secret.")
        if not timestamp.isdigit() or abs(self._clock() - int(timestamp)) > WINDOW_SECONDS:
            raise CallbackRefused(
                "The callback is not of now", hint="Send X-Timestamp as the seconds since 1970, and set the clock."
            )

    async def settle(self, entry: OutboxEntry) -> None:
        """Tell the delivery what became of its message (an outside handler of topic `TOPIC`); safe to be repeated."""
        message, fate = str(entry.payload["messageId"]), str(entry.payload["fate"])
        diagnostic = entry.payload.get("diagnostic")
        known = await self._receipts.record("SMS", message, Fate(fate), None if diagnostic is None else str(diagnostic))
        if known or fate == Fate.SENT:
            return
        if entry.attempts < _LOOKS:
            raise _NotFoundYet(message)
        _logger.warning("a receipt of the SMS gateway names no message that was sent from here")


def _told(body: bytes) -> Sequence[Mapping[str, Any]]:
    """The receipts in a body: an object ``{id, status, diagnostic}``, or a list of such. Raises InvalidInput."""
    try:
        sent = orjson.loads(body)
    except orjson.JSONDecodeError:
        raise InvalidInput("The body is not JSON.", hint='Send {"id": "...", "status": "delivered"}.') from None
    rows = sent if isinstance(sent, list) else [sent]
    if not 0 < len(rows) <= MOST:
        raise InvalidInput(f"A callback holds 1 to {MOST} receipts.", hint="Send several callbacks.", limit=MOST)
    return [_one(index, row) for index, row in enumerate(rows)]


def _one(index: int, row: Any) -> Mapping[str, Any]:
    fields = row if isinstance(row, dict) else {}
    message, status, why = fields.get("id"), fields.get("status"), fields.get("diagnostic")
    if not isinstance(message, str) or not 0 < len(message) <= 200:  # noqa: PLR2004 - as long as what is kept of it
        raise InvalidInput(f"[{index}].id: is no name of a message", hint="Send the id that the gateway gave.")
    if not isinstance(status, str) or status.lower() not in FATES:
        raise InvalidInput(f"[{index}].status: is not known", hint=f"Send one of: {', '.join(FATES)}.")
    told = str(why)[:LONGEST_DIAGNOSTIC] if why is not None else None
    return {"messageId": message, "fate": FATES[status.lower()], "diagnostic": told}
