"""The whole path of a complaint, through the API of the wired platform and its worker."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import orjson
import pytest
from angry_customer import BANK

from graph_crm import bootstrap
from graph_crm.api.app import create_app
from graph_crm.api.platform import Platform
from graph_crm.graph.database import Database
from graph_crm.requests.knowledge.files import load_articles
from graph_crm.rules.manager import RuleBook
from graph_crm.security.roles import Role
from graph_crm.security.tokens import Verifier, issue
from graph_crm.settings import Settings

SECRET = "a-secret-of-more-than-thirty-two-characters"


@pytest.fixture
async def platform(empty_database: Database, tmp_path: Path) -> Platform:
    await empty_database.execute(BANK)
    await load_articles(empty_database)
    settings = Settings(data_dir=tmp_path, neo4j_uri=None, jwt_secret=SECRET, public_url="https://bank.example")
    return bootstrap.wired(settings, empty_database, Verifier(SECRET), RuleBook([]))


@pytest.fixture
async def client(platform: Platform) -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(create_app(platform))
    async with httpx.AsyncClient(transport=transport, base_url="http://bank") as client:
        yield client


async def test_a_complaint_from_the_first_word_to_the_last(client: httpx.AsyncClient, platform: Platform) -> None:
    tokens = {
        "anna": issue(SECRET, Role.CUSTOMER, subject="anna@app", party_id="anna"),
        "eva": issue(SECRET, Role.AGENT, subject="eva"),
        "ada": issue(SECRET, Role.ANALYST, subject="ada"),
        "boss": issue(SECRET, Role.ADMINISTRATOR, subject="boss"),
    }

    async def ask(who: str, query: str, **variables: Any) -> Any:
        headers = {"Authorization": f"Bearer {tokens[who]}"}
        answer = await client.post("/graphql", json={"query": query, "variables": variables}, headers=headers)
        told = answer.json()
        assert "errors" not in told, told["errors"]
        (value,) = told["data"].values()
        return value

    async def called() -> tuple[bool, str]:
        found = await ask(
            "boss",
            '{ earliestContactAt(partyId: "anna", channel: PHONE, productCode: "CREDIT_CARD") { at code } }',
        )
        return found["at"] is not None, found["code"]

    suggested = await ask("anna", '{ suggestArticles(text: "fee charged", first: 1) { nodes { id } } }')
    assert suggested["nodes"] == [{"id": "article:en:account-fee"}]
    assert (await called())[0]
    opened = await ask(
        "anna",
        "mutation ($input: OpenRequestInput!) { openRequest(input: $input) { number } }",
        input={"text": "A fee again, I want my money back.", "channel": "ONLINE", "category": "COMPLAINT_FEES"},
    )
    number = opened["number"]
    assert await called() == (False, "COMPLAINT_OPEN")
    await bootstrap.worker(platform).drain()
    why = await ask("eva", '{ party(id: "anna") { whyNot(productCode: "CREDIT_CARD") { text } } }')
    assert why
    await ask(
        "eva",
        "mutation ($input: AnswerRequestInput!) { answerRequest(input: $input) { status } }",
        input={
            "number": number,
            "text": "You are right, it is paid back.",
            "close": True,
            "outcome": "UPHELD",
            "rootCause": "FEES_AND_RATES",
            "articles": ["article:en:account-fee"],
        },
    )
    assert (await called())[0]
    assert (await ask("eva", '{ article(id: "article:en:account-fee") { solved } }')) == {"solved": 1}
    # A day later.
    await platform.database.execute(
        "WITH datetime.realtime() AS now MATCH (e:OutboxEntry {topic: 'complaint.survey'})"
        " SET e.availableAt = now, e.at = now"
    )
    await bootstrap.worker(platform).drain()
    (asked,) = await platform.database.read(
        "MATCH (d:Delivery {template: 'complaint_survey'}) RETURN d.variables AS variables"
    )
    link = orjson.loads(asked["variables"])["link"]
    assert link.startswith("https://bank.example/survey?k=")
    rated = await ask(
        "anna",
        "mutation ($input: AnswerSurveyInput!) { answerSurvey(input: $input) { score number } }",
        input={"token": link.partition("?k=")[2], "score": 5},
    )
    assert rated == {"score": 5, "number": number}
    today = (await platform.database.read("RETURN toString(date()) AS today"))[0]["today"]
    sums = await ask(
        "ada",
        "query ($from: Date!, $to: Date!) { requestAnalytics(from: $from, to: $to, groupBy: [ROOT_CAUSE]) {"
        " groups { keys { key } sums { complaints settled atFirstAnswer surveyScore } } } }",
        **{"from": "2026-01-01", "to": max(today, "2026-12-31")},
    )
    assert sums["groups"] == [
        {
            "keys": [{"key": "FEES_AND_RATES"}],
            "sums": {"complaints": 1, "settled": 1, "atFirstAnswer": 1, "surveyScore": 5.0},
        }
    ]
