"""The mutations and queries of privacy. They hold no business logic: a service does the work."""

from __future__ import annotations

import datetime as dt
from typing import Annotated, cast

import strawberry
from strawberry.types import Info

from graph_crm.graph.context import RequestContext
from graph_crm.graph.mutation import mutation, query
from graph_crm.parties import checks
from graph_crm.parties.types import Party
from graph_crm.privacy.erasure import ErasureService, ErasureStanding
from graph_crm.privacy.export import Export, ExportService
from graph_crm.privacy.kinds import ErasureState, ExportState, LegalBasis, Obstacle
from graph_crm.privacy.restriction import RestrictionService
from graph_crm.privacy.retention import PrivacyRetention

Request = Info[RequestContext, None]
PRIVACY = "privacy"
OWN = "own_requests"
KEY = "A key of your choice: the same request sent again with it has its effect once and gets the same answer."


@strawberry.type(description="A copy of everything that is held on a party.")
class PrivacyExport:
    """A copy of everything that is held on a party."""

    id: strawberry.ID = strawberry.field(description="Identifier of the copy.")
    party_id: strawberry.ID = strawberry.field(description="Whom it is about.")
    state: ExportState = strawberry.field(description="Whether it can be fetched.")
    requested_at: dt.datetime = strawberry.field(description="When it was asked for.")
    ready_at: dt.datetime | None = strawberry.field(description="When it was made.")
    expires_at: dt.datetime | None = strawberry.field(description="Until when it can be fetched.")
    bytes: int | None = strawberry.field(description="Its size.")
    url: str | None = strawberry.field(
        description="Where a browser fetches it, a ZIP; the link is good for some minutes. Ask again for a new one."
    )


@strawberry.type(description="How many records there are of one sort.")
class RecordCount:
    """How many records there are of one sort."""

    type: str = strawberry.field(description="The sort, as the data model names it.")
    records: int = strawberry.field(description="How many.")


@strawberry.type(description="Something that speaks against an erasure.")
class ErasureObstacle:
    """Something that speaks against an erasure."""

    obstacle: Obstacle = strawberry.field(description="What it is.")
    reason: str = strawberry.field(description="The same in words, with the records.")
    until: dt.date | None = strawberry.field(description="The first day on which it no longer does; null: not known.")


@strawberry.type(description="What an erasure would meet.")
class ErasureOutlook:
    """What an erasure would meet."""

    party_id: strawberry.ID = strawberry.field(description="The party.")
    erased: bool = strawberry.field(description="Whether it was erased already.")
    against: list[ErasureObstacle] = strawberry.field(description="What speaks against it now.")
    records: list[RecordCount] = strawberry.field(description="What there is of the party.")


@strawberry.type(description="The erasure of a party.")
class PartyErasure:
    """The erasure of a party."""

    id: strawberry.ID = strawberry.field(description="Identifier of the erasure.")
    party_id: strawberry.ID = strawberry.field(description="The party.")
    state: ErasureState = strawberry.field(description="How far it is.")
    at: dt.datetime = strawberry.field(description="When it began.")
    done_at: dt.datetime | None = strawberry.field(description="When everything was gone.")
    basis: LegalBasis = strawberry.field(description="The ground in law.")
    despite: list[Obstacle] = strawberry.field(description="What spoke against it and was weighed.")
    removed: list[RecordCount] = strawberry.field(description="What was cleared or removed so far.")


@strawberry.type(description="What a run of the retention let go.")
class PrivacyRetentionReport:
    """What a run of the retention let go."""

    id: strawberry.ID = strawberry.field(description="Identifier of the report.")
    at: dt.datetime = strawberry.field(description="When it ran.")
    removed: list[RecordCount] = strawberry.field(description="What was cleared or removed.")


@strawberry.input(description="A party whose data are only to be kept.")
class RestrictProcessingInput:
    """A party whose data are only to be kept."""

    party_id: strawberry.ID = strawberry.field(description="The party.")
    reason: str = strawberry.field(description="Why, in words of the employee.")
    idempotency_key: str | None = strawberry.field(default=None, description=KEY)


@strawberry.input(description="A party whose data may be used again.")
class LiftRestrictionInput:
    """A party whose data may be used again."""

    party_id: strawberry.ID = strawberry.field(description="The party.")
    idempotency_key: str | None = strawberry.field(default=None, description=KEY)


@strawberry.input(description="A party that is to be erased.")
class ErasePartyInput:
    """A party that is to be erased."""

    party_id: strawberry.ID = strawberry.field(description="The party.")
    basis: LegalBasis = strawberry.field(description="The ground in law.")
    reason: str = strawberry.field(description="Why; it is kept as proof and must not say who it was.")
    despite: list[Obstacle] = strawberry.field(
        default_factory=list, description="What speaks against it and was weighed; anything else refuses."
    )
    idempotency_key: str | None = strawberry.field(default=None, description=KEY)


def _counts(found: dict[str, int]) -> list[RecordCount]:
    return [RecordCount(type=name, records=records) for name, records in sorted(found.items())]


def _export(found: Export) -> PrivacyExport:
    return PrivacyExport(
        id=strawberry.ID(found.id),
        party_id=strawberry.ID(found.party_id),
        state=found.state,
        requested_at=found.requested_at,
        ready_at=found.ready_at,
        expires_at=found.expires_at,
        bytes=found.bytes,
        url=found.url,
    )


def _erasure(found: ErasureStanding) -> PartyErasure:
    return PartyErasure(
        id=strawberry.ID(found.id),
        party_id=strawberry.ID(found.party_id),
        state=found.state,
        at=found.at,
        done_at=found.done_at,
        basis=found.basis,
        despite=list(found.despite),
        removed=_counts(dict(found.counts)),
    )


@strawberry.type
class PrivacyMutations:
    """Showing, restricting and erasing what is held on a party."""

    @mutation(
        "Have a copy made of everything that is held on a party; a customer asks for the own one and may leave partyId"
        " out. A worker makes it: ask privacyExport until it is READY.",
        permission=OWN,
    )
    async def export_party(
        self,
        info: Request,
        party_id: Annotated[
            strawberry.ID | None, strawberry.argument(description="The party; the caller's own when left out.")
        ] = None,
    ) -> PrivacyExport:
        """Ask for a copy and answer with it."""
        caller = info.context.caller
        wanted = party_id or caller.party_id
        if wanted is None:
            raise checks.refuse("partyId", "is missing, and your token names no party", "Name the party.")
        return _export(await info.context.service(ExportService).want(wanted, caller))

    @mutation(
        "From now on a party's data are only kept: no contact that the law does not demand, no decision, no scoring,"
        " and who only explores does not see who it is. What is pending is cancelled in the same transaction.",
        permission=PRIVACY,
    )
    async def restrict_processing(self, info: Request, input: RestrictProcessingInput) -> Party:  # noqa: A002 - the schema's word
        """Restrict and answer with the party."""
        service = info.context.service(RestrictionService)
        written = await service.restrict(input.party_id, input.reason, idempotency_key=input.idempotency_key)
        return cast(Party, await info.context.fetch("Party", written.id, info))

    @mutation("A party's data may be used again.", permission=PRIVACY)
    async def lift_restriction(self, info: Request, input: LiftRestrictionInput) -> Party:  # noqa: A002 - the schema's word
        """Lift the restriction and answer with the party."""
        service = info.context.service(RestrictionService)
        written = await service.lift(input.party_id, idempotency_key=input.idempotency_key)
        return cast(Party, await info.context.fetch("Party", written.id, info))

    @mutation(
        "Erase a party: accounting and audit stay, and nobody is recognisable any more. Who it is is gone with the"
        " answer, a worker goes through the rest. ERASURE_REFUSED tells everything that speaks against it.",
        permission=PRIVACY,
    )
    async def erase_party(self, info: Request, input: ErasePartyInput) -> PartyErasure:  # noqa: A002 - the schema's word
        """Erase a party and answer with how far it is."""
        service = info.context.service(ErasureService)
        await service.erase(
            input.party_id,
            basis=input.basis,
            reason=input.reason,
            by=info.context.caller.subject,
            despite=input.despite,
            idempotency_key=input.idempotency_key,
        )
        return _erasure(await service.erased(input.party_id))


@strawberry.type
class PrivacyQueries:
    """What can be asked about privacy."""

    @query("A copy that was asked for, with a link where it is ready; a customer sees the own ones.", permission=OWN)
    async def privacy_export(
        self,
        info: Request,
        id: Annotated[strawberry.ID, strawberry.argument(description="Its identifier.")],  # noqa: A002 - the schema's word
    ) -> PrivacyExport:
        """How far a copy is."""
        return _export(await info.context.service(ExportService).show(id, info.context.caller))

    @query("What an erasure of a party would meet; nothing is written.", permission=PRIVACY)
    async def erasure_outlook(
        self, info: Request, party_id: Annotated[strawberry.ID, strawberry.argument(description="The party.")]
    ) -> ErasureOutlook:
        """What speaks against an erasure, and how much there is."""
        found = await info.context.service(ErasureService).outlook(party_id)
        return ErasureOutlook(
            party_id=strawberry.ID(found.party_id),
            erased=found.erased,
            against=[
                ErasureObstacle(obstacle=one.obstacle, reason=one.reason, until=one.until) for one in found.against
            ],
            records=_counts(dict(found.records)),
        )

    @query("The erasure of a party; null when it was not erased.", permission=PRIVACY)
    async def party_erasure(
        self, info: Request, party_id: Annotated[strawberry.ID, strawberry.argument(description="The party.")]
    ) -> PartyErasure | None:
        """How far an erasure is."""
        found = await info.context.service(ErasureService).standing(party_id)
        return None if found is None else _erasure(found)

    @query("What the last runs of the retention let go, the latest first.", permission=PRIVACY)
    async def privacy_retention_reports(
        self, info: Request, first: Annotated[int, strawberry.argument(description="How many, at most 100.")] = 20
    ) -> list[PrivacyRetentionReport]:
        """The last reports."""
        return [
            PrivacyRetentionReport(id=strawberry.ID(one.id), at=one.at, removed=_counts(dict(one.counts)))
            for one in await info.context.service(PrivacyRetention).reports(first)
        ]
