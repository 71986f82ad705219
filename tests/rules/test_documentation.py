"""The pages for rule authors: every hook is described, every example is right and runs."""

from __future__ import annotations

import inspect
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from graph_crm.events.catalogue import standard_catalogue
from graph_crm.rules import __all__ as names_for_authors
from graph_crm.rules.checking import Known, check
from graph_crm.rules.hookspecs import Hooks, hook_names
from graph_crm.rules.manager import RuleBook
from graph_crm.rules.products import catalogue

DOCS = Path(__file__).parents[2] / "docs"
PAGES = ["writing-a-rule.md", "hooks.md"]
BLOCK = re.compile(r"```python\n# (\S+\.py)\n(.*?)```", re.DOTALL)


def write_examples(page: str, folder: Path) -> list[Path]:
    """Write every Python example of a page to the file that its first line names."""
    text = (DOCS / page).read_text()
    blocks = BLOCK.findall(text)
    assert len(blocks) == text.count("```python"), "an example does not name its file"
    for name, source in blocks:
        file = folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(source)
    return sorted({(folder / name).parent for name, _ in blocks})


@pytest.mark.parametrize("name", hook_names())
def test_every_hook_has_its_section_with_an_example(name: str):
    text = (DOCS / "hooks.md").read_text()
    section = text.split(f"\n## {name}\n")[1].split("\n## ")[0]
    takes = ", ".join(list(inspect.signature(getattr(Hooks, name)).parameters)[1:])
    assert f"`{name}({takes}) -> " in section
    assert f"# hooks/{name}.py" in section


def test_no_hook_is_described_that_does_not_exist():
    text = (DOCS / "hooks.md").read_text()
    sections = re.findall(r"^## ([a-z_]+)$", text, re.MULTILINE)
    assert tuple(sections) == hook_names()


@pytest.mark.parametrize("name", hook_names())
def test_every_hook_says_in_one_imperative_line_what_it_is_for(name: str):
    first = (inspect.getdoc(getattr(Hooks, name)) or "").splitlines()[0]
    assert re.fullmatch(r"(Return|Name|Add|Propose|Say|Forbid|Weigh|Estimate) .*[.]", first)


@pytest.mark.parametrize("page", PAGES)
def test_the_examples_have_no_mistakes_and_load(page: str, tmp_path: Path):
    known = Known(catalogue(), frozenset(one.name for one in standard_catalogue()))
    folders = [folder for folder in write_examples(page, tmp_path) if folder.name != "tests"]
    assert check(folders, known) == []
    book = RuleBook.load(folders, installed=False)
    assert book.problems == []
    assert book.plugins


def test_the_tests_in_the_examples_pass(tmp_path: Path):
    write_examples("writing-a-rule.md", tmp_path)
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", str(tmp_path)],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
        env={name: value for name, value in os.environ.items() if not name.startswith("PYTEST")},
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "7 passed" in done.stdout


def test_every_condition_is_in_the_table():
    text = (DOCS / "writing-a-rule.md").read_text()
    conditions = {name for name in names_for_authors if name[0].islower()} - {"days", "weeks", "months", "years"}
    assert {name for name in conditions - {"hookimpl"} if f"`{name}(" not in text} == set()
