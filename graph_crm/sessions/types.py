"""The GraphQL type of sessions and where they live in the graph."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Any

import strawberry

from graph_crm.contacts.kinds import Channel
from graph_crm.events.types import Event
from graph_crm.graph.mapping import Root, computed, graph, many, one, prop
from graph_crm.parties.types import Party
from graph_crm.sessions.kinds import SessionKind, SessionState


@strawberry.type(description="A tab that was opened in a session, or an operation that was done in it.")
class SessionStep:
    """A tab that was opened in a session, or an operation that was done in it."""

    at: dt.datetime = strawberry.field(description="When.")
    name: str = strawberry.field(description="The page or product of the tab, or the type of the operation's event.")


def _steps(value: Any, _arguments: Mapping[str, Any]) -> Any:
    """Stored as texts of an instant and a name."""
    return [dict(zip(("at", "name"), text.split(" ", 1), strict=True)) for text in value or ()]


@graph.node(label="Session")
class Session:
    """A customer's stay in the online bank, at a cash machine, in a branch or on the phone."""

    id: strawberry.ID = prop("Identifier of the session; the sender may choose it.", order=True)
    kind: SessionKind = prop("Where it takes place.")
    state: SessionState = prop("Where it stands.")
    started_at: dt.datetime = prop("When it began.", order=True)
    ended_at: dt.datetime | None = prop("When it ended; null while it is open.", filter=False)
    last_seen_at: dt.datetime = prop("When the last thing in it was seen.", order=True)
    seconds: int | None = prop("How long it lasted; null while it is open.", filter=False)
    place: str | None = prop("Where the customer was: the place of the login, the machine, the branch.")
    device: str | None = prop("What the customer used.", filter=False)
    channel: Channel | None = prop("The channel of the bank.", filter=False)
    source: str | None = prop("The system that said so.", filter=False)
    event_count: int | None = prop("How many events it included, removed ones too.", filter=False)
    tabs: list[SessionStep] = computed("The opened tabs in order.", "{n}.tabs", item=SessionStep, shape=_steps)
    operations: list[SessionStep] = computed(
        "What was done, in order.", "{n}.operations", item=SessionStep, shape=_steps
    )
    party: Party | None = one("Whose session it is.", "HAD_SESSION", Party, direction="in")
    events: Event = many("What happened in it, the first first.", "INCLUDED", Event, order="AT_ASC")


@graph.extend(Event)
class _EventSession:
    session: Session | None = one("The session in which it happened.", "INCLUDED", Session, direction="in")


@graph.extend(Party)
class _PartySessions:
    sessions: Session = many(
        "Sessions of the party, the latest first.", "HAD_SESSION", Session, order="STARTED_AT_DESC"
    )


graph.root(Root(name="session", node=Session, description="The session with this identifier; null when there is none."))
graph.root(
    Root(name="sessions", node=Session, page=True, order="STARTED_AT_DESC", description="Sessions, the latest first.")
)
