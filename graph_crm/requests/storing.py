"""Requests that come in at the same time are read for together, and stored by one transaction.

Each is stored whole or not at all, and is answered only after the commit that stored it. One that can't be stored
takes nobody with it: the others are stored without it.
"""

from __future__ import annotations

import asyncio
import contextvars
import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from operator import itemgetter
from typing import Any, Final

from graph_crm import logs
from graph_crm.audit import acting
from graph_crm.audit.entries import Entry
from graph_crm.audit.journal import record
from graph_crm.audit.kinds import kind_of
from graph_crm.delivery.queueing import Message, queue_many
from graph_crm.errors import DatabaseTimeout, DatabaseUnavailable
from graph_crm.graph import outbox
from graph_crm.graph.database import Database, Transaction
from graph_crm.graph.gathering import Gathering
from graph_crm.requests import cypher
from graph_crm.requests.attachments.service import carry
from graph_crm.requests.commands import Effect, Happening, NewRequest
from graph_crm.requests.draft import ALARM
from graph_crm.requests.kinds import RequestKind, RequestStatus
from graph_crm.requests.messages import point_of
from graph_crm.requests.routing import Choice
from graph_crm.rules.snapshot import epoch_milliseconds

MOST: Final = 40
"""Requests of one transaction: it stays far below the time that a write may take."""
GAP: Final = 0.05
"""Seconds between two transactions in a rush; where requests come one by one, none waits."""

log = logs.get(__name__)


@dataclass(frozen=True, kw_only=True)
class Ready:
    """A request with everything about it decided, to be stored."""

    request: NewRequest
    id: str
    number: str
    key: str | None
    by: str | None
    owner: Choice
    first_response_due: dt.datetime
    due: dt.datetime
    look: dt.datetime
    status: RequestStatus
    properties: Mapping[str, Any]
    entries: Sequence[dict[str, Any]]
    messages: Sequence[Message]
    happening: Happening
    alarm_key: str
    now: dt.datetime
    context: contextvars.Context = field(default_factory=contextvars.copy_context)
    """Of whoever asked: what follows from the request happens in it."""


class OwnerLeft(Exception):
    """The owner who was chosen is not there any more, or the customer: nothing was stored."""


class RequestStore:
    """Reads what has to be known of requests before they are decided, and stores them."""

    def __init__(self, database: Database, effects: Sequence[Effect]) -> None:
        self._database = database
        self._effects = tuple(effects)
        self._reading = Gathering(self._read, most=MOST, at_once=2, gap=GAP, apart=_of_one)
        self._storing = Gathering(self._store_all, most=MOST, at_once=2, gap=GAP)

    async def known(self, request: NewRequest, key: str | None) -> Mapping[str, Any]:
        """What the graph says about what ``request`` names; see `cypher.PREPARE`."""
        place = point_of(request.contact)
        return await self._reading.ask(
            {
                "partyId": request.party_id,
                "point": None if place is None else place[1],
                "product": request.product_code,
                "agreement": request.agreement_id,
                "event": request.event_id,
                "interaction": request.interaction_id,
                "call": request.call_id,
                "key": key,
            }
        )

    async def store(self, ready: Ready) -> None:
        """Store a request; returns when it is committed.

        Raises: AlreadyExists where its number or its key is taken, OwnerLeft, and what its effects raise.
        """
        if ready.happening.kind is RequestKind.COMPLAINT or ready.request.attachments:
            # What follows locks more than the request: together they would wait for each other.
            (refused,) = await self._stored([ready])
            if refused is not None:
                raise refused
            return
        await self._storing.ask(ready)

    async def _read(self, asked: Sequence[Mapping[str, Any]]) -> Sequence[Mapping[str, Any]]:
        (row,) = await self._database.read(cypher.PREPARE, {"rows": list(asked)})
        known = sorted(row["known"], key=itemgetter("place"))
        return [{**one, "now": row["now"]} for one in known]

    async def _store_all(self, requests: Sequence[Ready]) -> Sequence[Exception | None]:
        """Store them; for each None, or why it is not stored."""
        try:
            return await self._stored(requests)
        except Exception as error:
            if len(requests) == 1 or not (_of_one(error) or _outcome_unknown(error)):
                raise
            # What is wrong is with one of them, or it is not known whether they are stored: each for itself then.
            log.info("requests_stored_one_by_one", count=len(requests), error=type(error).__name__)
            lost = error if _outcome_unknown(error) else None
            return [await self._alone(one, lost) for one in requests]

    async def _alone(self, one: Ready, lost: Exception | None) -> Exception | None:
        if lost is not None and one.key is None:
            return lost  # stored again it might be there twice
        try:
            return (await self._stored([one]))[0]
        except Exception as error:  # noqa: BLE001 - it goes to whoever asked for this one, and to nobody else
            return error

    async def _stored(self, requests: Sequence[Ready]) -> list[Exception | None]:
        # In the order of the owners, in which everybody's transactions meet them.
        ordered = sorted(requests, key=lambda one: (one.properties["ownerId"] or "", one.request.party_id or ""))

        async def work(tx: Transaction) -> set[str]:
            return await self._write(tx, ordered)

        # Stored a second time they would meet their own keys.
        stored = await self._database.write(work, idempotent=all(one.key is not None for one in requests))
        return [None if one.id in stored else OwnerLeft() for one in requests]

    async def _write(self, tx: Transaction, requests: Sequence[Ready]) -> set[str]:
        (row,) = await tx.run(cypher.OPEN, {"rows": [_row(one) for one in requests]})
        stored = set(row["ids"])
        opened = [one for one in requests if one.id in stored]
        for one in opened:
            await self._tie(tx, one)
        alarms = [outbox.NewEntry(ALARM, one.id, {"requestId": one.id}, one.alarm_key, one.look) for one in opened]
        await queue_many(tx, [message for one in opened for message in one.messages], also=alarms)
        for one in opened:
            if len(requests) == 1:
                await self._follow(tx, one)
            else:
                await asyncio.create_task(self._follow(tx, one), context=one.context.copy())
        if acting.current() is None:  # a transaction of several: each is put down to whoever asked for it
            for one in opened:
                _put_down(tx, one)
        return stored

    async def _follow(self, tx: Transaction, one: Ready) -> None:
        """What else follows, in the context of whoever asked."""
        for effect in self._effects:
            await effect(tx, one.happening)

    async def _tie(self, tx: Transaction, one: Ready) -> None:
        request = one.request
        about = {
            "product": request.product_code,
            "agreement": request.agreement_id,
            "event": request.event_id,
            "interaction": request.interaction_id,
            "call": request.call_id,
        }
        if any(about.values()):
            await tx.run(cypher.REFER, {"id": one.id, **about})
        await carry(tx, one.entries[0]["id"], request.attachments, by=one.by)


def _put_down(tx: Transaction, one: Ready) -> None:
    made = one.context.copy().run(acting.current)
    if made is not None and made.writes:
        entry = Entry(
            kind_of(made.writes),
            made.writes,
            [*made.about, one.id],
            actor=made.actor,
            operation=made.operation,
            document=made.document,
        )
        record(tx, entry)


def _row(one: Ready) -> dict[str, Any]:
    owner = one.owner.owner
    return {
        "partyId": one.request.party_id,
        "ownerId": owner.id if owner else None,
        "now": epoch_milliseconds(one.now),
        "firstResponseDue": epoch_milliseconds(one.first_response_due),
        "due": epoch_milliseconds(one.due),
        "number": one.number,
        "properties": _given(one.properties),
        "entries": [{"id": entry["id"], "properties": _given(entry["properties"], but="at")} for entry in one.entries],
    }


def _given(properties: Mapping[str, Any], *, but: str = "") -> dict[str, Any]:
    """Without what is empty, which would only be sent and packed."""
    return {name: value for name, value in properties.items() if value is not None and name != but}


def _of_one(error: Exception) -> bool:
    """Whether an error may be about one request of several, and not about the database."""
    return not isinstance(error, DatabaseUnavailable | DatabaseTimeout)


def _outcome_unknown(error: Exception) -> bool:
    return isinstance(error, DatabaseUnavailable) and error.details.get("outcome") == "UNKNOWN"
