"""The mutations of sessions. They hold no business logic: a service does the work."""

from __future__ import annotations

import datetime as dt
from typing import cast

import strawberry
from strawberry.types import Info

from graph_crm.contacts.kinds import Channel
from graph_crm.graph.context import RequestContext
from graph_crm.graph.mutation import mutation
from graph_crm.parties.inputs import KEY
from graph_crm.security.roles import Caller, Role
from graph_crm.sessions.kinds import SessionKind
from graph_crm.sessions.service import NewSession, SessionService
from graph_crm.sessions.types import Session

Request = Info[RequestContext, None]


@strawberry.input(description="A session that begins; with its end one that is over, for example a visit to a branch.")
class StartSessionInput:
    """A session that begins."""

    party_id: strawberry.ID = strawberry.field(description="Whose session it is.")
    kind: SessionKind = strawberry.field(description="Where it takes place.")
    id: strawberry.ID | None = strawberry.field(
        default=None, description="The sender's own identifier, which its events carry; made when left out."
    )
    started_at: dt.datetime | None = strawberry.field(default=None, description="When it began; now when left out.")
    ended_at: dt.datetime | None = strawberry.field(default=None, description="When it ended, where it is over.")
    place: str | None = strawberry.field(
        default=None, description="Where the customer is: the place of the login, the machine, the branch."
    )
    device: str | None = strawberry.field(default=None, description="What the customer uses.")
    channel: Channel | None = strawberry.field(default=None, description="The channel; by its kind when left out.")
    source: str | None = strawberry.field(default=None, description="The system that says so.")
    idempotency_key: str | None = strawberry.field(default=None, description=KEY)

    def command(self) -> NewSession:
        """The same in the words of the service."""
        return NewSession(
            party_id=str(self.party_id),
            kind=self.kind,
            id=None if self.id is None else str(self.id),
            started_at=self.started_at,
            ended_at=self.ended_at,
            channel=self.channel,
            place=self.place,
            device=self.device,
            source=self.source,
        )


@strawberry.input(description="The end of a session.")
class EndSessionInput:
    """The end of a session."""

    id: strawberry.ID = strawberry.field(description="The session.")
    ended_at: dt.datetime | None = strawberry.field(default=None, description="When; now when left out.")
    idempotency_key: str | None = strawberry.field(default=None, description=KEY)


@strawberry.type
class SessionMutations:
    """Starting and ending sessions."""

    @mutation(
        "Store that a session began. The same again changes nothing; one that its events have opened before learns what"
        " they did not tell."
    )
    async def start_session(self, info: Request, input: StartSessionInput) -> Session:  # noqa: A002 - the schema's word
        """Start a session and answer with it."""
        written = await info.context.service(SessionService).start(
            input.command(), idempotency_key=input.idempotency_key, by=_served_by(info.context.caller)
        )
        return cast(Session, await info.context.fetch("Session", written.id, info))

    @mutation("Store that a session was ended. Events of it that come later still join it and extend nothing.")
    async def end_session(self, info: Request, input: EndSessionInput) -> Session:  # noqa: A002 - the schema's word
        """End a session and answer with it."""
        written = await info.context.service(SessionService).end(
            str(input.id), ended_at=input.ended_at, idempotency_key=input.idempotency_key
        )
        return cast(Session, await info.context.fetch("Session", written.id, info))


def _served_by(caller: Caller) -> str | None:
    """The employee who opens the session with the customer; None: a system tells of it."""
    return caller.subject if caller.role in {Role.AGENT, Role.RELATIONSHIP_MANAGER} else None
