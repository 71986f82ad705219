"""The errors of the platform: a stable code, a message that says what is wrong, a hint that says what to do.

GraphQL puts the code into ``extensions.code``; the command prints ``CODE: message`` and the hint and exits with 1.
`docs/errors.md` describes every code and a test compares the two.
"""

from __future__ import annotations

from typing import Any, ClassVar


class CrmError(Exception):
    """Base of every error that a user may see.

    ``message`` says what is wrong in one sentence, ``hint`` what to do about it, ``details`` holds
    JSON-safe facts (the field, the limit, the value's length) and never personal data.
    """

    code: ClassVar[str] = "INTERNAL"
    http_status: ClassVar[int] = 200

    def __init__(self, message: str, *, hint: str | None = None, **details: Any) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.details = details

    def extensions(self) -> dict[str, Any]:
        """What GraphQL shows beside the message: ``code``, and ``hint`` and details where there are any."""
        shown: dict[str, Any] = {"code": self.code}
        if self.hint:
            shown["hint"] = self.hint
        return {**self.details, **shown}


class InvalidInput(CrmError):
    """A value that the caller sent can't be used; nothing was written."""

    code = "BAD_USER_INPUT"


class NotFound(CrmError):
    """What the caller named does not exist, or not for this caller."""

    code = "NOT_FOUND"


class VersionConflict(CrmError):
    """The record was changed since the caller read it: read it again and repeat the change."""

    code = "VERSION_CONFLICT"


class IdempotencyKeyReused(CrmError):
    """The idempotency key was used before with another input."""

    code = "IDEMPOTENCY_KEY_REUSED"


class AlreadyExists(CrmError):
    """A record with this identity exists."""

    code = "ALREADY_EXISTS"


class Unauthenticated(CrmError):
    """No valid token came with the request."""

    code = "UNAUTHENTICATED"
    http_status = 401


class Forbidden(CrmError):
    """The caller's role may not do or see this."""

    code = "FORBIDDEN"


class DatabaseUnavailable(CrmError):
    """Neo4j can't be reached, or did not answer in time."""

    code = "DATABASE_UNAVAILABLE"
    http_status = 503


class DatabaseBusy(CrmError):
    """Neo4j answers but can't take this now: every connection is in use, or the work collides with other work."""

    code = "DATABASE_BUSY"
    http_status = 503


class DatabaseTimeout(CrmError):
    """The statement was stopped at its time limit."""

    code = "DATABASE_TIMEOUT"


class DatabaseRefused(CrmError):
    """Neo4j refused: wrong password, a version that is too old, or an edition that lacks something."""

    code = "DATABASE_REFUSED"


class StatementFailed(CrmError):
    """Neo4j could not run a statement of the platform: a fault of the platform, not of the caller."""

    code = "STATEMENT_FAILED"


class MigrationRefused(CrmError):
    """A migration can't be applied: an applied file was changed or is missing, or a statement failed."""

    code = "MIGRATION_REFUSED"


class ImportFailed(CrmError):
    """The counts of an import do not reconcile: rows are neither in the graph nor in the reject file."""

    code = "IMPORT"


class EngineError(CrmError):
    """The embedded Neo4j can't be installed, started or stopped."""

    code = "ENGINE"


class RuleError(CrmError):
    """A rule or plugin can't be loaded or evaluated."""

    code = "RULE"


class ConfigurationError(CrmError):
    """A setting is missing or can't be used."""

    code = "CONFIGURATION"


class ReservationGone(CrmError):
    """The contact slot is no longer held: its time to live is over, or it was given back or used."""

    code = "RESERVATION_GONE"


class ReservationNotOpen(CrmError):
    """The contact slot begins later: the contact must not be made yet."""

    code = "RESERVATION_NOT_OPEN"


class SamePerson(CrmError):
    """What one person asked for, another must approve."""

    code = "SAME_PERSON"


class AlreadyDecided(CrmError):
    """What was asked for was decided before, or its time is over."""

    code = "ALREADY_DECIDED"


class OfferAnswered(CrmError):
    """The customer has given the opposite answer to this offer before."""

    code = "OFFER_ANSWERED"


class OfferEnded(CrmError):
    """The offer had ended before this happened."""

    code = "OFFER_ENDED"


class RequestClosed(CrmError):
    """The service request is closed: nothing can be done with it until it is opened again."""

    code = "REQUEST_CLOSED"


class TemplateFailed(CrmError):
    """A message can't be put into words: a variable is missing, or the template does what it may not."""

    code = "TEMPLATE"


class DeliveryUnderWay(CrmError):
    """The message is being sent, or was: it can't be taken back any more."""

    code = "DELIVERY_UNDER_WAY"


class CallNotClaimed(CrmError):
    """The entry of the call list was never taken by this agent."""

    code = "CALL_NOT_CLAIMED"


class CallbackRefused(CrmError):
    """A gateway's message is not signed as it must be, or not of now."""

    code = "CALLBACK_REFUSED"
    http_status = 401


class CallRecorded(CrmError):
    """What became of the entry of the call list is recorded already."""

    code = "CALL_RECORDED"


class ProcessingRestricted(CrmError):
    """The customer's data are only kept (GDPR, art. 18): no decision may be made about them."""

    code = "PROCESSING_RESTRICTED"
