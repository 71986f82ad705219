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
    PUSH="A message that the app shows on a device.",
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
    PUSH = "PUSH"


@word_list(
    "Who began: the customer (inbound) or the bank (outbound).",
    INBOUND="The customer came to the bank.",
    OUTBOUND="The bank came to the customer.",
)
class ContactDirection(StrEnum):
    """Who began: the customer (inbound) or the bank (outbound)."""

    INBOUND = "INBOUND"
    OUTBOUND = "OUTBOUND"


@word_list(
    "What kind of business a contact is; it decides which rules bind it.",
    PROMOTIONAL="The bank wants to sell: consent, suppression, cool-off, limits and contact times bind it.",
    TRANSACTIONAL="The customer's own business: limits do not bind it, a refused consent to service does.",
    MANDATORY="The law demands it: nothing stops it, and it is recorded.",
)
class ActionClass(StrEnum):
    """What kind of business a contact is; it decides which rules bind it."""

    PROMOTIONAL = "PROMOTIONAL"
    TRANSACTIONAL = "TRANSACTIONAL"
    MANDATORY = "MANDATORY"


@word_list(
    "What a contact is made for, in the words that consent is given in.",
    MARKETING="To offer something.",
    SERVICE="To serve what the customer has.",
    SURVEY="To ask for an opinion.",
    PARTNERS="To offer something of a partner of the bank.",
)
class ContactPurpose(StrEnum):
    """What a contact is made for, in the words that consent is given in."""

    MARKETING = "MARKETING"
    SERVICE = "SERVICE"
    SURVEY = "SURVEY"
    PARTNERS = "PARTNERS"


@word_list(
    "What became of a reservation.",
    HELD="The slot is held until its time to live is over.",
    CONFIRMED="The contact was made.",
    RELEASED="The contact was not made; the slot was given back.",
    EXPIRED="Nobody confirmed it in time; the slot is free again.",
    CANCELLED="The customer withdrew, or the offer fell away.",
)
class ReservationState(StrEnum):
    """What became of a reservation."""

    HELD = "HELD"
    CONFIRMED = "CONFIRMED"
    RELEASED = "RELEASED"
    EXPIRED = "EXPIRED"
    CANCELLED = "CANCELLED"


@word_list(
    "Where a limit override stands.",
    ASKED="One person asked for it; it has no effect.",
    APPROVED="Another person approved it; it has effect from its beginning to its end.",
    REJECTED="It was refused.",
    REVOKED="It was taken back; it has no effect any more.",
)
class OverrideStatus(StrEnum):
    """Where a limit override stands."""

    ASKED = "ASKED"
    APPROVED = "APPROVED"
    REJECTED = "REJECTED"
    REVOKED = "REVOKED"
