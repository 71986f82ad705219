"""What callers ask of the product and agreement use cases, and how it becomes properties of the graph.

In updates `strawberry.UNSET` means "leave it", None means "remove it".
"""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from strawberry import UNSET

from graph_crm.parties import checks
from graph_crm.products.kinds import AgreementStatus, HoldingRole
from graph_crm.products.money import currency, hundredths

LONGEST_TERM = 1200
"""Months of the longest term: a hundred years."""
LARGEST_RATE = 10.0
"""Interest a year as a fraction: 10 is a thousand per cent."""
LONGEST_WAIT = 36_500
"""Days of the longest step of the ladder."""


@dataclass(frozen=True, kw_only=True)
class ProductDetails:
    """What is known of a product."""

    name: str | None = UNSET
    family_code: str | None = UNSET
    description: str | None = UNSET
    currency: str | None = UNSET
    active: bool | None = UNSET
    kind: str | None = UNSET
    value: Decimal | None = UNSET


@dataclass(frozen=True, kw_only=True)
class AgreementDetails:
    """The terms of an agreement. Amounts in units of the currency, the rate as a fraction a year (0.05)."""

    number: str | None = UNSET
    matures_on: dt.date | None = UNSET
    amount: Decimal | None = UNSET
    balance: Decimal | None = UNSET
    payment: Decimal | None = UNSET
    currency: str | None = UNSET
    interest_rate: float | None = UNSET
    term_months: int | None = UNSET
    purpose: str | None = UNSET
    frequency: str | None = UNSET
    source: str | None = UNSET


@dataclass(frozen=True, kw_only=True)
class NewHolder:
    """A party that holds an agreement; ``since`` is the opening, or today for a later holder, when left out."""

    party_id: str
    role: HoldingRole = HoldingRole.OWNER
    since: dt.date | None = None
    source: str | None = None


@dataclass(frozen=True, kw_only=True)
class NewAgreement:
    """An agreement to be opened; ``opened_on`` is today when left out."""

    product_code: str
    holders: Sequence[NewHolder]
    opened_on: dt.date | None = None
    details: AgreementDetails = AgreementDetails()


@dataclass(frozen=True, kw_only=True)
class AgreementRow:
    """One row of a batch upsert: the agreement with this id is made to look like this, created where it is missing.

    Terms that are not given stay; holders are added, none is removed; another status is appended to the history on
    ``status_on`` (today). The product and the opening of an agreement never change.
    """

    id: str
    product_code: str
    holders: Sequence[NewHolder] = ()
    opened_on: dt.date | None = None
    status: AgreementStatus | None = None
    status_on: dt.date | None = None
    details: AgreementDetails = AgreementDetails()


def _rate(field: str, value: float) -> float:
    if not math.isfinite(value) or abs(value) > LARGEST_RATE:
        raise checks.refuse(field, "is no yearly rate", "Send a fraction: 0.05 for five per cent.")
    return float(value)


def _term(field: str, value: int) -> int:
    if not 1 <= value <= LONGEST_TERM:
        raise checks.refuse(field, "is out of range", f"Send a number of months from 1 to {LONGEST_TERM}.")
    return value


def _text(field: str, value: str) -> str:
    return checks.text(field, value)


_TERMS: Mapping[str, tuple[str, Callable[[str, Any], Any]]] = {
    "number": ("number", lambda field, value: checks.text(field, value, checks.ID_LIMIT)),
    "matures_on": ("maturesOn", checks.date),
    "amount": ("amount", hundredths),
    "balance": ("balance", lambda field, value: hundredths(field, value, negative=True)),
    "payment": ("payment", hundredths),
    "currency": ("currency", currency),
    "interest_rate": ("interestRate", _rate),
    "term_months": ("termMonths", _term),
    "purpose": ("purpose", _text),
    "frequency": ("frequency", _text),
    "source": ("source", _text),
}

_PRODUCT: Mapping[str, tuple[str, Callable[[str, Any], Any]]] = {
    "name": ("name", checks.name),
    "family_code": ("familyCode", checks.code),
    "description": ("description", lambda field, value: checks.text(field, value, checks.NOTE_LIMIT, lines=True)),
    "currency": ("currency", currency),
    "active": ("active", lambda _field, value: bool(value)),
    "kind": ("kind", checks.code),
    "value": ("value", hundredths),
}


def _changes(details: object, table: Mapping[str, tuple[str, Callable[[str, Any], Any]]]) -> dict[str, Any]:
    asked: dict[str, Any] = {}
    for attribute, value in vars(details).items():
        if value is UNSET:
            continue
        name, check = table[attribute]
        asked[name] = None if value is None else check(name, value)
    return asked


def product_changes(details: ProductDetails) -> dict[str, Any]:
    """The properties that the details ask for, checked; name, family and active can't be removed."""
    asked = _changes(details, _PRODUCT)
    for needed in ("name", "familyCode", "active"):
        if needed in asked and asked[needed] is None:
            raise checks.refuse(needed, "can't be removed", "Leave the field out, or send another value.")
    return asked


def terms(details: AgreementDetails) -> dict[str, Any]:
    """The properties that the terms ask for, checked; amounts in hundredths, None removes."""
    asked = _changes(details, _TERMS)
    if "currency" in asked and asked["currency"] is None:
        raise checks.refuse("currency", "can't be removed", "Leave the field out, or send another one.")
    return asked


def check_opening(opened_on: dt.date, today: dt.date) -> None:
    """An agreement is opened today or was opened before: its status says what is, not what is planned."""
    # A day of tolerance, as for all days of the past: it is tomorrow already in the east of the bank.
    if opened_on > today + dt.timedelta(days=1):
        raise checks.refuse(
            "openedOn", f"is in the future (today is {today})", "Record the agreement on the day on which it opens."
        )


def check_currency(properties: Mapping[str, Any]) -> None:
    """An amount without a currency means nothing."""
    given = [name for name in ("amount", "balance", "payment") if properties.get(name) is not None]
    if given and not properties.get("currency"):
        raise checks.refuse(
            "currency",
            f"is missing: there is {given[0]}, and the product has no currency",
            "Send an ISO 4217 code, for example CZK, or give the product a currency.",
        )


def check_maturity(opened_on: dt.date | None, matures_on: dt.date | None) -> None:
    """An agreement does not end by contract before it begins."""
    if opened_on is not None and matures_on is not None and matures_on < opened_on:
        raise checks.refuse("maturesOn", "is before openedOn", "Correct one of the two dates.")


NEXT_STATUS: Mapping[AgreementStatus, frozenset[AgreementStatus]] = {
    AgreementStatus.ACTIVE: frozenset({AgreementStatus.IN_ARREARS, AgreementStatus.DEFAULTED, AgreementStatus.CLOSED}),
    AgreementStatus.IN_ARREARS: frozenset({AgreementStatus.ACTIVE, AgreementStatus.DEFAULTED, AgreementStatus.CLOSED}),
    AgreementStatus.DEFAULTED: frozenset({AgreementStatus.ACTIVE, AgreementStatus.IN_ARREARS, AgreementStatus.CLOSED}),
    AgreementStatus.CLOSED: frozenset(),
}
"""Which status may follow: a default can be cured or written off, a closed agreement stays closed."""


def check_transition(old: AgreementStatus, new: AgreementStatus) -> None:
    """Refuse a status that can't follow."""
    if new not in NEXT_STATUS[old]:
        following = ", ".join(sorted(NEXT_STATUS[old]))
        hint = f"From {old.value} it may become: {following}." if following else "Open a new agreement."
        raise checks.refuse("status", f"can't follow {old.value}", hint)
