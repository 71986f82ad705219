"""The closed lists of words of this slice, as GraphQL shows them and the graph stores them."""

from __future__ import annotations

from enum import StrEnum
from typing import Final

from graph_crm.graph.mapping import word_list


@word_list(
    "What a consent is given for.",
    MARKETING="The bank's own offers.",
    SERVICE="Messages about what the customer has; they need no consent, and can be refused.",
    SURVEY="Questions about how satisfied the customer is.",
    PARTNERS="Offers of other companies.",
    PROFILING="Thinking about the customer in order to make offers; refused, it is the objection to profiling.",
)
class Purpose(StrEnum):
    """What a consent is given for."""

    MARKETING = "MARKETING"
    SERVICE = "SERVICE"
    SURVEY = "SURVEY"
    PARTNERS = "PARTNERS"
    PROFILING = "PROFILING"


@word_list(
    "What the customer said.",
    GRANTED="Yes.",
    DENIED="No, when asked.",
    WITHDRAWN="No longer.",
)
class ConsentStatus(StrEnum):
    """What the customer said."""

    GRANTED = "GRANTED"
    DENIED = "DENIED"
    WITHDRAWN = "WITHDRAWN"


@word_list(
    "What holds now, by everything that the customer said.",
    GRANTED="The customer agreed.",
    DENIED="The customer said no when asked.",
    WITHDRAWN="The customer agreed once and does so no longer.",
    UNKNOWN="The customer never said anything; that is no consent.",
)
class ConsentStanding(StrEnum):
    """What holds now, by everything that the customer said."""

    GRANTED = "GRANTED"
    DENIED = "DENIED"
    WITHDRAWN = "WITHDRAWN"
    UNKNOWN = "UNKNOWN"


REFUSALS: Final = frozenset({ConsentStatus.DENIED, ConsentStatus.WITHDRAWN})
"""What forbids."""
