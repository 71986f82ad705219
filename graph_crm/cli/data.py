"""`graph-crm migrate` and `graph-crm seed`: what prepares and fills the graph."""

from __future__ import annotations

from typing import Annotated

import typer

from graph_crm.cli.console import AsJson, note, print_json, print_table, run, say


def migrate(
    *,
    status: Annotated[bool, typer.Option("--status", help="Only show what is applied and what is not.")] = False,
    as_json: AsJson = False,
) -> None:
    """Bring the graph's constraints and indexes up to this version; safe to repeat and to start twice at once."""
    from graph_crm.bootstrap import connected
    from graph_crm.graph.migrations import Migrator
    from graph_crm.resources import folder
    from graph_crm.settings import load

    async def work() -> None:
        async with connected(load()) as database:
            migrator = Migrator(database, folder("schema") / "migrations")
            done = [] if status else await migrator.migrate()
            lines = await migrator.status()
        if as_json:
            print_json(lines)
            return
        print_table(
            ["number", "name", "applied"],
            [[line.number, line.name, line.applied_at or "no"] for line in lines],
        )
        if not status:
            note(f"{len(done)} applied now.")

    run(work())
