"""The mutation of screens. It holds no business logic: a service does the work."""

from __future__ import annotations

import datetime as dt
from typing import cast

import strawberry
from strawberry.types import Info

from graph_crm.contacts.kinds import ActionClass, Channel
from graph_crm.decisions.types import Offer
from graph_crm.delivery.screens import Screens, Shown
from graph_crm.graph.context import RequestContext
from graph_crm.graph.mutation import mutation


@strawberry.type(description="An offer as a screen shows it.")
class ScreenOffer:
    """An offer as a screen shows it."""

    offer_id: strawberry.ID = strawberry.field(description="The offer; what the customer does with it is told by it.")
    delivery_id: strawberry.ID = strawberry.field(description="The delivery that it is.")
    interaction_id: strawberry.ID | None = strawberry.field(description="The contact at which it was shown.")
    product_code: strawberry.ID = strawberry.field(description="Code of the product.")
    product: str | None = strawberry.field(description="Name of the product.")
    action_class: ActionClass = strawberry.field(description="What kind of business it is.")
    text: str = strawberry.field(description="What the screen shows.")
    reasons: list[str] = strawberry.field(description="Why it is shown, in words that the customer may read.")
    valid_until: dt.datetime | None = strawberry.field(description="When the offer expires.")

    @classmethod
    def of(cls, shown: Shown) -> ScreenOffer:
        """An offer as GraphQL shows it."""
        return cls(
            offer_id=strawberry.ID(shown.offer_id),
            delivery_id=strawberry.ID(shown.delivery_id),
            interaction_id=None if shown.interaction_id is None else strawberry.ID(shown.interaction_id),
            product_code=strawberry.ID(shown.product_code),
            product=shown.product,
            action_class=ActionClass(shown.action_class),
            text=shown.text,
            reasons=list(shown.reasons),
            valid_until=shown.valid_until,
        )

    @strawberry.field(description="The offer with all that hangs on it.")  # type: ignore[untyped-decorator]  # strawberry's own
    async def offer(self, info: Info[RequestContext, None]) -> Offer:
        """The offer, by one statement for the whole selection."""
        return cast(Offer, await info.context.fetch("Offer", self.offer_id, info))


@strawberry.type(description="What the next screen shows; often nothing.")
class NextScreen:
    """What the next screen shows."""

    offers: list[ScreenOffer] = strawberry.field(description="The offers, the best first.")


@strawberry.type
class ScreenMutations:
    """What the screens of cash machines and the online bank ask."""

    @mutation(
        "What to show a customer on the next screen of a cash machine or of the online bank; it counts as shown."
        " Nothing to show is no error. What the customer does with it is told with recordResponse.",
        permission="contact",
    )
    async def next_screen(
        self, info: Info[RequestContext, None], party_id: strawberry.ID, channel: Channel, first: int = 1
    ) -> NextScreen:
        """Answer with what is shown."""
        shown = await info.context.service(Screens).next(party_id, channel, first=first)
        return NextScreen(offers=[ScreenOffer.of(one) for one in shown])
