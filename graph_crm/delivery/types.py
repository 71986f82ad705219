"""The GraphQL type of messages, and where they live in the graph."""

from __future__ import annotations

import datetime as dt

import strawberry

from graph_crm.contacts.kinds import ActionClass, Channel, ContactPurpose
from graph_crm.contacts.types import Interaction
from graph_crm.decisions.types import Offer
from graph_crm.delivery.kinds import DeliveryState
from graph_crm.graph.mapping import Root, computed, graph, many, one, prop
from graph_crm.parties.types import Party


@graph.node(label="Delivery")
class Delivery:
    """A message of the bank on its way, or an entry of a call list or of a screen, from the queue to its end."""

    id: strawberry.ID = prop("Identifier of the message.", order=True)
    state: DeliveryState = prop("Where it stands.")
    state_reason: str | None = prop("Why it stands there, as a stable code.")
    diagnostic: str | None = prop("What the channel or the platform said of it.", filter=False)
    channel: Channel | None = prop("The way it goes, or went; null while the customer's preferred one is not chosen.")
    point_key: str | None = prop("The contact point that it goes to, for example EMAIL:jan@example.com.")
    action_class: ActionClass = prop("What kind of business it is.")
    purpose: ContactPurpose = prop("What it is for.")
    template: str | None = prop("The template that it is made of.")
    language: str | None = prop("Its language; null until it is put into words.")
    subject: str | None = prop("Its subject, as it was sent.", filter=False)
    attempts: int = prop("How often its hand-over was begun.")
    created_at: dt.datetime = prop("When it was queued.", order=True)
    not_before: dt.datetime | None = prop("Before this it is not sent.", order=True)
    expires_at: dt.datetime | None = prop("From here on it is not sent any more.")
    sent_at: dt.datetime | None = prop("When the channel took it.", order=True)
    delivered_at: dt.datetime | None = prop("When it arrived, where the channel tells.")
    ended_at: dt.datetime | None = prop("When it was taken back, failed or bounced.")
    provider_id: str | None = prop("By what the far side knows it, for example its Message-ID.")
    party_id: strawberry.ID | None = prop("The customer; null for somebody who is none.")
    offer_id: str | None = prop("The offer that it brings.")
    request_id: str | None = prop("The service request that it is about.")
    reservation_id: str | None = prop("The contact slot that it uses.")
    seconds_to_send: float | None = computed(
        "Seconds from the queue to the channel's yes.",
        "CASE WHEN {n}.sentAt IS NOT NULL THEN ({n}.sentAt.epochMillis - {n}.createdAt.epochMillis) / 1000.0 END",
    )
    party: Party | None = one("The customer.", "WAS_SENT", Party, direction="in")
    interaction: Interaction | None = one("The contact that it became.", "BECAME", Interaction)
    offer: Offer | None = one("The offer that it brings.", "FOR_OFFER", Offer)
    parties: Party = many("The customer.", "WAS_SENT", Party, direction="in")


@graph.extend(Delivery)
class _DeliveryChain:
    replaces: Delivery | None = one("The message that it says again, on another way.", "REPLACES", Delivery)
    replaced_by: Delivery = many("The messages that said it again.", "REPLACES", Delivery, direction="in")


@graph.extend(Party)
class _PartyDeliveries:
    deliveries: Delivery = many(
        "Messages to the party, the latest first.", "WAS_SENT", Delivery, order="CREATED_AT_DESC"
    )


@graph.extend(Offer)
class _OfferDeliveries:
    deliveries: Delivery = many(
        "The messages that bring it, and its places on call lists and screens, the latest first.",
        "FOR_OFFER",
        Delivery,
        direction="in",
        order="CREATED_AT_DESC",
    )


graph.root(
    Root(name="delivery", node=Delivery, description="The message with this identifier; null when there is none.")
)
graph.root(
    Root(
        name="deliveries",
        node=Delivery,
        page=True,
        order="CREATED_AT_DESC",
        description="Messages, the latest first: with state FAILED or BOUNCED what did not come through, and why.",
    )
)
