"""Reading the files in which a bank settles something: contact policy, service desk, catalogue, templates and so on.

All of them are read, and told to be wrong, in the one way that is here.
"""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from graph_crm.errors import ConfigurationError

Model = TypeVar("Model", bound=BaseModel)

_IN_WORDS = {
    "missing": "is missing; write it",
    "extra_forbidden": "is not known; remove it or correct the name",
    "too_short": "needs at least one entry",
}


def read_settled(model: type[Model], file: Path, what: str, *, hint: str, unread: str | None = None) -> Model:
    """What the bank settled in ``file``, checked by ``model``.

    Raises ConfigurationError that begins with ``what`` the file is ("The service desk") and names each mistake with its
    place; ``hint`` says where such a file is explained, ``unread`` what to do where it can't be read at all.
    """
    content = read_toml(file, what, hint=hint, unread=unread)
    try:
        return model.model_validate(content)
    except ValidationError as error:
        raise ConfigurationError(f"{what} {file}: {mistakes(error)}.", hint=hint) from None


def read_toml(
    file: Path, what: str, *, hint: str, unread: str | None = None, fractions: Callable[[str], Any] = float
) -> dict[str, Any]:
    """The tables of ``file``, unchecked; ``fractions`` makes the value of a number with decimals.

    Raises ConfigurationError as `read_settled` does.
    """
    try:
        return tomllib.loads(file.read_text("utf-8"), parse_float=fractions)
    except OSError as error:
        raise ConfigurationError(
            f"{what} {file} can't be read: {error.strerror or error}.", hint=unread or hint
        ) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"{what} {file} is no TOML: {error}.", hint=hint) from error


def mistakes(error: ValidationError, *within: str) -> str:
    """Every mistake with its place, for people who know TOML and not Python; ``within``: the table that was checked."""
    return "; ".join(
        f"{_place((*within, *one['loc']))}{_IN_WORDS.get(one['type']) or _plainly(one['msg'])}"
        for one in error.errors(include_input=False, include_url=False)
    )


def _place(location: Sequence[int | str]) -> str:
    """For example `limits[2] days: `; entries are counted from 1, as people do."""
    text = ""
    for part in location:
        text += f"[{part + 1}]" if isinstance(part, int) else f" {part}"
    return f"{text.strip()}: " if text else ""


def _plainly(message: str) -> str:
    return message.replace("Value error, ", "").replace("Input should be", "must be")
