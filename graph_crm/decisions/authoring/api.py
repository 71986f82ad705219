"""The queries and mutations about the rules themselves. They hold no business logic: a service does the work."""

from __future__ import annotations

from typing import Any, cast

import strawberry
from strawberry.types import Info

from graph_crm.decisions.authoring.reports import RuleReports
from graph_crm.decisions.authoring.switching import RuleSwitching
from graph_crm.decisions.authoring.types import RuleMode, RuleReportType, RuleSwitch, shown
from graph_crm.graph.context import RequestContext
from graph_crm.graph.mutation import mutation, query
from graph_crm.parties.inputs import KEY


@strawberry.input(description="The mode that a rule is to have from now on.")
class SwitchRuleInput:
    """The mode that a rule is to have from now on."""

    rule: str = strawberry.field(description="The rule.")
    mode: RuleMode = strawberry.field(description="OFF, SHADOW or ON.")
    reason: str = strawberry.field(description="Why; kept for good with your name.")
    idempotency_key: str | None = strawberry.field(default=None, description=KEY)


@strawberry.type
class RuleMutations:
    """Switching rules."""

    @mutation("Switch a rule off, into shadow or on; every decision from now on goes by it.", permission="switch_rules")
    async def switch_rule(self, info: Info[Any, None], input: SwitchRuleInput) -> RuleSwitch:  # noqa: A002 - GraphQL's word
        """Keep the switch with who did it, and answer with it."""
        context: RequestContext = info.context
        written = await context.service(RuleSwitching).switch(
            input.rule,
            input.mode.value.lower(),
            reason=input.reason,
            by=context.caller.subject,
            idempotency_key=input.idempotency_key,
        )
        return cast(RuleSwitch, await context.fetch("RuleSwitch", written.id, info))


@strawberry.type
class RuleQueries:
    """What rules did."""

    @query("What each rule did, where its proposals were stopped, what became of its offers.")
    async def rule_reports(self, info: Info[Any, None], rule: str | None = None) -> list[RuleReportType]:
        """The report of one rule, or of all."""
        context: RequestContext = info.context
        return [shown(one) for one in await context.service(RuleReports).read(rule)]
