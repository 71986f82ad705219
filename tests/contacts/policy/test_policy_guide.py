"""The guide to contact policy says what is so: its pieces of a file can be loaded, its codes are those of the gates."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest

from graph_crm.contacts import calendar, cool_off, limits, permission, suppression
from graph_crm.contacts.policy import ContactPolicy
from graph_crm.resources import folder
from graph_crm.rules.snapshot import PURPOSES

GUIDE = (Path(__file__).parents[3] / "docs" / "contact-policy.md").read_text("utf-8")
PIECES = re.findall(r"^```toml\n(.*?)^```", GUIDE, flags=re.MULTILINE | re.DOTALL)
GATES = {
    "consent": permission,
    "suppression": suppression,
    "cool_off": cool_off,
    "contact_limits": limits,
    "contact_times": calendar,
}


def shipped() -> dict[str, Any]:
    return tomllib.loads((folder("seed") / "contact_policy.toml").read_text("utf-8"))


@pytest.mark.parametrize("piece", PIECES)
def test_a_piece_of_a_file_can_be_put_into_one(piece: str):
    assert ContactPolicy.model_validate(shipped() | tomllib.loads(piece)).limits


def test_the_rests_and_suppressions_of_the_guide_are_the_shipped_ones():
    told: dict[str, Any] = {}
    for piece in PIECES:
        told |= tomllib.loads(piece)
    assert told["cool_off"] == shipped()["cool_off"]
    assert told["suppression"] == shipped()["suppression"]


@pytest.mark.parametrize("gate", GATES)
def test_the_codes_of_the_guide_are_those_that_the_gate_gives(gate: str):
    (row,) = [line for line in GUIDE.splitlines() if line.startswith(f"| {gate} | `")]
    _, _, yes, no, _ = row.split("|")
    source = Path(GATES[gate].__file__ or "").read_text("utf-8")
    given = {
        "yes": set(re.findall(r'Finding\(\s*True,\s*"([A-Z_]+)"', source)),
        "no": set(re.findall(r'(?:_no\(|Finding\(\s*False,\s*|return |days, |code = |else )"([A-Z_]+)"', source)),
    }
    assert set(re.findall(r"`([A-Z_]+)`", yes)) == given["yes"]
    assert set(re.findall(r"`([A-Z_]+)`", no)) == given["no"] - set(PURPOSES)
