"""`graph-crm requests ...`: the queue of the service desk, one request, the articles, and the report in charts."""

from __future__ import annotations

import datetime as dt
from collections.abc import Awaitable, Callable
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer

from graph_crm.cli.console import AsJson, note, print_json, print_table, run, say
from graph_crm.cli.seeing import AsRole, Seeing
from graph_crm.errors import InvalidInput
from graph_crm.security.roles import Permission, Role

if TYPE_CHECKING:
    from graph_crm.graph.database import Database
    from graph_crm.requests.analytics.listing import Listed
    from graph_crm.requests.analytics.report import Report
    from graph_crm.requests.desk import Desk

app = typer.Typer(help="Service requests and complaints: the queue, one of them, the report.", no_args_is_help=True)
DAY = ["%Y-%m-%d"]
T = TypeVar("T")

Team = Annotated[str | None, typer.Option("--team", help="Code of a team.")]
Category = Annotated[str | None, typer.Option("--category", help="Code of a category.")]
Owner = Annotated[str | None, typer.Option("--owner", help="Identifier of an employee.")]
Party = Annotated[str | None, typer.Option("--party", help="Identifier of a customer.")]


@app.command("list")
def list_requests(
    *,
    status: Annotated[
        list[str] | None, typer.Option("--status", help="NEW, ASSIGNED, CLOSED and so on; may be given several times.")
    ] = None,
    team: Team = None,
    owner: Owner = None,
    category: Category = None,
    party: Party = None,
    most: Annotated[int, typer.Option("--most", min=1, max=10_000, help="So many at most.")] = 50,
    as_role: AsRole = Role.ADMINISTRATOR,
    as_json: AsJson = False,
) -> None:
    """List the queue of the desk: what is open, by the day on which it is due."""
    from graph_crm.audit.acting import about
    from graph_crm.parties.checks import one_of
    from graph_crm.requests.analytics.listing import Listed, RequestListing
    from graph_crm.requests.kinds import RequestStatus

    statuses = tuple(one_of("status", one.upper(), RequestStatus) for one in status or ())
    seeing = Seeing(as_role)

    async def work(database: Database, desk: Desk) -> list[Listed]:
        listed = await RequestListing(database, desk).listed(
            statuses=statuses, team=team, owner=owner, category=category, party=party, most=most
        )
        visible = await seeing.records(database, "ServiceRequest", "number", [one.number for one in listed])
        about(*visible)
        return [
            Listed(
                **seeing.shown(
                    "ServiceRequest", asdict(one), customer="party", opened_at="openedAt", due_at="resolutionDueAt"
                )
            )
            for one in listed
            if one.number in visible
        ]

    found = _with_desk(work)
    if as_json:
        print_json(found)
        return
    print_table(
        ["number", "due (UTC)", "status", "category", "priority", "owner", "customer", "subject"],
        [
            [
                one.number,
                f"{one.due_at:%Y-%m-%d %H:%M}" if one.due_at else None,
                one.status,
                one.category,
                one.priority,
                one.owner,
                one.customer or one.contact,
                (one.subject or "")[:60],
            ]
            for one in found
        ],
    )


@app.command()
def show(
    number: Annotated[str, typer.Argument(metavar="NUMBER", help="The number, for example R-4F7K-2M9P.")],
    *,
    as_role: AsRole = Role.ADMINISTRATOR,
    as_json: AsJson = False,
) -> None:
    """Show one request: where it stands, its clocks, and its whole log."""
    from graph_crm.requests.analytics.listing import RequestListing

    seeing = Seeing(as_role)

    async def work(database: Database, desk: Desk) -> dict[str, Any]:
        told = await RequestListing(database, desk).shown(number)
        await seeing.require(database, "ServiceRequest", "number", told["number"])
        seen = seeing.shown(
            "ServiceRequest", told, customer="party", dueAt="resolutionDueAt", clocks="firstRespondedAt"
        )
        log = [seeing.shown("RequestEntry", entry) for entry in seen["log"] or ()]
        return {**seen, "log": log, "clocks": seen["clocks"] or {}}

    found = _with_desk(work)
    if as_json:
        print_json(found)
        return
    say(f"{found['number']}  {found['kind']}  {found['status']}  {found['subject'] or ''}")
    facts = ("customer", "contact", "owner", "team", "category", "priority", "severity", "product", "channel")
    for name in (*facts, "outcome", "rootCause", "surveyScore"):
        if found[name] is not None:
            say(f"  {name}: {found[name]}")
    for name, clock in found["clocks"].items():
        state = "runs" if clock["running"] else "stands"
        late = ", too late" if clock["late"] else ""
        say(f"  {name}: {clock['hours']:g} of {clock['target']:g} business hours, {state}{late}")
    print_table(
        ["at (UTC)", "what", "by", "text"],
        [[f"{one['at']:%Y-%m-%d %H:%M:%S}", one["kind"], one["by"], one["text"]] for one in found["log"]],
    )


@app.command()
def report(
    *,
    first: Annotated[dt.datetime, typer.Option("--from", formats=DAY, help="The first day.")],
    last: Annotated[
        dt.datetime | None, typer.Option("--to", formats=DAY, help="The last day.", show_default="today")
    ] = None,
    html: Annotated[
        Path | None, typer.Option("--html", help="Write the report with its charts into this file.", dir_okay=False)
    ] = None,
    category: Category = None,
    team: Team = None,
    owner: Owner = None,
    party: Party = None,
    product: Annotated[str | None, typer.Option("--product", help="Code of a product.")] = None,
    channel: Annotated[str | None, typer.Option("--channel", help="PHONE, EMAIL, ONLINE and so on.")] = None,
    kind: Annotated[str | None, typer.Option("--kind", help="REQUEST or COMPLAINT.")] = None,
    language: Annotated[str, typer.Option("--language", help="Language of the names of categories.")] = "en",
    as_role: AsRole = Role.ADMINISTRATOR,
    as_json: AsJson = False,
) -> None:
    """Sum up a period: what was asked, how fast it was answered, what is left to do; as tables or an HTML page."""
    from graph_crm.contacts.kinds import Channel
    from graph_crm.parties.checks import one_of
    from graph_crm.requests.analytics.report import make_report, plainly
    from graph_crm.requests.analytics.service import Filter, RequestAnalytics
    from graph_crm.requests.kinds import RequestKind

    _check_file(html)
    seeing = Seeing(as_role)
    seeing.caller.require(Permission.INSIGHT)
    wanted = Filter(
        category=category,
        kind=None if kind is None else one_of("kind", kind.upper(), RequestKind),
        product=product,
        party=party,
        channel=None if channel is None else one_of("channel", channel.upper(), Channel).value,
        team=team,
        owner=owner,
    )
    until = last.date() if last else dt.datetime.now(dt.UTC).date()

    async def work(database: Database, desk: Desk) -> Report:
        if party is not None:
            await seeing.require(database, "Party", "id", party)
        numbers = RequestAnalytics(database, desk, most=None)
        seen = partial(seeing.customers, database)
        return await make_report(numbers, first.date(), until, wanted=wanted, language=language, seen=seen)

    made = _with_desk(work)
    if html is not None:
        html.write_text(made.html(), encoding="utf-8")
        note(f"Written into {html}")
    if as_json:
        print_json(plainly(made))
    elif html is None:
        for section in made.sections:
            if section.rows:
                print_table([column.title for column in section.columns], section.rows, title=section.title)


@app.command()
def articles(
    folder: Annotated[
        Path | None,
        typer.Argument(help="Folder with articles, LANGUAGE/NAME.md; the shipped ones when left out.", file_okay=False),
    ] = None,
    *,
    as_json: AsJson = False,
) -> None:
    """Load articles into the knowledge base; what people changed there stays until its file changes."""
    from graph_crm.requests.knowledge.files import load_articles, read_articles

    list(read_articles(folder))  # what is wrong with a file is told before a database is started
    loaded = _with_desk(lambda database, _desk: load_articles(database, folder))
    if as_json:
        print_json(loaded)
        return
    say(f"{len(loaded.created)} new, {len(loaded.changed)} changed, {loaded.unchanged} as before")


def _with_desk(work: Callable[[Database, Desk], Awaitable[T]]) -> T:
    """Run ``work`` with the database and the service desk of these settings."""
    from graph_crm import bootstrap
    from graph_crm.requests.desk import Desk
    from graph_crm.settings import load

    settings = load()
    desk = Desk.load(settings.service_desk)

    async def job() -> Any:
        async with bootstrap.connected(settings) as database:
            return await work(database, desk)

    found: T = run(job())
    return found


def _check_file(file: Path | None) -> None:
    """Refuse a file that can't be written before anything is worked out. Raises InvalidInput."""
    if file is not None and not file.absolute().parent.is_dir():
        raise InvalidInput(f"The folder of {file} is not there.", hint="Make it first, or choose another.")
