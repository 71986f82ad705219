"""The GraphQL type of consents and where they live in the graph."""

from __future__ import annotations

import datetime as dt

import strawberry

from graph_crm.consent.kinds import ConsentStanding, ConsentStatus, Purpose
from graph_crm.contacts.kinds import Channel
from graph_crm.graph.mapping import Root, graph, many, one, prop
from graph_crm.parties.types import Party


@graph.node(label="Consent")
class Consent:
    """One statement of a customer about being contacted. It is never changed and never deleted; the newest decides."""

    id: strawberry.ID = prop("Identifier of the statement.", order=True)
    purpose: Purpose = prop("What it is about.")
    channel: Channel | None = prop("The channel that it is about; null: all.")
    point_key: strawberry.ID | None = prop("The contact point that it is about, by its id; null: all.")
    status: ConsentStatus = prop("What the customer said.")
    at: dt.datetime = prop("When the customer said so.", order=True)
    recorded_at: dt.datetime | None = prop("When the bank stored it.", order=True)
    source: str | None = prop("Where the customer said so, for example branch, app or letter.")
    text_version: str | None = prop("The version of the text that the customer agreed to or refused.")
    note: str | None = prop("What the employee wrote down.", filter=False)
    party: Party | None = one("Who said so.", "GAVE", Party, direction="in")


@graph.extend(Party)
class _PartyConsents:
    consents: Consent = many(
        "What the party said about being contacted, the newest first.", "GAVE", Consent, order="AT_DESC"
    )


@strawberry.type(description="What holds now for one purpose, channel and contact point, and which statement says so.")
class ConsentState:
    """What holds now for one purpose, channel and contact point."""

    purpose: Purpose = strawberry.field(description="The purpose that was asked about.")
    channel: Channel | None = strawberry.field(
        description="The channel that was asked about; null: none in particular."
    )
    point_key: strawberry.ID | None = strawberry.field(description="The contact point that was asked about.")
    status: ConsentStanding = strawberry.field(description="What the customer's own statements come to.")
    allowed: bool = strawberry.field(
        description="Whether the customer may be contacted so, as far as consent decides it: also false where somebody"
        " else who uses the contact point has stopped it."
    )
    since: dt.datetime | None = strawberry.field(description="When the statement that decides was made.")
    decided_by: strawberry.ID | None = strawberry.field(
        description="The consent that decides; null where there is none."
    )
    reason: str = strawberry.field(description="The same in words.")


graph.root(Root(name="consent", node=Consent, description="The consent with this identifier; null when there is none."))
graph.root(Root(name="consents", node=Consent, page=True, description="Consents, by identifier or as ordered."))
