"""The kit's own Neo4j is the one of this run."""

from __future__ import annotations

import pytest


@pytest.fixture(scope="session")
def live_neo4j(neo4j_address: tuple[str, str]) -> tuple[str, str]:
    """The Neo4j of this run instead of one that the kit starts."""
    return neo4j_address
