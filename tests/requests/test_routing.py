"""Who gets a request: skill, language, presence, load; and what a plugin may say to it. Without a database."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from pathlib import Path
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from graph_crm.requests.routing import Choice, choose, supervisor_of
from graph_crm.rules.manager import RuleBook
from graph_crm.rules.requests import RequestFacts
from graph_crm.staff.kinds import EmployeeRole
from graph_crm.staff.roster import Colleague

NOW = dt.datetime(2026, 11, 23, 9, tzinfo=dt.UTC)
ALWAYS = ((0, 10**14),)


def colleague(name: str, **more: Any) -> Colleague:
    given: dict[str, Any] = {
        "team": "CARDS",
        "role": EmployeeRole.AGENT,
        "skills": frozenset({"CARDS"}),
        "languages": ("en",),
        "capacity": 10,
        "open": 0,
        "absences": (),
        **more,
    }
    return Colleague(id=name, name=name.title(), email=None, **given)


def request(**more: Any) -> RequestFacts:
    given: dict[str, Any] = {
        "id": "r",
        "kind": "REQUEST",
        "category": "CARD",
        "team": "CARDS",
        "skill": "CARDS",
        "priority": "NORMAL",
        "channel": "ONLINE",
        "language": "en",
        "country": "PL",
        "subject": "x",
        "text": "x",
        **more,
    }
    return RequestFacts(**given)


def chosen(people: list[Colleague], facts: RequestFacts | None = None) -> tuple[str | None, str]:
    choice: Choice = choose(facts or request(), people, NOW)
    return (choice.owner.id if choice.owner else None), choice.why


def test_skill_and_language_come_before_load() -> None:
    able = colleague("able", open=9)
    other_language = colleague("german", languages=("de",))
    other_skill = colleague("new", skills=frozenset())
    other_team = colleague("loans", team="LOANS")
    assert chosen([able, other_language, other_skill, other_team]) == ("able", "SKILL")
    assert chosen([other_language, other_skill, other_team]) == ("german", "SKILL")
    assert chosen([other_skill, other_team]) == ("new", "TEAM")


def test_a_supervisor_gets_what_the_team_cannot_take_and_anybody_the_rest() -> None:
    away = colleague("away", absences=ALWAYS)
    boss = colleague("boss", role=EmployeeRole.SUPERVISOR)
    other_boss = colleague("other", role=EmployeeRole.SUPERVISOR, team="LOANS")
    stranger = colleague("stranger", team="LOANS")
    assert chosen([away, boss, other_boss, stranger]) == ("boss", "SUPERVISOR")
    assert chosen([away, other_boss, stranger]) == ("other", "SUPERVISOR")
    assert chosen([away, stranger]) == ("stranger", "ANYBODY")
    assert chosen([away]) == (None, "NOBODY")
    assert chosen([]) == (None, "NOBODY")


def test_what_is_not_sorted_is_the_sorting_supervisors() -> None:
    facts = request(category=None, team="SORTING", skill=None)
    sorter = colleague("sorter", team="SORTING")
    boss = colleague("boss", team="SORTING", role=EmployeeRole.SUPERVISOR)
    assert chosen([sorter, boss], facts) == ("boss", "SUPERVISOR")
    assert chosen([sorter], facts) == ("sorter", "TEAM")


def test_who_has_no_capacity_gets_nothing_by_routing() -> None:
    assert chosen([colleague("trainee", capacity=0), colleague("full", open=99)]) == ("full", "SKILL")


def test_absences_count_from_their_first_instant_to_their_last() -> None:
    now = int(NOW.timestamp() * 1000)
    for absence, expected in (((now, now + 1), None), ((now - 1, now), "eva"), ((now + 1, now + 2), "eva")):
        assert chosen([colleague("eva", absences=(absence,))])[0] == expected


@given(st.lists(st.integers(1, 40), min_size=1, max_size=6), st.integers(1, 120))
def test_loads_relative_to_capacity_stay_as_equal_as_they_can(capacities: list[int], requests: int) -> None:
    given_out: Counter[str] = Counter()
    for _ in range(requests):
        people = [colleague(str(n), capacity=one, open=given_out[str(n)]) for n, one in enumerate(capacities)]
        owner = choose(request(), people, NOW).owner
        assert owner is not None
        given_out[owner.id] += 1
    loads = [(given_out[str(n)], one) for n, one in enumerate(capacities)]
    highest = max(count / capacity for count, capacity in loads)
    # Nobody could have taken one of the others' requests and still be below the highest load.
    assert all((count + 1) / capacity >= highest - 1e-9 for count, capacity in loads)


def test_the_supervisor_of_the_team_then_any() -> None:
    boss = colleague("boss", role=EmployeeRole.SUPERVISOR)
    other = colleague("other", role=EmployeeRole.SUPERVISOR, team="LOANS")
    assert supervisor_of("CARDS", [other, boss], NOW) == boss
    assert supervisor_of("CARDS", [other, colleague("x")], NOW) == other
    assert supervisor_of("CARDS", [colleague("x")], NOW) is None


RULE = """
from graph_crm.rules import hookimpl
from graph_crm.rules.requests import Route

@hookimpl
def route_requests(requests, candidates):
    return [{route} for one in requests]
"""


def ruled(folder: Path, route: str, people: list[Colleague]) -> tuple[Choice, RuleBook]:
    (folder / "router.py").write_text(RULE.replace("{route}", route))
    book = RuleBook.load([folder], installed=False)
    return choose(request(), people, NOW, book=book), book


def test_a_plugin_names_the_employee(tmp_path: Path) -> None:
    people = [colleague("eva"), colleague("vip", team="VIP", capacity=0)]
    route = "Route(request=one.id, employee='vip', priority='URGENT', reason='a good customer')"
    choice, _ = ruled(tmp_path, route, people)
    assert choice.owner is not None
    assert (choice.owner.id, choice.team, choice.priority, choice.why) == ("vip", "VIP", "URGENT", "RULE")
    assert (choice.plugin, choice.reason) == ("router", "a good customer")


def test_a_plugin_names_the_team_and_routing_does_the_rest(tmp_path: Path) -> None:
    people = [colleague("eva"), colleague("lo", team="LOANS", skills=frozenset({"LOANS"}))]
    choice, _ = ruled(tmp_path, "Route(request=one.id, team='LOANS', skill='LOANS')", people)
    assert choice.owner is not None
    assert (choice.owner.id, choice.team, choice.why) == ("lo", "LOANS", "SKILL")


def test_a_plugin_that_raises_or_names_somebody_who_is_away_is_left_out_and_counted(tmp_path: Path) -> None:
    people = [colleague("eva"), colleague("gone", absences=ALWAYS)]
    for number, route in enumerate(("1 / 0", "Route(request=one.id, employee='gone')", "Route(request='other')", "7")):
        folder = tmp_path / str(number)
        folder.mkdir()
        choice, book = ruled(folder, route, people)
        assert choice.owner is not None
        assert choice.owner.id == "eva"
        assert book.plugins[0].failures == 1, route
