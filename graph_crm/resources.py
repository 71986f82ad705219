"""Where the folders that travel with the platform are: ``plugins``, ``schema`` and ``seed``."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

_PACKAGE = Path(__file__).parent


def folder(name: Literal["plugins", "schema", "seed"]) -> Path:
    """The folder ``name``: inside the wheel when installed from one, else beside the package in the checkout."""
    packaged = _PACKAGE / "_packaged" / name
    return packaged if packaged.is_dir() else _PACKAGE.parent / name
