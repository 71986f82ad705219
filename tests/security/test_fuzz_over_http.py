"""Generated documents of every role against a real server, a short run: bench/fuzz.py is the long one."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from graph_crm.graph.database import Database

BENCH = Path(__file__).parents[2] / "bench" / "fuzz.py"


def test_nothing_breaks_and_nobody_sees_what_is_not_theirs(
    empty_database: Database, neo4j_address: tuple[str, str], tmp_path: Path
) -> None:
    uri, password = neo4j_address
    done = subprocess.run(
        [sys.executable, str(BENCH), uri, "--documents", "500", "--small"],
        env={**os.environ, "NEO4J_PASSWORD": password},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=280,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-8000:] + done.stderr[-3000:]
    assert "wrong answers: 0" in done.stdout
