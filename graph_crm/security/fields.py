"""Which fields of the graph a caller may ask for. Coarse today: staff see all, a customer sees the own things.

The check is made while a query is compiled, for the selection, the filters and the orderings alike, so that a filter
tells nothing about a field that the caller may not see.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from graph_crm.errors import Forbidden
from graph_crm.security.roles import Caller, Permission

_PARTY: Final = frozenset(
    {
        "id",
        "displayName",
        "status",
        "street",
        "city",
        "region",
        "postalCode",
        "country",
        "language",
        "timeZone",
        "version",
        "agreements",
        "contactPoints",
        "givenName",
        "familyName",
        "birthDate",
        "sex",
        "legalName",
        "registrationNumber",
        "requests",
    }
)
_EVERYTHING_BUT: Final[dict[str, frozenset[str]]] = {
    # What the customer may read of each type is everything, but not the ways to other people and what is the bank's.
    "Agreement": frozenset({"holders", "transfersOut", "transfersIn", "supports", "dependsOn", "source", "offer"}),
    # Who shares a contact point may be why it is blocked.
    "ContactPoint": frozenset({"parties", "blockedReason", "blockedAt"}),
    # What the bank earns with it.
    "Product": frozenset({"value"}),
    "ProductFamily": frozenset(),
    "StandingOrder": frozenset(),
    "Movement": frozenset(),
    "Holding": frozenset(),
    "Reach": frozenset(),
    "Step": frozenset(),
    # Who asked what, and who of the bank wrote it.
    "Article": frozenset({"solvedRequests", "versions", "updatedBy"}),
    "Suggestion": frozenset(),
    "SurveyAnswer": frozenset({"request"}),
}
_NOTHING_BUT: Final[dict[str, frozenset[str]]] = {
    # What the bank thinks of a request, and what employees write down for themselves, is not for the customer.
    "ServiceRequest": frozenset(
        {
            "id",
            "number",
            "category",
            "kind",
            "status",
            "subject",
            "text",
            "language",
            "channel",
            "openedAt",
            "firstResponseDueAt",
            "resolutionDueAt",
            "answeredAt",
            "closedAt",
            "version",
            "messages",
            "owner",
            "product",
            "agreement",
        }
    ),
    "Employee": frozenset({"id", "displayName"}),
}
_NEEDED: Final = {"interestedCustomers": Permission.INSIGHT}
"""Root fields that need more than reading parties."""
_CUSTOMER_ROOTS: Final = frozenset({"party", "product", "products", "productFamilies", "article", "suggestArticles"})


def scope(caller: Caller) -> str:
    """What tells callers with different views apart: compiled statements are shared within one scope only.

    Customers share theirs: which party a customer may ask for is checked in each call (`check_key`).
    """
    if not caller.may(Permission.READ_PARTIES):
        return caller.role.value
    return "staff:" + ",".join(sorted(needed for needed in set(_NEEDED.values()) if caller.may(needed)))


def visibility(caller: Caller) -> Callable[[str, str], None]:
    """A check (type, field) that raises Forbidden for what the caller may not see."""
    if caller.may(Permission.READ_PARTIES):
        return _everything

    def check(type_name: str, field: str) -> None:
        if type_name in {"Party", "Person", "Organization"}:
            allowed = field in _PARTY
        elif type_name in _NOTHING_BUT:
            allowed = field in _NOTHING_BUT[type_name]
        else:
            allowed = type_name in _EVERYTHING_BUT and field not in _EVERYTHING_BUT[type_name]
        if not allowed:
            raise Forbidden(
                f"The role {caller.role} may not read {type_name}.{field}.",
                hint="Leave the field out.",
                type=type_name,
                field=field,
            )

    return check


def _everything(_type_name: str, _field: str) -> None:
    """Staff see every field."""


def check_root(caller: Caller, field: str) -> None:
    """Raise Forbidden where the caller may not ask the root field at all."""
    if not caller.may(Permission.READ_PARTIES) and field not in _CUSTOMER_ROOTS:
        raise Forbidden(
            f"The role {caller.role} may not ask {field}.",
            hint=f"It may ask {', '.join(sorted(_CUSTOMER_ROOTS))}.",
            field=field,
        )
    if field in _NEEDED:
        caller.require(_NEEDED[field])


def check_key(caller: Caller, field: str, key: object) -> None:
    """Raise Forbidden where a customer asks a root field for another party than the own one.

    Whether the other party exists is not told.
    """
    if field == "party" and not caller.may_read_party(str(key)):
        raise Forbidden("A customer may read the own party only.", hint="Ask with the id that the token names.")
