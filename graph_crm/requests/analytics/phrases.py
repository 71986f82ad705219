"""What people ask in their own words: the phrases that many requests have in common. Pure functions.

What only one customer says, however often, is told to nobody: those who read counts do not read words.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from graph_crm.parties.names import name_key
from graph_crm.requests.knowledge.words import SHORTEST_STEM, STOP_WORDS

LONGEST = 3
"""Words of a phrase at most; two at least."""
ROOM = 100_000
"""So many different phrases are kept; then those that were said once are forgotten."""
SAME = 0.8
"""A shorter phrase that is said so often only inside a longer one is not told beside it."""
_SENTENCE = re.compile(r"[.!?;:,()\n\r\t]+")
_WORD = re.compile(r"[^\W_]+(?:['\u2019][^\W_]+)*")
_Key = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Phrase:
    """Words that stand side by side in several requests, and in how many."""

    text: str
    requests: int


class Phrases:
    """Counts the phrases of one text after the other; forms of a word count as one, each text counts once."""

    def __init__(self, room: int = ROOM) -> None:
        self._room = room
        self._counts: Counter[_Key] = Counter()
        self._said: dict[_Key, str] = {}
        self._first: dict[_Key, str] = {}
        self._shared: set[_Key] = set()
        self._texts = 0

    def add(self, text: str, *, by: str | None = None) -> None:
        """Count the phrases of a text; ``by``: who says it, None for somebody else than everybody before."""
        self._texts += 1
        sayer = f"by {by}" if by else f"text {self._texts}"
        found = dict(_phrases(text))
        for key, said in found.items():
            self._counts[key] += 1
            self._said.setdefault(key, said)
            if self._first.setdefault(key, sayer) != sayer:
                self._shared.add(key)
        if len(self._counts) > self._room:
            self._forget()

    def most(self, first: int, *, at_least: int = 2) -> list[Phrase]:
        """The most frequent phrases of more than one customer, in the words in which each was said first.

        Ties stand in the order of the alphabet.
        """
        told_by_many = ((key, self._counts[key]) for key in self._shared)
        ordered = sorted(told_by_many, key=lambda one: (-one[1], -len(one[0]), one[0]))
        taken: list[tuple[_Key, int]] = []
        for key, count in ordered:
            if count < at_least or len(taken) >= first * LONGEST:
                break
            taken.append((key, count))
        told = [
            (key, count)
            for key, count in taken
            if not any(_inside(key, other) and number >= count * SAME for other, number in taken)
        ]
        return [Phrase(self._said[key], count) for key, count in told[:first]]

    def _forget(self) -> None:
        kept = {key: count for key, count in self._counts.items() if count > 1}
        self._counts = Counter(kept)
        self._said = {key: self._said[key] for key in kept}
        self._first = {key: self._first[key] for key in kept}
        self._shared &= kept.keys()


def _phrases(text: str) -> Iterator[tuple[_Key, str]]:
    for sentence in _SENTENCE.split(text):
        words = [word.casefold() for word in _WORD.findall(sentence)]
        keys = [name_key(word) for word in words]
        for begin in range(len(words)):
            if not _tells(keys[begin]):
                continue
            for end in range(begin + 2, min(begin + LONGEST, len(words)) + 1):
                if _tells(keys[end - 1]):
                    yield tuple(_stem(key) for key in keys[begin:end]), " ".join(words[begin:end])


def _tells(key: str) -> bool:
    """Whether a word may begin or end a phrase."""
    return len(key) > 1 and key not in STOP_WORDS and not key.isdigit()


def _stem(key: str) -> str:
    return key[: max(SHORTEST_STEM, len(key) * 2 // 3)]


def _inside(part: Sequence[str], whole: Sequence[str]) -> bool:
    size = len(part)
    return size < len(whole) and any(
        tuple(whole[place : place + size]) == tuple(part) for place in range(len(whole) - size + 1)
    )
