"""A wall clock that jumps: Python reads this file at its start where its folder is on PYTHONPATH.

The file that JUMPING_CLOCK names holds the seconds (a float of 8 bytes) by which the clock is off now. The monotonic
clock stays as it is, as it does when somebody sets the clock of a computer.
"""

from __future__ import annotations

import datetime as dt
import mmap
import os
import struct
import time
from pathlib import Path
from typing import Any

import neo4j as _neo4j  # noqa: F401 - it finds out how to send a value by its exact type: it keeps the true ones

_true_time, _true_datetime, _true_date = time.time, dt.datetime, dt.date
with Path(os.environ["JUMPING_CLOCK"]).open("rb") as _file:
    _off = mmap.mmap(_file.fileno(), 8, access=mmap.ACCESS_READ)


def _time() -> float:
    return _true_time() + float(struct.unpack("d", _off[:8])[0])


class _AnyOf(type):
    """Every datetime is one of ours, and every one that is made is a plain one."""

    def __instancecheck__(cls, value: object) -> bool:
        return isinstance(value, cls.__mro__[1])

    def __subclasscheck__(cls, kind: type) -> bool:
        return issubclass(kind, cls.__mro__[1])


class _DateTime(_true_datetime, metaclass=_AnyOf):
    def __new__(cls, *given: Any, **named: Any) -> Any:
        return _true_datetime(*given, **named)

    @classmethod
    def now(cls, tz: dt.tzinfo | None = None) -> Any:
        return _true_datetime.fromtimestamp(_time(), tz)

    @classmethod
    def utcnow(cls) -> Any:
        return _true_datetime.fromtimestamp(_time(), dt.UTC).replace(tzinfo=None)

    @classmethod
    def today(cls) -> Any:
        return cls.now()


class _Date(_true_date, metaclass=_AnyOf):
    def __new__(cls, *given: Any, **named: Any) -> Any:
        return _true_date(*given, **named)

    @classmethod
    def today(cls) -> Any:
        return _DateTime.now().date()


time.time = _time
time.time_ns = lambda: int(_time() * 1e9)
dt.datetime = _DateTime  # type: ignore[misc]
dt.date = _Date  # type: ignore[misc]
