"""The GraphQL types of service requests and their log, and where they live in the graph."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Any

import strawberry

from graph_crm.contacts.kinds import Channel
from graph_crm.contacts.types import Interaction
from graph_crm.events.types import Event
from graph_crm.graph.mapping import JsonText, Root, computed, graph, many, one, prop
from graph_crm.parties.types import Party
from graph_crm.products.types import Agreement, Product
from graph_crm.requests.kinds import (
    EntryKind,
    RequestKind,
    RequestOutcome,
    RequestPriority,
    RequestStatus,
    Severity,
    SortedBy,
)
from graph_crm.staff.types import Employee

MESSAGES = """COLLECT {
  MATCH ({n})-[:LOGGED]->(said:RequestEntry) WHERE said.visible
  WITH said ORDER BY said.seq
  RETURN {at: toString(said.at), kind: said.kind,
    fromCustomer: said.kind IN ['OPENED', 'CUSTOMER_WROTE', 'SURVEYED'],
    text: said.text, attachments: COLLECT { MATCH (said)-[:CARRIES]->(a:Attachment) RETURN a.id ORDER BY a.id }}
}"""
"""What customer and bank said to each other, without what employees wrote down for themselves."""


def _messages(value: Any, _arguments: Mapping[str, Any]) -> Any:
    """Null where the request is none (a customer's page of nothing), otherwise as it is."""
    return value or []


@strawberry.type(description="What customer or bank said in a request.")
class RequestMessage:
    """What customer or bank said in a request."""

    at: dt.datetime = strawberry.field(description="When.")
    kind: EntryKind = strawberry.field(description="What happened then.")
    from_customer: bool = strawberry.field(description="Whether the customer said it.")
    text: str | None = strawberry.field(description="The words; null where nothing was said.")
    attachments: list[strawberry.ID] = strawberry.field(description="Identifiers of the documents that came with it.")


@graph.node(label="RequestEntry")
class RequestEntry:
    """One entry of the log of a request; none is ever changed."""

    id: strawberry.ID = prop("Identifier of the entry.", order=True)
    seq: int = prop("Its place in the log, from 1.", order=True)
    kind: EntryKind = prop("What it tells.")
    at: dt.datetime = prop("When it happened.", order=True)
    by: str | None = prop("Who did it; null: the platform.")
    text: str | None = prop("What was written.", filter=False)
    data: JsonText | None = prop("What else belongs to it.")
    visible: bool = prop("Whether the customer may read it.")


@graph.node(label="ServiceRequest")
class ServiceRequest:
    """What a customer asked the bank, with everything that became of it."""

    id: strawberry.ID = prop("Identifier of the request.", order=True)
    number: str = prop("The number that the customer knows, for example R-4F7K-2M9P.")
    category: str | None = prop("Code of the category; null: nobody has sorted it yet.")
    kind: RequestKind = prop("Request or complaint.")
    status: RequestStatus = prop("Where it stands.")
    subject: str | None = prop("What it is about, in one line.", filter=False)
    text: str | None = prop("What the customer asked, in the customer's words.", filter=False)
    language: str | None = prop("ISO 639-1 code of the language that it is answered in.")
    country: str | None = prop("Whose business hours and holidays hold, ISO 3166 alpha-2.")
    channel: Channel | None = prop("Where it came from.")
    source: str | None = prop("What it came from in detail, for example web_form or social.")
    contact: str | None = prop("Address of somebody who is no customer, or that the customer wrote from.", filter=False)
    team: str | None = prop("Code of the team that answers for it.")
    owner_id: strawberry.ID | None = prop("Identifier of the employee who answers for it.")
    priority: RequestPriority | None = prop("How pressing it is.")
    severity: Severity | None = prop("How bad it is; for complaints.")
    sorted_by: SortedBy | None = prop("Who put it into its category.")
    category_confidence: float | None = prop("How sure the classifier was, 0 to 1.", order=True)
    opened_at: dt.datetime = prop("When it came in.", order=True)
    first_response_due_at: dt.datetime | None = prop("Until when the bank wants to react first.", order=True)
    resolution_due_at: dt.datetime | None = prop(
        "Until when the bank wants to answer; null: it is the customer's turn, or answered.",
        order=True,
    )
    first_responded_at: dt.datetime | None = prop("When the bank reacted first.", order=True)
    answered_at: dt.datetime | None = prop("When the bank answered last.", order=True)
    closed_at: dt.datetime | None = prop("When it was closed; null while it is not.", order=True)
    outcome: RequestOutcome | None = prop("How it ended.")
    root_cause: str | None = prop("What caused it, a word of the bank's list.")
    version: int = prop("Grows by one with each change; send it with a change.")
    messages: list[RequestMessage] = computed(
        "What customer and bank said to each other, the first first.", MESSAGES, item=RequestMessage, shape=_messages
    )
    party: Party | None = one(
        "The customer who asked; null: nobody whom the bank knows.", "ASKED", Party, direction="in"
    )
    owner: Employee | None = one("Who answers for it.", "OWNS_REQUEST", Employee, direction="in")
    product: Product | None = one("The product that it is about.", "ABOUT", Product)
    agreement: Agreement | None = one("The agreement that it is about.", "ON", Agreement)
    caused_by_event: Event | None = one("The event that it came from.", "CAUSED_BY", Event)
    caused_by_interaction: Interaction | None = one("The contact that it came from.", "CAUSED_BY", Interaction)
    log: RequestEntry = many(
        "Everything that happened to it, the first first.", "LOGGED", RequestEntry, order="SEQ_ASC"
    )


@graph.extend(RequestEntry)
class _EntryRequest:
    request: ServiceRequest | None = one("The request.", "LOGGED", ServiceRequest, direction="in")


@graph.extend(Party)
class _PartyRequests:
    requests: ServiceRequest = many(
        "What the party asked, the latest first.", "ASKED", ServiceRequest, order="OPENED_AT_DESC"
    )


@graph.extend(Employee)
class _EmployeeRequests:
    requests: ServiceRequest = many(
        "What the employee answers or answered for, the latest first.",
        "OWNS_REQUEST",
        ServiceRequest,
        order="OPENED_AT_DESC",
        fan=1000,
    )


graph.root(
    Root(
        name="requests",
        node=ServiceRequest,
        page=True,
        order="OPENED_AT_DESC",
        description="Service requests and complaints: a queue of the desk is one with a filter.",
    )
)
