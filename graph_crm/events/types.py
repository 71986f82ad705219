"""The GraphQL type of events and where they live in the graph."""

from __future__ import annotations

import datetime as dt

import strawberry

from graph_crm.contacts.kinds import Channel
from graph_crm.graph.mapping import JsonText, Root, graph, many, one, prop
from graph_crm.parties.types import Party
from graph_crm.products.types import Agreement


@graph.node(label="Event")
class Event:
    """Something that a customer did or that happened to them."""

    id: strawberry.ID = prop("Identifier of the event; the sender may choose it.", order=True)
    type: str = prop("Type of the event, for example atm_balance_check.")
    at: dt.datetime = prop("When it happened.", order=True)
    recorded_at: dt.datetime | None = prop("When the bank recorded it.", order=True)
    channel: Channel | None = prop("Where it happened.")
    source: str | None = prop("The system that said so.")
    session_id: str | None = prop("Identifier of the session in which it happened.", filter=False)
    late: bool | None = prop(
        "Whether it was recorded more than a day after it happened: no rule was asked about it.", filter=False
    )
    payload: JsonText | None = prop("What else the type of event tells.")
    party: Party | None = one("Whose event it is.", "DID", Party, direction="in")
    agreement: Agreement | None = one("The agreement that it concerns.", "ON", Agreement)


@graph.extend(Party)
class _PartyEvents:
    events: Event = many("What the party did, the latest first.", "DID", Event, order="AT_DESC", fan=200)


graph.root(Root(name="event", node=Event, description="The event with this identifier; null when there is none."))
graph.root(Root(name="events", node=Event, page=True, description="Events, by identifier or as ordered."))
