"""The path event -> decision -> offer -> contact -> response -> agreement through GraphQL: one query, one statement."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from offered import DAY, MINUTE, NOON, Bank

from graph_crm.api.execution import Executor, Request
from graph_crm.api.schema import platform_schema
from graph_crm.graph.database import Database
from graph_crm.security.roles import Caller, Role

pytestmark = pytest.mark.lts

DESK = Caller("desk-7", Role.SERVICE)


@pytest.fixture
async def bank(empty_database: Database) -> Bank:
    return await Bank(empty_database).open()


RECORD = """
mutation ($input: RecordResponseInput!) { recordResponse(input: $input) {
    outcome by late
    offer { status agreement { productCode } }
    interaction { channel direction outcome }
} }
"""
PATH = """
  trigger causedBy { id type }
  offers { nodes {
    id status
    interactions { nodes { id direction outcome responses { nodes { outcome } } } }
    responses { nodes { outcome by interaction { channel } } }
    agreement { id productCode holders { nodes { id } } }
  } }
"""
FROM_DECISION = "query ($id: ID!) { decision(id: $id) {" + PATH + "} }"
FROM_PARTY = """{ party(id: "anna") { offers { nodes { status decision { causedBy { id } }
  interactions { nodes { outcome } } responses { nodes { outcome } } agreement { id } } } } }"""
FROM_AGREEMENT = """query ($id: ID!) { agreement(id: $id) { offer { status
  responses { nodes { outcome interaction { channel } } } decision { trigger causedBy { type } } } } }"""


async def ask(database: Database, query: str, **variables: Any) -> Any:
    answer = await Executor(platform_schema(), database).execute(Request(query, DESK, variables))
    assert "errors" not in answer, answer
    (value,) = answer["data"].values()
    return value


async def test_one_query_is_one_statement_and_returns_the_whole_path(bank: Bank) -> None:
    await bank.offer()
    await bank.slot()
    await bank.say("PRESENTED")
    bank.clock.now += 2 * MINUTE
    await bank.say("ACCEPTED")
    with bank.database.counting() as counter:
        decision = await ask(bank.database, FROM_DECISION, id="d1")
    assert len(counter) == 1
    assert decision["causedBy"] == {"id": "e1", "type": "atm_balance_check"}
    (offer,) = decision["offers"]["nodes"]
    (contact,) = offer["interactions"]["nodes"]
    assert (contact["direction"], contact["outcome"]) == ("OUTBOUND", "ACCEPTED")
    assert [one["outcome"] for one in contact["responses"]["nodes"]] == ["ACCEPTED", "PRESENTED"]
    assert [one["interaction"]["channel"] for one in offer["responses"]["nodes"]] == ["PHONE", "PHONE"]
    agreement = offer["agreement"]
    assert agreement["holders"]["nodes"] == [{"id": "anna"}]

    with bank.database.counting() as counter:
        party = await ask(bank.database, FROM_PARTY)
    assert len(counter) == 1
    (offer,) = party["offers"]["nodes"]
    assert (offer["status"], offer["decision"]["causedBy"]["id"]) == ("ACCEPTED", "e1")
    assert offer["agreement"]["id"] == agreement["id"]

    with bank.database.counting() as counter:
        origin = await ask(bank.database, FROM_AGREEMENT, id=agreement["id"])
    assert len(counter) == 1
    assert origin["offer"]["decision"] == {
        "trigger": "event:atm_balance_check",
        "causedBy": {"type": "atm_balance_check"},
    }


async def test_a_response_comes_in_through_graphql(bank: Bank) -> None:
    await bank.database.execute(
        "MATCH (e:Event) SET e.at = datetime.realtime() - duration('PT1H')",
    )
    await bank.offer(createdAt=NOON - 2000 * DAY, validUntil=NOON + 20_000 * DAY)
    said = await ask(
        bank.database,
        RECORD,
        input={"offerId": "o1", "outcome": "ACCEPTED", "acceptance": {"amount": "1200.50", "currency": "CZK"}},
    )
    assert said == {
        "outcome": "ACCEPTED",
        "by": "desk-7",
        "late": False,
        "offer": {"status": "ACCEPTED", "agreement": {"productCode": "SMALL_LOAN"}},
        "interaction": {"channel": "PHONE", "direction": "OUTBOUND", "outcome": "ACCEPTED"},
    }
    answer = await Executor(platform_schema(), bank.database).execute(
        Request(RECORD, DESK, {"input": {"offerId": "o1", "outcome": "REJECTED"}})
    )
    assert answer["errors"][0]["extensions"]["code"] == "OFFER_ANSWERED"


async def test_the_example_of_the_page_runs_and_its_queries_return_the_path(bank: Bank) -> None:
    page = (Path(__file__).parents[2] / "docs" / "offers.md").read_text("utf-8")
    said, *queries = re.findall(r"^```graphql\n(.*?)^```", page, flags=re.MULTILINE | re.DOTALL)
    (variables,) = re.findall(r"^```json\n(.*?)^```", page, flags=re.MULTILINE | re.DOTALL)
    await bank.offer(createdAt=NOON - 2000 * DAY, validUntil=NOON + 20_000 * DAY)
    for _ in range(2):
        answer = await ask(bank.database, said, **json.loads(variables))
        assert answer["offer"]["status"] == "ACCEPTED"
    path, origin = [await ask(bank.database, query, id="anna") for query in queries]
    (offer,) = path["offers"]["nodes"]
    assert offer["decision"]["causedBy"]["type"] == "atm_balance_check"
    assert offer["agreement"]["id"] == answer["offer"]["agreement"]["id"]
    (agreement,) = origin["agreements"]["nodes"]
    assert agreement["offer"]["responses"]["nodes"] == [{"outcome": "ACCEPTED", "by": "desk-7"}]


async def test_a_customer_does_not_see_what_the_bank_thought(bank: Bank) -> None:
    await bank.offer()
    await bank.say("ACCEPTED")
    anna = Caller("anna", Role.CUSTOMER, party_id="anna")
    executor = Executor(platform_schema(), bank.database)
    for query in (
        '{ party(id: "anna") { offers { nodes { id } } } }',
        '{ party(id: "anna") { agreements { nodes { offer { id } } } } }',
        '{ party(id: "anna") { agreements(where: { offer: { ruleId: { eq: "balance" } } }) { nodes { id } } } }',
        '{ offer(id: "o1") { id } }',
    ):
        answer = await executor.execute(Request(query, anna))
        assert answer["errors"][0]["extensions"]["code"] == "FORBIDDEN", query
    refused = await executor.execute(Request(RECORD, anna, {"input": {"offerId": "o1", "outcome": "REJECTED"}}))
    assert refused["errors"][0]["extensions"]["code"] == "FORBIDDEN"
