"""How a leaf travels: from the caller's JSON into a parameter, and from the row into the response."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from decimal import Decimal, InvalidOperation
from typing import Any

import orjson
import strawberry

from graph_crm.errors import InvalidInput
from graph_crm.graph.mapping import JsonText, Scalar

HUNDREDTHS = Decimal(100)
LARGEST_AMOUNT = 10**15
_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)


def money_to_store(value: Any) -> int:
    """An amount as hundredths of the currency unit, as the graph holds it. At most two decimals."""
    try:
        amount = Decimal(str(value))
    except InvalidOperation as error:
        raise InvalidInput(f"{str(value)[:40]!r} is no amount.", hint='Send a decimal such as "1250.50".') from error
    hundredths = amount * HUNDREDTHS if amount.is_finite() else Decimal("NaN")
    if not hundredths.is_finite() or hundredths != hundredths.to_integral_value():
        raise InvalidInput(f"{str(value)[:40]!r} is no amount of money.", hint="Send at most two decimals.")
    if abs(hundredths) > LARGEST_AMOUNT:
        raise InvalidInput("The amount is too large.", hint="Amounts go up to ten million million.")
    return int(hundredths)


def money_to_show(hundredths: int) -> str:
    """The stored hundredths as a decimal text with two decimals."""
    sign = "-" if hundredths < 0 else ""
    whole, rest = divmod(abs(hundredths), 100)
    return f"{sign}{whole}.{rest:02d}"


def instant_to_show(milliseconds: int) -> str:
    """An instant (milliseconds since 1970 in UTC) as ISO 8601 with milliseconds and Z, always of one length."""
    moment = _EPOCH + dt.timedelta(milliseconds=milliseconds)
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{moment.microsecond // 1000:03d}Z" if moment.year > 999 else moment.isoformat()  # noqa: PLR2004


def stored_expression(kind: Any, expression: str) -> str:
    """The expression that brings a stored value into the row: temporals become text or numbers in the database."""
    if kind is dt.date:
        return f"toString({expression})"
    if kind is dt.datetime:
        return f"{expression}.epochMillis"
    return expression


def cursor_expression(kind: Any, expression: str) -> str:
    """The exact value for a cursor: instants keep their nanoseconds."""
    return f"toString({expression})" if kind in {dt.date, dt.datetime} else expression


def shower(spec: Scalar) -> Callable[[Any], Any] | None:
    """What turns the row's value into the response's; None where it can be copied as it is."""
    if spec.type is dt.datetime:
        return instant_to_show
    if spec.type is Decimal:
        return money_to_show
    if spec.type is JsonText or spec.item:
        return orjson.loads
    return None


def placeholder(kind: Any, name: str) -> str:
    """The parameter as a value of the property's type."""
    if kind is dt.date:
        return f"date({name})"
    if kind is dt.datetime:
        return f"datetime({name})"
    return name


def list_placeholder(kind: Any, name: str) -> str:
    """The parameter as a list of values of the property's type."""
    return f"[v IN {name} | {placeholder(kind, 'v')}]" if kind in {dt.date, dt.datetime} else name


def converter(kind: Any) -> Callable[[Any], Any] | None:
    """What turns the caller's JSON value into the parameter."""
    if kind is strawberry.ID:
        return str
    return money_to_store if kind is Decimal else None


def list_converter(kind: Any) -> Callable[[Any], Any]:
    """The same for a list; a single value counts as a list of one."""
    if kind is strawberry.ID:
        return _text_list
    return _money_list if kind is Decimal else _list


def _list(raw: Any) -> list[Any]:
    return raw if isinstance(raw, list) else [raw]


def _text_list(raw: Any) -> list[str]:
    return [str(each) for each in _list(raw)]


def _money_list(raw: Any) -> list[int]:
    return [money_to_store(each) for each in _list(raw)]
