"""The mutation of responses. It holds no business logic: a service does the work."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import cast

import strawberry
from strawberry import UNSET
from strawberry.types import Info

from graph_crm.contacts.kinds import Channel
from graph_crm.decisions.kinds import ResponseOutcome
from graph_crm.decisions.offers.responses import Acceptance, NewResponse, ResponseService
from graph_crm.decisions.offers.types import Response
from graph_crm.graph.context import RequestContext
from graph_crm.graph.mutation import mutation
from graph_crm.parties.inputs import KEY
from graph_crm.products.commands import AgreementDetails


@strawberry.input(
    description="What a yes led to: an agreement that another system opened, or the terms of the one to be opened."
)
class AcceptanceInput:
    """What a yes led to."""

    agreement_id: strawberry.ID | None = strawberry.field(
        default=None, description="The agreement that was opened; without it one is opened on the offer's product."
    )
    number: str | None = strawberry.field(default=None, description="Number that the customer knows.")
    amount: Decimal | None = strawberry.field(default=None, description="Amount granted or insured.")
    payment: Decimal | None = strawberry.field(default=None, description="Amount of one instalment.")
    currency: str | None = strawberry.field(default=None, description="Currency, ISO 4217; the product's if left out.")
    interest_rate: float | None = strawberry.field(default=None, description="Interest a year, 0.05 for five per cent.")
    term_months: int | None = strawberry.field(default=None, description="Agreed duration in months.")
    matures_on: dt.date | None = strawberry.field(default=None, description="Day on which it ends by contract.")
    purpose: str | None = strawberry.field(default=None, description="What the customer wants it for.")

    def command(self) -> Acceptance:
        """The same in the words of the service."""
        terms = {name: value for name, value in vars(self).items() if name != "agreement_id"}
        given = {name: UNSET if value is None else value for name, value in terms.items()}
        return Acceptance(agreement_id=self.agreement_id, details=AgreementDetails(**given))


@strawberry.input(description="What became of an offer: what the customer said or did, or that nobody answered.")
class RecordResponseInput:
    """What became of an offer."""

    offer_id: strawberry.ID = strawberry.field(description="The offer.")
    outcome: ResponseOutcome = strawberry.field(description="What became of it.")
    at: dt.datetime | None = strawberry.field(default=None, description="When; now when left out.")
    channel: Channel | None = strawberry.field(
        default=None, description="Where; the channel of the contact, or the one chosen for the offer, when left out."
    )
    note: str | None = strawberry.field(default=None, description="What the employee wrote down.")
    call_back_at: dt.datetime | None = strawberry.field(
        default=None, description="With LATER: when the customer wants to be called."
    )
    interaction_id: strawberry.ID | None = strawberry.field(
        default=None,
        description="The recorded contact at which it was said; when left out, the contact that the slot was held for,"
        " the last one about the offer on that channel, or a new one.",
    )
    acceptance: AcceptanceInput | None = strawberry.field(
        default=None, description="With ACCEPTED: the agreement, or the terms of the one to be opened."
    )
    idempotency_key: str | None = strawberry.field(default=None, description=KEY)

    def command(self) -> NewResponse:
        """The same in the words of the service."""
        return NewResponse(
            offer_id=self.offer_id,
            outcome=self.outcome,
            at=self.at,
            channel=self.channel,
            note=self.note,
            call_back_at=self.call_back_at,
            interaction_id=self.interaction_id,
            acceptance=self.acceptance.command() if self.acceptance else None,
        )


@strawberry.type
class ResponseMutations:
    """Recording what became of offers."""

    @mutation(
        "Record what became of an offer. ACCEPTED opens the agreement or names one, REJECTED begins the cool-off, LATER"
        " and NO_ANSWER let it wait. The same answer again changes nothing; the opposite one is refused.",
        permission="contact",
    )
    async def record_response(
        self,
        info: Info[RequestContext, None],
        input: RecordResponseInput,  # noqa: A002 - the schema's word
    ) -> Response:
        """Record a response and answer with it."""
        caller = info.context.caller
        written = await info.context.service(ResponseService).record(
            input.command(), by=getattr(caller, "subject", None), idempotency_key=input.idempotency_key
        )
        return cast(Response, await info.context.fetch("Response", written.id, info))
