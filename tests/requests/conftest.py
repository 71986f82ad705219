from __future__ import annotations

import pytest
from desk_bank import DeskBank, build

from graph_crm.graph.database import Database


@pytest.fixture
async def desk(empty_database: Database) -> DeskBank:
    return await build(empty_database)
