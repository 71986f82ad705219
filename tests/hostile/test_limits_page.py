"""docs/limits.md names the limits that are in force."""

from __future__ import annotations

import dataclasses
import re

from graph_crm.api.bounds import BOUNDS
from graph_crm.api.pricing import MOST_DESCRIBED
from graph_crm.api.unseen import MANY_VALUES, PLANNED, UNSEEN_SECONDS
from graph_crm.resources import folder
from graph_crm.security.budgets import BUDGETS, LONGEST_WAIT, MOST_WAITING
from graph_crm.security.roles import Role

PAGE = (folder("schema").parent / "docs" / "limits.md").read_text("utf-8")


def _number(text: str) -> float:
    return float(text.replace(",", ""))


def test_the_bounds_of_a_document():
    rows = re.findall(r"^\| .*?`(\w+)`.* \| ([0-9,]+) \|$", PAGE, re.MULTILINE)
    assert {name: _number(number) for name, number in rows} == dataclasses.asdict(BOUNDS)


def test_the_budgets_of_the_roles():
    rows = re.findall(r"^\| ([a-z_, ]+) \| ([0-9,]+) \| ([0-9,]+) \|$", PAGE, re.MULTILINE)
    told = {role: (_number(one), _number(all_)) for roles, one, all_ in rows for role in roles.split(", ")}
    assert told == {role.value: (budget.request, budget.at_once) for role, budget in BUDGETS.items()}


def test_the_seconds_for_what_is_new():
    rows = re.findall(r"^\| ([a-z_, ]+) \| ([0-9]+) \|$", PAGE, re.MULTILINE)
    told = {role: float(seconds) for roles, seconds in rows for role in roles.split(", ") if role in set(Role)}
    assert told == {role.value: seconds for role, seconds in UNSEEN_SECONDS.items()}
    assert f"about {PLANNED:,.0f} characters of it in a second" in PAGE
    assert f"more than {MANY_VALUES:,} values" in PAGE


def test_the_rest():
    assert f"{MOST_DESCRIBED:,.0f} at most, whoever asks" in PAGE
    assert LONGEST_WAIT == 5
    assert "for five seconds at most" in PAGE
    assert f"at most {MOST_WAITING} others" in PAGE
