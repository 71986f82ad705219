"""The mutations and the query of consent. They hold no business logic: a service does the work."""

from __future__ import annotations

import datetime as dt
from typing import Annotated, cast

import strawberry
from strawberry.types import Info

from graph_crm.consent.kinds import ConsentStatus, Purpose
from graph_crm.consent.protection import ProtectionService
from graph_crm.consent.service import ConsentService, Statement
from graph_crm.consent.types import ConsentState
from graph_crm.contacts.kinds import Channel
from graph_crm.graph.context import RequestContext
from graph_crm.graph.mutation import mutation, query
from graph_crm.parties.inputs import KEY
from graph_crm.parties.types import ContactPoint, Party

Request = Info[RequestContext, None]
CONSENT = "consent"
"""The permission of everything that is changed here."""
AT = "When the customer said so; now when left out. A late statement takes its place by it."
SAID_WHERE = "Where the customer said so, for example branch, app or letter."
NOTE = "What the employee wrote down."


@strawberry.input(description="What a customer said about one purpose.")
class ConsentStatementInput:
    """What a customer said about one purpose."""

    purpose: Purpose = strawberry.field(description="What it is about.")
    status: ConsentStatus = strawberry.field(description="What the customer said.")
    channel: Channel | None = strawberry.field(
        default=None, description="The channel that it is about; all when left out."
    )
    point_key: strawberry.ID | None = strawberry.field(
        default=None,
        description="The contact point that it is about, by its id, for example PHONE:+420602123456; all when left out."
        " A refusal stops the contact point for everybody who uses it.",
    )
    at: dt.datetime | None = strawberry.field(default=None, description=AT)
    source: str | None = strawberry.field(default=None, description=SAID_WHERE)
    text_version: str | None = strawberry.field(
        default=None, description="The version of the text that the customer agreed to or refused."
    )
    note: str | None = strawberry.field(default=None, description=NOTE)
    id: strawberry.ID | None = strawberry.field(default=None, description="The bank's own id; made up when left out.")

    def statement(self) -> Statement:
        """The same in the words of the service."""
        return Statement(**vars(self))


@strawberry.input(description="What a customer said, all of it at once.")
class RecordConsentInput:
    """What a customer said."""

    party_id: strawberry.ID = strawberry.field(description="The party.")
    statements: list[ConsentStatementInput] = strawberry.field(description="1 to 100 statements.")
    idempotency_key: str | None = strawberry.field(default=None, description=KEY)


@strawberry.input(description="A withdrawal of everything of a purpose, or of everything.")
class WithdrawConsentInput:
    """A withdrawal of everything of a purpose, or of everything."""

    party_id: strawberry.ID = strawberry.field(description="The party.")
    purpose: Purpose | None = strawberry.field(default=None, description="The purpose; every one when left out.")
    at: dt.datetime | None = strawberry.field(default=None, description=AT)
    source: str | None = strawberry.field(default=None, description=SAID_WHERE)
    text_version: str | None = strawberry.field(
        default=None, description="The version of the text that the customer was shown."
    )
    note: str | None = strawberry.field(default=None, description=NOTE)
    idempotency_key: str | None = strawberry.field(default=None, description=KEY)


@strawberry.input(description="An objection to profiling, or that it is taken back.")
class ProfilingObjectionInput:
    """An objection to profiling, or that it is taken back."""

    party_id: strawberry.ID = strawberry.field(description="The party.")
    at: dt.datetime | None = strawberry.field(default=None, description=AT)
    source: str | None = strawberry.field(default=None, description=SAID_WHERE)
    note: str | None = strawberry.field(default=None, description=NOTE)
    idempotency_key: str | None = strawberry.field(default=None, description=KEY)


@strawberry.input(description="A party that needs special care.")
class FlagVulnerabilityInput:
    """A party that needs special care."""

    party_id: strawberry.ID = strawberry.field(description="The party.")
    reason: str = strawberry.field(description="Why, in words of the employee.")
    idempotency_key: str | None = strawberry.field(default=None, description=KEY)


@strawberry.input(description="A party that needs no special care any more.")
class ClearVulnerabilityInput:
    """A party that needs no special care any more."""

    party_id: strawberry.ID = strawberry.field(description="The party.")
    idempotency_key: str | None = strawberry.field(default=None, description=KEY)


@strawberry.input(description="A contact point that nobody may use.")
class BlockContactPointInput:
    """A contact point that nobody may use."""

    point_key: strawberry.ID = strawberry.field(description="Its id, for example PHONE:+420602123456.")
    reason: str = strawberry.field(description="Why, for example that somebody else answers.")
    idempotency_key: str | None = strawberry.field(default=None, description=KEY)


@strawberry.input(description="A contact point that may be used again.")
class UnblockContactPointInput:
    """A contact point that may be used again."""

    point_key: strawberry.ID = strawberry.field(description="Its id, for example PHONE:+420602123456.")
    idempotency_key: str | None = strawberry.field(default=None, description=KEY)


@strawberry.type
class ConsentMutations:
    """Recording what customers say about being contacted, and protecting them."""

    @mutation(
        "Record what a customer said about being contacted, all of it or nothing. It is only ever added. A refusal is"
        " in force at once: what is pending and forbidden by it is cancelled in the same transaction.",
        permission=CONSENT,
    )
    async def record_consent(self, info: Request, input: RecordConsentInput) -> Party:  # noqa: A002 - the schema's word
        """Record statements and answer with the party."""
        written = await info.context.service(ConsentService).record(
            input.party_id, [one.statement() for one in input.statements], idempotency_key=input.idempotency_key
        )
        return cast(Party, await info.context.fetch("Party", written.id, info))

    @mutation(
        "Withdraw everything that a customer agreed to for a purpose, or for every purpose. What is pending and"
        " forbidden by it is cancelled in the same transaction.",
        permission=CONSENT,
    )
    async def withdraw_consent(self, info: Request, input: WithdrawConsentInput) -> Party:  # noqa: A002 - the schema's word
        """Withdraw and answer with the party."""
        written = await info.context.service(ConsentService).withdraw(
            input.party_id,
            input.purpose,
            at=input.at,
            source=input.source,
            text_version=input.text_version,
            note=input.note,
            idempotency_key=input.idempotency_key,
        )
        return cast(Party, await info.context.fetch("Party", written.id, info))

    @mutation(
        "Record that a customer objects to profiling: no offer is thought of any more, and open ones are cancelled.",
        permission=CONSENT,
    )
    async def object_to_profiling(self, info: Request, input: ProfilingObjectionInput) -> Party:  # noqa: A002 - the schema's word
        """Record the objection and answer with the party."""
        return await _objection(info, input, objects=True)

    @mutation("Record that a customer takes the objection to profiling back.", permission=CONSENT)
    async def withdraw_profiling_objection(
        self,
        info: Request,
        input: ProfilingObjectionInput,  # noqa: A002 - the schema's word
    ) -> Party:
        """Take the objection back and answer with the party."""
        return await _objection(info, input, objects=False)

    @mutation(
        "Flag a party as vulnerable: nothing is promoted to it, and what is pending of that is cancelled.",
        permission=CONSENT,
    )
    async def flag_vulnerability(self, info: Request, input: FlagVulnerabilityInput) -> Party:  # noqa: A002 - the schema's word
        """Flag a party and answer with it."""
        service = info.context.service(ProtectionService)
        written = await service.flag_vulnerability(input.party_id, input.reason, idempotency_key=input.idempotency_key)
        return cast(Party, await info.context.fetch("Party", written.id, info))

    @mutation("Say that a party needs no special care any more.", permission=CONSENT)
    async def clear_vulnerability(self, info: Request, input: ClearVulnerabilityInput) -> Party:  # noqa: A002 - the schema's word
        """Clear the flag and answer with the party."""
        service = info.context.service(ProtectionService)
        written = await service.clear_vulnerability(input.party_id, idempotency_key=input.idempotency_key)
        return cast(Party, await info.context.fetch("Party", written.id, info))

    @mutation(
        "Block a contact point for everybody; what is reserved there is cancelled, except what the law demands.",
        permission=CONSENT,
    )
    async def block_contact_point(self, info: Request, input: BlockContactPointInput) -> ContactPoint:  # noqa: A002 - the schema's word
        """Block a contact point and answer with it."""
        service = info.context.service(ProtectionService)
        written = await service.block_contact_point(
            input.point_key, input.reason, idempotency_key=input.idempotency_key
        )
        return cast(ContactPoint, await info.context.fetch("ContactPoint", written.id, info))

    @mutation("Say that a contact point may be used again.", permission=CONSENT)
    async def unblock_contact_point(self, info: Request, input: UnblockContactPointInput) -> ContactPoint:  # noqa: A002 - the schema's word
        """Unblock a contact point and answer with it."""
        service = info.context.service(ProtectionService)
        written = await service.unblock_contact_point(input.point_key, idempotency_key=input.idempotency_key)
        return cast(ContactPoint, await info.context.fetch("ContactPoint", written.id, info))


@strawberry.type
class ConsentQueries:
    """What holds now."""

    @query(
        "What holds now for a purpose by a channel, at a contact point where one is named; without it the"
        " channel may use any of the party's, and all must be allowed. PROFILING is asked without a channel."
    )
    async def consent_state(
        self,
        info: Request,
        party_id: Annotated[strawberry.ID, strawberry.argument(description="The party.")],
        purpose: Annotated[Purpose, strawberry.argument(description="What for.")],
        channel: Annotated[
            Channel | None, strawberry.argument(description="By which channel; needed but for PROFILING.")
        ] = None,
        point_key: Annotated[
            strawberry.ID | None, strawberry.argument(description="At which contact point, by its id.")
        ] = None,
    ) -> ConsentState:
        """What holds now."""
        found = await info.context.service(ConsentService).standing(party_id, purpose, channel, point_key)
        return ConsentState(
            purpose=purpose,
            channel=channel,
            point_key=point_key,
            status=found.status,
            allowed=found.allowed,
            since=found.since,
            decided_by=None if found.decided_by is None else strawberry.ID(found.decided_by),
            reason=found.reason,
        )


async def _objection(info: Request, given: ProfilingObjectionInput, *, objects: bool) -> Party:
    written = await info.context.service(ConsentService).object_to_profiling(
        given.party_id,
        objects=objects,
        at=given.at,
        source=given.source,
        note=given.note,
        idempotency_key=given.idempotency_key,
    )
    return cast(Party, await info.context.fetch("Party", written.id, info))
