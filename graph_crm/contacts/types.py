"""The GraphQL types of interactions, contact slots and overrides, and where they live in the graph."""

from __future__ import annotations

import datetime as dt

import strawberry

from graph_crm.contacts import cypher
from graph_crm.contacts.kinds import ActionClass, Channel, ContactDirection, OverrideStatus, ReservationState
from graph_crm.graph.mapping import Root, computed, graph, many, one, prop
from graph_crm.parties.types import Party


@graph.node(label="Interaction")
class Interaction:
    """One contact between the bank and a party."""

    id: strawberry.ID = prop("Identifier of the contact.", order=True)
    channel: Channel = prop("Where it took place.")
    direction: ContactDirection = prop("Who began it.")
    purpose: str | None = prop("Why it took place, for example OFFER or SERVICE.")
    outcome: str | None = prop("How it ended, for example ACCEPTED or NO_ANSWER.")
    at: dt.datetime = prop("When it took place.", order=True)
    note: str | None = prop("What the employee wrote down.", filter=False)
    product_code: str | None = prop("Code of the product that it was about.")
    source: str | None = prop("The system that said so.")
    action_class: ActionClass | None = prop("What kind of business it was; where it is not known it counts as a sale.")
    point_key: str | None = prop("The contact point that was used, for example PHONE:+420602123456.")
    call_back_at: dt.datetime | None = prop("When the customer asked to be called again.")
    reservation_id: str | None = prop("The slot that it was made in.")
    offer_id: str | None = prop("The offer that was brought.")
    parties: Party = many("Who took part for the customer.", "HAD", Party, direction="in")


@graph.extend(Party)
class _PartyInteractions:
    interactions: Interaction = many(
        "Contacts between the bank and the party, the latest first.", "HAD", Interaction, order="AT_DESC"
    )


@graph.node(label="LimitOverride")
class LimitOverride:
    """A contact limit shortened for some time: asked for by one person, approved by another, ending by itself."""

    id: strawberry.ID = prop("Identifier of the override.", order=True)
    limit: str = prop("Name of the limit.")
    segment: str | None = prop("Only customers of this segment; null for all.")
    days: float = prop("Days of the limit's window while the override is in force.")
    since: dt.datetime = prop("From when on it is in force.", stored="from", order=True)
    until: dt.datetime = prop("First instant at which it is no longer in force.", order=True)
    reason: str = prop("Why the bank wants it.", filter=False)
    status: OverrideStatus = prop("Where it stands.")
    asked_by: str = prop("Who asked for it.")
    asked_at: dt.datetime = prop("When it was asked for.", order=True)
    decided_by: str | None = prop("Who approved or rejected it.")
    decided_at: dt.datetime | None = prop("When it was approved or rejected.")
    note: str | None = prop("What the person who decided wrote down.", filter=False)
    revoked_by: str | None = prop("Who took it back.")
    revoked_at: dt.datetime | None = prop("When it was taken back.")
    revoked_note: str | None = prop("Why it was taken back.", filter=False)
    decision_count: int = computed("Decisions that it touched.", cypher.decisions_under("{n}"))
    reservation_count: int = computed("Slots that were held only because of it.", cypher.reservations_under("{n}"))
    contact_count: int = computed("Contacts that were made in those slots.", cypher.contacts_under("{n}"))
    response_count: int = computed("What customers said to those contacts.", cypher.responses_under("{n}"))
    accepted_count: int = computed("How many of them said yes.", cypher.accepted_under("{n}"))


@graph.node(label="Reservation")
class Reservation:
    """A contact slot: the right to contact a customer in one way, held for a time to live."""

    id: strawberry.ID = prop("Identifier of the slot.", order=True)
    state: ReservationState = prop("What became of it; one whose time is over counts no more, whatever stands here.")
    channel: Channel = prop("The channel to use.")
    direction: ContactDirection = prop("Who begins.")
    action_class: ActionClass = prop("What kind of business it is.")
    purpose: str = prop("What the contact is for.")
    product_code: str | None = prop("Code of the product that it is about.")
    point_key: str | None = prop("The contact point to use, for example PHONE:+420602123456.")
    at: dt.datetime = prop("From when on the contact may be made.", order=True)
    until: dt.datetime = prop("First instant at which it may not any more.", order=True)
    created_at: dt.datetime = prop("When the slot was held.", order=True)
    ended_at: dt.datetime | None = prop("When it was confirmed, given back, or found to have run out.")
    reason: str | None = prop("Why it was given back.", filter=False)
    offer_id: str | None = prop("The offer that it is held for.")
    overrides: list[str] | None = prop("Identifiers of the overrides without which it would have been refused.")
    policy_version: str | None = prop("Version of the contact policy that allowed it.")
    party: Party | None = one("Whom it is held for.", "RESERVED", Party, direction="in")
    interaction: Interaction | None = one("The contact that it became.", "BECAME", Interaction)
    limit_overrides: LimitOverride = many(
        "The overrides without which it would have been refused.", "UNDER", LimitOverride
    )
    parties: Party = many("The customer.", "RESERVED", Party, direction="in")


@graph.extend(Interaction)
class _InteractionReservation:
    reservation: Reservation | None = one("The slot that it was made in.", "BECAME", Reservation, direction="in")


@graph.extend(LimitOverride)
class _OverrideReservations:
    reservations: Reservation = many(
        "Slots that were held only because of it, the latest first.",
        "UNDER",
        Reservation,
        direction="in",
        order="CREATED_AT_DESC",
        fan=500,
    )


@graph.extend(Party)
class _PartyReservations:
    reservations: Reservation = many(
        "Contact slots held for the party, the latest first.", "RESERVED", Reservation, order="CREATED_AT_DESC"
    )


graph.root(
    Root(name="interaction", node=Interaction, description="The contact with this identifier; null when there is none.")
)
graph.root(Root(name="interactions", node=Interaction, page=True, description="Contacts between bank and customers."))
graph.root(
    Root(name="reservation", node=Reservation, description="The slot with this identifier; null when there is none.")
)
graph.root(
    Root(
        name="reservations",
        node=Reservation,
        page=True,
        order="AT_ASC",
        description="Slots, the next contact first: with state HELD whom to contact next, and until when.",
    )
)
graph.root(
    Root(
        name="limitOverride",
        node=LimitOverride,
        description="The override with this identifier; null when there is none.",
    )
)
graph.root(
    Root(
        name="limitOverrides",
        node=LimitOverride,
        page=True,
        order="ASKED_AT_DESC",
        description="Overrides of contact limits, the latest first, with what each caused.",
    )
)
