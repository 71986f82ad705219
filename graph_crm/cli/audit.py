"""`graph-crm audit ...`: check that nothing was altered, look entries up, take them along, write an anchor."""

from __future__ import annotations

import datetime as dt
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from graph_crm.cli.console import AsJson, note, print_json, print_table, run, say
from graph_crm.errors import ConfigurationError, InvalidInput

if TYPE_CHECKING:
    from graph_crm.audit.entries import Record
    from graph_crm.audit.verifying import Verdict
    from graph_crm.graph.database import Database
    from graph_crm.settings import Settings

IDS_SHOWN = 5
app = typer.Typer(help="Who saw and changed what: check it, look it up, take it along.", no_args_is_help=True)

From = Annotated[str | None, typer.Option("--from", help="From this instant on, for example 2026-11-01.")]
To = Annotated[str | None, typer.Option("--to", help="Before this instant.")]


@app.command()
def verify(
    *,
    anchors: Annotated[
        list[Path] | None, typer.Option("--anchors", help="A file of anchors; more than once for several.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Find any entry that was altered, removed, inserted, moved or cut off; exit 1 for one, and for an empty audit."""
    verdict = run(_verify(anchors))
    if as_json:
        print_json(verdict)
    else:
        _tell(verdict)
    if not verdict.sound or not verdict.entries:
        raise typer.Exit(1)


def _tell(verdict: Verdict) -> None:
    for one in verdict.findings:
        place = f"chain {one.shard}" if one.shard is not None else "anchors"
        place += f", entry {one.seq}" if one.shard is not None and one.seq is not None else ""
        say(f"{one.fault.value}: {place}: {one.told}")
    if verdict.more:
        say(f"... and {verdict.more:,} more")
    checked = f"{verdict.entries:,} entries with {verdict.records:,} records in {verdict.chains} chains"
    last = f", the last of {verdict.last_anchor:%Y-%m-%d %H:%M:%S} UTC" if verdict.last_anchor else ""
    note(f"Checked {checked}, and {verdict.anchors:,} anchors{last}.")
    if verdict.sound and not verdict.entries:
        say("There is no entry: nothing was checked. Is it the right database? GRAPH_CRM_DATA_DIR, NEO4J_URI name it.")
        return
    if verdict.sound:
        say("Whole: nothing was altered, removed, inserted or moved.")
        if not verdict.anchors:
            note("Without an anchor an end that was cut off can't be seen: `graph-crm audit anchor` writes one.")


@app.command()
def show(
    *,
    party: Annotated[str | None, typer.Option("--party", help="Of this party, request or other record.")] = None,
    who: Annotated[str | None, typer.Option("--who", help="By this subject of a token.")] = None,
    kind: Annotated[list[str] | None, typer.Option("--kind", help="READ, WRITE, DENIAL, LOGIN and so on.")] = None,
    since: From = None,
    until: To = None,
    most: Annotated[int, typer.Option("--most", min=1, max=10_000, help="So many, the last first.")] = 50,
    as_json: AsJson = False,
) -> None:
    """Show who saw, changed or was refused what; that you looked is written down as well."""
    from graph_crm.audit.trail import Question

    question = Question(party, who, _kinds(kind), _instant("--from", since), _instant("--to", until))
    found = run(_show(question, most))
    if as_json:
        print_json([_plain(one) for one in found])
        return
    if not found:
        note("There is no such entry.")
        return
    print_table(
        ["at (UTC)", "kind", "what", "who", "role", "about", "why", "from", "entry"],
        [_row(one) for one in found],
    )


@app.command()
def export(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A new file, one entry a line as JSON.")],
    *,
    since: From = None,
    until: To = None,
) -> None:
    """Write the entries of a period to a file as they are stored: with their hashes, to be checked again elsewhere."""
    count = run(_export(file, _instant("--from", since), _instant("--to", until)))
    say(f"{count:,} entries are in {file}.")


@app.command()
def anchor() -> None:
    """Write down outside of the database where the chains end now; the worker does it by itself every minute."""
    made = run(_anchor())
    say("No chain moved since the last anchor." if made is None else f"Anchor {made} is written.")


async def _verify(anchors: list[Path] | None) -> Verdict:
    from graph_crm.audit.verifying import Verifying
    from graph_crm.audit.wiring import anchor_file, keys_of
    from graph_crm.settings import load

    settings = load()
    own = anchor_file(settings)
    # Anchors that the settings name and that are not there are a finding: whoever cuts a chain removes them first.
    files = anchors or ([own] if settings.audit_anchors or own.exists() else [])
    async with _kept(settings) as database:
        return await Verifying(database, keys_of(settings), files).run()


async def _show(question: Any, most: int) -> list[Record]:
    from graph_crm.audit.trail import AuditTrail
    from graph_crm.settings import load

    async with _kept(load()) as database:
        return [record for _, record in await AuditTrail(database).find(question, most)]


async def _export(file: Path, since: dt.datetime | None, until: dt.datetime | None) -> int:
    import orjson

    from graph_crm.audit.trail import AuditTrail
    from graph_crm.settings import load

    count = 0
    async with _kept(load()) as database:
        try:
            stream = file.open("xb")
        except OSError as error:
            raise InvalidInput(f"{file} can't be written: {error.strerror}.", hint="Name a new file.") from error
        with stream:
            async for entry in AuditTrail(database).export(since=since, until=until):
                stream.write(orjson.dumps(entry, option=orjson.OPT_APPEND_NEWLINE))
                count += 1
    return count


async def _anchor() -> int | None:
    from graph_crm.audit.wiring import anchors_of
    from graph_crm.settings import load

    settings = load()
    async with _kept(settings) as database:
        made = await anchors_of(settings, database).drop()
    return made.number if made else None


@asynccontextmanager
async def _kept(settings: Settings) -> AsyncIterator[Database]:
    """The database whose audit is asked about. Raises ConfigurationError where there is none: none is made for that."""
    from graph_crm import bootstrap

    if settings.embedded and not bootstrap.engine(settings).home.has_store:
        raise ConfigurationError(
            f"There is no database in {settings.data_dir}, so there is no audit.",
            hint="GRAPH_CRM_DATA_DIR names the folder of the platform, NEO4J_URI a database of yours.",
        )
    async with bootstrap.connected(settings) as database:
        yield database


def _kinds(named: list[str] | None) -> list[Any]:
    from graph_crm.audit.kinds import AuditKind

    try:
        return [AuditKind(one.upper()) for one in named or ()]
    except ValueError as error:
        raise InvalidInput(f"--kind: {error}.", hint=f"One of {', '.join(AuditKind)}.") from None


def _instant(option: str, written: str | None) -> dt.datetime | None:
    if written is None:
        return None
    try:
        found = dt.datetime.fromisoformat(written)
    except ValueError:
        raise InvalidInput(
            f"{option}: {written!r} is no instant.", hint="For example 2026-11-01 or 2026-11-01T12:00:00Z."
        ) from None
    return found if found.tzinfo else found.replace(tzinfo=dt.UTC)


def _row(one: Record) -> list[Any]:
    more = len(one.ids) - IDS_SHOWN
    about = " ".join(one.ids[:IDS_SHOWN]) + (f" +{more}" if more > 0 else "")
    what = one.what + (f" x{one.times}" if one.times > 1 else "")
    at = f"{_when(one):%Y-%m-%d %H:%M:%S}"
    return [at, one.kind.value, what, one.who, one.role, about, one.why, one.address, one.id]


def _when(record: Record) -> dt.datetime:
    return dt.datetime.fromtimestamp(record.at / 1000, dt.UTC)


def _plain(record: Record) -> dict[str, Any]:
    from dataclasses import asdict

    return {**asdict(record), "id": record.id, "at": _when(record)}
