"""A worker that has grown too large ends in order: a plugin that leaks takes down nothing but its own process."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import psutil

from graph_crm import logs

LOOK_SECONDS = 1.0
_MEGABYTE = 1_048_576

log = logs.get(__name__)


async def end_above(megabytes: int | None, stop: Callable[[], None], *, seconds: float = LOOK_SECONDS) -> None:
    """Call ``stop`` once this process holds more than ``megabytes`` of memory; None: never. Looks every ``seconds``.

    What was begun is finished and the rest given back, as after SIGTERM; the supervisor starts the worker anew.
    """
    if megabytes is None:
        return
    process = psutil.Process()
    while True:
        held = process.memory_info().rss // _MEGABYTE
        if held > megabytes:
            log.warning("worker_too_large", megabytes=held, most=megabytes, meaning="it ends, to be started anew")
            stop()
            return
        await asyncio.sleep(seconds)
