"""How much memory the engine takes on this machine."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

import psutil

MEBIBYTE = 1 << 20
SMALLEST_HEAP, LARGEST_HEAP = 512, 4096
SMALLEST_CACHE, LARGEST_CACHE = 128, 4096
_CGROUP_LIMITS = ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes")


def machine_mb() -> int:
    """The memory of this machine, or of this container where it has less, in MiB."""
    total = psutil.virtual_memory().total
    for name in _CGROUP_LIMITS:
        with suppress(OSError, ValueError):  # no such group here, or the word "max": no limit
            total = min(total, int(Path(name).read_text(encoding="ascii")))
    return total // MEBIBYTE


def sizes(total_mb: int, *, heap_mb: int | None = None, pagecache_mb: int | None = None) -> tuple[int, int]:
    """Heap and page cache in MiB for a machine of ``total_mb``: an eighth each, within bounds.

    The platform shares the machine with the engine, so a quarter in all is what it may take without being asked. A
    value that is given wins.
    """
    heap = heap_mb or max(SMALLEST_HEAP, min(LARGEST_HEAP, total_mb // 8))
    cache = pagecache_mb or max(SMALLEST_CACHE, min(LARGEST_CACHE, total_mb // 8))
    return heap, cache
