"""The demo has a pair to merge: one of its customers is stored twice."""

from __future__ import annotations

import datetime as dt

import pytest

from graph_crm.graph.database import Database
from graph_crm.importing.demo_bank import seed_demo_bank
from graph_crm.importing.demo_twice import TWICE, seed_demo_twice
from graph_crm.merging.candidates import MergeCandidates

pytestmark = pytest.mark.lts


async def test_one_customer_of_the_demo_is_stored_twice_and_found(empty_database: Database):
    await seed_demo_bank(empty_database, customers=40, seed=1, as_of=dt.date(2026, 11, 20))
    assert await seed_demo_twice(empty_database) == 1
    assert await seed_demo_twice(empty_database) == 0
    first = (await MergeCandidates(empty_database).of(TWICE))[0]
    assert first.other_id.startswith("demo:person:")
    assert {"LIKE_NAME", "SAME_BIRTH_DATE", "SHARED_CONTACT_POINT"} <= {one.value for one in first.reasons}
