"""Values as bins to count in: a grid laid down once, for every bank alike; it is not fitted to any data.

A number falls into a quarter of an octave, so that a bin is always 19 % wide: ages 45 and 50 share one, as do balances
of 45,000 and 50,000. Small whole numbers keep a bin each. A word is its own bin.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from functools import lru_cache
from typing import TypeAlias

Feature: TypeAlias = str | int | float | bool
"""What is known of a customer under one name: a word, a number, or yes and no."""

STEPS_AN_OCTAVE = 4
LONGEST_WORD = 60
"""A longer word is cut: features are words of a list, not texts."""


@lru_cache(maxsize=65_536, typed=True)
def bin_of(value: Feature) -> str | None:
    """The name of the bin of ``value``, such as ``45.3..53.8``, ``0``, ``-8..-6.73`` or ``RETAIL``.

    The lower end of a positive bin belongs to it, the upper one does not; negative bins mirror them. None for what says
    nothing: an empty word, and a number that is not finite.
    """
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, str):
        return value[:LONGEST_WORD] or None
    if not math.isfinite(value):
        return None
    if value == 0:
        return "0"
    step = math.floor(STEPS_AN_OCTAVE * math.log2(abs(value)))
    near, far = (2 ** (end / STEPS_AN_OCTAVE) for end in (step, step + 1))
    return f"{near:.3g}..{far:.3g}" if value > 0 else f"-{far:.3g}..-{near:.3g}"


def binned(features: Mapping[str, Feature]) -> dict[str, str]:
    """The bin of every feature that says something, by name."""
    found = {name: bin_of(value) for name, value in features.items()}
    return {name: one for name, one in found.items() if one is not None}
