"""The contact desk as a front-end sees it."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from street import build, person, policy

from graph_crm.api.execution import Executor, Request
from graph_crm.api.schema import platform_schema
from graph_crm.contacts.desk import ContactDesk
from graph_crm.contacts.overrides import OverrideService
from graph_crm.graph.database import Database
from graph_crm.security.roles import Caller, Role

MIA = Caller("mia", Role.ADMINISTRATOR)
ADA = Caller("ada", Role.ADMINISTRATOR)

RESERVE = """
mutation ($input: ReserveContactInput!) {
  reserveContact(input: $input) {
    reserved state pointKey at until
    reservation { id state actionClass purpose parties { nodes { id } } }
    findings { gate code reason numbers evidence earliest }
    earliest { at allowedNow code reason gate limit }
  }
}
"""
EARLIEST = """
query ($party: ID!) { earliestContactAt(partyId: $party, channel: PHONE) { at allowedNow code reason gate limit } }
"""
ASK = """mutation ($input: AskLimitOverrideInput!) {
  askLimitOverride(input: $input) { id status askedBy days since until }
}"""


class Front:
    """The API over a bank with two customers and a policy of one call in ten days."""

    def __init__(self, database: Database) -> None:
        services: dict[type[Any], Any] = {
            ContactDesk: ContactDesk(database, policy),
            OverrideService: OverrideService(database, policy),
        }
        self.executor = Executor(platform_schema(), database, lambda kind: services.get(kind) or kind(database))

    async def do(self, query: str, caller: Caller = MIA, **variables: Any) -> Any:
        """The data of the only field; fails on errors."""
        answer = await self.executor.execute(Request(query, caller, variables))
        assert "errors" not in answer, answer
        (value,) = answer["data"].values()
        return value

    async def refused(self, query: str, caller: Caller = MIA, **variables: Any) -> Any:
        """The code of the only error."""
        answer = await self.executor.execute(Request(query, caller, variables))
        assert len(answer["errors"]) == 1, answer
        return answer["errors"][0]["extensions"]["code"]


@pytest.fixture
async def front(empty_database: Database) -> Front:
    await build(empty_database, person("ada"), person("ben"))
    return Front(empty_database)


async def test_a_slot_is_held_confirmed_and_shown_with_its_contact(front: Front) -> None:
    asked = {"partyId": "ada", "channel": "PHONE", "productCode": "CARD", "minutes": 20, "idempotencyKey": "k"}
    held = await front.do(RESERVE, input=asked)
    identifier = held["reservation"]["id"]
    assert (held["reserved"], held["state"], held["pointKey"]) == (True, "HELD", "PHONE:ada")
    assert (held["findings"], held["earliest"]) == ([], None)
    assert held["reservation"] == {
        "id": identifier,
        "state": "HELD",
        "actionClass": "PROMOTIONAL",
        "purpose": "MARKETING",
        "parties": {"nodes": [{"id": "ada"}]},
    }
    lasts = dt.datetime.fromisoformat(held["until"]) - dt.datetime.fromisoformat(held["at"])
    assert lasts == dt.timedelta(minutes=20)
    assert (await front.do(RESERVE, input=asked))["reservation"]["id"] == identifier
    confirm = (
        "mutation ($id: ID!) { confirmContact(reservationId: $id) { id actionClass pointKey reservation { id } } }"
    )
    made = await front.do(confirm, id=identifier)
    assert made == {
        "id": made["id"],
        "actionClass": "PROMOTIONAL",
        "pointKey": "PHONE:ada",
        "reservation": {"id": identifier},
    }
    assert await front.do(confirm, id=identifier) == made
    shown = await front.do('{ party(id: "ada") { reservations { nodes { state interaction { id } } } } }')
    assert shown["reservations"]["nodes"] == [{"state": "CONFIRMED", "interaction": {"id": made["id"]}}]
    release = 'mutation ($id: ID!) { releaseContact(reservationId: $id, reason: "no") { state } }'
    assert await front.refused(release, id=identifier) == "RESERVATION_GONE"


async def test_a_refusal_is_an_answer_with_reasons_in_words(front: Front) -> None:
    asked = {"partyId": "ada", "channel": "PHONE"}
    assert (await front.do(RESERVE, input=asked))["reserved"]
    refused = await front.do(RESERVE, input=asked)
    assert (refused["reserved"], refused["reservation"], refused["at"]) == (False, None, None)
    (finding,) = refused["findings"]
    assert (finding["gate"], finding["code"]) == ("contact_limits", "CONTACT_LIMIT")
    assert "1 of 1" in finding["reason"]
    assert finding["evidence"]
    assert refused["earliest"]["limit"] == "call"
    assert refused["earliest"]["allowedNow"] is False
    assert refused["earliest"]["at"] == finding["earliest"]


async def test_when_the_bank_may_next_call_and_which_rule_says_so(front: Front) -> None:
    free = await front.do(EARLIEST, party="ada")
    assert (free["allowedNow"], free["gate"], free["limit"]) == (True, None, None)
    await front.do(RESERVE, input={"partyId": "ada", "channel": "PHONE"})
    bound = await front.do(EARLIEST, party="ada")
    assert (bound["allowedNow"], bound["gate"], bound["limit"]) == (False, "contact_limits", "call")
    assert dt.datetime.fromisoformat(bound["at"]) > dt.datetime.now(dt.UTC) + dt.timedelta(days=9)
    assert await front.refused(EARLIEST, party="nobody") == "NOT_FOUND"


async def test_a_slot_is_released_with_a_reason(front: Front) -> None:
    held = await front.do(RESERVE, input={"partyId": "ben", "channel": "PHONE"})
    release = "mutation ($id: ID!, $why: String!) { releaseContact(reservationId: $id, reason: $why) { state reason } }"
    released = await front.do(release, id=held["reservation"]["id"], why="nobody at home")
    assert released == {"state": "RELEASED", "reason": "nobody at home"}
    assert (await front.do(EARLIEST, party="ben"))["allowedNow"]


async def test_an_override_is_approved_by_another_person_and_listed_with_what_it_caused(front: Front) -> None:
    now = dt.datetime.now(dt.UTC)
    wish = {
        "limit": "call",
        "days": 2.5,
        "since": now.isoformat(),
        "until": (now + dt.timedelta(days=3)).isoformat(),
        "reason": "the campaign of spring",
    }
    asked = await front.do(ASK, input=wish)
    assert (asked["status"], asked["askedBy"], asked["days"]) == ("ASKED", "mia", 2.5)
    approve = "mutation ($id: ID!) { approveLimitOverride(id: $id) { status decidedBy } }"
    assert await front.refused(approve, id=asked["id"]) == "SAME_PERSON"
    assert await front.do(approve, ADA, id=asked["id"]) == {"status": "APPROVED", "decidedBy": "ada"}
    listed = await front.do(
        "{ limitOverrides { nodes { limit reason status decisionCount reservationCount contactCount responseCount"
        " acceptedCount reservations { nodes { id } } } } }"
    )
    assert listed["nodes"] == [
        {
            "limit": "call",
            "reason": "the campaign of spring",
            "status": "APPROVED",
            "decisionCount": 0,
            "reservationCount": 0,
            "contactCount": 0,
            "responseCount": 0,
            "acceptedCount": 0,
            "reservations": {"nodes": []},
        }
    ]
    revoke = 'mutation ($id: ID!) { revokeLimitOverride(id: $id, note: "enough") { status revokedBy revokedNote } }'
    assert await front.do(revoke, id=asked["id"]) == {
        "status": "REVOKED",
        "revokedBy": "mia",
        "revokedNote": "enough",
    }


async def test_the_policy_in_force_is_shown_with_its_limits(front: Front) -> None:
    shown = await front.do(
        "{ contactPolicy { version limitsUnknown limits { name count days scope channels direction classes counts } } }"
    )
    assert shown["version"] == policy().version
    assert shown["limitsUnknown"] == []
    assert {
        "name": "call",
        "count": 1,
        "days": 10.0,
        "scope": "CUSTOMER",
        "channels": ["PHONE"],
        "direction": "OUTBOUND",
        "classes": ["PROMOTIONAL"],
        "counts": "CONTACTS",
    } in shown["limits"]
