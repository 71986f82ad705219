"""Requests as front ends see them: customers their own, employees their queues, everybody with a clear error."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from desk_bank import HOUR, DeskBank, build

from graph_crm.api.execution import Executor, Request
from graph_crm.api.schema import platform_schema
from graph_crm.graph.database import Database
from graph_crm.requests.service import RequestService
from graph_crm.security.roles import Caller, Role
from graph_crm.staff.service import StaffService

ANNA = Caller("anna", Role.CUSTOMER, "anna")
BEN = Caller("ben", Role.CUSTOMER, "ben")
EVA = Caller("eva", Role.AGENT)
ADA = Caller("ada", Role.ADMINISTRATOR)
MIA = Caller("mia", Role.MARKETER)

OPEN = """mutation ($input: OpenRequestInput!) {
  openRequest(input: $input) { number due status category repeated owner { id name }
    request { status messages { text } } }
}"""
READ = """query ($number: String!) {
  request(number: $number) {
    number status resolutionDueAt owner { displayName } messages { kind fromCustomer text }
  }
}"""
ANSWER = """mutation ($input: AnswerRequestInput!) {
  answerRequest(input: $input) { number status version log { nodes { kind by } } }
}"""


class Front:
    """The API over the desk."""

    def __init__(self, desk: DeskBank) -> None:
        self.desk = desk
        services: dict[type[Any], Any] = {RequestService: desk.service, StaffService: desk.staff}
        self.executor = Executor(
            platform_schema(), desk.database, lambda kind: services.get(kind) or kind(desk.database)
        )

    async def do(self, query: str, caller: Caller, **variables: Any) -> Any:
        answer = await self.executor.execute(Request(query, caller, variables))
        assert "errors" not in answer, answer
        (value,) = answer["data"].values()
        return value

    async def refused(self, query: str, caller: Caller, **variables: Any) -> str:
        answer = await self.executor.execute(Request(query, caller, variables))
        assert len(answer["errors"]) == 1, answer
        return str(answer["errors"][0]["extensions"]["code"])

    async def asked(self, caller: Caller = ANNA, **more: Any) -> Any:
        return await self.do(OPEN, caller, input={"text": "My card?", "channel": "ONLINE", "category": "CARD", **more})


@pytest.fixture
async def front(empty_database: Database) -> Front:
    return Front(await build(empty_database))


PAGE = (Path(__file__).parents[2] / "docs" / "requests.md").read_text("utf-8")


async def test_a_customer_asks_and_follows_as_the_page_shows(front: Front) -> None:
    ask, given, mine = (
        re.findall(rf"```{language}\n({start}.*?)```", PAGE, re.DOTALL)[0]
        for language, start in (("graphql", "mutation Ask"), ("json", "{"), ("gql", "query Mine"))
    )
    opened = await front.do(ask, ANNA, **json.loads(given))
    (followed,) = await front.do(mine, ANNA)
    assert (followed["number"], followed["owner"]["displayName"]) == (opened["number"], opened["owner"]["name"])
    assert followed["messages"] == opened["request"]["messages"]


async def test_a_customer_asks_and_follows_with_the_own_token(front: Front) -> None:
    opened = await front.asked()
    assert (opened["status"], opened["owner"]["name"], opened["repeated"]) == ("ASSIGNED", "Eva Nowak", False)
    assert opened["request"] == {"status": "ASSIGNED", "messages": [{"text": "My card?"}]}
    shown = await front.do(READ, ANNA, number=opened["number"].lower())
    assert (shown["number"], shown["owner"]["displayName"]) == (opened["number"], "Eva Nowak")
    mine = await front.do("{ myRequests { number status } }", ANNA)
    assert mine == [{"number": opened["number"], "status": "ASSIGNED"}]
    pages = await front.do(
        '{ party(id: "anna") { requests(where: {status: {eq: ASSIGNED}}) { nodes { number } } } }', ANNA
    )
    assert pages == {"requests": {"nodes": [{"number": opened["number"]}]}}


async def test_a_key_is_the_callers_own_and_none_of_the_platforms(front: Front) -> None:
    mine = await front.asked(idempotencyKey="1")
    others = await front.asked(BEN, text="Another thing", idempotencyKey="1")
    assert (mine["repeated"], others["repeated"], mine["number"] == others["number"]) == (False, False, False)
    assert (await front.asked(idempotencyKey="1"))["number"] == mine["number"]
    taken = {"input": {"text": "Mine now", "channel": "ONLINE", "idempotencyKey": "1"}}
    assert await front.refused(OPEN, BEN, **taken) == "IDEMPOTENCY_KEY_REUSED"
    await front.asked(idempotencyKey="call:pbx-1000")  # a switchboard counts its calls: anybody may guess the next
    call = await front.desk.open("By phone", key="call:pbx-1000")
    assert not call.repeated
    write = """mutation ($n: String!, $t: String!) {
      writeToRequest(number: $n, text: $t, idempotencyKey: "2") { messages { text } }
    }"""
    await front.do(write, ANNA, n=mine["number"], t="More")
    told = await front.do(write, BEN, n=others["number"], t="Other words")
    assert [one["text"] for one in told["messages"]] == ["Another thing", "Other words"]


async def test_a_customer_sees_nothing_of_somebody_else_not_even_that_it_is_there(front: Front) -> None:
    number = (await front.asked())["number"]
    assert await front.refused(READ, BEN, number=number) == "NOT_FOUND"
    assert await front.refused(READ, BEN, number="R-0000-0000") == "NOT_FOUND"
    write = 'mutation ($n: String!) { writeToRequest(number: $n, text: "Hi") { id } }'
    assert await front.refused(write, BEN, n=number) == "NOT_FOUND"
    assert await front.do("{ myRequests { number } }", BEN) == []
    in_the_name_of = {"text": "x", "channel": "ONLINE", "partyId": "anna"}
    assert await front.refused(OPEN, BEN, input=in_the_name_of) == "FORBIDDEN"


@pytest.mark.parametrize(
    "selection",
    [
        "log { nodes { text } }",
        "categoryConfidence",
        "priority",
        "severity",
        "team",
        "rootCause",
        "owner { email }",
        "owner { requests { nodes { number } } }",
        "party { vulnerable }",
        "party { id }",
    ],
)
async def test_what_the_bank_thinks_of_a_request_is_not_for_the_customer(front: Front, selection: str) -> None:
    number = (await front.asked())["number"]
    query = f"query ($n: String!) {{ request(number: $n) {{ number {selection} }} }}"
    assert await front.refused(query, ANNA, n=number) == "FORBIDDEN"


@pytest.mark.parametrize(
    "query",
    [
        "{ requests { nodes { number } } }",
        "{ myQueue { number } }",
        'mutation { closeRequest(number: "R-0000-0000", outcome: SOLVED) { id } }',
        'mutation { answerRequest(input: {number: "R-0000-0000", text: "x"}) { id } }',
        'mutation { saveEmployee(input: {id: "x", displayName: "X"}) { id } }',
    ],
)
async def test_what_is_the_desks_is_not_for_customers(front: Front, query: str) -> None:
    assert await front.refused(query, ANNA) == "FORBIDDEN"


async def test_who_runs_no_desk_changes_no_employee(front: Front) -> None:
    query = 'mutation { saveEmployee(input: {id: "x", displayName: "X"}) { id } }'
    assert await front.refused(query, EVA) == "FORBIDDEN"
    assert (
        await front.refused('mutation { openRequest(input: {text: "x", channel: PHONE}) { id } }', MIA) == "FORBIDDEN"
    )


async def test_an_employee_answers_with_one_mutation(front: Front) -> None:
    number = (await front.asked())["number"]
    given = {"number": number, "text": "It works.", "close": True, "version": 1, "idempotencyKey": "k"}
    answered = await front.do(ANSWER, EVA, input=given)
    assert (answered["status"], answered["version"]) == ("CLOSED", 2)
    assert [one["kind"] for one in answered["log"]["nodes"]][-2:] == ["ANSWERED", "CLOSED"]
    assert await front.do(ANSWER, EVA, input=given) == answered
    shown = await front.do(READ, ANNA, number=number)
    assert [(one["fromCustomer"], one["text"]) for one in shown["messages"]] == [
        (True, "My card?"),
        (False, "It works."),
    ]
    stale = {"number": number, "text": "More.", "version": 1}
    assert await front.refused(ANSWER, EVA, input=stale) == "VERSION_CONFLICT"
    assert await front.refused(ANSWER, EVA, input={"number": number, "text": "More."}) == "REQUEST_CLOSED"


async def test_the_queue_of_an_employee_begins_with_what_presses(front: Front) -> None:
    numbers = []
    for text in ("one", "two", "three", "four"):
        numbers.append((await front.asked(text=text))["number"])
        front.desk.time.pass_by(HOUR / 60)
    for number in numbers:
        await front.do('mutation ($n: String!) { assignRequest(number: $n, employeeId: "eva") { id } }', EVA, n=number)
    await front.desk.service.answer(numbers[0], "Done.", by="eva")
    await front.do('mutation ($n: String!) { escalateRequest(number: $n, reason: "!") { id } }', EVA, n=numbers[3])
    await front.do('mutation ($n: String!) { assignRequest(number: $n, employeeId: "eva") { id } }', EVA, n=numbers[3])
    assert [one["number"] for one in await front.do("{ myQueue { number } }", EVA)] == [
        numbers[3],
        numbers[1],
        numbers[2],
    ]
    assert await front.do('{ employee(id: "eva") { open away capacity } }', EVA) == {
        "open": 3,
        "away": False,
        "capacity": 10,
    }


async def test_queues_of_the_desk_are_pages_with_a_filter(front: Front) -> None:
    number = (await front.asked(category=None))["number"]
    await front.asked()
    query = '{ requests(where: {team: {eq: "SORTING"}, status: {eq: NEW}}) { nodes { number owner { id } } } }'
    assert (await front.do(query, EVA))["nodes"] == [{"number": number, "owner": {"id": "simon"}}]
    sort = 'mutation ($n: String!) { sortRequest(number: $n, category: "LOAN") { category status owner { id } } }'
    assert await front.do(sort, EVA, n=number) == {"category": "LOAN", "status": "ASSIGNED", "owner": {"id": "ola"}}


async def test_the_whole_way_of_a_request_by_mutations(front: Front) -> None:
    number = (await front.asked())["number"]
    shape = "{ status }"

    async def step(mutation: str) -> str:
        done = await front.do(
            f"mutation ($n: String!) {{ {mutation.replace('NUMBER', 'number: $n')} {shape} }}", EVA, n=number
        )
        return str(done["status"])

    assert await step('askCustomer(NUMBER, question: "Which?")') == "WAITING_FOR_CUSTOMER"
    assert await step("resumeRequest(NUMBER)") == "ASSIGNED"
    assert await step('askCustomer(NUMBER, question: "Which?")') == "WAITING_FOR_CUSTOMER"
    assert await step('writeToRequest(NUMBER, text: "The blue one.")') == "ASSIGNED"
    assert await step('noteOnRequest(NUMBER, text: "Blue.")') == "ASSIGNED"
    assert await step("closeRequest(NUMBER, outcome: SOLVED)") == "CLOSED"
    assert await step('reopenRequest(NUMBER, reason: "Not so.")') == "REOPENED"


async def test_the_categories_are_shown_in_the_language_that_is_asked_for(front: Front) -> None:
    categories = await front.do('{ requestCategories(language: "pl") { code name kind resolutionHours } }', ANNA)
    assert {"code": "CARD", "name": "Karty i płatności kartą", "kind": "REQUEST", "resolutionHours": 16.0} in categories


async def test_employees_and_their_absences_by_mutations(front: Front) -> None:
    save = """mutation ($input: EmployeeInput!) { saveEmployee(input: $input) { id version skills languages role } }"""
    given = {"id": "new", "displayName": "New One", "team": "CARDS", "skills": ["CARDS"], "languages": ["en-GB"]}
    assert await front.do(save, ADA, input={**given, "version": 0}) == {
        "id": "new",
        "version": 1,
        "skills": ["CARDS"],
        "languages": ["en"],
        "role": "AGENT",
    }
    assert await front.refused(save, ADA, input={**given, "version": 0}) == "VERSION_CONFLICT"
    assert (await front.do(save, ADA, input={**given, "version": 1}))["version"] == 2
    away = """mutation { recordAbsence(employeeId: "new", since: "2020-01-01T00:00:00Z", until: "2022-01-01T00:00:00Z",
      reason: "HOLIDAY", id: "a1") { away absences { nodes { id reason until } } } }"""
    shown = await front.do(away, ADA)
    assert (shown["away"], shown["absences"]["nodes"][0]["reason"]) == (False, "HOLIDAY")
    assert await front.do(away, ADA) == shown
    ended = await front.do(
        'mutation { endAbsence(id: "a1", at: "2020-06-01T00:00:00Z") { absences { nodes { until } } } }', ADA
    )
    assert ended["absences"]["nodes"][0]["until"].startswith("2020-06-01T00:00:00")
    assert await front.refused('mutation { endAbsence(id: "none") { id } }', ADA) == "NOT_FOUND"
