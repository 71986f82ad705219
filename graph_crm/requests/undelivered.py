"""What was said about a request and reached nobody is noted in it, where those who answer for it see it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Final

from graph_crm.graph.outbox import OutboxEntry
from graph_crm.requests.service import RequestService

BY: Final = "delivery"
"""Who writes the note."""


def noting(service: RequestService) -> Callable[[OutboxEntry], Awaitable[None]]:
    """An outside handler of `graph_crm.delivery.moving_on.UNDELIVERED`; safe to be repeated."""

    async def note(entry: OutboxEntry) -> None:
        told = entry.payload
        text = f"A message ({told['template']}) reached nobody and has no other way: {told['reason']}."
        await service.note(str(told["number"]), f"{text} It is {told['deliveryId']}.", by=BY, key=entry.id)

    return note
