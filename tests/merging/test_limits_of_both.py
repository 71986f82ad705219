"""From the moment of merging every limit counts the contacts of both, whoever reserves at the same time."""

from __future__ import annotations

import asyncio
import datetime as dt

import pytest
from merging_bank import Two

from graph_crm.consent.kinds import ConsentStatus, Purpose
from graph_crm.consent.service import ConsentService, Statement
from graph_crm.contacts.desk import ContactDesk
from graph_crm.contacts.kinds import Channel
from graph_crm.contacts.policy import ContactPolicy
from graph_crm.contacts.slots import Refused, Reserved
from graph_crm.errors import DatabaseBusy, NotFound
from graph_crm.merging.kinds import MergeSide
from graph_crm.merging.service import MergeService
from graph_crm.rules.limits import ContactLimit

pytestmark = pytest.mark.lts
KEPT = MergeSide.KEPT
POLICY = ContactPolicy.model_validate(
    {
        "limits": [ContactLimit(name="call", count=1, days=10, channels=("PHONE",))],
        "times": [{"channels": ["PHONE", "SMS"], "from": "00:00", "until": "24:00", "public_holidays": True}],
        "cool_off": {"no_answer_days": 0},
        "suppression": {},
    }
)
GRANT = """
MATCH (p:Party)
SET p.timeZone = 'Europe/Prague'
CREATE (p)-[:GAVE]->(:Consent {id: 'g-' + p.id, partyId: p.id, purpose: 'MARKETING', status: 'GRANTED',
  at: datetime('2020-01-01T00:00:00Z'), recordedAt: datetime('2020-01-01T00:00:00Z')})
WITH p MATCH (p)-[r:REACHABLE_AT]->(c) WHERE c.value = '+420602123456' DELETE r
"""
HELD = "MATCH (:Party {id: 'anna'})-[:RESERVED]->(r:Reservation {state: 'HELD'}) RETURN collect(r.id) AS x"


@pytest.fixture
async def street(two: Two) -> Two:
    """Both may be called, each at a phone of its own; one call in ten days."""
    await two.database.execute(GRANT)
    two.merges = MergeService(two.database, lambda: POLICY, batch=10, at_once=10)
    return two


def desk_of(two: Two) -> ContactDesk:
    return ContactDesk(two.database, lambda: POLICY)


async def test_two_slots_that_break_a_limit_together_become_one(street: Two):
    desk = desk_of(street)
    first, second = [await desk.reserve(one, "PHONE") for one in ("anna", "ana")]
    assert isinstance(first, Reserved)
    assert isinstance(second, Reserved)
    await street.merge(name=KEPT)
    assert await street.one(HELD) == [first.id]
    gone = await street.one("MATCH (r:Reservation {id: $id}) RETURN [r.state, r.reason] AS x", id=second.id)
    assert gone[0] == "CANCELLED"
    assert "call" in gone[1]


async def test_a_call_to_the_merged_party_counts_for_the_kept_one(street: Two):
    await street.database.execute(
        "MATCH (p:Party {id: 'ana'}) CREATE (p)-[:HAD]->(:Interaction {id: 'i', channel: 'PHONE',"
        " direction: 'OUTBOUND', actionClass: 'PROMOTIONAL', purpose: 'MARKETING',"
        " at: datetime.realtime() - duration('P1D')})"
    )
    await street.merge(name=KEPT)
    answer = await desk_of(street).reserve("anna", "PHONE")
    assert isinstance(answer, Refused)
    assert [one.code for one in answer.findings] == ["CONTACT_LIMIT"]


@pytest.mark.parametrize("turn", range(4))
async def test_whoever_reserves_while_they_are_merged_no_limit_is_broken(street: Two, turn: int):
    desk = desk_of(street)

    async def reserve(party: str, after: int) -> Reserved | Refused | None:
        await asyncio.sleep(after * 0.004 * (turn + 1))
        try:
            return await desk.reserve(party, "PHONE")
        except (NotFound, DatabaseBusy):
            return None  # the merged party is not found any more; nothing else may happen

    tries = [reserve(party, number) for number in range(4) for party in ("anna", "ana")]
    await asyncio.gather(street.merge(name=KEPT), *tries)
    await desk.reserve("anna", "PHONE")
    assert len(await street.one(HELD)) == 1
    assert await street.one("MATCH (r:Reservation {state: 'HELD'}) RETURN collect(DISTINCT r.partyId) AS x") == ["anna"]


CALLED = """
MATCH (p:Party {id: $party})
CREATE (p)-[:HAD]->(:Interaction {id: 'i', channel: 'PHONE', direction: 'OUTBOUND', actionClass: 'PROMOTIONAL',
  purpose: 'MARKETING', outcome: 'ACCEPTED', at: datetime.realtime() - duration({days: $days}),
  pointKey: 'PHONE:+420602000001'})
"""


async def test_what_is_moved_late_counts_against_what_was_planned(street: Two):
    await street.database.execute(CALLED, {"party": "ana", "days": 1})
    await street.database.execute(
        "MATCH (p:Party {id: 'ana'}) UNWIND range(1, 40) AS i CREATE (p)-[:DID]->(:Event {id: 'e' + i, partyId: p.id})"
    )
    planned = await desk_of(street).reserve("anna", "PHONE")
    assert isinstance(planned, Reserved)
    street.merges = MergeService(street.database, lambda: POLICY, batch=10, at_once=1)
    merge = await street.merge(name=KEPT)
    assert await street.one(HELD) == [planned.id], "the call of yesterday is not moved yet"
    await street.merges.finish(merge)
    assert await street.one(HELD) == []


async def test_taken_back_a_contact_made_meanwhile_counts_for_both_and_a_refusal_holds_for_both(street: Two):
    merge = await street.merge(name=KEPT)
    await street.database.execute(CALLED, {"party": "anna", "days": 0})
    consents = ConsentService(street.database)
    refusal = Statement(purpose=Purpose.MARKETING, status=ConsentStatus.WITHDRAWN, channel=Channel.SMS)
    await consents.record("anna", [refusal])
    await street.unmerge(merge)
    at_the_phone = "MATCH (i:Interaction {pointKey: 'PHONE:+420602000001'}) RETURN count(i) AS x"
    assert await street.one(at_the_phone) == 1, "no limit of a contact point counts it twice"
    for party in ("anna", "ana"):
        answer = await desk_of(street).reserve(party, "PHONE")
        assert isinstance(answer, Refused)
        assert [one.code for one in answer.findings] == ["CONTACT_LIMIT"]
        assert not (await consents.standing(party, Purpose.MARKETING, Channel.SMS)).allowed
        assert (await consents.standing(party, Purpose.MARKETING, Channel.PHONE)).allowed


async def test_nobody_is_called_while_the_history_is_moved(street: Two):
    await street.database.execute(
        "MATCH (p:Party {id: 'ana'}) UNWIND range(1, 40) AS i CREATE (p)-[:DID]->(:Event {id: 'e' + i, partyId: p.id})"
    )
    street.merges = MergeService(street.database, lambda: POLICY, batch=10, at_once=1)
    merge = await street.merge(name=KEPT)
    answer = await desk_of(street).reserve("anna", "PHONE")
    assert isinstance(answer, Refused)
    assert [one.code for one in answer.findings] == ["PARTY_MERGING"]
    assert answer.earliest.at is not None
    assert answer.earliest.at > dt.datetime.now(dt.UTC)
    await street.merges.finish(merge)
    assert isinstance(await desk_of(street).reserve("anna", "PHONE"), Reserved)
