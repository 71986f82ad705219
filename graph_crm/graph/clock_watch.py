"""Compares the clock of this process with the database's, again and again, and at once when it was moved."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

from graph_crm.clock import ADVICE, CLOCK, Clock
from graph_crm.errors import CrmError
from graph_crm.graph.database import Database

EVERY_SECONDS: Final = 60.0
LOOK_SECONDS: Final = 1.0
"""Between two looks whether this computer's clock was moved."""

DATABASE_CLOCK: Final = "RETURN datetime.realtime().epochMillis AS now"

_logger = logging.getLogger(__name__)


async def compare(database: Database, clock: Clock = CLOCK) -> None:
    """Ask the database what time it is. Raises its errors."""
    asked = time.monotonic()
    (row,) = await database.read(DATABASE_CLOCK)
    clock.compare(row["now"] / 1000, asked=asked, answered=time.monotonic())


async def keep_comparing(database: Database, clock: Clock = CLOCK) -> None:
    """Compare until cancelled; tells in the log when the clocks part, and when they agree again."""
    told = False
    looked = time.monotonic()
    while True:
        if clock.jumped or clock.ahead is None or time.monotonic() - looked > EVERY_SECONDS:
            try:
                await compare(database, clock)
                looked = time.monotonic()
            except CrmError as error:
                _logger.debug("the clock can't be compared now: %s", error.message)
        if clock.wrong and not told:
            _logger.warning("the clock of this computer is %+.0f s off the database's: %s", clock.ahead or 0.0, ADVICE)
        elif told and not clock.wrong:
            _logger.warning("the clock of this computer agrees with the database's again")
        told = clock.wrong
        await asyncio.sleep(LOOK_SECONDS)


@asynccontextmanager
async def watched(database: Database) -> AsyncIterator[None]:
    """The clock is compared for as long as the block runs."""
    watching = asyncio.create_task(keep_comparing(database), name="is the clock right")
    try:
        yield
    finally:
        watching.cancel()
        await asyncio.gather(watching, return_exceptions=True)
