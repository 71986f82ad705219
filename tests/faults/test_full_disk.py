"""A server that answers and can't write: it is noticed, tried again, and trusted once a change was stored."""

from __future__ import annotations

import pytest
from neo4j.exceptions import DatabaseError

from graph_crm.errors import DatabaseUnavailable
from graph_crm.graph.database import Database, Transaction

pytestmark = pytest.mark.lts


async def full(tx: Transaction) -> None:
    """What Neo4j says at a commit when its disk is full."""
    raise DatabaseError._hydrate_neo4j(code="Neo.DatabaseError.Transaction.TransactionCommitFailed", message="")


async def test_after_a_refused_change_the_database_is_not_trusted_until_one_is_stored(
    database: Database, monkeypatch: pytest.MonkeyPatch
):
    assert await database.can_write(timeout=5)
    with pytest.raises(DatabaseUnavailable):
        await database.write(full)
    assert database.writes_fail

    async def refused(*_: object, **__: object) -> None:
        raise DatabaseUnavailable("still full")

    with monkeypatch.context() as patch:
        patch.setattr(database, "execute", refused)
        assert not await database.can_write(timeout=5)
    assert await database.can_write(timeout=5), "the trial itself was stored"
    assert not database.writes_fail
