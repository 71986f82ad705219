"""How parameters travel: all of them in one map, so that a statement is planned once.

Neo4j keeps a plan for the types of the parameters, and tells texts and lists of different orders of magnitude apart:
one name, ten names and a hundred names are three plans, and with every other list or text there are three times as
many. A large statement takes a second to plan. What stands in a map has no type of its own.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any, Final

MAP: Final = "given"
"""The one parameter that is sent."""
TEXTS_KEPT: Final = 4_096
_PARTS: Final = re.compile(
    r"""'(?:[^'\\]|\\.)*' | "(?:[^"\\]|\\.)*" | `(?:[^`]|``)*` | //[^\n]* | /\*.*?\*/ | \$(?P<name>\w+)""",
    re.VERBOSE | re.DOTALL,
)
"""What a dollar sign is no parameter in, and parameters."""


def in_one_map(statement: str, parameters: Mapping[str, Any] | None) -> tuple[str, dict[str, Any] | None]:
    """The statement and its parameters as they are sent.

    A parameter that is missing leaves both as they are, and Neo4j says which: in a map it would be null.
    """
    if not parameters:
        return statement, None
    text, names = _rewritten(statement)
    if not names <= parameters.keys():
        return statement, dict(parameters)
    return text, {MAP: parameters}


@lru_cache(maxsize=TEXTS_KEPT)
def _rewritten(statement: str) -> tuple[str, frozenset[str]]:
    names: set[str] = set()

    def written(match: re.Match[str]) -> str:
        name = match["name"]
        if name is None:
            return match[0]
        names.add(name)
        return f"${MAP}.{name}"

    return _PARTS.sub(written, statement), frozenset(names)
