"""The Message-ID of a mail is made of what it is about: an answer or a bounce names it, and so leads back to it."""

from __future__ import annotations

import re
from typing import Final

_DELIVERY: Final = re.compile(r"delivery\.([A-Za-z0-9-]+)@")


def message_id(delivery_id: str, domain: str) -> str:
    """The Message-ID of a delivery, without brackets: the same at every attempt."""
    return f"{re.sub(r'[^A-Za-z0-9.-]', '.', delivery_id)}@{domain}"


def thread_id(thread: str, domain: str) -> str:
    """What all mails of a thread refer to, without brackets: an answer to any of them names it."""
    return f"thread.{re.sub(r'[^A-Za-z0-9.-]', '.', thread)}@{domain}"


def delivery_of(message: str) -> str | None:
    """The id of the delivery that a Message-ID without brackets was made of; None for one that is not ours."""
    found = _DELIVERY.match(message)
    return None if found is None else f"delivery:{found[1]}"
