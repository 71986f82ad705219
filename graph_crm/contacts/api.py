"""The mutations of contacts. They hold no business logic: a service does the work."""

from __future__ import annotations

import datetime as dt
from typing import cast

import strawberry
from strawberry.types import Info

from graph_crm.contacts.kinds import Channel, ContactDirection
from graph_crm.contacts.service import ContactService, NewInteraction
from graph_crm.contacts.types import Interaction
from graph_crm.graph.context import RequestContext
from graph_crm.graph.mutation import mutation
from graph_crm.parties.inputs import KEY, SOURCE


@strawberry.input(description="A contact between the bank and a party that took place.")
class RecordInteractionInput:
    """A contact that took place."""

    party_id: strawberry.ID = strawberry.field(description="The party.")
    channel: Channel = strawberry.field(description="Where it took place.")
    direction: ContactDirection = strawberry.field(description="Who began it.")
    purpose: str = strawberry.field(description="Why it took place, a word such as OFFER or SERVICE.")
    outcome: str | None = strawberry.field(
        default=None, description="How it ended, a word such as ACCEPTED or NO_ANSWER."
    )
    at: dt.datetime | None = strawberry.field(default=None, description="When it took place; now when left out.")
    note: str | None = strawberry.field(default=None, description="What the employee wrote down.")
    product_code: strawberry.ID | None = strawberry.field(default=None, description="The product that it was about.")
    source: str | None = strawberry.field(default=None, description=SOURCE)
    id: strawberry.ID | None = strawberry.field(default=None, description="The bank's own id; made up when left out.")
    idempotency_key: str | None = strawberry.field(default=None, description=KEY)

    def command(self) -> NewInteraction:
        """The same in the words of the service."""
        return NewInteraction(
            party_id=self.party_id,
            channel=self.channel,
            direction=self.direction,
            purpose=self.purpose,
            outcome=self.outcome,
            at=self.at,
            note=self.note,
            product_code=self.product_code,
            source=self.source,
        )


@strawberry.type
class ContactMutations:
    """Recording contacts."""

    @mutation("Record a contact that took place; it is never changed afterwards.")
    async def record_interaction(
        self,
        info: Info[RequestContext, None],
        input: RecordInteractionInput,  # noqa: A002 - the schema's word
    ) -> Interaction:
        """Record a contact and answer with it."""
        service = info.context.service(ContactService)
        written = await service.record(input.command(), id=input.id, idempotency_key=input.idempotency_key)
        return cast(Interaction, await info.context.fetch("Interaction", written.id, info))
