"""Every error of the driver, said in the platform's own words: nothing of `neo4j.exceptions` leaves this package.

Messages name labels, properties and Neo4j's codes, never the values that were sent. The driver's own error stays the
``__cause__`` for the log.
"""

from __future__ import annotations

import re

from neo4j.exceptions import (
    ConfigurationError as DriverConfigurationError,
)
from neo4j.exceptions import (
    ConnectionAcquisitionTimeoutError,
    ConstraintError,
    CypherSyntaxError,
    DriverError,
    IncompleteCommit,
    Neo4jError,
    ResultError,
    ServiceUnavailable,
    SessionExpired,
    TransactionError,
    TransientError,
)

from graph_crm.errors import (
    AlreadyExists,
    ConfigurationError,
    CrmError,
    DatabaseBusy,
    DatabaseRefused,
    DatabaseTimeout,
    DatabaseUnavailable,
    InvalidInput,
    StatementFailed,
)
from graph_crm.graph.turns import ALL_BUSY, SEND_LESS

DRIVER_ERRORS = (DriverError, Neo4jError)
UNSENDABLE = (ValueError, TypeError, OverflowError)
"""What the driver raises for a parameter that it can't send."""

_STOPPED = ("TransactionTimedOut", "LockClientStopped", "LockAcquisitionTimeout", "Terminated")
_TOO_LARGE = ("TransactionOutOfMemoryError", "MemoryPoolOutOfMemoryError", "OutOfMemoryError")
_CAN_NOT_WRITE = ("TransactionCommitFailed", "TransactionStartFailed")
_TAKEN = re.compile(r"with (?:label|type) `(?P<label>[^`]+)` and propert(?:y|ies) (?P<properties>`.*)", re.DOTALL)
_NAME = re.compile(r"`([^`]+)` = ")
_LACKS = re.compile(r"(?P<what>[A-Z][\w ]+?) requires Neo4j Enterprise")

UNKNOWN_OUTCOME = "The connection was lost while the change was being committed: it may or may not be stored"
REPEAT_WITH_KEY = "Repeat the request with the same idempotency key: what was stored is then returned, not stored twice"


def root(error: Exception) -> Exception:
    """The error that began it: the driver reports a failed transaction or result with the reason as its cause."""
    while isinstance(error, (ResultError, TransactionError)) and isinstance(error.__cause__, DRIVER_ERRORS):
        error = error.__cause__
    return error


def code_of(error: Exception) -> str:
    """Neo4j's code of a server error, otherwise the name of the driver's class."""
    return (error.code if isinstance(error, Neo4jError) else None) or type(error).__name__


def unreachable(error: Exception) -> bool:
    """Whether the error says that no server answered, rather than that the server said no."""
    return isinstance(root(error), (ServiceUnavailable, SessionExpired)) or "DatabaseUnavailable" in code_of(error)


def repeatable(error: Exception) -> bool:
    """Whether the same transaction may succeed when it is sent again, and certainly was not committed."""
    cause = root(error)
    if isinstance(cause, DRIVER_ERRORS):
        return cause.is_retryable() and not code_of(cause).endswith(_TOO_LARGE)
    return False


def unwritable(error: Exception) -> bool:
    """Whether a server that answers says that it can't write."""
    return code_of(root(error)).endswith(_CAN_NOT_WRITE)


def outcome_unknown(error: Exception) -> bool:
    """Whether the connection was lost after COMMIT was sent and before it was answered."""
    return isinstance(root(error), IncompleteCommit)


def translate(error: Exception) -> CrmError:
    """Say a driver error in the platform's words."""
    cause = root(error)
    code = code_of(cause)
    if isinstance(cause, UNSENDABLE):
        return InvalidInput(f"A value can't be stored: {type(cause).__name__}", hint="Numbers are 64 bits wide")
    if isinstance(cause, DriverConfigurationError):
        return ConfigurationError(f"The address of Neo4j can't be used: {cause}")
    message = str(cause.message) if isinstance(cause, Neo4jError) else str(cause)
    if isinstance(cause, ConstraintError):
        return _taken(message)
    return _unwritable(code) or _passing(cause, code) or _refused(message, code) or _fault(cause, message, code)


def _unwritable(code: str) -> DatabaseUnavailable | None:
    """A server that runs, answers reads and can't write any more."""
    if not code.endswith(_CAN_NOT_WRITE):
        return None
    return DatabaseUnavailable(
        "Neo4j can't write: the change may or may not be stored",
        hint="Most likely its disk is full. Make room and start Neo4j again; its log says what happened",
        outcome="UNKNOWN",
    )


def _passing(cause: Exception, code: str) -> CrmError | None:
    """What may be over at the next attempt: the network, the load, the time limit."""
    if isinstance(cause, IncompleteCommit):
        return DatabaseUnavailable(UNKNOWN_OUTCOME, hint=REPEAT_WITH_KEY, outcome="UNKNOWN")
    if isinstance(cause, ConnectionAcquisitionTimeoutError):
        return DatabaseBusy(ALL_BUSY, hint=SEND_LESS)
    if unreachable(cause):
        return DatabaseUnavailable("Neo4j does not answer", hint="`graph-crm doctor` says what is wrong")
    if any(word in code for word in _STOPPED):
        return DatabaseTimeout("The statement was stopped at its time limit", hint="Ask for less at once")
    if isinstance(cause, TransientError):
        large = code.endswith(_TOO_LARGE)
        told = "The statement needs more memory than Neo4j has" if large else f"Neo4j is under load: {code}"
        return DatabaseBusy(told, hint="Ask for less at once" if large else "Repeat the request")
    return None


def _taken(message: str) -> CrmError:
    """The violated constraint, by label and property; the value stays out of the message."""
    found = _TAKEN.search(message)
    if found is None:
        return AlreadyExists("A record with this identity exists")
    properties = _NAME.findall(found["properties"])
    return AlreadyExists(
        f"{found['label']} with this {' and '.join(properties) or 'identity'} exists",
        label=found["label"],
        properties=properties,
    )


_REFUSALS = (
    (
        ".Security.AuthenticationRateLimit",
        "Neo4j refuses to check the password after too many wrong ones",
        "Correct NEO4J_PASSWORD and wait a few seconds before the next start",
    ),
    (
        ".Security.Unauthorized",
        "Neo4j refused the user or the password",
        "Set NEO4J_USERNAME and NEO4J_PASSWORD to the account of this Neo4j",
    ),
    (
        ".Security.",
        "Neo4j refused the account's rights",
        "Give the account the rights to read, write and create indexes and constraints",
    ),
    (
        ".Database.DatabaseNotFound",
        "This Neo4j has no database of that name",
        "Set NEO4J_DATABASE to one that exists; the Community edition has one, neo4j",
    ),
    (
        ".UnsupportedAdministrationCommand",
        "This edition of Neo4j lacks an administration command that was asked for",
        "Use the Enterprise edition, or do without",
    ),
    (
        ".Statement.AccessMode",
        "A writing statement was sent as a read",
        "Use Database.write or Database.execute",
    ),
)


def _refused(message: str, code: str) -> DatabaseRefused | None:
    """What no repetition cures: the password, the rights, the database's name, the edition."""
    lacks = _LACKS.search(message)
    if lacks is not None:
        return DatabaseRefused(
            f"{lacks['what'].strip()} needs the Enterprise edition of Neo4j",
            hint="Check it in the service that stores the data; Community has uniqueness constraints only",
        )
    for part, told, hint in _REFUSALS:
        if part in code:
            return DatabaseRefused(told, hint=hint)
    return None


def _fault(cause: Exception, message: str, code: str) -> StatementFailed:
    """A statement that is wrong. Neo4j's message is shown where it holds no values, only the statement's own words."""
    free_of_values = isinstance(cause, CypherSyntaxError) or "ParameterMissing" in code
    told = f"{code}: {message}" if free_of_values else code
    return StatementFailed(f"Neo4j could not run a statement: {told}", hint="A fault of the platform: report it")
