"""When many requests come at once, customers are told first: mails to employees wait a little."""

from __future__ import annotations

import datetime as dt
import time
from collections import deque
from collections.abc import Callable

WINDOW = 5.0
"""Seconds over which requests are counted."""
MOST = 100
"""More requests of one process in that time are a rush."""
PAUSE = dt.timedelta(minutes=2)
"""So long a mail to an employee waits in a rush: who gets dozens a minute reads the queue, and not each mail."""


class Rush:
    """Counts what one process takes in. ``clock`` gives seconds, for tests."""

    def __init__(self, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lately: deque[float] = deque(maxlen=MOST + 1)

    def came(self) -> None:
        """Count a request."""
        self._lately.append(self._clock())

    def pause(self) -> dt.timedelta | None:
        """How long a mail to an employee is to wait now; None: not at all."""
        crowded = len(self._lately) > MOST and self._clock() - self._lately[0] < WINDOW
        return PAUSE if crowded else None
