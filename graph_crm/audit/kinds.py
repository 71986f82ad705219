"""What sorts of entries there are, and which mutation belongs to which sort."""

from __future__ import annotations

from enum import StrEnum
from typing import Final

from graph_crm.graph.mapping import word_list


@word_list(
    "What a record of the audit is about.",
    WRITE="Something was changed; the record is in the transaction of the change.",
    READ="Data of persons were shown: an answer, a page, a document, a report, an export.",
    DECISION="The bank decided what to offer to whom.",
    OVERRIDE="A contact limit was shortened, or somebody asked for it.",
    RULE_SWITCH="A rule was switched on, off or into shadow.",
    PRIVACY="Data of a person were exported, rectified, restricted, erased, merged or separated.",
    ACCESS="Who may see what was changed: portfolios, protection, service accounts.",
    LOGIN="A token was used for the first time with this server.",
    DENIAL="Something was refused: no valid token, or no right.",
    AUDIT="The audit itself was read or checked.",
)
class AuditKind(StrEnum):
    """What a record of the audit is about; the descriptions above say what each means."""

    WRITE = "WRITE"
    READ = "READ"
    DECISION = "DECISION"
    OVERRIDE = "OVERRIDE"
    RULE_SWITCH = "RULE_SWITCH"
    PRIVACY = "PRIVACY"
    ACCESS = "ACCESS"
    LOGIN = "LOGIN"
    DENIAL = "DENIAL"
    AUDIT = "AUDIT"


_KINDS: Final = {
    "decide": AuditKind.DECISION,
    "askLimitOverride": AuditKind.OVERRIDE,
    "approveLimitOverride": AuditKind.OVERRIDE,
    "rejectLimitOverride": AuditKind.OVERRIDE,
    "revokeLimitOverride": AuditKind.OVERRIDE,
    "switchRule": AuditKind.RULE_SWITCH,
}
_PRIVACY: Final = ("erase", "restrict", "rectify", "merge", "unmerge", "exportPart", "liftRestriction")
_ACCESS: Final = ("lookAfter", "protect", "unprotect", "serviceAccount", "grant", "revokeService", "portfolio")


_COMMANDS: Final = {
    "privacy": AuditKind.PRIVACY,
    "account": AuditKind.ACCESS,
    "audit": AuditKind.AUDIT,
    "rules switch": AuditKind.RULE_SWITCH,
}


def kind_of(mutation: str) -> AuditKind:
    """The sort of entries that a mutation, or a command that changes something, leaves."""
    found = _KINDS.get(mutation) or _COMMANDS.get(mutation) or _COMMANDS.get(mutation.partition(" ")[0])
    if found is not None:
        return found
    if any(word in mutation for word in _PRIVACY):
        return AuditKind.PRIVACY
    lowered = mutation.lower()
    if any(word.lower() in lowered for word in _ACCESS):
        return AuditKind.ACCESS
    return AuditKind.WRITE
