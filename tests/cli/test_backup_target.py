"""`engine backup FILE`: a file that can't be written is told before a running database is stopped for it."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import rich.progress
from typer.testing import CliRunner

from graph_crm import cli
from graph_crm.cli import engine as commands
from graph_crm.errors import EngineError
from graph_crm.graph.engine import Engine
from graph_crm.graph.engine.backup import Backup, check_target


class Stops:
    """Stands in for `Engine.backup`, which stops the database: remembers that it was called."""

    def __init__(self) -> None:
        self.called = False

    def __call__(self, file: Path, _progress: object) -> Backup:
        self.called = True
        file.write_text("the new one")
        return Backup("2026.04.0", "2026-11-20T00:00:00+00:00", "", 1)


@pytest.fixture
def backup(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Stops:
    """A data folder with a store, whose backup is only told."""
    stops = Stops()
    monkeypatch.setenv("GRAPH_CRM_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.setattr("graph_crm.graph.engine.home.Home.has_store", property(lambda _: True))
    monkeypatch.setattr(Engine, "backup", stops)
    return stops


def ask(*arguments: str) -> tuple[int, BaseException | None]:
    result = CliRunner().invoke(cli.app, ["engine", "backup", *arguments])
    return result.exit_code, result.exception


def there(folder: Path) -> Path:
    (folder / "bank.backup").write_text("the only backup of last year")
    return folder / "bank.backup"


def nowhere(folder: Path) -> Path:
    return folder / "bakcups" / "bank.backup"


def protected(folder: Path) -> Path:
    if os.geteuid() == 0:
        return Path("/proc/bank.backup")  # even the superuser can't write there
    (folder / "protected").mkdir(mode=0o500)
    return folder / "protected" / "bank.backup"


@pytest.mark.skipif(os.name == "nt", reason="rights of folders are another thing there")
@pytest.mark.parametrize(
    ("target", "reason"),
    [(there, "is there already"), (nowhere, "is not there"), (protected, "Nothing can be written"), (Path, "a folder")],
)
def test_a_target_that_will_not_do_is_refused_before_anything_is_stopped(
    backup: Stops, tmp_path: Path, target: Callable[[Path], Path], reason: str
) -> None:
    file = target(tmp_path)
    before = {one: one.read_bytes() for one in tmp_path.rglob("*") if one.is_file()}
    with pytest.raises(EngineError, match=re.escape(reason)) as refused:
        check_target(file, overwrite=False)
    assert refused.value.hint
    assert ask(str(file))[0] != 0
    assert not backup.called
    assert {one: one.read_bytes() for one in tmp_path.rglob("*") if one.is_file()} == before
    assert not nowhere(tmp_path).parent.exists()


def test_force_replaces_a_file_and_only_a_file(backup: Stops, tmp_path: Path) -> None:
    file = there(tmp_path)
    assert ask("--force", str(file))[0] == 0
    assert backup.called
    assert file.read_text() == "the new one"
    assert ask("--force", str(tmp_path))[0] != 0


def test_a_step_is_timed_until_the_next_one_begins(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = [0.0]
    bars: list[rich.progress.Progress] = []
    real = rich.progress.Progress

    def made(*columns: Any, **options: Any) -> rich.progress.Progress:
        bars.append(real(*columns, get_time=lambda: clock[0], **options))
        return bars[0]

    monkeypatch.setattr(rich.progress, "Progress", made)
    with commands.progress_bar() as show:
        show("Stopping the engine", 0, 1)
        clock[0] = 2.0
        show("Writing the backup", 0, 2)
        clock[0] = 7.0
        show("Writing the backup", 2, 2)
        clock[0] = 9.0
    assert [task.finished_time or task.elapsed for task in bars[0].tasks] == [2.0, 5.0]
