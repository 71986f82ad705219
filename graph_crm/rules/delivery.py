"""What a plugin that carries messages imports: the channel, what it is given, what it answers, how it fails.

    from graph_crm.rules.delivery import Bounced, Capability, DeliveryChannel, Outgoing, Sent, TryLater

A plugin answers the hook ``delivery_channels`` with its channels; `docs/delivery.md` shows one.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Literal

LONGEST_DIAGNOSTIC = 500
"""Characters of what a channel said that are kept with the message."""


class ChannelError(Exception):
    """Base of what a channel may answer instead of `Sent`. ``diagnostic`` is kept, without the message's content.

    Any other exception counts as `TryLater` without a time: whether the message went is not known.
    """

    def __init__(self, diagnostic: str) -> None:
        super().__init__(diagnostic)
        self.diagnostic = diagnostic[:LONGEST_DIAGNOSTIC]


class Bounced(ChannelError):
    """The address does not exist, or takes nothing: it is marked, and not used any more for anybody."""


class Refused(ChannelError):
    """The far side took not this message, and never will; nothing is wrong with the address.

    The message goes on to the next channel that is allowed, or fails.
    """


class TryLater(ChannelError):
    """The message surely did not go, and may go later: the far side is down, busy, or asks for a pause.

    ``seconds`` is the pause that it asks for; None: the platform's own, which doubles with each attempt.
    """

    def __init__(self, diagnostic: str, seconds: float | None = None) -> None:
        super().__init__(diagnostic)
        self.seconds = seconds


@dataclass(frozen=True, kw_only=True, slots=True)
class Capability:
    """What a channel can carry. What it can't is left out of the message: the text alone is always carried."""

    subject: bool = False
    html: bool = False
    attachments: bool = False
    longest: int | None = None
    """Characters of the text; a longer one is refused before it is sent, never cut. None: no limit."""
    idempotent: bool = False
    """Whether a repeat with the same ``key`` reaches the customer once.

    Where it does not, a promotional message whose sender died in the middle is not sent again.
    """


@dataclass(frozen=True, kw_only=True, slots=True)
class ChannelLimits:
    """How fast a channel may be used by one process."""

    per_second: float | None = None
    """Messages a second; None: as fast as it takes them."""
    at_once: int = 8
    """Messages that are being handed over at the same time."""
    seconds: float = 20.0
    """How long one hand-over may take; then it is given up, and whether the message went is not known."""


@dataclass(frozen=True, slots=True)
class Enclosed:
    """A file that goes with a message."""

    name: str
    media_type: str
    content: bytes = field(repr=False)


@dataclass(frozen=True, kw_only=True, slots=True)
class Outgoing:
    """One message for one recipient, rendered."""

    id: str
    """Identifier of the delivery."""
    key: str
    """The same at every attempt, and of no other message: the far side drops repeats by it."""
    channel: str
    to: str
    """Where it goes: an e-mail address, a phone in E.164, a device; for a letter the party's id."""
    text: str = field(repr=False)
    subject: str | None = field(default=None, repr=False)
    html: str | None = field(default=None, repr=False)
    language: str = "en"
    party_id: str | None = None
    """The customer; None for somebody who is none."""
    recipient: str | None = field(default=None, repr=False)
    """The name of the recipient, as people write it."""
    address: tuple[str, ...] = field(default=(), repr=False)
    """The lines of the postal address, for a letter; empty where none is known."""
    template: str = ""
    promotional: bool = False
    unsubscribe: str | None = field(default=None, repr=False)
    """Address of the page that withdraws the consent; promotional messages always have it."""
    thread: str | None = None
    """What the message is about, for example the number of a request: mails of one thread stand together."""
    attachments: tuple[Enclosed, ...] = ()
    attempt: int = 1


@dataclass(frozen=True, kw_only=True, slots=True)
class Sent:
    """The far side took the message."""

    provider_id: str | None = None
    """By what the far side knows it: bounces and receipts name it."""
    delivered: bool = False
    """Whether it is known already that it arrived."""


class Fate(StrEnum):
    """What a far side says later of a message that it took."""

    SENT = "SENT"
    """On its way, or nothing is known."""
    DELIVERED = "DELIVERED"
    BOUNCED = "BOUNCED"
    """The address does not exist, or takes nothing: it is marked, and the message goes another way."""
    FAILED = "FAILED"
    """It did not arrive and will not; nothing is wrong with the address. The message goes another way."""


@dataclass(frozen=True, slots=True)
class Receipt:
    """The answer to the question what became of a message."""

    fate: Fate
    diagnostic: str | None = None


class DeliveryChannel(ABC):
    """A way on which messages leave the bank. One instance serves a process; its methods run at the same time.

    A channel holds no state that must survive: what was sent is known to the platform.
    """

    name: str
    """A name of its own, for example smtp; two channels may carry the same ``channel``, the first one is used."""
    channel: str
    """A word of `rules.snapshot.CHANNELS`: EMAIL, SMS, PUSH, LETTER."""
    mode: Literal["PUSH", "PULL"] = "PUSH"
    """PUSH: the bank sends. PULL: a screen asks; `send` is never called."""
    capability: Capability = Capability()
    limits: ChannelLimits = ChannelLimits()

    @abstractmethod
    async def send(self, message: Outgoing) -> Sent:
        """Hand the message over. It may be called again with the same ``key`` when the first answer was lost.

        Raises: Bounced, Refused, TryLater.
        """

    async def status(self, provider_id: str) -> Receipt | None:
        """What became of a message, for far sides that can be asked; None where they can't, or don't know it."""
        del provider_id
        return None

    async def close(self) -> None:
        """Give back connections when the process ends."""
        return


__all__ = [
    "LONGEST_DIAGNOSTIC",
    "Bounced",
    "Capability",
    "ChannelError",
    "ChannelLimits",
    "DeliveryChannel",
    "Enclosed",
    "Fate",
    "Outgoing",
    "Receipt",
    "Refused",
    "Sent",
    "TryLater",
]
