"""The proof that work is not lost, in small: real workers that are killed and cut off, and a counter of its own."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.long

BENCH = Path(__file__).parents[2] / "bench" / "event_storm.py"


def test_a_storm_of_events_through_workers_that_are_killed_loses_and_doubles_nothing(
    engine_cache: Path, engine_version: str
):
    small = {"events": 8_000, "customers": 1_000, "cache": engine_cache, "version": engine_version}
    options = [f"--{name}={value}" for name, value in small.items()]
    done = subprocess.run(
        [sys.executable, str(BENCH), *options], capture_output=True, text=True, timeout=600, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr[-4000:]
    assert "nothing lost, nothing twice, memory flat" in done.stdout
    assert "kill -9 of a worker" in done.stdout
    assert "kill -9 of Neo4j" in done.stdout
