"""The GraphQL types of calls and of the call list, and where they live in the graph."""

from __future__ import annotations

import datetime as dt

import strawberry

from graph_crm.calls.kinds import CallEnd, CallOutcome, CallState
from graph_crm.contacts.kinds import ActionClass
from graph_crm.contacts.types import Interaction
from graph_crm.decisions.types import Offer
from graph_crm.delivery.kinds import DeliveryState
from graph_crm.graph.mapping import Root, graph, many, one, prop
from graph_crm.parties.types import Party


@graph.node(label="CallEntry")
class CallListEntry:
    """Somebody whom the bank is to call: an offer whose slot is held, or a customer who waits to be called back."""

    id: strawberry.ID = prop("Identifier of the entry, which is a delivery by PHONE.", order=True)
    state: DeliveryState = prop("QUEUED while somebody is to be called; SENT when the call was made.")
    state_reason: str | None = prop("Why it stands there, as a stable code.")
    queue: str = prop("The queue that it stands in: sales, service, or the switchboard's.")
    skill: str | None = prop("What the agent has to be able to do: it is for employees with this skill; null: for all.")
    priority: float = prop("The higher, the sooner the customer is called.", order=True)
    action_class: ActionClass = prop("What kind of business it is.")
    number: str | None = prop("The number to call.", stored="to")
    point_key: str | None = prop("The contact point to use, for example PHONE:+420602123456.")
    product_code: str | None = prop("Code of the product that it is about.")
    script: str | None = prop("What the agent can say.", filter=False)
    reasons: list[str] | None = prop("Why the customer is called, in words.", filter=False)
    note: str | None = prop("What an employee wrote down.", filter=False)
    attempts: int = prop("Calls that were made for it.")
    outcome: CallOutcome | None = prop("What became of the last call.")
    not_before: dt.datetime | None = prop("When the customer may be called first.", order=True)
    expires_at: dt.datetime | None = prop("First instant at which nobody calls any more.", order=True)
    created_at: dt.datetime = prop("When it came on the list.", order=True)
    claimed_by: str | None = prop("The agent who took it last.")
    claimed_until: dt.datetime | None = prop("Until when it is that agent's; null or past: nobody's.", order=True)
    reservation_id: str | None = prop("The contact slot that is held for it.")
    party: Party | None = one(
        "The customer; null where the number is nobody's whom the bank knows.", "WAS_SENT", Party, direction="in"
    )
    offer: Offer | None = one("The offer to be brought.", "FOR_OFFER", Offer)
    interaction: Interaction | None = one("The last contact that it became.", "BECAME", Interaction)


@graph.node(label="Call")
class Call:
    """A call of a customer, from the first signal of the switchboard to its end."""

    id: strawberry.ID = prop("The switchboard's identifier of the call.", order=True)
    state: CallState = prop("Where it stands.")
    number: str | None = prop("The caller's number; null when it was withheld.")
    queue: str | None = prop("The queue that it came to.")
    begun_at: dt.datetime | None = prop("When it came in, as far as it is known.", order=True)
    arrived_at: dt.datetime | None = prop("When the switchboard took it.", order=True)
    answered_at: dt.datetime | None = prop("When somebody answered.", order=True)
    ended_at: dt.datetime | None = prop("When it was over.", order=True)
    wait_seconds: float | None = prop("Seconds until somebody answered, or the customer gave up.", order=True)
    agent_id: str | None = prop("Who answered.")
    outcome: CallEnd | None = prop("How it ended, as the one who answered says.")
    note: str | None = prop("What the one who answered wrote down.", filter=False)
    request_id: str | None = prop("Number of the service request that it became.")
    callers: Party = many("Who may be calling: everybody who uses the number.", "FROM", Party)
    callback: CallListEntry | None = one(
        "The entry of the call list by which it is called back.", "CALLED_BACK_BY", CallListEntry
    )
    interaction: Interaction | None = one("The contact that it was.", "BECAME", Interaction)


@graph.extend(CallListEntry)
class _CalledBack:
    calls: Call = many("The calls that it calls back.", "CALLED_BACK_BY", Call, direction="in", order="BEGUN_AT_DESC")


graph.root(Root(name="call", node=Call, description="The call with this identifier; null when there is none."))
graph.root(
    Root(name="calls", node=Call, page=True, order="BEGUN_AT_DESC", description="Calls of customers, the latest first.")
)
graph.root(
    Root(
        name="callListEntry",
        node=CallListEntry,
        description="The entry of the call list with this identifier; null when there is none.",
    )
)
graph.root(
    Root(
        name="callList",
        node=CallListEntry,
        page=True,
        order="PRIORITY_DESC",
        description="The call list, the first to be called first: with state QUEUED those who wait.",
    )
)
