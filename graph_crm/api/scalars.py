"""The GraphQL scalars of the platform. Values from the graph arrive ready to show; input is checked here."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal, InvalidOperation
from typing import Any

import strawberry
from strawberry.types.scalar import ScalarDefinition

from graph_crm.graph.compiler.scalars import instant_to_show

_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)


def _date(value: Any) -> dt.date:
    try:
        return dt.date.fromisoformat(value)
    except (TypeError, ValueError) as error:
        raise ValueError(f'a Date is written "YYYY-MM-DD", not {str(value)[:40]!r}') from error


def _instant(value: Any) -> dt.datetime:
    try:
        moment = dt.datetime.fromisoformat(value)
    except (TypeError, ValueError) as error:
        raise ValueError(f'a DateTime is written "2026-01-31T12:00:00Z", not {str(value)[:40]!r}') from error
    if moment.tzinfo is None:
        raise ValueError(f'a DateTime needs a time zone, for example "{str(value)[:40]}Z"')
    return moment.astimezone(dt.UTC)


def _decimal(value: Any) -> Decimal:
    try:
        amount = Decimal(str(value))
    except InvalidOperation as error:
        raise ValueError(f'a Decimal is written "1250.50", not {str(value)[:40]!r}') from error
    if isinstance(value, bool) or not amount.is_finite():
        raise ValueError(f'a Decimal is written "1250.50", not {str(value)[:40]!r}')
    return amount


def _shown(value: Any) -> Any:
    """Values from the graph are texts already; those from Python are written in the same form."""
    if isinstance(value, dt.datetime):
        return instant_to_show((value - _EPOCH) // dt.timedelta(milliseconds=1))
    if isinstance(value, dt.date):
        return value.isoformat()
    return str(value) if isinstance(value, Decimal) else value


def _scalar(name: str, description: str, parse: Any) -> ScalarDefinition:
    return strawberry.scalar(name=name, description=description, serialize=_shown, parse_value=parse)


SCALARS: dict[object, ScalarDefinition] = {
    dt.date: _scalar("Date", "A day, written YYYY-MM-DD.", _date),
    dt.datetime: _scalar(
        "DateTime", "An instant in ISO 8601 with a time zone; answers are in UTC with milliseconds.", _instant
    ),
    Decimal: _scalar(
        "Decimal", 'An amount of money as text with two decimals, "1250.50"; a number is taken too.', _decimal
    ),
}
