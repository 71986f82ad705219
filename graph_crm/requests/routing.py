"""Who answers a request: team, skill, language, presence, and the least load for what somebody can carry."""

from __future__ import annotations

import datetime as dt
import random
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from graph_crm.requests.desk import Category, Desk
from graph_crm.rules.booked import Named
from graph_crm.rules.manager import RuleBook
from graph_crm.rules.request_hooks import routes
from graph_crm.rules.requests import Candidate, RequestFacts, Route
from graph_crm.staff.kinds import EmployeeRole
from graph_crm.staff.roster import Colleague

_chance = random.Random()  # noqa: S311 - it only breaks ties


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """Who answers, in which team, and why; ``owner`` None: nobody at all is at work."""

    owner: Colleague | None
    team: str
    priority: str
    why: str
    """In a word: RULE (a plugin), SKILL, TEAM, SUPERVISOR or ANYBODY; NOBODY."""
    plugin: str | None = None
    reason: str | None = None


def choose(
    facts: RequestFacts, people: Sequence[Colleague], now: dt.datetime, *, book: RuleBook | None = None
) -> Choice:
    """Who answers the request. Who is away gets nothing; who has no capacity gets nothing but what is named.

    In this order: whom a plugin names; of the team who has the skill and the language, who has the skill, anybody; the
    team's supervisor; any supervisor; anybody who works here. Of those the one with the least load for the capacity,
    by chance among equals.
    """
    here = [one for one in people if not one.away(now)]
    route = _ruled(facts, here, book)
    priority = (route.value.priority if route else None) or facts.priority
    if route is not None and route.value.employee is not None:
        named = next(one for one in here if one.id == route.value.employee)
        return Choice(
            owner=named,
            team=route.value.team or named.team or facts.team,
            priority=priority,
            why="RULE",
            plugin=route.plugin,
            reason=route.value.reason or None,
        )
    if route is not None:
        team = route.value.team or facts.team
        facts = replace(facts, team=team, skill=route.value.skill or (facts.skill if team == facts.team else None))
    owner, why = _by_ladder(facts, here)
    return Choice(
        owner=owner,
        team=facts.team,
        priority=priority,
        why=why,
        plugin=route.plugin if route else None,
        reason=(route.value.reason or None) if route else None,
    )


def supervisor_of(team: str | None, people: Sequence[Colleague], now: dt.datetime) -> Colleague | None:
    """The supervisor of a team who is here, else any supervisor who is; None where there is none."""
    here = [one for one in people if one.role is EmployeeRole.SUPERVISOR and not one.away(now)]
    return _least([one for one in here if one.team == team]) or _least(here)


def sorting(desk: Desk, category: Category | None) -> tuple[str, str | None]:
    """The team and skill that a request of this category needs; what is not sorted goes to the sorting team."""
    return (desk.sorting_team, None) if category is None else (category.team, category.skill)


def _by_ladder(facts: RequestFacts, here: Sequence[Colleague]) -> tuple[Colleague | None, str]:
    supervisors = [one for one in here if one.role is EmployeeRole.SUPERVISOR]
    workers = [one for one in here if one.role is not EmployeeRole.SUPERVISOR and one.capacity > 0]
    team = [one for one in workers if one.team == facts.team]
    able = [one for one in team if facts.skill is None or facts.skill in one.skills]
    fluent = [one for one in able if facts.language in one.languages]
    speaking = [one for one in team if facts.language in one.languages]
    skilled = "TEAM" if facts.skill is None else "SKILL"
    rungs: list[tuple[list[Colleague], str]] = [
        (fluent, skilled),
        (able, skilled),
        (speaking, "TEAM"),
        (team, "TEAM"),
        ([one for one in supervisors if one.team == facts.team], "SUPERVISOR"),
        (supervisors, "SUPERVISOR"),
        (workers, "ANYBODY"),
        (list(here), "ANYBODY"),
    ]
    if facts.category is None:
        # Nobody knows yet what it is: it is the supervisor's who has to have it sorted.
        rungs = [*rungs[4:5], *rungs[:4], *rungs[5:]]
    for rung, why in rungs:
        if rung:
            return _least(rung), why
    return None, "NOBODY"


def _least(people: Iterable[Colleague]) -> Colleague | None:
    """Who has the most room: the least load as it would be with one request more."""
    ranked = [
        ((one.open + 1) / one.capacity if one.capacity else one.open + 1e6, _chance.random(), one) for one in people
    ]
    return min(ranked, key=lambda each: each[:2])[2] if ranked else None


def _ruled(facts: RequestFacts, here: Sequence[Colleague], book: RuleBook | None) -> Named[Route] | None:
    """What the first plugin with a word for this request says."""
    if book is None or not book.answers("route_requests"):
        return None
    candidates = [
        Candidate(
            id=one.id,
            team=one.team,
            role=one.role.value,
            skills=one.skills,
            languages=frozenset(one.languages),
            load=one.load,
        )
        for one in here
    ]
    return next(iter(routes(book, [facts], candidates)), None)
