"""One customer of the demo bank is stored twice, as banks know it: for who wants to see how parties are merged."""

from __future__ import annotations

import datetime as dt
from typing import Final

from graph_crm.graph.database import Database
from graph_crm.importing.rejects import ImportReport
from graph_crm.parties.batch import PartyBatch
from graph_crm.parties.commands import NewContactPoint, PartyRow, PersonDetails
from graph_crm.parties.kinds import ContactPointKind

TWICE: Final = "demo:twice:1"
SMALLEST: Final = 1_000
"""A smaller bank has nobody twice: its parties are as many as were asked for."""
FIRST: Final = """
MATCH (p:Person)-[r:REACHABLE_AT {preferred: true}]->(c:ContactPoint {kind: 'PHONE'})
WHERE p.id IN [number IN range(1, 20) | 'demo:person:' + number]
  AND p.birthDate IS NOT NULL AND size(p.givenName) > 4
RETURN p.givenName AS given, p.familyName AS family, toString(p.birthDate) AS born, p.country AS country,
  c.value AS phone
ORDER BY p.id LIMIT 1
"""


async def seed_demo_twice(database: Database, report: ImportReport | None = None) -> int:
    """Store one of the first customers again, a letter of the name left out; how many records are new."""
    rows = await database.read(FIRST)
    if not rows:
        return 0
    row = rows[0]
    given = row["given"][:2] + row["given"][3:]
    details = PersonDetails(
        given_name=given,
        family_name=row["family"],
        birth_date=dt.date.fromisoformat(row["born"]),
        country=row["country"],
        source="demo",
    )
    phone = NewContactPoint(kind=ContactPointKind.PHONE, value=row["phone"])
    done = await PartyBatch(database).upsert([PartyRow(id=TWICE, details=details, contact_points=[phone])])
    if report is not None:
        tally = report.tally("person stored twice")
        tally.read, tally.loaded = tally.read + 1, tally.loaded + 1
    return done.created
