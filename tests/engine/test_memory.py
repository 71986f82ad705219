"""The engine takes its share of the machine, never more, unless it is told to."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from graph_crm.graph.engine.memory import LARGEST_CACHE, LARGEST_HEAP, SMALLEST_HEAP, machine_mb, sizes

machines = st.integers(1024, 4_000_000)


@given(machines, machines)
def test_more_memory_never_means_less_for_the_engine(one: int, other: int):
    small, large = sizes(min(one, other)), sizes(max(one, other))
    assert small[0] <= large[0]
    assert small[1] <= large[1]


@given(machines)
def test_the_share_is_bounded(total: int):
    heap, cache = sizes(total)
    assert SMALLEST_HEAP <= heap <= LARGEST_HEAP
    assert cache <= LARGEST_CACHE
    assert heap + cache <= max(total // 4, SMALLEST_HEAP + 512)


@given(machines, st.integers(64, 10_000), st.integers(64, 10_000))
def test_a_setting_wins(total: int, heap: int, cache: int):
    assert sizes(total, heap_mb=heap, pagecache_mb=cache) == (heap, cache)


def test_this_machine_has_memory():
    assert machine_mb() > 256
