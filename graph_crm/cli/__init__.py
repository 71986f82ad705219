"""The command `graph-crm`: every command of the platform, and what happens when one fails.

An error that the platform knows is printed as ``CODE: message`` with a hint, exit 1, never a stack trace. Anything
else is one line and the name of the log that holds the trace; ``--debug`` shows the trace itself.
"""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from graph_crm import __version__
from graph_crm.cli import (
    accounts,
    audit,
    console,
    contacts,
    data,
    decisions,
    demo,
    doctor,
    documents,
    engine,
    events,
    importing,
    mailbox,
    outbox,
    parties,
    privacy,
    requests,
    rules,
    schema,
    serve,
    settings,
    sorting,
    templates,
    tokens,
)
from graph_crm.errors import CrmError


class Commands(TyperGroup):
    """The commands; a value that an option can't take is told in plain words."""

    def make_context(self, *args: Any, **kwargs: Any) -> Any:
        """Read the options before the command."""
        with _plain_words():
            return super().make_context(*args, **kwargs)

    def invoke(self, ctx: Any) -> Any:
        """Run the command, its own options read first."""
        with _plain_words():
            return super().invoke(ctx)


@contextmanager
def _plain_words() -> Iterator[None]:
    try:
        yield
    except typer.BadParameter as error:
        from graph_crm.settings import plainly

        error.message = plainly(error.message)
        raise


app = typer.Typer(
    name="graph-crm",
    cls=Commands,
    help="A bank's customer-relationship platform on a Neo4j graph: GraphQL for front-ends, plugins for rules.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

START, DATA, RULES, LOOK = "Start it", "Data", "Rules", "Look at it"

app.command(rich_help_panel=START)(demo.demo)
app.command(rich_help_panel=START)(serve.serve)
app.command(rich_help_panel=START)(serve.worker)
app.add_typer(mailbox.app, name="mailbox", rich_help_panel=START)
app.add_typer(engine.app, name="engine", rich_help_panel=START)
app.command(rich_help_panel=DATA)(data.migrate)
app.command(rich_help_panel=DATA)(importing.seed)
app.add_typer(importing.app, name="import", rich_help_panel=DATA)
app.add_typer(events.app, name="events", rich_help_panel=DATA)
app.add_typer(parties.app, name="parties", rich_help_panel=DATA)
app.add_typer(privacy.app, name="privacy", rich_help_panel=DATA)
app.add_typer(rules.app, name="rules", rich_help_panel=RULES)
app.add_typer(decisions.app, name="decisions", rich_help_panel=RULES)
app.add_typer(contacts.app, name="contacts", rich_help_panel=RULES)
app.add_typer(sorting.app, name="sorting", rich_help_panel=RULES)
app.add_typer(templates.app, name="templates", rich_help_panel=RULES)
app.add_typer(outbox.app, name="outbox", rich_help_panel=LOOK)
app.add_typer(requests.app, name="requests", rich_help_panel=LOOK)
app.add_typer(audit.app, name="audit", rich_help_panel=LOOK)
app.command(rich_help_panel=LOOK)(doctor.doctor)
app.command(rich_help_panel=LOOK)(settings.settings)
app.add_typer(schema.app, name="schema", rich_help_panel=LOOK)
app.add_typer(documents.app, name="documents", rich_help_panel=LOOK)
app.command(rich_help_panel=LOOK)(tokens.token)
app.add_typer(accounts.app, name="account", rich_help_panel=LOOK)


def _print_version(wanted: bool) -> None:  # noqa: FBT001 - how typer calls it
    if wanted:
        console.say(f"graph-crm {__version__}")
        raise typer.Exit


@app.callback()
def _root(
    *,
    version: Annotated[
        bool, typer.Option("--version", help="Print the version and leave.", is_eager=True, callback=_print_version)
    ] = False,
    debug: Annotated[bool, typer.Option("--debug", help="Show the full trace of an unexpected error.")] = False,
    config: Annotated[
        Path | None, typer.Option("--config", help="A TOML file with settings.", exists=True, dir_okay=False)
    ] = None,
) -> None:
    del version  # printed before anything else is looked at
    console.debug = debug
    if config is not None:
        os.environ["GRAPH_CRM_CONFIG"] = str(config.absolute())  # the processes that a command starts read it as well


def main() -> None:
    """Entry point of the command."""
    try:
        app()
    except CrmError as error:
        if console.debug:
            raise
        console.print_error(error)
        sys.exit(1)
    except BrokenPipeError:
        # The reader of a pipe left (`graph-crm ... | head`): nothing is wrong, and nobody is there to tell.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(0)
    except Exception as error:  # the last line of defence: whatever it is, the user gets one line and the log the rest
        if console.debug:
            raise
        console.note(f"INTERNAL: {type(error).__name__}: {error}")
        log = _keep_trace(error)
        where = f"The trace is in {log}; --debug" if log else "No log can be written; --debug"
        console.note(f"  {where} before the command shows it here.")
        sys.exit(1)


def _keep_trace(error: Exception) -> Path | None:
    """Write the trace to the log of the data folder, or where that can't be to the temporary folder, and name it."""
    import traceback
    from datetime import UTC, datetime

    text = [f"{datetime.now(UTC).isoformat()} {' '.join(sys.argv[1:2])}\n", *traceback.format_exception(error)]
    for path in _logs():
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with path.open("a", encoding="utf-8") as log:
                log.writelines(text)
        except OSError:
            continue
        return path
    return None


def _logs() -> Iterator[Path]:
    """Where a trace may go, the best place first."""
    from graph_crm.settings import default_data_dir, load

    with suppress(Exception):  # the settings may be the very thing that failed; the first error is what is told
        yield load().log_file
    yield default_data_dir() / "logs" / "graph-crm.log"
    with suppress(OSError):
        yield Path(tempfile.mkdtemp(prefix="graph-crm-")) / "graph-crm.log"
