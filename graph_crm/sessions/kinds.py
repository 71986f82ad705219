"""The closed lists of words of this slice, as GraphQL shows them and the graph stores them."""

from __future__ import annotations

from enum import StrEnum

from graph_crm.graph.mapping import word_list


@word_list(
    "Where a session takes place.",
    ONLINE="The online bank or the app.",
    ATM="A cash machine.",
    BRANCH="A visit to a branch, also when nothing was signed.",
    CALL="A call of the call centre.",
)
class SessionKind(StrEnum):
    """Where a session takes place."""

    ONLINE = "ONLINE"
    ATM = "ATM"
    BRANCH = "BRANCH"
    CALL = "CALL"


@word_list(
    "Where a session stands.",
    OPEN="The customer is there, as far as the bank knows.",
    ENDED="It was ended.",
    TIMED_OUT="Nothing was heard of it any more: it ended with the last thing seen.",
)
class SessionState(StrEnum):
    """Where a session stands."""

    OPEN = "OPEN"
    ENDED = "ENDED"
    TIMED_OUT = "TIMED_OUT"
