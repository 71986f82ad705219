"""Numbers over many customers name none whom the caller does not see, and tell of nobody what is hidden."""

from __future__ import annotations

import datetime as dt
from collections.abc import AsyncIterator
from dataclasses import asdict
from functools import partial

import pytest

from graph_crm.cli.seeing import Seeing
from graph_crm.requests.analytics.listing import RequestListing
from graph_crm.requests.analytics.report import make_report, plainly
from graph_crm.requests.analytics.service import RequestAnalytics
from graph_crm.requests.numbers import new_number
from graph_crm.security.roles import Caller, Role

pytestmark = pytest.mark.lts
FIRST = dt.date(2022, 1, 1)
RITA = Caller("rita", Role.RELATIONSHIP_MANAGER)
BY = """query ($by: [Dimension!]) { requestAnalytics(from: "2022-01-01", to: "2022-01-31", groupBy: $by) {
  total { requests } groups { keys { key name } sums { requests } } } }"""
OF = """query ($id: ID!) { requestAnalytics(from: "2022-01-01", to: "2022-01-31", filter: {partyId: $id}) {
  total { requests } } }"""
BACKLOG = """query ($id: ID!) { requestBacklog(from: "2022-01-01", to: "2022-01-02", filter: {partyId: $id}) {
  open } }"""
SAID = """query ($id: ID) { mostAskedQuestions(from: "2022-01-01", to: "2022-01-31", filter: {partyId: $id}) {
  phrases { text } } }"""
EVERYBODY = """{ mostAskedQuestions(from: "2022-01-01", to: "2022-01-31") { requests phrases { text requests } } }"""
SAY = """
MATCH (v:Party {id: 'vip'}), (b:Party {id: 'ben'})
UNWIND ['v1', 'v2'] AS id
CREATE (v)-[:ASKED]->(:ServiceRequest {id: id, number: 'R-0000-00' + toUpper(id), kind: 'COMPLAINT', status: 'ASSIGNED',
  version: 1, openedAt: datetime('2022-01-02T00:00:00Z'), partyId: 'vip', rootCause: 'STAFF',
  text: 'Purple elephants. Card payment failed.'})
CREATE (b)-[:ASKED]->(:ServiceRequest {id: 'b-' + id, number: 'R-0000-0' + toUpper(id), kind: 'REQUEST',
  status: 'ASSIGNED', version: 1, openedAt: datetime('2022-01-02T00:00:00Z'), partyId: 'ben',
  text: 'Card payment failed. Yellow submarine.'})
"""


LOG = """
MATCH (r:ServiceRequest)
CREATE (r)-[:LOGGED]->(:RequestEntry {id: 'opened ' + r.id, seq: 1, kind: 'OPENED', at: r.openedAt,
  data: '{"country": "PL", "firstResponse": 3600, "resolution": 7200}'})
"""


@pytest.fixture(scope="module")
async def desk(bank) -> AsyncIterator[object]:
    """The bank with two complaints of the protected customer and two questions of Ben."""
    await bank.database.execute(SAY)
    await bank.database.execute("MATCH (p:Party)-[:ASKED]->(r:ServiceRequest) SET r.partyId = p.id")
    await bank.database.execute(LOG)
    yield bank
    await bank.database.execute("MATCH (e:RequestEntry) DETACH DELETE e")
    await bank.database.execute("MATCH (r:ServiceRequest) WHERE r.text IS NOT NULL DETACH DELETE r")


async def groups(desk, who: Role | Caller) -> tuple[int, dict[tuple[str | None, str | None], int]]:
    found = (await desk.ask(who, BY, by=["CUSTOMER"]))["requestAnalytics"]
    named = {(one["keys"][0]["key"], one["keys"][0]["name"]): one["sums"]["requests"] for one in found["groups"]}
    assert len(named) == len(found["groups"])
    return found["total"]["requests"], named


async def test_numbers_by_customer_name_those_whom_the_caller_sees(desk) -> None:
    """Requests of the others count, beside those of nobody whom the bank knows."""
    everybody = {("vip", "Vera Important"): 2, ("ben", "Ben Kral"): 3, ("anna", "Anna Nowak"): 1, (None, None): 1}
    assert await groups(desk, Role.AUDITOR) == (7, everybody)
    unprotected = {("ben", "Ben Kral"): 3, ("anna", "Anna Nowak"): 1, (None, None): 3}
    assert await groups(desk, Role.ANALYST) == (7, unprotected)
    assert await groups(desk, RITA) == (7, {(None, None): 7})


async def test_numbers_of_one_customer_are_no_way_to_what_is_hidden_of_requests(desk) -> None:
    """A marketer sees neither what the bank makes of a request nor its words."""
    for document in (OF, BACKLOG):
        assert await desk.code(Role.MARKETER, document, id="ben") == "FORBIDDEN"
    assert await desk.code(Role.MARKETER, BY, by=["CUSTOMER", "ROOT_CAUSE"]) == "FORBIDDEN"
    assert (await desk.ask(Role.MARKETER, BY, by=["ROOT_CAUSE"]))["requestAnalytics"]["total"] == {"requests": 7}
    assert (await desk.ask(Role.ANALYST, OF, id="ben"))["requestAnalytics"] == {"total": {"requests": 3}}
    assert await desk.code(Role.ANALYST, OF, id="vip") == "NOT_FOUND"


async def test_what_one_customer_says_again_and_again_is_not_what_many_ask(desk) -> None:
    for role in (Role.ANALYST, Role.MARKETER, Role.ADMINISTRATOR):
        (found, *_) = (await desk.ask(role, EVERYBODY))["mostAskedQuestions"]
        assert found["requests"] == 7
        assert found["phrases"][0] == {"text": "card payment failed", "requests": 4}
        assert not [one for one in found["phrases"] if "elephants" in one["text"] or "submarine" in one["text"]]
        assert (await desk.ask(role, SAID, id="ben"))["mostAskedQuestions"] == [{"phrases": []}]


async def test_a_report_for_a_role_names_no_customer_whom_it_does_not_see(desk) -> None:
    async def customers(role: Role) -> list[str]:
        seeing = Seeing(role)
        seen = partial(seeing.customers, desk.database)
        made = await make_report(RequestAnalytics(desk.database), FIRST, FIRST.replace(day=31), seen=seen)
        return [row["Customer"] for row in plainly(made)["sections"]["customers"]]

    assert {"Vera Important", "Ben Kral"} < set(await customers(Role.ADMINISTRATOR))
    assert "Ben Kral" in (named := await customers(Role.ANALYST))
    assert "Vera Important" not in named
    assert not {"Vera Important", "Ben Kral"} & set(await customers(Role.MARKETER))


async def test_a_list_for_a_role_gives_no_address_of_who_is_no_customer(desk) -> None:
    """Where a request is of nobody whom the bank knows, its address stands for a name; not for who may not see it."""
    number = new_number()
    stranger = "MATCH (r:ServiceRequest {id: 'rs'}) SET r.contact = 'stranger@example.org', r.number = $number"
    await desk.database.execute(stranger, {"number": number})
    for role, contact in ((Role.ADMINISTRATOR, "stranger@example.org"), (Role.ANALYST, None)):
        listed = [asdict(one) for one in await RequestListing(desk.database).listed()]
        (found,) = [one for one in listed if one["number"] == number]
        told = [found, await RequestListing(desk.database).shown(number)]
        for one in told:
            shown = Seeing(role).shown("ServiceRequest", {"customer": None, **one}, customer="party")
            assert (shown["customer"], shown["contact"]) == (None, contact)
