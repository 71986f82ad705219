"""The employee answers a request from the link in the mail: with words and a document, by one button, once."""

from __future__ import annotations

import asyncio
import re
import time

import httpx
import pytest
from page_visits import Pages, hidden

from graph_crm.requests.kinds import RequestKind
from graph_crm.requests.knowledge.service import ArticleService, ArticleText
from graph_crm.security.page_keys import EMPLOYEE_LIFE, PageKeys

pytestmark = pytest.mark.lts

PDF = b"%PDF-1.4\n1 0 obj<<>>endobj\ntrailer<<>>\n%%EOF\n"
LOG = """MATCH (:ServiceRequest {number: $number})-[:LOGGED]->(e) WHERE e.kind = 'ANSWERED'
RETURN e.by AS by, e.text AS text, COLLECT { MATCH (e)-[:CARRIES]->(a) RETURN a.name } AS documents ORDER BY e.seq"""


async def test_the_page_shows_the_request_the_customer_and_the_log(pages: Pages):
    number = await pages.ask("My card does not work <b>at all</b>.", product_code="CREDIT_CARD")
    await pages.requests.note(number, "Called twice & waits.", by="jan")
    shown = await pages.browser.get(pages.desk(number))
    assert shown.status_code == 200
    for text in (number, "Anna Nowak", "anna@mail.example", "CREDIT_CARD", "Called twice &amp; waits.", "Jan Novák"):
        assert text in shown.text, text
    assert "at all&lt;/b&gt;" in shown.text
    assert "<b>at all" not in shown.text
    assert 'lang="pl"' in shown.text, "Eva's first language"
    assert "Wyślij odpowiedź" in shown.text


async def test_an_answer_with_a_document_is_sent_by_one_button(pages: Pages):
    number = await pages.ask()
    url = pages.desk(number)
    shown = await pages.browser.get(url)
    sent = await pages.browser.post(
        url, data={**hidden(shown), "text": "It works again.\r\nSee the letter."}, files={"file": ("letter.pdf", PDF)}
    )
    assert sent.status_code == 303
    after = await pages.browser.get(sent.headers["location"])
    assert "Wysłano" in after.text
    assert await pages.rows(LOG, number=number) == [
        {"by": "eva", "text": "It works again.\nSee the letter.", "documents": ["letter.pdf"]}
    ]
    told = await pages.rows(
        "MATCH (d:Delivery)-[:ABOUT_REQUEST]->(:ServiceRequest {number: $number}) WHERE d.template = 'request_answered'"
        " RETURN d.partyId AS party, size(d.attachments) AS documents",
        number=number,
    )
    assert told == [{"party": "anna", "documents": 1}]
    (link,) = re.findall(r'<a href="([^"]+)">letter.pdf', after.text)
    document = await pages.browser.get(link.replace("&amp;", "&"))
    assert document.content == PDF
    assert "attachment" in document.headers["content-disposition"]


async def test_a_form_that_is_sent_twice_is_one_answer(pages: Pages):
    number = await pages.ask()
    url = pages.desk(number)
    form = {**hidden(await pages.browser.get(url)), "text": "Once."}
    answers = await asyncio.gather(
        *(pages.browser.post(url, data=form, files={"file": ("letter.pdf", PDF)}) for _ in range(3))
    )
    again = await pages.browser.post(url, data=form, files={"file": ("letter.pdf", PDF)})
    assert {one.status_code for one in (*answers, again)} == {303}
    assert [one["text"] for one in await pages.rows(LOG, number=number)] == ["Once."]
    assert await pages.rows("MATCH (a:Attachment) RETURN a.name AS name") == [{"name": "letter.pdf"}]


async def test_the_document_that_was_chosen_last_goes_out_and_no_other(pages: Pages):
    """The first one was taken back: another customer's, perhaps."""
    number = await pages.ask()
    url = pages.desk(number)
    form = {**hidden(await pages.browser.get(url)), "text": "See the letter."}
    await pages.requests.customer_wrote(number, "Something new.")
    wrong, right = ("letter.pdf", PDF + b"of somebody else"), ("letter.pdf", PDF)
    refused = await pages.browser.post(url, data=form, files={"file": wrong})
    assert refused.status_code == 409
    form = {**hidden(refused), "text": "See the letter."}
    sent = await pages.browser.post(url, data=form, files=[("file", right), ("file", ("second.pdf", PDF))])
    assert sent.status_code == 303, sent.text
    rows = await pages.rows("MATCH (:RequestEntry {kind: 'ANSWERED'})-[:CARRIES]->(a) RETURN a.name AS n, a.bytes AS b")
    assert sorted((row["n"], row["b"]) for row in rows) == [("letter.pdf", len(PDF)), ("second.pdf", len(PDF))]


async def test_what_looks_like_a_number_and_is_none_is_no_fault_of_the_server(pages: Pages):
    number = await pages.ask()
    url = pages.desk(number)
    form = {**hidden(await pages.browser.get(url)), "text": "Done.", "version": "²"}
    assert (await pages.browser.post(url, data=form)).status_code == 303
    assert (await pages.browser.post("/survey?k=x", data={"score": "²"})).status_code == 400


async def test_what_went_wrong_is_said_in_the_language_of_the_page(pages: Pages):
    number = await pages.ask()
    url = pages.desk(number)
    form = hidden(await pages.browser.get(url))
    await pages.requests.customer_wrote(number, "Something new.")
    refused = await pages.browser.post(url, data={**form, "text": "Done."})
    assert "Od otwarcia tej strony" in refused.text
    missing = await pages.browser.get("/r/R-0000-0000?k=x", headers={"accept-language": "pl"})
    assert "Link jest niepełny" in missing.text
    english = await pages.browser.get("/r/R-0000-0000?k=x", headers={"accept-language": "fr"})
    assert "The link is not complete" in english.text


async def test_what_the_customer_wrote_meanwhile_is_shown_before_an_answer_goes_out(pages: Pages):
    number = await pages.ask()
    url = pages.desk(number)
    form = {**hidden(await pages.browser.get(url)), "text": "An answer to the first question."}
    await pages.requests.customer_wrote(number, "It is solved, thank you.")
    refused = await pages.browser.post(url, data=form)
    assert refused.status_code == 409
    assert "It is solved, thank you." in refused.text
    assert "An answer to the first question." in refused.text, "what was typed is still there"
    assert await pages.rows(LOG, number=number) == []
    sent = await pages.browser.post(url, data={**hidden(refused), "text": "Gladly."})
    assert sent.status_code == 303


async def test_an_empty_answer_and_a_refused_document_are_told_with_what_was_typed(pages: Pages):
    number = await pages.ask()
    url = pages.desk(number)
    form = hidden(await pages.browser.get(url))
    assert (await pages.browser.post(url, data={**form, "text": "  "})).status_code == 400
    program = {"file": ("photo.pdf", b"MZ\x90\x00" + b"\x00" * 200)}
    refused = await pages.browser.post(url, data={**form, "text": "Typed for long."}, files=program)
    assert refused.status_code == 400
    assert "photo.pdf" in refused.text
    assert "Typed for long." in refused.text
    assert await pages.rows(LOG, number=number) == []
    assert (await pages.browser.post(url, data={**hidden(refused), "text": "Typed for long."})).status_code == 303


async def test_articles_that_may_help_are_shown_and_remembered_with_the_answer(pages: Pages):
    for slug, title in (("card-blocked", "My card does not work"), ("mortgage", "A house of my own")):
        await ArticleService(pages.platform.database).create(
            ArticleText(slug=slug, language="pl", title=title, text="Unblock it in the app."), by="ola"
        )
    await pages.platform.database.execute("CALL db.awaitIndexes(30)")
    number = await pages.ask()
    url = pages.desk(number)
    shown = await pages.browser.get(url)
    assert "My card does not work</summary>" in shown.text
    assert "A house of my own" not in shown.text
    form = {**hidden(shown), "text": "Done.", "article": "article:pl:card-blocked", "close": "1"}
    assert (await pages.browser.post(url, data=form)).status_code == 303
    solved = "MATCH (a:Article)-[:SOLVED]->(r:ServiceRequest) RETURN a.slug AS slug, r.status AS status"
    assert await pages.rows(solved) == [{"slug": "card-blocked", "status": "CLOSED"}]
    closed = await pages.browser.get(url)
    assert "<form" not in closed.text


async def test_a_complaint_is_closed_with_who_was_right_and_what_caused_it(pages: Pages):
    number = await pages.ask("I am angry.", kind=RequestKind.COMPLAINT)
    url = pages.desk(number)
    form = {**hidden(await pages.browser.get(url)), "text": "We are sorry.", "close": "1"}
    assert (await pages.browser.post(url, data=form)).status_code == 400, "nobody said who was right"
    assert await pages.rows(LOG, number=number) == []
    done = await pages.browser.post(url, data={**form, "outcome": "UPHELD", "cause": "FEES_AND_RATES"})
    assert done.status_code == 303, done.text
    closed = "MATCH (r:ServiceRequest) RETURN r.status AS status, r.outcome AS outcome, r.rootCause AS cause"
    assert await pages.rows(closed) == [{"status": "CLOSED", "outcome": "UPHELD", "cause": "FEES_AND_RATES"}]


async def test_somebody_who_is_no_customer_is_answered_too(pages: Pages):
    number = await pages.ask(party_id=None, contact="stranger@mail.example", channel="EMAIL")
    (owner,) = await pages.rows("MATCH (r:ServiceRequest {number: $number}) RETURN r.ownerId AS id", number=number)
    url = pages.desk(number, owner["id"])
    shown = await pages.browser.get(url)
    assert "stranger@mail.example" in shown.text
    sent = await pages.browser.post(url, data={**hidden(shown), "text": "Dear stranger."})
    assert sent.status_code == 303


# Who may open it


async def test_only_the_key_of_this_employee_and_this_request_opens_it(pages: Pages):
    mine, other = await pages.ask(), await pages.ask()
    keys = {
        "another request": pages.keys.employee(other, "eva"),
        "a customer's": pages.keys.customer(mine, "anna"),
        "somebody unknown": pages.keys.employee(mine, "nobody"),
        "made elsewhere": PageKeys("another secret of forty characters, really").employee(mine, "eva"),
        "expired": PageKeys(
            "a secret of forty characters for the tests", clock=lambda: time.time() - EMPLOYEE_LIFE.total_seconds() - 1
        ).employee(mine, "eva"),
        "nothing": "",
        "nonsense": "a.b.c",
        "long": "x" * 5000,
    }
    for name, key in keys.items():
        for answer in (
            await pages.browser.get(f"/desk/requests/{mine}", params={"k": key}),
            await pages.browser.post(f"/desk/requests/{mine}", params={"k": key}, data={"text": "No."}),
            await pages.browser.get(f"/desk/requests/{mine}/documents/x", params={"k": key}),
        ):
            assert answer.status_code == 403, name
            assert "My card" not in answer.text
    assert await pages.rows(LOG, number=mine) == []


async def test_who_left_the_bank_opens_nothing(pages: Pages):
    number = await pages.ask()
    await pages.platform.database.execute("MATCH (e:Employee {id: 'eva'}) SET e.active = false")
    assert (await pages.browser.get(pages.desk(number))).status_code == 403


async def test_a_document_of_another_request_is_not_given(pages: Pages):
    number, other = await pages.ask(), await pages.ask()
    url = pages.desk(other)
    form = {**hidden(await pages.browser.get(url)), "text": "See there."}
    await pages.browser.post(url, data=form, files={"file": ("secret.pdf", PDF)})
    (row,) = await pages.rows("MATCH (a:Attachment) RETURN a.id AS id")
    key = pages.keys.employee(number, "eva")
    answer = await pages.browser.get(f"/desk/requests/{number}/documents/{row['id']}", params={"k": key})
    assert answer.status_code == 404


async def test_the_link_in_the_mail_to_the_employee_leads_to_the_page(pages: Pages):
    number = await pages.ask()
    found = await pages.rows(
        "MATCH (d:Delivery)-[:ABOUT_REQUEST]->(:ServiceRequest {number: $number}) RETURN d.variables AS variables",
        number=number,
    )
    links = {link for row in found for link in re.findall(r'https?://[^"\\]+', row["variables"])}
    seen = {httpx.URL(link).path: (await pages.browser.get(httpx.URL(link).raw_path.decode())) for link in links}
    assert {path: answer.status_code for path, answer in seen.items()} == {
        f"/desk/requests/{number}": 200,
        f"/r/{number}": 200,
    }


async def test_nothing_of_a_page_runs_is_kept_or_leaks(pages: Pages):
    number = await pages.ask()
    shown = await pages.browser.get(pages.desk(number))
    policy = shown.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "script-src" not in policy
    assert "unsafe-inline" not in policy
    assert (shown.headers["cache-control"], shown.headers["referrer-policy"]) == ("no-store", "no-referrer")
    assert "set-cookie" not in shown.headers
    for mark in ("<script", "style=", "onclick", "http://", "https://"):
        assert mark not in shown.text, mark
    (sheet,) = re.findall(r'<link rel="stylesheet" href="([^"]+)">', shown.text)
    style = await pages.browser.get(sheet)
    assert (style.status_code, style.headers["content-type"]) == (200, "text/css; charset=utf-8")
    assert "immutable" in style.headers["cache-control"]


@pytest.mark.parametrize(
    ("headers", "body"),
    [
        ({"content-type": "multipart/form-data; boundary=x"}, b"--x\r\nbroken"),
        ({"content-type": "multipart/form-data"}, b"--x"),
        ({"content-type": "application/json"}, b"{}"),
        ({"content-type": "application/x-www-form-urlencoded", "content-length": "999999999"}, b""),
        ({"content-type": "application/x-www-form-urlencoded"}, b"&".join([b"a=1"] * 500)),
        ({"content-type": "application/x-www-form-urlencoded"}, b"text=%ff%fe"),
    ],
)
async def test_what_is_no_form_is_a_clear_page(pages: Pages, headers: dict[str, str], body: bytes):
    number = await pages.ask()
    answer = await pages.browser.post(pages.desk(number), headers=headers, content=body)
    assert answer.status_code in {400, 303}
    assert "Traceback" not in answer.text
