"""The closed lists of words of this slice, as GraphQL shows them and the graph stores them."""

from __future__ import annotations

from enum import StrEnum

from graph_crm.graph.mapping import word_list


@word_list(
    "Where an offer stands.",
    PROPOSED="It is advice, or nobody has treated it yet.",
    WAITING="The customer may not be contacted before notBefore; then it is judged again.",
    RESERVED="A contact slot is held for it.",
    PRESENTED="The customer heard or saw it.",
    CLICKED="The customer looked closer.",
    ACCEPTED="The customer took it. It ends here.",
    REJECTED="The customer refused it. It ends here, and the cool-off begins.",
    IGNORED="The customer heard or saw it and did nothing.",
    LATER="The customer asks to be asked later.",
    NO_ANSWER="Nobody answered.",
    CANCELLED="The bank took it back; statusReason says why. It ends here.",
    EXPIRED="It was not answered while it was valid. It ends here.",
)
class OfferStatus(StrEnum):
    """Where an offer stands."""

    PROPOSED = "PROPOSED"
    WAITING = "WAITING"
    RESERVED = "RESERVED"
    PRESENTED = "PRESENTED"
    CLICKED = "CLICKED"
    ACCEPTED = "ACCEPTED"
    REJECTED = "REJECTED"
    IGNORED = "IGNORED"
    LATER = "LATER"
    NO_ANSWER = "NO_ANSWER"
    CANCELLED = "CANCELLED"
    EXPIRED = "EXPIRED"


@word_list(
    "What became of an offer at a contact.",
    PRESENTED="The customer heard or saw it.",
    CLICKED="The customer looked closer.",
    ACCEPTED="The customer took it.",
    REJECTED="The customer refused it.",
    IGNORED="The customer heard or saw it and did nothing.",
    LATER="The customer asks to be asked later.",
    NO_ANSWER="Nobody answered.",
)
class ResponseOutcome(StrEnum):
    """What became of an offer at a contact."""

    PRESENTED = "PRESENTED"
    CLICKED = "CLICKED"
    ACCEPTED = "ACCEPTED"
    REJECTED = "REJECTED"
    IGNORED = "IGNORED"
    LATER = "LATER"
    NO_ANSWER = "NO_ANSWER"
