"""A rush of calls through real processes, short: bench/call_burst.py is the long one."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from graph_crm.graph.database import Database

BENCH = Path(__file__).parents[2] / "bench" / "call_burst.py"


def test_no_call_of_a_rush_is_lost(
    empty_database: Database, neo4j_address: tuple[str, str], shared_data: Path, tmp_path: Path
):
    uri, password = neo4j_address
    file = shared_data / "uci_bank_marketing" / "bank-full.csv"
    command = [sys.executable, str(BENCH), uri, str(file), "--calls", "30", "--agents", "12", "--speed", "60"]
    environment = {**os.environ, "NEO4J_PASSWORD": password}
    done = subprocess.run(
        command, env=environment, cwd=tmp_path, capture_output=True, text=True, timeout=170, check=False
    )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    assert "calls lost or ended wrongly: 0" in done.stdout
