"""Whoever asks for whatever: what the server keeps of it stays within bounds."""

from __future__ import annotations

import gc

import pytest
from hostile_desk import ANALYST, Desk
from hypothesis import given
from hypothesis import strategies as st

from graph_crm.api.documents import Documents
from graph_crm.api.keeping import Kept, parts
from graph_crm.api.schema import platform_schema
from graph_crm.security.budgets import Budgets


@given(kept=st.lists(st.tuples(st.integers(0, 5), st.integers(0, 30))))
def test_what_is_kept_never_weighs_more_than_it_may(kept: list[tuple[int, int]]):
    store: Kept[int] = Kept(50, share=0.5)
    newest: dict[int, int] = {}
    for key, weight in kept:
        store.keep(key, weight, weight)
        assert store.weight <= 50
        if weight <= 25:
            newest[key] = weight
            assert store.get(key) == weight, "what came last is there"
        for other in range(6):
            assert store.get(other) in {None, newest.get(other)}
    assert store.weight == sum(store.get(key) or 0 for key in range(6))


def test_a_key_weighs_what_it_holds():
    assert parts("x") == 1
    assert parts(("x", ("y", ("z",)))) == 6
    deep: tuple[object, ...] = ()
    for _ in range(10_000):
        deep = (deep,)
    assert parts(deep) == 10_001


async def test_filters_of_ever_other_shapes_are_not_all_kept(monkeypatch: pytest.MonkeyPatch):
    """Each shape of a filter is a statement of its own: an endless supply for who wants to fill the memory."""
    monkeypatch.setattr("graph_crm.api.documents.PLANS_KEPT", 20_000)
    desk = Desk(budgets=Budgets({"analyst": 0}, {"analyst": 0}))
    query = "query($w: PartyFilter) { parties(where: $w) { totalCount } }"
    plans = desk.executor._documents._plans
    names = ["city", "region", "country", "segment", "displayName", "id"]
    for number in range(150):
        some = [{names[bit]: {"ne": "x"}} for bit in range(6) if number >> bit & 1]
        where = {"and": [{"or": some}] * (number % 7 + 1), "not": {"city": {"isNull": bool(number % 2)}}}
        await desk.ask(query, ANALYST, variables={"w": where})
    assert 3 < len(plans) < 100
    assert plans.weight <= 20_000


def test_documents_without_end_leave_no_more_than_their_bound():
    """Refused ones are kept too, so that they cost nothing the second time: under the same bound."""
    documents = Documents(platform_schema(), kept=20_000)
    sizes = []
    for batch in range(3):
        for number in range(40):
            documents.load(f"{{ a{batch}x{number}: party(id: 1) {{ id {'city ' * (number % 12)} }} }} #{'x' * 500}")
        gc.collect()
        sizes.append(len(gc.get_objects()))
    assert sizes[2] < sizes[1] * 1.05
    assert documents._weight <= 20_000
