"""Money in the graph: whole hundredths of the currency unit, so that sums are exact."""

from __future__ import annotations

from decimal import Decimal

from graph_crm.parties.checks import refuse

_CENT = Decimal("0.01")
LARGEST = Decimal(10) ** 15
"""The largest amount, in units of the currency."""


def hundredths(field: str, value: Decimal, *, negative: bool = False) -> int:
    """The amount in hundredths. Refuses more than two decimals: rounding is the caller's decision."""
    # By comparison, not by arithmetic: that overflows for a huge exponent.
    if not value.is_finite() or not -LARGEST <= value <= LARGEST:
        raise refuse(field, "is no amount", "Send a decimal number such as 1234.50.")
    if value < 0 and not negative:
        raise refuse(field, "is negative", "Send an amount of 0 or more.")
    exact = value.quantize(_CENT)
    if exact != value:
        raise refuse(field, "has more than two decimals", "Round it to hundredths of the currency unit.")
    return int(exact * 100)
