"""The pytest plugin of the platform: the fixture ``live_bank``, a real bank in a real Neo4j for the tests of rules.

It is found by pytest wherever the platform is installed. Nothing is imported, fetched or started until a test asks for
the fixture. The first test that does starts an embedded Neo4j in a temporary folder; all tests of a run share it, and
each begins with an empty bank.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from graph_crm.testing.live import LiveBank

URI = "GRAPH_CRM_TEST_NEO4J_URI"
PASSWORD = "GRAPH_CRM_TEST_NEO4J_PASSWORD"  # noqa: S105 - the name of a variable


@pytest.fixture(scope="session")
def live_neo4j(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, str]]:
    """Address and password of the Neo4j for the run.

    GRAPH_CRM_TEST_NEO4J_URI (and GRAPH_CRM_TEST_NEO4J_PASSWORD) name one that runs and whose content may be deleted;
    otherwise the embedded one is installed, where it is not yet, and started in a temporary folder.
    """
    uri = os.environ.get(URI)
    if uri:
        yield uri, os.environ.get(PASSWORD, "devpassword")
        return
    from graph_crm.graph.engine import Engine, EngineConfig  # noqa: PLC0415 - only when a test asks for it
    from graph_crm.settings import load  # noqa: PLC0415 - the same

    settings = load()
    config = EngineConfig(
        data_dir=tmp_path_factory.mktemp("graph-crm"),
        cache_dir=settings.cache_dir,
        version=settings.engine_version,
        repository=str(settings.engine_repository) if settings.engine_repository else None,
        source=settings.engine_source,
    )
    with Engine(config) as engine:
        address = engine.ensure_running()
        yield address.uri, address.password


@pytest.fixture
def live_bank(live_neo4j: tuple[str, str]) -> Iterator[LiveBank]:
    """An empty bank with the shipped catalogue; see `graph_crm.testing.LiveBank`."""
    from graph_crm.testing.live import live_bank_at  # noqa: PLC0415 - only when a test asks for it

    uri, password = live_neo4j
    with live_bank_at(uri, password) as bank:
        yield bank
