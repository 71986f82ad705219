"""The closed lists of words of this slice, as GraphQL shows them and the graph stores them."""

from __future__ import annotations

from enum import StrEnum

from graph_crm.graph.mapping import word_list


@word_list(
    "Where a customer's call stands.",
    WAITING="The customer waits for somebody to answer.",
    ANSWERED="Somebody talks with the customer.",
    ABANDONED="The customer hung up before anybody answered; the call back is about to be put on the call list.",
    ENDED="It was answered and is over.",
    CALLBACK="The bank calls back: the call list has an entry for it.",
    REQUEST="It is a service request now, with a number and an owner.",
)
class CallState(StrEnum):
    """Where a customer's call stands."""

    WAITING = "WAITING"
    ANSWERED = "ANSWERED"
    ABANDONED = "ABANDONED"
    ENDED = "ENDED"
    CALLBACK = "CALLBACK"
    REQUEST = "REQUEST"


@word_list(
    "How a customer's call ended, as the one who answered it says.",
    SERVED="The customer got what was asked for.",
    CALLBACK="The bank promised to call back.",
    REQUEST="It needs somebody else: a service request is opened.",
)
class CallEnd(StrEnum):
    """How a customer's call ended, as the one who answered it says."""

    SERVED = "SERVED"
    CALLBACK = "CALLBACK"
    REQUEST = "REQUEST"


@word_list(
    "What became of a call that the bank made.",
    ACCEPTED="The customer said yes to the offer.",
    REJECTED="The customer said no: the cool-off begins.",
    LATER="The customer wants to be called again, when callBackAt says.",
    TOLD="The customer was told, and has not decided; or it was settled.",
    NO_ANSWER="Nobody answered, or the line was busy.",
    WRONG_NUMBER="Somebody else has this number: it is not called any more.",
)
class CallOutcome(StrEnum):
    """What became of a call that the bank made."""

    ACCEPTED = "ACCEPTED"
    REJECTED = "REJECTED"
    LATER = "LATER"
    TOLD = "TOLD"
    NO_ANSWER = "NO_ANSWER"
    WRONG_NUMBER = "WRONG_NUMBER"
