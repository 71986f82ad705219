"""The closed lists of words of this slice, as GraphQL shows them and the graph stores them."""

from __future__ import annotations

from enum import StrEnum

from graph_crm.graph.mapping import word_list


@word_list(
    "The state of an agreement.",
    ACTIVE="It runs as agreed.",
    IN_ARREARS="It runs, and a payment is late.",
    DEFAULTED="The debt is not paid any more.",
    CLOSED="It has ended.",
)
class AgreementStatus(StrEnum):
    """The state of an agreement."""

    ACTIVE = "ACTIVE"
    IN_ARREARS = "IN_ARREARS"
    DEFAULTED = "DEFAULTED"
    CLOSED = "CLOSED"


@word_list(
    "What a party is in an agreement.",
    OWNER="The agreement is theirs.",
    AUTHORISED="May dispose of it for the owner.",
    GUARANTOR="Answers for the debt.",
    CARDHOLDER="Uses a card of it.",
)
class HoldingRole(StrEnum):
    """What a party is in an agreement."""

    OWNER = "OWNER"
    AUTHORISED = "AUTHORISED"
    GUARANTOR = "GUARANTOR"
    CARDHOLDER = "CARDHOLDER"


@word_list(
    "How one agreement depends on another.",
    PAID_FROM="A loan is paid from an account.",
    ISSUED_ON="A card is issued on an account.",
)
class AgreementLinkKind(StrEnum):
    """How one agreement depends on another: a loan is paid from an account, a card is issued on one."""

    PAID_FROM = "PAID_FROM"
    ISSUED_ON = "ISSUED_ON"


@word_list(
    "Which way money went, seen from the account.",
    CREDIT="Money came in.",
    DEBIT="Money went out.",
)
class MovementDirection(StrEnum):
    """Which way money went, seen from the account."""

    CREDIT = "CREDIT"
    DEBIT = "DEBIT"
