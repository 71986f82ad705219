"""The closed lists of words of this slice, as GraphQL shows them and the graph stores them."""

from __future__ import annotations

from enum import StrEnum

from graph_crm.graph.mapping import word_list


@word_list(
    "What a party is.",
    PERSON="A natural person.",
    ORGANIZATION="A company or another organisation.",
)
class PartyKind(StrEnum):
    """What a party is; the second label of its node."""

    PERSON = "PERSON"
    ORGANIZATION = "ORGANIZATION"

    @property
    def label(self) -> str:
        """The node's second label."""
        return self.value.capitalize()


@word_list(
    "Whether the bank still deals with the party.",
    ACTIVE="The bank deals with the party.",
    ENDED="The bank does not deal with the party any more.",
)
class PartyStatus(StrEnum):
    """Whether the bank still deals with the party."""

    ACTIVE = "ACTIVE"
    ENDED = "ENDED"


@word_list(
    "How much of a party the caller sees.",
    FULL="All that the caller's role may see: what is null or empty is not there.",
    RECOGNISED="Who it is, and masked contact points. The rest is null or an empty page, whatever the bank knows: open"
    " a case with the customer, or have it put into your portfolio.",
    ALIAS="A protected party that a path leads through: its `id` and `displayName` are an alias, and the rest is null"
    " or an empty page.",
)
class PartySight(StrEnum):
    """How much of a party the caller sees."""

    FULL = "FULL"
    RECOGNISED = "RECOGNISED"
    ALIAS = "ALIAS"


@word_list(
    "The sex by the person's papers.",
    FEMALE="Female.",
    MALE="Male.",
    OTHER="Neither, or not told.",
)
class Sex(StrEnum):
    """The sex by the person's papers."""

    FEMALE = "FEMALE"
    MALE = "MALE"
    OTHER = "OTHER"


@word_list(
    "What a contact point is.",
    PHONE="A phone number.",
    EMAIL="An e-mail address.",
    PUSH="The app on a device, by the token that the device got for push messages.",
)
class ContactPointKind(StrEnum):
    """What a contact point is."""

    PHONE = "PHONE"
    EMAIL = "EMAIL"
    PUSH = "PUSH"


@word_list(
    "Where a contact point reaches the party.",
    HOME="At home.",
    WORK="At work.",
    MOBILE="Wherever the party is.",
    OTHER="Anything else.",
)
class ContactPointUsage(StrEnum):
    """Where a contact point reaches the party."""

    HOME = "HOME"
    WORK = "WORK"
    MOBILE = "MOBILE"
    OTHER = "OTHER"


@word_list(
    "What a member is in its household.",
    HEAD="Speaks for the household.",
    PARTNER="Partner of its head.",
    CHILD="Child of its head or partner.",
    PARENT="Parent of its head or partner.",
    MEMBER="Any other member.",
)
class HouseholdRole(StrEnum):
    """What a member is in its household."""

    HEAD = "HEAD"
    PARTNER = "PARTNER"
    CHILD = "CHILD"
    PARENT = "PARENT"
    MEMBER = "MEMBER"


@word_list(
    "A kind of tie between two parties, named as seen from its start: the parent, the owner, the employer.",
    SPOUSE_OF="Married, whichever way it is read.",
    PARENT_OF="The start is the parent, the end the child.",
    GUARANTEES="The start answers for the debts of the end.",
    OWNS="The start owns a share of the end.",
    DIRECTS="The start directs the end.",
    EMPLOYS="The start employs the end.",
    REFERRED="The start brought the end to the bank.",
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
