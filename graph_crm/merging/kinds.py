"""The closed lists of words of this slice, as GraphQL shows them and the graph stores them."""

from __future__ import annotations

from enum import StrEnum

from graph_crm.graph.mapping import word_list


@word_list(
    "Whose word holds where two parties that are one say different things.",
    KEPT="That of the party that is kept.",
    MERGED="That of the party that is merged into it.",
)
class MergeSide(StrEnum):
    """Whose word holds where two parties that are one say different things."""

    KEPT = "KEPT"
    MERGED = "MERGED"


@word_list(
    "How far a merge is.",
    MOVING="The two are one; a worker moves what is left, and nobody is contacted meanwhile.",
    DONE="Everything stands at the party that is kept.",
    UNDOING="The two are two again; a worker moves what is left, and nobody is contacted meanwhile.",
    UNDONE="Everything stands where it stood before.",
)
class MergeState(StrEnum):
    """How far a merge is."""

    MOVING = "MOVING"
    DONE = "DONE"
    UNDOING = "UNDOING"
    UNDONE = "UNDONE"


@word_list(
    "What speaks for, or against, two parties being one.",
    SAME_NAME="They have the same name.",
    LIKE_NAME="Their names are alike: a typo, another order, an accent.",
    OTHER_GIVEN_NAME="Their given names are not alike.",
    SAME_BIRTH_DATE="They were born on the same day.",
    LIKE_BIRTH_DATE="Their birth dates differ by one digit, or day and month changed places.",
    OTHER_BIRTH_DATE="They were born on different days.",
    OTHER_SEX="Their records state different sexes.",
    SAME_REGISTRATION_NUMBER="They have the same registration number.",
    OTHER_REGISTRATION_NUMBER="They have different registration numbers.",
    SAME_IDENTIFIER="They share an identifier of another system.",
    SHARED_CONTACT_POINT="They are reached at the same phone, e-mail address or device.",
    SAME_ADDRESS="They live at the same address.",
)
class LikenessReason(StrEnum):
    """What speaks for, or against, two parties being one."""

    SAME_NAME = "SAME_NAME"
    LIKE_NAME = "LIKE_NAME"
    OTHER_GIVEN_NAME = "OTHER_GIVEN_NAME"
    SAME_BIRTH_DATE = "SAME_BIRTH_DATE"
    LIKE_BIRTH_DATE = "LIKE_BIRTH_DATE"
    OTHER_BIRTH_DATE = "OTHER_BIRTH_DATE"
    OTHER_SEX = "OTHER_SEX"
    SAME_REGISTRATION_NUMBER = "SAME_REGISTRATION_NUMBER"
    OTHER_REGISTRATION_NUMBER = "OTHER_REGISTRATION_NUMBER"
    SAME_IDENTIFIER = "SAME_IDENTIFIER"
    SHARED_CONTACT_POINT = "SHARED_CONTACT_POINT"
    SAME_ADDRESS = "SAME_ADDRESS"
