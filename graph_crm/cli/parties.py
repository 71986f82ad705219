"""`graph-crm parties ...`: parties that may be one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from graph_crm.cli.console import AsJson, note, print_json, print_table, run

if TYPE_CHECKING:
    from graph_crm.graph.database import Database
    from graph_crm.merging.candidates import Candidate

app = typer.Typer(help="Parties: which of them may be one.", no_args_is_help=True)


async def require_unmerged(database: Database, party: str) -> None:
    """Raise PartyMerged, with the party that is kept, for one that was merged into it."""
    from graph_crm.parties.merged import led, told

    kept = (await led(database.read, [party])).get(party)
    if kept is not None:
        raise told("partyId", kept)


@app.command()
def duplicates(
    *,
    party: Annotated[
        str | None, typer.Option("--party", help="Only who may be one with this party.", show_default="the whole bank")
    ] = None,
    at_least: Annotated[float, typer.Option("--at-least", min=0, max=1, help="Only from this score on.")] = 0.6,
    most: Annotated[int, typer.Option("--most", min=1, help="So many pairs at most, the likeliest first.")] = 50,
    as_json: AsJson = False,
) -> None:
    """Show parties that may be one person or organisation, with what speaks for it and against it.

    Nothing is merged: look at a pair with mergePreview, and merge it with mergeParties.
    """

    async def work() -> list[Candidate]:
        from graph_crm import bootstrap
        from graph_crm.audit.acting import about
        from graph_crm.merging.candidates import MAX_FIRST, MergeCandidates
        from graph_crm.settings import load

        async with bootstrap.connected(load()) as database:
            candidates = MergeCandidates(database)
            if party is not None:
                found = await candidates.of(party, first=min(most, MAX_FIRST), at_least=at_least)
            else:
                found = await candidates.likeliest(most, at_least=at_least)
            about(*(identifier for one in found for identifier in (one.party_id, one.other_id)))
            return found

    found = run(work())
    if as_json:
        print_json(found)
        return
    print_table(
        ["score", "party", "name", "other", "name of the other", "because"],
        [
            [f"{one.score:.2f}", one.party_id, one.party_name, one.other_id, one.other_name, ", ".join(one.reasons)]
            for one in found
        ],
    )
    note("1 pair" if len(found) == 1 else f"{len(found):,} pairs")
