"""What the commands share: how they print, how they run asynchronous work, how they show progress.

Results go to stdout, everything else (progress, logs, errors) to stderr, so that ``--json | jq`` always works.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Coroutine, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, is_dataclass
from pathlib import Path
from typing import Annotated, Any, TypeAlias, TypeVar, cast

import typer
import typer.main

from graph_crm.errors import CrmError

T = TypeVar("T")

# Set by `graph-crm --debug`: an unexpected error shows its trace.
debug = False

AsJson: TypeAlias = Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")]


def say(text: str = "") -> None:
    """One line of a result, to stdout."""
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def note(text: str) -> None:
    """One line beside the result (what is being done), to stderr."""
    sys.stderr.write(f"{text}\n")
    sys.stderr.flush()


def print_json(value: Any) -> None:
    """``value`` as indented JSON on stdout; dataclasses, dates and paths included."""
    import orjson

    options = orjson.OPT_INDENT_2 | orjson.OPT_NON_STR_KEYS | orjson.OPT_UTC_Z
    say(orjson.dumps(value, default=_plain, option=options).decode())


def _plain(value: Any) -> Any:
    if is_dataclass(value) and not isinstance(value, type):
        return asdict(value)
    if isinstance(value, Path):
        return str(value)
    if isinstance(value, set | frozenset):
        return sorted(value)
    raise TypeError(f"{type(value).__name__} has no JSON form")


def print_table(columns: Sequence[str], rows: Iterable[Sequence[Any]], *, title: str | None = None) -> None:
    """A table on stdout; None is shown as an empty cell, what stands in a cell as the text that it is."""
    from rich.console import Console
    from rich.table import Table

    table = Table(*columns, title=title, title_justify="left", header_style="bold")
    for row in rows:
        table.add_row(*(_cell(cell) for cell in row))
    console = Console()
    # A pipe has no width: don't cut the text that somebody greps for.
    console = console if console.is_terminal else Console(width=240, soft_wrap=False)
    console.print(table)


def _cell(value: Any) -> Any:
    """A name in brackets is no markup, and no character of it may command the terminal."""
    from rich.text import Text

    text = "" if value is None else str(value)
    return Text("".join(one if one.isprintable() or one == "\n" else "\N{REPLACEMENT CHARACTER}" for one in text))


def operator() -> str:
    """Who runs this command, as the operating system knows it: no variable of the environment says otherwise."""
    import getpass
    import os

    if sys.platform == "win32":
        try:
            return f"cli:{os.getlogin()}"
        except OSError:  # a service without a desktop
            return f"cli:{getpass.getuser()}"
    import pwd

    try:
        return f"cli:{pwd.getpwuid(os.getuid()).pw_name}"
    except KeyError:  # a container may run under a number that has no name
        return f"cli:{os.getuid()}"


def run(work: Coroutine[Any, Any, T]) -> T:
    """Run asynchronous work to its end, on uvloop where there is one.

    Unless the command set up its logs (as `serve` and `worker` do), only warnings and errors are shown, and what the
    database says of slow statements goes to the log file alone: who waits for a result can't act on it.
    """
    from graph_crm import logs

    if not logs.configured():
        logs.configure(level="warning", file=_log_file(), only_in_file=frozenset({"graph_crm.graph.database"}))
    with _own_words(), _acting():
        if sys.platform == "win32":
            return asyncio.run(work)
        import uvloop

        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            return runner.run(work)


@contextmanager
def _own_words() -> Iterator[None]:
    """Tell what is wrong in the words of the running command."""
    try:
        yield
    except CrmError as error:
        from graph_crm.cli.words import parameters_of, told

        told(error, parameters_of(_context()))
        raise


def _context() -> Any:
    # typer brings a click of its own, and shows its contexts nowhere else.
    return cast(Any, typer.main).get_current_context(silent=True)


def _words(context: Any) -> list[str]:
    """The words of the running command, however the program was called (``python -m graph_crm`` has three)."""
    words: list[str] = []
    while context is not None and context.parent is not None:
        words.insert(0, str(context.info_name))
        context = context.parent
    return words


_OF_NOBODY = ("serve", "worker", "demo", "engine", "migrate", "doctor")
"""Commands that run for others, or look at the platform and at nobody's data."""
_OF_SENDERS = ("mailbox receive", "mailbox poll")
"""Commands that take in what others send."""


@contextmanager
def _acting() -> Iterator[None]:
    """Have what the running command reads and writes put down to who runs it."""
    from graph_crm.audit import acting

    context = _context()
    words = _words(context)
    command = " ".join(words)
    if context is None or not words or words[0] in _OF_NOBODY or command in _OF_SENDERS:
        yield
        return
    named = {f"{name}_id": value for name, value in context.params.items() if name in _NAMING}
    with acting.acting(acting.Actor(operator(), "operator"), f"command {command}") as made:
        made.begin(command, acting.ids_in(named))
        yield


_NAMING = frozenset({"party", "decision", "number", "request", "entry", "rule", "account", "keep", "merge"})
"""Arguments of commands that name a record."""


def _log_file() -> Path | None:
    from graph_crm.settings import load

    try:
        return load().log_file
    except CrmError:
        return None  # the command itself tells what is wrong with the settings


def print_error(error: CrmError) -> None:
    """``CODE: message`` and the hint, to stderr."""
    note(f"{error.code}: {error.message}")
    if error.hint:
        note(f"  {error.hint}")
