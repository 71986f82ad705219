"""Customers see where a request stands, write again, withdraw a consent and say how content they are, from a link."""

from __future__ import annotations

import datetime as dt

import pytest
from page_visits import SECRET, Pages, hidden

from graph_crm.consent.kinds import ConsentStatus, Purpose
from graph_crm.consent.service import ConsentService, Statement
from graph_crm.delivery.unsubscribe import Unsubscriber
from graph_crm.requests.complaints.survey import Asked, SurveyLinks
from graph_crm.requests.kinds import RequestKind
from graph_crm.security.page_keys import PageKeys
from graph_crm.security.tokens import Verifier

pytestmark = pytest.mark.lts


async def test_a_customer_sees_where_the_request_stands_in_the_own_language(pages: Pages):
    number = await pages.ask("Moja karta <script>alert(1)</script> nie działa.")
    await pages.requests.note(number, "Not for Anna.", by="eva")
    await pages.requests.answer(number, "Już działa.", by="eva")
    shown = await pages.browser.get(pages.customer(number))
    assert shown.status_code == 200
    for text in (f"Twoja sprawa {number}", "z odpowiedzią", "Już działa.", "&lt;script&gt;"):
        assert text in shown.text, text
    assert "Not for Anna." not in shown.text
    assert "<script" not in shown.text
    assert "default-src 'none'" in shown.headers["content-security-policy"]


async def test_what_the_customer_writes_there_joins_the_request_once(pages: Pages):
    number = await pages.ask()
    url = pages.customer(number)
    form = {**hidden(await pages.browser.get(url)), "text": "One more thing."}
    for _ in range(2):
        sent = await pages.browser.post(url, data=form)
        assert sent.status_code == 303
    after = await pages.browser.get(sent.headers["location"])
    assert after.text.count("One more thing.") == 1
    assert "Otrzymaliśmy" in after.text
    rows = await pages.rows("MATCH (e:RequestEntry {kind: 'CUSTOMER_WROTE'}) RETURN e.by AS by, e.text AS text")
    assert rows == [{"by": "anna", "text": "One more thing."}]
    empty = await pages.browser.post(url, data={**hidden(after), "text": " "})
    assert empty.status_code == 400


async def test_only_the_key_of_this_request_shows_it(pages: Pages):
    number, other = await pages.ask(), await pages.ask()
    for key in (
        pages.keys.customer(other, "anna"),
        pages.keys.employee(number, "eva"),
        PageKeys("another secret of forty characters, really").customer(number, "anna"),
        "",
    ):
        answer = await pages.browser.get(f"/r/{number}", params={"k": key})
        assert answer.status_code == 403
        assert "My card" not in answer.text
    assert (await pages.browser.get(pages.customer(number, "ben"))).status_code == 404
    assert (await pages.browser.get(pages.customer("R-0000-0000"))).status_code == 404


async def test_somebody_who_is_no_customer_sees_the_own_request(pages: Pages):
    number = await pages.ask(party_id=None, contact="stranger@mail.example", channel="EMAIL", language="en")
    shown = await pages.browser.get(pages.customer(number, None))
    assert shown.status_code == 200
    assert f"Your request {number}" in shown.text


async def test_no_key_of_a_page_is_a_token_of_the_api(pages: Pages):
    number = await pages.ask()
    for key in (pages.keys.customer(number, "anna"), pages.keys.employee(number, "eva")):
        with pytest.raises(Exception, match="not valid here"):
            Verifier(SECRET).verify(key)


# Withdrawing a consent


async def agreed(pages: Pages) -> str:
    """Anna agreed to marketing by mail; the address that a mail to her carries."""
    point = "EMAIL:anna@mail.example"
    said = Statement(purpose=Purpose.MARKETING, status=ConsentStatus.GRANTED, channel="EMAIL", point_key=point)
    await ConsentService(pages.platform.database).record("anna", [said])
    link = pages.platform.service(Unsubscriber).link("anna", "MARKETING", "EMAIL", point)
    return link[link.index("/unsubscribe") :]


async def consents(pages: Pages) -> list[str]:
    rows = await pages.rows("MATCH (:Party {id: 'anna'})-[:GAVE]->(c) RETURN c.status AS status ORDER BY c.recordedAt")
    return [row["status"] for row in rows]


async def test_a_consent_is_withdrawn_by_the_button_and_not_by_looking(pages: Pages):
    url = await agreed(pages)
    for method in (pages.browser.get, pages.browser.head):
        shown = await method(url)
    shown = await pages.browser.get(url, headers={"accept-language": "pl-PL,en;q=0.5"})
    assert "Wycofuję zgodę" in shown.text
    assert "marketing (e-mailem)" in shown.text
    assert "anna" not in shown.text, "the page says nothing of who it is"
    assert await consents(pages) == ["GRANTED"]
    for _ in range(2):
        done = await pages.browser.post(url, headers={"content-type": "application/x-www-form-urlencoded"}, content=b"")
        assert done.status_code == 200
        assert "Your consent is withdrawn" in done.text
    assert await consents(pages) == ["GRANTED", "WITHDRAWN"]


async def test_a_mail_program_withdraws_with_one_post(pages: Pages):
    """RFC 8058: no cookies, no page, the body List-Unsubscribe=One-Click, as a form or as multipart."""
    url = await agreed(pages)
    done = await pages.browser.post(url, data={"List-Unsubscribe": "One-Click"})
    assert (done.status_code, done.text) == (200, "Unsubscribed.\n")
    assert await consents(pages) == ["GRANTED", "WITHDRAWN"]
    part = b'--x\r\nContent-Disposition: form-data; name="List-Unsubscribe"\r\n\r\nOne-Click\r\n--x--\r\n'
    again = await pages.browser.post(url, headers={"content-type": "multipart/form-data; boundary=x"}, content=part)
    assert (again.status_code, again.text) == (200, "Unsubscribed.\n")


async def test_a_link_that_was_not_made_here_withdraws_nothing(pages: Pages):
    url = await agreed(pages)
    for bad in ("/unsubscribe", "/unsubscribe?k=nonsense", url[:-3], f"{url}AAA"):
        assert (await pages.browser.get(bad)).status_code == 400
        assert (await pages.browser.post(bad, data={"List-Unsubscribe": "One-Click"})).status_code == 400
    assert await consents(pages) == ["GRANTED"]


# How content


async def test_a_survey_is_answered_once(pages: Pages):
    number = await pages.ask("I am angry.", kind=RequestKind.COMPLAINT)
    await pages.platform.database.execute(
        "MATCH (r:ServiceRequest {number: $number}) SET r.status = 'CLOSED', r.closedAt = datetime.realtime()",
        {"number": number},
    )
    (row,) = await pages.rows("MATCH (r:ServiceRequest) RETURN r.id AS id, coalesce(r.complaintRound, 0) AS round")
    until = dt.datetime.now(dt.UTC) + dt.timedelta(days=7)
    link = SurveyLinks(SECRET, "http://bank.example").link(Asked(row["id"], row["round"], until))
    shown = await pages.browser.get(link)
    assert shown.text.count('type="radio"') == 5
    refused = await pages.browser.post(link, data={"text": "No score."})
    assert refused.status_code == 400
    assert "No score." in refused.text
    done = await pages.browser.post(link, data={"score": "4", "text": "Quick."})
    assert (done.status_code, "Thank you" in done.text) == (200, True)
    assert (await pages.browser.post(link, data={"score": "1"})).status_code == 400
    assert (await pages.browser.post("/survey?k=nonsense", data={"score": "1"})).status_code == 400
