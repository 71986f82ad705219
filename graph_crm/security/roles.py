"""Who a caller is, and what each role may do today."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from graph_crm.errors import Forbidden


class Role(StrEnum):
    """The roles that a token may carry, exactly one each."""

    CUSTOMER = "customer"
    """A customer of the bank, through the online bank or the app: sees the catalogue and the own party."""
    AGENT = "agent"
    """The call centre and the branch counter."""
    RELATIONSHIP_MANAGER = "relationship_manager"
    """Looks after named customers and their ties."""
    MARKETER = "marketer"
    """Plans what is offered; reads, does not change customers."""
    RULE_AUTHOR = "rule_author"
    """Writes rules: reads, and sees how a query runs."""
    ANALYST = "analyst"
    """Explores the graph: reads, and sees how a query runs."""
    SERVICE = "service"
    """Another system of the bank: the ATM, the online bank's back end, the core system."""
    AUDITOR = "auditor"
    """Reads everything, changes nothing."""
    ADMINISTRATOR = "administrator"
    """Runs the platform."""


class Permission(StrEnum):
    """A coarse permission of a role."""

    READ_PARTIES = "read_parties"
    """Read any party, agreement, event and decision, and walk from one to the other."""
    MUTATE = "mutate"
    """Create, update and end records, and record events."""
    DECIDE = "decide"
    """Ask for the best actions for a customer who is here now."""
    CONTACT = "contact"
    """Reserve, confirm and release contacts, and record what customers say to offers."""
    CONSENT = "consent"
    """Record consents, special care and blocked contact points."""
    ASK_OVERRIDE = "ask_override"
    """Ask for a shorter contact limit."""
    APPROVE_OVERRIDE = "approve_override"
    """Approve, reject and revoke shorter contact limits that somebody else asked for."""
    SWITCH_RULES = "switch_rules"
    """Switch rules off, into shadow or on."""
    OWN_REQUESTS = "own_requests"
    """Open, follow and answer service requests: a customer the own ones, staff those of every customer."""
    SERVE_REQUESTS = "serve_requests"
    """Assign, answer and close service requests, work off the call list."""
    RUN_DESK = "run_desk"
    """Change what the service desk is made of: employees, absences, articles."""
    INSIGHT = "insight"
    """Read counts over many customers: what they look at, what they ask for."""
    PRIVACY = "privacy"
    """Show everything that is held on a party, restrict what is done with it, erase it."""
    OPERATE = "operate"
    """See work that failed and have it done again."""
    READ_AUDIT = "read_audit"
    """Read the audit: who saw, changed and was refused what."""
    EXPLAIN = "explain"
    """See the statement that a query was compiled to."""
    MANAGE_ACCESS = "manage_access"
    """Say who may call: service accounts and their keys."""
    INTROSPECT = "introspect"
    """Read the GraphQL schema through the API."""


_SERVING: Final = frozenset(
    {
        Permission.MUTATE,
        Permission.DECIDE,
        Permission.CONTACT,
        Permission.CONSENT,
        Permission.OWN_REQUESTS,
        Permission.SERVE_REQUESTS,
    }
)
_STAFF: Final = frozenset({Permission.READ_PARTIES, Permission.INTROSPECT})

_PERMISSIONS: Final[dict[Role, frozenset[Permission]]] = {
    Role.CUSTOMER: frozenset({Permission.OWN_REQUESTS}),
    Role.AGENT: _STAFF | _SERVING,
    Role.RELATIONSHIP_MANAGER: _STAFF | _SERVING | {Permission.ASK_OVERRIDE, Permission.INSIGHT},
    Role.MARKETER: _STAFF | {Permission.ASK_OVERRIDE, Permission.SWITCH_RULES, Permission.INSIGHT},
    Role.RULE_AUTHOR: _STAFF | {Permission.EXPLAIN},
    Role.ANALYST: _STAFF | {Permission.EXPLAIN, Permission.INSIGHT},
    Role.SERVICE: _STAFF | _SERVING,
    Role.AUDITOR: _STAFF | {Permission.INSIGHT, Permission.READ_AUDIT},
    Role.ADMINISTRATOR: frozenset(Permission),
}


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks, as a verified token says."""

    subject: str
    """A stable name of the person or system, for the audit; never shown to customers."""
    role: Role
    party_id: str | None = None
    """The caller's own party; a customer always has one."""

    def may(self, permission: Permission) -> bool:
        """Whether the caller's role carries ``permission``."""
        return permission in _PERMISSIONS[self.role]

    def require(self, permission: Permission) -> None:
        """Raise Forbidden unless the caller's role carries ``permission``."""
        if not self.may(permission):
            raise Forbidden(
                f"The role {self.role} may not {permission.replace('_', ' ')}.",
                hint=f"It takes the permission {permission}: docs/operations.md lists which roles have it.",
                role=self.role.value,
                permission=permission.value,
            )

    def may_read_party(self, party_id: str) -> bool:
        """Whether the caller may read the party ``party_id``: staff may read any, a customer the own one."""
        return self.may(Permission.READ_PARTIES) or (self.party_id is not None and self.party_id == party_id)


def permissions(role: Role) -> frozenset[Permission]:
    """What ``role`` may do."""
    return _PERMISSIONS[role]
