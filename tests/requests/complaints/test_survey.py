"""The question after a complaint: asked in time, answered once, by the link or by the customer who is logged in."""

from __future__ import annotations

import asyncio
import datetime as dt
from typing import Any

import orjson
import pytest
from angry_customer import BANK, complain, desk_of

from graph_crm.api.execution import Executor, Request
from graph_crm.api.schema import platform_schema
from graph_crm.errors import AlreadyDecided, AlreadyExists, InvalidInput, NotFound
from graph_crm.graph.database import Database, Transaction
from graph_crm.graph.outbox import OutboxEntry
from graph_crm.requests.complaints.complaints import SURVEY_DUE
from graph_crm.requests.complaints.rules import shipped
from graph_crm.requests.complaints.survey import Asked, SurveyLinks, SurveyService
from graph_crm.requests.kinds import RequestOutcome
from graph_crm.requests.service import RequestService
from graph_crm.security.roles import Caller, Role

pytestmark = pytest.mark.lts
SECRET = "a-secret-of-more-than-thirty-two-characters"
LINKS = SurveyLinks(SECRET, "https://bank.example")
ANNA = Caller("anna@app", Role.CUSTOMER, party_id="anna")


@pytest.fixture
async def bank(empty_database: Database) -> Database:
    await empty_database.execute(BANK)
    return empty_database


@pytest.fixture
def service(bank: Database) -> RequestService:
    return desk_of(bank)


@pytest.fixture
def surveys(bank: Database) -> SurveyService:
    return SurveyService(bank, LINKS)


async def closed(service: RequestService, **more: Any) -> tuple[str, str]:
    """Number and id of a complaint that was closed."""
    opened = await complain(service, **more)
    await service.close(opened.number, RequestOutcome.UPHELD, by="eva", root_cause="PROCESS_DELAY")
    return opened.number, opened.id


async def waiting(bank: Database) -> list[dict[str, Any]]:
    rows = await bank.read(
        "MATCH (e:OutboxEntry {topic: $topic}) RETURN e.payload AS payload, e.partitionKey AS partition,"
        " e.availableAt.epochMillis AS due, e.at.epochMillis AS at ORDER BY e.id",
        {"topic": SURVEY_DUE},
    )
    return [{**row, "payload": orjson.loads(row["payload"])} for row in rows]


async def ask(bank: Database, surveys: SurveyService, request_id: str, number: int = 0) -> None:
    """Let the time of the question come."""

    async def work(tx: Transaction) -> None:
        payload = {"requestId": request_id, "round": number}
        await surveys.ask(tx, OutboxEntry("e", SURVEY_DUE, f"request:{request_id}", payload, 1, "worker"))

    await bank.write(work)


async def sent(bank: Database) -> list[dict[str, Any]]:
    rows = await bank.read(
        "MATCH (d:Delivery {template: 'complaint_survey'}) RETURN d.partyId AS party, d.purpose AS purpose,"
        " d.actionClass AS class, d.variables AS variables, d.requestId AS request, d.expiresAt.epochMillis AS until"
    )
    return [{**row, "variables": orjson.loads(row["variables"])} for row in rows]


def token_of(delivery: dict[str, Any]) -> str:
    link: str = delivery["variables"]["link"]
    assert link.startswith("https://bank.example/survey?k=")
    return link.partition("?k=")[2]


async def test_the_question_is_due_a_day_after_closing_and_asked_once(
    bank: Database, service: RequestService, surveys: SurveyService
) -> None:
    number, identifier = await closed(service)
    (due,) = await waiting(bank)
    assert abs(due["due"] / 1000 - (dt.datetime.now(dt.UTC) + dt.timedelta(hours=24)).timestamp()) < 60
    assert due["payload"] == {"requestId": identifier, "round": 0}
    await ask(bank, surveys, identifier)
    await ask(bank, surveys, identifier)
    (delivery,) = await sent(bank)
    assert (delivery["party"], delivery["purpose"], delivery["class"]) == ("anna", "SURVEY", "TRANSACTIONAL")
    assert delivery["variables"]["number"] == number
    asked = LINKS.read(token_of(delivery))
    assert (asked.request_id, asked.round) == (identifier, 0)


async def test_nobody_is_asked_who_withdrew_or_is_no_customer_or_complains_again(
    bank: Database, service: RequestService, surveys: SurveyService
) -> None:
    withdrawn = await complain(service)
    await service.close(withdrawn.number, RequestOutcome.WITHDRAWN, by="eva")
    assert await waiting(bank) == []
    number, again = await closed(service)
    await service.reopen(number, "No.", by="eva")
    assert await waiting(bank) == []
    await ask(bank, surveys, again)  # the entry had begun when it was opened again
    _, stranger = await closed(service, party=None, contact="x@example.com")
    await ask(bank, surveys, stranger)
    assert await sent(bank) == []


async def test_the_answer_is_kept_once_with_its_place_in_the_log(
    bank: Database, service: RequestService, surveys: SurveyService
) -> None:
    _, identifier = await closed(service)
    await ask(bank, surveys, identifier)
    token = token_of((await sent(bank))[0])
    first = await surveys.answer(token, 4, "Quick, in the end.")
    assert await surveys.answer(token, 4, "Quick, in the end.") == first
    with pytest.raises(AlreadyExists):
        await surveys.answer(token, 1)
    read = (
        "query ($id: ID!) { requests(where: {id: {eq: $id}}) { nodes { surveyScore ratings { nodes { score text by } }"
        " messages { kind fromCustomer } log(first: 20) { nodes { seq kind text } } } } surveyAnswers { totalCount } }"
    )
    caller = Caller("eva", Role.AGENT)
    answer = await Executor(platform_schema(), bank).execute(Request(read, caller, {"id": identifier}))
    (found,) = answer["data"]["requests"]["nodes"]
    assert found["surveyScore"] == 4
    assert found["ratings"]["nodes"] == [{"score": 4, "text": "Quick, in the end.", "by": "customer"}]
    assert found["log"]["nodes"][-1]["kind"] == "SURVEYED"
    assert found["messages"][-1] == {"kind": "SURVEYED", "fromCustomer": True}
    assert [one["seq"] for one in found["log"]["nodes"]] == list(range(1, len(found["log"]["nodes"]) + 1))
    assert answer["data"]["surveyAnswers"]["totalCount"] == 1


async def test_of_many_answers_at_once_one_is_kept(
    bank: Database, service: RequestService, surveys: SurveyService
) -> None:
    number, identifier = await closed(service)
    token = LINKS.token(Asked(identifier, 0, dt.datetime.now(dt.UTC) + dt.timedelta(days=1)))
    answers = [
        *(surveys.answer(token, 1 + n % 5) for n in range(10)),
        *(surveys.answer_own(number, 1 + n % 5, None, ANNA) for n in range(10)),
    ]
    done = await asyncio.gather(*answers, return_exceptions=True)
    kept = {one.id for one in done if not isinstance(one, BaseException)}
    assert len(kept) == 1
    assert all(isinstance(one, AlreadyExists) for one in done if isinstance(one, BaseException))
    assert len(await bank.read("MATCH (s:SurveyAnswer) RETURN s")) == 1


async def test_after_it_was_taken_up_again_the_old_link_is_over_and_a_new_closing_asks_anew(
    bank: Database, service: RequestService, surveys: SurveyService
) -> None:
    number, identifier = await closed(service)
    soon = dt.datetime.now(dt.UTC) + dt.timedelta(days=1)
    old, new = (LINKS.token(Asked(identifier, each, soon)) for each in (0, 1))
    await surveys.answer(old, 2)
    await service.reopen(number, "No.", by="eva")
    with pytest.raises(AlreadyDecided):
        await surveys.answer(old, 2)
    await service.close(number, RequestOutcome.PARTLY_UPHELD, by="eva", root_cause="STAFF_MISTAKE")
    with pytest.raises(AlreadyDecided):
        await surveys.answer(old, 2)
    assert [one["payload"]["round"] for one in await waiting(bank)] == [1]
    await surveys.answer(new, 5)
    rows = await bank.read("MATCH (s:SurveyAnswer) RETURN s.score AS score, s.round AS round ORDER BY round")
    assert [(row["score"], row["round"]) for row in rows] == [(2, 0), (5, 1)]


async def test_an_answer_in_time_counts_and_a_late_one_is_told_so(bank: Database, surveys: SurveyService) -> None:
    days = shipped().survey.answer_days
    then = dt.datetime.now(dt.UTC) - dt.timedelta(days=days + 1)
    number, identifier = await closed(desk_of(bank, clock=lambda: then))
    with pytest.raises(AlreadyDecided, match="over"):
        await surveys.answer_own(number, 3, None, ANNA)
    with pytest.raises(AlreadyDecided, match="over"):
        await surveys.answer(LINKS.token(Asked(identifier, 0, then)), 3)
    await surveys.answer(LINKS.token(Asked(identifier, 0, dt.datetime.now(dt.UTC) + dt.timedelta(hours=1))), 3)


@pytest.mark.parametrize("score", [0, 6, -1, True, 10**9])
async def test_a_score_is_one_to_five(service: RequestService, surveys: SurveyService, score: int) -> None:
    number, _ = await closed(service)
    with pytest.raises(InvalidInput):
        await surveys.answer_own(number, score, None, ANNA)


@pytest.mark.parametrize(
    "token",
    ["", "x", "a.b.c", "é" * 10, "x" * 10_000, LINKS.token(Asked("r", 0, dt.datetime.now(dt.UTC)))[:-3]],
    ids=["empty", "short", "dots", "letters", "long", "cut"],
)
async def test_a_link_that_this_bank_did_not_make_is_refused(surveys: SurveyService, token: str) -> None:
    with pytest.raises(InvalidInput, match="link"):
        await surveys.answer(token, 3)


async def test_a_token_for_another_use_is_none(surveys: SurveyService) -> None:
    other = SurveyLinks(SECRET + "!", "https://bank.example")
    soon = dt.datetime.now(dt.UTC) + dt.timedelta(days=1)
    with pytest.raises(InvalidInput, match="link"):
        await surveys.answer(other.token(Asked("r", 0, soon)), 3)
    with pytest.raises(NotFound):
        await surveys.answer(LINKS.token(Asked("gone", 0, soon)), 3)


async def test_a_customer_answers_about_own_complaints_only(bank: Database, service: RequestService) -> None:
    number, _ = await closed(service)
    others, _ = await closed(service, party="ben")
    question = await complain(service, category="CARD")

    async def answer(number: str, role: Role = Role.CUSTOMER) -> dict[str, Any]:
        say = "mutation ($input: AnswerSurveyInput!) { answerSurvey(input: $input) { score text } }"
        given = {"number": number, "score": 5, "text": "Fine"}
        caller = Caller("anna@app", role, party_id="anna" if role is Role.CUSTOMER else None)
        return await Executor(platform_schema(), bank).execute(Request(say, caller, {"input": given}))

    assert (await answer(others))["errors"][0]["extensions"]["code"] == "NOT_FOUND"
    assert (await answer("R-0000-0000"))["errors"][0]["extensions"]["code"] == "NOT_FOUND"
    assert (await answer(question.number))["errors"][0]["extensions"]["code"] == "ALREADY_DECIDED"
    assert (await answer(number, Role.AGENT))["errors"][0]["extensions"]["code"] == "NOT_FOUND"
    assert (await answer(number))["data"]["answerSurvey"] == {"score": 5, "text": "Fine"}
