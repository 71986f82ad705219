"""Documents that go with a message: an answer of an employee, with what was put into it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Final

from graph_crm.requests.attachments.service import AttachmentService
from graph_crm.rules.delivery import Enclosed
from graph_crm.security.roles import Caller, Role

SENDER: Final = Caller("delivery", Role.SERVICE)
"""Who opens them: what staff may open may leave the bank, for an employee put it into the message."""


def enclosing(service: AttachmentService) -> Callable[[Sequence[str]], Awaitable[list[Enclosed]]]:
    """What reads the documents of a message, in their order. Raises NotFound, Forbidden, StorageUnavailable."""

    async def read(ids: Sequence[str]) -> list[Enclosed]:
        opened = [await service.open(one, SENDER) for one in ids]
        return [Enclosed(one.name, one.media_type, one.content) for one in opened]

    return read
