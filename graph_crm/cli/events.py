"""`graph-crm events ...`: what can be recorded, recording it from a file, and how long it is kept."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import nullcontext
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from graph_crm.cli.console import AsJson, note, print_json, print_table, run, say

if TYPE_CHECKING:
    from graph_crm.events.retention import Kept
    from graph_crm.events.service import EventService

app = typer.Typer(help="Events: their types, recording them from a file, how long they are kept.", no_args_is_help=True)


@app.command()
def types(*, as_json: AsJson = False) -> None:
    """List the types of events that can be recorded, those of plugins included; with --json their JSON schemas."""
    from graph_crm import bootstrap
    from graph_crm.events.catalogue import catalogue_of
    from graph_crm.settings import load

    settings = load()
    book = bootstrap.rules(settings)
    catalogue = catalogue_of(book)
    keeping = bootstrap.event_retention(settings, catalogue, bootstrap.terms(settings, book).policy)
    if as_json:
        print_json(
            [
                {
                    "name": one.name,
                    "description": one.description,
                    "keepDays": keeping.days(one.name),
                    "payloadSchema": one.schema(),
                }
                for one in catalogue
            ]
        )
        return
    print_table(
        ["type", "meaning", "payload", "kept for days"],
        [[one.name, one.description, _fields(one.schema()), keeping.days(one.name)] for one in catalogue],
    )


def _fields(schema: dict[str, Any]) -> str:
    """The fields of a payload, those that must be there with an asterisk."""
    needed = schema.get("required", ())
    return ", ".join(f"{name}*" if name in needed else name for name in schema.get("properties", ()))


@app.command()
def record(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="JSON lines, an event a line; - for standard input.")],
    *,
    as_json: AsJson = False,
) -> None:
    """Record events from JSON lines, as the mutation recordEvents takes them; exit 1 when one was refused.

    What was refused is listed with its line and reason. The same file may be recorded again: events that carry an id
    are recorded once.
    """
    from graph_crm import bootstrap
    from graph_crm.errors import InvalidInput
    from graph_crm.settings import load

    if str(file) != "-" and not file.is_file():
        raise InvalidInput(
            f"{file} is no file.", hint="Name a file with an event as JSON a line, or - for standard input."
        )

    async def work() -> dict[str, Any]:
        settings = load()
        book = bootstrap.rules(settings)
        async with bootstrap.connected(bootstrap.for_bulk(settings)) as database:
            events, _ = bootstrap.event_services(settings, database, book, bootstrap.terms(settings, book))
            return await _record(events, file, quiet=as_json)

    done = run(work())
    if as_json:
        print_json(done)
    else:
        say(f"{done['recorded']} recorded, {done['duplicates']} known before, {len(done['refused'])} refused.")
    if done["refused"]:
        raise typer.Exit(1)


async def _record(events: EventService, file: Path, *, quiet: bool) -> dict[str, Any]:
    from graph_crm.events.service import MOST_EVENTS

    count: Counter[str] = Counter()
    refused: list[dict[str, Any]] = []
    with nullcontext(sys.stdin.buffer) if str(file) == "-" else file.open("rb") as lines:
        rows = _rows(lines)
        while batch := list(islice(rows, MOST_EVENTS)):  # one transaction each
            done = await events.record_rows([row for _, row in batch])
            count.update(recorded=len(done.recorded), duplicates=len(done.duplicates))
            for one in done.refused:
                line = batch[one.index][0]
                refused.append({"line": line, "id": one.id, "code": one.code, "field": one.field, "reason": one.reason})
                if not quiet:
                    say(f"line {line}: {one.code}: {one.reason}")
    return {"recorded": count["recorded"], "duplicates": count["duplicates"], "refused": refused}


def _rows(lines: Any) -> Iterator[tuple[int, object]]:
    """Each line with its number; for one that is no JSON the reason."""
    import orjson

    from graph_crm.errors import InvalidInput

    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            yield number, orjson.loads(line)
        except orjson.JSONDecodeError:
            yield number, InvalidInput("The line is no JSON", hint='For example {"type": "login", "partyId": "p1"}')


@app.command()
def retention(
    *,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would go.")] = False,
    as_json: AsJson = False,
) -> None:
    """Count by day and remove raw events that are older than they are kept; a worker does it every six hours."""
    from graph_crm import bootstrap
    from graph_crm.events.catalogue import catalogue_of
    from graph_crm.events.retention import EventRetention
    from graph_crm.parties.checks import utc_now
    from graph_crm.settings import load

    settings = load()
    book = bootstrap.rules(settings)
    catalogue = catalogue_of(book)
    keeping = bootstrap.event_retention(settings, catalogue, bootstrap.terms(settings, book).policy)
    for name in keeping.unknown(catalogue):
        note(f"The event retention names {name}, which is no type of event: a spelling mistake, or a plugin is gone.")
    for name, period in keeping.too_short_for(book.needs, utc_now()).items():
        note(f"Rules look back {period} at {name}, which is kept for {keeping.days(name)} days.")

    async def work() -> list[Kept]:
        async with bootstrap.connected(bootstrap.for_bulk(settings)) as database:
            return await EventRetention(database, keeping).run(dry_run=dry_run)

    found = run(work())
    if as_json:
        print_json(found)
        return
    _print(found, dry_run=dry_run)


def _print(found: Sequence[Kept], *, dry_run: bool) -> None:
    if not found:
        note("No event is older than it is kept.")
        return
    print_table(
        ["type", "kept for days", "would go" if dry_run else "removed", "held by what goes by it"],
        [[one.type, one.days, one.removed, one.held] for one in found],
    )
