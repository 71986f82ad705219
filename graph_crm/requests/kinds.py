"""The closed lists of words of this slice, as GraphQL shows them and the graph stores them."""

from __future__ import annotations

from enum import StrEnum

from graph_crm.graph.mapping import word_list


@word_list(
    "What a request is.",
    REQUEST="The customer wants something or asks something.",
    COMPLAINT="The customer is not content: nothing is promoted while it is open.",
)
class RequestKind(StrEnum):
    """What a request is."""

    REQUEST = "REQUEST"
    COMPLAINT = "COMPLAINT"


@word_list(
    "Where a request stands.",
    NEW="Nobody has sorted it yet, or nobody answers for it yet.",
    ASSIGNED="Its owner works on it.",
    WAITING_FOR_CUSTOMER="The bank asked the customer something: the clocks stand still.",
    ANSWERED="The customer has the answer and may write again.",
    CLOSED="It is done.",
    REOPENED="It was closed, and the customer was not content; its owner works on it again.",
)
class RequestStatus(StrEnum):
    """Where a request stands."""

    NEW = "NEW"
    ASSIGNED = "ASSIGNED"
    WAITING_FOR_CUSTOMER = "WAITING_FOR_CUSTOMER"
    ANSWERED = "ANSWERED"
    CLOSED = "CLOSED"
    REOPENED = "REOPENED"


@word_list(
    "What an entry of a request's log tells.",
    OPENED="The customer asked; from here on the clocks run.",
    ACKNOWLEDGED="The customer was told the number, the owner and the due date.",
    SORTED="It was put into a category; from here on the targets of that category hold.",
    ASSIGNED="Somebody became responsible.",
    ESCALATED="It was put before the supervisor.",
    CUSTOMER_WROTE="The customer wrote.",
    ANSWERED="The bank answered; the clocks stand still from here on.",
    NOTE="An employee wrote something down; customers don't see it.",
    WAITING="The bank asked the customer something; the clocks stand still from here on.",
    RESUMED="The clocks run again.",
    WARNED="A target is near.",
    BREACHED="A target was missed.",
    CLOSED="It was closed.",
    REOPENED="It was opened again; the resolution begins anew.",
    ATTACHED="A document was added.",
    SURVEYED="The customer said how content they are.",
)
class EntryKind(StrEnum):
    """What an entry of a request's log tells."""

    OPENED = "OPENED"
    ACKNOWLEDGED = "ACKNOWLEDGED"
    SORTED = "SORTED"
    ASSIGNED = "ASSIGNED"
    ESCALATED = "ESCALATED"
    CUSTOMER_WROTE = "CUSTOMER_WROTE"
    ANSWERED = "ANSWERED"
    NOTE = "NOTE"
    WAITING = "WAITING"
    RESUMED = "RESUMED"
    WARNED = "WARNED"
    BREACHED = "BREACHED"
    CLOSED = "CLOSED"
    REOPENED = "REOPENED"
    ATTACHED = "ATTACHED"
    SURVEYED = "SURVEYED"


ASKED = frozenset({EntryKind.OPENED, EntryKind.CUSTOMER_WROTE})
"""Entries in which the customer wants something."""
FROM_CUSTOMER = ASKED | {EntryKind.SURVEYED}
"""Entries that hold the customer's own words."""


@word_list(
    "Who or what put a request into its category.",
    RULE="A rule of the desk or of a plugin, or the sender named the category.",
    MODEL="The trained classifier, with enough confidence.",
    PERSON="An employee.",
    NONE="Nobody yet: it waits for a person.",
)
class SortedBy(StrEnum):
    """Who or what put a request into its category."""

    RULE = "RULE"
    MODEL = "MODEL"
    PERSON = "PERSON"
    NONE = "NONE"


@word_list(
    "How pressing a request is.",
    LOW="It may wait for others.",
    NORMAL="As its category says.",
    HIGH="Before others.",
    URGENT="Before all others.",
)
class RequestPriority(StrEnum):
    """How pressing a request is."""

    LOW = "LOW"
    NORMAL = "NORMAL"
    HIGH = "HIGH"
    URGENT = "URGENT"


@word_list(
    "How bad a complaint is.",
    MINOR="An annoyance.",
    MODERATE="The customer lost time, or a little money.",
    MAJOR="The customer lost money, or trust in the bank.",
    CRITICAL="Harm to somebody who needs care, a breach of the law, or many customers at once.",
)
class Severity(StrEnum):
    """How bad a complaint is."""

    MINOR = "MINOR"
    MODERATE = "MODERATE"
    MAJOR = "MAJOR"
    CRITICAL = "CRITICAL"


@word_list(
    "How a request ended.",
    SOLVED="The customer has what was asked for.",
    DECLINED="The bank can't or won't do it, and said why.",
    WITHDRAWN="The customer does not want it any more.",
    DUPLICATE="It is the same as another request.",
    NO_ANSWER="The customer did not answer the bank's question.",
    SPAM="It was no request.",
    UPHELD="A complaint: the customer was right.",
    PARTLY_UPHELD="A complaint: the customer was right in part.",
    REJECTED="A complaint: the customer was not right.",
)
class RequestOutcome(StrEnum):
    """How a request ended."""

    SOLVED = "SOLVED"
    DECLINED = "DECLINED"
    WITHDRAWN = "WITHDRAWN"
    DUPLICATE = "DUPLICATE"
    NO_ANSWER = "NO_ANSWER"
    SPAM = "SPAM"
    UPHELD = "UPHELD"
    PARTLY_UPHELD = "PARTLY_UPHELD"
    REJECTED = "REJECTED"


@word_list(
    "What is measured of a request.",
    FIRST_RESPONSE="Business time until the bank answers for the first time, or asks the customer something.",
    RESOLUTION="Business time until the answer, without the time in which the customer was to answer.",
)
class ClockKind(StrEnum):
    """What is measured of a request."""

    FIRST_RESPONSE = "FIRST_RESPONSE"
    RESOLUTION = "RESOLUTION"
