"""The GraphQL inputs of the party mutations, and how they become commands."""

from __future__ import annotations

import dataclasses
import datetime as dt

import strawberry
from strawberry import UNSET

from graph_crm.errors import InvalidInput
from graph_crm.parties.commands import (
    NewContactPoint,
    NewMember,
    NewTie,
    OrganizationDetails,
    PartyRow,
    PersonDetails,
)
from graph_crm.parties.kinds import ContactPointKind, ContactPointUsage, HouseholdRole, PartyKind, Sex, TieKind

KEY = "A key of your choice: the same request sent again with it has its effect once and gets the same answer."
VERSION = "The version that you read; refused with VERSION_CONFLICT when the record has changed since."
SINCE = "First day; today when left out."
UNTIL = "First day without it; today when left out."
SOURCE = "The system that says so."
WHY = "Why it is changed, for example that the customer asked for it; kept with who changed what."


@strawberry.input
class PartyFields:
    """What persons and organisations have in common."""

    display_name: str | None = strawberry.field(
        default=UNSET, description="The name to show; made of the other names when nobody chose one."
    )
    identifiers: list[str] | None = strawberry.field(
        default=UNSET, description="Identifiers of the party in other systems; they replace the old ones."
    )
    street: str | None = strawberry.field(default=UNSET, description="Street and number.")
    city: str | None = strawberry.field(default=UNSET, description="City or district of residence.")
    region: str | None = strawberry.field(default=UNSET, description="Region of residence.")
    postal_code: str | None = strawberry.field(default=UNSET, description="Postal code.")
    country: str | None = strawberry.field(
        default=UNSET, description="Country of residence, ISO 3166 alpha-2; national phone numbers are read in it."
    )
    language: str | None = strawberry.field(
        default=UNSET, description="Language to address the party in, for example pl."
    )
    time_zone: str | None = strawberry.field(default=UNSET, description="IANA time zone, for example Europe/Warsaw.")
    segment: str | None = strawberry.field(default=UNSET, description="The bank's segment of the party.")
    blocked: bool | None = strawberry.field(default=UNSET, description="Whether the party is blocked for all business.")
    source: str | None = strawberry.field(default=UNSET, description="The system that the party came from.")


@strawberry.input(description="What is known of a person.")
class PersonFields(PartyFields):
    """What is known of a person."""

    given_name: str | None = strawberry.field(default=UNSET, description="Given name.")
    family_name: str | None = strawberry.field(default=UNSET, description="Family name.")
    birth_date: dt.date | None = strawberry.field(default=UNSET, description="Date of birth, not in the future.")
    sex: Sex | None = strawberry.field(default=UNSET, description="Sex as the bank's records state it.")
    deceased_on: dt.date | None = strawberry.field(default=UNSET, description="Date of death.")


@strawberry.input(description="What is known of an organisation.")
class OrganizationFields(PartyFields):
    """What is known of an organisation."""

    legal_name: str | None = strawberry.field(default=UNSET, description="Name in the register.")
    registration_number: str | None = strawberry.field(
        default=UNSET, description="Number in the register of companies."
    )
    industry: str | None = strawberry.field(default=UNSET, description="What the organisation does.")
    website: str | None = strawberry.field(default=UNSET, description="Web address, beginning with http.")


def person_details(fields: PersonFields) -> PersonDetails:
    """The fields in the words of the service."""
    return PersonDetails(**{each.name: getattr(fields, each.name) for each in dataclasses.fields(PersonDetails)})


def organization_details(fields: OrganizationFields) -> OrganizationDetails:
    """The fields in the words of the service."""
    names = [each.name for each in dataclasses.fields(OrganizationDetails)]
    return OrganizationDetails(**{name: getattr(fields, name) for name in names})


@strawberry.input(description="A phone or an e-mail address, as people write it; it is normalised.")
class ContactPointInput:
    """A contact point as the caller typed it."""

    kind: ContactPointKind = strawberry.field(description="Phone, e-mail or device.")
    value: str = strawberry.field(
        description="The number, international or national in the party's country, or the address."
    )
    usage: ContactPointUsage = strawberry.field(
        default=ContactPointUsage.OTHER, description="What the party uses it for."
    )
    preferred: bool = strawberry.field(default=False, description="Whether it is preferred to the others of its kind.")
    since: dt.date | None = strawberry.field(default=None, description=SINCE)
    source: str | None = strawberry.field(default=None, description=SOURCE)

    def command(self) -> NewContactPoint:
        """The same in the words of the service."""
        return NewContactPoint(
            kind=self.kind,
            value=self.value,
            usage=self.usage,
            preferred=self.preferred,
            since=self.since,
            source=self.source,
        )


@strawberry.input(description="A new person: at least a given, a family or a display name.")
class CreatePersonInput(PersonFields):
    """A new person."""

    id: strawberry.ID | None = strawberry.field(default=None, description="The bank's own id; made up when left out.")
    contact_points: list[ContactPointInput] = strawberry.field(
        default_factory=list, description="Where the person can be reached."
    )
    idempotency_key: str | None = strawberry.field(default=None, description=KEY)


@strawberry.input(description="A new organisation: at least a legal or a display name.")
class CreateOrganizationInput(OrganizationFields):
    """A new organisation."""

    id: strawberry.ID | None = strawberry.field(default=None, description="The bank's own id; made up when left out.")
    contact_points: list[ContactPointInput] = strawberry.field(
        default_factory=list, description="Where the organisation can be reached."
    )
    idempotency_key: str | None = strawberry.field(default=None, description=KEY)


@strawberry.input(description="Changes of a person: fields left out stay, null removes.")
class UpdatePersonInput(PersonFields):
    """Changes of a person."""

    id: strawberry.ID = strawberry.field(description="The person.")
    reason: str | None = strawberry.field(default=None, description=WHY)
    version: int | None = strawberry.field(default=None, description=VERSION)
    idempotency_key: str | None = strawberry.field(default=None, description=KEY)


@strawberry.input(description="Changes of an organisation: fields left out stay, null removes.")
class UpdateOrganizationInput(OrganizationFields):
    """Changes of an organisation."""

    id: strawberry.ID = strawberry.field(description="The organisation.")
    reason: str | None = strawberry.field(default=None, description=WHY)
    version: int | None = strawberry.field(default=None, description=VERSION)
    idempotency_key: str | None = strawberry.field(default=None, description=KEY)


@strawberry.input(description="The end of the bank's dealings with a party.")
class EndPartyInput:
    """The end of a party."""

    id: strawberry.ID = strawberry.field(description="The party.")
    ended_on: dt.date | None = strawberry.field(default=None, description="First day without it; today when left out.")
    version: int | None = strawberry.field(default=None, description=VERSION)
    idempotency_key: str | None = strawberry.field(default=None, description=KEY)


@strawberry.input(description="A phone or an e-mail address of a party.")
class AddContactPointInput(ContactPointInput):
    """A new contact point of a party."""

    party_id: strawberry.ID = strawberry.field(description="The party.")
    version: int | None = strawberry.field(default=None, description=VERSION)
    idempotency_key: str | None = strawberry.field(default=None, description=KEY)


@strawberry.input(description="A contact point that a party no longer uses.")
class RemoveContactPointInput:
    """The end of a contact point."""

    party_id: strawberry.ID = strawberry.field(description="The party.")
    kind: ContactPointKind = strawberry.field(description="Phone, e-mail or device.")
    value: str = strawberry.field(description="The number or the address, in any way of writing it.")
    until: dt.date | None = strawberry.field(default=None, description=UNTIL)
    version: int | None = strawberry.field(default=None, description=VERSION)
    idempotency_key: str | None = strawberry.field(default=None, description=KEY)


@strawberry.input(description="A tie between two parties: fromId is the parent, the owner, the employer.")
class RelatePartiesInput:
    """A tie between two parties."""

    kind: TieKind = strawberry.field(description="What the tie is, seen from its start.")
    from_id: strawberry.ID = strawberry.field(description="The party at the start, for example the parent.")
    to_id: strawberry.ID = strawberry.field(description="The party at the end, for example the child.")
    since: dt.date | None = strawberry.field(default=None, description=SINCE)
    until: dt.date | None = strawberry.field(default=None, description="First day after it; open when left out.")
    share: float | None = strawberry.field(default=None, description="Owned share between 0 and 1, for OWNS only.")
    note: str | None = strawberry.field(default=None, description="What the source calls the tie.")
    source: str | None = strawberry.field(default=None, description=SOURCE)
    idempotency_key: str | None = strawberry.field(default=None, description=KEY)

    def command(self) -> NewTie:
        """The same in the words of the service."""
        return NewTie(
            kind=self.kind,
            from_id=str(self.from_id),
            to_id=str(self.to_id),
            since=self.since,
            until=self.until,
            share=self.share,
            note=self.note,
            source=self.source,
        )


@strawberry.input(description="The end of a tie between two parties.")
class EndRelationshipInput:
    """The end of a tie."""

    relationship_id: strawberry.ID = strawberry.field(description="The id of the tie, from the edge of relationships.")
    until: dt.date | None = strawberry.field(default=None, description=UNTIL)
    idempotency_key: str | None = strawberry.field(default=None, description=KEY)


@strawberry.input(description="A member of a household.")
class MemberInput:
    """A member of a household."""

    party_id: strawberry.ID = strawberry.field(description="The party.")
    role: HouseholdRole = strawberry.field(default=HouseholdRole.MEMBER, description="What it is in the household.")
    since: dt.date | None = strawberry.field(default=None, description=SINCE)
    source: str | None = strawberry.field(default=None, description=SOURCE)

    def command(self) -> NewMember:
        """The same in the words of the service."""
        return NewMember(party_id=str(self.party_id), role=self.role, since=self.since, source=self.source)


@strawberry.input(description="A new household.")
class CreateHouseholdInput:
    """A new household."""

    name: str = strawberry.field(description="What the household is called.")
    id: strawberry.ID | None = strawberry.field(default=None, description="The bank's own id; made up when left out.")
    members: list[MemberInput] = strawberry.field(default_factory=list, description="Its members.")
    source: str | None = strawberry.field(default=None, description=SOURCE)
    idempotency_key: str | None = strawberry.field(default=None, description=KEY)


@strawberry.input(description="Another name of a household.")
class UpdateHouseholdInput:
    """Another name of a household."""

    id: strawberry.ID = strawberry.field(description="The household.")
    name: str = strawberry.field(description="What it is called from now on.")
    version: int | None = strawberry.field(default=None, description=VERSION)
    idempotency_key: str | None = strawberry.field(default=None, description=KEY)


@strawberry.input(description="The end of a household; its memberships end with it.")
class EndHouseholdInput:
    """The end of a household."""

    id: strawberry.ID = strawberry.field(description="The household.")
    ended_on: dt.date | None = strawberry.field(default=None, description="First day without it; today when left out.")
    version: int | None = strawberry.field(default=None, description=VERSION)
    idempotency_key: str | None = strawberry.field(default=None, description=KEY)


@strawberry.input(description="A new member of a household.")
class AddHouseholdMemberInput(MemberInput):
    """A new member of a household."""

    household_id: strawberry.ID = strawberry.field(description="The household.")
    version: int | None = strawberry.field(default=None, description=VERSION)
    idempotency_key: str | None = strawberry.field(default=None, description=KEY)


@strawberry.input(description="The end of a membership in a household.")
class EndHouseholdMembershipInput:
    """The end of a membership."""

    household_id: strawberry.ID = strawberry.field(description="The household.")
    party_id: strawberry.ID = strawberry.field(description="The member.")
    until: dt.date | None = strawberry.field(default=None, description=UNTIL)
    version: int | None = strawberry.field(default=None, description=VERSION)
    idempotency_key: str | None = strawberry.field(default=None, description=KEY)


@strawberry.input(description="One party of a batch: made where it is missing, changed where it differs.")
class PartyRowInput:
    """One row of a batch of parties."""

    id: strawberry.ID = strawberry.field(description="The bank's own id of the party.")
    person: PersonFields | None = strawberry.field(default=None, description="What is known of it, if it is a person.")
    organization: OrganizationFields | None = strawberry.field(
        default=None, description="What is known of it, if it is an organisation."
    )
    contact_points: list[ContactPointInput] = strawberry.field(
        default_factory=list, description="Contact points to add where they are missing; none is removed."
    )

    def command(self) -> PartyRow:
        """The same in the words of the service; raises `InvalidInput` unless it is exactly one kind of party."""
        if (self.person is None) == (self.organization is None):
            raise InvalidInput(
                "rows: a row needs exactly one of person and organization",
                hint=f"Send {PartyKind.PERSON.lower()} or {PartyKind.ORGANIZATION.lower()}, not both.",
                field="rows",
            )
        details: PersonDetails | OrganizationDetails
        if self.person is not None:
            details = person_details(self.person)
        elif self.organization is not None:
            details = organization_details(self.organization)
        points = [point.command() for point in self.contact_points]
        return PartyRow(id=str(self.id), details=details, contact_points=points)


@strawberry.type(description="A row of a batch that was not written.")
class RefusedRowReport:
    """A row of a batch that was not written."""

    index: int = strawberry.field(description="Place of the row in the batch, from 0.")
    field: str | None = strawberry.field(description="The field that can't be used.")
    reason: str = strawberry.field(description="Why.")
    hint: str | None = strawberry.field(description="What to do about it.")


@strawberry.type(description="What became of a batch; the four numbers add up to the rows that were sent.")
class BatchReport:
    """What became of a batch."""

    created: int = strawberry.field(description="Rows that made a new record.")
    updated: int = strawberry.field(description="Rows that changed a record.")
    unchanged: int = strawberry.field(description="Rows that said what the graph held already.")
    refused: list[RefusedRowReport] = strawberry.field(description="Rows that were not written, and why.")
    ids: list[strawberry.ID] = strawberry.field(description="The ids that stand in the graph now, in the order sent.")
