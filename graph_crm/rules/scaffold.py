"""`rules new`: a plugin that works, and a test that passes, to be changed into what the author wants."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from string import Template

from graph_crm.errors import RuleError

NAME = re.compile(r"[a-z][a-z0-9_]*\Z")

_PLUGIN = Template('''"""Say in one sentence whom this offers what, and why."""

from __future__ import annotations

from graph_crm.rules import Rule, days, hookimpl, holds, in_default, is_person


@hookimpl
def rules() -> list[Rule]:
    """The rules of this plugin."""
    return [
        Rule(
            id="$name",
            title="A credit card for account holders of half a year",
            when=(
                is_person()
                & holds(family="CURRENT_ACCOUNT", role="OWNER", for_at_least=days(180))
                & ~holds(family="CARD")
                & ~in_default()
            ),
            offer="CREDIT_CARD",
            channels=["PHONE", "ONLINE"],
            reasons="You have had your account for {days_held} days and have no card yet.",
        ),
    ]
''')

_TEST = Template('''"""What $name offers, and what it does not."""

from __future__ import annotations

from pathlib import Path

from graph_crm.rules.testing import customer, plugin

bench = plugin(Path(__file__).parents[1] / "$name.py")
anna = customer().holds("CURRENT_ACCOUNT", since="2024-01-01")


def test_an_account_holder_of_half_a_year_is_offered_a_card():
    offer = bench.on("2024-09-01").expect(anna, "CREDIT_CARD", rule="$name")
    assert "244 days" in offer.reasons[0]


def test_a_new_account_holder_is_left_in_peace():
    bench.on("2024-03-01").reject(anna, "CREDIT_CARD")


def test_nobody_in_default_is_offered_a_card():
    in_arrears = anna.holds("CASH_LOAN", since="2024-01-01", status="IN_ARREARS")
    bench.on("2024-09-01").reject(in_arrears, "CREDIT_CARD")
''')


@dataclass(frozen=True, slots=True)
class Scaffold:
    """The two files that were written."""

    plugin: Path
    test: Path


def new(name: str, folder: Path) -> Scaffold:
    """Write ``folder/name.py`` and ``folder/tests/test_name.py``.

    Raises RuleError for a name that is no Python name in lower case, when one of the files exists, or when there is
    no folder to make ``folder`` in.
    """
    if not NAME.match(name):
        raise RuleError(f"{name!r} can't be the name of a plugin.", hint="Use lower_snake_case, such as first_salary.")
    parent = folder.absolute().parent
    if not parent.is_dir():
        raise RuleError(
            f"The folder {parent} is not there.", hint="Correct --dir or GRAPH_CRM_PLUGINS_DIR, or make it."
        )
    made = Scaffold(folder / f"{name}.py", folder / "tests" / f"test_{name}.py")
    for file in (made.plugin, made.test):
        if file.exists():
            raise RuleError(f"{file} exists already.", hint="Choose another name, or change that file.")
    made.test.parent.mkdir(parents=True, exist_ok=True)
    made.plugin.write_text(_PLUGIN.substitute(name=name), "utf-8")
    made.test.write_text(_TEST.substitute(name=name), "utf-8")
    return made
