"""The queries and mutations of decisions. They hold no business logic: a service does the work."""

from __future__ import annotations

from typing import cast

import strawberry
from strawberry.scalars import JSON
from strawberry.types import Info

from graph_crm.contacts.kinds import Channel
from graph_crm.decisions.advice_types import Preview
from graph_crm.decisions.pipeline import MOST_OFFERS
from graph_crm.decisions.service import DecisionService, Wish
from graph_crm.decisions.types import Decision
from graph_crm.errors import InvalidInput
from graph_crm.graph.context import RequestContext
from graph_crm.graph.mutation import mutation, query


@strawberry.input(description="A customer who is here now.")
class DecideInput:
    """A customer who is here now."""

    party_id: strawberry.ID = strawberry.field(description="The customer.")
    channel: Channel = strawberry.field(description="The channel that the customer is using.")
    context: JSON | None = strawberry.field(
        default=None, description="What the front end knows about this moment; rules see it as snapshot.context."
    )
    limit: int = strawberry.field(default=MOST_OFFERS, description="At most so many offers, 1 to 20.")


@strawberry.type
class DecisionMutations:
    """Decisions for the customer who is here."""

    @mutation(
        "The best actions for a customer who is here now, ranked, with reasons that an agent can say; kept with its "
        "trace. Advice uses up no contact limit.",
        permission="decide",
    )
    async def decide(self, info: Info[RequestContext, None], input: DecideInput) -> Decision:  # noqa: A002 - the schema's word
        """Decide, and answer with the decision."""
        wish = Wish(input.party_id, input.channel.value, _object(input.context), input.limit)
        stored = await info.context.service(DecisionService).advise(wish)
        return cast(Decision, await info.context.fetch("Decision", stored, info))


@strawberry.type
class DecisionQueries:
    """Decisions that are only tried."""

    @query("What would be decided now; nothing is written, nothing is reserved. Without a channel: by the bank itself.")
    async def preview(
        self,
        info: Info[RequestContext, None],
        party_id: strawberry.ID,
        channel: Channel | None = None,
        context: JSON | None = None,
        limit: int = MOST_OFFERS,
        language: str | None = None,
    ) -> Preview:
        """Decide without storing anything."""
        wish = Wish(party_id, channel.value if channel else None, _object(context), limit)
        return Preview.of(await info.context.service(DecisionService).preview(wish), language)


def _object(context: object) -> dict[str, object]:
    if context is None:
        return {}
    if not isinstance(context, dict):
        raise InvalidInput("context: is no JSON object", hint="Send names and values.", field="context")
    return context
