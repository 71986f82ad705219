"""The codes that rules may name: products with their families, from a catalogue file."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from pathlib import Path

from graph_crm.errors import RuleError
from graph_crm.resources import folder


def catalogue(file: Path | None = None) -> Mapping[str, str]:
    """The family of every product in ``file``, by the product's code; not given: the shipped catalogue.

    Raises RuleError when the file can't be read as a catalogue.
    """
    path = file or folder("seed") / "catalogue.toml"
    try:
        found = tomllib.loads(path.read_text("utf-8"))
        return {one["code"]: one["family"] for one in found["products"]}
    except (OSError, tomllib.TOMLDecodeError, KeyError, TypeError) as error:
        raise RuleError(
            f"{path} can't be read as a catalogue: {type(error).__name__}: {error}",
            hint="It needs [[products]] with code and family, as seed/catalogue.toml has them.",
        ) from error
