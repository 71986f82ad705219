"""Rules through GraphQL: switched with an audit entry, reported with their counters."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from graph_crm.api.execution import Executor, Request
from graph_crm.api.schema import platform_schema
from graph_crm.decisions.authoring.activity import ActivityLog
from graph_crm.decisions.authoring.reports import RuleReports
from graph_crm.decisions.authoring.switching import RuleSwitching, switches
from graph_crm.graph.database import Database
from graph_crm.resources import folder
from graph_crm.rules.loader import find
from graph_crm.rules.manager import RuleBook
from graph_crm.security.roles import Caller, Role

SWITCH = "mutation ($input: SwitchRuleInput!) { switchRule(input: $input) { id rule mode by reason } }"
HISTORY = (
    '{ ruleSwitches(where: {rule: {eq: "deposit_to_card"}}, orderBy: AT_DESC, first: 5) '
    "{ nodes { rule mode by reason at } } }"
)
REPORT = """
{ ruleReports(rule: "deposit_to_card") {
    rule title productCode plugin pluginState version mode reserved contacted sales
    modes { mode evaluated passed proposed offers held seconds microseconds stopped { gate reasonCode count } }
    offers { name count } answers { name count } problems { plugin process state problem since } } }
"""


@pytest.fixture
def book() -> RuleBook:
    return RuleBook(find([folder("plugins")], installed=False))


@pytest.fixture
def executor(empty_database: Database, book: RuleBook) -> Executor:
    services: dict[type[Any], Any] = {
        RuleSwitching: RuleSwitching(empty_database, book),
        RuleReports: RuleReports(empty_database, book),
    }
    found: Callable[[type[Any]], Any] = services.__getitem__
    return Executor(platform_schema(), empty_database, found)


async def asked(executor: Executor, query: str, role: Role = Role.ADMINISTRATOR, **variables: Any) -> dict[str, Any]:
    return await executor.execute(Request(query, Caller("jana", role), variables))


async def test_a_switch_is_made_told_and_in_force(executor: Executor, empty_database: Database):
    for mode, reason in [("SHADOW", "to watch it"), ("OFF", "complaints")]:
        answer = await asked(executor, SWITCH, input={"rule": "deposit_to_card", "mode": mode, "reason": reason})
        assert "errors" not in answer, answer
    switched = answer["data"]["switchRule"]
    assert (switched["mode"], switched["by"], switched["reason"]) == ("OFF", "jana", "complaints")
    nodes = (await asked(executor, HISTORY, Role.AUDITOR))["data"]["ruleSwitches"]["nodes"]
    assert [(one["mode"], one["reason"]) for one in nodes] == [("OFF", "complaints"), ("SHADOW", "to watch it")]
    assert await switches(empty_database.read) == {"deposit_to_card": "off"}


async def test_a_rule_that_there_is_not_is_refused_with_its_code(executor: Executor):
    answer = await asked(executor, SWITCH, input={"rule": "nothing", "mode": "OFF", "reason": "r"})
    assert answer["errors"][0]["extensions"]["code"] == "NOT_FOUND"


@pytest.mark.parametrize("role", [Role.CUSTOMER, Role.AGENT, Role.AUDITOR])
async def test_who_may_not_switch_is_refused(executor: Executor, role: Role):
    sent = {"rule": "deposit_to_card", "mode": "OFF", "reason": "r"}
    answer = await asked(executor, SWITCH, role, input=sent)
    assert answer["errors"][0]["extensions"]["code"] == "FORBIDDEN"


async def test_a_report_shows_the_counters_of_each_mode(executor: Executor, empty_database: Database, book: RuleBook):
    in_shadow = book.switched({"deposit_to_card": "shadow"}).rule("deposit_to_card").counters
    in_shadow.evaluated, in_shadow.seconds, in_shadow.proposed = 4, 0.002, 2
    in_shadow.stopped["consent", "CONSENT_UNKNOWN"] = 2
    await ActivityLog(empty_database, book).flush()
    await empty_database.execute("CREATE (:Offer {id: 'o', ruleId: 'deposit_to_card', status: 'WAITING'})")
    answer = await asked(executor, REPORT, Role.MARKETER)
    assert "errors" not in answer, answer
    (report,) = answer["data"]["ruleReports"]
    assert (report["mode"], report["plugin"], report["pluginState"]) == ("ON", "lifecycle_cross_sell", "loaded")
    (mode,) = report["modes"]
    assert (mode["mode"], mode["evaluated"], mode["microseconds"]) == ("SHADOW", 4, pytest.approx(500))
    assert mode["stopped"] == [{"gate": "consent", "reasonCode": "CONSENT_UNKNOWN", "count": 2}]
    assert report["offers"] == [{"name": "WAITING", "count": 1}]
