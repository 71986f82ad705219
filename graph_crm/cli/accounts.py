"""`graph-crm account ...`: other systems of the bank that may call, with tokens that they sign themselves."""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from graph_crm.cli.console import AsJson, note, operator, print_json, print_table, run, say
from graph_crm.errors import InvalidInput
from graph_crm.security.roles import Role

if TYPE_CHECKING:
    from graph_crm.security.accounts.service import AccountService

app = typer.Typer(help="Other systems of the bank that may call: service accounts.", no_args_is_help=True)

Account = Annotated[str, typer.Argument(metavar="ACCOUNT", help="Its name, for example atm-switch.")]
PublicKey = Annotated[
    Path | None,
    typer.Option("--public-key", help="File with its public key (PEM or JWK).", exists=True, dir_okay=False),
]
Generate = Annotated[
    Path | None, typer.Option("--generate", help="Make a key pair; the private key goes to this new file.")
]


@app.command()
def add(
    account: Account,
    *,
    public_key: PublicKey = None,
    generate: Generate = None,
    role: Annotated[Role, typer.Option(help="service, or narrower: agent, analyst, auditor.")] = Role.SERVICE,
    description: Annotated[str | None, typer.Option(help="What it is for, in one line.")] = None,
) -> None:
    """Make an account with its first key."""
    key = _key(public_key, generate)
    made = run(_with(lambda accounts, by: accounts.add(account, key, by=by, role=role.value, description=description)))
    note(f"{made.id} may call as {made.role} with tokens that it signs with {made.keys[-1].kid}.")


@app.command("list")
def list_accounts(*, as_json: AsJson = False) -> None:
    """List the accounts and their keys, ended ones too."""
    found = run(_with(lambda accounts, _by: accounts.all()))
    if as_json:
        print_json(found)
        return
    if not found:
        note("There is no account: `graph-crm account add` makes one.")
        return
    print_table(
        ["account", "role", "state", "key", "key until (UTC)", "what for"],
        [
            [
                one.id,
                one.role.value,
                "in force" if one.active else f"ended {one.disabled_at:%Y-%m-%d %H:%M}",
                key.kid,
                f"{key.until:%Y-%m-%d %H:%M}" if key.until else None,
                one.description,
            ]
            for one in found
            for key in one.keys
        ],
    )


@app.command()
def rotate(
    account: Account,
    *,
    public_key: PublicKey = None,
    generate: Generate = None,
    keep_hours: Annotated[
        float, typer.Option("--keep-hours", min=0, max=720, help="So long the old keys sign too; 0: they end now.")
    ] = 24.0,
) -> None:
    """Give an account another key."""
    key = _key(public_key, generate)
    changed = run(_with(lambda accounts, by: accounts.rotate(account, key, by=by, keep_hours=keep_hours)))
    note(f"{changed.id} signs with {changed.keys[-1].kid}.")


@app.command()
def disable(account: Account) -> None:
    """End an account for good; its tokens are refused within ten seconds everywhere."""
    ended = run(_with(lambda accounts, by: accounts.disable(account, by=by)))
    note(f"{ended.id} is ended. Its name is not used again.")


@app.command()
def token(
    account: Account,
    *,
    key: Annotated[Path, typer.Option("--key", help="File with its private key (PEM).", exists=True, dir_okay=False)],
    minutes: Annotated[float, typer.Option(min=0.1, max=10, help="Valid so long.")] = 5.0,
) -> None:
    """Print a token as the account's own system would sign it, to try it out; needs no database.

    Example: curl -H "Authorization: Bearer $(graph-crm account token atm-switch --key atm-switch.pem)" ...
    """
    from graph_crm.security.accounts.signing import sign
    from graph_crm.settings import load

    say(sign(account, key.read_bytes(), audience=load().jwt_audience, seconds=round(minutes * 60)))


def _key(public_key: Path | None, generate: Path | None) -> str:
    """The public key that was given, or that of a new pair."""
    if (public_key is None) == (generate is None):
        raise InvalidInput(
            "One of --public-key and --generate is needed.",
            hint="--public-key names the key that the other system made; --generate FILE makes a pair here.",
        )
    if public_key is not None:
        return public_key.read_text("utf-8", "replace")
    from graph_crm.security.accounts.signing import new_pair

    assert generate is not None  # noqa: S101 - one of the two is there
    private, public = new_pair()
    try:
        descriptor = os.open(generate, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        raise InvalidInput(f"{generate} is there already.", hint="Name a new file: no key is overwritten.") from None
    except OSError as error:
        raise InvalidInput(f"{generate} can't be written: {error.strerror}.", hint="Name another file.") from None
    with os.fdopen(descriptor, "wb") as file:
        file.write(private)
    note(f"The private key is in {generate}, readable by you alone: bring it to the other system, and delete it here.")
    return public.decode()


async def _with(work: Callable[[AccountService, str], Awaitable[Any]]) -> Any:
    """What ``work`` does with the accounts of this database."""
    from graph_crm.bootstrap import connected
    from graph_crm.security.accounts.service import AccountService
    from graph_crm.settings import load

    async with connected(load()) as database:
        return await work(AccountService(database), operator())
