"""Asking the plugins for their types of events: answers are checked, and a bad one harms nobody else."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress

from graph_crm.errors import RuleError
from graph_crm.rules.events import EventType
from graph_crm.rules.loader import ANYTHING, Found
from graph_crm.rules.manager import RuleBook

MOST_TYPES = 200
"""A plugin declares so many types at most."""


def event_types(book: RuleBook, taken: Iterable[str]) -> list[EventType]:
    """The types of events that the plugins of ``book`` declare, those left out whose names are ``taken``.

    A plugin that fails or answers something else is reported like other faults of plugins; it adds nothing.
    """
    names = dict.fromkeys(taken, "the platform")
    found = []
    for answer in book.ask("event_types", checked_types):
        for one in answer.value:
            if one.name in names:
                book.complain(answer.plugin, f"event type {one.name} is in {names[one.name]} already; it is left out")
                continue
            names[one.name] = f"plugin {answer.plugin}"
            found.append(one)
    return found


def names_declared(plugins: Iterable[Found]) -> frozenset[str]:
    """The names of the types that these plugins declare; one that fails declares none, which others report."""
    names: set[str] = set()
    for one in plugins:
        function = getattr(one.module, "event_types", None)
        if callable(function):
            with suppress(*ANYTHING):
                names |= {declared.name for declared in checked_types(function())}
    return frozenset(names)


def checked_types(value: object) -> list[EventType]:
    """What a plugin answers to the hook ``event_types``. Raises RuleError that says what was expected."""
    if not isinstance(value, list | tuple) or not all(isinstance(one, EventType) for one in value):
        raise RuleError("a list of event types")
    if len(value) > MOST_TYPES:
        raise RuleError(f"{MOST_TYPES} event types at most, not {len(value)}")
    return list(value)
