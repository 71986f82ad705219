from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from graph_crm.cli.importing import app
from graph_crm.errors import InvalidInput


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["berka", "nowhere"], "There is no folder nowhere"),
        (["finbench", "nowhere"], "There is no folder nowhere"),
        (["berka", "a_file"], "a_file is not a folder"),
        (["berka", "."], "The file district.asc is missing"),
        (["finbench", "."], "The file Person.csv is missing"),
        (["files", "nowhere.toml"], "There is no mapping file nowhere.toml"),
        (["files", "a_file"], "The mapping a_file is no TOML"),
    ],
)
def test_what_is_not_there_is_said_before_a_database_is_started_or_a_folder_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str], message: str
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GRAPH_CRM_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.setattr("graph_crm.bootstrap.connected", lambda *_: pytest.fail("a database was started"))
    (tmp_path / "a_file").write_text("text")
    result = CliRunner().invoke(app, arguments)
    assert isinstance(result.exception, InvalidInput)
    assert result.exception.message.startswith(message)
    assert result.exception.hint
    assert [path.name for path in tmp_path.iterdir()] == ["a_file"]
