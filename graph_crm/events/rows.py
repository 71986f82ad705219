"""An event as a row of a batch or a line of a file: every field may be wrong, and is then named."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Any

from graph_crm.contacts.kinds import Channel
from graph_crm.errors import InvalidInput
from graph_crm.events.checking import RecordEvent

FIELDS = ("id", "type", "partyId", "at", "channel", "source", "payload", "agreementId", "sessionId")
"""The names of a row, as GraphQL has them."""


def command(row: object) -> RecordEvent:
    """The event that a row tells. Raises InvalidInput that names the field."""
    if not isinstance(row, Mapping):
        raise InvalidInput("An event is an object", hint='For example {"type": "login", "partyId": "p1"}')
    unknown = [name for name in row if name not in FIELDS]
    if unknown:
        name = str(unknown[0])[:80]
        raise InvalidInput(f"{name!r} is no field of an event", hint=f"Known are {', '.join(FIELDS)}", field=name)
    payload = row.get("payload")
    if payload is not None and not isinstance(payload, Mapping):
        raise InvalidInput("A payload is an object", hint='For example {"amount": "1250.50"}', field="payload")
    return RecordEvent(
        type=_needed(row, "type"),
        party_id=_needed(row, "partyId"),
        id=_text(row, "id"),
        at=_instant(row),
        channel=_channel(row),
        source=_text(row, "source"),
        payload=payload,
        agreement_id=_text(row, "agreementId"),
        session_id=_text(row, "sessionId"),
    )


def _text(row: Mapping[str, Any], field: str) -> str | None:
    value = row.get(field)
    if value is None or isinstance(value, str):
        return value
    raise InvalidInput(f"{field}: is no text", field=field)


def _needed(row: Mapping[str, Any], field: str) -> str:
    value = _text(row, field)
    if value is None:
        raise InvalidInput(f"{field}: is missing", field=field)
    return value


def _instant(row: Mapping[str, Any]) -> dt.datetime | None:
    value = row.get("at")
    if value is None or isinstance(value, dt.datetime):
        return value
    try:
        return dt.datetime.fromisoformat(_needed(row, "at"))
    except ValueError as error:
        raise InvalidInput("at: is no instant", hint="For example 2026-01-31T12:00:00Z", field="at") from error


def _channel(row: Mapping[str, Any]) -> Channel | None:
    value = _text(row, "channel")
    try:
        return None if value is None else Channel(value)
    except ValueError as error:
        raise InvalidInput(
            f"There is no channel {str(value)[:80]!r}", hint=f"Known are {', '.join(Channel)}", field="channel"
        ) from error
