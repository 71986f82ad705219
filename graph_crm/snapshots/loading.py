"""Reading customers out of the graph as rules see them: a whole batch in one statement, nothing later than asked."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from types import MappingProxyType
from typing import Any, Protocol

import orjson

from graph_crm.graph.database import Row
from graph_crm.rules.conditions.base import Needs
from graph_crm.rules.interest import Look
from graph_crm.rules.periods import Period
from graph_crm.rules.snapshot import (
    CHANNELS,
    ONE_TICK,
    OPEN_OFFERS,
    OUTCOMES,
    Answer,
    ConsentFact,
    Contact,
    EventFact,
    Holding,
    OpenOffer,
    PartyFacts,
    PointFact,
    Related,
    Snapshot,
    Touch,
    epoch_milliseconds,
    status_on,
    ticked,
)
from graph_crm.snapshots import cypher

_START_OF_TIME = dt.datetime(1, 1, 1, tzinfo=dt.UTC)
_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
_NO_PAYLOAD: Mapping[str, Any] = MappingProxyType({})


class Reader(Protocol):
    """Sends a statement and returns its rows: `Transaction.run` or `Database.read`."""

    async def __call__(self, statement: str, parameters: Mapping[str, Any] | None = None, /) -> list[Row]:
        """Send one statement."""
        ...


@dataclass(frozen=True, slots=True)
class Memory:
    """What of the customers' past the contact policy must see. Without it consents and touches are not read."""

    touches: dt.timedelta
    """How far back contacts count."""
    answers: dt.timedelta
    """How far back what was said to offers counts."""
    household: bool = True
    """Whether contacts of the household count."""
    points: bool = True
    """Whether contacts of others by the same phone or e-mail address count."""


async def load(
    read: Reader,
    ids: Sequence[str],
    *,
    now: dt.datetime,
    needs: Needs,
    triggers: Mapping[str, EventFact] | None = None,
    memory: Memory | None = None,
) -> list[Snapshot]:
    """The customers ``ids`` as of ``now``, in that order; who does not exist is left out.

    ``triggers``: by customer, the event that caused the question. ``memory``: what the contact policy needs.
    """
    now = ticked(now)
    parameters = {
        "ids": list(ids),
        "day": now.date(),
        "until": epoch_milliseconds(now + ONE_TICK),
        "types": sorted(needs.events),
        "eventsFrom": {kind: epoch_milliseconds(_start(within, now)) for kind, within in needs.events.items()},
        "looksFrom": (needs.looks.before(now) if needs.looks else now).date(),
        "contactsFrom": epoch_milliseconds(_start(needs.contacts_within, now)),
        "touchesFrom": epoch_milliseconds(now - memory.touches if memory else now),
        "answersFrom": epoch_milliseconds(now - memory.answers if memory else now),
        "outcomes": list(OUTCOMES),
        "open": list(OPEN_OFFERS),
    }
    statement = _statement(needs.ties, bool(needs.events), needs.contacts, needs.looks is not None, memory)
    rows = await read(statement, parameters)
    triggers = triggers or {}
    found = {row["party"][0]: _snapshot(row, now, needs, triggers.get(row["party"][0])) for row in rows}
    return [found[one] for one in ids if one in found]


async def load_event(read: Reader, event_id: str) -> tuple[str, EventFact] | None:
    """The customer and the event ``event_id``; None when it is not there."""
    return (await load_events(read, [event_id])).get(event_id)


async def load_events(read: Reader, event_ids: Sequence[str]) -> dict[str, tuple[str, EventFact]]:
    """By its id, each of these events with its customer, in one statement; those that are not there are left out."""
    rows = await read(cypher.EVENTS, {"ids": sorted(set(event_ids))})
    return {row["event"][0]: (row["party"], _event(row["event"])) for row in rows}


@cache
def _statement(ties: frozenset[str], events: bool, contacts: bool, looks: bool, memory: Memory | None) -> str:  # noqa: FBT001 - what is read
    return cypher.snapshots(
        ties,
        events=events,
        contacts=contacts,
        looks=looks,
        memory=memory is not None,
        household=memory is not None and memory.household,
        points=memory is not None and memory.points,
    )


def _start(within: Period | None, now: dt.datetime) -> dt.datetime:
    return _START_OF_TIME if within is None else within.before(now)


def _snapshot(row: Row, now: dt.datetime, needs: Needs, trigger: EventFact | None) -> Snapshot:
    day = now.date()
    points = tuple(_point(one) for one in row["points"])
    return Snapshot(
        party=_with_household(_party(row["party"], day), row["party"][13], row["households"]),
        now=now,
        holdings=_holdings(row["holdings"], day),
        events=tuple(_event(one) for one in row["events"]),
        contacts=tuple(_contact(one) for one in row["contacts"]),
        related=tuple(
            sorted((_related(one, now) for one in row["tied"]), key=lambda one: (one.kind, one.since, one.party.id))
        ),
        looks=_looks(row["looks"], now, needs.looks),
        trigger=trigger,
        consents=tuple(_consent(one) for one in row["consents"]),
        points=points,
        touches=_touches(row["touches"], points),
        answers=tuple(sorted((_answer(one) for one in row["answers"]), key=lambda one: (one.at, one.id))),
        open_offers=tuple(_open_offer(one) for one in row["offers"]),
        versions=MappingProxyType(dict(row["versions"])),
    )


def _looks(found: Sequence[Sequence[Any]], now: dt.datetime, within: Period | None) -> tuple[Look, ...]:
    since = _start(within, now)
    looks = (
        Look(product, family, _instant(moment), weight)
        for product, family, moments, weights in found
        for moment, weight in zip(moments, weights, strict=True)
    )
    return tuple(
        sorted((one for one in looks if since <= one.at <= now), key=lambda one: (one.at, one.product, one.weight))
    )


def _with_household(party: PartyFacts, unit: str | None, households: Sequence[Sequence[Any]]) -> PartyFacts:
    household = households[0][0] if households else None
    own = unit or household or party.id
    # Every household counts, not only the first: a customer of two is on one side with both.
    others = sorted({one for name, units in households for one in (name, *units)} - {own})
    return replace(party, household=household, control_units=(own, *others))


def _consent(found: Sequence[Any]) -> ConsentFact:
    consent, purpose, status, at, channel, point = found
    return ConsentFact(id=consent, purpose=purpose, status=status, at=_instant(at), channel=channel, point=point)


def _point(found: Sequence[Any]) -> PointFact:
    key, kind, preferred, blocked, usage, shared, said = found
    return PointFact(
        key=key,
        kind=kind,
        preferred=bool(preferred),
        blocked=bool(blocked),
        usage=usage,
        shared_with=shared,
        stopped=_stopped(said),
    )


def _stopped(said: Sequence[Sequence[Any]]) -> tuple[tuple[str, str | None, str], ...]:
    """Who refused contacts to this very point, by the newest statement of each party about it."""
    newest: dict[tuple[str, str, str], tuple[str, str]] = {}
    for party, purpose, channel, status, consent in said:
        for one in CHANNELS if channel is None else (channel,):
            newest[party, purpose, one] = (status, consent)
    return tuple(
        (purpose, channel, consent)
        for (_, purpose, channel), (status, consent) in sorted(newest.items())
        if status != "GRANTED"
    )


_KIND_OF_CHANNEL = MappingProxyType({"PHONE": "PHONE", "SMS": "PHONE", "EMAIL": "EMAIL", "PUSH": "PUSH"})


def _touches(found: Sequence[Sequence[Any]], points: Sequence[PointFact]) -> tuple[Touch, ...]:
    """Each contact once, however many of the ways led to it."""
    touches: dict[str, Touch] = {}
    for row in found:
        one = _touch(row, points)
        before = touches.get(one.id)
        if before is not None:
            one = replace(
                before,
                own=before.own or one.own,
                household=before.household or one.household,
                points=tuple(sorted({*before.points, *one.points})),
                party=before.party or one.party,
            )
        touches[one.id] = one
    return tuple(sorted(touches.values(), key=lambda one: (one.at, one.id)))


def _touch(found: Sequence[Any], points: Sequence[PointFact]) -> Touch:
    channel, point, via = found[3], found[12], found[14]
    own = via == "own"
    if own:
        kind = _KIND_OF_CHANNEL.get(channel)
        # Without a named point any of the customer's own may have been used.
        reached = (point,) if point else tuple(one.key for one in points if one.kind == kind)
    else:
        reached = () if via == "household" else (via,)
    return Touch(
        id=found[0],
        at=_instant(found[1]),
        until=_instant(found[2]),
        channel=channel,
        direction=found[4],
        action_class=found[5],
        purpose=found[6],
        outcome=found[7],
        product=found[8],
        party=found[9],
        own=own,
        household=own or via == "household",
        points=reached,
        call_back_at=None if found[10] is None else _instant(found[10]),
        reserved=found[13],
        offer_id=found[11],
    )


def _open_offer(found: Sequence[Any]) -> OpenOffer:
    offer, product, status, channel, made_at = found
    return OpenOffer(id=offer, product=product, status=status, channel=channel, made_at=_instant(made_at))


def _answer(found: Sequence[Any]) -> Answer:
    answer, outcome, at, product, family, channel, offer, back = found
    return Answer(
        id=answer,
        outcome=outcome,
        at=_instant(at),
        product=product,
        family=family,
        channel=channel,
        offer_id=offer,
        call_back_at=None if back is None else _instant(back),
    )


def _party(found: Sequence[Any], day: dt.date) -> PartyFacts:
    party, organization, status, born, died, segment, country, region, language, blocked, ended = found[:11]
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
        time_zone=found[11],
        vulnerable=bool(found[12]),
        restricted=bool(found[14]),
        merging=bool(found[15]),
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
