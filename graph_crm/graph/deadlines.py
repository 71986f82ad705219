"""Until when what runs now has to be done: Neo4j ends a statement when the request's time is over."""

from __future__ import annotations

import contextvars
import time
from collections.abc import Iterator
from contextlib import contextmanager

SHORTEST = 0.01
"""Seconds; never zero, which Neo4j reads as no limit."""
_until: contextvars.ContextVar[float | None] = contextvars.ContextVar("until", default=None)


@contextmanager
def within(seconds: float) -> Iterator[None]:
    """What is asked of the database inside the block gets no more than what is left of ``seconds``.

    A block inside another one can shorten the time, not lengthen it.
    """
    until = time.monotonic() + seconds
    outer = _until.get()
    token = _until.set(until if outer is None else min(until, outer))
    try:
        yield
    finally:
        _until.reset(token)


def left(seconds: float) -> float:
    """The seconds that something may take which by itself may take ``seconds``."""
    until = _until.get()
    return seconds if until is None else max(min(seconds, until - time.monotonic()), SHORTEST)
