"""The GraphQL types about the rules themselves: how they were switched, what they did."""

from __future__ import annotations

import datetime as dt
import enum

import strawberry

from graph_crm.decisions.authoring.activity import PluginProblem
from graph_crm.decisions.authoring.reports import ModeReport, RuleReport
from graph_crm.graph.mapping import Root, graph, prop, word_list


@word_list(
    "Whether a rule is asked, and whether it may offer something.",
    OFF="It is not asked.",
    SHADOW="It is asked and its thought is kept, but nothing is ever offered.",
    ON="It offers.",
)
class RuleMode(enum.Enum):
    """Whether a rule is asked, and whether it may offer something."""

    OFF = "OFF"
    SHADOW = "SHADOW"
    ON = "ON"


@graph.node(label="RuleSwitch")
class RuleSwitch:
    """One change of a rule's mode while everything runs, kept for good; the newest of a rule is in force."""

    id: strawberry.ID = prop("Identifier of the change.", order=True)
    rule: str = prop("The rule.")
    mode: RuleMode = prop("The mode that it was switched to.")
    at: dt.datetime = prop("When.", order=True)
    by: str = prop("Who did it.")
    reason: str = prop("Why.", filter=False)


graph.root(
    Root(
        name="ruleSwitches",
        node=RuleSwitch,
        page=True,
        description="Who switched which rule, when and why; orderBy AT_DESC begins with the newest.",
    )
)


@strawberry.type(description="How often something was counted.")
class Count:
    """How often something was counted."""

    name: str = strawberry.field(description="What was counted.")
    count: int = strawberry.field(description="How often.")


@strawberry.type(description="How often a gate stopped proposals of a rule for one reason.")
class RuleStop:
    """How often a gate stopped proposals of a rule for one reason."""

    gate: str = strawberry.field(description="Name of the gate.")
    reason_code: str = strawberry.field(description="Stable code of the reason.")
    count: int = strawberry.field(description="How often.")


@strawberry.type(description="What a rule did in one mode, in all processes.")
class RuleModeReport:
    """What a rule did in one mode, in all processes."""

    mode: RuleMode = strawberry.field(description="The mode.")
    evaluated: int = strawberry.field(description="Customers that its condition was asked about.")
    passed: int = strawberry.field(description="Customers whom it fits.")
    unknown: int = strawberry.field(description="Customers of whom a fact was missing.")
    failed: int = strawberry.field(description="Customers about whom it raised an error.")
    proposed: int = strawberry.field(description="Proposals that were led through the gates.")
    offers: int = strawberry.field(description="Proposals that passed every gate; in shadow: that would have.")
    held: int = strawberry.field(description="Offers with which nobody could be contacted at once.")
    seconds: float = strawberry.field(description="Seconds spent in its condition.")
    microseconds: float | None = strawberry.field(description="What one evaluation took on average, in microseconds.")
    stopped: list[RuleStop] = strawberry.field(description="Where its proposals were stopped, gate by gate.")


@strawberry.type(description="A plugin that is out of force in a process.")
class PluginReport:
    """A plugin that is out of force in a process."""

    plugin: str = strawberry.field(description="Name of the plugin.")
    process: str = strawberry.field(description="Machine and process id.")
    state: str = strawberry.field(description="suspended (it kept failing) or broken (it could not be loaded).")
    problem: str = strawberry.field(description="What is wrong with it.")
    since: dt.datetime = strawberry.field(description="When the process said so first.")


@strawberry.type(name="RuleReport", description="All that is known of a rule's work.")
class RuleReportType:
    """All that is known of a rule's work."""

    rule: str = strawberry.field(description="The rule.")
    title: str | None = strawberry.field(description="What it is about; null when no plugin has it now.")
    product_code: str | None = strawberry.field(description="The product that it offers.")
    plugin: str | None = strawberry.field(description="The plugin that brought it.")
    plugin_state: str | None = strawberry.field(description="loaded, suspended or broken, in the answering process.")
    version: str | None = strawberry.field(description="Digest of what it says.")
    mode: RuleMode = strawberry.field(description="The mode in force.")
    modes: list[RuleModeReport] = strawberry.field(description="What it did in each mode: shadow stands beside on.")
    offers: list[Count] = strawberry.field(description="Its offers by status.")
    reserved: int = strawberry.field(description="Offers for which a contact was reserved.")
    contacted: int = strawberry.field(description="Offers that were delivered to a customer.")
    answers: list[Count] = strawberry.field(description="What customers answered, by outcome.")
    sales: int = strawberry.field(description="Offers that became an agreement.")
    problems: list[PluginReport] = strawberry.field(description="In which processes its plugin is out of force.")


def shown(report: RuleReport) -> RuleReportType:
    """A report as GraphQL shows it."""
    return RuleReportType(
        rule=report.rule,
        title=report.title,
        product_code=report.product,
        plugin=report.plugin,
        plugin_state=report.plugin_state,
        version=report.version,
        mode=RuleMode(report.mode.upper()),
        modes=[_mode(one) for one in report.modes],
        offers=[Count(name=name, count=count) for name, count in report.offers.items()],
        reserved=report.reserved,
        contacted=report.contacted,
        answers=[Count(name=name, count=count) for name, count in report.answers.items()],
        sales=report.sales,
        problems=[_problem(one) for one in report.problems],
    )


def _mode(report: ModeReport) -> RuleModeReport:
    return RuleModeReport(
        mode=RuleMode(report.mode.upper()),
        evaluated=report.evaluated,
        passed=report.passed,
        unknown=report.unknown,
        failed=report.failed,
        proposed=report.proposed,
        offers=report.offers,
        held=report.held,
        seconds=report.seconds,
        microseconds=report.microseconds,
        stopped=[RuleStop(gate=one.gate, reason_code=one.code, count=one.count) for one in report.stopped],
    )


def _problem(problem: PluginProblem) -> PluginReport:
    return PluginReport(
        plugin=problem.plugin,
        process=problem.process,
        state=problem.state,
        problem=problem.problem,
        since=dt.datetime.fromisoformat(problem.since),
    )
