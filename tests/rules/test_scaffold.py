"""`rules new` writes a plugin that loads and a test that passes."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from graph_crm.errors import RuleError
from graph_crm.rules.manager import RuleBook
from graph_crm.rules.scaffold import new


def test_the_test_of_a_new_plugin_passes(tmp_path: Path):
    made = new("first_salary", tmp_path)
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", str(made.test)],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
        env={name: value for name, value in os.environ.items() if not name.startswith("PYTEST")},
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "3 passed" in done.stdout


def test_a_new_plugin_is_loaded_and_its_test_is_not(tmp_path: Path):
    new("first_salary", tmp_path)
    book = RuleBook.load([tmp_path], installed=False)
    assert [one.rule.id for one in book.rules] == ["first_salary"]
    assert book.problems == []


def test_an_existing_file_is_never_overwritten(tmp_path: Path):
    made = new("first_salary", tmp_path)
    made.plugin.write_text("my work")
    with pytest.raises(RuleError, match="exists already"):
        new("first_salary", tmp_path)
    assert made.plugin.read_text() == "my work"


@pytest.mark.parametrize("name", ["First", "a-b", "../x", "", "1a"])
def test_a_name_that_python_can_not_import_is_refused(tmp_path: Path, name: str):
    with pytest.raises(RuleError):
        new(name, tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_folder_is_made_but_not_the_path_to_it(tmp_path: Path):
    assert new("first_salary", tmp_path / "rules").plugin.exists()
    with pytest.raises(RuleError, match="is not there"):
        new("first_salary", tmp_path / "misspelt" / "rules")
    assert not (tmp_path / "misspelt").exists()
