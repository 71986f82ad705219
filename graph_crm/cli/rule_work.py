"""`graph-crm rules switch | history | report`: change what is in force, and look at what rules did."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from graph_crm.cli.console import AsJson, note, operator, print_json, print_table, run, say

if TYPE_CHECKING:
    from graph_crm.decisions.authoring.reports import RuleReport
    from graph_crm.decisions.authoring.switching import Switch

RuleName = Annotated[str, typer.Argument(help="The rule's id; `graph-crm rules list` shows them.")]


class Mode(StrEnum):
    """The modes, as the command takes them."""

    off = "off"
    shadow = "shadow"
    on = "on"


def switch(
    rule: RuleName,
    mode: Annotated[Mode, typer.Argument(help="off: not asked; shadow: asked, never offers; on: offers.")],
    *,
    reason: Annotated[str, typer.Option("--reason", help="Why; it is kept with your name.")],
    as_json: AsJson = False,
) -> None:
    """Switch a rule off, into shadow or on: from the next decision on, in every process, until it is switched again.

    It is stronger than the setting rule_modes and than the rule's file.
    """
    made = run(_switch(rule, mode.value, reason))
    if as_json:
        print_json(made)
    else:
        say(f"Rule {made.rule} is {made.mode} since {made.at:%Y-%m-%d %H:%M:%S} UTC, by {made.by}: {made.reason}")


def history(rule: RuleName, *, as_json: AsJson = False) -> None:
    """Show who switched a rule, when and why, the newest first."""
    found = run(_history(rule))
    if as_json:
        print_json(found)
        return
    columns = ["at (UTC)", "mode", "by", "reason"]
    print_table(columns, [[f"{one.at:%Y-%m-%d %H:%M:%S}", one.mode, one.by, one.reason] for one in found])
    if not found:
        note(f"Rule {rule} was never switched.")


def report(
    rule: Annotated[str | None, typer.Argument(help="The rule's id.", show_default="every rule")] = None,
    *,
    as_json: AsJson = False,
) -> None:
    """Show what rules did in all processes: evaluated, proposed, stopped where, offered, answered; errors and time."""
    found = run(_report(rule))
    if as_json:
        print_json(found)
        return
    _print_work(found)
    if rule is not None:
        _print_stops(found)
    _print_outcomes(found)
    for one in {problem for each in found for problem in each.problems}:
        note(f"Plugin {one.plugin} is {one.state} in {one.process} since {one.since[:19]}: {one.problem}")


def _print_work(found: list[RuleReport]) -> None:
    """One line a rule and mode; shadow stands beside on."""
    columns = ["rule", "mode", "counted in", "evaluated", "yes", "unknown", "errors", "proposed", "stopped", "offers",
               "held", "seconds", "us each"]  # fmt: skip
    rows = []
    for one in found:
        if not one.modes:
            rows.append([one.rule, one.mode, "", *["0"] * 8, "0.000", ""])
        for number, work in enumerate(one.modes):
            first = [one.rule, one.mode] if number == 0 else ["", ""]
            counts = [work.evaluated, work.passed, work.unknown, work.failed, work.proposed]
            counts += [sum(stop.count for stop in work.stopped), work.offers, work.held]
            each = f"{work.microseconds:.1f}" if work.microseconds is not None else ""
            rows.append([*first, work.mode, *(f"{count:,}" for count in counts), f"{work.seconds:.3f}", each])
    print_table(columns, rows)


def _print_stops(found: list[RuleReport]) -> None:
    rows = [
        [work.mode, stop.gate, stop.code, f"{stop.count:,}"]
        for one in found
        for work in one.modes
        for stop in work.stopped
    ]
    if rows:
        print_table(["counted in", "stopped at", "because", "times"], rows)


def _print_outcomes(found: list[RuleReport]) -> None:
    rows = [
        [one.rule, _counts(one.offers), one.reserved, one.contacted, _counts(one.answers), one.sales]
        for one in found
        if one.offers
    ]
    if rows:
        print_table(["rule", "offers", "reserved", "contacted", "answers", "sales"], rows)


def _counts(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{name} {count:,}" for name, count in counts.items())


async def _switch(rule: str, mode: str, reason: str) -> Switch:
    from graph_crm import bootstrap
    from graph_crm.decisions.authoring.switching import RuleSwitching
    from graph_crm.settings import load

    settings = load()
    book = bootstrap.rules(settings)
    async with bootstrap.connected(settings) as database:
        switching = RuleSwitching(database, book)
        written = await switching.switch(rule, mode, reason=reason, by=operator())
        return next(one for one in await switching.history(rule) if one.id == written.id)


async def _history(rule: str) -> list[Switch]:
    from graph_crm import bootstrap
    from graph_crm.decisions.authoring.switching import RuleSwitching
    from graph_crm.settings import load

    settings = load()
    async with bootstrap.connected(settings) as database:
        return await RuleSwitching(database, bootstrap.rules(settings)).history(rule)


async def _report(rule: str | None) -> list[RuleReport]:
    from graph_crm import bootstrap
    from graph_crm.decisions.authoring.reports import RuleReports
    from graph_crm.settings import load

    settings = load()
    async with bootstrap.connected(settings) as database:
        return await RuleReports(database, bootstrap.rules(settings)).read(rule)
