"""The queries and mutations of the events slice. They hold no business logic: a service does the work."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Annotated, Any, cast

import strawberry
from strawberry import UNSET
from strawberry.scalars import JSON
from strawberry.types import Info

from graph_crm.contacts.kinds import Channel
from graph_crm.errors import InvalidInput
from graph_crm.events.counting import EventCounting
from graph_crm.events.kinds import EventGroup
from graph_crm.events.service import EventService, Recorded, RecordEvent
from graph_crm.events.types import Event
from graph_crm.graph.context import RequestContext
from graph_crm.graph.mutation import mutation, query


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
    session_id: strawberry.ID | None = strawberry.field(
        default=None, description="The session in which it happened; one that is not known is opened by it."
    )

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
            session_id=None if self.session_id is None else str(self.session_id),
        )


@strawberry.input(
    description="An event of a batch, as RecordEventInput. What can't be read refuses this event and not the batch,"
    " so that no field is checked by the schema."
)
class EventRowInput:
    """An event of a batch."""

    type: str | None = strawberry.field(default=None, description="Required: the type of the event.")
    party_id: strawberry.ID | None = strawberry.field(default=None, description="Required: whose event it is.")
    id: strawberry.ID | None = strawberry.field(
        default=None, description="The sender's own identifier: with it the same event may be sent again without harm."
    )
    at: str | None = strawberry.field(
        default=None, description='When it happened, "2026-01-31T12:00:00Z"; now when left out.'
    )
    channel: str | None = strawberry.field(default=None, description="Where it happened, a value of Channel.")
    source: str | None = strawberry.field(default=None, description="The system that says so.")
    payload: JSON | None = strawberry.field(
        default=None, description='What else the type tells, as an object; amounts are written "1250.50".'
    )
    agreement_id: strawberry.ID | None = strawberry.field(default=None, description="The agreement that it concerns.")
    session_id: strawberry.ID | None = strawberry.field(
        default=None, description="The session in which it happened; one that is not known is opened by it."
    )

    def row(self) -> dict[str, Any]:
        """The same by the names of the service."""
        return {
            "type": self.type,
            "partyId": self.party_id,
            "id": self.id,
            "at": self.at,
            "channel": self.channel,
            "source": self.source,
            "payload": None if self.payload is UNSET else self.payload,
            "agreementId": self.agreement_id,
            "sessionId": self.session_id,
        }


@strawberry.type(description="An event of a batch that was not recorded.")
class RefusedEventReport:
    """An event of a batch that was not recorded."""

    index: int = strawberry.field(description="Its place in the batch, from 0.")
    id: strawberry.ID | None = strawberry.field(description="The sender's identifier, where there was one.")
    code: str = strawberry.field(description="The stable code of the reason, for example NOT_FOUND.")
    field: str | None = strawberry.field(description="The field that is to blame.")
    reason: str = strawberry.field(description="What is wrong.")
    hint: str | None = strawberry.field(description="What to do about it.")


@strawberry.type(description="What became of a batch; the three lists add up to the events that were sent.")
class RecordedEvents:
    """What became of a batch."""

    recorded: list[strawberry.ID] = strawberry.field(description="The events that are new, in the order sent.")
    duplicates: list[strawberry.ID] = strawberry.field(
        description="Those that were recorded before, or came twice in the batch: nothing was changed."
    )
    refused: list[RefusedEventReport] = strawberry.field(description="Those that were not recorded, and why.")
    ids: list[strawberry.ID | None] = strawberry.field(
        description="The identifier of each event, in the order sent; null where it was refused."
    )

    @classmethod
    def of(cls, done: Recorded) -> RecordedEvents:
        """A result as GraphQL shows it."""
        return cls(
            recorded=[strawberry.ID(one) for one in done.recorded],
            duplicates=[strawberry.ID(one) for one in done.duplicates],
            refused=[
                RefusedEventReport(
                    index=one.index,
                    id=None if one.id is None else strawberry.ID(one.id),
                    code=one.code,
                    field=one.field,
                    reason=one.reason,
                    hint=one.error.hint,
                )
                for one in done.refused
            ],
            ids=[None if one is None else strawberry.ID(one) for one in done.ids],
        )


@strawberry.type(name="EventType", description="A type of event that can be recorded.")
class EventTypeShown:
    """A type of event that can be recorded."""

    name: str = strawberry.field(description="Its name, for example atm_balance_check.")
    description: str = strawberry.field(description="What it means.")
    payload_schema: JSON = strawberry.field(description="What its payload may hold, as a JSON schema.")
    keep_days: int | None = strawberry.field(description="For so many days raw events of it are kept.")


@strawberry.type(name="EventCount", description="How many events there were of a group.")
class EventCountShown:
    """How many events there were of a group."""

    events: int = strawberry.field(description="How many.")
    type: str | None = strawberry.field(description="Their type, when grouped by it.")
    channel: Channel | None = strawberry.field(description="Where they happened, when grouped by it and known.")
    day: dt.date | None = strawberry.field(description="Their day, or the first day of their month.")


@strawberry.type
class EventQueries:
    """What can be recorded, and how much was."""

    @query("The types of events that can be recorded, those of plugins included.")
    async def event_types(self, info: Info[Any, None]) -> list[EventTypeShown]:
        """Every type with its JSON schema."""
        context: RequestContext = info.context
        service = context.service(EventService)
        return [
            EventTypeShown(
                name=one.name,
                description=one.description,
                payload_schema=cast(JSON, one.schema()),
                keep_days=service.keeping.days(one.name) if service.keeping else None,
            )
            for one in service.catalogue
        ]

    @query(
        "How many events there were, counted by day for ever, also after the raw events are gone.", permission="insight"
    )
    async def event_counts(
        self,
        info: Info[Any, None],
        first_day: Annotated[dt.date, strawberry.argument(name="from", description="The first day (UTC).")],
        last_day: Annotated[dt.date, strawberry.argument(name="to", description="The last day, counted too.")],
        group_by: Annotated[list[EventGroup], strawberry.argument(description="What to count by.")],
        types: Annotated[list[str] | None, strawberry.argument(description="Only events of these types.")] = None,
    ) -> list[EventCountShown]:
        """Counts of a period, by group."""
        context: RequestContext = info.context
        found = await context.service(EventCounting).count(first_day, last_day, group_by, types=types)
        return [
            EventCountShown(
                events=one.events,
                type=one.type,
                channel=None if one.channel is None else Channel(one.channel),
                day=one.day,
            )
            for one in found
        ]


@strawberry.type
class EventMutations:
    """Recording events."""

    @mutation("Record an event; rules are asked right after. The same event with its id may be sent again.")
    async def record_event(self, info: Info[Any, None], input: RecordEventInput) -> Event:  # noqa: A002 - GraphQL's word
        """Store the event with its outbox entry in one transaction, and answer with it."""
        context: RequestContext = info.context
        recorded = await context.service(EventService).record(input.command())
        return cast(Event, await context.fetch("Event", recorded, info))

    @mutation(
        "Record up to 1,000 events at once, in any order. A bad one is refused alone, with its place and reason; the"
        " same events with their ids may be sent again."
    )
    async def record_events(
        self,
        info: Info[Any, None],
        events: Annotated[list[EventRowInput], strawberry.argument(description="The events.")],
    ) -> RecordedEvents:
        """Store a batch of events and tell what became of each."""
        context: RequestContext = info.context
        return RecordedEvents.of(await context.service(EventService).record_rows([one.row() for one in events]))
