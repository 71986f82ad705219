"""A plugin that now and then thinks for too long: longer than the lease of the worker that asks it."""

from __future__ import annotations

import os
import time
import zlib
from collections.abc import Sequence

from graph_crm.rules import Proposal, Snapshot, Veto, hookimpl

SLOW_SECONDS = float(os.environ.get("STORM_SLOW_SECONDS", "0.3"))
ONE_IN = int(os.environ.get("STORM_SLOW_ONE_IN", "400"))


@hookimpl
def suitability(snapshots: Sequence[Snapshot], proposals: Sequence[Proposal]) -> list[Veto]:
    """Forbids nothing; which events it is slow for is settled by their ids."""
    del proposals
    for one in snapshots:
        if one.trigger is not None and zlib.crc32(one.trigger.id.encode()) % ONE_IN == 0:
            time.sleep(SLOW_SECONDS)
    return []
