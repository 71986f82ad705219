"""Whoever still knows the id of a merged party is led on: nothing that comes in is lost, nothing is made twice."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable

import pytest
from merging_bank import Two

from graph_crm.api.execution import Executor, Request
from graph_crm.api.schema import platform_schema
from graph_crm.errors import AlreadyExists
from graph_crm.events.checking import RecordEvent
from graph_crm.events.service import EventService
from graph_crm.merging.kinds import MergeSide
from graph_crm.parties.batch import PartyBatch
from graph_crm.parties.commands import PartyRow, PersonDetails
from graph_crm.security.roles import Caller, Role

pytestmark = pytest.mark.lts
SCHEMA = platform_schema()
ADMIN = Caller("jana", Role.ADMINISTRATOR)


@pytest.fixture
async def merged(two: Two) -> Two:
    """Ana is Anna."""
    await two.merge(name=MergeSide.KEPT)
    return two


def asks(two: Two) -> Callable[..., object]:
    executor = Executor(SCHEMA, two.database)

    async def ask(query: str, caller: Caller = ADMIN) -> dict[str, object]:
        return await executor.execute(Request(query, caller))

    return ask


@pytest.mark.parametrize(
    "query",
    [
        '{ found: party(id: "ana") { id } }',
        'mutation { found: endParty(input: {id: "ana"}) { id } }',
        'mutation { found: updatePerson(input: {id: "ana", city: "Brno"}) { id } }',
        '{ found: consentState(partyId: "ana", purpose: MARKETING, channel: EMAIL) { allowed } }',
    ],
)
async def test_what_names_the_old_id_is_answered_with_the_new_one(merged: Two, query: str):
    answer = await asks(merged)(query)
    (error,) = answer["errors"]
    assert (error["path"], error["extensions"]["code"], error["extensions"]["keptId"]) == (
        ["found"], "PARTY_MERGED", "anna",
    )  # fmt: skip


async def test_an_analyst_is_not_led_to_a_protected_party_and_a_customer_only_from_the_own_id(merged: Two):
    ask = asks(merged)
    query = '{ found: party(id: "ana") { id } }'
    analyst, own, other = (
        Caller("a", Role.ANALYST),
        Caller("ana", Role.CUSTOMER, "ana"),
        Caller("eva", Role.CUSTOMER, "eva"),
    )
    assert (await ask(query, analyst))["errors"][0]["extensions"]["keptId"] == "anna"
    assert (await ask(query, own))["errors"][0]["extensions"]["keptId"] == "anna"
    assert "keptId" not in (await ask(query, other))["errors"][0]["extensions"]
    await merged.database.execute("MATCH (p:Party {id: 'anna'}) SET p.protected = true, p.alias = 'x'")
    assert "errors" not in await ask(query, analyst)


async def test_an_id_that_was_never_there_is_not_found_as_before(merged: Two):
    assert await asks(merged)('{ party(id: "nobody") { id } }') == {"data": {"party": None}}


async def test_events_told_with_the_old_id_are_the_kept_partys(merged: Two):
    events = EventService(merged.database)
    told = RecordEvent(type="login", party_id="ana", id="late", at=dt.datetime.now(dt.UTC))
    await events.record(told)
    assert (await events.record_many([told])).duplicates == ("late",)
    found = "MATCH (:Party {id: 'anna'})-[:DID]->(e:Event {id: 'late'}) RETURN e.partyId AS x"
    assert await merged.one(found) == "anna"
    assert await merged.one("MATCH (e:OutboxEntry {id: 'event.recorded:late'}) RETURN e.partitionKey AS x") == "anna"


async def test_nobody_is_created_under_the_old_id(merged: Two):
    with pytest.raises(AlreadyExists):
        await merged.person("ana", "Ana", dt.date(1980, 5, 17))
    done = await PartyBatch(merged.database).upsert([PartyRow(id="ana", details=PersonDetails(region="Praha"))])
    assert (done.created, done.ids) == (0, ("anna",))
    assert await merged.one("MATCH (p:Party) RETURN collect([p.id, p.region]) AS x") == [["anna", "Praha"]]
