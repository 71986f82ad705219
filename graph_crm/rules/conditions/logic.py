"""Can a condition ever be true? Finds the contradictions of a hurried author: holds X and not holds X."""

from __future__ import annotations

from itertools import product

from graph_crm.rules.conditions.base import AllOf, AnyOf, Condition, Not
from graph_crm.rules.conditions.parties import Constant

MOST_ATOMS = 14
"""More different atoms than this are not examined: 2^14 cases take a moment, and nobody writes such a rule."""


def can_pass(condition: Condition) -> bool:
    """Whether some customer could pass, as far as the atoms' meaning is known; True when in doubt."""
    atoms: list[Condition] = []
    for atom in condition.atoms():
        if atom not in atoms:
            atoms.append(atom)
    if len(atoms) > MOST_ATOMS:
        return True
    return any(
        _possible(atoms, truths) and _value(condition, dict(zip(atoms, truths, strict=True)))
        for truths in product((True, False), repeat=len(atoms))
    )


def _possible(atoms: list[Condition], truths: tuple[bool, ...]) -> bool:
    for one, truth in zip(atoms, truths, strict=True):
        if isinstance(one, Constant) and truth is not one.truth:
            return False
        if not truth:
            continue
        for other, other_truth in zip(atoms, truths, strict=True):
            if one is other:
                continue
            if other_truth and (one.excludes(other) or other.excludes(one)):
                return False
            if not other_truth and one.implies(other):
                return False
    return True


def _value(condition: Condition, truths: dict[Condition, bool]) -> bool:
    if isinstance(condition, AllOf):
        return all(_value(part, truths) for part in condition.parts)
    if isinstance(condition, AnyOf):
        return any(_value(part, truths) for part in condition.parts)
    if isinstance(condition, Not):
        return not _value(condition.part, truths)
    return truths[condition]
