"""The mutations and queries of calls. They hold no business logic: a service does the work."""

from __future__ import annotations

import datetime as dt
from typing import Any, cast

import strawberry
from strawberry.types import Info

from graph_crm.calls.call_list import CLAIM_MINUTES, CallList
from graph_crm.calls.incoming import IN_TIME, IncomingCalls
from graph_crm.calls.kinds import CallEnd, CallOutcome
from graph_crm.calls.outcomes import CallOutcomes, CallReport
from graph_crm.calls.types import Call, CallListEntry
from graph_crm.decisions.offers.api import AcceptanceInput
from graph_crm.graph.context import RequestContext
from graph_crm.graph.mutation import mutation, query
from graph_crm.parties import checks
from graph_crm.parties.inputs import KEY
from graph_crm.security.roles import Role

SERVE = "serve_requests"
"""The permission of working off the call list, and of telling what a switchboard tells."""
_SYSTEMS = frozenset({Role.SERVICE, Role.ADMINISTRATOR})
_AGENT = "The agent; only a system may name another one than the caller."
_CALL_ID = "The switchboard's identifier of the call."
_AT = "When; now when left out. Send it: then signals may come late and in any order."


@strawberry.input(description="What became of a call that the bank made.")
class RecordCallInput:
    """What became of a call."""

    entry_id: strawberry.ID = strawberry.field(description="The entry, as nextCall gave it.")
    outcome: CallOutcome = strawberry.field(description="What became of it.")
    at: dt.datetime | None = strawberry.field(default=None, description="When; now when left out.")
    call_back_at: dt.datetime | None = strawberry.field(
        default=None, description="With LATER: when the customer wants to be called."
    )
    note: str | None = strawberry.field(default=None, description="What the agent wrote down.")
    acceptance: AcceptanceInput | None = strawberry.field(
        default=None, description="With ACCEPTED: the agreement, or the terms of the one to be opened."
    )
    agent_id: str | None = strawberry.field(default=None, description=_AGENT)
    idempotency_key: str | None = strawberry.field(default=None, description=KEY)

    def command(self) -> CallReport:
        """The same in the words of the service."""
        return CallReport(
            entry_id=self.entry_id,
            outcome=self.outcome,
            at=self.at,
            call_back_at=self.call_back_at,
            note=self.note,
            acceptance=self.acceptance.command() if self.acceptance else None,
        )


@strawberry.type(description="How long the call list is.")
class CallListNumbers:
    """How long the call list is."""

    waiting: int = strawberry.field(description="Entries that may be called now and that nobody has taken.")
    taken: int = strawberry.field(description="Entries that an agent has taken.")
    later: int = strawberry.field(description="Entries whose time comes later.")
    oldest_since: dt.datetime | None = strawberry.field(
        description="Since when the oldest of those that wait could be called; null when none waits."
    )


@strawberry.type(description="How a queue of calls stands, and what became of the calls of a period.")
class CallQueueNumbers:
    """How a queue of calls stands."""

    waiting: int = strawberry.field(description="Customers who wait now.")
    longest_wait: float | None = strawberry.field(description="Seconds for which the first of them waits.")
    talking: int = strawberry.field(description="Customers who are being served now.")
    calls: int = strawberry.field(description="Calls of the period.")
    answered: int = strawberry.field(description="Those that somebody answered.")
    abandoned: int = strawberry.field(description="Those that were given up before anybody answered.")
    callbacks: int = strawberry.field(description="Those that ended as a call back.")
    requests: int = strawberry.field(description="Those that became a service request.")
    p50: float | None = strawberry.field(description="Seconds that half of the answered ones waited at most.")
    p95: float | None = strawberry.field(description="Seconds that 95 of 100 answered ones waited at most.")
    service_level: float | None = strawberry.field(
        description="Share, 0 to 1, that was answered within the seconds asked for, of all answered and abandoned."
    )


@strawberry.type
class CallMutations:
    """Working off the call list, and what a switchboard tells."""

    @mutation(
        "Take the next customer to be called, for some minutes: of all agents one gets it. Who has taken one and not"
        " told what became of it gets the same again. Null: nobody may be called now.",
        permission=SERVE,
    )
    async def next_call(
        self,
        info: Info[RequestContext, None],
        queue: str | None = None,
        minutes: int = CLAIM_MINUTES,
        agent_id: str | None = None,
    ) -> CallListEntry | None:
        """Claim an entry and answer with it."""
        agent = _agent(info.context.caller, agent_id)
        taken = await info.context.service(CallList).next(agent, queue=queue, minutes=minutes)
        return None if taken is None else cast(CallListEntry, await info.context.fetch("CallListEntry", taken, info))

    @mutation(
        "Tell what became of a call. With an offer it is the customer's answer, with all that follows; without one"
        " who was not reached is called again.",
        permission=SERVE,
    )
    async def record_call(
        self,
        info: Info[RequestContext, None],
        input: RecordCallInput,  # noqa: A002 - the schema's word
    ) -> CallListEntry:
        """Record what became of an entry and answer with it."""
        agent = _agent(info.context.caller, input.agent_id)
        service = info.context.service(CallOutcomes)
        written = await service.record(input.command(), agent=agent, idempotency_key=input.idempotency_key)
        return cast(CallListEntry, await info.context.fetch("CallListEntry", written.id, info))

    @mutation("Give an entry back without a call; it comes again after some minutes.", permission=SERVE)
    async def skip_call(
        self,
        info: Info[RequestContext, None],
        entry_id: strawberry.ID,
        reason: str,
        minutes: int = 15,
        agent_id: str | None = None,
    ) -> CallListEntry:
        """Skip an entry and answer with it."""
        agent = _agent(info.context.caller, agent_id)
        skipped = await info.context.service(CallList).skip(entry_id, reason, agent=agent, minutes=minutes)
        return cast(CallListEntry, await info.context.fetch("CallListEntry", skipped, info))

    @mutation("A customer calls. Told again it is a sign that the customer still waits.", permission=SERVE)
    async def call_arrived(
        self,
        info: Info[RequestContext, None],
        id: strawberry.ID,  # noqa: A002 - the schema's word
        number: str | None = None,
        queue: str | None = None,
        at: dt.datetime | None = None,
    ) -> Call:
        """Record that a call came in and answer with it."""
        calls = info.context.service(IncomingCalls)
        return await _call(info, await calls.arrived(id, number=number, queue=queue, at=at))

    @mutation("Somebody answered a customer's call.", permission=SERVE)
    async def call_answered(
        self,
        info: Info[RequestContext, None],
        id: strawberry.ID,  # noqa: A002 - the schema's word
        agent_id: str | None = None,
        at: dt.datetime | None = None,
    ) -> Call:
        """Record that a call was answered and answer with it."""
        agent = _agent(info.context.caller, agent_id)
        return await _call(info, await info.context.service(IncomingCalls).answered(id, agent=agent, at=at))

    @mutation(
        "A talk with a customer who called is over; the bank calls back or opens a request where it says so.",
        permission=SERVE,
    )
    async def call_ended(
        self,
        info: Info[RequestContext, None],
        id: strawberry.ID,  # noqa: A002 - the schema's word
        outcome: CallEnd = CallEnd.SERVED,
        note: str | None = None,
        at: dt.datetime | None = None,
    ) -> Call:
        """Record that a call ended and answer with it."""
        calls = info.context.service(IncomingCalls)
        return await _call(info, await calls.ended(id, outcome=outcome, note=note, at=at))

    @mutation("A customer hung up before anybody answered: the bank calls back.", permission=SERVE)
    async def call_abandoned(
        self,
        info: Info[RequestContext, None],
        id: strawberry.ID,  # noqa: A002 - the schema's word
        at: dt.datetime | None = None,
    ) -> Call:
        """Record that a call was given up and answer with it."""
        return await _call(info, await info.context.service(IncomingCalls).abandoned(id, at=at))


@strawberry.type
class CallQueries:
    """The numbers of the call list and of the calls of customers."""

    @query("How long the call list is, of one queue or of all.", permission=SERVE)
    async def call_list_numbers(self, info: Info[RequestContext, None], queue: str | None = None) -> CallListNumbers:
        """How long the call list is."""
        found = await info.context.service(CallList).numbers(queue)
        return CallListNumbers(waiting=found.waiting, taken=found.taken, later=found.later, oldest_since=found.oldest)

    @query(
        "How a queue of calls (all, when none is named) stands now, and what became of the calls of a period: the last"
        " 24 hours when it is left out.",
        permission=SERVE,
    )
    async def call_queue(
        self,
        info: Info[RequestContext, None],
        queue: str | None = None,
        since: dt.datetime | None = None,
        until: dt.datetime | None = None,
        within_seconds: float = IN_TIME,
    ) -> CallQueueNumbers:
        """How a queue of calls stands."""
        calls = info.context.service(IncomingCalls)
        found = await calls.numbers(queue, since=since, until=until, within=within_seconds)
        return CallQueueNumbers(
            waiting=found.waiting,
            longest_wait=found.longest,
            talking=found.talking,
            calls=found.calls,
            answered=found.answered,
            abandoned=found.abandoned,
            callbacks=found.callbacks,
            requests=found.requests,
            p50=found.p50,
            p95=found.p95,
            service_level=found.service_level,
        )


async def _call(info: Info[RequestContext, None], identifier: str) -> Call:
    return cast(Call, await info.context.fetch("Call", identifier, info))


def _agent(caller: Any, named: str | None) -> str:
    """The agent who acts: the caller, or whom a system names."""
    subject = str(caller.subject)
    if named is None or named == subject:
        return subject
    if caller.role not in _SYSTEMS:
        raise checks.refuse("agentId", "is somebody else", "Leave it out: the agent is who the token names.")
    return checks.text("agentId", named, checks.ID_LIMIT)
