"""Reading customers out of the graph as rules see them: a whole batch in one statement, nothing later than asked."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any, Protocol

import orjson

from graph_crm.decisions import cypher
from graph_crm.graph.database import Row
from graph_crm.rules.conditions.base import EVER, Needs, longer
from graph_crm.rules.periods import Period
from graph_crm.rules.snapshot import (
    ONE_TICK,
    Contact,
    EventFact,
    Holding,
    PartyFacts,
    Related,
    Snapshot,
    status_on,
    ticked,
)

_START_OF_TIME = dt.datetime(1, 1, 1, tzinfo=dt.UTC)
_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
_NO_PAYLOAD: Mapping[str, Any] = MappingProxyType({})


class Reader(Protocol):
    """Sends a statement and returns its rows: `Transaction.run` or `Database.read`."""

    async def __call__(self, statement: str, parameters: Mapping[str, Any] | None = None, /) -> list[Row]:
        """Send one statement."""
        ...


async def load(
    read: Reader,
    ids: Sequence[str],
    *,
    now: dt.datetime,
    needs: Needs,
    triggers: Mapping[str, EventFact] | None = None,
) -> list[Snapshot]:
    """The customers ``ids`` as of ``now``, in that order; who does not exist is left out.

    ``triggers``: by customer, the event that caused the question.
    """
    now = ticked(now)
    parameters = {
        "ids": list(ids),
        "day": now.date(),
        "until": now + ONE_TICK,
        "types": sorted(needs.events),
        "eventsFrom": _start(_longest(needs), now),
        "contactsFrom": _start(needs.contacts_within, now),
    }
    statement = cypher.snapshots(needs.ties, events=bool(needs.events), contacts=needs.contacts)
    rows = await read(statement, parameters)
    triggers = triggers or {}
    found = {row["party"][0]: _snapshot(row, now, triggers.get(row["party"][0])) for row in rows}
    return [found[one] for one in ids if one in found]


async def load_event(read: Reader, event_id: str) -> tuple[str, EventFact] | None:
    """The customer and the event ``event_id``; None when it is not there."""
    rows = await read(cypher.EVENT, {"id": event_id})
    return (rows[0]["party"], _event(rows[0]["event"])) if rows else None


def _longest(needs: Needs) -> Period | None:
    windows = list(needs.events.values())
    if not windows:
        return EVER
    found = windows[0]
    for one in windows[1:]:
        found = longer(found, one)
    return found


def _start(within: Period | None, now: dt.datetime) -> dt.datetime:
    return _START_OF_TIME if within is None else within.before(now)


def _snapshot(row: Row, now: dt.datetime, trigger: EventFact | None) -> Snapshot:
    day = now.date()
    return Snapshot(
        party=_party(row["party"], day),
        now=now,
        holdings=_holdings(row["holdings"], day),
        events=tuple(_event(one) for one in row["events"]),
        contacts=tuple(_contact(one) for one in row["contacts"]),
        related=tuple(
            sorted((_related(one, now) for one in row["tied"]), key=lambda one: (one.kind, one.since, one.party.id))
        ),
        trigger=trigger,
    )


def _party(found: Sequence[Any], day: dt.date) -> PartyFacts:
    party, organization, status, born, died, segment, country, region, language, blocked, ended = found
    ended_on = _past(ended, day)
    return PartyFacts(
        id=party,
        kind="ORGANIZATION" if organization else "PERSON",
        # An end that is still to come is not known yet on the day that is asked about.
        status="ENDED" if ended_on else ("ACTIVE" if ended else status),
        born=_date(born),
        died=_past(died, day),
        segment=segment,
        country=country,
        region=region,
        language=language,
        blocked=bool(blocked),
    )


def _holdings(found: Sequence[Sequence[Any]], day: dt.date) -> tuple[Holding, ...]:
    return tuple(sorted((_holding(one, day) for one in found), key=lambda one: (one.since, one.agreement_id, one.role)))


def _holding(found: Sequence[Any], day: dt.date) -> Holding:
    agreement, product, family, role, since, until, status, dates, values, opened, closed, matures = found[:12]
    history = [dt.date.fromisoformat(one) for one in dates or ()]
    return Holding(
        agreement_id=agreement,
        product=product,
        family=family,
        role=role,
        since=dt.date.fromisoformat(since),
        until=_past(until, day),
        status=status_on(day, history, values or (), status),
        opened_on=_date(opened),
        closed_on=_past(closed, day),
        matures_on=_date(matures),
        amount=found[12],
        currency=found[13],
        term_months=found[14],
    )


def _event(found: Sequence[Any]) -> EventFact:
    event, kind, at, channel, payload, agreement = found
    read = _json(payload)
    return EventFact(
        id=event,
        type=kind,
        at=_instant(at),
        channel=channel,
        payload=MappingProxyType(read) if isinstance(read, dict) else _NO_PAYLOAD,
        agreement_id=agreement,
    )


def _json(text: str | None) -> Any:
    try:
        return orjson.loads(text) if text else None
    except orjson.JSONDecodeError:
        # Written past the platform: an event without details is better than a customer who can't be read.
        return None


def _contact(found: Sequence[Any]) -> Contact:
    contact, at, channel, direction, purpose, outcome, product = found
    return Contact(
        id=contact,
        at=_instant(at),
        channel=channel,
        direction=direction,
        purpose=purpose,
        outcome=outcome,
        product=product,
    )


def _related(found: Sequence[Any], now: dt.datetime) -> Related:
    kind, outgoing, since, until, share, party, holdings = found
    day = now.date()
    other = Snapshot(party=_party(party, day), now=now, holdings=_holdings(holdings, day))
    return Related(kind, outgoing, dt.date.fromisoformat(since), _past(until, day), share, other)


def _date(text: str | None) -> dt.date | None:
    return None if text is None else dt.date.fromisoformat(text)


def _past(text: str | None, day: dt.date) -> dt.date | None:
    """A day that has come by ``day``; what is still to come is not seen."""
    found = _date(text)
    return found if found is not None and found <= day else None


def _instant(milliseconds: int) -> dt.datetime:
    return _EPOCH + dt.timedelta(milliseconds=milliseconds)
