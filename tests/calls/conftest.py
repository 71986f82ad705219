"""The bank of the calls for every test of this folder."""

from __future__ import annotations

import pytest
from phone_bank import PhoneBank

from graph_crm.graph.database import Database


@pytest.fixture
async def phones(empty_database: Database) -> PhoneBank:
    return await PhoneBank(empty_database).open()
