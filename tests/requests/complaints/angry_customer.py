"""Anna, who may be called, and a desk of two: Eva answers complaints, Jan supervises."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable

from graph_crm.contacts.kinds import Channel
from graph_crm.events.service import EventService
from graph_crm.graph.database import Database
from graph_crm.requests.commands import NewRequest, Opened
from graph_crm.requests.complaints.complaints import Complaints
from graph_crm.requests.complaints.rules import ComplaintRules
from graph_crm.requests.desk import Desk
from graph_crm.requests.knowledge import solving
from graph_crm.requests.service import RequestService

BANK = """
CREATE (anna:Party:Person {id: 'anna', status: 'ACTIVE', version: 1, displayName: 'Anna', language: 'en',
    timeZone: 'Europe/Warsaw', country: 'PL'}),
  (:Party:Person {id: 'ben', status: 'ACTIVE', version: 1, displayName: 'Ben', vulnerable: true}),
  (phone:ContactPoint {id: 'PHONE:+48500000001', valueKey: 'PHONE:+48500000001', kind: 'PHONE', value: '+48500000001',
    blocked: false}),
  (anna)-[:REACHABLE_AT {id: 'r1', since: date('2020-01-01'), preferred: true}]->(phone),
  (anna)-[:GAVE]->(:Consent {id: 'c1', partyId: 'anna', purpose: 'MARKETING', status: 'GRANTED',
    at: datetime('2024-01-01T10:00Z'), recordedAt: datetime('2024-01-01T10:00Z'), source: 'test'}),
  (:ContactLedger {key: 'party:anna', version: 1}),
  (:Product {code: 'CASH_LOAN', name: 'Loan', familyCode: 'LOAN'}), (:Product {code: 'CREDIT_CARD', name: 'Card'}),
  (:Employee {id: 'eva', displayName: 'Eva', team: 'COMPLAINTS', skills: ['COMPLAINTS'], languages: ['en'],
    role: 'AGENT', capacity: 20, active: true, email: 'eva@example.com', version: 1}),
  (:Employee {id: 'jan', displayName: 'Jan', team: 'COMPLAINTS', skills: [], languages: ['en'], role: 'SUPERVISOR',
    capacity: 20, active: true, email: 'jan@example.com', version: 1})
"""


def desk_of(
    database: Database, *, rules: ComplaintRules | None = None, clock: Callable[[], dt.datetime] | None = None
) -> RequestService:
    """The service of requests with everything that this folder is about."""
    complaints = Complaints(EventService(database), rules)
    return RequestService(
        database,
        Desk.load(),
        effects=[complaints.heed, solving.heed],
        complaint_days=complaints.rules.reopen_days,
        clock=clock,
    )


async def complain(
    service: RequestService, text: str = "The agent shouted at me.", party: str | None = "anna", **more: object
) -> Opened:
    """A complaint about service, as it comes by the online bank."""
    given = {"channel": Channel.ONLINE, "category": "COMPLAINT_SERVICE", "subject": "Rude agent", **more}
    return await service.open(NewRequest(text=text, party_id=party, **given))  # type: ignore[arg-type]
