"""Consent as a front-end sends and reads it, and the page that explains it."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from shared_phone import SHARED

from graph_crm.api.execution import Executor, Request
from graph_crm.api.schema import platform_schema
from graph_crm.graph.database import Database
from graph_crm.security.roles import Caller, Role

PAGE = Path(__file__).parents[2] / "docs" / "consent.md"
RECORD = "mutation ($input: RecordConsentInput!) { recordConsent(input: $input) { id } }"
STATE = """query ($point: ID) {
  consentState(partyId: "jan", purpose: MARKETING, channel: PHONE, pointKey: $point) {
    purpose channel pointKey status allowed since decidedBy reason } }"""


class Desk:
    def __init__(self, database: Database) -> None:
        self.executor = Executor(platform_schema(), database)

    async def answer(self, query: str, role: Role = Role.SERVICE, **variables: Any) -> dict[str, Any]:
        caller = Caller("somebody", role, party_id="anna" if role is Role.CUSTOMER else None)
        return await self.executor.execute(Request(query, caller, variables))

    async def do(self, query: str, **variables: Any) -> Any:
        answer = await self.answer(query, **variables)
        assert "errors" not in answer, answer
        (value,) = answer["data"].values()
        return value


@pytest.fixture
def desk(bank: Database) -> Desk:
    return Desk(bank)


def statement(status: str = "GRANTED", **more: Any) -> dict[str, Any]:
    return {"purpose": "MARKETING", "status": status, **more}


async def test_the_state_names_the_statement_that_decides_and_says_it_in_words(desk: Desk) -> None:
    unknown = await desk.do(STATE)
    assert (unknown["status"], unknown["allowed"], unknown["decidedBy"]) == ("UNKNOWN", False, None)
    granted = statement(id="said:1", at="2026-01-02T10:00:00Z")
    await desk.do(RECORD, input={"partyId": "jan", "statements": [granted]})
    assert await desk.do(STATE, point=SHARED) == {
        "purpose": "MARKETING",
        "channel": "PHONE",
        "pointKey": SHARED,
        "status": "GRANTED",
        "allowed": True,
        "since": "2026-01-02T10:00:00.000Z",
        "decidedBy": "said:1",
        "reason": "The customer agreed to MARKETING by PHONE on 2026-01-02.",
    }
    stop = statement("WITHDRAWN", id="said:2", pointKey=SHARED)
    await desk.do(RECORD, input={"partyId": "anna", "statements": [stop]})
    stopped = await desk.do(STATE)
    assert (stopped["status"], stopped["allowed"], stopped["decidedBy"]) == ("GRANTED", False, "said:2")
    assert stopped["reason"] == "Somebody who uses the phone stopped MARKETING by PHONE there."


async def test_every_change_answers_with_what_it_changed(desk: Desk) -> None:
    party = (
        "{ id vulnerable vulnerableReason consents(first: 9, where: {purpose: {eq: PROFILING}}) { nodes { status } } }"
    )
    who = 'input: {partyId: "anna", '
    objected = await desk.do(f'mutation {{ objectToProfiling({who} source: "app"}}) {party} }}')
    assert objected["consents"]["nodes"] == [{"status": "WITHDRAWN"}]
    lifted = await desk.do(f"mutation {{ withdrawProfilingObjection({who}}}) {party} }}")
    assert [one["status"] for one in lifted["consents"]["nodes"]] == ["GRANTED", "WITHDRAWN"]
    flagged = await desk.do(f'mutation {{ flagVulnerability({who} reason: "bereaved"}}) {party} }}')
    assert (flagged["vulnerable"], flagged["vulnerableReason"]) == (True, "bereaved")
    cleared = await desk.do(f"mutation {{ clearVulnerability({who}}}) {party} }}")
    assert (cleared["vulnerable"], cleared["vulnerableReason"]) == (False, None)
    gone = await desk.do(
        'mutation { withdrawConsent(input: {partyId: "anna", textVersion: "2026-01"})'
        " { consents { nodes { status textVersion party { id } } } } }"
    )
    assert {one["textVersion"] for one in gone["consents"]["nodes"]} == {"2026-01", None}
    assert len(gone["consents"]["nodes"]) == 5 + 2
    assert gone["consents"]["nodes"][0]["party"] == {"id": "anna"}
    point = f'input: {{pointKey: "{SHARED}"'
    blocked = await desk.do(
        f'mutation {{ blockContactPoint({point}, reason: "a stranger"}}) {{ blocked blockedReason }} }}'
    )
    assert blocked == {"blocked": True, "blockedReason": "a stranger"}
    free = await desk.do(f"mutation {{ unblockContactPoint({point}}}) {{ blocked blockedReason blockedAt }} }}")
    assert free == {"blocked": False, "blockedReason": None, "blockedAt": None}


@pytest.mark.parametrize("role", [Role.MARKETER, Role.AUDITOR, Role.ANALYST, Role.CUSTOMER])
async def test_who_may_not_speak_for_customers_is_refused_before_anything_is_written(
    desk: Desk, bank: Database, role: Role
) -> None:
    for mutation in (
        'recordConsent(input: {partyId: "anna", statements: [{purpose: MARKETING, status: GRANTED}]}) { id }',
        'withdrawConsent(input: {partyId: "anna"}) { id }',
        'flagVulnerability(input: {partyId: "anna", reason: "x"}) { id }',
        f'blockContactPoint(input: {{pointKey: "{SHARED}", reason: "x"}}) {{ id }}',
    ):
        answer = await desk.answer(f"mutation {{ {mutation} }}", role)
        assert answer["errors"][0]["extensions"]["code"] == "FORBIDDEN"
    assert await bank.read("MATCH (c:Consent) RETURN c") == []


async def test_a_customer_may_not_ask_what_another_one_said(desk: Desk) -> None:
    answer = await desk.answer(STATE, Role.CUSTOMER)
    assert answer["errors"][0]["extensions"]["code"] == "FORBIDDEN"


async def test_a_state_without_a_channel_is_asked_for_profiling_only(desk: Desk) -> None:
    answer = await desk.answer('{ consentState(partyId: "anna", purpose: MARKETING) { allowed } }')
    assert answer["errors"][0]["extensions"]["field"] == "channel"
    assert await desk.do('{ consentState(partyId: "anna", purpose: PROFILING) { allowed } }') == {"allowed": True}


async def test_the_change_of_the_page_works_as_it_is_shown(desk: Desk, bank: Database) -> None:
    text = PAGE.read_text("utf-8")
    (mutation, variables) = re.findall(r"```graphql\n(mutation.*?)```\n+```json\n(.*?)```", text, re.DOTALL)[0]
    await bank.execute("CREATE (:Party:Person {id: 'branch-7:anna', displayName: 'Anna', version: 1})")
    for _ in range(2):
        said = await desk.do(mutation, **json.loads(variables))
    assert sorted(one["status"] for one in said["consents"]["nodes"]) == ["DENIED", "GRANTED"]
