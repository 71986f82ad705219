"""The mutations of parties and households. They hold no business logic: a service does the work."""

from __future__ import annotations

from typing import cast

import strawberry
from strawberry.types import Info

from graph_crm.errors import InvalidInput
from graph_crm.graph.context import RequestContext
from graph_crm.graph.mutation import mutation
from graph_crm.parties.batch import PartyBatch, check_batch, refused
from graph_crm.parties.households import HouseholdService
from graph_crm.parties.inputs import (
    AddContactPointInput,
    AddHouseholdMemberInput,
    BatchReport,
    CreateHouseholdInput,
    CreateOrganizationInput,
    CreatePersonInput,
    EndHouseholdInput,
    EndHouseholdMembershipInput,
    EndPartyInput,
    EndRelationshipInput,
    PartyRowInput,
    RefusedRowReport,
    RelatePartiesInput,
    RemoveContactPointInput,
    UpdateHouseholdInput,
    UpdateOrganizationInput,
    UpdatePersonInput,
    organization_details,
    person_details,
)
from graph_crm.parties.service import PartyService
from graph_crm.parties.types import Household, Organization, Party, Person
from graph_crm.parties.writes import BatchResult, RefusedRow

Request = Info[RequestContext, None]


def batch_report(result: BatchResult, unread: list[RefusedRow], places: list[int]) -> BatchReport:
    """The report of a batch: rows that never reached the service, and the others at their ``places`` in the batch."""
    rows = [*unread, *(RefusedRow(places[row.index], row.field, row.reason, row.hint) for row in result.refused)]
    return BatchReport(
        created=result.created,
        updated=result.updated,
        unchanged=result.unchanged,
        refused=[
            RefusedRowReport(index=row.index, field=row.field, reason=row.reason, hint=row.hint)
            for row in sorted(rows, key=lambda each: each.index)
        ],
        ids=[strawberry.ID(each) for each in result.ids],
    )


@strawberry.type
class PartyMutations:
    """Writing parties, households, contact points and ties."""

    @mutation("Store a new person.")
    async def create_person(self, info: Request, input: CreatePersonInput) -> Person:  # noqa: A002 - the schema's word
        """Store a new person and answer with it."""
        written = await info.context.service(PartyService).create_person(
            person_details(input),
            id=input.id,
            contact_points=[point.command() for point in input.contact_points],
            idempotency_key=input.idempotency_key,
        )
        return cast(Person, await info.context.fetch("Person", written.id, info))

    @mutation("Change a person: fields left out stay, null removes.")
    async def update_person(self, info: Request, input: UpdatePersonInput) -> Person:  # noqa: A002 - the schema's word
        """Change a person and answer with it."""
        written = await info.context.service(PartyService).update_person(
            input.id,
            person_details(input),
            reason=input.reason,
            version=input.version,
            idempotency_key=input.idempotency_key,
        )
        return cast(Person, await info.context.fetch("Person", written.id, info))

    @mutation("Store a new organisation.")
    async def create_organization(
        self,
        info: Request,
        input: CreateOrganizationInput,  # noqa: A002 - the schema's word
    ) -> Organization:
        """Store a new organisation and answer with it."""
        written = await info.context.service(PartyService).create_organization(
            organization_details(input),
            id=input.id,
            contact_points=[point.command() for point in input.contact_points],
            idempotency_key=input.idempotency_key,
        )
        return cast(Organization, await info.context.fetch("Organization", written.id, info))

    @mutation("Change an organisation: fields left out stay, null removes.")
    async def update_organization(
        self,
        info: Request,
        input: UpdateOrganizationInput,  # noqa: A002 - the schema's word
    ) -> Organization:
        """Change an organisation and answer with it."""
        written = await info.context.service(PartyService).update_organization(
            input.id,
            organization_details(input),
            reason=input.reason,
            version=input.version,
            idempotency_key=input.idempotency_key,
        )
        return cast(Organization, await info.context.fetch("Organization", written.id, info))

    @mutation(
        "End the dealings with a party: its open ties, memberships and contact points end that day. "
        "PARENT_OF and REFERRED stay, and so do its agreements, which are settled on their own."
    )
    async def end_party(self, info: Request, input: EndPartyInput) -> Party:  # noqa: A002 - the schema's word
        """End a party and answer with it."""
        written = await info.context.service(PartyService).end_party(
            input.id, ended_on=input.ended_on, version=input.version, idempotency_key=input.idempotency_key
        )
        return cast(Party, await info.context.fetch("Party", written.id, info))

    @mutation("Give a party a phone or an e-mail address; one that parties share is one node.")
    async def add_contact_point(self, info: Request, input: AddContactPointInput) -> Party:  # noqa: A002 - the schema's word
        """Attach a contact point and answer with the party."""
        written = await info.context.service(PartyService).add_contact_point(
            input.party_id, input.command(), version=input.version, idempotency_key=input.idempotency_key
        )
        return cast(Party, await info.context.fetch("Party", written.id, info))

    @mutation("Say that a party no longer uses a contact point; it stays readable as of then.")
    async def remove_contact_point(
        self,
        info: Request,
        input: RemoveContactPointInput,  # noqa: A002 - the schema's word
    ) -> Party:
        """End a contact point and answer with the party."""
        written = await info.context.service(PartyService).remove_contact_point(
            input.party_id,
            input.kind,
            input.value,
            until=input.until,
            version=input.version,
            idempotency_key=input.idempotency_key,
        )
        return cast(Party, await info.context.fetch("Party", written.id, info))

    @mutation("Tie two parties; the answer is the party at the start of the tie.")
    async def relate_parties(self, info: Request, input: RelatePartiesInput) -> Party:  # noqa: A002 - the schema's word
        """Make a tie and answer with the party at its start."""
        service = info.context.service(PartyService)
        written = await service.relate(input.command(), idempotency_key=input.idempotency_key)
        return cast(Party, await info.context.fetch("Party", written.related[0], info))

    @mutation("End a tie between two parties; the answer is the party at its start.")
    async def end_relationship(self, info: Request, input: EndRelationshipInput) -> Party:  # noqa: A002 - the schema's word
        """End a tie and answer with the party at its start."""
        written = await info.context.service(PartyService).end_tie(
            input.relationship_id, until=input.until, idempotency_key=input.idempotency_key
        )
        return cast(Party, await info.context.fetch("Party", written.related[0], info))

    @mutation("Store a new household with its members.")
    async def create_household(self, info: Request, input: CreateHouseholdInput) -> Household:  # noqa: A002 - the schema's word
        """Store a new household and answer with it."""
        written = await info.context.service(HouseholdService).create(
            input.name,
            id=input.id,
            members=[member.command() for member in input.members],
            source=input.source,
            idempotency_key=input.idempotency_key,
        )
        return cast(Household, await info.context.fetch("Household", written.id, info))

    @mutation("Give a household another name.")
    async def update_household(self, info: Request, input: UpdateHouseholdInput) -> Household:  # noqa: A002 - the schema's word
        """Rename a household and answer with it."""
        written = await info.context.service(HouseholdService).rename(
            input.id, input.name, version=input.version, idempotency_key=input.idempotency_key
        )
        return cast(Household, await info.context.fetch("Household", written.id, info))

    @mutation("End a household and its memberships.")
    async def end_household(self, info: Request, input: EndHouseholdInput) -> Household:  # noqa: A002 - the schema's word
        """End a household and answer with it."""
        written = await info.context.service(HouseholdService).end(
            input.id, ended_on=input.ended_on, version=input.version, idempotency_key=input.idempotency_key
        )
        return cast(Household, await info.context.fetch("Household", written.id, info))

    @mutation("Take a party into a household.")
    async def add_household_member(
        self,
        info: Request,
        input: AddHouseholdMemberInput,  # noqa: A002 - the schema's word
    ) -> Household:
        """Add a member and answer with the household."""
        written = await info.context.service(HouseholdService).add_member(
            input.household_id, input.command(), version=input.version, idempotency_key=input.idempotency_key
        )
        return cast(Household, await info.context.fetch("Household", written.id, info))

    @mutation("Say that a party is no longer a member of a household.")
    async def end_household_membership(
        self,
        info: Request,
        input: EndHouseholdMembershipInput,  # noqa: A002 - the schema's word
    ) -> Household:
        """End a membership and answer with the household."""
        written = await info.context.service(HouseholdService).end_membership(
            input.household_id,
            input.party_id,
            until=input.until,
            version=input.version,
            idempotency_key=input.idempotency_key,
        )
        return cast(Household, await info.context.fetch("Household", written.id, info))

    @mutation(
        "Write up to 1,000 parties at once. A row that can't be used is reported and does not hold up the "
        "rest; the same call again changes nothing."
    )
    async def upsert_parties(
        self,
        info: Request,
        rows: list[PartyRowInput],
    ) -> BatchReport:
        """Write a batch of parties and report on each bad row."""
        check_batch(rows)
        commands, places, unread = [], [], []
        for index, row in enumerate(rows):
            try:
                commands.append(row.command())
                places.append(index)
            except InvalidInput as error:
                unread.append(refused(index, error))
        result = await info.context.service(PartyBatch).upsert(commands)
        return batch_report(result, unread, places)
