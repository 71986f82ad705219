"""An audit over the empty database, and what writes through it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest
from small_audit import KEY, Ledger

from graph_crm.audit.keys import AuditKey, Keyring
from graph_crm.audit.service import Audit
from graph_crm.graph.database import Database


@pytest.fixture
def keys() -> Keyring:
    return Keyring(AuditKey.of(KEY))


@pytest.fixture
async def audit(empty_database: Database, keys: Keyring) -> AsyncIterator[Audit]:
    """The audit of this process; afterwards nothing of it is attached to the database that all tests share."""
    made = Audit(empty_database, lambda: keys, window=0.01)
    made.attach()
    yield made
    await made.close()
    empty_database.journal = None


@pytest.fixture
def ledger(empty_database: Database, audit: Audit) -> Any:
    return Ledger(empty_database, audit)
