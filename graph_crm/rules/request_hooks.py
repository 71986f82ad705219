"""Asking plugins about service requests: who answers one, and what happens when it comes too late."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

from graph_crm.errors import RuleError
from graph_crm.rules.booked import Named
from graph_crm.rules.manager import RuleBook
from graph_crm.rules.requests import Breach, BreachAction, Candidate, RequestFacts, Route

MOST_ACTIONS = 20
"""A plugin answers one breach with so many actions at most."""
T = TypeVar("T")


def routes(book: RuleBook, requests: Sequence[RequestFacts], candidates: Sequence[Candidate]) -> list[Named[Route]]:
    """What the hooks ``route_requests`` say, the first plugin's word for a request first; a bad answer is left out."""
    known, people = {one.id for one in requests}, {one.id for one in candidates}

    def checked(value: object) -> list[Route]:
        found = _list_of(Route, "routes", value)
        for one in found:
            if one.request not in known:
                raise RuleError(f"routes of the requests that were asked about; {one.request!r} is none of them")
            if one.employee is not None and one.employee not in people:
                raise RuleError(f"an employee who is a candidate, not {one.employee!r}")
        return found

    answers = book.ask("route_requests", checked, requests=requests, candidates=candidates)
    return [Named(answer.plugin, one) for answer in answers for one in answer.value]


def breach_actions(book: RuleBook, breaches: Sequence[Breach]) -> list[Named[BreachAction]]:
    """What the hooks ``request_breached`` want done; a bad answer is left out."""
    known = {one.request.id for one in breaches}

    def checked(value: object) -> list[BreachAction]:
        found = _list_of(BreachAction, "breach actions", value)
        if len(found) > MOST_ACTIONS * len(breaches):
            raise RuleError(f"{MOST_ACTIONS} actions for each breach at most, not {len(found)}")
        for one in found:
            if one.request not in known:
                raise RuleError(f"actions for the breaches that were asked about; {one.request!r} is none of them")
        return found

    answers = book.ask("request_breached", checked, breaches=breaches)
    return [Named(answer.plugin, one) for answer in answers for one in answer.value]


def _list_of(kind: type[T], plural: str, value: object) -> list[T]:
    if value is None:
        return []
    if not isinstance(value, list | tuple):
        raise RuleError(f"a list of {plural}, not a {type(value).__name__}")
    for one in value:
        if not isinstance(one, kind):
            raise RuleError(f"a list of {plural}; it holds a {type(one).__name__}")
    return list(value)
