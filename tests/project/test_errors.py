"""Errors: each code is documented, and the command shows code, message and hint and no trace."""

from __future__ import annotations

import importlib
import pkgutil
import re
from pathlib import Path

import graph_crm
from graph_crm.errors import CrmError, NotFound

ROOT = Path(__file__).parents[2]


def codes(base: type[CrmError]) -> set[str]:
    own = (kind for kind in base.__subclasses__() if kind.__module__.startswith("graph_crm."))
    return {base.code}.union(*(codes(kind) for kind in own))


def test_every_code_is_documented_and_nothing_else() -> None:
    for module in pkgutil.walk_packages(graph_crm.__path__, "graph_crm."):
        if not module.name.endswith("__main__"):
            importlib.import_module(module.name)
    page = (ROOT / "docs" / "errors.md").read_text("utf-8")
    documented = re.findall(r"^\| `([A-Z_]+)` \|", page, flags=re.MULTILINE)
    assert documented == sorted(documented)
    assert set(documented) == codes(CrmError)


def test_graphql_shows_code_hint_and_facts_and_the_code_can_not_be_overwritten() -> None:
    error = NotFound("There is no such party.", hint="Check the id.", id="p1", code="OTHER")
    assert error.extensions() == {"code": "NOT_FOUND", "hint": "Check the id.", "id": "p1"}
