"""The closed lists of words of this slice, as GraphQL shows them and the graph stores them."""

from __future__ import annotations

from enum import StrEnum

import strawberry


@strawberry.enum(description="What a party is.")
class PartyKind(StrEnum):
    """What a party is; the second label of its node."""

    PERSON = "PERSON"
    ORGANIZATION = "ORGANIZATION"

    @property
    def label(self) -> str:
        """The node's second label."""
        return self.value.capitalize()


@strawberry.enum(description="Whether the bank still deals with the party.")
class PartyStatus(StrEnum):
    """Whether the bank still deals with the party."""

    ACTIVE = "ACTIVE"
    ENDED = "ENDED"


@strawberry.enum(description="The sex by the person's papers.")
class Sex(StrEnum):
    """The sex by the person's papers."""

    FEMALE = "FEMALE"
    MALE = "MALE"
    OTHER = "OTHER"


@strawberry.enum(description="What a contact point is.")
class ContactPointKind(StrEnum):
    """What a contact point is."""

    PHONE = "PHONE"
    EMAIL = "EMAIL"


@strawberry.enum(description="Where a contact point reaches the party.")
class ContactPointUsage(StrEnum):
    """Where a contact point reaches the party."""

    HOME = "HOME"
    WORK = "WORK"
    MOBILE = "MOBILE"
    OTHER = "OTHER"


@strawberry.enum(description="What a member is in its household.")
class HouseholdRole(StrEnum):
    """What a member is in its household."""

    HEAD = "HEAD"
    PARTNER = "PARTNER"
    CHILD = "CHILD"
    PARENT = "PARENT"
    MEMBER = "MEMBER"


@strawberry.enum(
    description="A kind of tie between two parties, named as seen from its start: the parent, the owner, the employer."
)
class TieKind(StrEnum):
    """A kind of tie between two parties; each is one relationship type of the graph."""

    SPOUSE_OF = "SPOUSE_OF"
    PARENT_OF = "PARENT_OF"
    GUARANTEES = "GUARANTEES"
    OWNS = "OWNS"
    DIRECTS = "DIRECTS"
    EMPLOYS = "EMPLOYS"
    REFERRED = "REFERRED"
