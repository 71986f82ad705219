"""Reading the files in which a bank settles something: contact policy, service desk, how long events are kept."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

from graph_crm.errors import ConfigurationError


def read_toml(file: Path, what: str, *, unread: str, hint: str) -> dict[str, Any]:
    """The tables of ``file``, unchecked.

    Raises ConfigurationError that begins with ``what`` the file is ("The service desk"); ``unread`` says what to do
    where it can't be read at all, ``hint`` where it is no TOML.
    """
    try:
        return tomllib.loads(file.read_text("utf-8"))
    except OSError as error:
        raise ConfigurationError(f"{what} {file} can't be read: {error.strerror or error}.", hint=unread) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"{what} {file} is no TOML: {error}.", hint=hint) from error
