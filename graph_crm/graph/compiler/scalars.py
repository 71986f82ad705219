"""How a leaf travels: from the caller's JSON into a parameter, and from the row into the response."""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Callable
from decimal import Decimal, InvalidOperation
from typing import Any

import orjson
import strawberry

from graph_crm.errors import InvalidInput
from graph_crm.graph.mapping import JsonText, Scalar

HUNDREDTHS = Decimal(100)
LARGEST_AMOUNT = 10**15
LARGEST_UNITS = LARGEST_AMOUNT // 100
_CENT = Decimal("0.01")
_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)


def money_to_store(value: Any) -> int:
    """An amount as hundredths of the currency unit, as the graph holds it. At most two decimals."""
    try:
        amount = Decimal(str(value))
    except InvalidOperation as error:
        raise InvalidInput(f"{str(value)[:40]!r} is no amount.", hint='Send a decimal such as "1250.50".') from error
    if not amount.is_finite():
        raise InvalidInput(f"{str(value)[:40]!r} is no amount of money.", hint='Send a decimal such as "1250.50".')
    # The size first, by comparison: beyond it, arithmetic with decimals (abs is some) rounds or overflows.
    if not -LARGEST_UNITS <= amount <= LARGEST_UNITS:
        raise InvalidInput("The amount is too large.", hint="Amounts go up to ten million million.")
    rounded = amount.quantize(_CENT)
    if amount != rounded:
        raise InvalidInput(f"{str(value)[:40]!r} is no amount of money.", hint="Send at most two decimals.")
    return int(rounded * HUNDREDTHS)


def identifier_to_send(value: Any) -> str:
    """An identifier as text; GraphQL takes whole numbers too, and JSON may write them as 5.0."""
    return str(int(value) if isinstance(value, float) else value)


def number_to_send(value: Any) -> float:
    """A number that the database can hold."""
    try:
        number = float(value)
    except OverflowError:
        number = math.inf
    if not math.isfinite(number):
        raise InvalidInput("The number is too large.", hint="Numbers are 64 bits wide.")
    return number


def day_to_send(value: Any) -> str:
    """A day in the one form that Neo4j reads for certain; Python takes more of ISO 8601."""
    return dt.date.fromisoformat(value).isoformat()


def moment_to_send(value: Any) -> str:
    """The same for an instant, in UTC."""
    return dt.datetime.fromisoformat(value).astimezone(dt.UTC).isoformat()


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
    return _CONVERTERS.get(kind)


def list_converter(kind: Any) -> Callable[[Any], Any]:
    """The same for a list; a single value counts as a list of one."""
    return _LIST_CONVERTERS.get(kind, _list)


def _list(raw: Any) -> list[Any]:
    return raw if isinstance(raw, list) else [raw]


def _each(convert: Callable[[Any], Any]) -> Callable[[Any], list[Any]]:
    return lambda raw: [convert(each) for each in _list(raw)]


_CONVERTERS: dict[Any, Callable[[Any], Any]] = {
    strawberry.ID: identifier_to_send,
    Decimal: money_to_store,
    float: number_to_send,
    dt.date: day_to_send,
    dt.datetime: moment_to_send,
}
_LIST_CONVERTERS = {kind: _each(convert) for kind, convert in _CONVERTERS.items()}
