"""The closed lists of words of this room, as GraphQL shows them and the graph stores them."""

from __future__ import annotations

from enum import StrEnum

from graph_crm.graph.mapping import word_list


@word_list(
    "What became of a mail.",
    TAKEN="It is safe, and not handled yet; if its handling was cut off it is taken up again within minutes.",
    OPENED="It opened a request.",
    JOINED="It joined a request whose number it bears.",
    BOUNCE="It told that a mail of the bank could not be delivered; the delivery was told.",
    SET_ASIDE="The platform may not or can't decide: a person looks at it.",
    DISMISSED="A person looked at it and left it at that.",
)
class MailState(StrEnum):
    """What became of a mail."""

    TAKEN = "TAKEN"
    OPENED = "OPENED"
    JOINED = "JOINED"
    BOUNCE = "BOUNCE"
    SET_ASIDE = "SET_ASIDE"
    DISMISSED = "DISMISSED"


@word_list(
    "Why a mail was set aside.",
    UNREADABLE="Its form is so broken that nothing can be made of it.",
    TOO_LARGE="It is larger than the bank takes.",
    TOO_COMPLEX="It has too many parts inside one another, or headers beyond measure.",
    NO_SENDER="It names no address that could be answered.",
    EMPTY="It says nothing and brings nothing.",
    STRANGER="It bears the number of a request, but its sender is not the customer of that request.",
    FROM_EMPLOYEE="An employee sent it: requests are answered on their page.",
    OWN_MAIL="It is a mail of the bank's own.",
    AUTO_REPLY="A machine wrote it: it must not be answered by a machine.",
    BULK="It was sent to many: a newsletter or a mailing list.",
    BOUNCE_UNCLEAR="A mail could not be delivered, but which one it does not tell.",
    TOO_MANY="Its sender sent too many within an hour: machines may be answering each other.",
    FORGED="The bank's mail server found that its sender is not who it says.",
    FAULT="The platform failed at it.",
)
class MailReason(StrEnum):
    """Why a mail was set aside."""

    UNREADABLE = "UNREADABLE"
    TOO_LARGE = "TOO_LARGE"
    TOO_COMPLEX = "TOO_COMPLEX"
    NO_SENDER = "NO_SENDER"
    EMPTY = "EMPTY"
    STRANGER = "STRANGER"
    FROM_EMPLOYEE = "FROM_EMPLOYEE"
    OWN_MAIL = "OWN_MAIL"
    AUTO_REPLY = "AUTO_REPLY"
    BULK = "BULK"
    BOUNCE_UNCLEAR = "BOUNCE_UNCLEAR"
    TOO_MANY = "TOO_MANY"
    FORGED = "FORGED"
    FAULT = "FAULT"
