"""The worked examples of the documentation: they have no mistakes, and their tests pass away from this repository."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from graph_crm.events.catalogue import standard_catalogue
from graph_crm.rules.checking import Known, check
from graph_crm.rules.manager import RuleBook
from graph_crm.rules.products import catalogue

ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "docs" / "examples"


def test_the_examples_have_no_mistakes_and_load():
    known = Known(catalogue(), frozenset(one.name for one in standard_catalogue()))
    assert check([EXAMPLES], known, beside=[ROOT / "plugins"]) == []
    book = RuleBook.load([EXAMPLES], installed=False)
    assert book.problems == []
    assert len(book.plugins) == 4
    assert any("propose" in one.hooks for one in book.plugins), "one of them is imperative"


def test_every_example_is_named_in_the_guide():
    guide = (ROOT / "docs" / "writing-a-rule.md").read_text("utf-8")
    for file in EXAMPLES.glob("*.py"):
        assert f"(examples/{file.name})" in guide
        assert (EXAMPLES / "tests" / f"test_{file.name}").is_file()
        assert f"(examples/tests/test_{file.name})" in guide


@pytest.mark.lts
def test_the_tests_of_the_examples_pass_elsewhere(neo4j_address: tuple[str, str], tmp_path: Path):
    """As an author has them: a folder of its own, the platform installed, a Neo4j for the tests."""
    shutil.copytree(EXAMPLES, tmp_path / "mine", ignore=shutil.ignore_patterns("__pycache__"))
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PYTEST", "NEO4J_"))}
    uri, password = neo4j_address
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "graph_crm.pytest_kit", str(tmp_path / "mine")],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
        env={**kept, "GRAPH_CRM_TEST_NEO4J_URI": uri, "GRAPH_CRM_TEST_NEO4J_PASSWORD": password},
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "17 passed" in done.stdout


def test_pytest_finds_the_kit_wherever_the_platform_is_installed():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    assert project["entry-points"]["pytest11"] == {"graph_crm.pytest_kit": "graph_crm.pytest_kit"}


def test_the_kit_is_nothing_until_a_test_asks_for_it():
    """Pytest imports its plugins in every project on the machine: this one must not bring the platform along."""
    code = (
        "import sys, graph_crm.pytest_kit; print(sorted({'neo4j', 'strawberry', 'graph_crm.rules'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
