"""What was decided about a made-up customer: expects and rejects offers, and says what every gate thought."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Offered:
    """An offer of a decision."""

    product: str
    rule: str
    rank: int
    status: str
    """PROPOSED (shown when the customer comes), RESERVED (a contact is held for it) or WAITING (not yet)."""
    channel: str | None
    at: dt.datetime | None
    """When the customer may first be contacted with it."""
    reasons: tuple[str, ...]


@dataclass(frozen=True)
class Decided:
    """A decision: made without a database, or read from a real one."""

    party: str
    offers: Sequence[Offered]
    """The best first."""
    trace: Sequence[Mapping[str, Any]]
    """Everything considered, as a decision keeps it: rule, productCode and gates."""

    def expect(
        self, product: str, *, channel: str | None = None, status: str | None = None, rule: str | None = None
    ) -> Offered:
        """The offer of the product; by this channel, with this status, of this rule where they are given.

        Raises AssertionError that tells what every gate said.
        """
        for one in self.offers:
            wanted = ((one.channel, channel), (one.status, status), (one.rule, rule))
            if one.product == product and all(want in (None, found) for found, want in wanted):
                return one
        asked = "".join(f", {name} {want}" for name, want in (("by", channel), ("as", status), ("of", rule)) if want)
        raise AssertionError(f"{product}{asked} was expected for {self.party}\n{self.explain()}")

    def reject(self, product: str, *, gate: str | None = None, code: str | None = None) -> None:
        """Fail when the product is offered, or when another gate or reason than this one stopped it.

        Raises AssertionError that tells what every gate said.
        """
        if any(one.product == product for one in self.offers):
            raise AssertionError(f"{product} was offered to {self.party}\n{self.explain()}")
        if gate is None and code is None:
            return
        stopped = [
            one
            for entry in self.trace
            if entry["productCode"] == product
            for one in entry["gates"]
            if one["verdict"] == "DROP"
        ]
        if not any(gate in (None, one["name"]) and code in (None, one["reasonCode"]) for one in stopped):
            wanted = " ".join(one for one in (gate, code) if one)
            raise AssertionError(f"{product} was to be stopped for {self.party} at {wanted}\n{self.explain()}")

    def explain(self) -> str:
        """The offers, and what every gate said about everything considered."""
        lines = [
            f"  {one.rank}. {one.product} of {one.rule}: {one.status} by {one.channel}, {_minute(one.at)}"
            for one in self.offers
        ] or ["  nothing is offered"]
        for entry in self.trace:
            lines.append(f"  {entry['rule']} -> {entry['productCode']} ({entry['mode']})")
            lines += [
                f"    {gate['name']}: {gate['verdict']} {gate['reasonCode']}: {gate['reason']}"
                for gate in entry["gates"]
            ]
        if not self.trace:
            lines.append("  no rule was asked: is its event missing? Use .at('event_type').")
        return "\n".join(lines)


def _minute(at: dt.datetime | None) -> str:
    return "whenever the customer comes" if at is None else f"from {at:%Y-%m-%d %H:%M} UTC on"
