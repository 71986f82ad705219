"""The GraphQL type of interactions and where they live in the graph."""

from __future__ import annotations

import datetime as dt

import strawberry

from graph_crm.contacts.kinds import Channel, ContactDirection
from graph_crm.graph.mapping import Root, graph, many, prop
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
    parties: Party = many("Who took part for the customer.", "HAD", Party, direction="in")


@graph.extend(Party)
class _PartyInteractions:
    interactions: Interaction = many(
        "Contacts between the bank and the party, the latest first.", "HAD", Interaction, order="AT_DESC"
    )


graph.root(
    Root(name="interaction", node=Interaction, description="The contact with this identifier; null when there is none.")
)
graph.root(Root(name="interactions", node=Interaction, page=True, description="Contacts between bank and customers."))
