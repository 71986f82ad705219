"""`graph-crm privacy ...`: what is held on a party, restricted or erased; and what is let go when its time is over."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from graph_crm.cli.console import AsJson, note, operator, print_json, print_table, run, say
from graph_crm.cli.parties import require_unmerged

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from graph_crm.privacy.erasure import ErasureStanding
    from graph_crm.privacy.retention import LetGo, RetentionReport
    from graph_crm.privacy.wiring import PrivacyParts

app = typer.Typer(help="What is held on a party: show, restrict, erase, let go.", no_args_is_help=True)

BASES = "NO_LONGER_NEEDED, CONSENT_WITHDRAWN, OBJECTED, UNLAWFUL, LEGAL_OBLIGATION, RETENTION"
OBSTACLES = "OPEN_AGREEMENT, OPEN_COMPLAINT, OPEN_REQUEST, RETENTION_DUTY"
PartyArgument = Annotated[str, typer.Argument(help="Id of the party.", metavar="PARTY")]


@app.command()
def export(
    party: PartyArgument,
    *,
    to: Annotated[
        Path | None,
        typer.Option(
            "--to", help="File to write: .zip with the documents, .json or .html.", show_default="PARTY.zip here"
        ),
    ] = None,
) -> None:
    """Write everything that is held on a party into a file that only you may read."""
    import os

    file = to or Path(f"{''.join(one if one.isalnum() else '-' for one in party)}.zip")

    async def work() -> bytes:
        from graph_crm.privacy.export import page

        async with _parts(party) as parts:
            if file.suffix == ".json":
                made = (await parts.exports.holdings(party)).as_json()
            elif file.suffix == ".html":
                made = page(await parts.exports.holdings(party)).encode()
            else:
                made = await parts.exports.packed(party)
            # Written down before it is in anybody's hands, and not where there was nothing to hand out.
            await parts.exports.handed_out(party)
            return made

    content = run(work())
    descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as written:
        written.write(content)
    say(f"{file}: {len(content):,} bytes")


@app.command()
def erase(
    party: PartyArgument,
    *,
    basis: Annotated[str, typer.Option("--basis", help=f"The ground in law: {BASES}.")],
    reason: Annotated[str, typer.Option("--reason", help="Why; kept as proof, and must not say who it was.")],
    despite: Annotated[
        list[str] | None,
        typer.Option("--despite", help=f"What speaks against it and was weighed, may be repeated: {OBSTACLES}."),
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only say what speaks against it and what would go.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Erase a party to the end, without a worker: accounting and audit stay, nobody is recognisable any more."""
    from graph_crm.parties.checks import one_of
    from graph_crm.privacy.erasure import Outlook
    from graph_crm.privacy.kinds import LegalBasis, Obstacle

    async def work() -> Outlook | ErasureStanding:
        ground = one_of("basis", basis.upper(), LegalBasis)
        weighed = [one_of("despite", each.upper(), Obstacle) for each in despite or ()]
        async with _parts(party) as parts:
            if dry_run:
                return await parts.erasure.outlook(party)
            await parts.erasure.erase(party, basis=ground, reason=reason, by=operator(), despite=weighed)
            found = await parts.erasure.erased(party)
            await parts.erasure.finish(found.id)
            return await parts.erasure.erased(party)

    found = run(work())
    if as_json:
        print_json(found)
        return
    if isinstance(found, Outlook):
        for one in found.against:
            say(f"{one.obstacle}: {one.reason}")
        _counted(found.records.items(), "records")
    else:
        note(f"{party} is erased.")
        _counted(found.counts.items(), "cleared or removed")


@app.command()
def restrict(party: PartyArgument, *, reason: Annotated[str, typer.Option("--reason", help="Why.")]) -> None:
    """Only keep a party's data: no contact that the law does not demand, no decision, no scoring."""

    async def work() -> None:
        async with _parts(party) as parts:
            await parts.restriction.restrict(party, reason)

    run(work())
    note(f"The data of {party} are only kept from now on.")


@app.command()
def lift(party: PartyArgument) -> None:
    """Let a party's data be used again."""

    async def work() -> None:
        async with _parts(party) as parts:
            await parts.restriction.lift(party)

    run(work())
    note(f"The data of {party} may be used again.")


@app.command()
def retention(
    *,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would go.")] = False,
    as_json: AsJson = False,
) -> None:
    """Let go of personal data whose time is over; a worker does it every day."""

    async def work() -> list[LetGo]:
        async with _parts() as parts:
            return await parts.retention.run(dry_run=dry_run)

    found = run(work())
    if as_json:
        print_json(found)
        return
    print_table(
        ["type", "kept for days", "would go" if dry_run else "cleared or removed"],
        [[one.type, one.days, one.records] for one in found],
    )


@app.command()
def reports(
    *,
    most: Annotated[int, typer.Option("--most", min=1, max=100, help="So many, the last first.")] = 20,
    as_json: AsJson = False,
) -> None:
    """Show what the last runs of the retention let go."""

    async def work() -> list[RetentionReport]:
        async with _parts() as parts:
            return await parts.retention.reports(most)

    found = run(work())
    if as_json:
        print_json(found)
        return
    print_table(
        ["at (UTC)", "cleared or removed"],
        [
            [f"{one.at:%Y-%m-%d %H:%M}", ", ".join(f"{name} {count}" for name, count in sorted(one.counts.items()))]
            for one in found
        ],
    )


@asynccontextmanager
async def _parts(party: str | None = None) -> AsyncIterator[PrivacyParts]:
    from graph_crm import bootstrap
    from graph_crm.privacy.wiring import PrivacyParts
    from graph_crm.settings import load

    settings = load()
    async with bootstrap.connected(bootstrap.for_bulk(settings)) as database:
        if party is not None:
            await require_unmerged(database, party)
        yield PrivacyParts(settings, database, bootstrap.link_secret(settings))


def _counted(counts: Iterable[tuple[str, int]], title: str) -> None:
    print_table(["type", title], [[name, f"{count:,}"] for name, count in sorted(counts)])
