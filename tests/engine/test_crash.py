"""Whoever is killed in the middle of writes: every acknowledged write is there afterwards, once."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import neo4j
import psutil
import pytest

from graph_crm.graph.engine import Address, Engine, EngineConfig

pytestmark = [pytest.mark.long, pytest.mark.lts]
SCRIPT = Path(__file__).with_name("writer.py")
PATIENCE = 90.0


@dataclass
class Writer:
    """The writing process, its engine, and what it was told is written."""

    process: subprocess.Popen[str]
    engine_pid: int
    log: Path

    def acknowledged(self) -> list[int]:
        """The numbers of whole lines; a line that the kill cut off was not told to anybody."""
        whole, _, _ = self.log.read_text().rpartition("\n")
        return [int(line) for line in whole.split("\n") if line and line.isdigit()]

    def wait_for_more(self, more: int) -> None:
        """Wait until ``more`` further writes are acknowledged."""
        goal = len(self.acknowledged()) + more
        until(lambda: len(self.acknowledged()) >= goal)


def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline, "waited too long"
        time.sleep(0.05)


@contextmanager
def writing(config: EngineConfig, first: int, log: Path) -> Iterator[Writer]:
    """A writer that owns the engine; its numbers start at ``first``."""
    with log.open("w") as output:
        process = subprocess.Popen(
            [sys.executable, str(SCRIPT), str(config.data_dir), str(config.cache_dir), config.version, str(first)],
            stdin=subprocess.PIPE, stdout=output, text=True,
        )  # fmt: skip
    try:
        until(lambda: "owned True\n" in log.read_text() or process.poll() is not None)
        yield Writer(process, int(log.read_text().split()[1]), log)
    finally:
        process.kill()
        process.wait()
        process.stdin.close()


def written(address: Address) -> dict[int, int]:
    """How often each mark is in the database."""
    with neo4j.GraphDatabase.driver(address.uri, auth=(address.user, address.password)) as driver:
        return {
            row["number"]: row["times"]
            for row in driver.execute_query("MATCH (m:Mark) RETURN m.number AS number, count(*) AS times").records
        }


def assert_kept(acknowledged: list[int], found: dict[int, int]) -> None:
    assert len(acknowledged) > 50
    assert [number for number in acknowledged if number not in found] == []
    assert [number for number, times in found.items() if times != 1] == []


def test_a_killed_engine_is_started_again_by_its_owner_and_has_every_acknowledged_write(
    config: EngineConfig, tmp_path: Path
):
    with writing(config, 0, tmp_path / "log") as writer:
        writer.wait_for_more(100)
        os.kill(writer.engine_pid, signal.SIGKILL)
        until(lambda: not psutil.pid_exists(writer.engine_pid))
        writer.wait_for_more(50)  # the same driver, the same port
        visitor = Engine(config)
        address = visitor.ensure_running()
        assert not address.owned
        assert visitor.status().pid != writer.engine_pid
        acknowledged = writer.acknowledged()
        assert_kept(acknowledged, written(address))
        writer.process.stdin.close()
        assert writer.process.wait(PATIENCE) == 0
    assert not visitor.status().running


def test_a_killed_owner_takes_its_engine_along_and_the_next_start_has_every_acknowledged_write(
    config: EngineConfig, tmp_path: Path
):
    with writing(config, 0, tmp_path / "log") as writer:
        writer.wait_for_more(100)
        writer.process.kill()
        writer.process.wait()
    engine = Engine(config)
    if sys.platform == "linux":
        until(lambda: not engine.status().running)
    address = engine.start()
    try:
        assert engine.status().pid != writer.engine_pid
        assert_kept(writer.acknowledged(), written(address))
    finally:
        engine.stop()


def test_both_killed_at_once_lose_nothing(config: EngineConfig, tmp_path: Path):
    with writing(config, 0, tmp_path / "log") as writer:
        writer.wait_for_more(100)
        os.kill(writer.engine_pid, signal.SIGKILL)
        writer.process.kill()
        writer.process.wait()
    with Engine(config) as engine:
        assert_kept(writer.acknowledged(), written(engine.ensure_running()))
