"""`graph-crm rules simulate`: try a rule on the whole bank, as it is or as it was."""

from __future__ import annotations

import datetime as dt
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from graph_crm.cli.console import AsJson, note, print_json, print_table, run
from graph_crm.cli.contact_policy import judged_by
from graph_crm.errors import InvalidInput

if TYPE_CHECKING:
    from graph_crm.decisions.authoring.hindsight import Hindsight, Lift, Past
    from graph_crm.decisions.authoring.simulation import Progress, Simulation, Simulator

SHOWN = 10
"""Customers and rules listed at most; --json has all of them."""
DAY = ["%Y-%m-%d"]


def simulate(
    rule: Annotated[str, typer.Argument(help="The rule's id; `graph-crm rules list` shows them.")],
    *,
    as_of: Annotated[
        dt.datetime | None, typer.Option("--as-of", formats=DAY, help="Day to ask about.", show_default="now")
    ] = None,
    first: Annotated[
        dt.datetime | None, typer.Option("--from", formats=DAY, help="First day of the past to try the rule on.")
    ] = None,
    last: Annotated[
        dt.datetime | None, typer.Option("--to", formats=DAY, help="Last day of the past.", show_default="today")
    ] = None,
    step: Annotated[int, typer.Option("--step", min=1, help="Days from one question about the past to the next.")] = 30,
    picture: Annotated[
        Path | None, typer.Option("--picture", help="Also draw it into this file, .svg or .png.", dir_okay=False)
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Try a rule on the whole bank, as if it were on: who passes each gate, who would be contacted, by what, when.

    With --from: what it would have proposed on the days of the past, and what those customers did afterwards, beside
    the others. Nothing is written and nobody is contacted.
    """
    from graph_crm.cli.pictures import check_picture, draw_hindsight, draw_simulation

    check_picture(picture)
    if first is None:
        if last is not None:
            raise InvalidInput("--to without --from.", hint="Give the first day as well: --from 2025-01-01.")
        found = run(_simulate(rule, as_of.date() if as_of else None))
        if picture is not None:
            draw_simulation(found, picture)
        print_json(_plainly(found)) if as_json else _print_simulation(found)
    else:
        if as_of is not None:
            raise InvalidInput("--as-of with --from.", hint="Ask about one day, or about many.")
        until = last.date() if last else dt.datetime.now(dt.UTC).date()
        past = run(_replay(rule, first.date(), until, step))
        if picture is not None:
            draw_hindsight(past, picture)
        print_json(_past_plainly(past)) if as_json else _print_hindsight(past)
        if past.first > first.date():
            note(f"It begins on {past.first}, with the first agreement: before it the bank had none.")
    if picture is not None:
        note(f"Drawn into {picture}")


def _print_simulation(found: Simulation) -> None:
    rows: list[list[Any]] = [["(bank)", "", f"{found.parties:,}", "", ""], ["(search)", "", f"{found.found:,}", "", ""]]
    rows += [
        [
            one.gate,
            f"{one.asked:,}",
            f"{one.passed:,}",
            f"{one.held:,}" if one.held else "",
            ", ".join(f"{code} {count:,}" for code, count in one.stopped.most_common()),
        ]
        for one in found.funnel
        if one.asked
    ]
    title = f"{found.rule}: {found.title} -> {found.product}, as of {found.as_of:%Y-%m-%d %H:%M} UTC, as if it were on"
    print_table(["gate", "asked", "passed", "of them later", "stopped because"], rows, title=title)
    if found.events:
        note(f"Only who did {' or '.join(found.events)} in the day before was considered: the rule is asked then.")
    contacts = {one.channel: 0 for one in found.planned}
    earliest: dict[str, dt.datetime] = {}
    for one in found.planned:
        contacts[one.channel] += one.contact
        if one.at is not None:
            earliest[one.channel] = min(one.at, earliest.get(one.channel, one.at))
    if found.planned:
        print_table(
            ["channel", "offers", "contacts", "earliest (UTC)"],
            [
                [channel, f"{count:,}", f"{contacts[channel]:,}", _minute(earliest.get(channel))]
                for channel, count in found.channels.items()
            ],
            title="Whom it would reach",
        )
        print_table(
            ["customer", "channel", "earliest (UTC)", "place", "reason"],
            [[one.party, one.channel, _minute(one.at), one.rank, one.reason] for one in found.planned[:SHOWN]],
            title=f"The first {min(SHOWN, len(found.planned))} of {len(found.planned):,} customers",
        )
    else:
        note(
            "It would reach nobody: " + (_stops(found) if found.found else "the search of the rule finds no customer.")
        )
    if found.volume:
        print_table(
            ["day", "channel", "contacts"],
            [[one.day, one.channel, f"{one.contacts:,}"] for one in found.volume],
            title="Expected contacts, at most",
        )
    if found.overlaps:
        print_table(
            ["rule", "product", "customers in common", "both reach arbitration"],
            [
                [one.rule, one.product + (" (the same)" if one.same_product else ""), f"{one.customers:,}", one.ranked]
                for one in found.overlaps[:SHOWN]
            ],
            title="Overlap: who proposes to the same customers",
        )
    if found.conflicts:
        print_table(
            ["rule", "product", "about", "this rule loses", "this rule wins"],
            [[one.rule, one.product, one.about, f"{one.lost:,}", f"{one.won:,}"] for one in found.conflicts[:SHOWN]],
            title="Conflict: what only one of both gets",
        )
    if found.mode != "on":
        note(f"The rule is {found.mode} now: graph-crm rules switch {found.rule} on --reason ...")


def _stops(found: Simulation) -> str:
    """Where everybody was stopped, in a sentence."""
    gates = [one.gate for one in found.funnel if one.stopped]
    return f"everybody was stopped by {', '.join(gates)}." if gates else "nobody came through the gates."


def _print_hindsight(found: Hindsight) -> None:
    title = f"{found.rule}: {found.title} -> {found.product}, {found.first} to {found.last} every {found.step} days"
    rows = [
        [one.day, f"{one.found:,}", f"{one.proposed:,}", f"{one.reachable:,}", *_opened(one.windows)]
        for one in found.steps
    ]
    windows = _windows(found)
    if any(one.found for one in found.steps):
        opened = [f"opened* in {days} d" for days in windows]
        print_table(["day", "found", "newly proposed", "reachable then", *opened], rows, title=title)
    if windows:
        note(f"* {found.product} / any of the family {found.family}")
    if found.lifts:
        _print_lifts(found)
    elif not found.proposed:
        note("The rule would have proposed nothing on these days: there is nothing to look for afterwards.")
    for code, count in found.stopped.items():
        note(f"Stopped at {code}: {count:,} times (a customer counts on every day).")
    if not found.proposed:
        return
    note(
        f"The graph knows of openings until {found.known_until}: windows that end later are left out. Nobody was "
        "contacted: the lift tells who buys anyway, not what an offer would have changed."
        if found.lifts
        else f"The graph knows of openings until {found.known_until}, and no window ends before: what the customers "
        "did afterwards can't be told yet. Ask about earlier days."
    )
    if not found.reachable:
        note(
            "No consent that was recorded on those days would have allowed a contact: what the contact policy would "
            "have said then can't be known."
        )


def _print_lifts(found: Hindsight) -> None:
    print_table(
        ["within", "of proposals", "did", "proposed", "others, same days", "lift"],
        [
            [f"{lift.days} days", f"{lift.customers:,}", what, _percent(proposed), _percent(base), _times(lift, name)]
            for lift in found.lifts
            for name, what in (
                ("product", f"opened {found.product}"),
                ("family", f"opened family {found.family}"),
                ("default", "fell into default"),
            )
            for proposed, base in [(getattr(lift.proposed, name), getattr(lift.base, name))]
        ],
        title=f"{found.proposed:,} proposals to {found.customers:,} customers, and what they did afterwards",
    )


def _windows(found: Hindsight) -> list[int]:
    return sorted({each.days for one in found.steps for each in one.windows})


def _opened(windows: Any) -> list[str]:
    return [f"{one.proposed.product:,} / {one.proposed.family:,}" for one in windows]


def _percent(share: float) -> str:
    return f"{100 * share:.2f} %"


def _times(lift: Lift, name: str) -> str:
    number = lift.of(name)
    return "" if number is None else f"x{number:.2f}"


def _minute(at: dt.datetime | None) -> str:
    return "when they come" if at is None else f"{at:%Y-%m-%d %H:%M}"


def _plainly(found: Simulation) -> dict[str, Any]:
    from dataclasses import asdict

    return {**asdict(found), "channels": found.channels, "contacts": found.contacts}


def _past_plainly(found: Hindsight) -> dict[str, Any]:
    from dataclasses import asdict

    lifts = [
        {**asdict(one), "lift": {name: one.of(name) for name in ("product", "family", "default")}}
        for one in found.lifts
    ]
    return {**asdict(found), "proposed": found.proposed, "reachable": found.reachable, "lifts": lifts}


async def _simulate(rule: str, as_of: dt.date | None) -> Simulation:
    async with _simulator(rule) as (simulator, _, progress):
        return await simulator.simulate(rule, as_of, progress=progress)


async def _replay(rule: str, first: dt.date, last: dt.date, step: int) -> Hindsight:
    async with _simulator(rule) as (_, past, progress):
        return await past.replay(rule, first, last, step=step, progress=progress)


@asynccontextmanager
async def _simulator(rule: str) -> AsyncIterator[tuple[Simulator, Past, Progress]]:
    from graph_crm import bootstrap
    from graph_crm.cli.importing import progress_bars
    from graph_crm.decisions.authoring.hindsight import Past
    from graph_crm.decisions.authoring.simulation import Simulator
    from graph_crm.decisions.bank import Bank
    from graph_crm.settings import load

    settings = load()
    book = bootstrap.rules(settings)
    book.rule(rule)  # an unknown rule is told before a database is started
    agreed = bootstrap.terms(settings, book)
    async with bootstrap.connected(settings) as database:
        note(judged_by(settings, agreed.policy))
        simulator = Simulator(database, Bank(database, book, agreed), book)
        with progress_bars() as progress:
            yield simulator, Past(database, simulator, book), progress
