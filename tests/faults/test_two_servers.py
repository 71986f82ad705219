"""Two servers on one database: each sees what the other did, and one may die at any moment."""

from __future__ import annotations

import asyncio
import json
import signal
from datetime import timedelta

import pytest
from faulty_bank import PATIENCE, SECRET, FaultyBank, until
from websockets.asyncio.client import connect

from graph_crm.graph.migrations import Migrator
from graph_crm.products.catalogue import load_catalogue
from graph_crm.resources import folder
from graph_crm.security.roles import Role
from graph_crm.security.tokens import issue

pytestmark = [pytest.mark.long, pytest.mark.lts]
CREATE = """mutation M($name: String!, $key: String) {
  createPerson(input: {displayName: $name, idempotencyKey: $key}) { id } }"""


async def test_the_same_key_at_both_servers_at_once_makes_one_customer(bank: FaultyBank):
    answers = await asyncio.gather(
        *(bank.ask(url, CREATE, key="one key", name="Twin") for url in (bank.first, bank.second) * 5)
    )
    made = {answer["data"]["createPerson"]["id"] for answer in answers}
    assert len(made) == 1
    rows = await bank.database.read("MATCH (p:Party {displayName: 'Twin'}) RETURN count(p) AS n")
    assert rows[0]["n"] == 1


async def test_what_one_server_stored_the_other_shows_at_once(bank: FaultyBank):
    made = await bank.ask(bank.first, CREATE, name="Seen by both")
    party = made["data"]["createPerson"]["id"]
    shown = await bank.ask(bank.second, "query Q($id: ID!) { party(id: $id) { displayName } }", id=party)
    assert shown["data"]["party"]["displayName"] == "Seen by both"


async def test_of_calls_that_both_servers_are_asked_for_at_once_one_is_granted(bank: FaultyBank):
    await load_catalogue(bank.database)
    made = await bank.ask(
        bank.first,
        """mutation { createPerson(input: {displayName: "Called once", country: "CZ",
          contactPoints: [{kind: PHONE, value: "+420602123457"}]}) { id } }""",
    )
    party = made["data"]["createPerson"]["id"]
    agreed = """mutation M($party: ID!) {
      recordConsent(input: {partyId: $party, statements: [{purpose: MARKETING, status: GRANTED}]}) { id } }"""
    assert "errors" not in await bank.ask(bank.second, agreed, party=party)
    reserve = """mutation M($party: ID!, $at: DateTime!) {
      reserveContact(input: {partyId: $party, channel: PHONE, at: $at}) { reserved findings { code } } }"""
    earliest = "query Q($party: ID!) { earliestContactAt(partyId: $party, channel: PHONE) { at } }"
    at = (await bank.ask(bank.first, earliest, party=party))["data"]["earliestContactAt"]["at"]
    answers = await asyncio.gather(
        *(bank.ask(url, reserve, party=party, at=at) for url in (bank.first, bank.second) * 4)
    )
    slots = [answer["data"]["reserveContact"] for answer in answers]
    assert sum(slot["reserved"] for slot in slots) == 1
    refused = [{one["code"] for one in slot["findings"]} for slot in slots if not slot["reserved"]]
    assert all("CONTACT_LIMIT" in codes for codes in refused), refused


async def test_who_subscribed_at_one_server_hears_what_was_changed_at_the_other(bank: FaultyBank):
    party = (await bank.ask(bank.first, CREATE, name="Heard"))["data"]["createPerson"]["id"]
    token = issue(SECRET, Role.SERVICE, subject="faults", lifetime=timedelta(hours=1))
    opening = """mutation M($party: ID!) {
      openRequest(input: {partyId: $party, channel: PHONE, text: "The card is gone."}) { request { number } } }"""
    answer = await bank.ask(bank.second, opening, party=party)
    number = answer["data"]["openRequest"]["request"]["number"]
    follow = "subscription S($number: String!) { requestChanged(number: $number) { version } }"
    address = bank.first.replace("http://", "ws://") + "/graphql"
    async with connect(address, subprotocols=["graphql-transport-ws"]) as socket:  # type: ignore[list-item]

        async def heard() -> int:
            async with asyncio.timeout(PATIENCE):
                while (said := json.loads(await socket.recv()))["type"] in {"ping", "pong", "connection_ack"}:
                    pass
            assert said["type"] == "next", said
            return int(said["payload"]["data"]["requestChanged"]["version"])

        await socket.send(json.dumps({"type": "connection_init", "payload": {"Authorization": f"Bearer {token}"}}))
        asked = {"query": follow, "variables": {"number": number}}
        await socket.send(json.dumps({"id": "1", "type": "subscribe", "payload": asked}))
        before = await heard()
        more = 'mutation M($number: String!) { writeToRequest(number: $number, text: "It is urgent.") { number } }'
        answer = await bank.ask(bank.second, more, number=number)
        assert "errors" not in answer, answer
        assert await heard() > before


async def test_a_server_killed_amid_mutations_leaves_nothing_half_written_and_the_key_answers_at_the_other(
    bank: FaultyBank,
):
    names = [f"Killed {n}" for n in range(30)]
    running = [asyncio.create_task(bank.ask(bank.first, CREATE, key=name, name=name)) for name in names]
    await asyncio.wait(running, return_when=asyncio.FIRST_COMPLETED)
    bank.processes["first"].send_signal(signal.SIGKILL)
    ended = await asyncio.gather(*running, return_exceptions=True)
    assert await asyncio.to_thread(bank.processes["first"].wait) == -signal.SIGKILL
    told = {
        name: answer["data"]["createPerson"]["id"]
        for name, answer in zip(names, ended, strict=True)
        if isinstance(answer, dict)
    }
    again = await asyncio.gather(*(bank.ask(bank.second, CREATE, key=name, name=name) for name in names))
    for name, answer in zip(names, again, strict=True):
        assert answer["data"]["createPerson"]["id"] == told.get(name, answer["data"]["createPerson"]["id"])
    rows = await bank.database.read(
        "MATCH (p:Party) WHERE p.displayName STARTS WITH 'Killed' RETURN count(p) AS n, count(DISTINCT p.nameKey) AS m"
    )
    assert (rows[0]["n"], rows[0]["m"]) == (30, 30)
    bank.serve("first", bank.first, bank.proxy.uri)
    await until(lambda: bank.ready(bank.first), "the killed server is back")


async def test_migrations_that_two_processes_start_at_once_are_applied_once(bank: FaultyBank):
    await bank.database.execute("MATCH (m:Migration) WHERE m.number >= 10 DELETE m")
    both = [bank.run(name, "migrate") for name in ("one", "other")]
    codes = await asyncio.gather(*(asyncio.to_thread(one.wait, 60) for one in both))
    assert codes == [0, 0], bank.log("one") + bank.log("other")
    assert {one.state for one in await Migrator(bank.database, folder("schema") / "migrations").status()} == {"APPLIED"}
