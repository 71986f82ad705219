"""The numbers of requests: R-4F7K-2M9P. Random, so that nobody sees from outside how many there are.

Seven random characters of Crockford's base 32 and a check character over the field of 32 elements: every single wrong
character and every exchange of two characters is noticed. What people misread (O, I, L) is read as what was meant.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable

ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
"""Crockford's: without I, L, O and U."""
RANDOM = 7
"""Random characters: 2^35 numbers."""
_READ = {character: place for place, character in enumerate(ALPHABET)} | {"O": 0, "I": 1, "L": 1}
_WRITTEN = re.compile(
    r"(?<![0-9A-Za-z])[Rr]\s?[-\u2010-\u2014]?\s?([0-9A-Za-z]{4})\s?[-\u2010-\u2014]?\s?([0-9A-Za-z]{4})(?![0-9A-Za-z])"
)
_MODULUS = 0b100101
"""x^5 + x^2 + 1, primitive over two elements."""


def _powers() -> list[int]:
    found, value = [], 1
    for _ in range(31):
        found.append(value)
        value <<= 1
        if value & 0b100000:
            value ^= _MODULUS
    return found


_POWERS = _powers()
_LOGARITHMS = {value: exponent for exponent, value in enumerate(_POWERS)}


def _check(digits: list[int]) -> int:
    """The digit that makes the sum of all digits, each times its own power of x, zero."""
    check = 0
    for place, digit in enumerate(digits, start=1):
        if digit:
            check ^= _POWERS[(_LOGARITHMS[digit] + place) % 31]
    return check


def new_number(below: Callable[[int], int] = secrets.randbelow) -> str:
    """A fresh number; whether it is free only the constraint of the database can say."""
    digits = [below(32) for _ in range(RANDOM)]
    return _shown([*digits, _check(digits)])


def _shown(digits: list[int]) -> str:
    text = "".join(ALPHABET[digit] for digit in digits)
    return f"R-{text[:4]}-{text[4:]}"


def parse(text: str) -> str | None:
    """The number as it is stored, from how people write it (small letters, no hyphens, O for 0); None: it is none."""
    match = _WRITTEN.fullmatch(text.strip())
    return None if match is None else _checked(match[1] + match[2])


def find(text: str) -> list[str]:
    """All numbers in a text, for example in the subject of a mail, each once, in order."""
    found = (_checked(match[1] + match[2]) for match in _WRITTEN.finditer(text))
    return list(dict.fromkeys(number for number in found if number is not None))


def _checked(characters: str) -> str | None:
    digits = [_READ.get(character, -1) for character in characters.upper()]
    if -1 in digits or _check(digits[:RANDOM]) != digits[RANDOM]:
        return None
    return _shown(digits)
