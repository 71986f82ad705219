"""What the doctor says of a database that answers: its clock, whether it takes changes, plugins out of force."""

from __future__ import annotations

from pathlib import Path

import pytest

from graph_crm.cli import doctor
from graph_crm.clock import CLOCK
from graph_crm.graph.database import Database
from graph_crm.graph.engine import memory
from graph_crm.settings import Settings

pytestmark = pytest.mark.lts


@pytest.fixture
def settings(neo4j_address: tuple[str, str], tmp_path: Path) -> Settings:
    uri, password = neo4j_address
    return Settings(data_dir=tmp_path, neo4j_uri=uri, neo4j_password=password)  # type: ignore[arg-type]


async def examined(settings: Settings) -> dict[str, doctor.Finding]:
    return {one.check: one async for one in doctor._database(settings)}


async def test_a_healthy_database_takes_changes_and_agrees_about_the_time(settings: Settings, empty_database: Database):
    found = await examined(settings)
    assert {found[name].state for name in ("database", "clock", "writing", "migrations")} == {doctor.State.OK}
    assert "plugins" not in found
    rows = await empty_database.read("MATCH (l:Lock {name: 'can be written'}) RETURN count(l) AS n")
    assert rows[0]["n"] == 1


async def test_refused_changes_a_wrong_clock_and_suspended_plugins_are_told_with_what_to_do(
    settings: Settings, empty_database: Database, monkeypatch: pytest.MonkeyPatch
):
    await empty_database.execute(
        "CREATE (:PluginReport {key: 'bad|m:1', plugin: 'bad', process: 'm:1', state: 'suspended', problem: 'raised', "
        "since: datetime.realtime(), at: datetime.realtime()})"
    )

    async def refuses(*_: object, **__: object) -> bool:
        return False

    monkeypatch.setattr(Database, "can_write", refuses)
    true = CLOCK._wall
    monkeypatch.setattr(CLOCK, "_wall", lambda: true() - 3_600)
    found = await examined(settings)
    for check, said, advice in (
        ("clock", "s behind", "time server"),
        ("writing", "refuses changes", "make room"),
        ("plugins", "bad is suspended in process m:1", "rules report"),
    ):
        assert found[check].state is doctor.State.WRONG
        assert said in found[check].found
        assert advice in (found[check].advice or "")


@pytest.mark.parametrize(("total", "state"), [(1_000, doctor.State.WRONG), (1_000_000, doctor.State.NOTE)])
async def test_memory_that_neo4j_and_the_platform_do_not_fit_into_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, total: int, state: doctor.State
):
    monkeypatch.setattr(memory, "machine_mb", lambda: total)
    heap = 600 if total == 1_000 else 900_000
    settings = Settings(data_dir=tmp_path, neo4j_uri=None, engine_heap_mb=heap)
    (finding,) = [one async for one in doctor._memory(settings)]
    assert finding.state is state
    assert finding.advice
