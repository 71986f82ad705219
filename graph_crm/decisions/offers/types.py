"""The GraphQL types of responses, and the ways from a decision to the agreement that it led to."""

from __future__ import annotations

import datetime as dt

import strawberry

from graph_crm.contacts.kinds import ActionClass, Channel
from graph_crm.contacts.types import Interaction, Reservation
from graph_crm.decisions.kinds import ResponseOutcome
from graph_crm.decisions.types import Offer
from graph_crm.graph.mapping import JsonText, Root, graph, many, one, prop
from graph_crm.parties.types import Party
from graph_crm.products.types import Agreement


@graph.node(label="Response")
class Response:
    """What became of an offer at a contact; it is never changed."""

    id: strawberry.ID = prop("Identifier of the response.", order=True)
    outcome: ResponseOutcome = prop("What became of the offer.")
    at: dt.datetime = prop("When the customer said or did it.", order=True)
    recorded_at: dt.datetime | None = prop("When the bank heard of it.", order=True)
    channel: Channel | None = prop("Where it was said.")
    note: str | None = prop("What the employee wrote down.", filter=False)
    call_back_at: dt.datetime | None = prop("When the customer asked to be called.", order=True)
    by: str | None = prop("Who told it; platform where the offer's validity ended without an answer.")
    late: bool | None = prop("Whether the offer had expired or was cancelled when it was told.")
    product_code: str | None = prop("Code of the offer's product.")
    family_code: str | None = prop("Code of the product's family.")
    offer: Offer | None = one("The offer that was answered.", "ANSWERED_BY", Offer, direction="in")
    interaction: Interaction | None = one("The contact at which it was said.", "LED_TO", Interaction, direction="in")


@graph.extend(Offer)
class _OfferLife:
    action_class: ActionClass | None = prop("What kind of business it is.")
    channel: Channel | None = prop("The channel chosen for it.")
    point_key: str | None = prop("The contact point chosen for it, for example PHONE:+420602123456.")
    not_before: dt.datetime | None = prop("When the customer may be contacted first, or asked to be.", order=True)
    valid_until: dt.datetime | None = prop("When it expires.", order=True)
    status_reason: str | None = prop("Why it stands there, as a stable code.")
    status_at: dt.datetime | None = prop("Since when it stands there.", order=True)
    rank: int | None = prop("Its place in its decision, 1 for the best.", order=True)
    factors: JsonText | None = prop("What its priority was made of, factor by factor.")
    script: str | None = prop("What an agent or a screen can say.", filter=False)
    party: Party | None = one("Whom it is for.", "OFFERED_TO", Party)
    responses: Response = many("What became of it, the latest first.", "ANSWERED_BY", Response, order="AT_DESC")
    interactions: Interaction = many(
        "The contacts at which it was told, shown or answered, the latest first.",
        "DELIVERED_AS",
        Interaction,
        order="AT_DESC",
    )
    agreement: Agreement | None = one("What it led to.", "CONVERTED_TO", Agreement)


@graph.extend(Interaction)
class _InteractionOffers:
    offers: Offer = many("The offers that it was about.", "DELIVERED_AS", Offer, direction="in")
    responses: Response = many("What the customer said to them.", "LED_TO", Response, order="AT_DESC")


@graph.extend(Reservation)
class _ReservationOffer:
    offer: Offer | None = one("The offer that it is held for.", "FOR_OFFER", Offer)


@graph.extend(Agreement)
class _AgreementOffer:
    offer: Offer | None = one("The offer that led to it.", "CONVERTED_TO", Offer, direction="in")


@graph.extend(Party)
class _PartyOffers:
    offers: Offer = many(
        "What was offered to the party, the latest first.", "OFFERED_TO", Offer, direction="in", order="CREATED_AT_DESC"
    )


graph.root(Root(name="offer", node=Offer, description="The offer with this identifier; null when there is none."))
graph.root(
    Root(name="response", node=Response, description="The response with this identifier; null when there is none.")
)
graph.root(Root(name="responses", node=Response, page=True, description="Responses, by identifier or as ordered."))
