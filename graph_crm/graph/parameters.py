"""How parameters travel: all of them in one map, so that a statement is planned once.

Neo4j keeps a plan for the types of the parameters, and tells texts and lists of different orders of magnitude apart:
one name, ten names and a hundred names are three plans, and with every other list or text there are three times as
many. A large statement takes a second to plan. What stands in a map has no type of its own.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any, Final

from graph_crm.errors import InvalidInput

_PLAIN: Final = frozenset({str, int, float, bool, type(None), bytes, dt.date})
MAP: Final = "given"
"""The one parameter that is sent."""
TEXTS_KEPT: Final = 4_096
_PARTS: Final = re.compile(
    r"""'(?:[^'\\]|\\.)*' | "(?:[^"\\]|\\.)*" | `(?:[^`]|``)*` | //[^\n]* | /\*.*?\*/ | \$(?P<name>\w+)""",
    re.VERBOSE | re.DOTALL,
)
"""What a dollar sign is no parameter in, and parameters."""


def as_sent(statement: str, parameters: Mapping[str, Any] | None) -> tuple[str, dict[str, Any] | None]:
    """The statement and its parameters as they are sent, every instant in UTC.

    A parameter that is missing leaves both as they are, and Neo4j says which: in a map it would be null.
    """
    if not parameters:
        return statement, None
    given = sendable(parameters)
    text, names = _rewritten(statement)
    if not names <= given.keys():
        return statement, dict(given)
    return text, {MAP: given}


def sendable(value: Any) -> Any:
    """The same value with every instant in `datetime.timezone.utc`, copied only where one had another zone.

    A `zoneinfo.ZoneInfo` crashes the process inside the driver's packer. A datetime without a zone would be stored as
    a local one, which compares with no instant, so it is refused.
    """
    kind = type(value)
    if kind in _PLAIN:
        return value
    if kind is dict or isinstance(value, Mapping):
        sent = {key: item if type(item) in _PLAIN else sendable(item) for key, item in value.items()}
        return value if kind is dict and all(sent[key] is value[key] for key in sent) else sent
    if isinstance(value, (list, tuple)):
        items = [item if type(item) in _PLAIN else sendable(item) for item in value]
        return value if all(map(lambda a, b: a is b, items, value)) else items
    if isinstance(value, dt.datetime):
        if value.tzinfo is None:
            raise InvalidInput("A point in time needs a time zone", hint="For example 2026-01-31T12:00:00Z")
        return value if value.tzinfo is dt.UTC else value.astimezone(dt.UTC)
    return value


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
