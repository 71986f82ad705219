"""What holds now, found by statements, snapshot and policy together, against a plain reading of the rule."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from shared_phone import ANNAS, MAIL, SHARED

from graph_crm import snapshots
from graph_crm.consent.kinds import Purpose
from graph_crm.consent.pending import WHAT_WAS_SAID
from graph_crm.consent.service import ConsentService
from graph_crm.contacts.approach import Approach
from graph_crm.contacts.kinds import Channel
from graph_crm.contacts.permission import permission
from graph_crm.graph.database import Database
from graph_crm.rules.conditions.base import Needs

pytestmark = pytest.mark.lts

NOW = dt.datetime(2026, 6, 1, 12, tzinfo=dt.UTC)
DAYS = 4
USED = {"anna": (SHARED, ANNAS, MAIL), "jan": (SHARED, "EMAIL:jan@example.com"), "eva": (SHARED,)}
"""Which contact points each uses; Eva gave hers up on the second day."""
KIND = {"PHONE": "PHONE:", "SMS": "PHONE:", "EMAIL": "EMAIL:", "PUSH": "PUSH:"}
CLASSES = {"MARKETING": "PROMOTIONAL", "SERVICE": "TRANSACTIONAL", "SURVEY": "TRANSACTIONAL"}


@dataclass(frozen=True)
class Said:
    party: str
    purpose: str
    status: str
    channel: str | None
    point: str | None
    day: int
    recorded: int
    id: str = ""

    def node(self) -> dict[str, object]:
        return {
            "id": self.id,
            "partyId": self.party,
            "purpose": self.purpose,
            "status": self.status,
            "channel": self.channel,
            "pointKey": self.point,
            "at": NOW - dt.timedelta(days=DAYS - self.day),
            "recordedAt": NOW - dt.timedelta(days=DAYS - max(self.day, self.recorded)),
        }


@st.composite
def statement(draw: st.DrawFn) -> Said:
    party = draw(st.sampled_from(sorted(USED)))
    purpose = draw(st.sampled_from(["MARKETING", "MARKETING", "MARKETING", "SERVICE", "SURVEY", "PROFILING"]))
    status = draw(st.sampled_from(["GRANTED", "GRANTED", "DENIED", "WITHDRAWN"]))
    channel = point = None
    if purpose != "PROFILING":
        channel = draw(st.sampled_from([None, None, "PHONE", "SMS", "EMAIL", "LETTER", "PUSH"]))
        fitting = [one for one in USED[party] if channel is None or one.startswith(KIND.get(channel, "none"))]
        point = draw(st.sampled_from([None, *fitting]))
    return Said(party, purpose, status, channel, point, draw(st.integers(0, DAYS)), draw(st.integers(0, DAYS)))


def newest(said: list[Said]) -> Said | None:
    """The rule in its own words: the newest decides, of one instant the refusal."""
    last = max((one.day for one in said), default=None)
    then = [one for one in said if one.day == last]
    return next((one for one in then if one.status != "GRANTED"), then[0] if then else None)


def expected(said: list[Said], party: str, purpose: str, channel: str, point: str | None, day: int) -> bool:
    known = [one for one in said if max(one.day, one.recorded) <= day]  # a statement counts once it is recorded
    users = [one for one in USED if point in USED[one] and (one != "eva" or day < 2)]
    for user in users:
        stop = newest(
            [
                one
                for one in known
                if (one.party, one.purpose, one.point) == (user, purpose, point) and one.channel in (None, channel)
            ]
        )
        if stop is not None and stop.status != "GRANTED":
            return False
    own = [one for one in known if one.party == party]
    if purpose == "MARKETING":
        objection = newest([one for one in own if one.purpose == "PROFILING"])
        if objection is not None and objection.status != "GRANTED":
            return False
    decides = newest(
        [one for one in own if one.purpose == purpose and one.channel in (None, channel) and one.point in (None, point)]
    )
    return purpose == "SERVICE" if decides is None else decides.status == "GRANTED"


@pytest.fixture
async def street(bank: Database) -> Database:
    """The bank, and Eva, who used the shared phone for the first two days."""
    await bank.execute(
        "MATCH (p:Party {id: 'eva'}), (c:ContactPoint {valueKey: $shared})"
        " CREATE (p)-[:REACHABLE_AT {id: 'r6', since: date('2020-01-01'), until: $until}]->(c)",
        {"shared": SHARED, "until": (NOW - dt.timedelta(days=DAYS - 2)).date()},
    )
    return bank


SAME_INSTANT = [
    Said("jan", "MARKETING", "GRANTED", None, None, 0, 0),
    Said("anna", "MARKETING", "WITHDRAWN", None, SHARED, 1, 1),
    Said("anna", "MARKETING", "GRANTED", None, SHARED, 1, 2),
]


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@example(said=SAME_INSTANT)
@given(said=st.lists(statement(), max_size=14))
async def test_the_loaded_snapshot_resolves_as_the_rule_reads(street: Database, said: list[Said]) -> None:
    bank, said = street, [Said(**{**vars(one), "id": f"said:{number:02d}"}) for number, one in enumerate(said)]
    await bank.execute("MATCH (c:Consent) DETACH DELETE c")
    await bank.execute(
        "UNWIND $said AS one MATCH (p:Party {id: one.partyId}) CREATE (p)-[:GAVE]->(c:Consent) SET c = one",
        {"said": [one.node() for one in said]},
    )
    for day in (1, DAYS):
        now = NOW - dt.timedelta(days=DAYS - day)
        customers = await snapshots.load(bank.read, sorted(USED), now=now, needs=Needs(), memory=WHAT_WAS_SAID)
        for customer in customers:
            for purpose, kind in CLASSES.items():
                for channel in ("PHONE", "SMS", "EMAIL", "LETTER", "PUSH"):
                    points: list[str | None] = [one.key for one in customer.points]
                    points = [one for one in points if one and one.startswith(KIND.get(channel, "none"))] or [None]
                    for point in points:
                        approach = Approach(channel, at=now, action_class=kind, purpose=purpose, point=point)
                        found = permission(customer, approach)
                        wanted = expected(said, customer.id, purpose, channel, point, day)
                        assert found.allowed == wanted, (customer.id, purpose, channel, point, day, found)


@pytest.mark.parametrize("lost", ["at", "recordedAt"])
@pytest.mark.parametrize("point", [None, SHARED])
async def test_a_withdrawal_that_lost_one_of_its_instants_holds(bank: Database, lost: str, point: str | None) -> None:
    """Data that was written past the platform: what is not known about a refusal is no consent."""
    await bank.execute(
        "MATCH (p:Party {id: 'anna'}) UNWIND [['GRANTED', 10], ['WITHDRAWN', 5]] AS said"
        " CREATE (p)-[:GAVE]->(s:Consent {id: said[0], partyId: p.id, purpose: 'MARKETING', status: said[0],"
        " at: datetime() - duration({days: said[1]}), recordedAt: datetime() - duration({days: said[1]})})"
        f" WITH s WHERE s.status = 'WITHDRAWN' SET s.pointKey = $point, s.{lost} = null",
        {"point": point},
    )
    found = await ConsentService(bank).standing("anna", Purpose.MARKETING, Channel.PHONE, SHARED)
    assert not found.allowed
