"""Which role may ask for which change and for which service's answer: every one that the schema has."""

from __future__ import annotations

from typing import Any, cast

import pytest
from fitting_literals import literal
from graphql import (
    GraphQLField,
    get_named_type,
    is_leaf_type,
    is_required_argument,
)

from graph_crm.api.execution import Executor, Request
from graph_crm.api.schema import platform_schema
from graph_crm.errors import CrmError, InvalidInput
from graph_crm.graph.database import Database
from graph_crm.security.roles import Caller, Permission, Role

RIGHTS = {
    Permission.DECIDE: {"decide"},
    Permission.CONTACT: {"reserveContact", "confirmContact", "releaseContact", "recordResponse"},
    Permission.CONSENT: {
        "recordConsent",
        "withdrawConsent",
        "objectToProfiling",
        "withdrawProfilingObjection",
        "flagVulnerability",
        "clearVulnerability",
        "blockContactPoint",
        "unblockContactPoint",
    },
    Permission.ASK_OVERRIDE: {"askLimitOverride", "revokeLimitOverride"},
    Permission.APPROVE_OVERRIDE: {"approveLimitOverride", "rejectLimitOverride"},
    Permission.SWITCH_RULES: {"switchRule"},
    Permission.READ_PARTIES: {
        "preview",
        "consentState",
        "earliestContactAt",
        "ruleReports",
        "contactPolicy",
        "eventTypes",
        "previewTemplate",
    },
    Permission.OWN_REQUESTS: {
        "openRequest",
        "writeToRequest",
        "articleHelped",
        "answerSurvey",
        "request",
        "accessLog",
        "myRequests",
        "requestCategories",
        "requestChanged",
        "exportParty",
        "privacyExport",
    },
    Permission.SERVE_REQUESTS: {
        "answerRequest",
        "noteOnRequest",
        "assignRequest",
        "escalateRequest",
        "askCustomer",
        "resumeRequest",
        "closeRequest",
        "reopenRequest",
        "sortRequest",
        "describeComplaint",
        "reopenMail",
        "dismissMail",
        "nextCall",
        "recordCall",
        "skipCall",
        "callArrived",
        "callAnswered",
        "callEnded",
        "callAbandoned",
        "callListNumbers",
        "callQueue",
        "myQueue",
        "categoryProposals",
    },
    Permission.RUN_DESK: {
        "createArticle",
        "updateArticle",
        "retireArticle",
        "saveEmployee",
        "recordAbsence",
        "endAbsence",
        "handOverRequests",
    },
    Permission.INSIGHT: {
        "eventCounts",
        "productInterest",
        "requestAnalytics",
        "requestBacklog",
        "mostAskedQuestions",
    },
    Permission.OPERATE: {"retryWork", "failedWork"},
    Permission.MANAGE_ACCESS: {
        "addServiceAccount",
        "rotateServiceAccount",
        "disableServiceAccount",
        "serviceAccounts",
        "protectParty",
        "unprotectParty",
        "assignPortfolio",
        "endPortfolio",
    },
    Permission.READ_AUDIT: {"auditEntries"},
    Permission.PRIVACY: {
        "restrictProcessing",
        "liftRestriction",
        "eraseParty",
        "mergeParties",
        "unmergeParties",
        "mergeCandidates",
        "mergePreview",
        "erasureOutlook",
        "partyErasure",
        "privacyRetentionReports",
    },
}
"""A change that is not here needs MUTATE."""
STAFF = set(Role) - {Role.CUSTOMER}
DESKS = {Role.AGENT, Role.RELATIONSHIP_MANAGER, Role.SERVICE, Role.ADMINISTRATOR}
WHO = {
    Permission.MUTATE: DESKS,
    Permission.DECIDE: DESKS,
    Permission.CONTACT: DESKS,
    Permission.CONSENT: DESKS,
    Permission.ASK_OVERRIDE: {Role.RELATIONSHIP_MANAGER, Role.MARKETER, Role.ADMINISTRATOR},
    Permission.APPROVE_OVERRIDE: {Role.ADMINISTRATOR},
    Permission.SWITCH_RULES: {Role.MARKETER, Role.ADMINISTRATOR},
    Permission.READ_PARTIES: STAFF,
    Permission.OWN_REQUESTS: DESKS | {Role.CUSTOMER},
    Permission.SERVE_REQUESTS: DESKS,
    Permission.RUN_DESK: {Role.ADMINISTRATOR},
    Permission.INSIGHT: {
        Role.MARKETER,
        Role.ANALYST,
        Role.AUDITOR,
        Role.RELATIONSHIP_MANAGER,
        Role.ADMINISTRATOR,
    },
    Permission.OPERATE: {Role.ADMINISTRATOR},
    Permission.READ_AUDIT: {Role.AUDITOR, Role.ADMINISTRATOR},
    Permission.MANAGE_ACCESS: {Role.ADMINISTRATOR},
    Permission.PRIVACY: {Role.ADMINISTRATOR},
}
CORE = platform_schema().core


class Reached(InvalidInput):
    """The caller got as far as the service."""

    code = "REACHED"


def fields() -> list[tuple[str, str, GraphQLField]]:
    assert CORE.mutation_type is not None
    assert CORE.query_type is not None
    changes = [("mutation", name, field) for name, field in CORE.mutation_type.fields.items()]
    asked = [
        ("query", name, field)
        for name, field in CORE.query_type.fields.items()
        if name not in platform_schema().registry.roots
    ]
    assert CORE.subscription_type is not None
    followed = [("subscription", name, field) for name, field in CORE.subscription_type.fields.items()]
    return changes + asked + followed


def document(operation: str, name: str, field: GraphQLField) -> str:
    needed = {key: one.type for key, one in field.args.items() if is_required_argument(one)}
    given = ", ".join(f"{key}: {literal(type_)}" for key, type_ in needed.items())
    below = "" if is_leaf_type(get_named_type(field.type)) else " { __typename }"
    return f"{operation} {{ {name}{f'({given})' if given else ''}{below} }}"


class AllSeen:
    """A database in which every record that a request names belongs to a customer of the caller."""

    async def read(self, _statement: str, parameters: dict[str, Any]) -> list[Any]:
        keys = [value for name, value in sorted(parameters.items()) if name.startswith("keys")]
        return [[[each for pair in keys for each in (pair, pair)]]]


def refuse(_service: type[Any]) -> Any:
    raise Reached("a service was asked for")


async def followed(executor: Executor, request: Request) -> dict[str, Any]:
    """The first answer of a subscription."""
    try:
        return await anext(aiter(executor.subscribe(request)))
    except CrmError as error:
        return {"errors": [{"extensions": error.extensions()}]}


@pytest.mark.parametrize(("operation", "name", "field"), fields(), ids=[name for _, name, _ in fields()])
async def test_every_role_gets_as_far_as_its_rights_and_no_further(
    operation: str, name: str, field: GraphQLField
) -> None:
    executor = Executor(platform_schema(), cast(Database, AllSeen()), refuse)
    needed = next((right for right, names in RIGHTS.items() if name in names), None)
    assert operation == "mutation" or needed is not None, "what is read has its right in the list"
    needed = needed or Permission.MUTATE
    codes = {}
    for role in Role:
        caller = Caller("somebody", role, "x")  # employees may be customers, too
        request = Request(document(operation, name, field), caller)
        answer = await (followed(executor, request) if operation == "subscription" else executor.execute(request))
        (error,) = answer["errors"]
        codes[role] = error["extensions"]["code"]
    assert codes == {role: "REACHED" if role in WHO[needed] else "FORBIDDEN" for role in Role}
