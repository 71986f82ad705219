"""A plugin that does not come back: its call is ended, and where even that is impossible, the process.

Plugins are called on the event loop, so one that loops for ever would halt everything that the process does. A thread
looks at what runs; a call that takes longer than it may gets an exception raised inside it, wherever it is in its own
Python code. Code that never comes back to Python (a regular expression, a library in C) can't be reached like that:
`watch_loop` ends the process then, with its stacks on standard error, so that its supervisor starts it anew; work that
takes its worker along three times is set aside by itself.
"""

from __future__ import annotations

import asyncio
import ctypes
import faulthandler
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

SECONDS: Final = 30.0
"""So long one call of a plugin may take."""
PATIENCE: Final = 4
"""After so many times that, a process whose event loop stands still is ended."""
_BETWEEN_LOOKS: Final = 0.25


class PluginHangs(BaseException):
    """Raised inside a plugin that takes too long. No plain exception: ``except Exception`` in a loop would eat it."""

    def __str__(self) -> str:
        return "gave no answer in the time that a call may take"


class Deadline:
    """Watches one thread's calls of plugins, one at a time; inner calls count to the outer one."""

    def __init__(self, seconds: float = SECONDS) -> None:
        self.seconds = seconds
        self._lock = threading.Lock()
        self._until: float | None = None
        self._thread = 0
        self._watching = False
        self._raised = False

    @contextmanager
    def watched(self) -> Iterator[None]:
        """Run the block; raises PluginHangs inside it when it takes longer than ``seconds``."""
        if self._until is not None:
            yield
            return
        if not self._watching:
            self._watching = True
            threading.Thread(target=self._watch, name="plugins' deadline", daemon=True).start()
        self._thread = threading.get_ident()
        self._until = time.monotonic() + self.seconds
        try:
            yield
        finally:
            with self._lock:
                self._until = None
                if self._raised:
                    # What was raised and not delivered yet must not meet somebody else.
                    _raise_in(self._thread, None)
                    self._raised = False

    def _watch(self) -> None:
        while True:
            time.sleep(min(self.seconds / 4, _BETWEEN_LOOKS))
            with self._lock:
                if self._until is not None and time.monotonic() > self._until:
                    # Once: raised again, it could meet what runs after the plugin.
                    self._until = None
                    self._raised = True
                    _raise_in(self._thread, PluginHangs)


def _raise_in(thread: int, error: type[BaseException] | None) -> None:
    """Have ``error`` raised in another thread at its next step in Python; None takes back what is not raised yet."""
    ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(thread), error and ctypes.py_object(error))


async def watch_loop(seconds: float = PATIENCE * SECONDS) -> None:
    """End the process when the event loop stands still for ``seconds``; runs until it is cancelled."""
    try:
        while True:
            # A thread of C, which needs no turn at Python's lock.
            faulthandler.dump_traceback_later(seconds, exit=True)
            await asyncio.sleep(min(seconds / 4, 1.0))
    finally:
        faulthandler.cancel_dump_traceback_later()
