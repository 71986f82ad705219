"""Calls that become requests: whatever the switchboard shows as a number, and whenever it tells it."""

from __future__ import annotations

import pytest
from desk_bank import DeskBank

from graph_crm.calls.becoming_requests import caller_of, service_desk
from graph_crm.calls.incoming import CallRequest

pytestmark = pytest.mark.lts


async def call(desk: DeskBank, number: str | None) -> str:
    await desk.database.execute("CREATE (:Call {id: 'pbx-1'})")
    asked = CallRequest(call_id="pbx-1", text="Nobody answered.", party_id=None, number=number)
    return await service_desk(lambda: desk.service)(asked)


async def test_a_number_that_nobody_can_read_is_no_reason_to_lose_the_request(desk: DeskBank) -> None:
    found = await desk.request(await call(desk, "ext. 4711"))
    assert found.get("contact") is None
    row = await desk.one("MATCH (:ServiceRequest)-[:LOGGED]->(e {seq: 1}) RETURN e.text AS text")
    assert row["text"].endswith("The number as it was shown: ext. 4711")


async def test_who_called_is_told_to_the_request_when_it_is_known(desk: DeskBank) -> None:
    number = await call(desk, None)
    told = CallRequest(call_id="pbx-1", text="", party_id="anna", number="+420602123456")
    for _ in range(2):
        await caller_of(desk.database, lambda: desk.service)(number, told)
    found = await desk.request(number)
    assert (found["contact"], found["partyId"]) == ("+420602123456", "anna")
    row = await desk.one("MATCH (:Party {id: 'anna'})-[:ASKED]->(r) RETURN r.number AS number")
    assert row["number"] == number
    row = await desk.one("MATCH (e:RequestEntry {kind: 'NOTE'}) RETURN collect(e.text) AS texts")
    assert row["texts"] == ["The switchboard told later: the call came from +420602123456."]
