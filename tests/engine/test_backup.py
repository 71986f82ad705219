"""A backup brings back the database as it was, and a bad one changes nothing."""

from __future__ import annotations

import stat
import zipfile
from pathlib import Path

import neo4j
import pytest

from graph_crm.errors import EngineError
from graph_crm.graph.engine import Address, Engine, EngineConfig
from graph_crm.graph.engine.backup import verify
from graph_crm.graph.engine.home import Home

pytestmark = [pytest.mark.long, pytest.mark.lts]


def run(address: Address, statement: str) -> list[object]:
    with neo4j.GraphDatabase.driver(address.uri, auth=(address.user, address.password)) as driver:
        return [row[0] for row in driver.execute_query(statement).records]


def names(address: Address) -> list[object]:
    return run(address, "MATCH (p:Party) RETURN p.id ORDER BY p.id")


def test_what_was_backed_up_comes_back_and_the_engine_runs_before_and_after(config: EngineConfig, tmp_path: Path):
    file = tmp_path / "bank.backup"
    with Engine(config) as engine:
        address = engine.ensure_running()
        run(address, "CREATE CONSTRAINT party FOR (p:Party) REQUIRE p.id IS UNIQUE")
        run(address, "CREATE (:Party {id: 'a'})-[:HOLDS]->(:Agreement {id: 'x'})")
        stages: list[str] = []
        written = engine.backup(file, lambda stage, *_: stages.append(stage))
        assert written.neo4j == config.version
        assert {"Stopping the engine", "Starting the engine again"} <= set(stages)
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
        assert engine.status().healthy
        run(address, "CREATE (:Party {id: 'b'})")

        # Another process of this data folder may ask for it; the owner starts its engine again.
        Engine(config).restore(file)
        assert names(address) == ["a"]
        assert run(address, "MATCH (:Party)-[:HOLDS]->(x) RETURN x.id") == ["x"]
        assert run(address, "SHOW CONSTRAINTS YIELD name RETURN name") == ["party"]
        assert engine.status().owner == "this process"
    assert not list(Home(config.data_dir).folder.glob("restore-*"))


def test_a_damaged_or_foreign_file_is_refused_before_anything_is_touched(config: EngineConfig, tmp_path: Path):
    file = tmp_path / "bank.backup"
    engine = Engine(config)
    engine.backup(file)
    assert not engine.status().running

    content = file.read_bytes()
    middle = len(content) // 2
    file.write_bytes(content[:middle] + bytes([content[middle] ^ 0xFF]) + content[middle + 1 :])
    with pytest.raises(EngineError, match="damaged"):
        verify(file, config.version)
    file.write_text("hello")
    with pytest.raises(EngineError, match="no backup of graph-crm"):
        engine.restore(file)
    with pytest.raises(EngineError, match="not there"):
        engine.restore(tmp_path / "none")


def test_a_backup_of_a_later_neo4j_is_refused(tmp_path: Path):
    file = tmp_path / "bank.backup"
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("backup.json", '{"neo4j": "2099.01.0", "taken_at": "", "sha256": "", "size": 0, "format": 1}')
        archive.writestr("neo4j.dump", b"")
    with pytest.raises(EngineError, match=r"2099\.01\.0"):
        verify(file, "2026.04.0")


def test_a_backup_that_does_not_open_leaves_the_data_as_it_was(config: EngineConfig, tmp_path: Path):
    file = tmp_path / "bank.backup"
    with zipfile.ZipFile(file, "w") as archive:
        digest = "ef2d127de37b942baad06145e54b0c619a1f22327b2ebbcfbec78f5564afe39d"  # sha256 of "5"
        archive.writestr(
            "backup.json",
            f'{{"neo4j": "{config.version}", "taken_at": "", "sha256": "{digest}", "size": 1, "format": 1}}',
        )
        archive.writestr("neo4j.dump", b"5")
    store = Home(config.data_dir).home
    before = sorted(str(path.relative_to(store)) for path in store.rglob("*"))
    with pytest.raises(EngineError, match="load failed"):
        Engine(config).restore(file)
    assert sorted(str(path.relative_to(store)) for path in store.rglob("*")) == before
