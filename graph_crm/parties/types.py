"""The GraphQL types of parties and where they live in the graph."""

from __future__ import annotations

import datetime as dt

import strawberry

from graph_crm.graph.mapping import Argument, NarrowStart, Root, computed, graph, many, prop
from graph_crm.parties.cypher import SEARCH_NARROW_START, SEARCH_RANK, SEARCH_START
from graph_crm.parties.kinds import ContactPointKind, ContactPointUsage, PartySight, PartyStatus, Sex, TieKind
from graph_crm.parties.names import MATCH_NOTHING, exact_query, name_key, search_query
from graph_crm.parties.ties import TIES

START_ROLES = {kind.value: tie.start_role for kind, tie in TIES.items()}
END_ROLES = {kind.value: tie.end_role for kind, tie in TIES.items()}


@graph.edge
class Reach:
    """How a party uses a contact point, and since when."""

    id: strawberry.ID = prop("Identifier of the tie between party and contact point.")
    usage: ContactPointUsage | None = prop("What the party uses it for.")
    preferred: bool | None = prop("Whether the party prefers it to the others of its kind.")
    since: dt.date | None = prop("First day of use.", order=True)
    until: dt.date | None = prop("First day without it; null while in use.", order=True)
    source: str | None = prop("The system that said so.")


@graph.edge
class Membership:
    """A person's place in a household, and since when."""

    id: strawberry.ID = prop("Identifier of the membership.")
    role: str | None = prop("Place in the household, for example PARTNER or CHILD.")
    since: dt.date | None = prop("First day of the membership.", order=True)
    until: dt.date | None = prop("First day after it; null while it lasts.", order=True)
    source: str | None = prop("The system that said so.")


@graph.edge
class Tie:
    """A tie between two parties, read from the side of the party that was asked."""

    id: strawberry.ID = prop("Identifier of the tie.")
    kind: TieKind = computed("Kind of the tie, for example PARENT_OF.", "type({e})", filter=True)
    outgoing: bool = computed("Whether the tie starts at the party that was asked.", "startNode({e}) = {o}")
    role: str = computed(
        "What the party that was asked is in the tie, for example parent.",
        "CASE WHEN startNode({e}) = {o} THEN {startRoles}[type({e})] ELSE {endRoles}[type({e})] END",
        constants={"startRoles": START_ROLES, "endRoles": END_ROLES},
    )
    reciprocal_role: str = computed(
        "What the other party is in the tie, for example child.",
        "CASE WHEN startNode({e}) = {o} THEN {endRoles}[type({e})] ELSE {startRoles}[type({e})] END",
        constants={"startRoles": START_ROLES, "endRoles": END_ROLES},
    )
    share: float | None = prop("Owned share between 0 and 1, for OWNS.", order=True)
    since: dt.date | None = prop("First day of the tie.", order=True)
    until: dt.date | None = prop("First day after it; null while it lasts.", order=True)
    source: str | None = prop("The system that said so.")
    note: str | None = prop("What the source calls the tie.")


@graph.interface(label="Party")
class Party:
    """A person or an organisation that the bank knows."""

    id: strawberry.ID = prop("Identifier of the party, for example berka:client:18.", order=True)
    display_name: str = prop("The name as people write it.", text="nameKey", normalise=name_key, order=True)
    status: PartyStatus = prop("Whether the bank still deals with the party.")
    sight: PartySight = computed(
        "How much of the party you see. Where it is not `FULL`, what is null or empty may well be there.", "{sight}"
    )
    ended_on: dt.date | None = prop("The day on which the bank stopped dealing with the party.", order=True)
    identifiers: list[str] | None = prop("Identifiers of the party in other systems.", filter=True)
    street: str | None = prop("Street and number.")
    city: str | None = prop("City or district of residence.", order=True)
    region: str | None = prop("Region of residence.")
    postal_code: str | None = prop("Postal code.")
    country: str | None = prop("Country of residence, ISO 3166 alpha-2.")
    language: str | None = prop("Language to address the party in, for example pl.")
    time_zone: str | None = prop("IANA time zone of the party, for example Europe/Warsaw.")
    segment: str | None = prop("The bank's segment of the party.")
    blocked: bool | None = prop("Whether the party is blocked for all business.")
    vulnerable: bool | None = prop("Whether the party needs special care: nothing is promoted to it.")
    vulnerable_reason: str | None = prop("Why it needs special care, in words of the employee.", filter=False)
    vulnerable_since: dt.datetime | None = prop("Since when it is known to need special care.")
    protected: bool | None = prop("Whether roles that explore see no more of the party than an alias.")
    protected_reason: str | None = prop("Why it is protected, in words of who did it.", filter=False)
    source: str | None = prop("The system that the party came from.")
    version: int = prop("Grows by one with each change; send it with an update.")
    created_at: dt.datetime | None = prop("When the party was stored first.", order=True)
    updated_at: dt.datetime | None = prop("When the party was changed last.", order=True)


@graph.node(label="Person")
class Person(Party):
    """A natural person."""

    given_name: str | None = prop("Given name.")
    family_name: str | None = prop("Family name.")
    birth_date: dt.date | None = prop("Date of birth.", order=True)
    sex: Sex | None = prop("Sex as the bank's records state it.")
    deceased_on: dt.date | None = prop("Date of death, as far as the bank knows.")


@graph.node(label="Organization")
class Organization(Party):
    """A company or another organisation."""

    legal_name: str | None = prop("Name in the register.")
    registration_number: str | None = prop("Number in the register of companies.")
    industry: str | None = prop("What the organisation does.")
    website: str | None = prop("Web address.")


@graph.node(label="Household")
class Household:
    """People who live together and decide together."""

    id: strawberry.ID = prop("Identifier of the household.", order=True)
    name: str | None = prop("What the household is called.", text="nameKey", normalise=name_key, order=True)
    ended_on: dt.date | None = prop("The day on which the household ended.")
    source: str | None = prop("The system that the household came from.")
    version: int = prop("Grows by one with each change; send it with an update.")
    created_at: dt.datetime | None = prop("When the household was stored first.", order=True)
    updated_at: dt.datetime | None = prop("When the household was changed last.")
    members: Party = many(
        "The people of the household.", "MEMBER_OF", Party, direction="in", edge=Membership, as_of=True
    )


@graph.node(label="ContactPoint")
class ContactPoint:
    """A phone number or an e-mail address. One that several parties share is one contact point."""

    id: strawberry.ID = prop("Kind and normalised value, for example PHONE:+420602123456.", order=True)
    kind: ContactPointKind = prop("Phone, e-mail or device.")
    value: str = prop("The normalised value: E.164 for a phone, lower case for an e-mail.")
    blocked: bool | None = prop("Whether it must not be used, for example after bounces.")
    blocked_reason: str | None = prop("Why it must not be used.", filter=False)
    blocked_at: dt.datetime | None = prop("Since when it must not be used.")
    created_at: dt.datetime | None = prop("When it was stored first.")
    parties: Party = many("Who can be reached here.", "REACHABLE_AT", Party, direction="in", edge=Reach, as_of=True)


@graph.extend(Party)
class _PartyTies:
    contact_points: ContactPoint = many(
        "Where the party can be reached.", "REACHABLE_AT", ContactPoint, edge=Reach, as_of=True
    )
    households: Household = many(
        "The households that the party belongs to.", "MEMBER_OF", Household, edge=Membership, as_of=True
    )
    relationships: Party = many(
        "Ties to other parties, in both directions.", tuple(START_ROLES), Party, direction="both", edge=Tie, as_of=True
    )


@graph.edge
class Search:
    """How well a party fits what was searched."""

    score: float = computed("The higher the better; comparable within one search only.", "{e}")


graph.root(Root(name="party", node=Party, description="The party with this identifier; null when there is none."))
graph.root(Root(name="parties", node=Party, page=True, description="Parties, by identifier or as ordered."))
graph.root(
    Root(name="household", node=Household, description="The household with this identifier; null when there is none.")
)
graph.root(Root(name="households", node=Household, page=True, description="Households, by identifier or as ordered."))
graph.root(
    Root(
        name="searchParties",
        node=Party,
        page=True,
        description="Parties by name, phone, e-mail or identifier; the best first. Case, accents and a typo are"
        " forgiven, and the beginning of a word is enough.",
        start=SEARCH_START,
        narrow=NarrowStart(SEARCH_NARROW_START, "query", "exact", exact_query, MATCH_NOTHING),
        rank=SEARCH_RANK,
        edge=Search,
        arguments={"query": Argument(str, "What to look for.", search_query)},
    )
)
