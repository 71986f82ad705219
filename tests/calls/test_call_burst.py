"""A rush of calls through real processes, short: bench/call_burst.py is the long one."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from graph_crm.graph.database import Database

pytestmark = pytest.mark.long

BENCH = Path(__file__).parents[2] / "bench" / "call_burst.py"


def test_no_call_of_a_rush_is_lost(
    empty_database: Database, neo4j_address: tuple[str, str], shared_data: Path, tmp_path: Path
):
    uri, password = neo4j_address
    file = shared_data / "uci_bank_marketing" / "bank-full.csv"
    command = [sys.executable, str(BENCH), uri, str(file), "--calls", "30", "--agents", "12", "--speed", "60"]
    environment = {**os.environ, "NEO4J_PASSWORD": password}
    # In a session of its own: when it hangs, its server and its worker must not live on at the database of all tests.
    with subprocess.Popen(
        command,
        env=environment,
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as bench:
        try:
            told, wrong = bench.communicate(timeout=400)  # a call that is told late is settled after two minutes
        except BaseException:
            os.killpg(bench.pid, signal.SIGKILL)
            raise
    assert bench.returncode == 0, told[-3000:] + wrong[-3000:]
    assert "calls lost or ended wrongly: 0" in told
