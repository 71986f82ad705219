"""`graph-crm contacts ...`: when the bank may next contact a customer, and what overrides of limits caused."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from graph_crm.cli import contact_policy
from graph_crm.cli.console import AsJson, note, print_json, print_table, run, say
from graph_crm.cli.parties import require_unmerged

if TYPE_CHECKING:
    from graph_crm.contacts.overrides import OverrideReport

app = typer.Typer(help="Contacts: when a customer may be contacted, and who shortened limits.", no_args_is_help=True)
app.command()(contact_policy.policy)


@app.command()
def earliest(
    party: Annotated[str, typer.Argument(metavar="PARTY", help="Identifier of the customer.")],
    *,
    channel: Annotated[str, typer.Option("--channel", help="PHONE, SMS, EMAIL, LETTER, PUSH and so on.")] = "PHONE",
    product: Annotated[str | None, typer.Option("--product", help="Code of the product that it is about.")] = None,
    as_json: AsJson = False,
) -> None:
    """Say when the bank may next contact a customer to sell something, and which rule says so. Holds nothing.

    It is judged by the contact policy of these settings, as it stands in its file now; a running server has the one
    that it read at its start (the query earliestContactAt).
    """
    from graph_crm import bootstrap
    from graph_crm.settings import load

    async def work() -> None:
        settings = load()
        agreed = bootstrap.terms(settings, bootstrap.rules(settings))
        async with bootstrap.connected(settings) as database:
            desk = bootstrap.contact_desk(database, agreed)
            await require_unmerged(database, party)
            asked, found = await desk.earliest(party, channel, product_code=product)
        note(contact_policy.judged_by(settings, agreed.policy))
        if as_json:
            print_json(
                {
                    "at": found.at,
                    "allowedNow": found.at is not None and found.at <= asked,
                    "code": found.because.code,
                    "reason": found.because.reason,
                    "limit": found.because.numbers.get("limit"),
                    "policy": agreed.policy.version,
                }
            )
        elif found.at is None:
            say(f"Not foreseeable: {found.because.reason}.")
        elif found.at <= asked:
            say("Now.")
        else:
            say(f"{found.at:%Y-%m-%d %H:%M:%S} UTC: {found.because.reason}.")

    run(work())


@app.command()
def overrides(
    *,
    most: Annotated[int, typer.Option("--most", min=1, help="So many, the latest first.")] = 50,
    as_json: AsJson = False,
) -> None:
    """List who asked to shorten a contact limit, who approved it, for how long, and what it caused."""
    from graph_crm.bootstrap import connected
    from graph_crm.contacts.overrides import OverrideService
    from graph_crm.settings import load

    async def work() -> list[OverrideReport]:
        async with connected(load()) as database:
            return await OverrideService(database).report(most)

    found = run(work())
    if as_json:
        print_json(found)
        return
    if not found:
        note("No limit was ever shortened.")
        return
    print_table(
        [
            "id", "limit", "segment", "days", "from", "until", "status", "asked by", "decided by", "reason",
            "decisions", "slots", "contacts", "responses", "accepted",
        ],
        [
            [
                one.id, one.limit, one.segment or "all", f"{one.days:g}", f"{one.since:%Y-%m-%d %H:%M}",
                f"{one.until:%Y-%m-%d %H:%M}", one.status.value, one.asked_by, one.decided_by, one.reason,
                one.decisions, one.reservations, one.contacts, one.responses, one.accepted,
            ]
            for one in found
        ],
    )  # fmt: skip
