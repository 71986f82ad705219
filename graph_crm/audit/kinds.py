"""What sorts of entries there are, and which mutation belongs to which sort."""

from __future__ import annotations

from enum import StrEnum
from typing import Final

import strawberry


@strawberry.enum(name="AuditKind", description="What a record of the audit is about.")
class Kind(StrEnum):
    """What an entry is about."""

    WRITE = "WRITE"
    """Something was changed; the entry is in the transaction of the change."""
    READ = "READ"
    """Data of persons were shown: an answer, a page, a document, a report, an export."""
    DECISION = "DECISION"
    """The bank decided what to offer to whom."""
    OVERRIDE = "OVERRIDE"
    """A contact limit was shortened, or somebody asked for it."""
    RULE_SWITCH = "RULE_SWITCH"
    """A rule was switched on, off or into shadow."""
    PRIVACY = "PRIVACY"
    """Data of a person were exported, rectified, restricted, erased, merged or separated."""
    ACCESS = "ACCESS"
    """Who may see what was changed: portfolios, protection, service accounts."""
    LOGIN = "LOGIN"
    """A token was used for the first time with this server."""
    DENIAL = "DENIAL"
    """Something was refused: no valid token, or no right."""
    AUDIT = "AUDIT"
    """The audit itself was read or checked."""


_KINDS: Final = {
    "decide": Kind.DECISION,
    "askLimitOverride": Kind.OVERRIDE,
    "approveLimitOverride": Kind.OVERRIDE,
    "rejectLimitOverride": Kind.OVERRIDE,
    "revokeLimitOverride": Kind.OVERRIDE,
    "switchRule": Kind.RULE_SWITCH,
}
_PRIVACY: Final = ("erase", "restrict", "rectify", "merge", "unmerge", "exportPart", "liftRestriction")
_ACCESS: Final = ("lookAfter", "protect", "unprotect", "serviceAccount", "grant", "revokeService", "portfolio")


def kind_of(mutation: str) -> Kind:
    """The sort of entries that a mutation leaves."""
    found = _KINDS.get(mutation)
    if found is not None:
        return found
    if any(word in mutation for word in _PRIVACY):
        return Kind.PRIVACY
    lowered = mutation.lower()
    if any(word.lower() in lowered for word in _ACCESS):
        return Kind.ACCESS
    return Kind.WRITE
