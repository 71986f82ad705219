"""An empty mailbox of a desk with people."""

from __future__ import annotations

from pathlib import Path

import pytest
from desk_bank import CUSTOMERS, PEOPLE
from mail_office import PostOffice

from graph_crm.graph.database import Database

STREET = """
MATCH (anna:Party {id: 'anna'}), (ben:Party {id: 'ben'})
CREATE (shared:ContactPoint {id: 'EMAIL:home@mail.example', valueKey: 'EMAIL:home@mail.example', kind: 'EMAIL',
  value: 'home@mail.example'})
CREATE (anna)-[:REACHABLE_AT {id: 'r2', since: date('2020-01-01')}]->(shared)
CREATE (ben)-[:REACHABLE_AT {id: 'r3', since: date('2020-01-01')}]->(shared)
CREATE (ben)-[:REACHABLE_AT {id: 'r4', since: date('2020-01-01'), until: date('2021-01-01')}]->
  (:ContactPoint {id: 'EMAIL:old@mail.example', valueKey: 'EMAIL:old@mail.example', kind: 'EMAIL',
    value: 'old@mail.example'})
"""


@pytest.fixture
async def office(empty_database: Database, tmp_path: Path) -> PostOffice:
    """An empty mailbox of a desk with people."""
    made = PostOffice(empty_database, tmp_path / "files")
    for statement in CUSTOMERS.split("\nCREATE")[1:]:
        await empty_database.execute(f"CREATE{statement}")
    await empty_database.execute(STREET)
    await made.staff.save_all(PEOPLE)
    return made
