"""Errors of the platform in the words of a command: its own arguments and commands instead of those of GraphQL."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from graph_crm.errors import CrmError

_FIELD: Final = re.compile(r"\A(?P<field>[a-z][A-Za-z]*): ")
_CAPITAL: Final = re.compile(r"(?<!^)(?=[A-Z])")
_ENDINGS: Final = ("", "_id", "_code", "_ids")
_OTHERWISE: Final = {"keep_old_hours": "keep_hours", "employee_id": "owner", "id": "account"}
"""What an argument of GraphQL is called by a command, where it is not the same."""

_HINTS: Final = {
    "Look the party up with searchParties.": "The query searchParties of the API finds customers by name or phone.",
    "Use a code that products lists.": "The query products of the API lists the codes.",
    "Erase it with eraseParty.": "`graph-crm privacy erase` erases one.",
    "See serviceAccounts.": "`graph-crm account list` shows them.",
    "Send another id; `rotateServiceAccount` gives an account another key.": (
        "Choose another name; `graph-crm account rotate` gives an account another key."
    ),
    "party { decisions { nodes { id } } } lists a customer's.": (
        "The query party { decisions { nodes { id } } } of the API lists a customer's."
    ),
    "Make a new one with another id.": "Make a new one with another name.",
}
"""Hints that name what only the API has."""


def told(error: CrmError, parameters: Mapping[str, str]) -> CrmError:
    """The error in the words of the command whose ``parameters`` are these: name in Python -> as a user writes it."""
    found = _FIELD.match(error.message)
    if found is not None and (written := _written(found["field"], parameters)) is not None:
        error.message = f"{written}: {error.message[found.end() :]}"
    if error.hint == "Use the id in extensions.keptId." and "keptId" in error.details:
        error.hint = f"Name {error.details['keptId']}."
    elif "--despite" in parameters.values() and error.details.get("obstacles"):
        error.hint = f"Settle it, or weigh it and add --despite {' --despite '.join(error.details['obstacles'])}."
    elif error.hint is not None:
        error.hint = _HINTS.get(error.hint, error.hint)
    return error


def _written(field: str, parameters: Mapping[str, str]) -> str | None:
    name = _CAPITAL.sub("_", field).lower()
    for one in (name, _OTHERWISE.get(name, name)):
        for ending in _ENDINGS:
            if one.endswith(ending) and (written := parameters.get(one.removesuffix(ending))) is not None:
                return written
    return None


def parameters_of(context: Any) -> dict[str, str]:
    """The parameters of the running command: ``--product``, or ``PARTY`` for one that has no option."""
    found = {}
    for one in context.command.params if context is not None else ():
        option = next((each for each in one.opts if each.startswith("--")), None)
        found[str(one.name)] = option or str(one.metavar or one.name).upper()
    return found
