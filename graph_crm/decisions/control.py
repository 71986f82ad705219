"""The control group: a fixed share of the customers whom the bank promotes nothing to, to see what promotion is worth.

A customer belongs to a unit: the household, or the customer alone. A unit is drawn by a digest of its name and a salt,
so it is in or out for as long as the salt stays, whatever runs where. The unit of a customer is kept when it is first
decided about (`unit_to_keep`), so that moving out does not draw anew. A customer is in the control group when *any*
unit of its household is: so nobody in the control group sees a promotion on the kitchen table.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from graph_crm.rules.snapshot import PartyFacts

_BYTES = 8
_WHOLE = 1 << 64


@dataclass(frozen=True, slots=True)
class Membership:
    """Whether a customer is in the control group, and what it was drawn from."""

    inside: bool
    units: tuple[str, ...]
    """Every unit that was drawn, sorted."""
    unit: str
    """The unit with the lowest draw: the one that decides."""
    draw: float
    """Its draw, from 0 to 1."""
    share: float

    def as_json(self) -> dict[str, str | float | bool]:
        """The numbers for a verdict."""
        return {"unit": self.unit, "draw": round(self.draw, 6), "share": self.share}


def draw(unit: str, salt: str) -> float:
    """A number from 0 up to 1 that belongs to ``unit`` under ``salt`` for ever, evenly spread over units."""
    digest = hashlib.sha256(f"{salt}\x1f{unit}".encode()).digest()
    return int.from_bytes(digest[:_BYTES], "big") / _WHOLE


def unit_to_keep(party: PartyFacts) -> str:
    """The unit of a customer who has none yet: the household of that day, else the customer alone."""
    return party.household or party.id


def units_of(party: PartyFacts) -> tuple[str, ...]:
    """Every unit that counts for a customer, sorted: kept ones of the household's members, and the household itself.

    It is the same for all members of a household, so they are never on different sides.
    """
    found = set(party.control_units)
    if party.household:
        found.add(party.household)
    return tuple(sorted(found or {party.id}))


def membership(party: PartyFacts, *, share: float, salt: str) -> Membership:
    """Whether the customer is in the control group of this ``share`` (0 to 1) of all units.

    A larger share keeps everybody who was in a smaller one.
    """
    units = units_of(party)
    lowest, unit = min((draw(one, salt), one) for one in units)
    return Membership(lowest < share, units, unit, lowest, share)
