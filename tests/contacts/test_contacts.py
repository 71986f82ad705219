"""What the use cases of interactions promise."""

from __future__ import annotations

import asyncio
import datetime as dt
from typing import Any

import pytest

from graph_crm.contacts.kinds import Channel, ContactDirection
from graph_crm.contacts.service import ContactService, NewInteraction
from graph_crm.errors import AlreadyExists, CrmError, IdempotencyKeyReused
from graph_crm.graph.database import Database
from graph_crm.parties.commands import NewContactPoint, PersonDetails
from graph_crm.parties.kinds import ContactPointKind
from graph_crm.parties.service import PartyService
from graph_crm.products.catalogue import load_catalogue


@pytest.fixture
async def contacts(empty_database: Database) -> ContactService:
    await load_catalogue(empty_database)
    await PartyService(empty_database).create_person(PersonDetails(given_name="Jan"), id="jan")
    return ContactService(empty_database)


def call(**more: Any) -> NewInteraction:
    fields: dict[str, Any] = {
        "party_id": "jan",
        "channel": Channel.PHONE,
        "direction": ContactDirection.OUTBOUND,
        "purpose": "offer",
        **more,
    }
    return NewInteraction(**fields)


async def test_an_interaction_is_recorded_in_utc_with_its_words_in_capitals(
    contacts: ContactService, database: Database
) -> None:
    at = dt.datetime(2026, 1, 2, 12, 0, tzinfo=dt.timezone(dt.timedelta(hours=2)))
    written = await contacts.record(
        call(at=at, outcome="no answer", note="line 1\nline 2", product_code="CREDIT_CARD", source="desk")
    )
    rows = await database.read("MATCH (p)-[:HAD]->(i) RETURN p.id AS party, i {.*, at: toString(i.at)} AS i")
    assert rows[0]["party"] == "jan"
    assert rows[0]["i"] == {
        "id": written.id,
        "channel": "PHONE",
        "direction": "OUTBOUND",
        "purpose": "OFFER",
        "outcome": "NO_ANSWER",
        "at": "2026-01-02T10:00:00Z",
        "note": "line 1\nline 2",
        "productCode": "CREDIT_CARD",
        "source": "desk",
    }


async def test_an_interaction_says_at_which_contact_point_in_which_class_and_when_to_call_again(
    contacts: ContactService, database: Database
) -> None:
    phone = NewContactPoint(kind=ContactPointKind.PHONE, value="+420 602 123 456")
    await PartyService(database).create_person(PersonDetails(given_name="Eva"), id="eva", contact_points=[phone])
    back = dt.datetime.now(dt.UTC).replace(microsecond=0) + dt.timedelta(days=3)
    made = call(
        party_id="eva", outcome="later", point="PHONE:+420602123456", action_class="TRANSACTIONAL", call_back_at=back
    )
    await contacts.record(made)
    rows = await database.read(
        "MATCH (i:Interaction) RETURN i {.pointKey, .actionClass, .outcome, back: i.callBackAt.epochMillis} AS i"
    )
    assert rows[0]["i"] == {
        "pointKey": "PHONE:+420602123456",
        "actionClass": "TRANSACTIONAL",
        "outcome": "LATER",
        "back": int(back.timestamp() * 1000),
    }


async def test_a_contact_recorded_by_a_fast_clock_is_not_in_the_future(
    contacts: ContactService, database: Database
) -> None:
    await contacts.record(call(at=dt.datetime.now(dt.UTC) + dt.timedelta(minutes=4)))
    rows = await database.read("MATCH (i:Interaction) RETURN i.at <= datetime.realtime() AS past")
    assert rows[0]["past"]


async def test_a_contact_that_is_recorded_is_seen_by_whoever_judges_next(
    contacts: ContactService, database: Database
) -> None:
    await contacts.record(call())
    await contacts.record(call())
    rows = await database.read("MATCH (l:ContactLedger) RETURN l.key AS key, l.version AS version")
    assert [row.data() for row in rows] == [{"key": "party:jan", "version": 2}]


@pytest.mark.parametrize(
    ("interaction", "field"),
    [
        (call(party_id="nobody"), "partyId"),
        (call(channel="PIGEON"), "channel"),
        (call(direction="SIDEWAYS"), "direction"),
        (call(purpose=""), "purpose"),
        (call(purpose="why?"), "purpose"),
        (call(outcome="x" * 200), "outcome"),
        (call(at=dt.datetime(2999, 1, 1, tzinfo=dt.UTC)), "at"),
        (call(at=dt.datetime(2020, 1, 1)), "at"),  # noqa: DTZ001 - without a zone on purpose
        (call(note="\x00"), "note"),
        (call(note="x" * 10_001), "note"),
        (call(product_code="NONE"), "productCode"),
        (call(point="PHONE:+420602000000"), "pointKey"),
        (call(point="EMAIL:jan@example.org"), "pointKey"),
        (call(channel=Channel.BRANCH, point="PHONE:+420602123456"), "pointKey"),
        (call(action_class="FUN"), "actionClass"),
        (call(call_back_at=dt.datetime(2020, 1, 1, tzinfo=dt.UTC)), "callBackAt"),
        (call(call_back_at=dt.datetime(2999, 1, 1, tzinfo=dt.UTC)), "callBackAt"),
        (call(call_back_at=dt.datetime(2020, 1, 1)), "callBackAt"),  # noqa: DTZ001 - without a zone on purpose
    ],
)
async def test_what_is_no_interaction_is_refused_by_field(
    contacts: ContactService, database: Database, interaction: NewInteraction, field: str
) -> None:
    with pytest.raises(CrmError) as refused:
        await contacts.record(interaction)
    assert refused.value.details["field"] == field
    assert refused.value.hint
    assert await database.read("MATCH (i:Interaction) RETURN i") == []


@pytest.mark.lts
async def test_one_idempotency_key_records_one_interaction_from_16_calls(
    contacts: ContactService, database: Database
) -> None:
    written = await asyncio.gather(*[contacts.record(call(), idempotency_key="call-1") for _ in range(16)])
    assert len({each.id for each in written}) == 1
    assert (await database.read("MATCH ()-[r:HAD]->(:Interaction) RETURN count(r) AS n"))[0]["n"] == 1
    with pytest.raises(IdempotencyKeyReused):
        await contacts.record(call(purpose="service"), idempotency_key="call-1")


async def test_an_id_is_recorded_once(contacts: ContactService) -> None:
    await contacts.record(call(), id="call:1")
    with pytest.raises(AlreadyExists):
        await contacts.record(call(purpose="service"), id="call:1")
