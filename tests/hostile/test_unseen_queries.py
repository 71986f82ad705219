"""What is new to the server is work beside what it reads: a caller may cause some seconds of it a minute."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count

import pytest
from hostile_desk import AGENT, ANALYST, CUSTOMER, LET_THROUGH, Desk

from graph_crm.api.unseen import MANY_VALUES, PLANNED, STATEMENTS_KNOWN, UNSEEN_SECONDS, Unseen, seconds_of
from graph_crm.errors import ConfigurationError
from graph_crm.security.roles import Caller, Role

OTHER = Caller("other", Role.CUSTOMER, "p1")
LIMITED = "RATE_LIMITED"


class Clock:
    """A clock that stands still until it is told otherwise."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def desk(clock: Clock) -> Desk:
    """A desk at which a customer has five seconds a minute, and nothing takes any time to compute."""
    return Desk(unseen=Unseen(UNSEEN_SECONDS, ticks=clock, working=lambda: 0.0))


def ever_new() -> Iterator[str]:
    """Cheap queries, each of which makes a statement of its own: relations in another order."""
    for number in count():
        places = "".join(f" a{n}: agreements(first: 1) {{ nodes {{ {'id' if number >> n & 1 else 'status'} }} }}"
                         for n in range(50))  # fmt: skip
        yield f'{{ party(id: "p1") {{ {places} }} }}'


async def code_of(desk: Desk, query: str, caller: Caller = CUSTOMER, **named: object) -> str:
    response = await desk.ask(query, caller, **named)
    return str(response["errors"][0]["extensions"]["code"])


async def used_up(desk: Desk, caller: Caller = CUSTOMER) -> tuple[str, int]:
    """Send new queries until one is refused: the last that was answered, and how many there were."""
    last = ""
    for number, query in zip(range(200), ever_new(), strict=False):
        if await code_of(desk, query, caller) == LIMITED:
            return last, number
        last = query
    raise AssertionError("nothing was refused")


async def test_ever_new_statements_end_when_the_caller_s_seconds_do_and_others_are_served(desk: Desk, clock: Clock):
    known, answered = await used_up(desk)
    assert answered * 6_000 / PLANNED < 2 * UNSEEN_SECONDS[Role.CUSTOMER], "Neo4j plans no more of them"
    fresh = next(query for number, query in enumerate(ever_new()) if number == answered + 1)
    refused = (await desk.ask(fresh, CUSTOMER))["errors"][0]
    assert refused["extensions"]["code"] == LIMITED
    assert await code_of(desk, known) == LET_THROUGH, "what is known costs nothing"
    assert await code_of(desk, fresh, OTHER) == LET_THROUGH, "another caller has seconds of its own"
    clock.now += refused["extensions"]["retryAfterSeconds"]
    assert await code_of(desk, next(ever_new()).replace("id: ", "id :")) == LET_THROUGH, "time brings them back"


async def test_a_statement_counts_once_whoever_sends_it_and_however_it_is_written(desk: Desk):
    query, _ = await used_up(desk)
    for number in range(30):
        assert await code_of(desk, query.replace(" a0:", f" b{number}:"), OTHER) == LET_THROUGH


async def test_what_takes_long_to_make_ready_counts_with_its_time(clock: Clock):
    computing = count(step=2.0)  # two seconds each time somebody looks
    desk = Desk(unseen=Unseen(UNSEEN_SECONDS, ticks=clock, working=lambda: next(computing)))
    wrong = [await code_of(desk, f"{{ nothing{number} }}") for number in range(5)]
    assert wrong == ["GRAPHQL_VALIDATION_FAILED"] * 3 + [LIMITED] * 2, "a document that is wrong is work, too"


async def test_a_change_is_refused_before_it_is_made(desk: Desk):
    agent = Caller("busy", Role.AGENT)
    await used_up(desk, agent)
    change = 'mutation($n: JSON) { recordEvent(input: {type: "X", partyId: "p", payload: $n}) { id } }'
    assert await code_of(desk, change, agent) == LIMITED
    assert await code_of(desk, change, AGENT) != LIMITED


async def test_a_known_document_with_very_many_values_is_work(desk: Desk):
    query = "query($ids: [ID!]) { parties(where: {id: {in: $ids}}) { totalCount } }"
    few, many = [["p"] * number for number in (3, MANY_VALUES + 1)]
    assert await code_of(desk, query, ANALYST, variables={"ids": few}) == LET_THROUGH
    await used_up(desk, ANALYST)
    assert await code_of(desk, query, ANALYST, variables={"ids": few}) == LET_THROUGH
    assert await code_of(desk, query, ANALYST, variables={"ids": many}) == LIMITED


async def test_a_server_without_such_a_limit_has_none():
    desk = Desk(unseen=Unseen(seconds_of(dict.fromkeys(Role, 0.0))))
    for query, _ in zip(ever_new(), range(20), strict=False):
        assert await code_of(desk, query) == LET_THROUGH


def test_what_is_remembered_is_bounded():
    unseen = Unseen()
    for number in range(STATEMENTS_KNOWN + 10):
        unseen.sent(CUSTOMER, f"statement {number}")
    assert unseen.remembered == STATEMENTS_KNOWN


def test_every_role_has_its_seconds_and_no_other_may_be_named():
    assert set(seconds_of({})) == set(Role)
    assert seconds_of({"agent": 7})[Role.AGENT] == 7
    with pytest.raises(ConfigurationError, match="boss"):
        seconds_of({"boss": 1})
