"""What overrides of limits promise: asked by one, approved by another, never softer than that, and reported."""

from __future__ import annotations

import asyncio
import datetime as dt
from typing import Any

import pytest
from street import DAY, MINUTE, NOON, TICK, Clock, Desk, build, person, policy

from graph_crm.contacts.kinds import OverrideStatus
from graph_crm.contacts.overrides import LONGEST, NewOverride, OverrideService, approved
from graph_crm.contacts.slots import Reserved
from graph_crm.errors import AlreadyDecided, CrmError, IdempotencyKeyReused, NotFound, SamePerson
from graph_crm.graph.database import Database

pytestmark = pytest.mark.lts


class Office(OverrideService):
    """The override service with the desk's policy and a clock that the test moves."""

    def __init__(self, database: Database) -> None:
        self.time = Clock()
        super().__init__(database, policy, now=self.time)

    async def approved(self, **more: Any) -> str:
        """An override that Mia asked for and Ada approved."""
        asked = await self.ask(wish(**more), by="mia")
        await self.approve(asked.id, by="ada")
        return asked.id


def wish(**more: Any) -> NewOverride:
    fields: dict[str, Any] = {
        "limit": "call",
        "days": 2,
        "since": NOON,
        "until": NOON + 20 * DAY,
        "reason": "the campaign of spring",
        **more,
    }
    return NewOverride(**fields)


@pytest.fixture
async def office(empty_database: Database) -> Office:
    await build(empty_database, person("ada", segment="MASS"), person("ben", segment="PRIVATE"))
    return Office(empty_database)


@pytest.fixture
async def desk(office: Office, database: Database) -> Desk:
    desk = Desk(database)
    desk.time = office.time
    desk._clock = office.time
    return desk


async def used_up(desk: Desk, party: str = "ada") -> None:
    """The limit of one call in ten days is reached, three days ago."""
    await desk.confirm((await desk.held(party)).id)
    desk.time.pass_by(3 * DAY)


async def test_what_is_asked_for_has_no_effect_until_another_person_approves_it(office: Office, desk: Desk) -> None:
    await used_up(desk)
    asked = await office.ask(wish(), by="mia")
    await desk.refused("ada")
    with pytest.raises(SamePerson):
        await office.approve(asked.id, by="mia")
    await desk.refused("ada")
    await office.approve(asked.id, by="ada", note="until Easter")
    held = await desk.held("ada")
    assert held.overrides == (asked.id,)


async def test_a_slot_that_needed_no_override_names_none(office: Office, desk: Desk) -> None:
    await office.approved()
    assert (await desk.held("ada")).overrides == ()


async def test_an_override_shortens_the_limit_and_does_not_lift_it(office: Office, desk: Desk) -> None:
    await used_up(desk)
    await office.approved()
    await desk.confirm((await desk.held("ada")).id)
    refused = await desk.refused("ada")
    assert refused.findings[0].numbers["days"] == 2


async def test_an_override_is_for_its_segment(office: Office, desk: Desk) -> None:
    await desk.confirm((await desk.held("ben")).id)
    await used_up(desk)
    await office.approved(segment="PRIVATE")
    await desk.refused("ada")
    await desk.held("ben")


async def test_an_override_begins_and_ends_at_its_instants(office: Office, desk: Desk) -> None:
    begins, ends = NOON + 4 * DAY, NOON + 6 * DAY
    await used_up(desk)
    await office.approved(since=begins, until=ends)
    desk.time.now = begins - TICK
    await desk.refused("ada")
    desk.time.now = ends - 15 * MINUTE
    refused = await desk.refused("ada")
    assert refused.earliest.at == NOON + 10 * DAY, "the slot would reach beyond the end of the override"
    desk.time.now = ends - 16 * MINUTE
    await desk.held("ada")


async def test_a_revoked_or_rejected_override_has_no_effect(office: Office, desk: Desk) -> None:
    await used_up(desk)
    first = await office.approved()
    await office.revoke(first, by="mia", note="a mistake")
    await desk.refused("ada")
    second = await office.ask(wish(), by="mia")
    await office.reject(second.id, by="ada")
    await desk.refused("ada")


@pytest.mark.parametrize(
    ("asked", "field"),
    [
        ({"limit": "nothing"}, "limit"),
        ({"days": 10}, "days"),
        ({"days": 11}, "days"),
        ({"days": 0.5}, "days"),
        ({"days": float("nan")}, "days"),
        ({"until": NOON}, "until"),
        ({"since": NOON - 9 * DAY, "until": NOON - DAY}, "until"),
        ({"until": NOON + LONGEST + TICK}, "until"),
        ({"since": NOON + 91 * DAY, "until": NOON + 92 * DAY}, "from"),
        ({"since": dt.datetime(2026, 3, 2)}, "from"),  # noqa: DTZ001 - without a zone on purpose
        ({"reason": " "}, "reason"),
        ({"segment": ""}, "segment"),
    ],
)
async def test_what_does_not_shorten_a_limit_for_a_time_is_refused_by_field(
    office: Office, database: Database, asked: dict[str, Any], field: str
) -> None:
    with pytest.raises(CrmError) as refused:
        await office.ask(wish(**asked), by="mia")
    assert refused.value.details["field"] == field
    assert refused.value.hint
    assert await database.read("MATCH (v:LimitOverride) RETURN v") == []


async def test_a_decision_is_made_once_and_said_as_often_as_you_like(office: Office) -> None:
    asked = await office.ask(wish(), by="mia", idempotency_key="k")
    assert (await office.ask(wish(), by="mia", idempotency_key="k")).id == asked.id
    with pytest.raises(IdempotencyKeyReused):
        await office.ask(wish(days=3), by="mia", idempotency_key="k")
    answers = await asyncio.gather(
        office.approve(asked.id, by="ada"), office.reject(asked.id, by="eva"), return_exceptions=True
    )
    assert sum(isinstance(one, AlreadyDecided) for one in answers) == 1
    (report,) = await office.report()
    if report.status is OverrideStatus.APPROVED:
        await office.approve(asked.id, by="ada")
        await office.revoke(asked.id, by="eva")
        await office.revoke(asked.id, by="eva")
    with pytest.raises(AlreadyDecided):
        await office.approve(asked.id, by="eva")
    with pytest.raises(NotFound):
        await office.approve("override:none", by="eva")


async def test_what_was_asked_for_is_not_approved_after_its_end(office: Office) -> None:
    asked = await office.ask(wish(until=NOON + DAY), by="mia")
    office.time.pass_by(DAY)
    with pytest.raises(AlreadyDecided):
        await office.approve(asked.id, by="ada")


async def test_approved_overrides_are_read_as_the_policy_takes_them(office: Office, database: Database) -> None:
    first = await office.approved()
    await office.ask(wish(), by="mia")
    (found,) = await approved(database.read, NOON)
    assert (found.id, found.limit, found.days, found.since) == (first, "call", 2.0, NOON)
    assert await approved(database.read, NOON + 20 * DAY) == ()


async def test_the_report_says_what_an_override_caused(office: Office, desk: Desk, database: Database) -> None:
    await used_up(desk)
    override = await office.approved()
    await database.execute("CREATE (:Offer {id: 'o', partyId: 'ada', status: 'WAITING', productCode: 'CARD'})")
    held = await desk.held("ada", offer_id="o")
    made = await desk.confirm(held.id)
    await database.execute(
        "MATCH (o:Offer {id: 'o'}), (i:Interaction {id: $made}), (v:LimitOverride)"
        " CREATE (o)-[:ANSWERED_BY]->(s:Response {id: 's', outcome: 'ACCEPTED'})<-[:LED_TO]-(i)"
        " CREATE (i)-[:LED_TO]->(:Response {id: 't', outcome: 'LATER'}) CREATE (:Decision {id: 'd'})-[:UNDER]->(v)",
        {"made": made},
    )
    (report,) = await office.report()
    assert (report.id, report.asked_by, report.decided_by) == (override, "mia", "ada")
    assert report.status is OverrideStatus.APPROVED
    counts = (report.decisions, report.reservations, report.contacts, report.responses, report.accepted)
    assert counts == (1, 1, 1, 2, 1)


async def test_under_an_override_the_limit_holds_for_many_tasks(office: Office, desk: Desk) -> None:
    await used_up(desk)
    await office.approved()
    answers = await asyncio.gather(*[desk.call("ada") for _ in range(16)])
    assert sum(isinstance(one, Reserved) for one in answers) == 1
