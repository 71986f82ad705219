"""Money in the graph: whole hundredths of the currency unit, so that sums are exact."""

from __future__ import annotations

from decimal import Decimal
from functools import cache

import pycountry

from graph_crm.parties.checks import refuse

_CENT = Decimal("0.01")
LARGEST = Decimal(10) ** 15
"""The largest amount, in units of the currency."""


def is_currency(code: str) -> bool:
    """Whether ISO 4217 has the code; capitals only."""
    return code in _codes()


@cache
def _codes() -> frozenset[str]:
    return frozenset(currency.alpha_3 for currency in pycountry.currencies)


def currency(field: str, value: str) -> str:
    """The code of a currency that ISO 4217 has."""
    if not is_currency(value):
        raise refuse(field, "is no currency", "Use an ISO 4217 code of three letters, for example CZK.")
    return value


def money_text(amount: int) -> str:
    """Hundredths as the text in which amounts are shown and written in payloads of events: 12050 is `"120.50"`."""
    return str(Decimal(amount).scaleb(-2))


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
