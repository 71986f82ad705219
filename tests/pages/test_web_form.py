"""The form of the public site: what anybody types becomes a request with a number, at a bounded pace."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from desk_bank import build
from page_visits import SECRET, Pages

from graph_crm import bootstrap
from graph_crm.api.app import create_app
from graph_crm.graph.database import Database
from graph_crm.rules.manager import RuleBook
from graph_crm.security.tokens import Verifier
from graph_crm.settings import Settings

pytestmark = pytest.mark.lts
FORM = "/forms/request"
TYPED = {
    "subject": "My card",
    "text": "It does not work.",
    "name": "Jana Novotná",
    "email": "Jana@Customers.example",
    "language": "en",
    "website": "",
}
JSON = {"accept": "application/json"}


async def site(database: Database, folder: Path, **settings: Any) -> Pages:
    """The platform with these settings, and a browser on the bank's site."""
    given = {"web_form": True, "mail_addresses": ["service@bank.example"], **settings}
    chosen = Settings(data_dir=folder, neo4j_uri=None, jwt_secret=SECRET, **given)
    platform = bootstrap.wired(chosen, database, Verifier(SECRET), RuleBook.load([], installed=False))
    transport = httpx.ASGITransport(create_app(platform))
    return Pages(platform, httpx.AsyncClient(transport=transport, base_url="http://bank.example"))


@pytest.fixture
async def form(empty_database: Database, folder_of_documents: Path) -> AsyncIterator[Pages]:
    await build(empty_database)
    pages = await site(empty_database, folder_of_documents)
    async with pages.browser:
        yield pages


async def requests(pages: Pages) -> list[dict[str, Any]]:
    rows = await pages.rows("MATCH (r:ServiceRequest) RETURN r {.*} AS r ORDER BY r.openedAt")
    return [row["r"] for row in rows]


async def acknowledged(pages: Pages) -> list[dict[str, Any]]:
    return await pages.rows("MATCH (d:Delivery {template: 'request_acknowledged'}) RETURN d.to AS to, d.variables AS v")


async def test_a_form_becomes_a_request_and_its_sender_reads_the_number(form: Pages):
    sent = await form.browser.post(FORM, data=TYPED, headers={"accept": "text/html"})
    assert sent.status_code == 303
    (made,) = await requests(form)
    assert {name: made.get(name) for name in ("source", "channel", "contact", "contactName", "subject", "text")} == {
        "source": "WEB_FORM",
        "channel": "ONLINE",
        "contact": "jana@customers.example",
        "contactName": "Jana Novotná",
        "subject": "My card",
        "text": "It does not work.",
    }
    thanks = await form.browser.get(sent.headers["location"])
    assert thanks.status_code == 200
    assert made["number"] in thanks.text
    (told,) = await acknowledged(form)
    assert told["to"] == "jana@customers.example"
    assert "Jana Novotná" in told["v"]


async def test_a_program_that_asks_for_json_gets_json(form: Pages):
    sent = await form.browser.post(FORM, data=TYPED, headers=JSON)
    (made,) = await requests(form)
    assert sent.status_code == 201
    assert sent.json()["number"] == made["number"]
    assert sent.json()["due"]
    wrong = await form.browser.post(FORM, data={**TYPED, "email": "nobody"}, headers=JSON)
    assert wrong.status_code == 400
    assert wrong.json()["errors"][0]["extensions"]["field"] == "email"


async def test_nobody_becomes_a_customer_by_typing_the_customers_address(form: Pages):
    await form.browser.post(FORM, data={**TYPED, "email": "anna@mail.example"})
    (made,) = await requests(form)
    assert made.get("partyId") is None


async def test_the_same_form_sent_again_is_one_request_and_another_nonce_makes_two(form: Pages):
    sent = [await form.browser.post(FORM, data=TYPED, headers=JSON) for _ in range(2)]
    assert len({one.json()["number"] for one in sent}) == 1
    await form.browser.post(FORM, data={**TYPED, "nonce": "another page"}, headers=JSON)
    assert len(await requests(form)) == 2


@pytest.mark.parametrize(
    "wrong",
    [
        {"text": " "},
        {"text": "x" * 10_001},
        {"subject": ""},
        {"email": "nobody"},
        {"email": ""},
        {"email": "service@bank.example"},
        {"category": "NO_SUCH_CATEGORY"},
        {"language": "<script>"},
        {"website": "http://spam.example"},
    ],
    ids=str,
)
async def test_what_can_not_be_used_is_told_in_the_visitors_language_and_opens_nothing(
    form: Pages, wrong: dict[str, str]
):
    sent = await form.browser.post(FORM, data={**TYPED, **wrong}, headers={"accept-language": "pl"})
    assert sent.status_code == 400
    assert "To się nie udało" in sent.text
    assert '<p class="problem">' in sent.text
    assert "Send " not in sent.text, "no English in a Polish page"
    assert await requests(form) == []


async def test_a_category_that_the_site_names_is_taken(form: Pages):
    await form.browser.post(FORM, data={**TYPED, "category": "CARD", "name": "***"})
    (made,) = await requests(form)
    assert made["category"] == "CARD"
    assert made.get("contactName") is None


async def test_a_form_that_is_too_large_or_none_is_refused(form: Pages):
    large = await form.browser.post(FORM, data={**TYPED, "text": "x" * 250_000})
    assert large.status_code == 400
    assert (await form.browser.post(FORM, json=TYPED)).status_code == 400
    assert (await form.browser.get(FORM)).status_code == 405
    assert await requests(form) == []


async def test_one_address_and_all_together_send_so_many_and_nobody_elses_limit_suffers(
    empty_database: Database, folder_of_documents: Path
):
    await build(empty_database)
    pages = await site(empty_database, folder_of_documents, web_form_most_an_hour=3, web_form_most_of_all=5)

    async def send(number: int, host: str, **more: str) -> int:
        app = create_app(pages.platform)
        transport = httpx.ASGITransport(app, client=(host, 1))
        async with httpx.AsyncClient(transport=transport, base_url="http://bank.example") as browser:
            typed = {**TYPED, "email": f"visitor{number}@x.example", "nonce": str(number), **more}
            answer = await browser.post(FORM, data=typed, headers=JSON)
            assert answer.headers.get("retry-after") == ("3600" if answer.status_code == 429 else None)
            return answer.status_code

    # Of one network: the last bits of an IPv6 address are as cheap as can be.
    codes = await asyncio.gather(*(send(number, f"2001:db8::{number}") for number in range(1, 7)))
    assert sorted(codes) == [201, 201, 201, 429, 429, 429]
    assert [await send(number, f"192.0.2.{number}") for number in range(7, 11)] == [201, 201, 429, 429]
    assert len(await requests(pages)) == 5
    await empty_database.execute("MATCH (s:MailSender) SET s.since = s.since - duration({hours: 2})")
    again = [await send(number, f"192.0.2.{number}", email="one@x.example") for number in range(11, 15)]
    assert again == [201, 201, 201, 429], "one mail address from many places"
    await pages.browser.aclose()


async def test_beyond_a_number_nobody_is_acknowledged_and_everybody_is_taken(
    empty_database: Database, folder_of_documents: Path
):
    await build(empty_database)
    pages = await site(empty_database, folder_of_documents, mail_most_strangers=1)
    async with pages.browser:
        for number in range(3):
            sent = await pages.browser.post(FORM, data={**TYPED, "email": f"victim{number}@x.example"}, headers=JSON)
            assert sent.status_code == 201
    assert len(await requests(pages)) == 3
    assert len(await acknowledged(pages)) == 1


async def test_without_the_setting_there_is_no_form(pages: Pages):
    assert (await pages.browser.post(FORM, data=TYPED)).status_code == 404
    refused = await pages.browser.post(FORM, data=TYPED, headers=JSON)
    assert (refused.status_code, refused.json()["errors"][0]["extensions"]["code"]) == (404, "NOT_FOUND")
    assert (await pages.browser.get(f"{FORM}/thanks?number=R-4F7K-2M9P")).status_code == 404


async def test_the_page_of_thanks_says_a_number_and_nothing_else(form: Pages):
    for bad in ("", "?number=<b>call+555</b>", "?number=Call+555+now"):
        answer = await form.browser.get(f"{FORM}/thanks{bad}")
        assert answer.status_code == 404
        assert "555" not in answer.text
