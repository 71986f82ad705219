"""The proof of contact limits in small: processes that race, one of them killed, and a checker of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.long

BENCH = Path(__file__).parents[2] / "bench" / "contact_limits.py"


@pytest.mark.lts
def test_processes_that_race_and_die_exceed_no_limit_and_lose_no_slot(neo4j_address: tuple[str, str]) -> None:
    uri, password = neo4j_address
    small = {"attempts": 1200, "processes": 3, "tasks": 8, "kills": 1, "customers": 45, "scale": 0.15, "ttl": 1.5}
    options = [f"--{name}={value}" for name, value in small.items()]
    done = subprocess.run(
        [sys.executable, str(BENCH), uri, *options],
        capture_output=True,
        text=True,
        timeout=600,
        env={**os.environ, "NEO4J_PASSWORD": password},
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr[-4000:]
    assert "0 breaches, 0 slots lost" in done.stdout
