"""Letters: a PDF for each, put where the print shop takes them. The same letter has the same name at every attempt."""

from __future__ import annotations

import asyncio
import datetime as dt
import hashlib
import re
from collections.abc import Callable
from typing import Final

import fsspec

from graph_crm.parties.checks import utc_now
from graph_crm.rules.delivery import Capability, ChannelLimits, DeliveryChannel, Outgoing, Refused, Sent
from graph_crm.settings import Settings

_SAFE: Final = re.compile(r"[^A-Za-z0-9._-]+")


class LetterChannel(DeliveryChannel):
    """Writes letters into a folder, or to whatever address fsspec knows (``s3://...``, ``sftp://...``)."""

    name = "letter-pdf"
    channel = "LETTER"
    capability = Capability(subject=True, idempotent=True)
    limits = ChannelLimits(at_once=2, seconds=60.0)

    def __init__(self, place: str, *, sender: str = "", today: Callable[[], dt.date] | None = None) -> None:
        self._place = place.rstrip("/")
        self._sender = sender
        self._today = today or (lambda: utc_now().date())

    async def send(self, message: Outgoing) -> Sent:
        """Write one letter; its name is what the print shop knows it by. Raises Refused without a postal address."""
        if not message.address:
            raise Refused("The customer has no postal address")
        from graph_crm.delivery.channels.letter_page import letter  # noqa: PLC0415 - takes a second; few banks print

        name = letter_name(message)
        content = await asyncio.to_thread(letter, message, sender=self._sender, day=self._today())
        await asyncio.to_thread(self._write, name, content)
        return Sent(provider_id=name)

    def _write(self, name: str, content: bytes) -> None:
        """Write the whole letter or nothing: who looks into the folder finds no half one."""
        files, root = fsspec.core.url_to_fs(self._place)
        files.makedirs(root, exist_ok=True)
        half = f"{root}/.{name}.part"
        files.pipe_file(half, content)
        files.mv(half, f"{root}/{name}")


def letter_name(message: Outgoing) -> str:
    """The name of a letter's file: readable, and of no other letter."""
    digest = hashlib.sha256(message.key.encode()).hexdigest()[:12]
    return f"{_SAFE.sub('-', message.id)[:80]}-{digest}.pdf"


def letter_channel(settings: Settings) -> LetterChannel | None:
    """The letters of these settings; None where no place is set."""
    return None if settings.letters is None else LetterChannel(settings.letters, sender=settings.letter_sender)
