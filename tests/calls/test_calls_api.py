"""Calls in GraphQL: the agent's list, what a switchboard tells, who may do it."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from phone_bank import DAY, PhoneBank

from graph_crm.api.execution import Executor, Request
from graph_crm.api.schema import platform_schema
from graph_crm.calls.call_list import CallList
from graph_crm.calls.incoming import IncomingCalls
from graph_crm.calls.outcomes import CallOutcomes
from graph_crm.security.roles import Caller, Role

NEXT = """mutation { nextCall { id number script reasons claimedBy party { id } offer { id productCode } } }"""


NOON_AHEAD = dt.datetime(2046, 11, 23, 11, 0, tzinfo=dt.UTC)
"""Ahead of the database's clock, by which an agent sees whom the agent is to call."""
VALID = {"validUntil": NOON_AHEAD + 30 * DAY}


class Desk:
    """The API over the bank of the calls."""

    def __init__(self, phones: PhoneBank) -> None:
        services = {CallList: phones.list, CallOutcomes: phones.outcomes, IncomingCalls: phones.calls}
        self._executor = Executor(platform_schema(), phones.database, services.__getitem__)

    async def ask(self, query: str, role: Role = Role.AGENT, subject: str = "agent-1", **variables: Any) -> Any:
        return await self._executor.execute(Request(query, Caller(subject, role), variables))

    async def data(self, query: str, role: Role = Role.AGENT, subject: str = "agent-1", **variables: Any) -> Any:
        answer = await self.ask(query, role, subject, **variables)
        assert "errors" not in answer, answer["errors"]
        return answer["data"]

    async def code(self, query: str, role: Role = Role.AGENT, **variables: Any) -> str:
        answer = await self.ask(query, role, **variables)
        return str(answer["errors"][0]["extensions"]["code"])


@pytest.fixture
def desk(phones: PhoneBank) -> Desk:
    phones.clock.now = NOON_AHEAD
    return Desk(phones)


async def test_an_agent_works_off_the_list(phones: PhoneBank, desk: Desk):
    await phones.people("anna")
    await phones.offer("anna", **VALID)
    assert (await desk.data("{ callListNumbers { waiting taken later } }"))["callListNumbers"]["waiting"] == 1
    taken = (await desk.data(NEXT))["nextCall"]
    assert taken == {
        "id": taken["id"],
        "number": phones.number("anna"),
        "script": "May I tell you about a small loan?",
        "reasons": ["You looked at your balance."],
        "claimedBy": "agent-1",
        "party": {"id": "anna"},
        "offer": {"id": "SMALL_LOAN for anna", "productCode": "SMALL_LOAN"},
    }
    told = await desk.data(
        """mutation ($id: ID!) {
          recordCall(input: {entryId: $id, outcome: REJECTED, note: "No."}) { state outcome } }""",
        id=taken["id"],
    )
    assert told["recordCall"] == {"state": "SENT", "outcome": "REJECTED"}
    seen = await desk.data(
        """query ($id: ID!) { callListEntry(id: $id) {
          offer { status } interaction { channel direction outcome } } }""",
        Role.ADMINISTRATOR,
        id=taken["id"],
    )
    assert seen["callListEntry"] == {
        "offer": {"status": "REJECTED"},
        "interaction": {"channel": "PHONE", "direction": "OUTBOUND", "outcome": "REJECTED"},
    }
    assert (await desk.data(NEXT))["nextCall"] is None


async def test_a_supervisor_sees_the_list(phones: PhoneBank, desk: Desk):
    await phones.people("anna", "ben")
    await phones.offer("anna", priority=1.0, **VALID)
    await phones.offer("ben", priority=2.0, **VALID)
    await desk.data(NEXT)
    page = await desk.data(
        """{ callList(first: 10, where: {state: {eq: QUEUED}}) {
          nodes { party { id } queue priority claimedBy } } }""",
        Role.ADMINISTRATOR,
    )
    assert page["callList"]["nodes"] == [
        {"party": {"id": "ben"}, "queue": "sales", "priority": 2.0, "claimedBy": "agent-1"},
        {"party": {"id": "anna"}, "queue": "sales", "priority": 1.0, "claimedBy": None},
    ]


async def test_an_agent_gives_an_entry_back(phones: PhoneBank, desk: Desk):
    await phones.people("anna")
    await phones.offer("anna", **VALID)
    taken = (await desk.data(NEXT))["nextCall"]
    skip = 'mutation ($id: ID!) { skipCall(entryId: $id, reason: "A break") { stateReason note } }'
    skipped = await desk.data(skip, id=taken["id"])
    assert skipped["skipCall"] == {"stateReason": "SKIPPED", "note": "A break"}


async def test_a_switchboard_tells_of_a_call(phones: PhoneBank, desk: Desk):
    await phones.people("anna")
    arrived = await desk.data(
        """mutation ($number: String!) { callArrived(id: "c", number: $number, queue: "cards") {
          state queue callers(first: 5) { nodes { id } } } }""",
        Role.SERVICE,
        number=phones.number("anna"),
    )
    assert arrived["callArrived"] == {"state": "WAITING", "queue": "cards", "callers": {"nodes": [{"id": "anna"}]}}
    answered = await desk.data(
        """mutation { callAnswered(id: "c", agentId: "agent-7") { state agentId waitSeconds } }""", Role.SERVICE
    )
    assert answered["callAnswered"] == {"state": "ANSWERED", "agentId": "agent-7", "waitSeconds": 0.0}
    ended = await desk.data(
        """mutation { callEnded(id: "c", outcome: SERVED, note: "Done") { state note } }""", subject="agent-7"
    )
    assert ended["callEnded"] == {"state": "ENDED", "note": "Done"}
    gone = await desk.data("""mutation { callAbandoned(id: "other") { state number } }""", Role.SERVICE)
    assert gone["callAbandoned"] == {"state": "ABANDONED", "number": None}
    queue = await desk.data(
        '{ callQueue(queue: "cards") { waiting calls answered abandoned serviceLevel p50 } }', Role.ADMINISTRATOR
    )
    assert queue["callQueue"]["calls"] == 0  # a moment ago: the period ends now
    phones.clock.now += phones.clock.now.resolution * 1000
    queue = await desk.data('{ callQueue(queue: "cards") { calls answered serviceLevel p50 longestWait } }')
    assert queue["callQueue"] == {"calls": 1, "answered": 1, "serviceLevel": 1.0, "p50": 0.0, "longestWait": None}


async def test_who_may_not_serve_may_not_call(phones: PhoneBank, desk: Desk):
    for query in (
        NEXT,
        'mutation { callArrived(id: "c") { id } }',
        "{ callQueue { waiting } }",
        "{ callListNumbers { waiting } }",
    ):
        assert await desk.code(query, Role.MARKETER) == "FORBIDDEN", query
        assert await desk.code(query, Role.CUSTOMER) == "FORBIDDEN", query


async def test_only_a_system_names_another_agent(phones: PhoneBank, desk: Desk):
    named = 'mutation { nextCall(agentId: "agent-2") { id } }'
    assert await desk.code(named) == "BAD_USER_INPUT"
    assert (await desk.data(named, Role.SERVICE))["nextCall"] is None
