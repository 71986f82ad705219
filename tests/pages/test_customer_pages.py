"""Customers see where a request stands, write again, withdraw a consent and say how content they are, from a link."""

from __future__ import annotations

import datetime as dt
import re
from html import unescape

import pytest
from page_visits import SECRET, Pages, hidden

from graph_crm.consent.kinds import ConsentStatus, Purpose
from graph_crm.consent.service import ConsentService, Statement
from graph_crm.delivery.unsubscribe import Unsubscriber
from graph_crm.requests.attachments.service import AttachmentService, Upload
from graph_crm.requests.complaints.survey import Asked, SurveyLinks
from graph_crm.requests.flooding import MOST_AN_HOUR
from graph_crm.requests.kinds import RequestKind
from graph_crm.security.page_keys import PageKeys
from graph_crm.security.roles import Caller, Role
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


PDF = b"%PDF-1.4\n1 0 obj<<>>endobj\ntrailer<<>>\n%%EOF\n"


async def uploaded(pages: Pages, name: str, caller: Caller) -> str:
    service = pages.platform.service(AttachmentService)
    return (await service.upload(Upload(name, PDF + name.encode()), caller)).id


@pytest.mark.parametrize("party", ["anna", None])
async def test_the_documents_of_an_answer_are_there_and_those_of_nobody_else(pages: Pages, party: str | None):
    """Also for who got the answer by SMS, and for who is no customer."""
    stranger = {"party_id": None, "contact": "stranger@mail.example"} if party is None else {}
    number, other = await pages.ask(**stranger), await pages.ask()
    eva = Caller("eva", Role.AGENT)
    answer, foreign, scanning, refused = [
        await uploaded(pages, name, eva) for name in ("answer.pdf", "foreign.pdf", "late.pdf", "bad.pdf")
    ]
    await pages.requests.answer(number, "See there.", by="eva", attachments=[answer, scanning, refused])
    await pages.requests.answer(other, "See there.", by="eva", attachments=[foreign])
    for one, state in ((scanning, "SCANNING"), (refused, "REFUSED")):
        await pages.platform.database.execute(
            "MATCH (a:Attachment {id: $id}) SET a.state = $state, a.stateReason = 'EICAR'", {"id": one, "state": state}
        )
    shown = await pages.browser.get(pages.customer(number, party))
    links = dict(reversed(one) for one in re.findall(r'<a href="([^"]+)">([^<]+)</a>', shown.text))
    assert list(links) == ["answer.pdf"]
    assert "late.pdf" in shown.text
    found = await pages.browser.get(unescape(links["answer.pdf"]))
    assert (found.status_code, found.content) == (200, PDF + b"answer.pdf")
    assert found.headers["content-disposition"].startswith("attachment")
    assert "sandbox" in found.headers["content-security-policy"]
    key = {"k": pages.keys.customer(number, party)}
    for one, status in ((foreign, 404), ("attachment:none", 404), (scanning, 403), (refused, 403)):
        told = await pages.browser.get(f"/r/{number}/documents/{one}", params=key)
        assert told.status_code == status, one
        assert "EICAR" not in told.text
    assert (await pages.browser.get(f"/r/{number}/documents/{answer}")).status_code == 403


async def test_what_a_customer_sent_and_nobody_scanned_is_not_given_back(pages: Pages):
    own = await uploaded(pages, "own.pdf", Caller("anna", Role.CUSTOMER, "anna"))
    number = await pages.ask(attachments=[own])
    shown = await pages.browser.get(pages.customer(number))
    assert "own.pdf" in shown.text
    assert "/documents/" not in shown.text
    key = {"k": pages.keys.customer(number, "anna")}
    assert (await pages.browser.get(f"/r/{number}/documents/{own}", params=key)).status_code == 403


async def test_a_customer_writes_so_often_an_hour_and_the_bank_may_write_on(pages: Pages):
    number = await pages.ask()
    for count in range(MOST_AN_HOUR):
        await pages.requests.customer_wrote(number, f"Message {count}", paced=True)
    url = pages.customer(number)
    typed = {**hidden(await pages.browser.get(url)), "text": "One too many."}
    refused = await pages.browser.post(url, data=typed)
    assert refused.status_code == 429
    assert "One too many." in refused.text, "what was typed is still there"
    await pages.requests.customer_wrote(number, "By mail, which has a limit of its own.")
    told = await pages.rows("MATCH (d:Delivery {template: 'request_customer_wrote'}) RETURN count(d) AS n")
    assert told == [{"n": 1}], "one mail to the owner until something is done"
    await pages.requests.note(number, "Called back.", by="eva")
    await pages.requests.customer_wrote(number, "Thanks.")
    told = await pages.rows("MATCH (d:Delivery {template: 'request_customer_wrote'}) RETURN count(d) AS n")
    assert told == [{"n": 2}]


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
