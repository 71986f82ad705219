"""Which channel carries which kind of message, and how fast each may be used by this process."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator, Mapping
from types import MappingProxyType
from typing import Final

from graph_crm.contacts.kinds import Channel
from graph_crm.rules.delivery import DeliveryChannel

WHAT_TO_SET: Final[Mapping[str, str]] = MappingProxyType(
    {
        Channel.EMAIL.value: "Set GRAPH_CRM_SMTP_HOST and GRAPH_CRM_SMTP_FROM.",
        Channel.SMS.value: "Set the SMS gateway as docs/channels.md says.",
        Channel.PUSH.value: "Set the push gateway as docs/channels.md says.",
        Channel.LETTER.value: "Set where letters are put as docs/channels.md says.",
    }
)
"""What an administrator does about a channel that is not set up."""


class Pace:
    """How fast one channel may be used: so many messages a second, so many at a time."""

    def __init__(self, per_second: float | None, at_once: int) -> None:
        self._gap = 0.0 if per_second is None else 1.0 / per_second
        self._next = 0.0
        self.places = asyncio.Semaphore(at_once)

    def ahead(self, now: float) -> float:
        """Seconds until the channel may be used once more."""
        return max(self._next - now, 0.0)

    def take(self, now: float) -> float:
        """Take the next turn; in so many seconds it comes."""
        turn = max(self._next, now)
        self._next = turn + self._gap
        return turn - now


class Channels:
    """The channels that are set up, by the word that they carry. The first one of a word is used."""

    def __init__(self, channels: Iterable[DeliveryChannel] = ()) -> None:
        self._by_word: dict[str, DeliveryChannel] = {}
        self._paces: dict[str, Pace] = {}
        for one in channels:
            if one.mode == "PUSH":
                self._by_word.setdefault(str(one.channel), one)

    def __contains__(self, word: object) -> bool:
        return word in self._by_word

    def __iter__(self) -> Iterator[str]:
        return iter(self._by_word)

    @property
    def all(self) -> list[DeliveryChannel]:
        """Every channel that is used."""
        return list(self._by_word.values())

    def get(self, word: str) -> DeliveryChannel | None:
        """The channel that carries ``word``; None: none is set up."""
        return self._by_word.get(word)

    def pace(self, word: str) -> Pace:
        """How fast the channel may be used."""
        limits = self._by_word[word].limits
        return self._paces.setdefault(word, Pace(limits.per_second, limits.at_once))

    async def close(self) -> None:
        """Close every channel, at the end of the process."""
        for one in self.all:
            await one.close()


def what_to_set(word: str) -> str:
    """What to do about a channel that is not set up."""
    return WHAT_TO_SET.get(word, f"Add a plugin that carries {word}; docs/delivery.md shows one.")
