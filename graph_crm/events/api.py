"""The mutations of the events slice."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Any, cast

import strawberry
from strawberry import UNSET
from strawberry.scalars import JSON
from strawberry.types import Info

from graph_crm.contacts.kinds import Channel
from graph_crm.errors import InvalidInput
from graph_crm.events.service import EventService, RecordEvent
from graph_crm.events.types import Event
from graph_crm.graph.context import RequestContext
from graph_crm.graph.mutation import mutation


@strawberry.input(description="Something that a customer did or that happened to them.")
class RecordEventInput:
    """An event as the sender tells it."""

    type: str = strawberry.field(description="The type of the event, for example atm_balance_check.")
    party_id: strawberry.ID = strawberry.field(description="Whose event it is.")
    id: strawberry.ID | None = strawberry.field(
        default=None, description="The sender's own identifier: with it the same event may be sent again without harm."
    )
    at: dt.datetime | None = strawberry.field(default=None, description="When it happened; now when left out.")
    channel: Channel | None = strawberry.field(default=None, description="Where it happened.")
    source: str | None = strawberry.field(default=None, description="The system that says so.")
    payload: JSON | None = strawberry.field(
        default=None, description='What else the type tells, as an object; amounts are written "1250.50".'
    )
    agreement_id: strawberry.ID | None = strawberry.field(default=None, description="The agreement that it concerns.")

    def command(self) -> RecordEvent:
        """The same in the words of the service."""
        payload = None if self.payload is UNSET else self.payload
        if payload is not None and not isinstance(payload, Mapping):
            raise InvalidInput("A payload is an object", hint='For example {"amount": "1250.50"}', field="payload")
        return RecordEvent(
            type=self.type,
            party_id=str(self.party_id),
            id=None if self.id is None else str(self.id),
            at=self.at,
            channel=self.channel,
            source=self.source,
            payload=payload,
            agreement_id=None if self.agreement_id is None else str(self.agreement_id),
        )


@strawberry.type
class EventMutations:
    """Recording events."""

    @mutation("Record an event; rules are asked right after. The same event with its id may be sent again.")
    async def record_event(self, info: Info[Any, None], input: RecordEventInput) -> Event:  # noqa: A002 - GraphQL's word
        """Store the event with its outbox entry in one transaction, and answer with it."""
        context: RequestContext = info.context
        recorded = await context.service(EventService).record(input.command())
        return cast(Event, await context.fetch("Event", recorded, info))
