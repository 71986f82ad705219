"""Errors of a command speak of its own arguments, not of those of GraphQL."""

from __future__ import annotations

from typing import Any

import pytest
import typer.main

from graph_crm.cli import app
from graph_crm.cli.words import parameters_of, told
from graph_crm.errors import NotFound
from graph_crm.parties.merged import told as merged
from graph_crm.privacy.erasure import ErasureRefused


def parameters(*words: str) -> dict[str, str]:
    """The parameters of a command as a user writes them."""
    found: Any = typer.main.get_command(app)
    for word in words:
        found = found.commands[word]
    return parameters_of(type("Context", (), {"command": found})())


@pytest.mark.parametrize(
    ("command", "message", "expected"),
    [
        (("contacts", "earliest"), "partyId: there is no such party", "PARTY: there is no such party"),
        (("contacts", "earliest"), "productCode: there is no such product", "--product: there is no such product"),
        (("contacts", "earliest"), "channel: is not known", "--channel: is not known"),
        (("privacy", "erase"), "despite: is not one of the known values", "--despite: is not one of the known values"),
        (("parties", "duplicates"), "partyId: there is no such party", "--party: there is no such party"),
        (("account", "rotate"), "keepOldHours: is out of range", "--keep-hours: is out of range"),
        (("account", "add"), "publicKey: is too long", "--public-key: is too long"),
        (("account", "disable"), "id: there is no such account", "ACCOUNT: there is no such account"),
        (("doctor",), "partyId: there is no such party", "partyId: there is no such party"),
        (("doctor",), "There is no such thing: at all", "There is no such thing: at all"),
    ],
)
def test_an_argument_is_called_as_the_command_calls_it(command: tuple[str, ...], message: str, expected: str) -> None:
    assert told(NotFound(message), parameters(*command)).message == expected


def test_a_hint_names_a_command_where_there_is_one() -> None:
    error = told(NotFound("id: there is no such account", hint="See serviceAccounts."), {})
    assert error.hint == "`graph-crm account list` shows them."
    assert told(merged("partyId", "party:7"), {"party": "PARTY"}).hint == "Name party:7."
    refused = ErasureRefused("It can't be erased.", hint="Settle it.", obstacles=["OPEN_AGREEMENT", "RETENTION_DUTY"])
    assert told(refused, parameters("privacy", "erase")).hint == (
        "Settle it, or weigh it and add --despite OPEN_AGREEMENT --despite RETENTION_DUTY."
    )
    assert told(NotFound("Gone.", hint="Read it again."), {}).hint == "Read it again."
