"""Real servers and workers over this run's Neo4j, reached through a proxy that fails as a test tells it to."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from bank_fixtures import emptied

from graph_crm.graph.database import Database

sys.path.append(str(Path(__file__).parents[1] / "graph"))
from bolt_proxy import BoltProxy
from faulty_bank import FaultyBank


@pytest.fixture(scope="module")
async def bank(
    database: Database, neo4j_address: tuple[str, str], tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[FaultyBank]:
    """Two servers: the first behind the proxy, the second straight at Neo4j."""
    await emptied(database)
    async with BoltProxy(neo4j_address[0]) as proxy:
        made = FaultyBank(neo4j_address, proxy, database, tmp_path_factory.mktemp("faults"))
        try:
            await made.start()
            yield made
        finally:
            proxy.hang = False
            await made.stop()
