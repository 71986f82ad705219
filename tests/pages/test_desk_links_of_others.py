"""A link from a mail opens a request as long as its employee has a case with it."""

from __future__ import annotations

import pytest
from page_visits import Pages, hidden

pytestmark = pytest.mark.lts
OTHER = "MATCH (e:Employee) WHERE e.active AND e.id <> $owner RETURN e.id AS id ORDER BY e.id LIMIT 1"


async def test_who_gave_a_request_away_can_not_open_it_any_more(pages: Pages):
    number = await pages.ask()
    (row,) = await pages.rows("MATCH (r:ServiceRequest {number: $number}) RETURN r.ownerId AS id", number=number)
    owner = row["id"]
    (other,) = await pages.rows(OTHER, owner=owner)
    url = pages.desk(number, owner)
    shown = await pages.browser.get(url)
    assert shown.status_code == 200
    assert (await pages.browser.get(pages.desk(number, other["id"]))).status_code == 403
    await pages.requests.assign(number, other["id"], by=owner, reason="On leave.")
    late = await pages.browser.post(url, data={**hidden(shown), "text": "Too late."})
    assert late.status_code == 403
    refused = await pages.browser.get(url)
    assert refused.status_code == 403
    assert "Anna" not in refused.text
    assert (await pages.browser.get(pages.desk(number, other["id"]))).status_code == 200
    assert not await pages.rows("MATCH (e:RequestEntry {kind: 'ANSWERED'}) RETURN e")


async def test_a_link_ends_a_while_after_the_request_does(pages: Pages):
    """Also of somebody who is no customer."""
    stranger = {"party_id": None, "contact": "jo@elsewhere.example", "name": "Jo"}
    for number in (await pages.ask(), await pages.ask(**stranger)):
        (row,) = await pages.rows("MATCH (r:ServiceRequest {number: $number}) RETURN r.ownerId AS id", number=number)
        url = pages.desk(number, row["id"])
        shown = await pages.browser.get(url)
        sent = await pages.browser.post(url, data={**hidden(shown), "text": "Done.", "close": "1"})
        assert sent.status_code == 303
        assert (await pages.browser.get(sent.headers["location"])).status_code == 200
        await pages.platform.database.execute(
            "MATCH (r:ServiceRequest {number: $number}) SET r.closedAt = r.closedAt - duration('PT31M')",
            {"number": number},
        )
        assert (await pages.browser.get(url)).status_code == 403
