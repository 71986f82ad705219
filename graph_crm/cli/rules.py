"""`graph-crm rules ...`: what is loaded, is it right, a new one, whom would it approach."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from graph_crm.cli import rule_work
from graph_crm.cli import simulate as simulating
from graph_crm.cli.console import AsJson, note, print_json, print_table, run, say

if TYPE_CHECKING:
    from graph_crm.decisions.authoring.reports import RuleReport
    from graph_crm.decisions.scanning import Candidate
    from graph_crm.rules.manager import RuleBook

app = typer.Typer(help="Rule plugins: list, check, begin and try them.", no_args_is_help=True)
app.command()(simulating.simulate)
app.command()(rule_work.switch)
app.command()(rule_work.history)
app.command()(rule_work.report)

COUNTED = ("evaluated", "passed", "unknown", "failed", "seconds", "proposed", "offers")


@app.command("list")
def list_rules(
    *,
    counters: Annotated[
        bool, typer.Option("--counters", help="Also what each rule did in all workers: asks the database.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """List every rule: its plugin and file, its mode, its counters; and what is wrong with a plugin.

    Without --counters the mode is the one of file and settings; with it, the one that it was switched to.
    """
    from graph_crm import bootstrap
    from graph_crm.rules.conditions.base import did_you_mean
    from graph_crm.rules.products import catalogue
    from graph_crm.settings import load

    settings = load()
    with _quiet("graph_crm.rules.manager"):
        book = bootstrap.rules(settings)
    reports = {one.rule: one for one in run(_reports(book))} if counters else {}
    rows = [
        {
            "rule": one.rule.id,
            "mode": reports[one.rule.id].mode if counters else one.mode,
            "plugin": one.plugin.name,
            "state": one.plugin.state,
            "file": f"{one.rule.place.file}:{one.rule.place.line}" if one.rule.place.file else one.plugin.origin,
            "offer": one.rule.offer,
            "on": ", ".join(one.rule.events) or "scan",
            "priority": one.rule.priority,
            "version": one.rule.version,
            "title": one.rule.title,
            **(_counters(reports[one.rule.id]) if counters else {}),
        }
        for one in book.rules
    ]
    products = catalogue()
    with_rules = {one.plugin.name for one in book.rules}
    without_rules = [one for one in book.plugins if one.name not in with_rules]
    if as_json:
        print_json({"rules": rows, "plugins": [_plugin(one) for one in book.plugins], "problems": book.problems})
    else:
        shown = ["rule", "mode", "offer", "on", "plugin", "state", "file", *(COUNTED if counters else ())]
        print_table(shown, [[_cell(row[name]) for name in shown] for row in rows])
        for one in without_rules:
            state = "broken" if "rules" in one.hooks and one.problem else one.state
            say(f"Plugin {one.name} ({state}): {one.origin}, hooks {', '.join(one.hooks) or 'none'}")
    elsewhere = {problem for one in reports.values() for problem in one.problems}
    for problem in [
        *book.problems,
        *(f"Plugin {p.plugin} is {p.state} in {p.process}: {p.problem}" for p in elsewhere),
    ]:
        note(f"Problem: {problem}")
    for booked in book.rules:
        if booked.rule.offer not in products:
            near = did_you_mean(booked.rule.offer, products)
            said = f"Rule {booked.rule.id} offers {booked.rule.offer}, which the shipped catalogue does not have."
            note(f"{said} {near or 'Nobody is offered it unless your own catalogue has it.'}")


def _cell(value: Any) -> Any:
    """Seconds are floats, which nobody reads to the last digit."""
    return f"{value:.3f}" if isinstance(value, float) else value


def _counters(report: RuleReport) -> dict[str, Any]:
    """Over all modes; `graph-crm rules report` tells them apart."""
    return {name: sum(getattr(mode, name) for mode in report.modes) for name in COUNTED}


@contextmanager
def _quiet(logger: str) -> Iterator[None]:
    """Without the warnings and errors of a logger, which the caller prints in its own words."""
    silenced = logging.getLogger(logger)
    before = silenced.level
    silenced.setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        silenced.setLevel(before)


async def _reports(book: RuleBook) -> list[RuleReport]:
    from graph_crm import bootstrap
    from graph_crm.decisions.authoring.reports import RuleReports
    from graph_crm.settings import load

    async with bootstrap.connected(load()) as database:
        return await RuleReports(database, book).read()


def _plugin(plugin: Any) -> dict[str, Any]:
    return {
        "plugin": plugin.name,
        "origin": plugin.origin,
        "state": plugin.state,
        "hooks": list(plugin.hooks),
        "problem": plugin.problem,
        "calls": plugin.calls,
        "failures": plugin.failures,
    }


@app.command()
def check(
    paths: Annotated[
        list[Path] | None, typer.Argument(help="Plugin files or folders.", show_default="every plugin folder")
    ] = None,
    *,
    catalogue: Annotated[
        Path | None, typer.Option(help="A catalogue with your own products.", show_default="the shipped one")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Find the usual mistakes in plugins, with file and line; exit 1 when there are any.

    Rules that the contact policy asks less of are told, too, as warnings.
    """
    from graph_crm.events.catalogue import standard_catalogue
    from graph_crm.rules.checking import Known, check
    from graph_crm.rules.event_hooks import names_declared
    from graph_crm.rules.loader import find, load_file
    from graph_crm.rules.products import catalogue as products
    from graph_crm.settings import load

    chosen = paths or load().plugin_folders
    beside = [one for one in chosen if one.is_dir()]
    plugins = find(dict.fromkeys([*load().plugin_folders, *beside]))
    declared = names_declared([*plugins, *(load_file(one) for one in chosen if one.is_file())])
    known = Known(products(catalogue), frozenset(one.name for one in standard_catalogue()) | declared)
    findings = check(chosen, known, beside=load().plugin_folders)
    if as_json:
        print_json(
            [
                {"file": one.file, "line": one.line, "code": one.code, "message": one.message, "hint": one.hint}
                | {"warning": one.warns}
                for one in findings
            ]
        )
    else:
        for one in findings:
            say(str(one))
        note("Nothing is wrong." if not findings else f"{len(findings)} found.")
    if not all(one.warns for one in findings):
        raise typer.Exit(1)


@app.command()
def new(
    name: Annotated[str, typer.Argument(help="Name of the plugin, in lower_snake_case.")],
    *,
    folder: Annotated[
        Path | None, typer.Option("--dir", help="Folder to write into.", show_default="setting plugins_dir, or here")
    ] = None,
) -> None:
    """Begin a plugin: a file that works and a test that passes, to be changed into what you want."""
    from graph_crm.rules.scaffold import new
    from graph_crm.settings import load

    made = new(name, folder or load().plugins_dir or Path.cwd())
    say(str(made.plugin))
    say(str(made.test))
    note(f"Try it (pytest: `make develop` or `pip install pytest`): python -m pytest {made.test}")
    note(f"Check it: graph-crm rules check {made.plugin}")


@app.command()
def candidates(
    rule: Annotated[str, typer.Argument(help="The rule's id; `graph-crm rules list` shows them.")],
    *,
    as_of: Annotated[
        datetime | None,
        typer.Option("--as-of", formats=["%Y-%m-%d"], help="Day to ask about.", show_default="now"),
    ] = None,
    record: Annotated[
        bool, typer.Option("--record", help="Also store the decisions, offers and held contacts; once for a reason.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """List whom a rule would approach, and why. Contacts nobody, and writes nothing without --record.

    Consent and contact limits are not asked: `graph-crm rules simulate` tells how many may be contacted.

    A rule with on_event is asked about those who did such a thing in the last day; --as-of DAY: on that day.
    """
    found, recorded, events = run(_candidates(rule, as_of, record=record))
    if record:
        note(f"{recorded} decisions with an offer stored.")
    if as_json:
        print_json([{"party": one.party, "rule": one.rule, "reasons": list(one.reasons)} for one in found])
        return
    print_table(["party", "reasons"], [[one.party, "; ".join(one.reasons)] for one in found])
    note(f"{len(found)} customers.")
    if events:
        when = f"on {as_of.date()}" if as_of else "in the last day (--as-of DAY: on that day)"
        note(f"Only who did {' or '.join(events)} {when} was considered: the rule is asked at this event.")


async def _candidates(
    rule: str, as_of: datetime | None, *, record: bool
) -> tuple[list[Candidate], int, tuple[str, ...]]:
    from graph_crm import bootstrap
    from graph_crm.audit.acting import about
    from graph_crm.decisions.authoring.activity import ActivityLog
    from graph_crm.decisions.scanning import RuleScan
    from graph_crm.settings import load

    settings = load()
    book = bootstrap.rules(settings)
    events = book.rule(rule).rule.events  # an unknown rule is told before a database is started
    async with bootstrap.connected(settings) as database:
        service = RuleScan(database, book, bootstrap.terms(settings, book))
        day = as_of.date() if as_of else None
        found = [one async for one in service.candidates(rule, day)]
        about(*(one.party for one in found))
        if not record:
            return found, 0, events
        counting = bootstrap.rules(settings)  # a book of its own: what was only listed is not counted
        report = await RuleScan(database, counting, bootstrap.terms(settings, counting)).run([rule], day)
        await ActivityLog(database, counting).flush()
        return found, report.offers, events
