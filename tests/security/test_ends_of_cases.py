"""What a case opened for an employee ends with it: calls, documents, subscriptions; nobody enters one of another."""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from typing import Any

import pytest

from graph_crm.api.execution import Executor, Request
from graph_crm.api.schema import platform_schema
from graph_crm.requests.following import RequestFeed
from graph_crm.requests.numbers import new_number
from graph_crm.security.roles import Caller, Role

pytestmark = pytest.mark.lts
EVA, OLA, RITA = Caller("eva", Role.AGENT), Caller("ola", Role.AGENT), Caller("rita", Role.RELATIONSHIP_MANAGER)
CALL = """
MATCH (b:Party {id: 'ben'})
CREATE (c:Call {id: $id, direction: 'INBOUND', version: 1, state: 'ANSWERED', number: '+420602123442', note: 'A secret',
  agentId: 'ola', begunAt: datetime.realtime() - duration($began), arrivedAt: datetime.realtime() - duration($began),
  answeredAt: datetime.realtime() - duration($began), heardAt: datetime.realtime()})-[:FROM]->(b)
"""
SEEN = "query ($id: ID!) { call(id: $id) { number note } }"


async def test_an_agent_sees_a_call_for_half_an_hour_after_its_end(bank) -> None:
    """As the customer of it."""
    seen = {"call": {"number": "+420602123442", "note": "A secret"}}
    listed = "{ calls { totalCount } }"
    ask = 'mutation { openRequest(input: {text: "x", channel: PHONE, callId: "c"}) { id } }'
    await bank.database.execute(CALL, {"id": "c", "began": "PT2H"})
    try:
        assert await bank.ask(OLA, SEEN, id="c") == seen
        assert await bank.ask(EVA, SEEN, id="c") == {"call": None}
        for minutes, found, count in ((29, seen, 1), (31, {"call": None}, 0)):
            await bank.database.execute(
                "MATCH (c:Call {id: 'c'}) SET c.endedAt = datetime.realtime() - duration({minutes: $minutes})",
                {"minutes": minutes},
            )
            assert await bank.ask(OLA, SEEN, id="c") == found, minutes
            assert await bank.ask(OLA, listed) == {"calls": {"totalCount": count}}
        assert await bank.code(OLA, ask) == "NOT_FOUND"
        await bank.database.execute(
            "MATCH (c:Call {id: 'c'}) REMOVE c.endedAt SET c.answeredAt = datetime.realtime() - duration('PT13H')"
        )
        assert await bank.ask(OLA, SEEN, id="c") == {"call": None}, "no call lasts longer"
    finally:
        await bank.database.execute("MATCH (c:Call) DETACH DELETE c")


@pytest.mark.parametrize(
    "signal",
    [
        'callAnswered(id: "c", at: "2020-01-01T00:00:00Z") { number note }',
        'callArrived(id: "c", number: "+420777000111", at: "2020-01-01T00:00:00Z") { number note }',
        'callEnded(id: "c", note: "x") { number note }',
    ],
)
async def test_nobody_enters_the_call_of_a_colleague(bank, signal: str) -> None:
    """The earliest signal counts: told of an earlier instant it would take the call, or change who called."""
    await bank.database.execute(CALL, {"id": "c", "began": "PT5M"})
    try:
        before = await bank.database.read("MATCH (c:Call) RETURN properties(c) AS call")
        assert await bank.code(EVA, f"mutation {{ {signal} }}") == "NOT_FOUND"
        assert (await bank.database.read("MATCH (c:Call) RETURN properties(c) AS call")) == before
        birth = '{ party(id: "ben") { ... on Person { birthDate } } }'
        assert await bank.ask(EVA, birth) == {"party": {"birthDate": None}}
    finally:
        await bank.database.execute("MATCH (c:Call) DETACH DELETE c")


async def test_an_agent_answers_a_call_that_waits(bank) -> None:
    await bank.database.execute(CALL, {"id": "w", "began": "PT1M"})
    await bank.database.execute(
        "MATCH (c:Call {id: 'w'}) REMOVE c.agentId, c.answeredAt, c.note SET c.state = 'WAITING'"
    )
    try:
        assert await bank.ask(EVA, SEEN, id="w") == {"call": None}
        for _ in range(2):  # told again it changes nothing
            answered = await bank.ask(EVA, 'mutation { callAnswered(id: "w") { agentId number } }')
            assert answered["callAnswered"] == {"agentId": "eva", "number": "+420602123442"}
        birth = '{ party(id: "ben") { ... on Person { birthDate } } }'
        assert await bank.ask(EVA, birth) == {"party": {"birthDate": "1990-02-02"}}
        assert await bank.code(OLA, 'mutation { callAnswered(id: "w") { id } }') == "NOT_FOUND"
    finally:
        await bank.database.execute("MATCH (c:Call) DETACH DELETE c")


async def test_a_document_belongs_to_its_request_once_it_is_in_one(bank) -> None:
    """Whoever sent it has it until then; afterwards it is seen by who sees the request."""
    asked = '{ attachment(id: "d") { name } }'
    await bank.database.execute("CREATE (:Attachment {id: 'd', name: 'a.pdf', uploadedBy: 'ola', state: 'CLEAN'})")
    try:
        assert await bank.ask(OLA, asked) == {"attachment": {"name": "a.pdf"}}
        assert await bank.ask(EVA, asked) == {"attachment": None}
        await bank.database.execute(
            "MATCH (a:Attachment {id: 'd'}), (r:ServiceRequest {id: 'ra'})"
            " CREATE (r)-[:LOGGED]->(:RequestEntry {id: 'e'})-[:CARRIES]->(a)"
        )
        assert await bank.ask(OLA, asked) == {"attachment": None}
        assert await bank.ask(EVA, asked) == {"attachment": {"name": "a.pdf"}}
    finally:
        await bank.database.execute("MATCH (n:Attachment|RequestEntry) DETACH DELETE n")


async def test_who_looks_after_whom_is_told_of_customers_who_are_seen(bank) -> None:
    """A customer who is only recognised does not tell it; neither does the employee."""
    portfolio = '{ employee(id: "rita") { portfolio { totalCount nodes { id } } } }'
    by = '{ employees(where: {portfolio: {some: {id: {eq: "rose"}}}}) { totalCount } }'
    assert (await bank.ask(EVA, portfolio))["employee"]["portfolio"] == {"totalCount": 0, "nodes": []}
    assert (await bank.ask(EVA, by))["employees"] == {"totalCount": 0}
    found = {"totalCount": 1, "nodes": [{"id": "rose"}]}
    for who in (RITA, Role.ADMINISTRATOR):
        assert (await bank.ask(who, portfolio))["employee"]["portfolio"] == found
        assert (await bank.ask(who, by))["employees"] == {"totalCount": 1}


async def test_a_subscription_ends_with_the_case(bank) -> None:
    """What happens after the request went to somebody else is not told any more."""
    number = new_number()
    feed = RequestFeed(bank.database, every=0.02)

    def service(kind: type[Any]) -> Any:
        return feed if kind is RequestFeed else kind(bank.database)

    executor = Executor(platform_schema(), bank.database, service)
    await bank.database.execute("MATCH (r:ServiceRequest {id: 'rs'}) SET r.number = $number", {"number": number})
    document = f'subscription {{ requestChanged(number: "{number}") {{ status }} }}'
    changed = """MATCH (r:ServiceRequest {id: 'rs'}) SET r += $to, r.version = r.version + 1
        CREATE (r)-[:LOGGED]->(:RequestEntry {id: 'e' + r.version, seq: r.version, kind: 'NOTE',
          at: datetime.realtime()})"""
    async with asyncio.timeout(20), aclosing(executor.subscribe(Request(document, EVA))) as told:
        assert (await anext(told))["data"] == {"requestChanged": {"status": "ASSIGNED"}}
        await bank.database.execute(changed, {"to": {"status": "WAITING_FOR_CUSTOMER"}})
        assert (await anext(told))["data"] == {"requestChanged": {"status": "WAITING_FOR_CUSTOMER"}}
        await bank.database.execute(changed, {"to": {"status": "ASSIGNED", "openOwnerId": "ola", "ownerId": "ola"}})
        (error,) = (await anext(told))["errors"]
        assert error["extensions"]["code"] == "NOT_FOUND"
        with pytest.raises(StopAsyncIteration):
            await anext(told)
    await bank.database.execute(changed, {"to": {"openOwnerId": "eva", "ownerId": "eva", "number": "R-0000-0C0C"}})
    await bank.database.execute("MATCH (e:RequestEntry) DETACH DELETE e")
