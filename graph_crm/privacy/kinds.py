"""The closed lists of words of this slice, as GraphQL shows them and the graph stores them."""

from __future__ import annotations

from enum import StrEnum

from graph_crm.graph.mapping import word_list


class Kind(StrEnum):
    """What a property is: it says what becomes of it in an export and in an erasure (`inventory.toml`)."""

    KEY = "key"
    FACT = "fact"
    MONEY = "money"
    EVIDENCE = "evidence"
    SYSTEM = "system"
    IDENTITY = "identity"
    CONTACT = "contact"
    TEXT = "text"
    PROFILE = "profile"
    TRACE = "trace"

    @property
    def erased(self) -> bool:
        """Whether an erasure takes it away."""
        return self in {Kind.IDENTITY, Kind.CONTACT, Kind.TEXT, Kind.PROFILE, Kind.TRACE}

    @property
    def exported(self) -> bool:
        """Whether the person gets to see it."""
        return self not in {Kind.EVIDENCE, Kind.SYSTEM, Kind.TRACE}


@word_list(
    "The ground in law for an erasure (GDPR, art. 17).",
    NO_LONGER_NEEDED="What the data were collected for is over.",
    CONSENT_WITHDRAWN="The consent on which all rested was withdrawn.",
    OBJECTED="The party objected, and nothing outweighs it.",
    UNLAWFUL="The data were processed without a ground.",
    LEGAL_OBLIGATION="A law or a court demands it.",
    RETENTION="The time is over for which the bank keeps former customers.",
)
class LegalBasis(StrEnum):
    """The ground in law for an erasure."""

    NO_LONGER_NEEDED = "NO_LONGER_NEEDED"
    CONSENT_WITHDRAWN = "CONSENT_WITHDRAWN"
    OBJECTED = "OBJECTED"
    UNLAWFUL = "UNLAWFUL"
    LEGAL_OBLIGATION = "LEGAL_OBLIGATION"
    RETENTION = "RETENTION"


@word_list(
    "What speaks against erasing a party.",
    OPEN_AGREEMENT="The party holds an agreement that is not closed.",
    OPEN_COMPLAINT="A complaint of the party is open.",
    OPEN_REQUEST="A request of the party is open.",
    RETENTION_DUTY="For some years after the last agreement or complaint the law demands to keep who it was.",
)
class Obstacle(StrEnum):
    """What speaks against erasing a party."""

    OPEN_AGREEMENT = "OPEN_AGREEMENT"
    OPEN_COMPLAINT = "OPEN_COMPLAINT"
    OPEN_REQUEST = "OPEN_REQUEST"
    RETENTION_DUTY = "RETENTION_DUTY"


@word_list(
    "How far an erasure is.",
    ERASING="Who it is is gone; a worker goes through everything that is left.",
    ERASED="Everything is gone that told who it was.",
)
class ErasureState(StrEnum):
    """How far an erasure is."""

    ERASING = "ERASING"
    ERASED = "ERASED"


@word_list(
    "Whether the copy of everything that is held on a party can be fetched.",
    WANTED="A worker makes it.",
    READY="It can be fetched.",
    GONE="Its time is over, and it was removed.",
)
class ExportState(StrEnum):
    """Whether a copy can be fetched."""

    WANTED = "WANTED"
    READY = "READY"
    GONE = "GONE"
