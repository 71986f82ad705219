"""The closed lists of words of this slice, as GraphQL shows them and the graph stores them."""

from __future__ import annotations

from enum import StrEnum

from graph_crm.graph.mapping import word_list


@word_list(
    "The way in which bank and customer met.",
    PHONE="A call.",
    SMS="A text message.",
    EMAIL="An e-mail.",
    ATM="The screen of a cash machine.",
    ONLINE="The online bank or the app.",
    BRANCH="A talk in a branch.",
    LETTER="A letter.",
)
class Channel(StrEnum):
    """The way in which bank and customer met."""

    PHONE = "PHONE"
    SMS = "SMS"
    EMAIL = "EMAIL"
    ATM = "ATM"
    ONLINE = "ONLINE"
    BRANCH = "BRANCH"
    LETTER = "LETTER"


@word_list(
    "Who began: the customer (inbound) or the bank (outbound).",
    INBOUND="The customer came to the bank.",
    OUTBOUND="The bank came to the customer.",
)
class ContactDirection(StrEnum):
    """Who began: the customer (inbound) or the bank (outbound)."""

    INBOUND = "INBOUND"
    OUTBOUND = "OUTBOUND"
