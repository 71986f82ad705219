"""How long a text message is: in the GSM alphabet or in Unicode, and in how many parts it is sent (3GPP TS 23.038)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, Literal

_BASIC: Final = frozenset(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§"
    "¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
_EXTENDED: Final = frozenset("\f^{}\\[~]|€")
"""Characters that take two places, an escape and themselves."""
_ONE: Final = {"GSM-7": 160, "UCS-2": 70}
_SEVERAL: Final = {"GSM-7": 153, "UCS-2": 67}
"""Places of each part where there are several: a header tells which part it is."""


@dataclass(frozen=True, slots=True)
class SmsSize:
    """How long a message is."""

    alphabet: Literal["GSM-7", "UCS-2"]
    places: int
    """Septets of the GSM alphabet, or units of UTF-16."""
    parts: int


def sms_size(text: str) -> SmsSize:
    """The size of a text. One character outside the GSM alphabet makes all of it Unicode."""
    alphabet: Literal["GSM-7", "UCS-2"] = "GSM-7" if all(one in _BASIC or one in _EXTENDED for one in text) else "UCS-2"
    widths = [_width(one, alphabet) for one in text]
    places = sum(widths)
    parts = 1 if places <= _ONE[alphabet] else _parts(widths, _SEVERAL[alphabet])
    return SmsSize(alphabet, places, parts)


def _width(character: str, alphabet: str) -> int:
    if alphabet == "GSM-7":
        return 2 if character in _EXTENDED else 1
    return 2 if ord(character) > 0xFFFF else 1  # noqa: PLR2004 - beyond it UTF-16 needs two units


def _parts(widths: Iterable[int], room: int) -> int:
    """Parts of so many places; no character is cut in two."""
    parts, used = 1, 0
    for width in widths:
        if used + width > room:
            parts, used = parts + 1, 0
        used += width
    return parts
