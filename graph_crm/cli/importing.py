"""`graph-crm import ...` and `graph-crm seed`: outside data and the generated demo bank, into the graph."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeAlias

import typer

from graph_crm.cli.console import AsJson, note, print_json, print_table, run, say
from graph_crm.errors import ImportFailed

if TYPE_CHECKING:
    from graph_crm.graph.database import Database
    from graph_crm.importing.loader import Progress
    from graph_crm.importing.rejects import ImportReport

app = typer.Typer(
    help="Import outside data. Repeat it whenever you like: the same files give the same graph.", no_args_is_help=True
)

Folder: TypeAlias = Annotated[Path, typer.Argument(help="The folder with the data set's files.", metavar="DIR")]
Rejects: TypeAlias = Annotated[
    Path | None,
    typer.Option(
        "--rejects",
        metavar="FILE",
        help="Where rejected rows are written (JSON lines). Default: NAME.reject.jsonl here.",
    ),
]


@app.command()
def berka(folder: Folder, rejects: Rejects = None, *, as_json: AsJson = False) -> None:
    """Import the Berka data set (a real Czech bank, PKDD'99): *.asc files."""
    from graph_crm.importing.berka import files as check
    from graph_crm.importing.berka import import_berka

    check(folder)  # before a database is started for nothing
    path = rejects or Path("berka.reject.jsonl")
    _import(lambda db, progress: import_berka(db, folder, reject_path=path, progress=progress), as_json=as_json)


@app.command()
def finbench(
    folder: Folder,
    rejects: Rejects = None,
    *,
    currency: Annotated[str, typer.Option(help="Currency of all amounts: the data set names none.")] = "USD",
    as_json: AsJson = False,
) -> None:
    """Import an LDBC FinBench data set (persons, companies, accounts, loans, transfers): *.csv files."""
    from graph_crm.importing.finbench import files as check
    from graph_crm.importing.finbench import import_finbench
    from graph_crm.products.money import currency as check_currency

    check(folder)
    check_currency("currency", currency)
    path = rejects or Path("finbench.reject.jsonl")
    _import(
        lambda db, progress: import_finbench(db, folder, reject_path=path, progress=progress, currency=currency),
        as_json=as_json,
    )


@app.command()
def files(
    mapping: Annotated[Path, typer.Argument(help="The mapping file (TOML) that describes your files.")],
    rejects: Rejects = None,
    *,
    as_json: AsJson = False,
) -> None:
    """Import your own CSV or JSON-lines files, described by a mapping file (see docs/importing.md)."""
    from graph_crm.importing.own_format import import_files, prepared

    prepared(mapping)
    path = rejects or Path(f"{mapping.stem}.reject.jsonl")
    _import(lambda db, progress: import_files(db, mapping, reject_path=path, progress=progress), as_json=as_json)


def seed(
    *,
    customers: Annotated[
        int | None,
        typer.Option(
            min=1, max=1_000_000, help="How many parties the bank has.", show_default="setting seed_customers"
        ),
    ] = None,
    random_seed: Annotated[
        int | None, typer.Option(help="The same seed gives the same bank.", show_default="setting random_seed")
    ] = None,
    as_of: Annotated[
        datetime | None, typer.Option(formats=["%Y-%m-%d"], help="The bank's today: its history ends here.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Fill the graph with a generated demo bank: people, companies, households and two years of their history."""
    from graph_crm.importing.demo_desk import seed_demo
    from graph_crm.settings import load

    settings = load(seed_customers=customers, random_seed=random_seed)
    today = as_of.date() if as_of else date.today()  # noqa: DTZ011 - the user's calendar day
    _import(
        lambda db, progress: seed_demo(
            db, customers=settings.seed_customers, seed=settings.random_seed, as_of=today, progress=progress
        ),
        as_json=as_json,
    )


def _import(work: Callable[[Database, Progress], Awaitable[ImportReport]], *, as_json: bool) -> None:
    from graph_crm.bootstrap import connected, for_bulk
    from graph_crm.settings import load

    async def job() -> ImportReport:
        async with connected(for_bulk(load())) as database:
            with progress_bars() as progress:
                return await work(database, progress)

    report = run(job())
    if as_json:
        print_json(report.as_json())
    else:
        print_report(report)
    if not report.reconciled:
        raise ImportFailed(
            "The counts do not reconcile: rows are neither in the graph nor in the reject file",
            hint="Start the import again; nothing is doubled. If it stays so, report it with the counts above",
        )


def print_report(report: ImportReport) -> None:
    """The counts per file, their sum, the rate, and where the rejects are."""
    print_table(
        ["file", "read", "loaded", "rejected", "repeated"],
        [
            *([f.name, f"{f.read:,}", f"{f.loaded:,}", f"{f.rejected:,}", f"{f.repeated:,}"] for f in report.files),
            ["all", f"{report.read:,}", f"{report.loaded:,}", f"{report.rejected:,}", ""],
        ],
    )
    rate = report.read / report.seconds if report.seconds else 0.0
    say(f"{report.read:,} read = {report.loaded:,} loaded + {report.rejected:,} rejected")
    note(f"{report.seconds:.1f} s, {rate:,.0f} rows/s")
    if report.reject_file:
        note(f"Rejected rows with their reasons: {report.reject_file}")


@contextmanager
def progress_bars() -> Iterator[Progress]:
    """One bar per file on stderr, where that is a terminal."""
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TaskID, TaskProgressColumn, TextColumn, TimeRemainingColumn

    bars = Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        TaskProgressColumn(),
        TimeRemainingColumn(),
        console=Console(stderr=True),
        transient=True,
    )
    tasks: dict[str, TaskID] = {}

    def show(label: str, done: int, total: int) -> None:
        if label not in tasks:
            tasks[label] = bars.add_task(label, total=max(total, 1))
        bars.update(tasks[label], completed=done if total else 1, total=max(total, 1))

    if not bars.console.is_terminal:
        yield show
        return
    with bars:
        yield show
