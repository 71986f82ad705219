"""What customers say is added, never changed, and takes its place by the time at which it was said."""

from __future__ import annotations

import asyncio
import datetime as dt
from typing import Any

import pytest
from shared_phone import ANNAS, MAIL, SHARED

from graph_crm.consent.kinds import ConsentStanding, ConsentStatus, Purpose
from graph_crm.consent.service import ConsentService, Statement
from graph_crm.contacts.kinds import Channel
from graph_crm.errors import AlreadyExists, CrmError, IdempotencyKeyReused, NotFound
from graph_crm.graph.database import Database
from graph_crm.rules.snapshot import PURPOSES

NOW = dt.datetime.now(dt.UTC)
GRANTED, DENIED, WITHDRAWN = ConsentStatus.GRANTED, ConsentStatus.DENIED, ConsentStatus.WITHDRAWN


def said(status: ConsentStatus = GRANTED, purpose: Purpose = Purpose.MARKETING, **more: Any) -> Statement:
    return Statement(purpose=purpose, status=status, **more)


def ago(days: float) -> dt.datetime:
    return NOW - dt.timedelta(days=days)


async def history(database: Database, party: str = "anna") -> list[tuple[str, ...]]:
    rows = await database.read(
        "MATCH (:Party {id: $party})-[:GAVE]->(c:Consent)"
        " RETURN c.purpose, c.status, c.channel, c.pointKey, toString(c.at) ORDER BY c.at, c.id",
        {"party": party},
    )
    return [tuple(row.values()) for row in rows]


async def marketing(consents: ConsentService, channel: Channel = Channel.PHONE, point: str | None = None) -> Any:
    return await consents.standing("anna", Purpose.MARKETING, channel, point)


def test_the_words_are_those_that_rules_and_policies_know() -> None:
    assert tuple(Purpose) == PURPOSES
    assert tuple(ConsentStatus) == ("GRANTED", "DENIED", "WITHDRAWN")


async def test_a_statement_is_stored_with_where_when_and_on_what_text(consents: ConsentService, bank: Database) -> None:
    at = dt.datetime(2026, 1, 2, 12, tzinfo=dt.timezone(dt.timedelta(hours=2)))
    written = await consents.record(
        "anna",
        [said(channel=Channel.SMS, point_key=SHARED, at=at, source="branch", text_version="2026-01", note="by pen")],
    )
    (row,) = await bank.read(
        "MATCH (p:Party)-[:GAVE]->(c:Consent) RETURN p.id AS party,"
        " c {.*, at: toString(c.at), recordedAt: c.recordedAt IS NOT NULL} AS consent"
    )
    assert row["party"] == "anna"
    assert row["consent"] == {
        "id": written.related[0],
        "partyId": "anna",
        "purpose": "MARKETING",
        "status": "GRANTED",
        "channel": "SMS",
        "pointKey": SHARED,
        "at": "2026-01-02T10:00:00Z",
        "recordedAt": True,
        "source": "branch",
        "textVersion": "2026-01",
        "note": "by pen",
    }


async def test_who_never_said_anything_did_not_agree(consents: ConsentService) -> None:
    found = await marketing(consents)
    assert (found.status, found.allowed, found.since, found.decided_by) == (ConsentStanding.UNKNOWN, False, None, None)
    assert "unknown is no" in found.reason
    service = await consents.standing("anna", Purpose.SERVICE, Channel.PHONE)
    assert (service.status, service.allowed) == (ConsentStanding.UNKNOWN, True)  # it rests on the contract
    profiling = await consents.standing("anna", Purpose.PROFILING)
    assert (profiling.status, profiling.allowed) == (ConsentStanding.UNKNOWN, True)


async def test_the_newest_statement_decides_and_the_history_keeps_all(consents: ConsentService, bank: Database) -> None:
    await consents.record("anna", [said()])
    (withdrawal,) = (await consents.withdraw("anna", Purpose.MARKETING, source="letter")).related
    found = await marketing(consents)
    assert (found.status, found.allowed, found.decided_by) == (ConsentStanding.WITHDRAWN, False, withdrawal)
    await consents.record("anna", [said()])
    assert (await marketing(consents)).allowed
    assert [row[1] for row in await history(bank)] == ["GRANTED", "WITHDRAWN", "GRANTED"]


async def test_a_late_statement_takes_its_place_by_the_time_it_was_said(
    consents: ConsentService, bank: Database
) -> None:
    await consents.record("anna", [said(at=ago(10))])
    await consents.record("anna", [said(WITHDRAWN, at=ago(20))])  # a letter that lay about
    assert (await marketing(consents)).status is ConsentStanding.GRANTED
    await consents.record("anna", [said(WITHDRAWN, at=ago(5))])
    assert (await marketing(consents)).status is ConsentStanding.WITHDRAWN
    assert [row[1] for row in await history(bank)] == ["WITHDRAWN", "GRANTED", "WITHDRAWN"]


async def test_of_two_statements_of_the_same_instant_the_refusal_decides(consents: ConsentService) -> None:
    await consents.record("anna", [said(DENIED, at=ago(1), id="a"), said(at=ago(1), id="b")])
    assert (await marketing(consents)).decided_by == "a"


async def test_a_statement_about_one_channel_or_point_leaves_the_others_alone(consents: ConsentService) -> None:
    await consents.record("anna", [said(at=ago(9))])
    await consents.record("anna", [said(WITHDRAWN, channel=Channel.SMS, at=ago(8))])
    await consents.record("anna", [said(DENIED, channel=Channel.PHONE, point_key=ANNAS, at=ago(7))])
    assert not (await marketing(consents, Channel.SMS)).allowed
    assert (await marketing(consents, Channel.PHONE, SHARED)).allowed
    assert not (await marketing(consents, Channel.PHONE, ANNAS)).allowed
    assert not (await marketing(consents)).allowed  # any of the phones may ring
    assert (await marketing(consents, Channel.EMAIL, MAIL)).allowed
    assert not (await consents.standing("anna", Purpose.SURVEY, Channel.EMAIL)).allowed


async def test_everything_can_be_withdrawn_at_once(consents: ConsentService) -> None:
    await consents.record("anna", [said(purpose=one) for one in Purpose])
    await consents.withdraw("anna")
    for purpose in Purpose:
        channel = None if purpose is Purpose.PROFILING else Channel.EMAIL
        assert not (await consents.standing("anna", purpose, channel)).allowed, purpose


async def test_an_objection_to_profiling_forbids_promotion_and_can_be_taken_back(consents: ConsentService) -> None:
    await consents.record("anna", [said()])
    await consents.object_to_profiling("anna", source="app")
    assert not (await consents.standing("anna", Purpose.PROFILING)).allowed
    found = await marketing(consents)
    assert not found.allowed
    assert "profiling" in found.reason
    assert (await consents.standing("anna", Purpose.SERVICE, Channel.PHONE)).allowed
    await consents.object_to_profiling("anna", objects=False)
    assert (await marketing(consents)).allowed


@pytest.mark.parametrize(
    ("statement", "field"),
    [
        (said(purpose="WORLD_PEACE"), "purpose"),
        (said("MAYBE"), "status"),
        (said(channel="PIGEON"), "channel"),
        (said(point_key="PHONE:+420602999999"), "pointKey"),
        (said(point_key="EMAIL:jan@example.com"), "pointKey"),  # somebody else's
        (said(channel=Channel.EMAIL, point_key=SHARED), "pointKey"),
        (said(channel=Channel.BRANCH, point_key=SHARED), "pointKey"),
        (said(purpose=Purpose.PROFILING, channel=Channel.PHONE), "purpose"),
        (said(at=NOW + dt.timedelta(days=1)), "at"),
        (said(at=dt.datetime(2020, 1, 1)), "at"),  # noqa: DTZ001 - without a zone on purpose
        (said(source=""), "source"),
        (said(text_version="x" * 200), "textVersion"),
        (said(note="\x00"), "note"),
        (said(id="a b"), "id"),
    ],
)
async def test_what_can_not_be_said_is_refused_by_field_and_nothing_is_stored(
    consents: ConsentService, bank: Database, statement: Statement, field: str
) -> None:
    with pytest.raises(CrmError) as refused:
        await consents.record("anna", [said(), statement])
    assert refused.value.details["field"] == f"statements[1].{field}"
    assert refused.value.hint
    assert await history(bank) == []


async def test_a_clock_that_runs_ahead_does_not_put_off_a_withdrawal(consents: ConsentService) -> None:
    await consents.record("anna", [said(at=ago(1))])
    await consents.record("anna", [said(WITHDRAWN, at=dt.datetime.now(dt.UTC) + dt.timedelta(minutes=4))])
    assert not (await marketing(consents)).allowed


async def test_an_unknown_party_an_empty_call_and_a_taken_id_are_refused(consents: ConsentService) -> None:
    with pytest.raises(NotFound):
        await consents.record("nobody", [said()])
    with pytest.raises(NotFound):
        await consents.standing("nobody", Purpose.MARKETING, Channel.PHONE)
    with pytest.raises(CrmError, match="statements"):
        await consents.record("anna", [])
    with pytest.raises(CrmError, match="id twice"):
        await consents.record("anna", [said(id="x"), said(id="x")])
    await consents.record("anna", [said(id="x")])
    with pytest.raises(AlreadyExists):
        await consents.record("jan", [said(WITHDRAWN, id="x")])


async def test_a_point_that_is_no_longer_used_can_still_be_spoken_about(
    consents: ConsentService, bank: Database
) -> None:
    await bank.execute("MATCH (:Party {id: 'anna'})-[r:REACHABLE_AT {id: 'r2'}]->() SET r.until = date('2024-01-01')")
    await consents.record("anna", [said(WITHDRAWN, point_key=ANNAS, at=ago(2000))])
    assert len(await history(bank)) == 1


@pytest.mark.lts
async def test_one_idempotency_key_records_once_from_16_calls(consents: ConsentService, bank: Database) -> None:
    written = await asyncio.gather(
        *[consents.record("anna", [said(), said(WITHDRAWN)], idempotency_key="k") for _ in range(16)]
    )
    assert len({each.related for each in written}) == 1
    assert len(await history(bank)) == 2
    with pytest.raises(IdempotencyKeyReused):
        await consents.record("anna", [said()], idempotency_key="k")
