"""Documents that go with a message: an answer of an employee, with what was put into it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Final

from graph_crm.errors import Forbidden
from graph_crm.requests.attachments.kinds import AttachmentState
from graph_crm.requests.attachments.service import AttachmentRefused, AttachmentService
from graph_crm.rules.delivery import Enclosed
from graph_crm.security.roles import Caller, Role

SENDER: Final = Caller("delivery", Role.SERVICE)
"""Who opens them: what staff may open may leave the bank, for an employee put it into the message."""


def enclosing(service: AttachmentService) -> Callable[[Sequence[str]], Awaitable[list[Enclosed]]]:
    """What reads the documents of a message, in their order.

    Raises NotFound, AttachmentRefused for what a scanner refused; Forbidden while it looks, StorageUnavailable.
    """

    async def read(ids: Sequence[str]) -> list[Enclosed]:
        try:
            opened = [await service.open(one, SENDER) for one in ids]
        except Forbidden as error:
            if error.details.get("state") == AttachmentState.REFUSED:
                raise AttachmentRefused(error.message, hint=error.hint) from error
            raise
        return [Enclosed(one.name, one.media_type, one.content) for one in opened]

    return read
