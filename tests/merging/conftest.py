"""The two records of one person, for every test of merging."""

from __future__ import annotations

import datetime as dt
from collections.abc import AsyncIterator

import pytest
from bank_fixtures import emptied
from merging_bank import Two

from graph_crm.contacts.policy import ContactPolicy
from graph_crm.graph.database import Database
from graph_crm.merging.service import MergeService
from graph_crm.parties.service import PartyService


@pytest.fixture
async def two(empty_database: Database) -> AsyncIterator[Two]:
    """Anna, stored twice with one phone in common."""
    bank = Two(empty_database, PartyService(empty_database), MergeService(empty_database, ContactPolicy.load))
    await bank.person("anna", "Anna", dt.date(1980, 5, 17), "+420602123456", "+420602000001")
    await bank.person("ana", "Ana", dt.date(1980, 5, 17), "+420602123456", "+420602000002", city="Praha")
    yield bank
    await emptied(empty_database)
