"""People who share households and phones, and a contact desk with a clock that a test moves."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import Any

from graph_crm.contacts.approach import Override
from graph_crm.contacts.desk import ContactDesk
from graph_crm.contacts.policy import ContactPolicy
from graph_crm.contacts.slots import Refused, Reserved
from graph_crm.graph.database import Database
from graph_crm.rules.limits import ContactLimit

NOON = dt.datetime(2026, 3, 2, 11, 0, tzinfo=dt.UTC)
"""A Monday at noon in Prague."""
DAY = dt.timedelta(days=1)
MINUTE = dt.timedelta(minutes=1)
TICK = dt.timedelta(milliseconds=1)

BUILD = """
UNWIND $people AS one
CREATE (p:Party:Person {id: one.id, displayName: one.id, status: 'ACTIVE', version: 1, country: 'CZ',
  timeZone: 'Europe/Prague', segment: one.segment})
CREATE (p)-[:GAVE]->(:Consent {id: 'consent:' + one.id, partyId: one.id, purpose: 'MARKETING', status: 'GRANTED',
  at: $since, recordedAt: $since, source: 'test'})
FOREACH (household IN one.households |
  MERGE (h:Household {id: household}) CREATE (p)-[:MEMBER_OF {id: one.id + household, since: date($since)}]->(h))
FOREACH (phone IN one.phones |
  MERGE (c:ContactPoint {valueKey: phone}) ON CREATE SET c.id = phone, c.kind = 'PHONE', c.blocked = false
  CREATE (p)-[:REACHABLE_AT {id: one.id + phone, since: date($since), preferred: phone = one.phones[0]}]->(c))
"""


def person(
    name: str, *, phones: Sequence[str] = (), households: Sequence[str] = (), segment: str | None = None
) -> dict[str, Any]:
    """Somebody who agreed to marketing; with a phone of the own unless others are named."""
    own = [f"PHONE:{name}"] if not phones else [f"PHONE:{one}" for one in phones]
    return {"id": name, "phones": own, "households": list(households), "segment": segment}


async def build(database: Database, *people: dict[str, Any]) -> None:
    """Put the people into the graph, with the products CARD and LOAN."""
    await database.write(lambda tx: tx.run(BUILD, {"people": people, "since": NOON - 400 * DAY}))
    await database.execute(
        "UNWIND [['CARD', 'CARDS'], ['LOAN', 'LOANS']] AS one"
        " CREATE (:Product {code: one[0], familyCode: one[1], name: one[0], active: true})"
    )


def policy(*limits: ContactLimit, times: dict[str, Any] | None = None) -> ContactPolicy:
    """A policy of these limits (one call in ten days), by day and night unless ``times`` says otherwise."""
    always = {"channels": ["PHONE", "SMS"], "from": "00:00", "until": "24:00", "public_holidays": True}
    return ContactPolicy.model_validate(
        {
            "limits": list(limits) or [ContactLimit(name="call", count=1, days=10, channels=("PHONE",))],
            "times": [times or always],
            "cool_off": {"no_answer_days": 0},
            "suppression": {},
        }
    )


class Clock:
    """The time as the test says."""

    def __init__(self, now: dt.datetime = NOON) -> None:
        self.now = now

    def __call__(self) -> dt.datetime:
        return self.now

    def pass_by(self, time: dt.timedelta) -> None:
        """Let time pass."""
        self.now += time


class Desk(ContactDesk):
    """A contact desk with its clock and policy at hand."""

    def __init__(self, database: Database, used: ContactPolicy | None = None) -> None:
        self.time = Clock()
        self.used = used or policy()
        super().__init__(database, lambda: self.used, clock=self.time)

    async def call(self, party: str, **more: Any) -> Reserved | Refused:
        """Ask for a slot for a promotional call."""
        return await self.reserve(party, "PHONE", **more)

    async def held(self, party: str, **more: Any) -> Reserved:
        """A slot for a call, which must be given."""
        answer = await self.call(party, **more)
        assert isinstance(answer, Reserved), answer
        return answer

    async def refused(self, party: str, **more: Any) -> Refused:
        """A call that must be refused."""
        answer = await self.call(party, **more)
        assert isinstance(answer, Refused), answer
        return answer


__all__ = ["DAY", "MINUTE", "NOON", "TICK", "Clock", "Desk", "Override", "build", "person", "policy"]
