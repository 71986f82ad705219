"""The closed lists of words of this slice, as GraphQL shows them and the graph stores them."""

from __future__ import annotations

from enum import StrEnum

import strawberry


@strawberry.enum(description="The state of an agreement.")
class AgreementStatus(StrEnum):
    """The state of an agreement."""

    ACTIVE = "ACTIVE"
    IN_ARREARS = "IN_ARREARS"
    DEFAULTED = "DEFAULTED"
    CLOSED = "CLOSED"


@strawberry.enum(description="What a party is in an agreement.")
class HoldingRole(StrEnum):
    """What a party is in an agreement."""

    OWNER = "OWNER"
    AUTHORISED = "AUTHORISED"
    GUARANTOR = "GUARANTOR"
    CARDHOLDER = "CARDHOLDER"


@strawberry.enum(description="How one agreement depends on another.")
class AgreementLinkKind(StrEnum):
    """How one agreement depends on another: a loan is paid from an account, a card is issued on one."""

    PAID_FROM = "PAID_FROM"
    ISSUED_ON = "ISSUED_ON"


@strawberry.enum(description="Which way money went, seen from the account.")
class MovementDirection(StrEnum):
    """Which way money went, seen from the account."""

    CREDIT = "CREDIT"
    DEBIT = "DEBIT"
