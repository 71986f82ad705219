"""Whatever two parties have, merged and taken back the graph is as it was; merged, nothing is lost or doubled."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from merging_bank import Two, picture

from graph_crm.merging import comparing, ties
from graph_crm.merging.kinds import MergeSide

DAYS = [None, "2019-01-01", "2020-01-01", "2021-01-01", "2022-01-01"]
KINDS = ["REACHABLE_AT", "MEMBER_OF", "HOLDS", "SPOUSE_OF", "PARENT_OF", "OWNS", "DID", "HAD"]
PROPERTIES = ["givenName", "city", "street", "language", "vulnerable", "vulnerableReason", "segment", "restrictedAt"]
BUILD = """
CREATE (:Household {id: 'h'}), (:ContactPoint {id: 'c', valueKey: 'c', kind: 'PHONE', value: 'c'}),
  (:Agreement {id: 'a'}), (:Party:Person {id: 'x', displayName: 'X', nameKey: 'x', version: 1})
WITH 1 AS one
UNWIND $parties AS row
CREATE (p:Party:Person {id: row.id, displayName: row.id, nameKey: row.id, version: 1, status: 'ACTIVE'})
SET p += row.properties
"""
TIE = """
MATCH (p:Party {id: $party}), (o {id: $other})
WITH CASE WHEN $out THEN p ELSE o END AS a, CASE WHEN $out THEN o ELSE p END AS b
CREATE (a)-[r:$($kind) {id: $id}]->(b)
SET r.since = date($since), r.until = date($until), r.role = $role, r.preferred = $preferred
"""
RECORD = """
MATCH (p:Party {id: $party})
CREATE (p)-[:$($kind)]->(:$($label) {id: $id, partyId: p.id})
"""
ENDS = {"REACHABLE_AT": "c", "MEMBER_OF": "h", "HOLDS": "a", "DID": "Event", "HAD": "Interaction"}

told = st.fixed_dictionaries({}, optional={name: st.sampled_from(["u", "v"]) for name in PROPERTIES})
rows = st.lists(
    st.tuples(
        st.sampled_from(["one", "two"]),
        st.sampled_from(KINDS),
        st.sampled_from(["x", "other"]),
        st.booleans(),
        st.sampled_from(DAYS),
        st.sampled_from([None, "2020-06-01", "2023-01-01"]),
        st.sampled_from([None, "OWNER"]),
        st.sampled_from([None, True, False]),
    ),
    max_size=8,
)


async def build(two: Two, one: dict[str, str], other: dict[str, str], held: list[tuple[Any, ...]]) -> None:
    await two.database.execute("MATCH (n) WHERE NOT n:Migration AND NOT n:Lock DETACH DELETE n")
    parties = [{"id": "one", "properties": one}, {"id": "two", "properties": other}]
    await two.database.execute(BUILD, {"parties": parties})
    for number, (party, kind, end, out, since, until, role, preferred) in enumerate(held):
        if kind in {"DID", "HAD"}:
            asked = {"party": party, "kind": kind, "label": ENDS[kind], "id": f"r{number}"}
            await two.database.execute(RECORD, asked)
            continue
        tie = kind in {"SPOUSE_OF", "PARENT_OF", "OWNS"}
        asked = {
            "party": party,
            "kind": kind,
            "other": ({"one": "two", "two": "one"}[party] if end == "other" else "x") if tie else ENDS[kind],
            "out": out or not tie,
            "id": f"r{number}",
            "since": since,
            "until": until,
            "role": role,
            "preferred": preferred if kind == "REACHABLE_AT" else None,
        }
        await two.database.execute(TIE, asked)


@pytest.mark.lts
@settings(
    max_examples=12,
    deadline=None,
    phases=[Phase.explicit, Phase.reuse, Phase.generate],
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(told, told, rows, st.sampled_from(MergeSide))
async def test_merged_and_taken_back_the_graph_is_as_it_was(
    two: Two, one: dict[str, str], other: dict[str, str], held: list[tuple[Any, ...]], side: MergeSide
):
    await build(two, one, other, held)
    before = await picture(two.database)
    two.kept, two.other = "one", "two"
    shown = await two.merges.preview("one", "two")
    written = await two.merges.merge(
        "one", "two", choices={each.field: side for each in shown.conflicts}, reason="test", by="test"
    )
    assert (
        await two.one(
            "MATCH (m:MergedParty)-[r]-() WHERE NOT type(r) IN ['WAS_TIED', 'MERGED_INTO'] RETURN count(r) AS x"
        )
        == 0
    )
    assert await two.one("MATCH (k:Party {id: 'one'})-[r]-(k) RETURN count(r) AS x") == 0
    records = "MATCH (:Party {id: 'one'})-[:DID|HAD]->(n) RETURN count(n) AS x"
    assert await two.one(records) == sum(row[1] in {"DID", "HAD"} for row in held)
    await two.unmerge(written.id)
    assert await picture(two.database) == before


def row(place: str, since: str | None, until: str | None, **more: Any) -> dict[str, Any]:
    made = {"place": place, "id": place, "kind": "REACHABLE_AT", "out": True, "other": "c", "party": None}
    return {**made, "household": None, "since": since, "until": until, "role": None, "share": None, **more}


periods = st.tuples(st.sampled_from(DAYS), st.sampled_from([None, "2020-06-01", "2023-01-01"]))


@given(st.lists(periods, max_size=3), st.lists(periods, max_size=3))
def test_every_day_on_which_one_of_the_two_had_it_is_kept(own: list, others: list):  # type: ignore[type-arg]
    kept = [row(f"k{n}", *time) for n, time in enumerate(own)]
    merged = [row(f"m{n}", *time) for n, time in enumerate(others)]
    aside = ties.aside("one", kept, merged, {})  # type: ignore[arg-type]
    times = {one["place"]: [one["since"] or "", one["until"] or "9999"] for one in [*kept, *merged]}
    for made in aside:
        gone = times.pop(made["place"])
        if made["earlier"]:
            times[made["same"]][0] = gone[0]
        if made["later"]:
            times[made["same"]][1] = gone[1]
    for day in ("2018-01-01", "2019-06-01", "2020-03-01", "2022-06-01", "2024-01-01"):
        had = any((since or "") <= day < (until or "9999") for since, until in [*own, *others])
        has = any(since <= day < until for since, until in times.values())
        assert not had or has


@given(told, told)
def test_nothing_that_both_say_differently_is_taken_without_an_answer(one: dict[str, str], other: dict[str, str]):
    kept = comparing.Side("one", organization=False, version=1, properties=one)
    merged = comparing.Side("two", organization=False, version=1, properties=other)
    asked = {each.field for each in comparing.conflicts(kept, merged)}
    taken = comparing.taken(kept, merged, {})
    assert not {name for group in asked for name in comparing.GROUPS[group]} & set(taken)
    every = comparing.taken(kept, merged, dict.fromkeys(asked, MergeSide.MERGED))
    for group in asked:
        assert set(comparing.GROUPS[group]) <= set(every)
