"""`graph-crm engine ...`: the embedded Neo4j by itself: fetch, start, stop, look, back up, restore."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeAlias

import typer

from graph_crm.cli.console import AsJson, note, print_json, print_table, say
from graph_crm.errors import EngineError

if TYPE_CHECKING:
    from graph_crm.graph.engine import Engine, Progress

app = typer.Typer(help="The embedded Neo4j by itself: fetch, start, stop, back up.", no_args_is_help=True)

Version: TypeAlias = Annotated[
    str | None, typer.Option("--version", metavar="VERSION", help="Another Neo4j than the one that is set.")
]
Repository: TypeAlias = Annotated[
    str | None,
    typer.Option("--repository", metavar="URL", help="Your own Maven repository, instead of the public one."),
]


def _engine(version: str | None = None, repository: str | None = None, source: Path | None = None) -> Engine:
    from graph_crm import bootstrap
    from graph_crm.graph.engine import Engine
    from graph_crm.settings import load

    config = bootstrap.engine(load()).config
    return Engine(
        replace(
            config,
            version=version or config.version,
            repository=repository or config.repository,
            source=source or config.source,
        )
    )


@contextmanager
def progress_bar() -> Iterator[Progress]:
    """A bar on stderr for the length of a block: bytes while fetching, steps otherwise."""
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

    with Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.fields[amount]}"),
        TimeElapsedColumn(),
        console=Console(stderr=True),
    ) as bar:
        tasks: dict[str, TaskID] = {}

        def show(stage: str, done: int, total: int) -> None:
            if stage not in tasks:
                for earlier in tasks.values():  # a step that did not report its end has ended when the next one begins
                    bar.stop_task(earlier)
                tasks[stage] = bar.add_task(stage, amount="")
            amount = f"{done / 1e6:.0f} of {total / 1e6:.0f} MB" if total > _STEPS else ""
            bar.update(tasks[stage], completed=done, total=total, amount=amount)

        yield show


_STEPS = 1000  # a total above this is counted in bytes


@app.command()
def install(
    *,
    version: Version = None,
    source: Annotated[
        Path | None,
        typer.Option(
            "--from",
            metavar="DIR",
            exists=True,
            file_okay=False,
            help="Take the jars from this folder (beside each other, or in the Maven layout) instead of the network.",
        ),
    ] = None,
    repository: Repository = None,
    as_json: AsJson = False,
) -> None:
    """Fetch Neo4j Community into the cache, or check what is there and fetch what is damaged."""
    engine = _engine(version, repository, source)
    with progress_bar() as progress:
        folder = engine.install(progress)
    if as_json:
        print_json({"version": engine.program.version, "folder": folder, "jars": len(engine.program.artifacts)})
        return
    say(f"Neo4j {engine.program.version} is installed: {folder}")
    note("Neo4j Community is free software under the GPLv3; it runs as a separate program.")


@app.command()
def status(*, as_json: AsJson = False) -> None:
    """Show what is installed and what runs."""
    found = _engine().status()
    if as_json:
        print_json(found)
        return
    print_table(("what", "value"), [(name.replace("_", " "), value) for name, value in asdict(found).items()])


@app.command()
def start(*, version: Version = None, as_json: AsJson = False) -> None:
    """Start the embedded Neo4j; it runs until `graph-crm engine stop`."""
    engine = _engine(version)
    with progress_bar() as progress:
        address = engine.start(progress, detached=True)
    if as_json:
        print_json({"uri": address.uri, "user": address.user, "password_file": engine.home.password_file})
        return
    say(f"Neo4j {engine.program.version} runs at {address.uri}")
    say(f"User {address.user}, password in {engine.home.password_file}")


@app.command()
def stop() -> None:
    """Stop the embedded Neo4j in order."""
    say("Stopped." if _engine().stop() else "It does not run.")


@app.command()
def path(*, as_json: AsJson = False) -> None:
    """Print where the program, the data, the password and the log lie."""
    engine = _engine()
    places = {
        "program": engine.program.folder,
        "data": engine.home.folder,
        "password": engine.home.password_file,
        "log": engine.home.log,
    }
    if as_json:
        print_json(places)
        return
    for name, place in places.items():
        say(f"{name:9} {place}")


@app.command()
def backup(
    file: Annotated[Path, typer.Argument(help="The file to write.", metavar="FILE", dir_okay=False)],
    *,
    force: Annotated[bool, typer.Option("--force", help="Replace a file that is there.")] = False,
    as_json: AsJson = False,
) -> None:
    """Write the whole database into one file; a running engine is stopped for that and started again.

    The folder must be there. A file that is there is replaced with --force only, once the new backup is whole.
    """
    from graph_crm.graph.engine.backup import check_target

    engine = _engine()
    check_target(file, overwrite=force)
    if not engine.home.has_store:
        raise EngineError("There is no database yet, so nothing to back up.")
    with progress_bar() as progress:
        written = engine.backup(file, progress)
    if as_json:
        print_json({"file": file.absolute(), **asdict(written)})
        return
    say(f"Backup of Neo4j {written.neo4j}, {written.size / 1e6:.1f} MB: {file}")


@app.command()
def restore(
    file: Annotated[Path, typer.Argument(help="A file of `engine backup`.", metavar="FILE", dir_okay=False)],
    *,
    yes: Annotated[bool, typer.Option("--yes", help="Don't ask.")] = False,
    as_json: AsJson = False,
) -> None:
    """Replace the database by a backup; the present data stays until the backup has proved that it opens."""
    if not yes:
        typer.confirm("This replaces the present data. Go on?", abort=True, err=True)
    with progress_bar() as progress:
        restored = _engine().restore(file, progress)
    if as_json:
        print_json({"file": file.absolute(), **asdict(restored)})
        return
    say(f"Restored the backup of {restored.taken_at}.")


@app.command()
def lock(
    version: Annotated[str, typer.Argument(help="A version of Neo4j.", metavar="VERSION")],
    *,
    repository: Repository = None,
    source: Annotated[
        Path | None,
        typer.Option(
            "--from",
            metavar="DIR",
            exists=True,
            file_okay=False,
            help="Describe the jars of this folder in the Maven layout, instead of working them out.",
        ),
    ] = None,
    output: Annotated[
        Path | None, typer.Option("--output", metavar="FILE", help="Where to write it; default: stdout.")
    ] = None,
) -> None:
    """For maintainers: work out the lock of a new Neo4j version (jars, sha256, sizes)."""
    from graph_crm.graph.engine.lock import format_lock, of_folder, resolve

    if source is None:
        note("Walking the POMs; this takes about a minute.")
    text = format_lock(version, of_folder(source) if source else resolve(version, repository=repository))
    if output is None:
        say(text.rstrip())
    else:
        output.write_text(text, encoding="utf-8")
