"""`graph-crm outbox ...`: what work waits, what of it was set aside with which error, and doing that again."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from graph_crm.cli.console import AsJson, note, operator, print_json, print_table, run, say
from graph_crm.errors import InvalidInput

if TYPE_CHECKING:
    from graph_crm.graph.failed_work import Work
    from graph_crm.graph.outbox import Backlog

app = typer.Typer(help="Work that waits, and work that failed.", no_args_is_help=True)

Topic = Annotated[str | None, typer.Option("--topic", help="Only work of this topic, for example event.recorded.")]


@app.command()
def counts(*, as_json: AsJson = False) -> None:
    """Count what is due, what is put for later, what is worked on and what failed, and say how old the oldest is."""
    backlog, failed = run(_counts())
    if as_json:
        print_json({"backlog": backlog, "failed": failed})
        return
    rows = [[one.state, f"{one.entries:,}", f"{one.later:,}", f"{one.oldest:,.1f}"] for one in backlog]
    print_table(["state", "due", "for later", "oldest, seconds"], rows)
    if failed:
        print_table(["topic", "failed"], [[topic, f"{entries:,}"] for topic, entries in failed.items()])
        note("`graph-crm outbox failed` shows them, `graph-crm outbox retry` has them done again.")


@app.command()
def failed(
    *,
    topic: Topic = None,
    most: Annotated[int, typer.Option("--most", min=1, max=1000, help="So many, the last first.")] = 50,
    as_json: AsJson = False,
) -> None:
    """List work that was set aside after its last attempt, with its error."""
    found = run(_failed(topic, most))
    if as_json:
        print_json(found)
        return
    if not found:
        note("No work failed.")
        return
    print_table(
        ["id", "topic", "of", "attempts", "first failed (UTC)", "last failed (UTC)", "error"],
        [
            [
                one.id, one.topic, one.partition, one.attempts,
                f"{one.first_failed_at:%Y-%m-%d %H:%M:%S}" if one.first_failed_at else None,
                f"{one.failed_at:%Y-%m-%d %H:%M:%S}" if one.failed_at else None,
                (one.error or "").partition("\n")[0],
            ]
            for one in found
        ],
    )  # fmt: skip


@app.command()
def show(
    entry: Annotated[str, typer.Argument(metavar="ID", help="The work's id.")], *, as_json: AsJson = False
) -> None:
    """Show one piece of work in whatever state: what it is given, its dates, the whole error, who had it done again."""
    found = run(_show(entry))
    if as_json:
        print_json(found)
        return
    say(f"{found.id}: {found.state}")
    for name, value in (
        ("topic", found.topic),
        ("of", found.partition),
        ("payload", dict(found.payload)),
        ("attempts", found.attempts),
        ("put for", found.put_at),
        ("due", found.due_at),
        ("first failed", found.first_failed_at),
        ("last failed", found.failed_at),
        ("done again", f"{found.retries} times, last by {found.retried_by} at {found.retried_at}"),
        ("error", found.error),
    ):
        if value is not None and (name != "done again" or found.retries):
            say(f"  {name}: {value}")


@app.command()
def retry(
    entry: Annotated[str | None, typer.Argument(metavar="ID", help="The work's id.")] = None,
    *,
    everything: Annotated[bool, typer.Option("--all", help="Everything that failed.")] = False,
    topic: Topic = None,
) -> None:
    """Have work that was set aside done again, with all its attempts; that you asked for it is kept with it."""
    if sum((entry is not None, everything, topic is not None)) != 1:
        raise InvalidInput("Say what is to be done again", hint="Name one ID, or --topic TOPIC, or --all.")
    by = operator()
    if entry is not None:
        found = run(_retry(entry, by))
        say(f"{found.id} is {found.state}.")
    else:
        again = run(_retry_all(topic, by))
        say(f"{again:,} to be done again.")


async def _counts() -> tuple[list[Backlog], dict[str, int]]:
    from graph_crm.bootstrap import connected
    from graph_crm.graph.failed_work import FailedWork
    from graph_crm.graph.outbox import Outbox
    from graph_crm.settings import load

    async with connected(load()) as database:
        return await Outbox(database).backlog(), await FailedWork(database).topics()


async def _failed(topic: str | None, most: int) -> list[Work]:
    from graph_crm.bootstrap import connected
    from graph_crm.graph.failed_work import FailedWork
    from graph_crm.settings import load

    async with connected(load()) as database:
        return await FailedWork(database).failed(topic=topic, most=most)


async def _show(entry: str) -> Work:
    from graph_crm.bootstrap import connected
    from graph_crm.graph.failed_work import FailedWork
    from graph_crm.settings import load

    async with connected(load()) as database:
        return await FailedWork(database).find(entry)


async def _retry(entry: str, by: str) -> Work:
    from graph_crm.bootstrap import connected
    from graph_crm.graph.failed_work import FailedWork
    from graph_crm.settings import load

    async with connected(load()) as database:
        return await FailedWork(database).retry(entry, by=by)


async def _retry_all(topic: str | None, by: str) -> int:
    from graph_crm.bootstrap import connected
    from graph_crm.graph.failed_work import FailedWork
    from graph_crm.settings import load

    async with connected(load()) as database:
        return await FailedWork(database).retry_all(topic=topic, by=by)
