"""`graph-crm demo`: a whole bank on this machine, supervised until Ctrl-C."""

from __future__ import annotations

from typing import Annotated

import typer

from graph_crm.cli.console import note, run


def demo(
    *,
    port: Annotated[
        int | None, typer.Option(min=0, max=65535, help="Port of the server; taken: the next free one.")
    ] = None,
    customers: Annotated[int | None, typer.Option(min=1, help="People and companies of a new demo bank.")] = None,
    forget: Annotated[bool, typer.Option("--forget", help="Delete the demo's data and leave.")] = False,
) -> None:
    """Start database, server, worker and mail receiver with a generated bank; print what to try; Ctrl-C stops it all.

    The second start uses the same data and takes seconds. With NEO4J_URI set, that Neo4j is used.
    """
    from graph_crm.cli import supervisor
    from graph_crm.settings import load

    settings = load(port=port, seed_customers=customers, demo=True)
    if forget:
        note(supervisor.forget(settings))
        return
    raise typer.Exit(run(supervisor.Demo(settings).run()))
