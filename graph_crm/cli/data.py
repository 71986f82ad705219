"""`graph-crm migrate`: brings the graph's constraints and indexes up to this version."""

from __future__ import annotations

from typing import Annotated

import typer

from graph_crm.cli.console import AsJson, note, print_json, print_table, run


def migrate(
    *,
    status: Annotated[bool, typer.Option("--status", help="Only show what is applied and what is not.")] = False,
    as_json: AsJson = False,
) -> None:
    """Bring the graph's constraints and indexes up to this version; safe to repeat and to start twice at once."""
    from graph_crm.bootstrap import connected, migrator
    from graph_crm.settings import load

    async def work() -> None:
        async with connected(load(), migrated=False) as database:
            migrations = migrator(database)
            done = [] if status else await migrations.migrate()
            lines = await migrations.status()
        if as_json:
            print_json(lines)
            return
        print_table(
            ["number", "name", "state", "applied"],
            [[f"{line.number:04d}", line.name, line.state, line.applied_at] for line in lines],
        )
        if not status:
            note(f"{len(done)} applied now.")

    run(work())
