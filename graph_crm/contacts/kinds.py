"""The closed lists of words of this slice, as GraphQL shows them and the graph stores them."""

from __future__ import annotations

from enum import StrEnum

import strawberry


@strawberry.enum(description="The way in which bank and customer met.")
class Channel(StrEnum):
    """The way in which bank and customer met."""

    PHONE = "PHONE"
    SMS = "SMS"
    EMAIL = "EMAIL"
    ATM = "ATM"
    ONLINE = "ONLINE"
    BRANCH = "BRANCH"
    LETTER = "LETTER"


@strawberry.enum(description="Who began: the customer (inbound) or the bank (outbound).")
class ContactDirection(StrEnum):
    """Who began: the customer (inbound) or the bank (outbound)."""

    INBOUND = "INBOUND"
    OUTBOUND = "OUTBOUND"
