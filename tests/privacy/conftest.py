"""Fixtures of privacy: the bank in which everything that one customer told can be found again."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from bank_fixtures import emptied
from planted_bank import PlantedBank, planted_bank, quiet_bank

from graph_crm.graph.database import Database


@pytest.fixture(scope="module")
async def bank(database: Database, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[PlantedBank]:
    """The bank after one customer went through all of it; it is made once for a module."""
    await emptied(database)
    made = await planted_bank(database, tmp_path_factory.mktemp("privacy"))
    yield made
    await made.client.aclose()
    await emptied(database)


@pytest.fixture(scope="module")
async def quiet(database: Database, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[PlantedBank]:
    """A bank with products and nobody in it; it is made once for a module."""
    await emptied(database)
    made = await quiet_bank(database, tmp_path_factory.mktemp("privacy"))
    yield made
    await made.client.aclose()
    await emptied(database)
